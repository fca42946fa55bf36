//===- MmaEmitter.h - Elements of products of matrices --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of the nest emitter that computes what one thread of a GPU holds of
// a contraction by one qopt.mma_tile, and says which elements those are.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_MMAEMITTER_H
#define QOPT_LIB_SCHEDULE_MMAEMITTER_H

#include "TensorAccess.h"
#include "qopt/Schedule/MmaContraction.h"
#include "qopt/Schedule/Schedule.h"

namespace qopt {

/// A thread holds pairs of neighbouring channels; pairs are numbered by
/// *places*, in the order of the vector that the operation gives: of every
/// matrix of 16x8 elements, one pair in the upper and one in the lower half.
class MmaEmitter {
public:
  /// Emits the operation for `thread` of all blocks' threads.
  MmaEmitter(TensorAccess &access, mlir::linalg::LinalgOp root,
             const Schedule &schedule, const MmaContraction &mma,
             mlir::AffineExpr thread);

  /// The places in one of the rows that the thread has a part of.
  llvm::SmallVector<int64_t> placesInRow(int64_t half) const;
  /// The row of the contraction, and the first of the two channels.
  mlir::AffineExpr row(int64_t place) const;
  mlir::AffineExpr channel(int64_t place) const;
  /// Where the pair is in the root's result.
  Position position(int64_t place) const;
  mlir::Value products(int64_t place);

private:
  mlir::Value emitTile(mlir::AffineExpr thread);
  /// Matrices of 16x8 next to each other in a warp's tile.
  int64_t columns() const { return schedule.mmaTile[3] / 8; }

  TensorAccess &access;
  mlir::RewriterBase &b;
  mlir::linalg::LinalgOp root;
  const Schedule &schedule;
  const MmaContraction &mma;
  mlir::AffineExpr firstRow, firstChannel;
  mlir::Value sums;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_MMAEMITTER_H
