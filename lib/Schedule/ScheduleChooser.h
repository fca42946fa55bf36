//===- ScheduleChooser.h - The static cost model ----------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Behind `chooseSchedule`: what the region does, seen from the root's
// dimensions, lanes and order in ChooseSchedule.cpp, tiles in ChooseTile.cpp,
// tasks in ChooseTasks.cpp. Costs are in vector instructions; they rank
// schedules of one region and mean nothing else.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_SCHEDULECHOOSER_H
#define QOPT_LIB_SCHEDULE_SCHEDULECHOOSER_H

#include "DepthwiseSchedule.h"
#include "TileDotSchedule.h"
#include "WeightPrefetch.h"
#include "qopt/Schedule/Schedule.h"
#include "qopt/Target/DotForm.h"

namespace qopt {

/// One operation of the region: its loops as expressions of the root's
/// dimensions (reductions get dimensions of their own), and how often its body
/// runs for each element of the root.
struct Member {
  mlir::linalg::LinalgOp op;
  llvm::SmallVector<mlir::AffineExpr> loops;
  int64_t trips = 1;
  /// Whether a step is a multiplication and addition in one.
  bool fusedSteps = false;

  mlir::Block *block() const { return mlir::linalg::LinalgOp(op).getBlock(); }
  bool isReduction() const {
    return mlir::linalg::LinalgOp(op).getNumReductionLoops() != 0;
  }
};

/// Whether `expr` is the dimension alone.
inline bool isDim(mlir::AffineExpr expr, int64_t dim) {
  return expr == mlir::getAffineDimExpr(dim, expr.getContext());
}

/// What a tile reads of the activations of a window that slides over them: it
/// shares pixels with its neighbours.
struct Patch {
  /// For each dimension of the activations, how far a step along each dimension
  /// of the result goes, and how far the window reaches.
  llvm::SmallVector<llvm::SmallVector<int64_t>> steps;
  llvm::SmallVector<int64_t> reach;
  int64_t elementBytes;

  double bytes(llvm::ArrayRef<int64_t> tile) const {
    int64_t bytes = elementBytes;
    for (auto [step, extent] : llvm::zip_equal(steps, reach)) {
      int64_t last = extent;
      for (auto [dim, n] : llvm::enumerate(tile))
        last += step[dim] * (n - 1);
      bytes *= last + 1;
    }
    return double(bytes);
  }
};

/// A dot's window whose rows have several taps. Results that are neighbours
/// along the dimension `columns` read some of the same activations.
struct SharedWindow {
  int64_t columns, stride, taps;

  /// The activations that `n` neighbours read, over the taps.
  double activations(int64_t n) const {
    return double((n - 1) * stride + taps) / double(taps);
  }
};

/// Of a tile's weights, what the first-level cache holds from one tile to the
/// next.
inline constexpr int64_t kHeldWeightBytes = 24 << 10;

class ScheduleChooser {
public:
  ScheduleChooser(const FusedRegion &region, const TargetInfo &target)
      : region(region), target(target),
        type(llvm::cast<mlir::RankedTensorType>(
            region.root->getResult(0).getType())),
        nextDim(type.getRank()) {
    llvm::SmallVector<mlir::AffineExpr> dims;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      dims.push_back(getAffineDimExpr(dim, region.root->getContext()));
    collect(region.root, dims, 1);
  }

  Schedule run(int64_t threads, double leastTasks);
  Schedule chooseThreads();

private:
  /// Positions, and the vectors of channels of each.
  struct TileVectors {
    int64_t rows, blocks;
  };

  const Member *findMma() const;

  void collect(mlir::linalg::LinalgOp op, llvm::ArrayRef<mlir::AffineExpr> at,
               int64_t trips);
  int64_t widestBits() const;
  double accessCost(mlir::Value tensor, llvm::ArrayRef<mlir::AffineExpr> at,
                    int64_t dim, int64_t lanes) const;
  llvm::SmallVector<mlir::AffineExpr> placesOf(const Member &member,
                                               mlir::OpOperand *operand) const;
  bool readsTransposed(const Member &member, mlir::OpOperand *operand,
                       int64_t dim, int64_t lanes) const;
  double laneCost(int64_t dim, int64_t lanes) const;
  bool dotAlong(const Member &member, int64_t dim) const;
  std::optional<DepthwiseSchedule> chooseDepthwise() const;
  void chooseLanes(Schedule &schedule) const;
  void chooseTile(Schedule &schedule);
  void choosePixels(Schedule &schedule) const;
  int64_t accumulatorBudget(const Schedule &schedule) const;
  bool fits(const Schedule &schedule, int64_t rows, int64_t blocks,
            int64_t budget) const;
  bool fitsSharedTaps(const Schedule &schedule) const;
  int64_t numReductions() const;
  void chooseOrder(Schedule &schedule) const;
  void choosePrefetch(Schedule &schedule) const;
  void chooseAhead(Schedule &schedule) const;
  void chooseNextBlock(Schedule &schedule) const;
  void chooseTileDot(Schedule &schedule) const;
  llvm::SmallVector<int64_t, 2> rowDims(int64_t lane) const;
  std::optional<std::vector<PlacedDot>> tileDots(int64_t laneDim) const;
  double costOf(const Schedule &schedule, llvm::ArrayRef<int64_t> shape) const;
  double slowestTask(const Schedule &schedule, int64_t dim, int64_t step,
                     int64_t tasks) const;
  double fetchCost(int64_t dim, int64_t laneDim, int64_t tasks) const;
  void chooseTasks(Schedule &schedule, int64_t threads, double cost,
                   double leastCost) const;
  std::optional<WeightStream> laneWeights(const Schedule &schedule) const;
  int64_t sharedWeightBytes(const Schedule &schedule) const;
  double wideLoadCost(const Schedule &schedule, int64_t rows, int64_t columns,
                      int64_t blocks) const;
  TileVectors vectorsOf(const Schedule &schedule,
                        llvm::ArrayRef<int64_t> count) const;
  double tileCost(const Schedule &schedule,
                  llvm::ArrayRef<int64_t> count) const;
  double nestCost(const Schedule &schedule,
                  llvm::ArrayRef<int64_t> shape) const {
    return nestCost(schedule, shape, 0,
                    llvm::SmallVector<int64_t>(shape.size(), 1));
  }
  double nestCost(const Schedule &schedule, llvm::ArrayRef<int64_t> shape,
                  unsigned dim, llvm::SmallVector<int64_t> count) const;
  std::optional<Patch> findPatch() const;
  std::optional<SharedWindow> findSharedWindow(const Schedule &schedule) const;
  const Member *heaviest() const;
  mlir::AffineMap fromRoot(const Member &member) const;
  void chooseDotForm(Schedule &schedule);
  void chooseKernel(Schedule &schedule) const;

  const FusedRegion &region;
  const TargetInfo &target;
  mlir::RankedTensorType type;
  unsigned nextDim;
  llvm::SmallVector<Member> members;
  /// How the region's dots are computed, if the schedule uses them.
  DotForm form;
  std::optional<Patch> patch;
  std::optional<SharedWindow> window;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_SCHEDULECHOOSER_H
