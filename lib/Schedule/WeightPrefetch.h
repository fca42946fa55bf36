//===- WeightPrefetch.h - The next weights, in time -----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model's weights are more than its caches hold, and each is read from memory
// once per inference. The tiles of a block of channels use the same weights:
// the first of them would wait for memory, the others would leave it idle.
// Instead, each fetches its share of the next block's weights.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_WEIGHTPREFETCH_H
#define QOPT_LIB_SCHEDULE_WEIGHTPREFETCH_H

#include "TensorAccess.h"

namespace qopt {

/// Of the tiles that use the same weights one after another, the one that is
/// being emitted. No `count`: nothing uses the weights that follow.
struct Turn {
  int64_t count = 0;
  mlir::AffineExpr number;
};

/// In step number `step` of the `steps` of a tile: the tile's share of the
/// `elements` of `weights` from number `next` on, in row-major order. Shares
/// are rounded up: the last turns fetch what comes behind those.
void prefetchShare(TensorAccess &access, mlir::Value weights,
                   mlir::AffineExpr next, int64_t elements,
                   mlir::AffineExpr step, int64_t steps, const Turn &turn);

/// Into the first-level cache: the lines of the elements of `weights` with
/// these numbers, each once.
void prefetchNear(TensorAccess &access, mlir::Value weights,
                  llvm::SmallVector<mlir::AffineExpr> elements);

/// A contraction's constant weights in blocks of channels, as
/// `TensorAccess::read` stores them: all steps of one block, then the next one.
class WeightStream {
public:
  /// Of `op` with `lanes` channels in a vector.
  static std::optional<WeightStream> of(mlir::linalg::LinalgOp op,
                                        int64_t lanes);

  int64_t bytes() const;
  /// The loop over channels.
  unsigned channels() const { return channelLoop; }

  /// One step's share of what a tile of `channels` fetches for the next one.
  void prefetch(TensorAccess &access, const Position &loops, int64_t channels,
                const Turn &turn) const;

  /// In one step, of each vector of weights that the positions read, the line
  /// that is `bytes` further on, into the first-level cache.
  void prefetchAhead(TensorAccess &access, llvm::ArrayRef<Position> loops,
                     int64_t bytes) const;

private:
  mlir::AffineExpr stepAt(const Position &loops) const;

  mlir::Value weights;
  int64_t channelDim = 0;
  unsigned channelLoop = 0;
  /// The loops over the steps of one channel, and their extents.
  llvm::SmallVector<unsigned> stepLoops;
  llvm::SmallVector<int64_t> extents;
  int64_t steps = 1;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_WEIGHTPREFETCH_H
