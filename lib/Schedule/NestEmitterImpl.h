//===- NestEmitterImpl.h - One generator of loop nests ----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The class behind `emitNest`: its loops over tiles are in NestEmitter.cpp, the
// values that they ask for in NestValues.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_NESTEMITTERIMPL_H
#define QOPT_LIB_SCHEDULE_NESTEMITTERIMPL_H

#include "BlockPrefetch.h"
#include "DepthwiseEmitter.h"
#include "DotEmitter.h"
#include "RoundedBytes.h"
#include "TileEmitter.h"
#include "TransposedReads.h"
#include "VectorBody.h"
#include "WeightPrefetch.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/MmaContraction.h"
#include "qopt/Schedule/NestEmitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace qopt {

/// Where `map` leads from each of `loops`.
llvm::SmallVector<Position> mapAll(mlir::AffineMap map,
                                   llvm::ArrayRef<Position> loops);

/// The loops of `op` at which it computes the elements at `at` of its result.
llvm::SmallVector<Position> loopsOf(mlir::linalg::LinalgOp op,
                                    llvm::ArrayRef<Position> at);

class NestEmitter {
public:
  NestEmitter(mlir::RewriterBase &rewriter, const FusedRegion &region,
              const Schedule &schedule)
      : b(rewriter), region(region), schedule(schedule), root(region.root),
        loc(root.getLoc()), access(rewriter, loc),
        depthwise(access, root, schedule), products(access, root, schedule),
        tiles(access, root) {
    // Threads of a GPU that are neighbours read neighbouring elements.
    if (schedule.threads == 0)
      access.blockLanes = schedule.lanes;
  }

  mlir::FailureOr<mlir::Value> run();

private:
  mlir::Value destination();
  mlir::Value emitParts(mlir::Value dest);
  mlir::Value emitTiles(size_t depth, mlir::Value dest,
                        llvm::SmallVector<mlir::AffineExpr> base,
                        llvm::SmallVector<int64_t> count);
  mlir::Value emitThreads(mlir::Value dest,
                          llvm::SmallVector<mlir::AffineExpr> base,
                          llvm::SmallVector<int64_t> count);
  mlir::Value emitMma(mlir::Value dest);
  mlir::Value emitMmaEnds(const MmaContraction &mma, mlir::AffineExpr thread,
                          mlir::Value dest);
  mlir::Value emitTasks(mlir::Value dest,
                        llvm::SmallVector<mlir::AffineExpr> base,
                        llvm::SmallVector<int64_t> count);
  mlir::Value emitInnermost(size_t depth, mlir::Value dest,
                            llvm::SmallVector<mlir::AffineExpr> base,
                            llvm::SmallVector<int64_t> count);
  Turn turnOf(size_t depth, llvm::ArrayRef<int64_t> count, mlir::AffineExpr i,
              const Turn &outer) const;
  mlir::Value emitTile(mlir::Value dest, llvm::ArrayRef<mlir::AffineExpr> base,
                       llvm::ArrayRef<int64_t> count);
  void computeTiles(mlir::linalg::LinalgOp op, llvm::ArrayRef<Position> loops);
  mlir::Value emitRows(int64_t dim, mlir::Value tile,
                       llvm::SmallVector<mlir::AffineExpr> base,
                       llvm::SmallVector<int64_t> count);
  mlir::Value emitPositions(llvm::ArrayRef<Position> positions,
                            mlir::Value tile);
  mlir::Value writeTile(llvm::ArrayRef<Position> positions,
                        llvm::ArrayRef<mlir::Value> values, mlir::Value tile);
  mlir::Value writeRounded(llvm::ArrayRef<Position> positions,
                           llvm::ArrayRef<mlir::Value> values,
                           mlir::Value tile);
  mlir::Value writePlanes(llvm::ArrayRef<Position> positions,
                          llvm::ArrayRef<mlir::Value> values, mlir::Value tile);
  void matchRounded();
  mlir::Value roundAndPack(llvm::ArrayRef<mlir::Value> reals, int64_t lanes);
  llvm::SmallVector<Position> laneGroups(const Position &start, int64_t count);
  llvm::SmallVector<Position>
  tilePositions(llvm::ArrayRef<mlir::AffineExpr> base,
                llvm::ArrayRef<int64_t> count);

  llvm::SmallVector<mlir::Value> emitValue(mlir::Value tensor,
                                           llvm::ArrayRef<Position> at);
  void prefetchNextBlock(mlir::Value tensor, llvm::ArrayRef<Position> at);
  llvm::SmallVector<mlir::Value> emitProducer(mlir::linalg::LinalgOp producer,
                                              mlir::Value tensor,
                                              llvm::ArrayRef<Position> at);
  llvm::SmallVector<mlir::Value> emitOp(mlir::linalg::LinalgOp op,
                                        llvm::ArrayRef<Position> loops);
  llvm::SmallVector<mlir::Value> emitElementwise(mlir::linalg::LinalgOp op,
                                                 llvm::ArrayRef<Position> loops,
                                                 mlir::Value wanted = {});
  llvm::SmallVector<mlir::Value>
  emitReduction(mlir::linalg::LinalgOp op, llvm::SmallVector<Position> loops);
  llvm::SmallVector<mlir::Value> emitDot(const DotContraction &dot,
                                         llvm::SmallVector<Position> loops);
  llvm::SmallVector<mlir::Value> emitMmaSums(mlir::linalg::LinalgOp op,
                                             llvm::ArrayRef<Position> loops);
  llvm::SmallVector<mlir::Value>
  initialAccumulators(mlir::linalg::LinalgOp op,
                      llvm::ArrayRef<Position> loops);
  void reduceOver(mlir::linalg::LinalgOp op,
                  llvm::ArrayRef<unsigned> reductions, bool unroll,
                  llvm::SmallVector<Position> &loops,
                  llvm::SmallVector<mlir::Value> &accumulators);
  void prefetchWeights(mlir::linalg::LinalgOp op,
                       llvm::ArrayRef<Position> loops);
  bool reduceInBlocks(mlir::linalg::LinalgOp op, unsigned loop,
                      llvm::SmallVector<Position> &loops,
                      llvm::SmallVector<mlir::Value> &accumulators);
  llvm::SmallVector<mlir::Value>
  emitWhole(mlir::Block &block,
            llvm::ArrayRef<llvm::SmallVector<mlir::Value>> arguments,
            llvm::ArrayRef<Position> positions, mlir::Value wanted);
  void reduceOnce(mlir::linalg::LinalgOp op, llvm::ArrayRef<Position> loops,
                  llvm::SmallVector<mlir::Value> &accumulators,
                  mlir::Value wanted = {});
  void addTileSums(const DotContraction &dot, llvm::ArrayRef<Position> loops,
                   llvm::MutableArrayRef<mlir::Value> accumulators);

  mlir::RewriterBase &b;
  const FusedRegion &region;
  const Schedule &schedule;
  mlir::linalg::LinalgOp root;
  mlir::Location loc;
  TensorAccess access;
  mlir::Value dest;
  /// Of the part that is being emitted.
  int64_t unroll = 1;
  /// Of the tile that is being emitted, if weights are prefetched.
  Turn turn;
  DepthwiseEmitter depthwise;
  DotEmitter products;
  TileEmitter tiles;
  llvm::MapVector<mlir::Operation *, DotContraction> dots;
  llvm::MapVector<mlir::Operation *, DepthwiseDot> depthwiseDots;
  /// How the body of `roundedOp` ends, if its vectors are rounded and packed at
  /// once. That is the root, or what the root looks up in `table`.
  std::optional<RoundedBytes> rounded;
  mlir::linalg::LinalgOp roundedOp;
  mlir::Value table;
  /// Every rounded value fits i32: its clamp needs no care for large floats.
  bool roundedFitsI32 = false;
  /// Lanes are along the dimension in front of the last, of whose elements a
  /// tile has all: their vectors are written together.
  bool interleavesPlanes = false;
  /// Of an "mma" schedule: its contraction, and the products at the positions
  /// that are computed now.
  mlir::Operation *mmaOp = nullptr;
  llvm::SmallVector<mlir::Value> mmaProducts;
  bool failed = false;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_NESTEMITTERIMPL_H
