//===- PackWeightsTest.cpp - The layouts of docs/Layouts.md ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Schedule/DotContraction.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace qopt;

namespace {

/// The packed weights of a 1x1 convolution with `in` and `out` channels whose
/// weight [o, k] is `weight(o, k)`.
std::vector<int8_t> pack(int64_t out, int64_t in, int64_t bits, int64_t lanes,
                         llvm::function_ref<int64_t(int64_t, int64_t)> weight,
                         std::vector<int64_t> &shape,
                         int64_t *leastPairBound = nullptr) {
  int64_t bound = -1;
  std::string values;
  for (int64_t o = 0; o < out; ++o) {
    values += o ? ", [" : "[";
    for (int64_t k = 0; k < in; ++k)
      values += (k ? ", " : "") + std::to_string(weight(o, k));
    values += "]";
  }
  std::string text = llvm::formatv(R"(
func.func @m(%x: tensor<3x{1}xi8>, %i: tensor<3x{0}xi32>) -> tensor<3x{0}xi32> {{
  %w = arith.constant dense<[{2}]> : tensor<{0}x{1}xi{3}>
  %r = linalg.generic {{indexing_maps = [affine_map<(m, o, k) -> (m, k)>,
      affine_map<(m, o, k) -> (o, k)>, affine_map<(m, o, k) -> (m, o)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<3x{1}xi8>, tensor<{0}x{1}xi{3}>) outs(%i : tensor<3x{0}xi32>) {{
  ^bb0(%a: i8, %b: i{3}, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i{3} to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<3x{0}xi32>
  return %r : tensor<3x{0}xi32>
})",
                                   out, in, values, bits);
  mlir::MLIRContext context;
  context
      .loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                   mlir::linalg::LinalgDialect, mlir::tensor::TensorDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  std::vector<int8_t> bytes;
  if (!module)
    return bytes;
  module->walk([&](mlir::linalg::GenericOp op) {
    std::optional<DotContraction> dot = matchDotContraction(op);
    if (!dot)
      return;
    mlir::DenseElementsAttr packed = packWeights(*dot, lanes);
    shape = packed.getType().getShape().vec();
    auto range = packed.getValues<int8_t>();
    bytes.assign(range.begin(), range.end());
    bound = pairBound(packed, *dot);
  });
  if (leastPairBound)
    *leastPairBound = bound;
  return bytes;
}

TEST(PackWeights, BytesOfOneLaneAreNeighbours) {
  std::vector<int64_t> shape;
  auto weight = [](int64_t o, int64_t k) { return 10 * o + k; };
  std::vector<int8_t> bytes = pack(3, 8, 8, 2, weight, shape);
  // Two blocks of two lanes, two steps of four.
  EXPECT_EQ(shape, (std::vector<int64_t>{2, 2, 8}));
  EXPECT_EQ(bytes, (std::vector<int8_t>{0,  1,  2,  3,  10, 11, 12, 13, //
                                        4,  5,  6,  7,  14, 15, 16, 17, //
                                        20, 21, 22, 23, 0,  0,  0,  0,  //
                                        24, 25, 26, 27, 0,  0,  0,  0}));
}

TEST(PackWeights, LastStepMovesBack) {
  std::vector<int64_t> shape;
  auto weight = [](int64_t o, int64_t k) { return 10 * o + k; };
  // Six bytes: the second step reads bytes 2 to 5, of which 2 and 3 are done.
  std::vector<int8_t> bytes = pack(2, 6, 8, 2, weight, shape);
  EXPECT_EQ(shape, (std::vector<int64_t>{1, 2, 8}));
  EXPECT_EQ(bytes, (std::vector<int8_t>{0, 1, 2, 3, 10, 11, 12, 13, //
                                        0, 0, 4, 5, 0, 0, 14, 15}));
}

TEST(PackWeights, FewerBytesThanAStep) {
  std::vector<int64_t> shape;
  auto weight = [](int64_t o, int64_t k) { return 10 * o + k; };
  std::vector<int8_t> bytes = pack(1, 3, 8, 2, weight, shape);
  EXPECT_EQ(shape, (std::vector<int64_t>{1, 1, 8}));
  EXPECT_EQ(bytes, (std::vector<int8_t>{0, 1, 2, 0, 0, 0, 0, 0}));
}

TEST(PackWeights, NibblesHoldTwoSteps) {
  std::vector<int64_t> shape;
  auto weight = [](int64_t o, int64_t k) { return k - 7; };
  // Twelve bytes, three steps, two rows: the second has no high nibbles.
  std::vector<int8_t> bytes = pack(1, 12, 4, 1, weight, shape);
  EXPECT_EQ(shape, (std::vector<int64_t>{1, 2, 4}));
  auto nibbles = [](int64_t low, int64_t high) {
    return int8_t((low & 15) | ((high & 15) << 4));
  };
  EXPECT_EQ(bytes,
            (std::vector<int8_t>{nibbles(-7, -3), nibbles(-6, -2),
                                 nibbles(-5, -1), nibbles(-4, 0), nibbles(1, 0),
                                 nibbles(2, 0), nibbles(3, 0), nibbles(4, 0)}));
}

// Neighbours of one sign add up; those of different signs do not.
TEST(PackWeights, PairBound) {
  std::vector<int64_t> shape;
  auto boundOf = [&](int64_t in, int64_t bits, std::vector<int64_t> weights) {
    int64_t bound = -1;
    pack(
        1, in, bits, 4, [&](int64_t, int64_t k) { return weights[k]; }, shape,
        &bound);
    return bound;
  };
  EXPECT_EQ(boundOf(4, 8, {127, -127, -127, 127}), 127);
  EXPECT_EQ(boundOf(4, 8, {100, 27, -1, -3}), 127);
  EXPECT_EQ(boundOf(4, 8, {1, 2, -128, -128}), 256);
  // Bytes 1 and 2 are no pair.
  EXPECT_EQ(boundOf(4, 8, {0, 127, 127, 0}), 127);
  // The second step moves back by two: its pairs are (0, 0) and (4, 5).
  EXPECT_EQ(boundOf(6, 8, {0, 9, 0, 0, 8, 5}), 13);
  EXPECT_EQ(boundOf(8, 4, {7, 7, 0, 0, -8, -8, 0, 0}), 16);
  EXPECT_EQ(boundOf(4, 8, {3, 3, 3, 3}), 6);
}

} // namespace
