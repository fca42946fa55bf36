//===- Schedule.h - How a fused region becomes a loop nest ------ -*- C++
//-*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The decisions for one region, as an attribute of its root, and the cost model
// that makes them from the target's description and the static shapes.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SCHEDULE_SCHEDULE_H
#define QOPT_SCHEDULE_SCHEDULE_H

#include "qopt/Schedule/Regions.h"
#include "qopt/Target/DotForm.h"
#include "qopt/Target/TargetInfo.h"

namespace qopt {

/// ```mlir
/// qopt.schedule = {kernel = "dot", lanes = 16 : i64, lane_dim = 3 : i64,
///                  tile = array<i64: 1, 1, 8, 32>, order = array<i64: 3, 0, 1,
///                  2>}
/// ```
/// With several tasks also `tasks = 2 : i64, task_dim = 1 : i64, task_step = 7
/// : i64`, for a GPU `threads = 256 : i64`. Dimensions are those of the root's
/// result.
struct Schedule {
  enum class Kernel {
    /// "vector": everything is its scalar body on vectors.
    Vector,
    /// "dot": integer contractions with constant weights go through `qopt.dot`
    /// on packed weights.
    Dot,
    /// "matrix-dot": the same with two rows of activations at a time, eight
    /// bytes deep; weights lie in blocks as wide as the tile.
    MatrixDot,
    /// "split-dot": the same as "dot" with every sum in two lanes, each for two
    /// bytes of every four.
    SplitDot,
    /// "across-dot": the same as "dot" with sixteen bytes of one channel at a
    /// time, whose products a vector adds up to one sum. There is one lane.
    AcrossDot,
    /// "depthwise-dot": a depthwise contraction goes through `qopt.dot` on
    /// interleaved pixels; four vectors at a time are one group of lanes.
    DepthwiseDot,
    /// "tile-dot": integer contractions with constant weights go through
    /// `qopt.tile_dot`, a whole tile of the result at a time.
    TileDot,
    /// "mma": a contraction goes through `qopt.mma_tile`; each thread ends it
    /// for its part of a block's tile.
    Mma
  };
  Kernel kernel = Kernel::Vector;
  /// Elements per vector, and the dimension that runs through them; -1 where
  /// the result is a scalar.
  int64_t lanes = 1;
  int64_t laneDim = -1;
  /// Elements of the result that one tile computes; the lane dimension's count
  /// is a multiple of `lanes` unless the dimension is smaller.
  llvm::SmallVector<int64_t> tile;
  /// Tiles of the innermost loop that stand one after another in its body and
  /// share what they read; left out of the attribute where it is 1.
  int64_t unroll = 1;
  /// Loops over tiles, outermost first.
  llvm::SmallVector<int64_t> order;
  /// Into how many tasks, that may run at the same time, runs of `taskStep`
  /// elements along `taskDim` are shared out, neighbours to the same; each goes
  /// through all loops with its run. What is left after whole runs, of which
  /// there are at least two, is no task's.
  int64_t tasks = 1;
  int64_t taskDim = -1;
  int64_t taskStep = 0;
  /// For a GPU: tiles, one for each thread, that make a thread block; 0 on
  /// other targets. Tiles then divide the result, and `order` is not read.
  int64_t threads = 0;
  /// Of "mma": the tile of `qopt.mma_tile`.
  llvm::SmallVector<int64_t> mmaTile;
  /// Steps of a dot whose products are added in 16 bits, where the weights
  /// prove that exact; 0 if none are.
  int64_t pairSteps = 0;
  /// Steps of a dot whose activations are read at once.
  int64_t stepsPerRead = 1;
  /// Whether steps of a dot go through the taps of a window's row together:
  /// what neighbours read is loaded once.
  bool sharedTaps = false;

  /// Whether tiles fetch the weights of the block of channels that follows.
  bool prefetch = false;
  /// How many bytes in front of the weights that it reads, in each of their
  /// vectors, a step fetches into the first-level cache; 0 if none.
  int64_t ahead = 0;
  /// In a loop over blocks of rows: whether what is read of a block, for the
  /// last time, is fetched of the next one, too.
  bool nextBlock = false;

  bool usesDots() const {
    return kernel == Kernel::Dot || kernel == Kernel::MatrixDot ||
           kernel == Kernel::SplitDot || kernel == Kernel::AcrossDot ||
           kernel == Kernel::TileDot;
  }
  /// Bytes of one channel in one step of a dot.
  int64_t stepBytes() const {
    return kernel == Kernel::MatrixDot   ? 8
           : kernel == Kernel::AcrossDot ? kAcrossBytes
                                         : 4;
  }

  /// Elements along `dim` of which a task takes a multiple. Weights lie in
  /// blocks of a tile's channels where a step reads several, else of one
  /// vector's.
  int64_t taskUnit(int64_t dim) const;

  mlir::DictionaryAttr toAttr(mlir::MLIRContext *context) const;
  /// Reads and checks the attribute of `root`; reports what is wrong with it.
  static mlir::FailureOr<Schedule> get(mlir::linalg::LinalgOp root);
};

/// The cost, in vector instructions, from which on a nest is cut into tasks.
/// Handing them out, and fetching what another core has in its cache, costs
/// some microseconds.
inline constexpr int64_t kLeastTasksCost = 30000;

/// The best schedule of `region` on `target` under the static cost model, for
/// at most `threads` threads.
Schedule chooseSchedule(const FusedRegion &region, const TargetInfo &target,
                        int64_t threads = 1,
                        double leastTasks = kLeastTasksCost);

} // namespace qopt

#endif // QOPT_SCHEDULE_SCHEDULE_H
