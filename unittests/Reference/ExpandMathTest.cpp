//===- ExpandMathTest.cpp - Emitted and evaluated formulas agree ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "mlir/Pass/PassManager.h"
#include "qopt/Transforms/Passes.h"

using namespace qopt;
using namespace qopt::test;

// The operations that qopt-expand-math emits give the bits of the function that
// they replace, on a prime stride of all f32 patterns.
TEST(ExpandMath, SameBitsAsTheScalarFunctions) {
  constexpr int64_t kCount = 1 << 17;
  HostTensor x(DType::F32, {kCount});
  for (int64_t i = 0; i != kCount; ++i)
    x.data<uint32_t>()[i] = uint32_t(i * 32771);
  for (const char *name : {"exp", "tanh", "erf", "log", "rsqrt"}) {
    TestModule module(
        std::string(
            "func.func @f(%x: tensor<131072xf32>) -> tensor<131072xf32> {\n"
            "%r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>],"
            " iterator_types = [\"parallel\"]} outs(%x : tensor<131072xf32>) "
            "{\n"
            "^bb0(%a: f32):\n%y = math.") +
        name +
        " %a : f32\nlinalg.yield %y : f32\n} -> tensor<131072xf32>\n"
        "return %r : tensor<131072xf32>\n}");
    HostTensor evaluated = module.run(x);
    mlir::PassManager passes(module.function().getContext());
    passes.addPass(createExpandMathPass());
    ASSERT_TRUE(mlir::succeeded(
        passes.run(module.function()->getParentOfType<mlir::ModuleOp>())));
    HostTensor emitted = module.run(x);
    for (int64_t i = 0; i != kCount; ++i) {
      // Which NaN it is stays open.
      if (evaluated.data<float>()[i] != evaluated.data<float>()[i]) {
        ASSERT_NE(emitted.data<float>()[i], emitted.data<float>()[i]);
        continue;
      }
      ASSERT_EQ(evaluated.data<uint32_t>()[i], emitted.data<uint32_t>()[i])
          << name << " of " << x.data<float>()[i];
    }
  }
}
