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

#include "BlockPrefetch.h"
#include "ScheduleChooser.h"
#include "TransposedReads.h"
#include "qopt/Schedule/MmaContraction.h"
#include "qopt/Transforms/Structured.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// What the region does, seen from the root's dimensions
//===----------------------------------------------------------------------===//

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
  std::optional<WeightStream> stream = laneWeights(schedule);
  schedule.prefetch = isShared && stream && stream->bytes() > kFirstLevelBytes;
}

/// A tile's weights come anew from the second-level cache for each tile where
/// the first level does not hold them. The hardware follows, but each time that
/// it reaches the end of a page, or of the rows of a window, it starts again.
/// More streams than three it follows well enough, those of shared taps, too
/// (measured).
void ScheduleChooser::chooseAhead(Schedule &schedule) const {
  constexpr int64_t kAhead = 1024, kMostStreams = 3;
  int64_t lane = schedule.laneDim;
  bool hasStreams =
      schedule.kernel == Schedule::Kernel::Vector ||
      (schedule.kernel == Schedule::Kernel::Dot && form.stepsPerRead == 1);
  // A line for each vector; only x86-64 has such, and only there it is
  // measured.
  if (!target.hasCache || target.vectorBits != 512 || !hasStreams || lane < 0 ||
      schedule.sharedTaps)
    return;
  if (schedule.tile[lane] <= kMostStreams * schedule.lanes &&
      sharedWeightBytes(schedule) > kHeldWeightBytes)
    schedule.ahead = kAhead;
}

/// Of several nests that read the same rows, only the first one waits for them.
void ScheduleChooser::chooseNextBlock(Schedule &schedule) const {
  schedule.nextBlock =
      target.hasCache && schedule.kernel == Schedule::Kernel::Vector &&
      llvm::any_of(OutsideReads(region).reads, [&](const auto &read) {
        std::optional<RowBlock> block = RowBlock::of(read.tensor);
        return block && block->isReadLastBy(region);
      });
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
  bool isPacked4 = false;
  for (const Member &member : members) {
    std::optional<DotContraction> dot = matchDotContraction(member.op);
    if (!dot || !dotAlong(member, schedule.laneDim))
      continue;
    ++dots;
    depth = std::min(depth, dot->depth());
    isPacked4 |= dot->isPacked4();
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
  form.unpacksWeights = isPacked4;
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
  chooseAhead(schedule);
  chooseNextBlock(schedule);
  if (threads > 1)
    chooseTasks(schedule, threads, costOf(schedule, type.getShape()),
                leastTasks);
  return schedule;
}

Schedule chooseSchedule(const FusedRegion &region, const TargetInfo &target,
                        int64_t threads, double leastTasks) {
  if (target.isGpu())
    return ScheduleChooser(region, target).chooseThreads();
  return ScheduleChooser(region, target).run(threads, leastTasks);
}

} // namespace qopt
