//===- DotContraction.h - Contractions for the low-bit dot ---- -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognizes contractions of 8-bit activations with constant weights of at most
// 8 bits, and packs the weights into the layout of docs/Layouts.md.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SCHEDULE_DOTCONTRACTION_H
#define QOPT_SCHEDULE_DOTCONTRACTION_H

#include "qopt/Transforms/Structured.h"

namespace qopt {

/// A contraction of 8-bit activations with constant weights: activations of i8,
/// weights of i8 or i4, sums in i32, an activation map without divisions.
struct LowBitContraction {
  mlir::linalg::LinalgOp op;
  mlir::Value lhs;
  mlir::DenseElementsAttr weights;
  mlir::AffineMap lhsMap, weightMap;
  bool lhsUnsigned = false, weightsUnsigned = false;
  llvm::SmallVector<int64_t> extents;
};

std::optional<LowBitContraction>
matchLowBitContraction(const Contraction &contraction);

/// acc[o] += sum over segments, k of ext(lhs[.. + k]) * ext(weights[o, k]).
struct DotContraction : LowBitContraction {
  explicit DotContraction(LowBitContraction match)
      : LowBitContraction(std::move(match)) {}

  /// The loop over output channels, which runs through the lanes.
  unsigned outLoop = 0;
  /// Reduction loops over neighbouring bytes of `lhs`, outermost first: the
  /// input channels, preceded by the kernel's columns where a row of the
  /// kernel is contiguous in memory.
  llvm::SmallVector<unsigned, 2> kLoops;
  /// The other reduction loops.
  llvm::SmallVector<unsigned, 2> segmentLoops;
  /// Other loops that select weights: groups.
  llvm::SmallVector<unsigned, 2> batchLoops;

  int64_t depth() const;
  /// Bytes of one channel in one step: 4, 8 where rows are paired, 16 where a
  /// step is a whole vector.
  int64_t stepBytes = 4;
  /// Steps of `stepBytes` bytes in one segment.
  int64_t steps() const { return (depth() + stepBytes - 1) / stepBytes; }
  /// Where in the segment step `s` reads: the last one moves back so that it
  /// ends with the segment; its weights for bytes already counted are zero.
  int64_t stepOffset(int64_t s) const;
  /// Bytes of a segment that the rows of one tile hold, with `qopt.tile_dot`.
  int64_t chunkBytes() const;
  /// How many such pieces a segment has.
  int64_t chunks() const;
  /// Blocks of `channels` output channels.
  int64_t blocks(int64_t channels) const;
  /// Two weights share a byte.
  bool isPacked4() const;
  /// Taps of the kernel's row that a segment has one after another.
  int64_t taps() const { return kLoops.size() == 2 ? extents[kLoops[0]] : 1; }
  /// Whether the steps of all of these taps are at the same channels, each in a
  /// row of packed weights of its own.
  bool canShareTaps() const {
    return taps() > 1 && extents[kLoops[1]] % stepBytes == 0 && !isPacked4();
  }
  /// The number of steps whose weights are in one row of the packed constant.
  int64_t stepsPerRow() const { return isPacked4() ? 2 : 1; }
};

std::optional<DotContraction> matchDotContraction(mlir::Operation *op);

/// Channels in one block of packed weights: the lanes of the widest vectors, so
/// that all targets read the same constants.
constexpr int64_t kPackedChannels = 16;

/// The weights as [batch..., block, segment..., row, channels * stepBytes]
/// bytes, with `channels` of them in a block. Segments are cut into chunks of
/// `chunk` bytes, one step if it is 0; the last one moves back so that it ends
/// with the segment, with zeros for what the chunk before it counted.
mlir::DenseElementsAttr packWeights(const DotContraction &dot,
                                    int64_t channels = kPackedChannels,
                                    int64_t chunk = 0);

/// Whether `value` is part of a larger buffer that it is taken from or computed
/// into, with gaps along the dimension `dimFromEnd` places before the last.
bool isPartOf(mlir::Value value, int64_t dimFromEnd);

/// The least `pair_bound` of `qopt.dot` that holds for all of `packed`.
int64_t pairBound(mlir::DenseElementsAttr packed, const DotContraction &dot);
/// The least `byte_bound`.
int64_t byteBound(mlir::DenseElementsAttr packed, const DotContraction &dot);

} // namespace qopt

#endif // QOPT_SCHEDULE_DOTCONTRACTION_H
