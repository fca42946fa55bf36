//===- NestEmitter.cpp - One generator of loop nests ----------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops over tiles of the root's result; inside, values are computed on demand:
// whoever needs a producer's elements asks for them by position, and gets
// vectors. A position is affine in the loops' counters and in the lane, so that
// whether a read is contiguous, uniform, or a gather is read off the position.
//
//===----------------------------------------------------------------------===//

#include "qopt/Schedule/NestEmitter.h"
#include "DepthwiseEmitter.h"
#include "RoundedBytes.h"
#include "RowPairs.h"
#include "VectorBody.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/DotContraction.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace qopt {
namespace {

/// Reductions with at most this many steps have no loops: the taps of a
/// depthwise convolution or a pooling window.
constexpr int64_t kUnrolledTaps = 25;

/// Dot products of one segment that stand one after another: beyond, a loop
/// costs less than the code.
constexpr int64_t kUnrolledDots = 64;

class NestEmitter {
public:
  NestEmitter(RewriterBase &rewriter, const FusedRegion &region,
              const Schedule &schedule)
      : b(rewriter), region(region), schedule(schedule), root(region.root),
        loc(root.getLoc()), access(rewriter, loc),
        depthwise(access, root, schedule) {}

  FailureOr<Value> run();

private:
  Value destination();
  Value emitTiles(size_t depth, Value dest, SmallVector<AffineExpr> base,
                  SmallVector<int64_t> count);
  void shareOut(Operation *loop);
  Value emitInnermost(int64_t dim, Value dest, SmallVector<AffineExpr> base,
                      SmallVector<int64_t> count);
  Value emitTile(Value dest, ArrayRef<AffineExpr> base,
                 ArrayRef<int64_t> count);
  Value writeTile(ArrayRef<Position> positions, ArrayRef<Value> values,
                  Value tile);
  Value writeRounded(ArrayRef<Position> positions, ArrayRef<Value> values,
                     Value tile);
  Value roundAndPack(ArrayRef<Value> reals, int64_t lanes);
  SmallVector<Position> laneGroups(const Position &start, int64_t count);
  SmallVector<Position> tilePositions(ArrayRef<AffineExpr> base,
                                      ArrayRef<int64_t> count);

  SmallVector<Value> emitValue(Value tensor, ArrayRef<Position> at);
  SmallVector<Value> emitProducer(linalg::LinalgOp producer, Value tensor,
                                  ArrayRef<Position> at);
  SmallVector<Value> emitOp(linalg::LinalgOp op, ArrayRef<Position> loops);
  SmallVector<Value> emitElementwise(linalg::LinalgOp op,
                                     ArrayRef<Position> loops,
                                     Value wanted = {});
  SmallVector<Value> emitReduction(linalg::LinalgOp op,
                                   SmallVector<Position> loops);
  SmallVector<Value> emitDot(const DotContraction &dot,
                             SmallVector<Position> loops);
  SmallVector<Value> initialAccumulators(linalg::LinalgOp op,
                                         ArrayRef<Position> loops);
  void reduceOver(linalg::LinalgOp op, ArrayRef<unsigned> reductions,
                  bool unroll, SmallVector<Position> &loops,
                  SmallVector<Value> &accumulators);
  void reduceOnce(linalg::LinalgOp op, ArrayRef<Position> loops,
                  SmallVector<Value> &accumulators, Value wanted = {});
  bool canUseDot(const DotContraction &dot, ArrayRef<Position> loops) const;
  void dotSegments(const DotContraction &dot, ArrayRef<unsigned> segments,
                   SmallVector<Position> &loops,
                   SmallVector<Value> &accumulators);
  void dotSegment(const DotContraction &dot, ArrayRef<Position> loops,
                  SmallVector<Value> &accumulators);
  void dotRow(const DotContraction &dot, ArrayRef<Position> loops,
              AffineExpr row, AffineExpr offset, ArrayRef<int64_t> steps,
              SmallVector<Value> &accumulators);
  void dotPairs(const DotContraction &dot, ArrayRef<Position> loops,
                AffineExpr row, AffineExpr offset, ArrayRef<int64_t> steps,
                SmallVector<Value> &accumulators);
  Position activationAt(const DotContraction &dot, const Position &loops,
                        AffineExpr offset, int64_t step);
  Value dotActivation(const DotContraction &dot, const Position &loops,
                      AffineExpr offset, int64_t step);
  Value activationPair(const DotContraction &dot, const Position &first,
                       const Position &second, AffineExpr offset, int64_t step);
  Value flipped(const DotContraction &dot, Value bytes);
  Value packedConstant(const DotContraction &dot);
  Value dotWeights(const DotContraction &dot, const Position &loops,
                   AffineExpr row, unsigned half, int64_t part = 0);
  void addFlipCorrections(const DotContraction &dot, ArrayRef<Position> loops,
                          MutableArrayRef<Value> accumulators);
  bool flips(const DotContraction &dot) const {
    return schedule.flipLhs && dot.lhsUnsigned;
  }
  /// Channels in one block of packed weights.
  int64_t packedChannels() const {
    return schedule.kernel == Schedule::Kernel::MatrixDot
               ? llvm::alignTo(schedule.tile[schedule.laneDim], schedule.lanes)
               : kPackedChannels;
  }

  /// Emits `for i in [0, count)` around `body`, which maps the values carried;
  /// a single iteration is emitted without a loop.
  void emitLoop(int64_t count, bool keepRolled, SmallVector<Value> &carried,
                function_ref<void(AffineExpr, SmallVector<Value> &)> body);

  RewriterBase &b;
  const FusedRegion &region;
  const Schedule &schedule;
  linalg::LinalgOp root;
  Location loc;
  TensorAccess access;
  Value dest;
  DepthwiseEmitter depthwise;
  llvm::MapVector<Operation *, DotContraction> dots;
  llvm::MapVector<Operation *, DepthwiseDot> depthwiseDots;
  /// How the root's body ends, if its vectors are rounded and packed at once.
  std::optional<RoundedBytes> rounded;
  DenseMap<Operation *, Value> packedWeights, activations, corrections;
  /// Kernel MatrixDot: which of the rows that are emitted belong together.
  SmallVector<RowPair> pairs;
  DenseMap<Operation *, int64_t> pairBounds;
  bool failed = false;
};

//===----------------------------------------------------------------------===//
// Loops over tiles
//===----------------------------------------------------------------------===//

/// "Do not unroll": LLVM would spill the accumulators of a register tile.
LLVM::LoopAnnotationAttr keepRolledAnnotation(MLIRContext *context) {
  auto yes = BoolAttr::get(context, true);
  auto unroll = LLVM::LoopUnrollAttr::get(context, yes, {}, {}, {}, {}, {}, {});
  return LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {}, {}, {},
                                       {}, {}, {}, {}, {}, {}, {}, {});
}

void NestEmitter::emitLoop(
    int64_t count, bool keepRolled, SmallVector<Value> &carried,
    function_ref<void(AffineExpr, SmallVector<Value> &)> body) {
  if (count == 0)
    return;
  if (count == 1)
    return body(b.getAffineConstantExpr(0), carried);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value end = arith::ConstantIndexOp::create(b, loc, count);
  auto loop = scf::ForOp::create(b, loc, zero, end, one, carried);
  if (keepRolled)
    loop->setAttr("llvm.loop_annotation", keepRolledAnnotation(b.getContext()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  access.enterLoop(loop.getInductionVar());
  SmallVector<Value> inner(loop.getRegionIterArgs());
  body(access.innermostCounter(), inner);
  access.leaveLoop();
  // The builder's loop has an implicit terminator only without iter_args.
  scf::YieldOp::create(b, loc, inner);
  carried.assign(loop.getResults().begin(), loop.getResults().end());
}

Value NestEmitter::destination() {
  OpOperand *init = root.getDpsInitOperand(0);
  if (!region.producerOf(init->get()) || root.getNumReductionLoops() == 0)
    return init->get();
  // The root accumulates onto a fused init, which is never stored.
  auto type = cast<RankedTensorType>(init->get().getType());
  Operation *def = init->get().getDefiningOp();
  Value onto = cast<linalg::LinalgOp>(def).getDpsInits()[0];
  if (onto.getType() == type && !region.producerOf(onto))
    return onto;
  return tensor::EmptyOp::create(b, loc, type.getShape(),
                                 type.getElementType());
}

FailureOr<Value> NestEmitter::run() {
  b.setInsertionPoint(region.root);
  for (Operation *op : region.ops)
    if (std::optional<DotContraction> dot = matchDotContraction(op);
        schedule.usesDots() && dot && !region.producerOf(dot->lhs)) {
      if (schedule.kernel == Schedule::Kernel::MatrixDot)
        dot->stepBytes = 8;
      dots.insert({op, *dot});
    } else if (std::optional<DepthwiseDot> taps = matchDepthwiseDot(op);
               schedule.kernel == Schedule::Kernel::DepthwiseDot && taps &&
               !region.producerOf(taps->lhs))
      depthwiseDots.insert({op, *taps});
  auto type = cast<RankedTensorType>(region.root->getResult(0).getType());
  if (root.getNumReductionLoops() == 0 && schedule.lanes > 1 &&
      schedule.laneDim == type.getRank() - 1)
    rounded = matchRoundedBytes(*root.getBlock());
  SmallVector<AffineExpr> base(type.getRank(), b.getAffineConstantExpr(0));
  SmallVector<int64_t> count(type.getShape());
  Value result = emitTiles(0, destination(), base, count);
  depthwise.finish();
  if (failed)
    return failure();
  return result;
}

/// Tiles of the result are disjoint, or agree: their order does not matter.
void NestEmitter::shareOut(Operation *loop) {
  if (schedule.tasks > 1)
    loop->setAttr(QoptDialect::kTasksAttrName,
                  b.getI64IntegerAttr(schedule.tasks));
}

Value NestEmitter::emitTiles(size_t depth, Value dest,
                             SmallVector<AffineExpr> base,
                             SmallVector<int64_t> count) {
  if (depth == schedule.order.size())
    return emitTile(dest, base, count);
  int64_t dim = schedule.order[depth];
  if (depth + 1 == schedule.order.size())
    return emitInnermost(dim, dest, base, count);
  int64_t extent = count[dim], tile = schedule.tile[dim];
  int64_t whole = extent / tile, rest = extent % tile;
  SmallVector<Value> carried{dest};
  emitLoop(whole, /*keepRolled=*/true, carried,
           [&](AffineExpr i, SmallVector<Value> &inner) {
             base[dim] = i * tile;
             count[dim] = tile;
             inner[0] = emitTiles(depth + 1, inner[0], base, count);
           });
  if (depth == 0 && whole > 1)
    shareOut(carried[0].getDefiningOp());
  if (rest) {
    base[dim] = b.getAffineConstantExpr(whole * tile);
    count[dim] = rest;
    carried[0] = emitTiles(depth + 1, carried[0], base, count);
  }
  return carried[0];
}

/// The innermost loop: several tiles in its body, which share what they read.
Value NestEmitter::emitInnermost(int64_t dim, Value dest,
                                 SmallVector<AffineExpr> base,
                                 SmallVector<int64_t> count) {
  int64_t extent = count[dim], tile = schedule.tile[dim];
  int64_t stride = tile * schedule.unroll, whole = extent / stride;
  auto emitRun = [&](AffineExpr start, int64_t tiles, int64_t size,
                     Value dest) {
    access.enterScope();
    count[dim] = size;
    for (int64_t i = 0; i < tiles; ++i) {
      base[dim] = start + i * tile;
      dest = emitTile(dest, base, count);
    }
    access.leaveScope();
    return dest;
  };
  SmallVector<Value> carried{dest};
  emitLoop(whole, /*keepRolled=*/true, carried,
           [&](AffineExpr i, SmallVector<Value> &inner) {
             inner[0] = emitRun(i * stride, schedule.unroll, tile, inner[0]);
           });
  if (schedule.order.size() == 1 && whole > 1)
    shareOut(carried[0].getDefiningOp());
  AffineExpr next = b.getAffineConstantExpr(whole * stride);
  if (int64_t tiles = extent % stride / tile) {
    carried[0] = emitRun(next, tiles, tile, carried[0]);
    next = next + tiles * tile;
  }
  if (extent % tile)
    carried[0] = emitRun(next, 1, extent % tile, carried[0]);
  return carried[0];
}

/// Groups of four vectors that cover `count` elements of the lane dimension.
/// The last one moves back where the dimension is long enough: elements that
/// are computed twice are the same twice.
SmallVector<Position> NestEmitter::laneGroups(const Position &start,
                                              int64_t count) {
  int64_t dim = schedule.laneDim;
  int64_t extent =
      cast<RankedTensorType>(root->getResult(0).getType()).getDimSize(dim);
  SmallVector<Position> groups;
  for (int64_t done = 0; done < count;) {
    int64_t rest = count - done, lanes = schedule.lanes;
    while (lanes > 4 && (4 * lanes > extent || 2 * lanes >= rest))
      lanes /= 2;
    Position group = start;
    group.lanes = lanes;
    group.group = std::min(4 * lanes, extent);
    int64_t first = std::min(done, count - group.group);
    group.index[dim] = group.index[dim] + first + b.getAffineSymbolExpr(0);
    for (group.part = 0; group.part < 4; ++group.part)
      groups.push_back(group);
    done += 4 * lanes;
  }
  return groups;
}

SmallVector<Position> NestEmitter::tilePositions(ArrayRef<AffineExpr> base,
                                                 ArrayRef<int64_t> count) {
  SmallVector<Position> positions;
  positions.push_back({SmallVector<AffineExpr>(base), 1});
  AffineExpr lane = b.getAffineSymbolExpr(0);
  auto expand = [&](int64_t dim, int64_t n, int64_t step) {
    SmallVector<Position> expanded;
    for (const Position &position : positions)
      for (int64_t i = 0; i < n; i += step) {
        Position next = position;
        next.index[dim] = next.index[dim] + i;
        if (dim == schedule.laneDim) {
          next.lanes = std::min(step, n - i);
          if (next.lanes > 1)
            next.index[dim] = next.index[dim] + lane;
        }
        expanded.push_back(next);
      }
    positions = std::move(expanded);
  };
  for (auto [dim, n] : llvm::enumerate(count))
    if (int64_t(dim) != schedule.laneDim)
      expand(dim, n, 1);
  if (schedule.kernel == Schedule::Kernel::DepthwiseDot) {
    SmallVector<Position> groups;
    for (const Position &position : positions)
      llvm::append_range(groups, laneGroups(position, count[schedule.laneDim]));
    return groups;
  }
  if (schedule.laneDim >= 0)
    expand(schedule.laneDim, count[schedule.laneDim], schedule.lanes);
  return positions;
}

/// The loops of `op` at which it computes the elements at `at` of its result.
static SmallVector<Position> loopsOf(linalg::LinalgOp op,
                                     ArrayRef<Position> at) {
  AffineMap out = op.getIndexingMapMatchingResult(op->getResult(0));
  AffineExpr zero = getAffineConstantExpr(0, op->getContext());
  SmallVector<Position> loops;
  for (const Position &position : at) {
    Position next = position;
    next.index.assign(op.getNumLoops(), zero);
    for (auto [expr, index] : llvm::zip_equal(out.getResults(), position.index))
      next.index[cast<AffineDimExpr>(expr).getPosition()] = index;
    loops.push_back(next);
  }
  return loops;
}

Value NestEmitter::emitTile(Value tile, ArrayRef<AffineExpr> base,
                            ArrayRef<int64_t> count) {
  dest = tile;
  SmallVector<Position> positions = tilePositions(base, count);
  SmallVector<Position> loops = loopsOf(region.root, positions);
  SmallVector<Value> values = rounded
                                  ? emitElementwise(root, loops, rounded->real)
                                  : emitOp(region.root, loops);
  return failed ? tile : writeTile(positions, values, tile);
}

Value NestEmitter::writeTile(ArrayRef<Position> positions,
                             ArrayRef<Value> values, Value tile) {
  if (rounded)
    return writeRounded(positions, values, tile);
  for (size_t i = 0; i < positions.size();) {
    const Position &at = positions[i];
    bool group = at.group != 0;
    tile = group ? access.writeGroup(values.slice(i, 4), tile, at)
                 : access.write(values[i], tile, at);
    i += group ? 4 : 1;
  }
  return tile;
}

/// Four vectors at a time become bytes. Groups are packed into their natural
/// order; other vectors follow each other after a shuffle.
Value NestEmitter::writeRounded(ArrayRef<Position> positions,
                                ArrayRef<Value> values, Value tile) {
  llvm::MapVector<int64_t, SmallVector<size_t>> byLanes;
  for (auto [i, at] : llvm::enumerate(positions)) {
    if (at.group == 0)
      byLanes[at.lanes].push_back(i);
    else if (at.part == 0)
      tile = access.write(
          access.narrow(roundAndPack(values.slice(i, 4), at.lanes),
                        VectorType::get({at.group}, b.getI8Type())),
          tile, at.run());
  }
  for (const auto &[lanes, indices] : byLanes) {
    int64_t width = std::max<int64_t>(4, llvm::PowerOf2Ceil(lanes));
    SmallVector<int64_t> natural;
    for (int64_t part = 0; part < 4; ++part)
      for (int64_t i = 0; i < width; ++i)
        natural.push_back(i / 4 * 16 + part * 4 + i % 4);
    for (size_t i = 0; i < indices.size(); i += 4) {
      ArrayRef<size_t> four =
          ArrayRef(indices).slice(i, std::min<size_t>(4, indices.size() - i));
      SmallVector<Value, 4> parts = llvm::map_to_vector(
          four, [&](size_t index) { return values[index]; });
      parts.resize(4, parts.back());
      Value bytes = roundAndPack(parts, width);
      bytes = vector::ShuffleOp::create(b, loc, bytes, bytes, natural);
      tile = access.writeParts(
          bytes, width, tile,
          llvm::map_to_vector(four, [&](size_t n) { return positions[n]; }));
    }
  }
  return tile;
}

Value NestEmitter::roundAndPack(ArrayRef<Value> reals, int64_t lanes) {
  SmallVector<Value, 4> parts = llvm::map_to_vector(
      reals, [&](Value real) { return access.widen(real, lanes); });
  return RoundPackOp::create(
      b, loc, VectorType::get({4 * lanes}, b.getI8Type()), parts[0], parts[1],
      parts[2], parts[3], b.getDenseI32ArrayAttr({rounded->lo, rounded->hi}),
      b.getI32IntegerAttr(rounded->zeroPoint));
}

//===----------------------------------------------------------------------===//
// Values on demand
//===----------------------------------------------------------------------===//

static SmallVector<Position> mapAll(AffineMap map, ArrayRef<Position> loops) {
  return llvm::map_to_vector(
      loops, [&](const Position &position) { return position.apply(map); });
}

SmallVector<Value> NestEmitter::emitValue(Value tensor, ArrayRef<Position> at) {
  if (linalg::LinalgOp producer = region.producerOf(tensor))
    return emitProducer(producer, tensor, at);
  // A root that updates its destination reads what the nest carries.
  if (tensor == root.getDpsInits()[0]) {
    tensor = dest;
    // Groups may overlap and would update elements twice.
    failed |= llvm::any_of(at, [](const Position &p) { return p.group != 0; });
  }
  return llvm::map_to_vector(at, [&](const Position &position) {
    return access.read(tensor, position);
  });
}

/// Once, if several operations ask for the same elements: x * sigmoid(x).
SmallVector<Value> NestEmitter::emitProducer(linalg::LinalgOp producer,
                                             Value tensor,
                                             ArrayRef<Position> at) {
  SmallVector<Value> values =
      llvm::map_to_vector(at, [&](const Position &position) {
        return access.lookup(TensorAccess::keyOf(tensor, position));
      });
  if (llvm::all_of(values, [](Value value) { return bool(value); }))
    return values;
  values = emitOp(producer, loopsOf(producer, at));
  if (!failed)
    for (auto [position, value] : llvm::zip_equal(at, values))
      access.remember(TensorAccess::keyOf(tensor, position), value);
  return values;
}

SmallVector<Value> NestEmitter::emitOp(linalg::LinalgOp op,
                                       ArrayRef<Position> loops) {
  if (op.getNumReductionLoops() == 0)
    return emitElementwise(op, loops);
  auto *taps = depthwiseDots.find(op);
  if (taps != depthwiseDots.end() && depthwise.covers(taps->second, loops)) {
    SmallVector<Value> accumulators = initialAccumulators(op, loops);
    if (!failed)
      depthwise.emit(taps->second, loops, accumulators);
    return accumulators;
  }
  auto *dot = dots.find(op);
  if (dot != dots.end() && canUseDot(dot->second, loops))
    return emitDot(dot->second, SmallVector<Position>(loops));
  return emitReduction(op, SmallVector<Position>(loops));
}

SmallVector<Value> NestEmitter::emitElementwise(linalg::LinalgOp op,
                                                ArrayRef<Position> loops,
                                                Value wanted) {
  SmallVector<Value> results(loops.size());
  reduceOnce(op, loops, results, wanted);
  return results;
}

SmallVector<Value> NestEmitter::initialAccumulators(linalg::LinalgOp op,
                                                    ArrayRef<Position> loops) {
  OpOperand *init = op.getDpsInitOperand(0);
  SmallVector<Position> at = mapAll(op.getMatchingIndexingMap(init), loops);
  SmallVector<Value> accumulators = emitValue(init->get(), at);
  for (auto [value, position] : llvm::zip_equal(accumulators, at))
    if (position.lanes > 1)
      value = access.toVector(value, position.lanes);
  return accumulators;
}

/// Runs the body of `op` once at each position. `accumulators` are the values
/// of the init on entry, where the body reads it, and the results on return, or
/// the values `wanted` of the body.
void NestEmitter::reduceOnce(linalg::LinalgOp op, ArrayRef<Position> loops,
                             SmallVector<Value> &accumulators, Value wanted) {
  SmallVector<SmallVector<Value>> arguments(loops.size());
  for (OpOperand &operand : op->getOpOperands()) {
    SmallVector<Value> values(loops.size());
    bool accumulates = op.isDpsInit(&operand) && op.getNumReductionLoops() != 0;
    if (accumulates)
      values = accumulators;
    else if (!isa<ShapedType>(operand.get().getType()))
      values.assign(loops.size(), operand.get());
    else if (op.payloadUsesValueFromOperand(&operand))
      values = emitValue(operand.get(),
                         mapAll(op.getMatchingIndexingMap(&operand), loops));
    for (auto [list, value] : llvm::zip_equal(arguments, values))
      list.push_back(value);
  }
  if (failed)
    return;
  for (auto [i, position] : llvm::enumerate(loops)) {
    Value result =
        emitVectorBody(access, *op.getBlock(), arguments[i], position, wanted);
    failed |= !result;
    accumulators[i] = result;
    if (failed)
      return;
  }
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

void NestEmitter::reduceOver(linalg::LinalgOp op, ArrayRef<unsigned> reductions,
                             bool unroll, SmallVector<Position> &loops,
                             SmallVector<Value> &accumulators) {
  if (failed)
    return;
  if (reductions.empty())
    return reduceOnce(op, loops, accumulators);
  unsigned loop = reductions.front();
  int64_t extent = op.getStaticLoopRanges()[loop];
  auto step = [&](AffineExpr i, SmallVector<Value> &inner) {
    for (Position &position : loops)
      position.index[loop] = i;
    reduceOver(op, reductions.drop_front(), unroll, loops, inner);
    // Lanes may have become known only in the body.
    for (auto [value, position] : llvm::zip_equal(inner, loops))
      if (value && position.lanes > 1)
        value = access.toVector(value, position.lanes);
  };
  if (!unroll)
    return emitLoop(extent, /*keepRolled=*/true, accumulators, step);
  for (int64_t i = 0; i < extent; ++i)
    step(b.getAffineConstantExpr(i), accumulators);
}

// The reduction loops run in the operation's order, one accumulator for each
// element: vectors never reorder a sum.
SmallVector<Value> NestEmitter::emitReduction(linalg::LinalgOp op,
                                              SmallVector<Position> loops) {
  SmallVector<Value> accumulators = initialAccumulators(op, loops);
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  int64_t taps = 1;
  for (unsigned loop : reductions)
    taps *= op.getStaticLoopRanges()[loop];
  reduceOver(op, reductions, taps <= kUnrolledTaps, loops, accumulators);
  return accumulators;
}

//===----------------------------------------------------------------------===//
// Contractions through qopt.dot
//===----------------------------------------------------------------------===//

/// Packed weights fit where the lanes are the output channels, in blocks.
bool NestEmitter::canUseDot(const DotContraction &dot,
                            ArrayRef<Position> loops) const {
  if (kPackedChannels % schedule.lanes != 0 ||
      (dot.stepBytes > 4 && dot.depth() < dot.stepBytes))
    return false;
  AffineExpr lane = getAffineSymbolExpr(0, b.getContext());
  for (const Position &position : loops)
    for (auto [loop, index] : llvm::enumerate(position.index)) {
      if (position.group)
        return false;
      if (loop != dot.outLoop && index.isFunctionOfSymbol(0))
        return false;
      if (loop == dot.outLoop &&
          !position.laneBase(loop, lane).isMultipleOf(schedule.lanes))
        return false;
    }
  return true;
}

SmallVector<Value> NestEmitter::emitDot(const DotContraction &dot,
                                        SmallVector<Position> loops) {
  SmallVector<Value> accumulators = initialAccumulators(dot.op, loops);
  // A tail of few channels fills whole vectors; packed weights are zero there.
  SmallVector<Type> types;
  for (Value &value : accumulators) {
    types.push_back(value.getType());
    value = access.widen(value, schedule.lanes);
  }
  if (flips(dot))
    addFlipCorrections(dot, loops, accumulators);
  if (schedule.kernel == Schedule::Kernel::MatrixDot) {
    pairs = pairRows(dot, loops, accumulators);
    exchangeHalves(access, pairs, accumulators);
  }
  dotSegments(dot, dot.segmentLoops, loops, accumulators);
  if (schedule.kernel == Schedule::Kernel::MatrixDot) {
    exchangeHalves(access, pairs, accumulators);
    accumulators.resize(types.size());
  }
  for (auto [value, type] : llvm::zip_equal(accumulators, types))
    value = access.narrow(value, type);
  return accumulators;
}

void NestEmitter::dotSegments(const DotContraction &dot,
                              ArrayRef<unsigned> segments,
                              SmallVector<Position> &loops,
                              SmallVector<Value> &accumulators) {
  if (segments.empty())
    return dotSegment(dot, loops, accumulators);
  emitLoop(dot.extents[segments.front()], /*keepRolled=*/true, accumulators,
           [&](AffineExpr i, SmallVector<Value> &inner) {
             for (Position &position : loops)
               position.index[segments.front()] = i;
             dotSegments(dot, segments.drop_front(), loops, inner);
           });
}

/// All steps of one segment: a loop over rows of packed weights whose reads
/// advance regularly, then the last row, which may read from further back.
void NestEmitter::dotSegment(const DotContraction &dot,
                             ArrayRef<Position> loops,
                             SmallVector<Value> &accumulators) {
  int64_t perRow = dot.stepsPerRow();
  int64_t rows = llvm::divideCeil(dot.steps(), perRow);
  int64_t rowBytes = dot.stepBytes * perRow;
  int64_t regular = dot.depth() / rowBytes;
  AffineExpr zero = b.getAffineConstantExpr(0);
  int64_t first = 0;
  if (regular * perRow * int64_t(accumulators.size()) > kUnrolledDots) {
    // Few accumulators would wait for the loop's own overhead.
    // Steps that are added in 16 bits must be in one iteration.
    int64_t unroll = std::max<int64_t>(1, 4 * schedule.stepsPerRead / rowBytes);
    while (schedule.stepsPerRead == 1 &&
           (accumulators.size() * unroll < 8 ||
            perRow * unroll < schedule.pairSteps) &&
           unroll < 2 && regular % (2 * unroll) == 0)
      unroll *= 2;
    emitLoop(regular / unroll, /*keepRolled=*/true, accumulators,
             [&](AffineExpr i, SmallVector<Value> &inner) {
               for (int64_t u = 0; u < unroll; ++u) {
                 SmallVector<int64_t, 2> steps;
                 for (int64_t s = 0; s < perRow; ++s)
                   steps.push_back(u * rowBytes + s * dot.stepBytes);
                 dotRow(dot, loops, i * unroll + u, i * (unroll * rowBytes),
                        steps, inner);
               }
             });
    first = regular / unroll * unroll;
  }
  for (int64_t row = first; row < rows; ++row) {
    SmallVector<int64_t> steps;
    for (int64_t s = row * perRow;
         s < std::min(dot.steps(), (row + 1) * perRow); ++s)
      steps.push_back(dot.stepOffset(s));
    dotRow(dot, loops, b.getAffineConstantExpr(row), zero, steps, accumulators);
  }
}

/// One row of packed weights against four activations (eight, where weights
/// have four bits) at `offset` plus each of `steps`.
void NestEmitter::dotRow(const DotContraction &dot, ArrayRef<Position> loops,
                         AffineExpr row, AffineExpr offset,
                         ArrayRef<int64_t> steps,
                         SmallVector<Value> &accumulators) {
  if (schedule.kernel == Schedule::Kernel::MatrixDot)
    return dotPairs(dot, loops, row, offset, steps, accumulators);
  bool unsignedLhs = dot.lhsUnsigned && !flips(dot);
  for (auto [half, step] : llvm::enumerate(steps))
    for (auto [value, position] : llvm::zip_equal(accumulators, loops)) {
      Value weights = dotWeights(dot, position, row, half);
      Value activation = dotActivation(dot, position, offset, step);
      IntegerAttr bound;
      if (schedule.pairSteps > 0)
        bound = b.getI64IntegerAttr(pairBounds.at(dot.op));
      auto dotOp =
          DotOp::create(b, loc, value.getType(), value, activation, weights,
                        unsignedLhs, dot.weightsUnsigned, bound);
      value = dotOp.getResult();
    }
}

void NestEmitter::dotPairs(const DotContraction &dot, ArrayRef<Position> loops,
                           AffineExpr row, AffineExpr offset,
                           ArrayRef<int64_t> steps,
                           SmallVector<Value> &accumulators) {
  for (auto [half, step] : llvm::enumerate(steps))
    for (auto [first, second] : pairs) {
      Value rows =
          activationPair(dot, loops[first], loops[second], offset, step);
      for (auto [part, index] : llvm::enumerate(ArrayRef{first, second}))
        accumulators[index] =
            dotOfPairs(access, dot, accumulators[index], rows,
                       dotWeights(dot, loops[first], row, half, part));
    }
}

/// Where the activations of one result begin, in `activations[dot.op]`.
Position NestEmitter::activationAt(const DotContraction &dot,
                                   const Position &loops, AffineExpr offset,
                                   int64_t step) {
  Value &tensor = activations[dot.op];
  SmallVector<AffineExpr> index = loops.apply(dot.lhsMap).index;
  if (dot.kLoops.size() == 2) {
    // Columns and channels as one dimension: a kernel's row is one run.
    auto type = cast<RankedTensorType>(dot.lhs.getType());
    int64_t rank = type.getRank();
    if (!tensor) {
      SmallVector<ReassociationIndices> groups;
      for (int64_t dim = 0; dim < rank - 2; ++dim)
        groups.push_back({dim});
      groups.push_back({rank - 2, rank - 1});
      OpBuilder::InsertionGuard guard(b);
      access.setInsertionPointToTop(region.root);
      tensor = tensor::CollapseShapeOp::create(b, loc, dot.lhs, groups);
    }
    index[rank - 2] =
        index[rank - 2] * type.getShape().back() + index[rank - 1];
    index.pop_back();
  } else if (!tensor) {
    tensor = dot.lhs;
  }
  index.back() = index.back() + offset + step;
  return {index, 1};
}

/// Whether the bytes around `step` that are read at once are in the segment.
static bool isWholeRead(const DotContraction &dot, int64_t step,
                        int64_t bytes) {
  return step % dot.stepBytes == 0 &&
         step / bytes * bytes + bytes <= dot.depth();
}

/// Four neighbouring bytes, repeated in every lane.
Value NestEmitter::dotActivation(const DotContraction &dot,
                                 const Position &loops, AffineExpr offset,
                                 int64_t step) {
  int64_t bytes = 4 * schedule.stepsPerRead;
  if (schedule.stepsPerRead == 1 || !isWholeRead(dot, step, bytes)) {
    Position at = activationAt(dot, loops, offset, step);
    return flipped(dot, access.readQuad(activations[dot.op], at, dot.depth(),
                                        schedule.lanes));
  }
  Position at = activationAt(dot, loops, offset, step / bytes * bytes);
  Value run = flipped(dot, access.readRun(activations[dot.op], at, bytes));
  auto quads = VectorType::get({schedule.stepsPerRead}, b.getI32Type());
  Value all = vector::BitCastOp::create(b, loc, quads, run);
  SmallVector<int64_t> lane(schedule.lanes, step % bytes / 4);
  all = vector::ShuffleOp::create(b, loc, all, all, lane);
  return vector::BitCastOp::create(
      b, loc, VectorType::get({4 * schedule.lanes}, b.getI8Type()), all);
}

/// Eight neighbouring bytes of each row.
Value NestEmitter::activationPair(const DotContraction &dot,
                                  const Position &first, const Position &second,
                                  AffineExpr offset, int64_t step) {
  int64_t bytes = isWholeRead(dot, step, 16) ? 16 : dot.stepBytes;
  int64_t base = bytes == 16 ? step / 16 * 16 : step;
  auto read = [&](const Position &row) {
    Position at = activationAt(dot, row, offset, base);
    return access.readRun(activations[dot.op], at, bytes);
  };
  Value low = read(first), high = read(second);
  return joinRows(access, low, high, step - base);
}

/// x - 128 as a signed byte, of unsigned activations where no instruction takes
/// these.
Value NestEmitter::flipped(const DotContraction &dot, Value bytes) {
  if (!flips(dot))
    return bytes;
  TensorAccess::Key key{bytes.getAsOpaquePointer(), {}};
  if (Value known = access.lookup(key))
    return known;
  auto type = cast<VectorType>(bytes.getType());
  auto top = DenseElementsAttr::get(type, b.getI8IntegerAttr(-128));
  Value mask = arith::ConstantOp::create(b, loc, top);
  return access.remember(key, arith::XOrIOp::create(b, loc, bytes, mask));
}

Value NestEmitter::packedConstant(const DotContraction &dot) {
  Value &tensor = packedWeights[dot.op];
  if (tensor)
    return tensor;
  OpBuilder::InsertionGuard guard(b);
  access.setInsertionPointToTop(region.root);
  DenseElementsAttr packed = packWeights(dot, packedChannels());
  if (schedule.pairSteps > 0)
    pairBounds[dot.op] = pairBound(packed, dot);
  if (flips(dot))
    corrections[dot.op] =
        arith::ConstantOp::create(b, loc, flipCorrections(packed, dot));
  return tensor = arith::ConstantOp::create(b, loc, packed);
}

/// sum a * b - sum (a ^ 0x80) * b, which depends on the channel only.
void NestEmitter::addFlipCorrections(const DotContraction &dot,
                                     ArrayRef<Position> loops,
                                     MutableArrayRef<Value> accumulators) {
  packedConstant(dot);
  AffineExpr lane = b.getAffineSymbolExpr(0);
  for (auto [value, position] : llvm::zip_equal(accumulators, loops)) {
    SmallVector<AffineExpr> index;
    for (unsigned loop : dot.batchLoops)
      index.push_back(position.index[loop]);
    index.push_back(position.laneBase(dot.outLoop, lane) + lane);
    Value missing = access.read(corrections[dot.op], {index, schedule.lanes});
    missing = access.toVector(missing, schedule.lanes);
    value = arith::AddIOp::create(b, loc, value, missing);
  }
}

/// The weights of the channels in the lanes for one step, or part of them.
Value NestEmitter::dotWeights(const DotContraction &dot, const Position &loops,
                              AffineExpr row, unsigned half, int64_t part) {
  Value tensor = packedConstant(dot);
  SmallVector<AffineExpr> index;
  for (unsigned loop : dot.batchLoops)
    index.push_back(loops.index[loop]);
  AffineExpr lane = b.getAffineSymbolExpr(0);
  AffineExpr channel = loops.laneBase(dot.outLoop, lane);
  index.push_back(channel.floorDiv(packedChannels()));
  for (unsigned loop : dot.segmentLoops)
    index.push_back(loops.index[loop]);
  index.push_back(row);
  int64_t bytes = schedule.lanes * 4;
  index.push_back((channel % packedChannels()) * dot.stepBytes + part * bytes +
                  lane);
  Value weights = access.toVector(access.read(tensor, {index, bytes}), bytes);
  return dot.isPacked4() ? access.unpackNibbles(weights, half) : weights;
}

} // namespace

FailureOr<Value> emitNest(RewriterBase &rewriter, const FusedRegion &region,
                          const Schedule &schedule) {
  return NestEmitter(rewriter, region, schedule).run();
}

} // namespace qopt
