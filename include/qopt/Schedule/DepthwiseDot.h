//===- DepthwiseDot.h - Dot products over the taps of a window -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A contraction whose channels do not mix has nothing to reduce over but the
// taps of its window. Four of them at a time make a dot product per channel,
// once the bytes of four pixels are interleaved.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SCHEDULE_DEPTHWISEDOT_H
#define QOPT_SCHEDULE_DEPTHWISEDOT_H

#include "qopt/Schedule/DotContraction.h"
#include <array>
#include <optional>
#include <vector>

namespace qopt {

/// Where a pixel is, relative to some other: a number for each dimension of the
/// activations but the last.
using PixelOffset = llvm::SmallVector<int64_t, 4>;

/// acc[.., c] += sum over taps of ext(lhs[.. + tap, c]) * ext(weights[tap, c]).
struct DepthwiseDot : LowBitContraction {
  DepthwiseDot() = default;
  explicit DepthwiseDot(LowBitContraction match)
      : LowBitContraction(std::move(match)) {}

  unsigned channelLoop = 0;
  llvm::SmallVector<unsigned, 2> tapLoops;

  int64_t taps() const;
  /// The number of tap `tap` along each of `tapLoops`.
  llvm::SmallVector<int64_t> tapPosition(int64_t tap) const;
  /// How far the pixel of each tap is from that of the first.
  llvm::SmallVector<PixelOffset> tapOffsets() const;
  /// A `pair_bound` of `qopt.dot` that holds for any two weights.
  int64_t pairBound() const;
};

std::optional<DepthwiseDot> matchDepthwiseDot(mlir::Operation *op);

/// The taps of one result that four interleaved pixels serve; -1 where a pixel
/// is not in its window.
using TapQuad = std::array<int64_t, 4>;

/// Up to four pixels that are interleaved, and who uses them.
struct PixelQuad {
  struct Use {
    int64_t result;
    TapQuad taps;
  };
  llvm::SmallVector<PixelOffset, 0> pixels;
  llvm::SmallVector<Use> uses;
};

/// Covers every tap of every result once. Pixels in a quad are neighbours along
/// one dimension, the one that needs the fewest dot products; results whose
/// windows overlap in that dimension share the quads. `results` are the pixels
/// of the results' first taps.
std::vector<PixelQuad> planPixelQuads(llvm::ArrayRef<PixelOffset> results,
                                      llvm::ArrayRef<PixelOffset> taps);

/// The weights of one group of four vectors for each of `quads`:
/// [group, quad, part, lanes * 4] bytes. Groups follow each other from channel
/// `first` on.
mlir::DenseElementsAttr packTaps(const DepthwiseDot &dot,
                                 llvm::ArrayRef<TapQuad> quads, int64_t lanes,
                                 int64_t first, int64_t groups);

} // namespace qopt

#endif // QOPT_SCHEDULE_DEPTHWISEDOT_H
