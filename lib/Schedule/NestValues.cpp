//===- NestValues.cpp - What a nest computes at positions -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values of producers on demand, reductions, and contractions on packed
// weights.
//
//===----------------------------------------------------------------------===//

#include "NestEmitterImpl.h"

using namespace mlir;

namespace qopt {

/// Reductions with at most this many steps have no loops: the taps of a
/// depthwise convolution or a pooling window.
constexpr int64_t kUnrolledTaps = 25;

SmallVector<Position> mapAll(AffineMap map, ArrayRef<Position> loops) {
  return llvm::map_to_vector(
      loops, [&](const Position &position) { return position.apply(map); });
}

SmallVector<Position> loopsOf(linalg::LinalgOp op, ArrayRef<Position> at) {
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

//===----------------------------------------------------------------------===//
// Values on demand
//===----------------------------------------------------------------------===//

SmallVector<Value> NestEmitter::emitValue(Value tensor, ArrayRef<Position> at) {
  if (linalg::LinalgOp producer = region.producerOf(tensor))
    return emitProducer(producer, tensor, at);
  prefetchNextBlock(tensor, at);
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

/// With what is about to be read, once.
void NestEmitter::prefetchNextBlock(Value tensor, ArrayRef<Position> at) {
  if (!schedule.nextBlock)
    return;
  std::optional<RowBlock> block = RowBlock::of(tensor);
  if (!block || !block->isReadLastBy(region))
    return;
  Value init = root.getDpsInits()[0];
  Value read = tensor == init ? dest : tensor;
  for (const Position &position : at)
    if (!position.isUniform() &&
        !access.lookup(TensorAccess::keyOf(read, position)))
      block->prefetchNext(access, position);
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
  if (op == mmaOp)
    return emitMmaSums(op, loops);
  auto *taps = depthwiseDots.find(op);
  if (taps != depthwiseDots.end() && depthwise.covers(taps->second, loops)) {
    SmallVector<Value> accumulators = initialAccumulators(op, loops);
    if (!failed)
      depthwise.emit(taps->second, loops, accumulators);
    return accumulators;
  }
  auto *dot = dots.find(op);
  if (dot != dots.end() && products.covers(dot->second, loops))
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

/// The body at each position. LLVM 22 loses lanes of vectors of three 64-bit
/// integers on AArch64 (`zext`, `shl`, `umin`, `trunc` of <3 x i64>), so that
/// such bodies run on whole vectors, and the lanes beyond are dropped.
SmallVector<Value>
NestEmitter::emitWhole(Block &block, ArrayRef<SmallVector<Value>> arguments,
                       ArrayRef<Position> positions, Value wanted) {
  bool isLong = llvm::any_of(block, [](Operation &op) {
    return llvm::any_of(op.getResultTypes(),
                        [](Type type) { return type.isInteger(64); });
  });
  if (!isLong)
    return emitVectorBodies(access, block, arguments, positions, wanted);
  SmallVector<SmallVector<Value>> wide(arguments);
  SmallVector<Position> whole(positions);
  for (auto [values, position] : llvm::zip_equal(wide, whole)) {
    position.lanes = llvm::PowerOf2Ceil(position.lanes);
    for (Value &value : values)
      if (value && isa<VectorType>(value.getType()))
        value = access.widen(value, position.lanes);
  }
  SmallVector<Value> results =
      emitVectorBodies(access, block, wide, whole, wanted);
  if (results.empty())
    return results;
  for (auto [result, position] : llvm::zip_equal(results, positions))
    if (auto type = dyn_cast<VectorType>(result.getType()))
      result = access.narrow(
          result, VectorType::get({position.lanes}, type.getElementType()));
  return results;
}

/// Vectors take turns only where a function's chain of operations is long:
/// otherwise what they hold would just be live at once.
static size_t positionsSideBySide(Block &block) {
  bool hasFunction = llvm::any_of(
      block,
      llvm::IsaPred<math::ExpOp, math::ErfOp, math::LogOp, math::TanhOp>);
  return hasFunction ? kVectorsSideBySide : 1;
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
  Block &body = *op.getBlock();
  size_t atOnce = positionsSideBySide(body);
  for (size_t i = 0; i < loops.size() && !failed; i += atOnce) {
    size_t count = std::min(atOnce, loops.size() - i);
    SmallVector<Value> results =
        emitWhole(body, ArrayRef(arguments).slice(i, count),
                  loops.slice(i, count), wanted);
    failed |= results.empty();
    llvm::copy(results, accumulators.begin() + i);
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
  if (reductions.size() == 1 && reduceInBlocks(op, loop, loops, accumulators))
    return;
  auto step = [&](AffineExpr i, SmallVector<Value> &inner) {
    for (Position &position : loops)
      position.index[loop] = i;
    if (reductions.size() == 1 && (turn.count || schedule.ahead))
      prefetchWeights(op, loops);
    reduceOver(op, reductions.drop_front(), unroll, loops, inner);
    // Lanes may have become known only in the body.
    for (auto [value, position] : llvm::zip_equal(inner, loops))
      if (value && position.lanes > 1)
        value = access.toVector(value, position.lanes);
  };
  if (!unroll)
    return access.emitLoop(extent, accumulators, step);
  for (int64_t i = 0; i < extent; ++i)
    step(b.getAffineConstantExpr(i), accumulators);
}

/// A step's share of the weights that follow those of the tile's channels, and
/// the tile's own of some steps later.
void NestEmitter::prefetchWeights(linalg::LinalgOp op,
                                  ArrayRef<Position> loops) {
  std::optional<WeightStream> stream = WeightStream::of(op, schedule.lanes);
  if (!stream || !loops[0].index[stream->channels()].isFunctionOfSymbol(0))
    return;
  if (turn.count)
    stream->prefetch(access, loops[0], schedule.tile[schedule.laneDim], turn);
  if (schedule.ahead)
    stream->prefetchAhead(access, loops, schedule.ahead);
}

/// As many steps of the innermost loop at once as there are lanes, if that
/// makes a gather a transposed block.
bool NestEmitter::reduceInBlocks(linalg::LinalgOp op, unsigned loop,
                                 SmallVector<Position> &loops,
                                 SmallVector<Value> &accumulators) {
  int64_t lanes = loops[0].lanes, extent = op.getStaticLoopRanges()[loop];
  if (extent % lanes != 0 || llvm::any_of(loops, [&](const Position &position) {
        return position.lanes != lanes;
      }))
    return false;
  auto readAt = [&](OpOperand *operand, Position at, AffineExpr step) {
    at.index[loop] = step;
    return at.apply(op.getMatchingIndexingMap(operand));
  };
  // Any step, and the one after it.
  AffineExpr any = access.nextCounter();
  SmallVector<OpOperand *> transposed;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (!region.producerOf(operand->get()) &&
        isTransposedRead(operand->get(), readAt(operand, loops[0], any),
                         readAt(operand, loops[0], any + 1)))
      transposed.push_back(operand);
  if (transposed.empty())
    return false;
  access.emitLoop(extent / lanes, accumulators,
                  [&](AffineExpr block, SmallVector<Value> &inner) {
                    auto stepOf = [&](int64_t i) { return block * lanes + i; };
                    for (OpOperand *operand : transposed)
                      for (const Position &position : loops) {
                        SmallVector<Position> steps;
                        for (int64_t i = 0; i < lanes; ++i)
                          steps.push_back(readAt(operand, position, stepOf(i)));
                        readTransposed(access, operand->get(), steps);
                      }
                    for (int64_t i = 0; i < lanes && !failed; ++i) {
                      for (Position &position : loops)
                        position.index[loop] = stepOf(i);
                      reduceOnce(op, loops, inner);
                    }
                  });
  return true;
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
// Contractions on packed weights
//===----------------------------------------------------------------------===//

SmallVector<Value> NestEmitter::emitDot(const DotContraction &dot,
                                        SmallVector<Position> loops) {
  SmallVector<Value> accumulators = initialAccumulators(dot.op, loops);
  // A tail of few channels fills whole vectors; packed weights are zero there.
  SmallVector<Type> types;
  for (Value &value : accumulators) {
    types.push_back(value.getType());
    value = access.widen(value, schedule.lanes);
  }
  if (schedule.kernel == Schedule::Kernel::TileDot)
    addTileSums(dot, loops, accumulators);
  else
    products.emit(dot, loops, accumulators, turn);
  for (auto [value, type] : llvm::zip_equal(accumulators, types))
    value = access.narrow(value, type);
  return accumulators;
}

void NestEmitter::addTileSums(const DotContraction &dot,
                              ArrayRef<Position> loops,
                              MutableArrayRef<Value> accumulators) {
  for (auto [value, position] : llvm::zip_equal(accumulators, loops))
    value = arith::AddIOp::create(b, loc, value, tiles.read(dot, position));
}

} // namespace qopt
