//===- Schedule.cpp - How a fused region becomes a loop nest --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the attribute; ChooseSchedule.cpp makes schedules.
//
//===----------------------------------------------------------------------===//

#include "qopt/Schedule/Schedule.h"
#include "TileRows.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// The attribute
//===----------------------------------------------------------------------===//

static constexpr StringLiteral kKernelNames[] = {
    "vector",     "dot",           "matrix-dot", "split-dot",
    "across-dot", "depthwise-dot", "tile-dot",   "mma"};

DictionaryAttr Schedule::toAttr(MLIRContext *context) const {
  Builder b(context);
  NamedAttrList list(
      {b.getNamedAttr("kernel",
                      b.getStringAttr(kKernelNames[unsigned(kernel)])),
       b.getNamedAttr("lanes", b.getI64IntegerAttr(lanes)),
       b.getNamedAttr("lane_dim", b.getI64IntegerAttr(laneDim)),
       b.getNamedAttr("tile", b.getDenseI64ArrayAttr(tile)),
       b.getNamedAttr("order", b.getDenseI64ArrayAttr(order))});
  if (tasks > 1) {
    list.set("tasks", b.getI64IntegerAttr(tasks));
    list.set("task_dim", b.getI64IntegerAttr(taskDim));
    list.set("task_step", b.getI64IntegerAttr(taskStep));
  }
  if (!mmaTile.empty())
    list.set("mma_tile", b.getDenseI64ArrayAttr(mmaTile));
  if (threads > 0)
    list.set("threads", b.getI64IntegerAttr(threads));
  if (pairSteps > 0)
    list.set("pair_steps", b.getI64IntegerAttr(pairSteps));
  if (stepsPerRead > 1)
    list.set("steps_per_read", b.getI64IntegerAttr(stepsPerRead));
  if (sharedTaps)
    list.set("shared_taps", b.getUnitAttr());
  if (unroll != 1)
    list.set("unroll", b.getI64IntegerAttr(unroll));
  if (prefetch)
    list.set("prefetch", b.getUnitAttr());
  if (ahead > 0)
    list.set("ahead", b.getI64IntegerAttr(ahead));
  if (nextBlock)
    list.set("next_block", b.getUnitAttr());
  return list.getDictionary(context);
}

int64_t Schedule::taskUnit(int64_t dim) const {
  if (dim != laneDim)
    return 1;
  bool inVectors =
      kernel == Kernel::TileDot || (kernel == Kernel::Dot && stepsPerRead == 1);
  return inVectors ? lanes : tile[dim];
}

static LogicalResult checkTasks(linalg::LinalgOp root,
                                const Schedule &schedule) {
  auto type = cast<RankedTensorType>(root->getResult(0).getType());
  if (schedule.tasks < 1)
    return root->emitOpError("expects at least 1 task, got ") << schedule.tasks;
  if (schedule.tasks == 1)
    return success();
  if (schedule.taskDim < 0 || schedule.taskDim >= type.getRank())
    return root->emitOpError("expects a task_dim in [0, ")
           << type.getRank() << "), got " << schedule.taskDim;
  int64_t most = type.getDimSize(schedule.taskDim) / 2;
  int64_t unit = schedule.taskUnit(schedule.taskDim);
  if (schedule.taskStep < 1 || schedule.taskStep > most ||
      schedule.taskStep % unit != 0)
    return root->emitOpError("expects a task_step in [1, ")
           << most << "], a multiple of " << unit << ", got "
           << schedule.taskStep;
  return success();
}

static LogicalResult checkSchedule(linalg::LinalgOp root,
                                   const Schedule &schedule) {
  auto type = cast<RankedTensorType>(root->getResult(0).getType());
  int64_t rank = type.getRank();
  if (schedule.lanes < 1 || schedule.laneDim < -1 || schedule.laneDim >= rank)
    return root->emitOpError("expects lanes >= 1 and a lane_dim below ")
           << rank << ", got " << schedule.lanes << " and " << schedule.laneDim;
  if (schedule.pairSteps < 0 || schedule.pairSteps > 128)
    return root->emitOpError("expects pair_steps in [0, 128], got ")
           << schedule.pairSteps;
  if (schedule.stepsPerRead < 1 || schedule.stepsPerRead > 4)
    return root->emitOpError("expects steps_per_read in [1, 4], got ")
           << schedule.stepsPerRead;
  if (schedule.kernel == Schedule::Kernel::MatrixDot && schedule.lanes != 4)
    return root->emitOpError("expects 4 lanes for two rows by two channels, "
                             "got ")
           << schedule.lanes;
  if (schedule.kernel == Schedule::Kernel::SplitDot && schedule.lanes % 2 != 0)
    return root->emitOpError("expects an even number of lanes for split sums, "
                             "got ")
           << schedule.lanes;
  if (schedule.kernel == Schedule::Kernel::AcrossDot && schedule.lanes != 1)
    return root->emitOpError("expects 1 lane for sums of whole vectors, got ")
           << schedule.lanes;
  SmallVector<int64_t> sorted = llvm::to_vector(schedule.order);
  llvm::sort(sorted);
  if (sorted != llvm::to_vector(llvm::seq<int64_t>(0, rank)))
    return root->emitOpError("expects order to be a permutation of ")
           << rank << " dimensions, got [" << schedule.order << "]";
  if (int64_t(schedule.tile.size()) != rank ||
      llvm::any_of(schedule.tile, [](int64_t n) { return n < 1; }))
    return root->emitOpError("expects ")
           << rank << " positive tile sizes, got [" << schedule.tile << "]";
  if (failed(checkTasks(root, schedule)))
    return failure();
  if (schedule.threads < 0 || schedule.threads > 1024)
    return root->emitOpError("expects threads in [0, 1024], got ")
           << schedule.threads;
  for (auto [extent, tile] : llvm::zip_equal(type.getShape(), schedule.tile))
    if (schedule.threads > 0 && extent % tile != 0)
      return root->emitOpError("expects tiles of threads to divide ")
             << extent << ", got " << tile;
  if (schedule.prefetch &&
      (schedule.threads > 0 ||
       !llvm::is_contained({Schedule::Kernel::Vector, Schedule::Kernel::Dot,
                            Schedule::Kernel::TileDot},
                           schedule.kernel)))
    return root->emitOpError("expects no prefetch in kernels other than "
                             "vector, dot and tile-dot, nor with threads");
  if (schedule.ahead < 0 ||
      (schedule.ahead > 0 &&
       (schedule.threads > 0 || schedule.sharedTaps ||
        !llvm::is_contained({Schedule::Kernel::Vector, Schedule::Kernel::Dot},
                            schedule.kernel))))
    return root->emitOpError("expects ahead to be at least 0, and 0 in kernels "
                             "other than vector and dot, with threads and with "
                             "shared_taps, got ")
           << schedule.ahead;
  if (schedule.nextBlock &&
      (schedule.threads > 0 || schedule.kernel != Schedule::Kernel::Vector))
    return root->emitOpError("expects no next_block in kernels other than "
                             "vector, nor with threads");
  if (schedule.sharedTaps &&
      (schedule.kernel != Schedule::Kernel::Dot || schedule.stepsPerRead > 1 ||
       schedule.threads > 0))
    return root->emitOpError("expects no shared_taps in kernels other than "
                             "dot, nor with several steps per read or threads");
  if (schedule.unroll < 1)
    return root->emitOpError("expects unroll to be positive, got ")
           << schedule.unroll;
  bool groups = schedule.kernel == Schedule::Kernel::DepthwiseDot;
  if (groups && (schedule.lanes < 4 || schedule.laneDim != rank - 1))
    return root->emitOpError("expects at least 4 lanes in the last dimension "
                             "for groups of channels, got ")
           << schedule.lanes << " in dimension " << schedule.laneDim;
  if (schedule.kernel == Schedule::Kernel::TileDot &&
      schedule.lanes != kTileLanes)
    return root->emitOpError("expects ")
           << kTileLanes << " lanes for products of tiles, got "
           << schedule.lanes;
  int64_t lane = schedule.laneDim;
  int64_t step = schedule.lanes * (groups ? 4 : 1);
  if (lane >= 0 && schedule.tile[lane] < type.getDimSize(lane) &&
      schedule.tile[lane] % step != 0)
    return root->emitOpError("expects the tile of the lane dimension to be a "
                             "multiple of ")
           << step << " lanes, got " << schedule.tile[lane];
  return success();
}

FailureOr<Schedule> Schedule::get(linalg::LinalgOp root) {
  auto attr =
      root->getAttrOfType<DictionaryAttr>(QoptDialect::kScheduleAttrName);
  if (!attr)
    return root->emitOpError("expects a schedule, got none")
           << "; run qopt-assign-schedule first";
  auto kernel = attr.getAs<StringAttr>("kernel");
  auto lanes = attr.getAs<IntegerAttr>("lanes");
  auto laneDim = attr.getAs<IntegerAttr>("lane_dim");
  auto tile = attr.getAs<DenseI64ArrayAttr>("tile");
  auto order = attr.getAs<DenseI64ArrayAttr>("order");
  auto unroll = attr.getAs<IntegerAttr>("unroll");
  const auto *name = kernel ? llvm::find(kKernelNames, kernel.getValue())
                            : std::end(kKernelNames);
  if (!lanes || !laneDim || !tile || !order || name == std::end(kKernelNames))
    return root->emitOpError("expects a schedule {kernel = \"vector\", "
                             "\"dot\", \"matrix-dot\", \"split-dot\", "
                             "\"across-dot\", "
                             "\"depthwise-dot\", \"tile-dot\" or \"mma\", "
                             "lanes, lane_dim, tile, order}, got ")
           << attr;
  Schedule schedule;
  schedule.kernel = Kernel(name - std::begin(kKernelNames));
  schedule.unroll = unroll ? unroll.getInt() : 1;
  schedule.lanes = lanes.getInt();
  schedule.laneDim = laneDim.getInt();
  schedule.tile.assign(tile.asArrayRef().begin(), tile.asArrayRef().end());
  schedule.order.assign(order.asArrayRef().begin(), order.asArrayRef().end());
  if (auto tasks = attr.getAs<IntegerAttr>("tasks"))
    schedule.tasks = tasks.getInt();
  if (auto taskDim = attr.getAs<IntegerAttr>("task_dim"))
    schedule.taskDim = taskDim.getInt();
  if (auto taskStep = attr.getAs<IntegerAttr>("task_step"))
    schedule.taskStep = taskStep.getInt();
  if (auto threads = attr.getAs<IntegerAttr>("threads"))
    schedule.threads = threads.getInt();
  if (auto mmaTile = attr.getAs<DenseI64ArrayAttr>("mma_tile"))
    schedule.mmaTile.assign(mmaTile.asArrayRef().begin(),
                            mmaTile.asArrayRef().end());
  if (auto steps = attr.getAs<IntegerAttr>("pair_steps"))
    schedule.pairSteps = steps.getInt();
  if (auto steps = attr.getAs<IntegerAttr>("steps_per_read"))
    schedule.stepsPerRead = steps.getInt();
  if (Attribute ahead = attr.get("ahead")) {
    auto bytes = dyn_cast<IntegerAttr>(ahead);
    if (!bytes)
      return root->emitOpError("expects ahead to be a number of bytes, got ")
             << ahead;
    schedule.ahead = bytes.getInt();
  }
  for (auto [name, flag] :
       {std::pair(StringRef("prefetch"), &schedule.prefetch),
        std::pair(StringRef("next_block"), &schedule.nextBlock),
        std::pair(StringRef("shared_taps"), &schedule.sharedTaps)}) {
    *flag = bool(attr.getAs<UnitAttr>(name));
    if (Attribute value = attr.get(name); value && !*flag)
      return root->emitOpError("expects ")
             << name << " to be there or not, got " << value;
  }
  if (failed(checkSchedule(root, schedule)))
    return failure();
  return schedule;
}

} // namespace qopt
