//===- ExpandMathTest.cpp - Emitted and evaluated formulas agree ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"

#include "mlir/Pass/PassManager.h"
#include "qopt/Transforms/Passes.h"

#include <cmath>
#include <random>

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

/// A float with few bits, whose products and sums often lie halfway between
/// two others, and sometimes any bits at all.
static float hardFloat(std::mt19937 &random) {
  if (random() % 4 == 0)
    return llvm::bit_cast<float>(uint32_t(random()));
  int magnitude = int(random() % 4096) + 1;
  float value = std::ldexp(float(magnitude), int(random() % 60) - 40);
  return random() % 2 ? value : -value;
}

// Without the instruction, a fused multiply-add has the same bits: cancelled
// products, ties, sums below the normal range, infinities.
TEST(ExpandMath, FmaRoundsOnce) {
  constexpr int64_t kCount = 1 << 17;
  std::vector<HostTensor> inputs(3, HostTensor(DType::F32, {kCount}));
  std::mt19937 random(7);
  for (int64_t i = 0; i != kCount; ++i) {
    float a = hardFloat(random), b = hardFloat(random), c = hardFloat(random);
    if (i % 4 == 0)
      c = -(a * b);
    if (i % 4 == 1) // as far apart as halves of the last place need
      c = std::ldexp(a * b, 24 + int(random() % 3)) + b;
    if (i % 4 == 2)
      a = std::ldexp(a, -120), b = std::ldexp(b, -20), c = std::ldexp(c, -130);
    inputs[0].data<float>()[i] = a;
    inputs[1].data<float>()[i] = b;
    inputs[2].data<float>()[i] = c;
  }
  TestModule module(R"(
    #id = affine_map<(i) -> (i)>
    func.func @f(%a: tensor<131072xf32>, %b: tensor<131072xf32>,
                 %c: tensor<131072xf32>) -> tensor<131072xf32> {
      %r = linalg.generic {indexing_maps = [#id, #id, #id],
          iterator_types = ["parallel"]}
          ins(%a, %b : tensor<131072xf32>, tensor<131072xf32>)
          outs(%c : tensor<131072xf32>) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %s = math.fma %x, %y, %z : f32
        linalg.yield %s : f32
      } -> tensor<131072xf32>
      return %r : tensor<131072xf32>
    })");
  mlir::PassManager passes(module.function().getContext());
  passes.addPass(createExpandMathPass({/*fma=*/true}));
  ASSERT_TRUE(mlir::succeeded(
      passes.run(module.function()->getParentOfType<mlir::ModuleOp>())));
  HostTensor emitted = module.run(inputs);
  for (int64_t i = 0; i != kCount; ++i) {
    float a = inputs[0].data<float>()[i], b = inputs[1].data<float>()[i],
          c = inputs[2].data<float>()[i];
    float expected = std::fma(a, b, c), got = emitted.data<float>()[i];
    if (std::isnan(expected))
      ASSERT_TRUE(std::isnan(got)) << a << " * " << b << " + " << c;
    else
      ASSERT_EQ(llvm::bit_cast<uint32_t>(got),
                llvm::bit_cast<uint32_t>(expected))
          << a << " * " << b << " + " << c;
  }
}
