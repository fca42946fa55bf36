//===- ChooseTasks.cpp - How threads share a nest -------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScheduleChooser.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {

/// What the nest costs for a result of `shape`, a share of the whole one.
double ScheduleChooser::costOf(const Schedule &schedule,
                               ArrayRef<int64_t> shape) const {
  // A single number.
  if (schedule.laneDim < 0)
    return 0;
  if (schedule.kernel != Schedule::Kernel::TileDot)
    return nestCost(schedule, shape);
  int64_t lane = schedule.laneDim;
  return tileDotCost(*tileDots(lane), shape, lane, rowDims(lane), schedule.tile)
      .value_or(std::numeric_limits<double>::infinity());
}

/// What the slowest of `tasks` tasks computes that take whole runs of `step`
/// elements along `dim`, and the rest, which is not shared out.
double ScheduleChooser::slowestTask(const Schedule &schedule, int64_t dim,
                                    int64_t step, int64_t tasks) const {
  SmallVector<int64_t> shape(type.getShape());
  int64_t runs = shape[dim] / step, rest = shape[dim] % step;
  auto costOfRun = [&](int64_t elements) {
    shape[dim] = elements;
    return costOf(schedule, shape);
  };
  double cost = double(llvm::divideCeil(runs, tasks)) * costOfRun(step);
  return rest ? cost + costOfRun(rest) : cost;
}

/// What one of `tasks` tasks waits for because others have the rest: nests
/// share rows if they can, so that the rows of the input are where the same
/// rows of the result are made. Of channels a share reads all of the input, or
/// its channels of all rows, most of it from the caches of other cores: as rows
/// of tiles, which no prefetcher follows, some 6 bytes in a nanosecond. Of
/// positions a share reads all weights: in order, ahead of their use, and from
/// the cache of all cores.
double ScheduleChooser::fetchCost(int64_t dim, int64_t laneDim,
                                  int64_t tasks) const {
  constexpr double kInput = 0.9, kWeights = 0.12;
  double others = double(tasks - 1) / double(tasks);
  std::optional<Contraction> dot = matchContraction(heaviest()->op);
  double input = double(bytesOf(dot ? dot->lhs : region.root->getResult(0)));
  bool sharesWeights = !dot || dot->depthwise;
  if (dim == laneDim && !sharesWeights)
    return others * kInput * input;
  double cost =
      sharesWeights ? 0 : others * kWeights * double(bytesOf(dot->rhs));
  bool isRows = llvm::all_of(type.getShape().take_front(dim),
                             [](int64_t extent) { return extent == 1; });
  return isRows ? cost : cost + others * kInput * input / double(tasks);
}

/// Cuts the dimension of a nest of this cost where the slowest task is done
/// first, an outer one where several are alike, into the longest runs that
/// divide well.
void ScheduleChooser::chooseTasks(Schedule &schedule, int64_t threads,
                                  double cost, double leastCost) const {
  if (threads <= 1)
    return;
  // Few positions leave the time to the reading of weights.
  constexpr double kPerWeight = 0.25, kWorst = 0.8, kMuchBetter = 0.9;
  constexpr int64_t kMostRuns = 8;
  double whole = costOf(schedule, type.getShape()), weights = 0;
  if (std::optional<Contraction> found = matchContraction(heaviest()->op))
    weights = kPerWeight * double(bytesOf(found->rhs));
  if (std::max(cost, weights) < leastCost)
    return;
  double best = std::numeric_limits<double>::infinity();
  for (int64_t dim : schedule.order) {
    double bestRuns = std::numeric_limits<double>::infinity();
    int64_t unit = schedule.taskUnit(dim);
    int64_t units = type.getDimSize(dim) / unit;
    for (int64_t runs = 1; runs <= std::min(kMostRuns, units / threads);
         ++runs) {
      int64_t step = units / (threads * runs) * unit;
      double slowest = slowestTask(schedule, dim, step, threads);
      if (slowest > kWorst * whole || slowest >= kMuchBetter * bestRuns)
        continue;
      bestRuns = slowest;
      double total = slowest + fetchCost(dim, schedule.laneDim, threads);
      if (total >= best)
        continue;
      best = total;
      schedule.tasks = threads;
      schedule.taskDim = dim;
      schedule.taskStep = step;
    }
  }
}

} // namespace qopt
