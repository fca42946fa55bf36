//===- ChooseSchedule.cpp - The cost model of schedules -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Costs are in vector instructions; they rank schedules of one region and mean
// nothing else.
//
//===----------------------------------------------------------------------===//

#include "DepthwiseSchedule.h"
#include "RoundedBytes.h"
#include "TileDotSchedule.h"
#include "TransposedReads.h"
#include "WeightPrefetch.h"
#include "qopt/Schedule/MmaContraction.h"
#include "qopt/Schedule/Schedule.h"
#include "qopt/Target/DotForm.h"
#include "qopt/Transforms/Structured.h"
#include <numeric>

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// What the region does, seen from the root's dimensions
//===----------------------------------------------------------------------===//

namespace {

/// One operation of the region: its loops as expressions of the root's
/// dimensions (reductions get dimensions of their own), and how often its body
/// runs for each element of the root.
struct Member {
  linalg::LinalgOp op;
  SmallVector<AffineExpr> loops;
  int64_t trips = 1;
  /// Whether a step is a multiplication and addition in one.
  bool fusedSteps = false;

  Block *block() const { return linalg::LinalgOp(op).getBlock(); }
  bool isReduction() const {
    return linalg::LinalgOp(op).getNumReductionLoops() != 0;
  }
};

/// What a tile reads of the activations of a window that slides over them: it
/// shares pixels with its neighbours.
struct Patch {
  /// For each dimension of the activations, how far a step along each dimension
  /// of the result goes, and how far the window reaches.
  SmallVector<SmallVector<int64_t>> steps;
  SmallVector<int64_t> reach;
  int64_t elementBytes;

  double bytes(ArrayRef<int64_t> tile) const {
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

class ScheduleChooser {
public:
  ScheduleChooser(const FusedRegion &region, const TargetInfo &target)
      : region(region), target(target),
        type(cast<RankedTensorType>(region.root->getResult(0).getType())),
        nextDim(type.getRank()) {
    SmallVector<AffineExpr> dims;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      dims.push_back(getAffineDimExpr(dim, region.root->getContext()));
    collect(region.root, dims, 1);
  }

  Schedule run(int64_t threads, double leastTasks);
  Schedule chooseThreads();

private:
  const Member *findMma() const;

  void collect(linalg::LinalgOp op, ArrayRef<AffineExpr> at, int64_t trips);
  int64_t widestBits() const;
  double accessCost(Value tensor, ArrayRef<AffineExpr> at, int64_t dim,
                    int64_t lanes) const;
  SmallVector<AffineExpr> placesOf(const Member &member,
                                   OpOperand *operand) const;
  bool readsTransposed(const Member &member, OpOperand *operand, int64_t dim,
                       int64_t lanes) const;
  double laneCost(int64_t dim, int64_t lanes) const;
  bool dotAlong(const Member &member, int64_t dim) const;
  std::optional<DepthwiseSchedule> chooseDepthwise() const;
  void chooseLanes(Schedule &schedule) const;
  void chooseTile(Schedule &schedule);
  void choosePixels(Schedule &schedule) const;
  int64_t accumulatorBudget(const Schedule &schedule) const;
  int64_t numReductions() const;
  void chooseOrder(Schedule &schedule) const;
  void choosePrefetch(Schedule &schedule) const;
  void chooseTileDot(Schedule &schedule) const;
  SmallVector<int64_t, 2> rowDims(int64_t lane) const;
  std::optional<std::vector<PlacedDot>> tileDots(int64_t laneDim) const;
  double costOf(const Schedule &schedule, ArrayRef<int64_t> shape) const;
  double slowestTask(const Schedule &schedule, int64_t dim, int64_t step,
                     int64_t tasks) const;
  double fetchCost(int64_t dim, int64_t laneDim, int64_t tasks) const;
  void chooseTasks(Schedule &schedule, int64_t threads, double cost,
                   double leastCost) const;
  double tileCost(const Schedule &schedule, int64_t rows, int64_t blocks) const;
  double nestCost(const Schedule &schedule, ArrayRef<int64_t> shape) const {
    return nestCost(schedule, shape, 0, SmallVector<int64_t>(shape.size(), 1));
  }
  double nestCost(const Schedule &schedule, ArrayRef<int64_t> shape,
                  unsigned dim, SmallVector<int64_t> count) const;
  std::optional<Patch> findPatch() const;
  const Member *heaviest() const;
  AffineMap fromRoot(const Member &member) const;
  void chooseDotForm(Schedule &schedule);
  void chooseKernel(Schedule &schedule) const;

  const FusedRegion &region;
  const TargetInfo &target;
  RankedTensorType type;
  unsigned nextDim;
  SmallVector<Member> members;
  /// How the region's dots are computed, if the schedule uses them.
  DotForm form;
  std::optional<Patch> patch;
};

/// How often the body runs for each element of the operation's own result.
static int64_t reductionTrips(linalg::LinalgOp op) {
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  int64_t trips = 1;
  for (unsigned loop : reductions)
    trips *= op.getStaticLoopRanges()[loop];
  return trips;
}

/// Whether both compute the same elements of their operation's result.
static bool equalBesideReductions(const Member &a, const Member &b) {
  linalg::LinalgOp op = a.op;
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  return llvm::all_of(
      parallel, [&](unsigned loop) { return a.loops[loop] == b.loops[loop]; });
}

void ScheduleChooser::collect(linalg::LinalgOp op, ArrayRef<AffineExpr> at,
                              int64_t trips) {
  Member member;
  member.op = op;
  AffineMap out = op.getIndexingMapMatchingResult(op->getResult(0));
  member.loops.resize(op.getNumLoops());
  for (auto [expr, index] : llvm::zip_equal(out.getResults(), at))
    member.loops[cast<AffineDimExpr>(expr).getPosition()] = index;
  for (AffineExpr &loop : member.loops)
    if (!loop)
      loop = getAffineDimExpr(nextDim++, op->getContext());
  member.trips = trips * reductionTrips(op);
  std::optional<Contraction> contraction = matchContraction(op);
  member.fusedSteps = contraction && contraction->oneRounding;
  // Who asks for the same elements again gets the same values.
  for (const Member &known : members)
    if (known.op == op && known.trips == member.trips &&
        equalBesideReductions(known, member))
      return;
  members.push_back(member);
  SmallVector<AffineExpr> loops = member.loops;
  for (OpOperand &operand : op->getOpOperands()) {
    linalg::LinalgOp producer = region.producerOf(operand.get());
    if (!producer || !op.payloadUsesValueFromOperand(&operand))
      continue;
    int64_t below = op.isDpsInit(&operand) ? trips : member.trips;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<AffineExpr> next =
        llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
          return expr.replaceDims(loops);
        });
    collect(producer, next, below);
  }
}

/// Lanes are as wide as the widest type that any body computes in, up to 32
/// bits: products of 64 bits between two steps of 32 take two registers.
int64_t ScheduleChooser::widestBits() const {
  int64_t bits = 8;
  auto see = [&](Type type) {
    if (type.isIntOrFloat())
      bits =
          std::max<int64_t>(bits, std::min(type.getIntOrFloatBitWidth(), 32u));
  };
  for (const Member &member : members)
    for (Operation &op : *member.block()) {
      if (isa<arith::ConstantOp>(op))
        continue;
      for (Type type : op.getResultTypes())
        see(type);
      for (Type type : op.getOperandTypes())
        see(type);
    }
  return bits;
}

/// Whether `expr` is `dim` itself and nothing of it elsewhere.
static bool isDim(AffineExpr expr, int64_t dim) {
  return expr == getAffineDimExpr(dim, expr.getContext());
}

bool ScheduleChooser::dotAlong(const Member &member, int64_t dim) const {
  std::optional<DotContraction> dot = matchDotContraction(member.op);
  if (!dot || region.producerOf(dot->lhs))
    return false;
  for (auto [loop, expr] : llvm::enumerate(member.loops)) {
    if (loop == dot->outLoop && !isDim(expr, dim))
      return false;
    if (loop != dot->outLoop && expr.isFunctionOfDim(dim))
      return false;
  }
  return true;
}

/// Instructions to read or write one vector along `dim`.
double ScheduleChooser::accessCost(Value tensor, ArrayRef<AffineExpr> at,
                                   int64_t dim, int64_t lanes) const {
  unsigned moving = 0;
  bool unit = true;
  for (auto [i, expr] : llvm::enumerate(at)) {
    if (!expr.isFunctionOfDim(dim))
      continue;
    ++moving;
    AffineExpr step = simplifyAffineExpr(
        expr.replace(getAffineDimExpr(dim, expr.getContext()),
                     getAffineDimExpr(dim, expr.getContext()) + 1) -
            expr,
        nextDim, 0);
    bool last = i + 1 == at.size() || matchPattern(tensor, m_Constant());
    unit &= last && step == getAffineConstantExpr(1, expr.getContext());
  }
  if (moving == 0 || (moving == 1 && unit))
    return 1;
  return 1.5 * lanes;
}

/// Where `operand` is read, by the root's dimensions.
SmallVector<AffineExpr> ScheduleChooser::placesOf(const Member &member,
                                                  OpOperand *operand) const {
  linalg::LinalgOp op = member.op;
  return llvm::map_to_vector(
      op.getMatchingIndexingMap(operand).getResults(),
      [&](AffineExpr expr) { return expr.replaceDims(member.loops); });
}

/// Whether lanes along `dim` read blocks of `operand` and transpose them.
bool ScheduleChooser::readsTransposed(const Member &member, OpOperand *operand,
                                      int64_t dim, int64_t lanes) const {
  linalg::LinalgOp op = member.op;
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  if (reductions.empty() || region.producerOf(operand->get()) ||
      op.getStaticLoopRanges()[reductions.back()] % lanes != 0)
    return false;
  MLIRContext *context = op->getContext();
  AffineExpr along = getAffineDimExpr(dim, context),
             step = member.loops[reductions.back()];
  Position first{placesOf(member, operand), lanes}, next = first;
  for (auto [at, after] : llvm::zip_equal(first.index, next.index)) {
    at = at.replace(along, along + getAffineSymbolExpr(0, context));
    after = at.replace(step, step + 1);
  }
  return isTransposedRead(operand->get(), first, next);
}

/// Instructions for one element of the root with lanes along `dim`.
double ScheduleChooser::laneCost(int64_t dim, int64_t lanes) const {
  int64_t extent = type.getDimSize(dim);
  int64_t used = std::min(lanes, extent);
  double cost = 0;
  for (const Member &member : members) {
    linalg::LinalgOp op = member.op;
    double body = 0;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      if (!isa<ShapedType>(operand->get().getType()) ||
          region.producerOf(operand->get()) ||
          !op.payloadUsesValueFromOperand(operand))
        continue;
      body += readsTransposed(member, operand, dim, used)
                  ? 1.0 + shufflesOfTransposedRead(used)
                  : accessCost(operand->get(), placesOf(member, operand), dim,
                               used);
    }
    body += op.getBlock()->getOperations().size() - 1;
    if (dotAlong(member, dim))
      body /= 8;
    cost += body * member.trips;
  }
  SmallVector<AffineExpr> dims;
  for (int64_t i = 0; i < type.getRank(); ++i)
    dims.push_back(getAffineDimExpr(i, type.getContext()));
  cost += accessCost(region.root->getResult(0), dims, dim, used);
  return cost * double(llvm::divideCeil(extent, lanes)) / double(extent);
}

void ScheduleChooser::chooseLanes(Schedule &schedule) const {
  int64_t lanes = std::max<int64_t>(1, target.vectorBits / widestBits());
  schedule.lanes = lanes;
  double best = 0;
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    double cost = laneCost(dim, lanes);
    if (schedule.laneDim >= 0 && cost >= best)
      continue;
    best = cost;
    schedule.laneDim = dim;
  }
  if (schedule.laneDim < 0) {
    schedule.lanes = 1;
    return;
  }
  for (const Member &member : members)
    if (dotAlong(member, schedule.laneDim))
      schedule.kernel = Schedule::Kernel::Dot;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

const Member *ScheduleChooser::heaviest() const {
  const Member *best = &members.front();
  for (const Member &member : members)
    if (member.isReduction() && member.trips > best->trips)
      best = &member;
  return best;
}

/// One tile of `rows` positions times `blocks` vectors.
double ScheduleChooser::tileCost(const Schedule &schedule, int64_t rows,
                                 int64_t blocks) const {
  const Member *member = heaviest();
  bool useDot = schedule.usesDots();
  double products = (member->fusedSteps ? 1.0 : 2.0) * rows * blocks;
  double steps = member->trips;
  double loads = 0.5 * rows + blocks;
  if (useDot) {
    steps /= form.stepBytes();
    products = form.instructions(rows, blocks);
    loads = form.loads(rows, blocks);
    // Lanes come from loads that take turns with the products.
    if (form.stepsPerRead > 1)
      products += loads;
  }
  // A step waits four cycles for the one before it on its accumulator; of
  // float ones, two can run in a cycle.
  double step = std::max({products, loads, useDot ? 4.0 : 8.0}) + 1;
  // Of tiles that cost the same, the one with fewer loads: some cores start two
  // products in a cycle, and then loads are what binds.
  step += 0.02 * loads;
  constexpr double kEpilogue = 12;
  return steps * step + kEpilogue * rows * blocks + 4;
}

static double bytesOf(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return double(type.getNumElements()) * type.getElementTypeBitWidth() / 8;
}

/// The patch of a float convolution whose windows overlap and whose input is
/// too large for the second-level cache: from there it comes in time. Without a
/// cache, tiles of single rows let more memory be shared.
std::optional<Patch> ScheduleChooser::findPatch() const {
  const Member *member = heaviest();
  std::optional<Contraction> contraction = matchContraction(member->op);
  constexpr double kSecondLevelBytes = 2 << 20;
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
    int64_t rows = 1;
    for (auto [i, size] : llvm::enumerate(count))
      rows *= int64_t(i) == lane ? 1 : size;
    double bytes = patch ? patch->bytes(count) : 0;
    return tileCost(schedule, rows, llvm::divideCeil(n, schedule.lanes)) +
           kPatchByte * bytes;
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
    return 4;
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
  // Short reductions have no loop, so that the size of the code limits them.
  int64_t taps = heaviest()->trips;
  if (taps <= 25 && schedule.kernel == Schedule::Kernel::Vector)
    budget = std::min<int64_t>(
        budget, std::max<int64_t>(4, (schedule.lanes == 1 ? 36 : 96) / taps));
  return budget;
}

int64_t ScheduleChooser::numReductions() const {
  return std::max<int64_t>(1, llvm::count_if(members, [](const Member &member) {
                             return member.isReduction();
                           }));
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

  Schedule best = schedule;
  double bestCost = -1;
  auto consider = [&] {
    double cost = nestCost(schedule, type.getShape());
    if (bestCost >= 0 && cost >= bestCost)
      return;
    bestCost = cost;
    best = schedule;
  };
  auto fits = [&](int64_t rows, int64_t blocks) {
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
  };
  for (int64_t blocks = 1; blocks <= std::min(vectors, budget); ++blocks) {
    schedule.tile[lane] = blocks == vectors ? std::min(type.getDimSize(lane),
                                                       blocks * schedule.lanes)
                                            : blocks * schedule.lanes;
    int64_t rows = outer.empty() ? 1 : type.getDimSize(outer[0]);
    for (int64_t columns = 1; columns <= rows && fits(columns, blocks);
         ++columns) {
      if (!outer.empty())
        schedule.tile[outer[0]] = columns;
      consider();
      // Whole rows of the result, several at once, or a part of them whose
      // windows overlap.
      if (outer.size() < 2 || (columns != rows && !patch))
        continue;
      for (int64_t n = 2;
           n <= type.getDimSize(outer[1]) && fits(columns * n, blocks); ++n) {
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
  schedule.tile = choice->tile;
}

/// Weights that a tile reads again and again stay in the first-level cache: the
/// loop over channels goes around the columns, and around everything if there
/// are few columns to share them. Otherwise, and where there is no cache,
/// memory is walked in order: rows that are done may be overwritten.
void ScheduleChooser::chooseOrder(Schedule &schedule) const {
  schedule.order = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  std::optional<Contraction> contraction = matchContraction(heaviest()->op);
  int64_t lane = schedule.laneDim;
  if (!contraction || lane < 0)
    return;
  llvm::erase(schedule.order, lane);
  int64_t tiles = 1;
  if (!schedule.order.empty())
    tiles = type.getDimSize(schedule.order.back()) /
            schedule.tile[schedule.order.back()];
  bool aroundColumns = contraction->depthwise || tiles >= 4 || !target.hasCache;
  auto position = aroundColumns && !schedule.order.empty()
                      ? schedule.order.end() - 1
                      : schedule.order.begin();
  schedule.order.insert(position, lane);
}

/// Weights that are read in blocks, one block after another and each several
/// times, and that are more than the first-level cache holds. What is read once
/// is read in order, as the hardware foresees.
void ScheduleChooser::choosePrefetch(Schedule &schedule) const {
  constexpr int64_t kFirstLevelBytes = 48 << 10;
  int64_t lane = schedule.laneDim;
  bool inBlocks =
      schedule.kernel == Schedule::Kernel::Vector ||
      schedule.kernel == Schedule::Kernel::TileDot ||
      (schedule.kernel == Schedule::Kernel::Dot && form.stepsPerRead == 1);
  if (!target.hasCache || !inBlocks || lane < 0 ||
      schedule.tile[lane] >= type.getDimSize(lane))
    return;
  int64_t depth = llvm::find(schedule.order, lane) - schedule.order.begin();
  bool isShared = schedule.kernel == Schedule::Kernel::TileDot;
  isShared |= llvm::any_of(
      ArrayRef(schedule.order).drop_front(depth + 1),
      [&](int64_t dim) { return schedule.tile[dim] < type.getDimSize(dim); });
  std::optional<WeightStream> stream =
      WeightStream::of(heaviest()->op, schedule.lanes);
  schedule.prefetch = isShared && stream &&
                      isDim(heaviest()->loops[stream->channels()], lane) &&
                      stream->bytes() > kFirstLevelBytes;
}

/// What the nest costs for a result of `shape`, a share of the whole one.
double ScheduleChooser::costOf(const Schedule &schedule,
                               ArrayRef<int64_t> shape) const {
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
  double input = bytesOf(dot ? dot->lhs : region.root->getResult(0));
  bool sharesWeights = !dot || dot->depthwise;
  if (dim == laneDim && !sharesWeights)
    return others * kInput * input;
  double cost = sharesWeights ? 0 : others * kWeights * bytesOf(dot->rhs);
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
    weights = kPerWeight * bytesOf(found->rhs);
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

/// The form that all dots of the region can take: the weakest proof holds.
void ScheduleChooser::chooseDotForm(Schedule &schedule) {
  if (schedule.kernel != Schedule::Kernel::Dot)
    return;
  DotShape shape;
  shape.lanes = schedule.lanes;
  shape.pairBound = 0;
  shape.byteBound = 0;
  // Splitting and joining a sum takes as long as what it saves in 16 products.
  constexpr int64_t kLeastProducts = 32;
  shape.canSplitSums =
      numReductions() == 1 && heaviest()->trips >= kLeastProducts;
  int64_t dots = 0, depth = std::numeric_limits<int64_t>::max();
  for (const Member &member : members) {
    std::optional<DotContraction> dot = matchDotContraction(member.op);
    if (!dot || !dotAlong(member, schedule.laneDim))
      continue;
    ++dots;
    depth = std::min(depth, dot->depth());
    shape.unsignedA = dot->lhsUnsigned;
    shape.unsignedB = dot->weightsUnsigned;
    DotShape assumed = shape;
    assumed.pairBound = 0;
    // Only some forms need the proof, which reads all weights.
    DotForm likely = DotForm::choose(target, assumed);
    if (likely.needsPairBound())
      shape.pairBound =
          std::max(shape.pairBound, pairBound(packWeights(*dot), *dot));
    if (likely.needsByteBound())
      shape.byteBound =
          std::max(shape.byteBound, byteBound(packWeights(*dot), *dot));
  }
  bool hasRows = llvm::any_of(rowDims(schedule.laneDim), [&](int64_t dim) {
    return type.getDimSize(dim) > 1;
  });
  shape.canPairRows = dots == 1 && depth >= 8 && hasRows;
  shape.isDeep = depth >= kAcrossBytes;
  form = DotForm::choose(target, shape);
  if (form.needsPairBound() || form.needsByteBound())
    schedule.pairSteps = form.steps;
  schedule.stepsPerRead = form.stepsPerRead;
}

/// Rows can be paired where a tile has several. Other forms have one kernel.
void ScheduleChooser::chooseKernel(Schedule &schedule) const {
  int64_t rows = 1;
  for (auto [dim, n] : llvm::enumerate(schedule.tile))
    rows *= int64_t(dim) == schedule.laneDim ? 1 : n;
  if (form.kind == DotForm::Kind::Matrix && rows > 1)
    schedule.kernel = Schedule::Kernel::MatrixDot;
  if (form.kind == DotForm::Kind::StepSums)
    schedule.kernel = Schedule::Kernel::SplitDot;
  if (form.kind == DotForm::Kind::Across)
    schedule.kernel = Schedule::Kernel::AcrossDot;
}

/// How a lane's dot product is made in vectors of all widths that groups of
/// channels have; nothing where that takes plain arithmetic.
static std::optional<DotForm> depthwiseForm(const TargetInfo &target,
                                            const DepthwiseDot &dot) {
  DotShape shape;
  shape.unsignedA = dot.lhsUnsigned;
  shape.unsignedB = dot.weightsUnsigned;
  shape.pairBound = dot.pairBound();
  if (target.lanes(32) < 4)
    return std::nullopt;
  DotForm form;
  for (shape.lanes = 4; shape.lanes <= target.lanes(32); shape.lanes *= 2) {
    form = DotForm::choose(target, shape);
    if (form.kind != DotForm::Kind::Quads &&
        form.kind != DotForm::Kind::WidePairs)
      return std::nullopt;
  }
  return form;
}

/// The loops of `member` over the root's dimensions, at the start of its
/// reductions.
AffineMap ScheduleChooser::fromRoot(const Member &member) const {
  SmallVector<AffineExpr> dims(nextDim,
                               getAffineConstantExpr(0, type.getContext()));
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    dims[dim] = getAffineDimExpr(dim, type.getContext());
  SmallVector<AffineExpr> loops = llvm::map_to_vector(
      member.loops, [&](AffineExpr expr) { return expr.replaceDims(dims); });
  return AffineMap::get(type.getRank(), 0, loops, type.getContext());
}

/// Interleaved dot products, where the region's one reduction is over the taps
/// of a window and the target multiplies these signs.
std::optional<DepthwiseSchedule> ScheduleChooser::chooseDepthwise() const {
  const Member *member = heaviest();
  std::optional<DepthwiseDot> dot = matchDepthwiseDot(member->op);
  int64_t lane = type.getRank() - 1;
  std::optional<DotForm> form;
  if (dot)
    form = depthwiseForm(target, *dot);
  if (!form || region.producerOf(dot->lhs) ||
      llvm::count_if(members, [](const Member &member) {
        return member.isReduction();
      }) != 1)
    return std::nullopt;
  for (auto [loop, expr] : llvm::enumerate(member->loops))
    if (loop == dot->channelLoop ? !isDim(expr, lane)
                                 : expr.isFunctionOfDim(lane))
      return std::nullopt;
  // The last group of channels may compute elements a second time.
  linalg::LinalgOp root = region.root;
  OpOperand *init = root.getDpsInitOperand(0);
  if (root.payloadUsesValueFromOperand(init) && !region.producerOf(init->get()))
    return std::nullopt;
  std::optional<DepthwiseSchedule> choice = chooseDepthwiseSchedule(
      *dot, fromRoot(*member), type.getShape(), target, *form);
  // Otherwise, every tap is an extension, a product and a sum.
  constexpr double kTap = 3, kEpilogue = 8;
  if (choice && choice->cost > kTap * dot->taps() + kEpilogue)
    return std::nullopt;
  return choice;
}

/// The region's one reduction, if tensor cores can take it: a contraction whose
/// elements the root asks for where they are.
const Member *ScheduleChooser::findMma() const {
  if (llvm::count_if(
          members, [](const Member &member) { return member.isReduction(); }) !=
          1 ||
      type.getRank() == 0)
    return nullptr;
  const Member *member = heaviest();
  std::optional<MmaContraction> mma = matchMmaContraction(member->op);
  if (!mma || region.producerOf(mma->dot.lhs))
    return nullptr;
  linalg::LinalgOp op = member->op;
  AffineMap out = op.getIndexingMapMatchingResult(op->getResult(0));
  for (auto [dim, expr] : llvm::enumerate(out.getResults()))
    if (!isDim(member->loops[cast<AffineDimExpr>(expr).getPosition()], dim))
      return nullptr;
  bool sameShape = cast<ShapedType>(op->getResult(0).getType()).getShape() ==
                   type.getShape();
  return sameShape ? member : nullptr;
}

/// One tile a thread, neighbours along the last dimension in each: up to four
/// elements, the bytes of one access. All threads run the same code, so that
/// what does not divide by four has shorter tiles.
Schedule ScheduleChooser::chooseThreads() {
  constexpr int64_t kThreads = 128;
  Schedule schedule;
  schedule.threads = kThreads;
  schedule.tile.assign(type.getRank(), 1);
  schedule.order = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  schedule.laneDim = type.getRank() - 1;
  if (schedule.laneDim < 0)
    return schedule;
  schedule.lanes = std::gcd<int64_t>(4, type.getShape().back());
  schedule.tile.back() = schedule.lanes;
  if (const Member *member = findMma()) {
    schedule.kernel = Schedule::Kernel::Mma;
    schedule.mmaTile = chooseMmaTile(*matchMmaContraction(member->op));
    schedule.threads = mmaThreads(schedule.mmaTile);
    return schedule;
  }
  for (const Member &member : members)
    if (schedule.lanes > 1 && dotAlong(member, schedule.laneDim))
      schedule.kernel = Schedule::Kernel::Dot;
  return schedule;
}

Schedule ScheduleChooser::run(int64_t threads, double leastTasks) {
  if (std::optional<DepthwiseSchedule> depthwise = chooseDepthwise()) {
    double vectors =
        double(type.getNumElements()) / double(depthwise->schedule.lanes);
    chooseTasks(depthwise->schedule, threads, depthwise->cost * vectors,
                leastTasks);
    return depthwise->schedule;
  }
  Schedule schedule;
  chooseLanes(schedule);
  chooseDotForm(schedule);
  chooseTile(schedule);
  choosePixels(schedule);
  chooseKernel(schedule);
  chooseTileDot(schedule);
  chooseOrder(schedule);
  choosePrefetch(schedule);
  if (threads > 1)
    chooseTasks(schedule, threads, costOf(schedule, type.getShape()),
                leastTasks);
  return schedule;
}

} // namespace

Schedule chooseSchedule(const FusedRegion &region, const TargetInfo &target,
                        int64_t threads, double leastTasks) {
  if (target.isGpu())
    return ScheduleChooser(region, target).chooseThreads();
  return ScheduleChooser(region, target).run(threads, leastTasks);
}

} // namespace qopt
