//===- DotEmitter.h - Contractions through qopt.dot -----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of the nest emitter that computes a contraction on packed weights:
// loops over segments and rows, reads of activations, dot products.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_DOTEMITTER_H
#define QOPT_LIB_SCHEDULE_DOTEMITTER_H

#include "RowPairs.h"
#include "WeightPrefetch.h"
#include "qopt/Schedule/Schedule.h"

namespace qopt {

/// `tensor` with columns and channels, its last dimensions, as one.
mlir::Value collapseColumns(TensorAccess &access, mlir::Value tensor);

class DotEmitter {
public:
  DotEmitter(TensorAccess &access, mlir::Operation *root,
             const Schedule &schedule)
      : access(access), b(access.b), root(root), schedule(schedule) {}

  /// Whether the lanes of all `loops` are output channels, in blocks.
  bool covers(const DotContraction &dot, llvm::ArrayRef<Position> loops) const;
  /// Adds the products at `loops` to `accumulators`, vectors of all lanes.
  void emit(const DotContraction &dot, llvm::SmallVector<Position> loops,
            llvm::SmallVector<mlir::Value> &accumulators, const Turn &turn);

private:
  void dotSegments(const DotContraction &dot, llvm::ArrayRef<unsigned> segments,
                   llvm::SmallVector<Position> &loops,
                   llvm::SmallVector<mlir::Value> &accumulators);
  int64_t unrolledRows(const DotContraction &dot, int64_t regular,
                       int64_t accumulators) const;
  void endReads();
  void dotSegment(const DotContraction &dot, llvm::ArrayRef<Position> loops,
                  llvm::SmallVector<mlir::Value> &accumulators);
  void dotRow(const DotContraction &dot, llvm::ArrayRef<Position> loops,
              mlir::AffineExpr row, mlir::AffineExpr offset,
              llvm::ArrayRef<int64_t> steps,
              llvm::SmallVector<mlir::Value> &accumulators);
  void dotSharedTaps(const DotContraction &dot, llvm::ArrayRef<Position> loops,
                     llvm::SmallVector<mlir::Value> &accumulators);
  void dotTaps(const DotContraction &dot, llvm::ArrayRef<Position> loops,
               mlir::AffineExpr step,
               llvm::SmallVector<mlir::Value> &accumulators);
  void dotPairs(const DotContraction &dot, llvm::ArrayRef<Position> loops,
                mlir::AffineExpr row, mlir::AffineExpr offset,
                llvm::ArrayRef<int64_t> steps,
                llvm::SmallVector<mlir::Value> &accumulators);
  mlir::Value dotOf(const DotContraction &dot, mlir::Value sum,
                    mlir::Value activation, mlir::Value weights);
  Position activationAt(const DotContraction &dot, const Position &loops,
                        mlir::AffineExpr offset, int64_t step);
  mlir::Value dotActivation(const DotContraction &dot, const Position &loops,
                            mlir::AffineExpr offset, int64_t step);
  mlir::Value activationPair(const DotContraction &dot, const Position &first,
                             const Position &second, mlir::AffineExpr offset,
                             int64_t step);
  mlir::Value packedConstant(const DotContraction &dot);
  llvm::SmallVector<mlir::AffineExpr> weightsAt(const DotContraction &dot,
                                                const Position &loops,
                                                mlir::AffineExpr row);
  void prefetchAhead(const DotContraction &dot, llvm::ArrayRef<Position> loops,
                     mlir::AffineExpr row);
  void prefetchWeights(const DotContraction &dot, const Position &loops,
                       mlir::AffineExpr step, int64_t steps);
  mlir::Value dotWeights(const DotContraction &dot, const Position &loops,
                         mlir::AffineExpr row, unsigned half, int64_t part = 0);
  /// Channels in one block of packed weights. A block as wide as the tile is
  /// one stream.
  int64_t packedChannels() const {
    return schedule.stepBytes() > 4
               ? llvm::alignTo(schedule.tile[schedule.laneDim], schedule.lanes)
               : kPackedChannels;
  }

  TensorAccess &access;
  mlir::RewriterBase &b;
  mlir::Operation *root;
  const Schedule &schedule;
  llvm::DenseMap<mlir::Operation *, mlir::Value> packedWeights, activations;
  /// Of the tile that is being emitted.
  Turn turn;
  /// Kernel MatrixDot: which of the rows that are emitted belong together.
  llvm::SmallVector<RowPair> pairs;
  /// What is promised about weights: `pair_bound`, `byte_bound` of split sums.
  llvm::DenseMap<mlir::Operation *, int64_t> bounds;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_DOTEMITTER_H
