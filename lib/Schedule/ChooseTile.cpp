//===- ChooseTile.cpp - Which tile costs least ----------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoundedBytes.h"
#include "ScheduleChooser.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {

const Member *ScheduleChooser::heaviest() const {
  const Member *best = &members.front();
  for (const Member &member : members)
    if (member.isReduction() && member.trips > best->trips)
      best = &member;
  return best;
}

/// The packed weights of the heaviest operation, if its channels are the lanes.
std::optional<WeightStream>
ScheduleChooser::laneWeights(const Schedule &schedule) const {
  std::optional<WeightStream> stream =
      WeightStream::of(heaviest()->op, schedule.lanes);
  if (!stream ||
      !isDim(heaviest()->loops[stream->channels()], schedule.laneDim))
    return std::nullopt;
  return stream;
}

/// The bytes of a tile's weights, if several tiles read the same.
int64_t ScheduleChooser::sharedWeightBytes(const Schedule &schedule) const {
  int64_t lane = schedule.laneDim;
  bool isReadAgain = false;
  for (auto [dim, tile] : llvm::enumerate(schedule.tile))
    isReadAgain |= int64_t(dim) != lane && tile < type.getDimSize(dim);
  std::optional<WeightStream> stream = laneWeights(schedule);
  if (!isReadAgain || !stream)
    return 0;
  return stream->bytes() * schedule.tile[lane] / type.getDimSize(lane);
}

/// What a tile of `count` elements consists of.
ScheduleChooser::TileVectors
ScheduleChooser::vectorsOf(const Schedule &schedule,
                           ArrayRef<int64_t> count) const {
  int64_t channels = count[schedule.laneDim];
  return {ShapedType::getNumElements(count) / channels,
          int64_t(llvm::divideCeil(channels, schedule.lanes))};
}

/// The time in which a step of a contraction's tile of `rows` positions,
/// `columns` of them next to each other, and `blocks` vectors of channels loads
/// its operands of 512 bits, in products.
double ScheduleChooser::wideLoadCost(const Schedule &schedule, int64_t rows,
                                     int64_t columns, int64_t blocks) const {
  // Measured on Ice Lake, and assumed of other cores: between products, of
  // which 5.5 start in a nanosecond, 3.1 loads of 512 bits do, some less where
  // lines are filled. Weights that each tile reads anew come from the
  // second-level cache at 32 bytes a cycle, from beyond it at 12.
  constexpr double kWideLoad = 1.9, kNearLine = 4, kFarLine = 10;
  constexpr int64_t kNearBytes = 512 << 10;
  double activations = double(rows);
  if (schedule.sharedTaps)
    activations *= window->activations(columns) / double(columns);
  int64_t bytes = sharedWeightBytes(schedule);
  double line = bytes <= kHeldWeightBytes ? 0
                : bytes <= kNearBytes     ? kNearLine
                                          : kFarLine;
  return std::max(kWideLoad * (activations + double(blocks)),
                  line * double(blocks));
}

/// One tile of `count` elements.
double ScheduleChooser::tileCost(const Schedule &schedule,
                                 ArrayRef<int64_t> count) const {
  const Member *member = heaviest();
  auto [rows, blocks] = vectorsOf(schedule, count);
  bool useDot = schedule.usesDots();
  double products = (member->fusedSteps ? 1.0 : 2.0) * rows * blocks;
  double steps = member->trips;
  double loads = 0.5 * rows + blocks;
  // A step waits four cycles for the one before it on its accumulator; of
  // float ones, two can run in a cycle.
  double wait = useDot ? 4 : 8, loop = 1;
  if (useDot) {
    steps /= form.stepBytes();
    products = form.instructions(rows, blocks);
    loads = form.loads(rows, blocks);
    // Lanes come from loads that take turns with the products.
    if (form.stepsPerRead > 1)
      products += loads;
  }
  // Nothing is read twice; what lies in a row comes in order.
  if (target.vectorBits == 512 && !member->isReduction())
    loads = double(rows) * (double(blocks) + 0.1);
  if (target.vectorBits == 512 && isContraction(member->op)) {
    loads = wideLoadCost(schedule, rows, window ? count[window->columns] : 1,
                         blocks);
    // On such cores, two `vpdpbusd` can run in a cycle, too, and each takes
    // five.
    if (useDot && form.kind == DotForm::Kind::Quads)
      wait = 10;
    if (schedule.sharedTaps)
      loop /= double(window->taps);
  }
  double step = std::max({products, loads, wait}) + loop;
  // Of tiles that cost the same, the one with fewer loads: some cores start two
  // products in a cycle, and then loads are what binds.
  step += 0.02 * loads;
  constexpr double kEpilogue = 12;
  // Where vectors have instructions of their own, bytes are packed four at a
  // time.
  int64_t vectors = rows * blocks;
  if (useDot && schedule.lanes > 1 && form.kind != DotForm::Kind::Products &&
      type.getElementType().isInteger(8))
    vectors = llvm::alignTo(vectors, 4);
  return steps * step + kEpilogue * double(vectors) + 4;
}

/// The patch of a float convolution whose windows overlap and whose input is
/// too large for the second-level cache: from there it comes in time. Without a
/// cache, tiles of single rows let more memory be shared.
std::optional<Patch> ScheduleChooser::findPatch() const {
  const Member *member = heaviest();
  std::optional<Contraction> contraction = matchContraction(member->op);
  constexpr int64_t kSecondLevelBytes = 2 << 20;
  if (!target.hasCache || !contraction || !member->fusedSteps ||
      contraction->depthwise || bytesOf(contraction->lhs) <= kSecondLevelBytes)
    return std::nullopt;
  Patch patch;
  Type element = getElementTypeOrSelf(contraction->lhs.getType());
  patch.elementBytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  SmallVector<int64_t> last(contraction->lhsMap.getNumDims(), 0);
  linalg::LinalgOp op = member->op;
  for (unsigned loop : contraction->reductionLoops)
    last[loop] = op.getStaticLoopRanges()[loop] - 1;
  patch.reach = contraction->lhsMap.compose(last);
  AffineMap map = contraction->lhsMap.compose(fromRoot(*member));
  SmallVector<int64_t> at(type.getRank(), 0), origin = map.compose(at);
  bool overlaps = false;
  patch.steps.assign(origin.size(), SmallVector<int64_t>(type.getRank()));
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    at[dim] = 1;
    for (auto [i, place] : llvm::enumerate(map.compose(at))) {
      patch.steps[i][dim] = place - origin[i];
      overlaps |= place > origin[i] && patch.reach[i] > 0;
    }
    at[dim] = 0;
  }
  return overlaps ? std::optional(patch) : std::nullopt;
}

/// The window of a dot whose steps can go through the taps of its row together.
std::optional<SharedWindow>
ScheduleChooser::findSharedWindow(const Schedule &schedule) const {
  const Member *member = heaviest();
  SmallVector<int64_t, 2> outer = rowDims(schedule.laneDim);
  std::optional<DotContraction> dot = matchDotContraction(member->op);
  if (target.vectorBits != 512 || schedule.kernel != Schedule::Kernel::Dot ||
      form.kind != DotForm::Kind::Quads || outer.empty() ||
      !dotAlong(*member, schedule.laneDim) || !dot->canShareTaps())
    return std::nullopt;
  AffineMap map = dot->lhsMap.compose(fromRoot(*member));
  SmallVector<int64_t> at(type.getRank(), 0);
  int64_t column = map.getNumResults() - 2;
  int64_t first = map.compose(at)[column];
  at[outer[0]] = 1;
  SharedWindow window{outer[0], map.compose(at)[column] - first, dot->taps()};
  return window.stride > 0 && window.stride < window.taps
             ? std::optional(window)
             : std::nullopt;
}

/// All tiles of the nest, those at the borders included. `count` has the sizes
/// of a tile along the dimensions before `dim`.
double ScheduleChooser::nestCost(const Schedule &schedule,
                                 ArrayRef<int64_t> shape, unsigned dim,
                                 SmallVector<int64_t> count) const {
  // A line of activations comes from beyond the first-level cache in 5 cycles
  // (measured), and two products start in a cycle; weights, which follow one
  // another, are there before they are wanted.
  constexpr double kPatchByte = 2 * 5.0 / 64;
  int64_t lane = schedule.laneDim;
  auto tiles = [&](int64_t n) {
    if (n == 0)
      return 0.0;
    count[dim == shape.size() ? lane : dim] = n;
    if (dim < shape.size())
      return nestCost(schedule, shape, dim + 1, count);
    double bytes = patch ? patch->bytes(count) : 0;
    return tileCost(schedule, count) + kPatchByte * bytes;
  };
  if (dim == unsigned(lane))
    return nestCost(schedule, shape, dim + 1, count);
  unsigned along = dim == shape.size() ? lane : dim;
  int64_t extent = shape[along];
  int64_t tile = std::min(schedule.tile[along], extent);
  return double(extent / tile) * tiles(tile) + tiles(extent % tile);
}

/// The dimensions whose elements a tile takes as rows, innermost first.
SmallVector<int64_t, 2> ScheduleChooser::rowDims(int64_t lane) const {
  SmallVector<int64_t, 2> dims;
  for (int64_t dim = type.getRank() - 1; dim >= 0 && dims.size() < 2; --dim)
    if (dim != lane && type.getDimSize(dim) > 1)
      dims.push_back(dim);
  return dims;
}

/// How many vectors of a tile are alive at once.
int64_t ScheduleChooser::accumulatorBudget(const Schedule &schedule) const {
  if (!heaviest()->isReduction())
    return kVectorsSideBySide;
  // Accumulators leave four registers for operands. Reductions inside one
  // another, or one after the other, are alive together.
  int64_t budget =
      std::max<int64_t>(1, (target.numVectorRegisters - 4) / numReductions());
  // Of a block that is transposed, all vectors are alive.
  linalg::LinalgOp op = heaviest()->op;
  if (llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
        return readsTransposed(*heaviest(), operand, schedule.laneDim,
                               schedule.lanes);
      }))
    budget = std::max<int64_t>(1, budget / (schedule.lanes + 1));
  // Short reductions have no loop, so that the size of the code limits them;
  // what is gathered is much code for one vector already.
  int64_t taps = heaviest()->trips;
  if (taps <= 25 && schedule.kernel == Schedule::Kernel::Vector) {
    bool gathers = !isContraction(op) &&
                   llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *use) {
                     return !region.producerOf(use->get()) &&
                            accessCost(use->get(), placesOf(*heaviest(), use),
                                       schedule.laneDim, schedule.lanes) > 1;
                   });
    int64_t most = (schedule.lanes == 1 ? 36 : 96) / taps;
    budget = std::min(budget, gathers ? 1 : std::max<int64_t>(4, most));
  }
  // Sums that share no weights: more of them than keep two adders busy, of a
  // latency of four cycles, are code and nothing else.
  constexpr int64_t kBusySums = 8;
  if (isa<FloatType>(getElementTypeOrSelf(op->getResult(0))) &&
      !isContraction(op))
    budget = std::min(budget, kBusySums);
  return budget;
}

int64_t ScheduleChooser::numReductions() const {
  return std::max<int64_t>(1, llvm::count_if(members, [](const Member &member) {
                             return member.isReduction();
                           }));
}

/// Whether a tile of `rows` positions and `blocks` vectors of channels fits
/// into registers, of which accumulators may take `budget`.
bool ScheduleChooser::fits(const Schedule &schedule, int64_t rows,
                           int64_t blocks, int64_t budget) const {
  int64_t vectors =
      llvm::divideCeil(type.getDimSize(schedule.laneDim), schedule.lanes);
  // Lanes next to each other lie next to each other in memory, too.
  bool inBlocks = form.stepsPerRead == 1 || blocks == vectors ||
                  form.kind == DotForm::Kind::Matrix ||
                  kPackedChannels % (blocks * schedule.lanes) == 0 ||
                  blocks * schedule.lanes % kPackedChannels == 0;
  // Accumulators, a step's weights, and an activation that several blocks
  // share.
  if (heaviest()->fusedSteps && rows > 1 && blocks > 1 &&
      rows * blocks + blocks + 1 > target.numVectorRegisters)
    return false;
  return rows * blocks <= budget && inBlocks &&
         (schedule.kernel != Schedule::Kernel::Dot || numReductions() > 1 ||
          rows * blocks == 1 ||
          form.registers(rows, blocks) <= target.numVectorRegisters);
}

/// Whether the schedule's tile can share taps: accumulators, the weights of all
/// taps, an activation, and one to spare, without which LLVM 22 spills, as it
/// does where many more products than that stand in an iteration.
bool ScheduleChooser::fitsSharedTaps(const Schedule &schedule) const {
  constexpr int64_t kMostProducts = 96;
  if (!window)
    return false;
  auto [rows, blocks] = vectorsOf(schedule, schedule.tile);
  int64_t registers =
      rows * blocks * numReductions() + window->taps * blocks + 2;
  return registers <= target.numVectorRegisters &&
         rows * blocks * window->taps <= kMostProducts;
}

void ScheduleChooser::chooseTile(Schedule &schedule) {
  schedule.tile.assign(type.getRank(), 1);
  if (schedule.laneDim < 0)
    return;
  int64_t lane = schedule.laneDim;
  int64_t vectors = llvm::divideCeil(type.getDimSize(lane), schedule.lanes);
  int64_t budget = accumulatorBudget(schedule);
  SmallVector<int64_t, 2> outer = rowDims(lane);
  patch = findPatch();
  window = findSharedWindow(schedule);

  Schedule best = schedule;
  double bestCost = std::numeric_limits<double>::infinity();
  auto consider = [&] {
    for (bool shared : {false, true}) {
      if (shared && !fitsSharedTaps(schedule))
        continue;
      schedule.sharedTaps = shared;
      double cost = nestCost(schedule, type.getShape());
      if (cost < bestCost) {
        bestCost = cost;
        best = schedule;
      }
    }
    schedule.sharedTaps = false;
  };
  for (int64_t blocks = 1; blocks <= std::min(vectors, budget); ++blocks) {
    schedule.tile[lane] =
        std::min(type.getDimSize(lane), blocks * schedule.lanes);
    int64_t rows = outer.empty() ? 1 : type.getDimSize(outer[0]);
    for (int64_t columns = 1;
         columns <= rows && fits(schedule, columns, blocks, budget);
         ++columns) {
      if (!outer.empty())
        schedule.tile[outer[0]] = columns;
      consider();
      // Whole rows of the result, several at once, or a part of them whose
      // windows overlap.
      if (outer.size() < 2 || (columns != rows && !patch))
        continue;
      for (int64_t n = 2; n <= type.getDimSize(outer[1]) &&
                          fits(schedule, columns * n, blocks, budget);
           ++n) {
        schedule.tile[outer[1]] = n;
        consider();
      }
      schedule.tile[outer[1]] = 1;
    }
  }
  schedule = best;
}

/// What rounds a few planes into the bytes of pixels writes whole pixels, a
/// vector of each plane at a time.
void ScheduleChooser::choosePixels(Schedule &schedule) const {
  int64_t last = type.getRank() - 1;
  linalg::LinalgOp root = region.root;
  if (schedule.laneDim < 0 || schedule.laneDim != last - 1 ||
      type.getDimSize(last) > 4 || heaviest()->isReduction() ||
      !matchRoundedBytes(*root.getBlock()))
    return;
  schedule.tile.assign(type.getRank(), 1);
  schedule.tile[last] = type.getDimSize(last);
  schedule.tile[last - 1] = std::min(schedule.lanes, type.getDimSize(last - 1));
}

/// The region's contractions, if all of them can be products of tiles.
std::optional<std::vector<PlacedDot>>
ScheduleChooser::tileDots(int64_t laneDim) const {
  std::vector<PlacedDot> dots;
  for (const Member &member : members) {
    if (!member.isReduction())
      continue;
    std::optional<DotContraction> dot = matchDotContraction(member.op);
    if (!dot || !dotAlong(member, laneDim) || !fitsTiles(*dot))
      return std::nullopt;
    dots.push_back({*dot, fromRoot(member)});
  }
  return dots;
}

/// Products of tiles, where the target has them and they cost less.
void ScheduleChooser::chooseTileDot(Schedule &schedule) const {
  if (!target.hasAmx || schedule.kernel != Schedule::Kernel::Dot ||
      schedule.lanes != kTileLanes)
    return;
  std::optional<std::vector<PlacedDot>> dots = tileDots(schedule.laneDim);
  if (!dots)
    return;
  std::optional<TileDotSchedule> choice = chooseTileDotSchedule(
      *dots, type.getShape(), schedule.laneDim, rowDims(schedule.laneDim));
  if (!choice || choice->cost >= nestCost(schedule, type.getShape()))
    return;
  schedule.kernel = Schedule::Kernel::TileDot;
  schedule.sharedTaps = false;
  schedule.tile = choice->tile;
}

} // namespace qopt
