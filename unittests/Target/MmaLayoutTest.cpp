//===- MmaLayoutTest.cpp - No two rows of ldmatrix share a bank -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/MmaLayout.h"
#include "gtest/gtest.h"
#include <set>

using namespace qopt;

namespace {

constexpr int64_t kBanksBytes = 128;

// All addresses of one ldmatrix: eight neighbouring rows, one piece.
TEST(MmaLayout, RowsOfAMatrixAreInDifferentBanks) {
  for (int64_t rowBytes : {16, 32, 64})
    for (int64_t first = 0; first < 128; first += 8)
      for (int64_t piece = 0; piece < rowBytes / kMmaPiece; ++piece) {
        std::set<int64_t> banks;
        for (int64_t row = first; row < first + 8; ++row) {
          int64_t place = swizzledPiece(row, piece, rowBytes);
          banks.insert((row * rowBytes + place * kMmaPiece) % kBanksBytes);
        }
        EXPECT_EQ(banks.size(), 8u) << rowBytes << ", " << first;
      }
}

// What eight neighbouring copies of 16 bytes write, row by row.
TEST(MmaLayout, NeighbouringCopiesAreInDifferentBanks) {
  for (int64_t rowBytes : {16, 32, 64})
    for (int64_t first = 0; first < 512; first += 8) {
      std::set<int64_t> banks;
      for (int64_t copy = first; copy < first + 8; ++copy) {
        int64_t row = copy * kMmaPiece / rowBytes;
        int64_t piece = copy % (rowBytes / kMmaPiece);
        int64_t place = swizzledPiece(row, piece, rowBytes);
        banks.insert((row * rowBytes + place * kMmaPiece) % kBanksBytes);
      }
      EXPECT_EQ(banks.size(), 8u) << rowBytes << ", " << first;
    }
}

TEST(MmaLayout, PiecesOfARowArePermuted) {
  for (int64_t rowBytes : {16, 32, 64})
    for (int64_t row = 0; row < 64; ++row) {
      std::set<int64_t> places;
      for (int64_t piece = 0; piece < rowBytes / kMmaPiece; ++piece)
        places.insert(swizzledPiece(row, piece, rowBytes));
      EXPECT_EQ(int64_t(places.size()), rowBytes / kMmaPiece);
      EXPECT_LT(*places.rbegin(), rowBytes / kMmaPiece);
    }
}

// What the offsets of ldmatrix and of copies rely on.
TEST(MmaLayout, PermutationsRepeat) {
  for (int64_t rowBytes : {16, 32, 64})
    for (int64_t row = 0; row < 64; ++row)
      for (int64_t piece = 0; piece < rowBytes / kMmaPiece; ++piece)
        EXPECT_EQ(swizzledPiece(row + kMmaSwizzledRows, piece, rowBytes),
                  swizzledPiece(row, piece, rowBytes));
}

// The largest sum of 4-bit weights, 16 times as large.
TEST(MmaLayout, SumsOfNibblesFit) {
  EXPECT_LT(16 * 255 * 8 * kMmaMostNibbles, int64_t(1) << 31);
  EXPECT_GE(16 * 255 * 8 * (kMmaMostNibbles + 1), int64_t(1) << 31);
}

} // namespace
