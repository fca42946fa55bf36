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
#include "qopt/Schedule/DepthwiseDot.h"
#include "qopt/Schedule/MmaContraction.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace qopt;

namespace {

/// Calls `use` with a 1x1 convolution of `rows` positions with `in` and `out`
/// channels whose weight [o, k] is `weight(o, k)`.
void withConvolution(int64_t rows, int64_t out, int64_t in, int64_t bits,
                     llvm::function_ref<int64_t(int64_t, int64_t)> weight,
                     llvm::function_ref<void(mlir::Operation *)> use) {
  std::string values;
  for (int64_t o = 0; o < out; ++o) {
    values += o ? ", [" : "[";
    for (int64_t k = 0; k < in; ++k)
      values += (k ? ", " : "") + std::to_string(weight(o, k));
    values += "]";
  }
  std::string text = llvm::formatv(R"(
func.func @m(%x: tensor<{4}x{1}xi8>, %i: tensor<{4}x{0}xi32>) -> tensor<{4}x{0}xi32> {{
  %w = arith.constant dense<[{2}]> : tensor<{0}x{1}xi{3}>
  %r = linalg.generic {{indexing_maps = [affine_map<(m, o, k) -> (m, k)>,
      affine_map<(m, o, k) -> (o, k)>, affine_map<(m, o, k) -> (m, o)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<{4}x{1}xi8>, tensor<{0}x{1}xi{3}>) outs(%i : tensor<{4}x{0}xi32>) {{
  ^bb0(%a: i8, %b: i{3}, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i{3} to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<{4}x{0}xi32>
  return %r : tensor<{4}x{0}xi32>
})",
                                   out, in, values, bits, rows);
  mlir::MLIRContext context;
  context
      .loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                   mlir::linalg::LinalgDialect, mlir::tensor::TensorDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  module->walk([&](mlir::linalg::GenericOp op) { use(op); });
}

std::vector<int8_t> bytesOf(mlir::DenseElementsAttr packed) {
  auto range = packed.getValues<int8_t>();
  return {range.begin(), range.end()};
}

/// The packed weights of such a convolution.
std::vector<int8_t> pack(int64_t out, int64_t in, int64_t bits, int64_t lanes,
                         llvm::function_ref<int64_t(int64_t, int64_t)> weight,
                         std::vector<int64_t> &shape,
                         int64_t *leastPairBound = nullptr,
                         int64_t *leastByteBound = nullptr,
                         int64_t stepBytes = 4, int64_t chunk = 0) {
  std::vector<int8_t> bytes;
  withConvolution(3, out, in, bits, weight, [&](mlir::Operation *op) {
    std::optional<DotContraction> dot = matchDotContraction(op);
    if (!dot)
      return;
    dot->stepBytes = stepBytes;
    mlir::DenseElementsAttr packed = packWeights(*dot, lanes, chunk);
    shape = packed.getType().getShape().vec();
    bytes = bytesOf(packed);
    if (leastPairBound)
      *leastPairBound = pairBound(packed, *dot);
    if (leastByteBound)
      *leastByteBound = byteBound(packed, *dot);
  });
  return bytes;
}

/// The same for tensor cores, in blocks of 16 channels.
std::vector<int8_t>
packForMma(int64_t out, int64_t in, int64_t bits,
           llvm::function_ref<int64_t(int64_t, int64_t)> weight) {
  std::vector<int8_t> bytes;
  withConvolution(16, out, in, bits, weight, [&](mlir::Operation *op) {
    if (std::optional<MmaContraction> mma = matchMmaContraction(op))
      bytes = bytesOf(packMmaWeights(*mma, 16));
  });
  return bytes;
}

TEST(PackMmaWeights, PiecesOfRowsArePermuted) {
  auto weight = [](int64_t o, int64_t k) { return o + k % 100; };
  std::vector<int8_t> bytes = packForMma(16, 64, 8, weight);
  ASSERT_EQ(bytes.size(), 1024u);
  const int64_t kPieces[4][4] = {
      {0, 1, 2, 3}, {1, 0, 3, 2}, {2, 3, 0, 1}, {3, 2, 1, 0}};
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t place = 0; place < 64; ++place) {
      int64_t k = 16 * kPieces[row / 2 % 4][place / 16] + place % 16;
      EXPECT_EQ(bytes[64 * row + place], weight(row, k)) << row << " " << place;
    }
}

TEST(PackMmaWeights, WhatIsMissingIsZero) {
  // 24 channels: the second block is half empty; 20 bytes of 32.
  auto weight = [](int64_t, int64_t) { return 1; };
  std::vector<int8_t> bytes = packForMma(24, 20, 8, weight);
  ASSERT_EQ(bytes.size(), 2u * 16 * 32);
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 1), 24 * 20);
  for (int64_t place = 0; place < 32; ++place)
    EXPECT_EQ(bytes[(16 + 8) * 32 + place], 0);
}

TEST(PackMmaWeights, NibblesOfAByteAre16Apart) {
  auto weight = [](int64_t o, int64_t k) { return (o + k) % 15 - 7; };
  std::vector<int8_t> bytes = packForMma(16, 32, 4, weight);
  ASSERT_EQ(bytes.size(), 16u * 16);
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t place = 0; place < 16; ++place)
      EXPECT_EQ(uint8_t(bytes[16 * row + place]),
                (weight(row, place) & 15) | (weight(row, place + 16) & 15)
                                                << 4);
}

TEST(PackMmaWeights, FewRowsAndOddChannelsAreLeft) {
  auto weight = [](int64_t, int64_t) { return 1; };
  EXPECT_TRUE(packForMma(15, 32, 8, weight).empty());
  EXPECT_TRUE(packForMma(16, 30, 8, weight).empty());
}

TEST(PackMmaWeights, LongSumsOfNibblesAreLeft) {
  auto weight = [](int64_t, int64_t) { return 1; };
  EXPECT_FALSE(packForMma(2, 65792, 4, weight).empty());
  EXPECT_TRUE(packForMma(2, 65796, 4, weight).empty());
  EXPECT_FALSE(packForMma(2, 65796, 8, weight).empty());
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

TEST(PackWeights, StepsOfEightBytes) {
  std::vector<int64_t> shape;
  auto weight = [](int64_t o, int64_t k) { return 10 * o + k; };
  std::vector<int8_t> bytes =
      pack(2, 10, 8, 2, weight, shape, nullptr, nullptr, 8);
  EXPECT_EQ(shape, (std::vector<int64_t>{1, 2, 16}));
  EXPECT_EQ(bytes, (std::vector<int8_t>{0,  1,  2,  3,  4,  5,  6,  7,  //
                                        10, 11, 12, 13, 14, 15, 16, 17, //
                                        0,  0,  0,  0,  0,  0,  8,  9,  //
                                        0,  0,  0,  0,  0,  0,  18, 19}));
}

// Steps of sixteen bytes, two channels a block: the second step reads the last
// sixteen of eighteen bytes, of which fourteen are done.
TEST(PackWeights, WholeVectors) {
  std::vector<int64_t> shape;
  auto weight = [](int64_t o, int64_t k) { return 40 * o + k; };
  std::vector<int8_t> bytes =
      pack(3, 18, 8, 2, weight, shape, nullptr, nullptr, 16);
  EXPECT_EQ(shape, (std::vector<int64_t>{2, 2, 32}));
  ASSERT_EQ(bytes.size(), 128u);
  for (int64_t o = 0; o < 4; ++o)
    for (int64_t k = 0; k < 16; ++k) {
      const int8_t *step = &bytes[o / 2 * 64 + o % 2 * 16];
      EXPECT_EQ(step[k], o < 3 ? weight(o, k) : 0);
      EXPECT_EQ(step[32 + k], o < 3 && k >= 14 ? weight(o, k + 2) : 0);
    }
}

TEST(PackWeights, FewerBytesThanAStep) {
  std::vector<int64_t> shape;
  auto weight = [](int64_t o, int64_t k) { return 10 * o + k; };
  std::vector<int8_t> bytes = pack(1, 3, 8, 2, weight, shape);
  EXPECT_EQ(shape, (std::vector<int64_t>{1, 1, 8}));
  EXPECT_EQ(bytes, (std::vector<int8_t>{0, 1, 2, 0, 0, 0, 0, 0}));
}

// A chunk of eight bytes is two rows of a tile.
TEST(PackWeights, LastChunkMovesBack) {
  std::vector<int64_t> shape;
  auto weight = [](int64_t o, int64_t k) { return k + 1; };
  std::vector<int8_t> bytes =
      pack(1, 13, 8, 1, weight, shape, nullptr, nullptr, 4, 8);
  EXPECT_EQ(shape, (std::vector<int64_t>{1, 4, 4}));
  // The second chunk reads bytes 5 to 12, of which 5 to 7 are done.
  EXPECT_EQ(bytes, (std::vector<int8_t>{1, 2, 3, 4, 5, 6, 7, 8, //
                                        0, 0, 0, 9, 10, 11, 12, 13}));
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

// The weight that is furthest away from 0, of either sign.
TEST(PackWeights, ByteBound) {
  std::vector<int64_t> shape;
  auto boundOf = [&](int64_t bits, std::vector<int64_t> weights) {
    int64_t bound = -1;
    pack(
        1, weights.size(), bits, 4,
        [&](int64_t, int64_t k) { return weights[k]; }, shape, nullptr, &bound);
    return bound;
  };
  EXPECT_EQ(boundOf(8, {3, -7, 5, 0}), 7);
  EXPECT_EQ(boundOf(8, {127, -127, 0, 0}), 127);
  EXPECT_EQ(boundOf(8, {1, 2, 3, 4, -128}), 128);
  EXPECT_EQ(boundOf(8, {0, 0, 0, 0}), 0);
  EXPECT_EQ(boundOf(4, {7, 7, 0, 0, -8, -8, 0, 0}), 8);
  EXPECT_EQ(boundOf(4, {1, 2, 0, 0, -5, 3, 0, 0}), 5);
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

TEST(PixelQuads, TwoRowsShareFourPixels) {
  // A window of 3x3 at stride 1, two rows of results.
  llvm::SmallVector<PixelOffset> taps;
  for (int64_t y = 0; y < 3; ++y)
    for (int64_t x = 0; x < 3; ++x)
      taps.push_back({0, y, x});
  std::vector<PixelQuad> quads = planPixelQuads({{0, 0, 0}, {0, 1, 0}}, taps);
  ASSERT_EQ(quads.size(), 3u);
  for (int64_t x = 0; x < 3; ++x) {
    EXPECT_EQ(llvm::ArrayRef(quads[x].pixels),
              llvm::ArrayRef<PixelOffset>(
                  {{0, 0, x}, {0, 1, x}, {0, 2, x}, {0, 3, x}}));
    ASSERT_EQ(quads[x].uses.size(), 2u);
    EXPECT_EQ(quads[x].uses[0].taps, (TapQuad{x, 3 + x, 6 + x, -1}));
    EXPECT_EQ(quads[x].uses[1].taps, (TapQuad{-1, x, 3 + x, 6 + x}));
  }
}

TEST(PixelQuads, AlongTheLongSide) {
  // A window of 1x6: two quads of columns, not six of single rows.
  llvm::SmallVector<PixelOffset> taps;
  for (int64_t x = 0; x < 6; ++x)
    taps.push_back({0, 0, x});
  std::vector<PixelQuad> quads = planPixelQuads({{0, 0, 0}}, taps);
  ASSERT_EQ(quads.size(), 2u);
  EXPECT_EQ(quads[0].uses[0].taps, (TapQuad{0, 1, 2, 3}));
  EXPECT_EQ(quads[1].uses[0].taps, (TapQuad{4, 5, -1, -1}));
}

/// A depthwise window of 4x1 over `channels`, the weight of tap t and channel c
/// being 4 * c + t.
std::string depthwiseText(int64_t channels) {
  std::string values;
  for (int64_t tap = 0; tap < 4; ++tap) {
    values += tap ? ", [[" : "[[";
    for (int64_t c = 0; c < channels; ++c)
      values += (c ? ", " : "") + std::to_string(4 * c + tap);
    values += "]]";
  }
  return llvm::formatv(R"(
func.func @m(%x: tensor<1x4x3x{0}xi8>, %i: tensor<1x1x3x{0}xi32>) -> tensor<1x1x3x{0}xi32> {{
  %w = arith.constant dense<[{1}]> : tensor<4x1x{0}xi8>
  %r = linalg.generic {{indexing_maps = [
      affine_map<(n, h, w, c, i, j) -> (n, h + i, w + j, c)>,
      affine_map<(n, h, w, c, i, j) -> (i, j, c)>,
      affine_map<(n, h, w, c, i, j) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x4x3x{0}xi8>, tensor<4x1x{0}xi8>) outs(%i : tensor<1x1x3x{0}xi32>) {{
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x1x3x{0}xi32>
  return %r : tensor<1x1x3x{0}xi32>
})",
                       channels, values);
}

TEST(PackTaps, LanesOfAGroup) {
  mlir::MLIRContext context;
  context
      .loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                   mlir::linalg::LinalgDialect, mlir::tensor::TensorDialect>();
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(depthwiseText(30), &context);
  ASSERT_TRUE(module);
  std::optional<DepthwiseDot> dot;
  module->walk(
      [&](mlir::linalg::GenericOp op) { dot = matchDepthwiseDot(op); });
  ASSERT_TRUE(dot);
  // One group of four vectors of eight lanes; the first result's taps, then
  // those of one a row further down.
  mlir::DenseElementsAttr packed =
      packTaps(*dot, {TapQuad{0, 1, 2, 3}, TapQuad{-1, 0, 1, 2}}, 8, 0, 1);
  EXPECT_EQ(packed.getType().getShape(),
            llvm::ArrayRef<int64_t>({1, 2, 4, 32}));
  llvm::SmallVector<int8_t> bytes(packed.getValues<int8_t>());
  for (int64_t part = 0; part < 4; ++part)
    for (int64_t lane = 0; lane < 8; ++lane) {
      int64_t channel = lane / 4 * 16 + part * 4 + lane % 4;
      int8_t first = channel < 30 ? 4 * channel : 0;
      int8_t one = channel < 30 ? 1 : 0;
      const int8_t *at = &bytes[(part * 8 + lane) * 4];
      EXPECT_EQ(llvm::ArrayRef<int8_t>(at, 4),
                llvm::ArrayRef<int8_t>({first, int8_t(first + one),
                                        int8_t(first + 2 * one),
                                        int8_t(first + 3 * one)}));
      const int8_t *below = at + 128;
      EXPECT_EQ(llvm::ArrayRef<int8_t>(below, 4),
                llvm::ArrayRef<int8_t>(
                    {0, first, int8_t(first + one), int8_t(first + 2 * one)}));
    }
}

} // namespace
