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
#include "qopt/Transforms/BiasCorrection.h"
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
    pm.addPass(createQuantizePass({recipe.str(), "float"}));
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

// Weights that all round the same way: 0.6 of a step becomes a whole one.
static const char *const kShifted = R"(
func.func @f(%x: tensor<8x8xf32>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[7.0, 7.0], [0.6, -0.6], [0.6, -0.6], [0.6, -0.6],
      [0.6, -0.6], [0.6, -0.6], [0.6, -0.6], [0.6, -0.6]]> : tensor<8x2xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<8x8xf32> -> tensor<8x8xf32>
  %e = tensor.empty() : tensor<8x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<8x2xf32>) -> tensor<8x2xf32>
  %y = linalg.matmul ins(%xo, %w : tensor<8x8xf32>, tensor<8x2xf32>) outs(%i : tensor<8x2xf32>) -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
})";

/// The mean of each column.
static std::pair<double, double> columnMeans(const HostTensor &value) {
  double first = 0, second = 0;
  ArrayRef<float> elements = value.data<float>();
  for (size_t i = 0; i < elements.size(); i += 2) {
    first += elements[i];
    second += elements[i + 1];
  }
  return {first / (elements.size() / 2), second / (elements.size() / 2)};
}

TEST_F(QuantizeTest, BiasCorrectionRestoresTheMeans) {
  llvm::SmallString<128> path;
  int file;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("w4", "json", file, path));
  {
    llvm::raw_fd_ostream os(file, /*shouldClose=*/true);
    os << R"({"schema": "qopt-recipe", "version": 1,
              "weights": {"bits": 4}, "bias_correction": true})";
  }
  HostTensor input(DType::F32, {8, 8});
  for (auto [i, value] : llvm::enumerate(input.data<float>()))
    value = float(i * 37 % 64) / 64.0f;

  auto calibrated = parseSourceString<ModuleOp>(kShifted, &context);
  auto [a, b] = columnMeans(run(*calibrated, input)[0]);
  auto before = quantize(kShifted, path);
  auto [a0, b0] = columnMeans(run(*before, input)[0]);
  EXPECT_GT(a0 - a, 1.0);
  EXPECT_LT(b0 - b, -1.0);

  BiasCorrectionOptions options;
  options.recipe = path.str().str();
  options.threads = 2;
  std::vector<HostTensor> sample = {input};
  ASSERT_FALSE(bool(correctBiases(*calibrated, {sample, sample}, options)));
  auto after = quantize(printed(*calibrated), path);
  auto [a1, b1] = columnMeans(run(*after, input)[0]);
  // What is left is the rounding of the input.
  EXPECT_NEAR(a1, a, 0.01);
  EXPECT_NEAR(b1, b, 0.01);
  llvm::sys::fs::remove(path);
}
