//===- DotForm.h - How a target computes a low-bit dot --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that says which instructions take a dot of given signs, width
// and weights: the schedule's costs and the lowering both follow it.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_DOTFORM_H
#define QOPT_TARGET_DOTFORM_H

#include "qopt/Target/TargetInfo.h"
#include <algorithm>

namespace qopt {

/// Bytes of one channel that one instruction adds to a sum, in the form Across.
inline constexpr int64_t kAcrossBytes = 16;

/// The two sides of a dot: unsigned or signed bytes, `lanes` sums of four
/// products.
struct DotShape {
  int64_t lanes = 0;
  bool unsignedA = false, unsignedB = false;
  /// In each pair of neighbouring bytes of `b`, the positive ones add up to at
  /// most this, and the negative ones to at least its negation.
  int64_t pairBound = 256;
  /// No byte of `b` is further away from 0.
  int64_t byteBound = 128;
  /// Each sum can be kept in two lanes, for two of every four products.
  bool canSplitSums = false;
  /// Two rows of activations can be multiplied at once, eight bytes deep.
  bool canPairRows = false;
  /// At least `kAcrossBytes` of one channel follow one another.
  bool isDeep = false;
};

struct DotForm {
  enum class Kind {
    /// One instruction adds four products to a lane (`vpdpbusd`, `sdot`).
    Quads,
    /// One instruction multiplies two rows by two columns, eight products for
    /// each of the four lanes (`usmmla`).
    Matrix,
    /// `pmaddubsw` adds two products in 16 bits, `pmaddwd` those sums.
    PairSums,
    /// `pmaddwd`, or `i32x4.dot_i16x8_s` of WebAssembly, on bytes that are
    /// extended to 16 bits.
    Pairs,
    /// `smull` and `smull2` make products of 16 bits, `addp` adds neighbours in
    /// 16 bits, `sadalp` those sums.
    WidePairs,
    /// `smull` and `smlal` add the products of `steps` steps in 16 bits,
    /// `sadalp` neighbours of those to sums in twice as many lanes.
    StepSums,
    /// `smlad` on the even and the odd bytes of a register, extended to 16
    /// bits.
    RegisterPairs,
    /// One instruction adds the sixteen products of two vectors to a register
    /// (`vmladava`).
    Across,
    /// Plain vector arithmetic in 32 bits.
    Products,
    /// The same in one lane: bytes are loaded one by one.
    ScalarProducts
  };
  Kind kind = Kind::Products;
  /// PairSums, StepSums: how many steps are added in 16 bits.
  int64_t steps = 1;
  /// The instruction takes no unsigned bytes beside signed ones, and the
  /// activations must become signed, best of all where they are stored
  /// (`qopt-sign-activations`):
  ///
  ///   sum a * b = sum (a - 128) * b + 128 * sum b,   a - 128 = a ^ 0x80
  bool flipsA = false;
  /// Steps whose activations are read at once and taken from their lanes.
  int64_t stepsPerRead = 1;
  /// Weights have 4 bits: a vector of them holds those of two steps.
  bool unpacksWeights = false;

  /// Bytes of one channel in one step.
  int64_t stepBytes() const { return kind == Kind::Across ? kAcrossBytes : 4; }

  /// What computes a step of a contraction's tile.
  static DotForm choose(const TargetInfo &target, const DotShape &shape);

  /// Whether weights in [-128, 127] need a proof: the form is exact only within
  /// some pair bound.
  bool needsPairBound() const {
    return kind == Kind::PairSums || kind == Kind::WidePairs;
  }
  /// Whether `steps` depends on how large weights are.
  bool needsByteBound() const { return kind == Kind::StepSums; }

  /// Vector instructions of one step of a tile of `rows` activations times
  /// `blocks` vectors of weights, and the registers that it needs at once.
  double instructions(int64_t rows, int64_t blocks) const;
  int64_t registers(int64_t rows, int64_t blocks) const;
  /// The same for loading them, beside what the products wait for.
  double loads(int64_t rows, int64_t blocks) const;
};

/// How many steps of pairs within `pairBound` have exact sums in 16 bits:
///
///   s steps add s pairs of products to a 16-bit lane. Activations are in
///   [0, 255], so the sum lies in [-255 * s * bound, 255 * s * bound] whatever
///   the order of additions, and 255 * 128 = 32640 < 32767.
///
/// Zero if not even one pair is exact.
inline int64_t exactPairSteps(int64_t pairBound) {
  return pairBound <= 0 ? 128 : 128 / pairBound;
}

/// Whether the sum of two neighbouring products of signed bytes has 16 bits:
/// at most 128 * (|b0| + |b1|), which is 32768 for two weights of -128, whose
/// bound is 256, and at most 128 * 255 = 32640 for all others.
inline bool isExactWidePair(int64_t pairBound) { return pairBound <= 255; }

/// How many products of signed bytes, whose second is within `byteBound`, have
/// exact sums in 16 bits: s products lie in [-128 * s * bound, 128 * s *
/// bound].
inline int64_t exactSignedSteps(int64_t byteBound) {
  return byteBound <= 0 ? 255 : 32767 / (128 * byteBound);
}

/// What stays in the first-level cache beside what else products of tiles read.
inline constexpr int64_t kTileNearBytes = 32 * 1024;

/// Windows of 16 rows and blocks of 16 channels whose products of tiles (AMX)
/// are computed at the same time, so that what is loaded serves several of
/// them.
struct TileGroup {
  int64_t rows, blocks;

  /// `blockBytes` are the weights of a block. Two sums are enough to keep the
  /// unit busy. More of them share loads, but every tile register in use is one
  /// less for renaming, and a core that shares its unit with another thread has
  /// few. So four share what does not stay in the first-level cache.
  static TileGroup of(int64_t windows, int64_t blocks, int64_t blockBytes) {
    int64_t sums =
        std::min<int64_t>(blocks, 2) * blockBytes > kTileNearBytes ? 4 : 2;
    int64_t most = std::max<int64_t>(sums / blocks, sums / 2),
            groups = (windows + most - 1) / most;
    int64_t rows = groups <= 1 ? windows : (windows + groups - 1) / groups;
    return {rows, std::min<int64_t>(blocks, sums / rows)};
  }
};

} // namespace qopt

#endif // QOPT_TARGET_DOTFORM_H
