//===- QuantizeTest.cpp - qdq and integer give the same bits --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random models under every recipe: the reference interpreter must answer the
// same for the model with its linear forms and for its integers.
//
//===----------------------------------------------------------------------===//

#include "RandomGraph.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Support/Recipe.h"
#include "qopt/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace qopt;

namespace {
class QuantizeTest : public testing::Test {
protected:
  QuantizeTest() {
    context.loadDialect<QoptDialect, func::FuncDialect, linalg::LinalgDialect,
                        math::MathDialect, tensor::TensorDialect,
                        arith::ArithDialect>();
  }

  OwningOpRef<ModuleOp> quantize(StringRef text, StringRef recipe) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return module;
    PassManager pm(&context);
    pm.addPass(createQuantizePass({recipe.str()}));
    if (failed(pm.run(*module)))
      return {};
    return module;
  }

  OwningOpRef<ModuleOp> lower(ModuleOp qdq) {
    OwningOpRef<ModuleOp> integer(qdq.clone());
    PassManager pm(&context);
    pm.addPass(createConvertQdqToIntegerPass());
    if (failed(pm.run(*integer)))
      return {};
    return integer;
  }

  static SmallVector<HostTensor> run(ModuleOp module, const HostTensor &input) {
    return llvm::cantFail(
        interpret(*module.getOps<func::FuncOp>().begin(), input));
  }

  static HostTensor randomInput(ArrayRef<int64_t> shape, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 1.5f);
    HostTensor input(DType::F32, shape);
    for (float &value : input.data<float>())
      value = normal(random);
    return input;
  }

  MLIRContext context;
};
} // namespace

static std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  return text;
}

/// Groups that fit the few channels of a random graph.
static std::string writeSmallGroups() {
  llvm::SmallString<128> path;
  int file;
  llvm::cantFail(llvm::errorCodeToError(
      llvm::sys::fs::createTemporaryFile("groups", "json", file, path)));
  llvm::raw_fd_ostream os(file, /*shouldClose=*/true);
  os << R"({"schema": "qopt-recipe", "version": 1, "base": "w4a8",
            "weights": {"group_size": 4}, "first_layer": null})";
  return path.str().str();
}

TEST_F(QuantizeTest, IntegersGiveTheBitsOfTheForms) {
  int compared = 0, lookups = 0, groupSums = 0, pairs = 0;
  std::string smallGroups = writeSmallGroups();
  SmallVector<StringRef> recipes(recipePresetNames());
  recipes.push_back(smallGroups);
  for (unsigned seed = 0; seed < 100; ++seed) {
    RandomGraph graph(seed);
    std::string text = graph.build();
    HostTensor input = randomInput(graph.inputShape, seed);
    for (StringRef recipe : recipes) {
      if (recipe == "float")
        continue;
      OwningOpRef<ModuleOp> qdq = quantize(text, recipe);
      ASSERT_TRUE(!!qdq) << "seed " << seed << "\n" << text;
      OwningOpRef<ModuleOp> integer = lower(*qdq);
      ASSERT_TRUE(!!integer) << "seed " << seed << "\n" << printed(*qdq);
      auto expected = run(*qdq, input), got = run(*integer, input);
      ASSERT_EQ(expected.size(), got.size());
      for (auto [e, g] : llvm::zip(expected, got))
        ASSERT_EQ(e.bytes, g.bytes)
            << "seed " << seed << ", " << recipe.str() << "\n"
            << printed(*qdq) << printed(*integer);
      ++compared;
      integer->walk([&](Operation *op) {
        lookups += isa<LookupOp>(op);
        groupSums += isa<arith::SIToFPOp>(op);
        if (auto requantize = dyn_cast<RequantizeOp>(op))
          pairs += requantize.getInputs().size() > 1;
      });
    }
  }
  llvm::sys::fs::remove(smallGroups);
  EXPECT_GE(compared, 900);
  // The graphs reach what they are for.
  EXPECT_GE(lookups, 100);
  EXPECT_GE(groupSums, 20);
  EXPECT_GE(pairs, 50);
}
