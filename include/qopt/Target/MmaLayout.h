//===- MmaLayout.h - How tiles for mma.sync lie in memory -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile in shared memory is rows of activations, or of one channel's weights
// each, of as many bytes as one step of the pipeline takes (docs/Layouts.md).
// ldmatrix reads 16 bytes of each of eight neighbouring rows at once, which
// must lie in different banks: the pieces of 16 bytes of a row are permuted.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_MMALAYOUT_H
#define QOPT_TARGET_MMALAYOUT_H

#include <cstdint>

namespace qopt {

/// What one mma.sync takes of a row, and one ldmatrix of a matrix's row.
constexpr int64_t kMmaDepth = 32, kMmaPiece = 16;

/// Most products of 4-bit weights in a sum. They are multiplied in the upper
/// half of a byte, as 16 times as much, and the sum is divided in the end:
///   |activation| <= 255, |weight| <= 8, and 16 sums must fit 32 bits.
constexpr int64_t kMmaMostNibbles = ((int64_t(1) << 27) - 1) / (255 * 8);

/// Bytes of activations in one step of the pipeline over segments of `depth`
/// bytes; a segment is filled up with zeros to a multiple of it.
constexpr int64_t mmaChunk(int64_t depth) { return depth <= 32 ? 32 : 64; }

/// Which piece of `row` holds its piece `piece`, in rows of `rowBytes`. Eight
/// pieces are one line over all banks:
///   lines are 8 / pieces rows; in the lines of eight rows, the pieces of one
///   column are in different places.
constexpr int64_t swizzledPiece(int64_t row, int64_t piece, int64_t rowBytes) {
  int64_t pieces = rowBytes / kMmaPiece;
  return piece ^ (row / (8 / pieces) % pieces);
}

/// After so many rows the pieces are where they were.
constexpr int64_t kMmaSwizzledRows = 8;

} // namespace qopt

#endif // QOPT_TARGET_MMALAYOUT_H
