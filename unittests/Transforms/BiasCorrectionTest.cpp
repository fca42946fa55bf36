//===- BiasCorrectionTest.cpp - Means before and after --------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights that all round the same way move the mean of every channel; the
// corrected biases move it back. The means come from runs, as in the driver.
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/BiasCorrection.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "qopt/Calibration/Runners.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace qopt;

namespace {
class BiasCorrectionTest : public testing::Test {
protected:
  BiasCorrectionTest() {
    context.loadDialect<QoptDialect, func::FuncDialect, linalg::LinalgDialect,
                        tensor::TensorDialect, arith::ArithDialect>();
  }

  void SetUp() override {
    int file;
    ASSERT_FALSE(
        llvm::sys::fs::createTemporaryFile("w4", "json", file, recipe));
    remover.setFile(recipe);
    llvm::raw_fd_ostream os(file, /*shouldClose=*/true);
    os << R"({"schema": "qopt-recipe", "version": 1, "weights": {"bits": 4}})";
  }

  /// The mean of each channel, the last dimension, over all samples.
  std::vector<double> channelMeans(ModuleOp module) {
    std::vector<double> sums;
    double count = 0;
    for (const HostTensor &sample : samples) {
      auto results = llvm::cantFail(
          interpret(*module.getOps<func::FuncOp>().begin(), sample));
      sums.resize(results[0].shape.back());
      for (auto [i, value] : llvm::enumerate(results[0].data<float>()))
        sums[i % sums.size()] += value;
      count += double(results[0].numElements()) / double(sums.size());
    }
    for (double &sum : sums)
      sum /= count;
    return sums;
  }

  OwningOpRef<ModuleOp> quantized(ModuleOp calibrated) {
    OwningOpRef<ModuleOp> copy(calibrated.clone());
    PassManager pm(&context);
    pm.addPass(createQuantizePass({recipe.str().str(), "float"}));
    EXPECT_TRUE(succeeded(pm.run(*copy)));
    return copy;
  }

  /// Corrects the biases of `text`, and compares with what was.
  void check(StringRef text, ArrayRef<int64_t> inputShape) {
    for (int sample = 0; sample < 3; ++sample) {
      HostTensor &input = samples.emplace_back(DType::F32, inputShape);
      for (auto [i, value] : llvm::enumerate(input.data<float>()))
        value = float((i * 37 + sample * 11) % 64) / 64.0f;
    }
    auto calibrated = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(!!calibrated);
    std::vector<double> real = channelMeans(*calibrated);
    std::vector<double> moved = channelMeans(*quantized(*calibrated));

    InputMeans means(describeLayerInputs(*calibrated));
    OwningOpRef<ModuleOp> watched(calibrated->clone());
    observeLayerInputs(*watched);
    auto runner = llvm::cantFail(createInterpreterRunner(*watched));
    InputMeansRunner split(*runner, means);
    EXPECT_EQ(split.edges().size(), 1u);
    for (const HostTensor &sample : samples)
      ASSERT_FALSE(
          bool(split.run(sample, [](int64_t, const float *, int64_t) {})));
    ASSERT_FALSE(bool(correctBiases(*calibrated, means, recipe)));

    std::vector<double> back = channelMeans(*quantized(*calibrated));
    for (size_t channel = 0; channel < real.size(); ++channel) {
      EXPECT_GT(std::abs(moved[channel] - real[channel]), 0.2);
      // What is left is the rounding of the input.
      EXPECT_NEAR(back[channel], real[channel], 0.01);
    }
  }

  MLIRContext context;
  llvm::SmallString<128> recipe;
  llvm::FileRemover remover;
  std::vector<HostTensor> samples;
};
} // namespace

// 0.6 of a step becomes a whole one.
TEST_F(BiasCorrectionTest, MatrixProduct) {
  check(R"(
func.func @f(%x: tensor<8x8xf32>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[7.0, 7.0], [0.6, -0.6], [0.6, -0.6], [0.6, -0.6],
      [0.6, -0.6], [0.6, -0.6], [0.6, -0.6], [0.6, -0.6]]> : tensor<8x2xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<8x8xf32> -> tensor<8x8xf32>
  %e = tensor.empty() : tensor<8x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<8x2xf32>) -> tensor<8x2xf32>
  %y = linalg.matmul ins(%xo, %w : tensor<8x8xf32>, tensor<8x2xf32>) outs(%i : tensor<8x2xf32>) -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
})",
        {8, 8});
}

// The weights at the border meet the padding now and then.
TEST_F(BiasCorrectionTest, PaddedStridedConvolution) {
  check(R"(
func.func @f(%x: tensor<1x5x5x2xf32>) -> tensor<1x3x3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[
    [[[7.0, 0.6], [0.6, 0.6], [0.6, 0.6]], [[0.6, 0.6], [0.6, 0.6], [0.6, 0.6]], [[0.6, 0.6], [0.6, 0.6], [0.6, 0.6]]],
    [[[-0.6, -0.6], [-0.6, -0.6], [-0.6, -0.6]], [[-0.6, -0.6], [-0.6, -0.6], [-0.6, -0.6]], [[-0.6, -0.6], [-0.6, -0.6], [-0.6, 7.0]]]]> : tensor<2x3x3x2xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<1x5x5x2xf32> -> tensor<1x5x5x2xf32>
  %p = tensor.pad %xo low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x5x5x2xf32> to tensor<1x7x7x2xf32>
  %e = tensor.empty() : tensor<1x3x3x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  %y = linalg.conv_2d_nhwc_fhwc {strides = dense<2> : tensor<2xi64>} ins(%p, %w : tensor<1x7x7x2xf32>, tensor<2x3x3x2xf32>) outs(%i : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  return %y : tensor<1x3x3x2xf32>
})",
        {1, 5, 5, 2});
}

// The channel is a loop of both, input and weights.
TEST_F(BiasCorrectionTest, DepthwiseConvolution) {
  check(R"(
func.func @f(%x: tensor<1x6x6x3xf32>) -> tensor<1x4x4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[
    [[7.0, 0.6, -0.6], [0.6, 0.6, -0.6], [0.6, 7.0, -0.6]],
    [[0.6, 0.6, -0.6], [0.6, 0.6, -0.6], [0.6, 0.6, -0.6]],
    [[0.6, 0.6, -0.6], [0.6, 0.6, -0.6], [0.6, 0.6, 7.0]]]> : tensor<3x3x3xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<1x6x6x3xf32> -> tensor<1x6x6x3xf32>
  %e = tensor.empty() : tensor<1x4x4x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32>
  %y = linalg.depthwise_conv_2d_nhwc_hwc ins(%xo, %w : tensor<1x6x6x3xf32>, tensor<3x3x3xf32>) outs(%i : tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32>
  return %y : tensor<1x4x4x3xf32>
})",
        {1, 6, 6, 3});
}
