//===- TileEmitter.h - Contractions as products of tiles ------ -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of the nest emitter that computes a contraction for a whole tile of
// the result by one qopt.tile_dot, and hands its rows to whoever asks for them.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_TILEEMITTER_H
#define QOPT_LIB_SCHEDULE_TILEEMITTER_H

#include "TensorAccess.h"
#include "TileRows.h"
#include "WeightPrefetch.h"

namespace qopt {

class TileEmitter {
public:
  TileEmitter(TensorAccess &access, mlir::Operation *root)
      : access(access), b(access.b), root(root) {}

  /// Computes `dot` at all of `loops`. Fails where rows and lanes do not lie as
  /// tiles need them.
  mlir::LogicalResult compute(const DotContraction &dot,
                              llvm::ArrayRef<Position> loops, const Turn &turn);
  /// The sums of the tile computed last at `loops`, one of its positions.
  mlir::Value read(const DotContraction &dot, const Position &loops);

private:
  /// What stays the same for all tiles of a contraction.
  struct Operands {
    mlir::Value activations, weights;
    ActivationView view;
  };
  struct Tile {
    mlir::Value sums;
    /// Where the first position is: the row in the view, and the channel.
    mlir::AffineExpr origin, channel;
    TileRows rows;
  };

  Operands &operandsOf(const DotContraction &dot);
  llvm::SmallVector<mlir::AffineExpr> activationAt(const DotContraction &dot,
                                                   const Position &loops);
  mlir::AffineExpr channelAt(const DotContraction &dot, const Position &loops);

  TensorAccess &access;
  mlir::RewriterBase &b;
  mlir::Operation *root;
  llvm::DenseMap<mlir::Operation *, Operands> operands;
  llvm::DenseMap<mlir::Operation *, Tile> tiles;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_TILEEMITTER_H
