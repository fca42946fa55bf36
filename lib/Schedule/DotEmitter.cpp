//===- DotEmitter.cpp - Contractions through qopt.dot ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DotEmitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include <map>

using namespace mlir;

namespace qopt {

/// Dot products of one segment that stand one after another: beyond, a loop
/// costs less than the code.
constexpr int64_t kUnrolledDots = 64;

/// The same where there are no vectors, on cores with little room for code.
constexpr int64_t kUnrolledScalarDots = 16;

/// The number of the element at `index` in row-major order.
static AffineExpr numberOf(Value tensor, ArrayRef<AffineExpr> index) {
  AffineExpr number = getAffineConstantExpr(0, tensor.getContext());
  for (auto [extent, at] : llvm::zip_equal(
           cast<RankedTensorType>(tensor.getType()).getShape(), index))
    number = number * extent + at;
  return number;
}

/// Columns and channels as one dimension.
Value collapseColumns(TensorAccess &access, Value tensor) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < rank - 2; ++dim)
    groups.push_back({dim});
  groups.push_back({rank - 2, rank - 1});
  return tensor::CollapseShapeOp::create(access.b, access.loc, tensor, groups);
}

/// Packed weights fit where the lanes are the output channels, in blocks.
bool DotEmitter::covers(const DotContraction &dot,
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

/// Each sum in two lanes, of which the second starts from 0: the low half of an
/// accumulator's lanes, then the high half.
static SmallVector<Value> splitSums(TensorAccess &access,
                                    ArrayRef<Value> accumulators) {
  SmallVector<Value> halves;
  for (Value sums : accumulators) {
    auto type = cast<VectorType>(sums.getType());
    Value zero = arith::ConstantOp::create(access.b, access.loc,
                                           access.b.getZeroAttr(type));
    int64_t lanes = type.getNumElements();
    for (int64_t half : {0, 1}) {
      SmallVector<int64_t> order;
      for (int64_t i = half * lanes / 2; i < (half + 1) * lanes / 2; ++i)
        order.append({i, lanes + i});
      halves.push_back(
          vector::ShuffleOp::create(access.b, access.loc, sums, zero, order));
    }
  }
  return halves;
}

/// The sums of neighbouring lanes of each two halves.
static void joinSums(TensorAccess &access, ArrayRef<Value> halves,
                     MutableArrayRef<Value> accumulators) {
  for (auto [i, sums] : llvm::enumerate(accumulators)) {
    int64_t lanes = cast<VectorType>(sums.getType()).getNumElements();
    SmallVector<Value> parts;
    for (int64_t odd : {0, 1}) {
      SmallVector<int64_t> order;
      for (int64_t lane = 0; lane < lanes; ++lane)
        order.push_back(2 * lane + odd);
      parts.push_back(vector::ShuffleOp::create(
          access.b, access.loc, halves[2 * i], halves[2 * i + 1], order));
    }
    sums = arith::AddIOp::create(access.b, access.loc, parts[0], parts[1]);
  }
}

/// The sums of pairs of rows, and split ones, lie otherwise than those of rows.
void DotEmitter::emit(const DotContraction &dot, SmallVector<Position> loops,
                      SmallVector<Value> &accumulators, const Turn &turn) {
  this->turn = turn;
  if (schedule.kernel == Schedule::Kernel::SplitDot) {
    SmallVector<Value> halves = splitSums(access, accumulators);
    dotSegments(dot, dot.segmentLoops, loops, halves);
    return joinSums(access, halves, accumulators);
  }
  if (schedule.kernel != Schedule::Kernel::MatrixDot)
    return dotSegments(dot, dot.segmentLoops, loops, accumulators);
  size_t count = accumulators.size();
  pairs = pairRows(dot, loops, accumulators);
  exchangeHalves(access, pairs, accumulators);
  dotSegments(dot, dot.segmentLoops, loops, accumulators);
  exchangeHalves(access, pairs, accumulators);
  accumulators.resize(count);
}

void DotEmitter::dotSegments(const DotContraction &dot,
                             ArrayRef<unsigned> segments,
                             SmallVector<Position> &loops,
                             SmallVector<Value> &accumulators) {
  if (segments.empty())
    return dotSegment(dot, loops, accumulators);
  access.emitLoop(dot.extents[segments.front()], accumulators,
                  [&](AffineExpr i, SmallVector<Value> &inner) {
                    for (Position &position : loops)
                      position.index[segments.front()] = i;
                    dotSegments(dot, segments.drop_front(), loops, inner);
                  });
}

/// How many of `regular` rows of packed weights one iteration takes.
int64_t DotEmitter::unrolledRows(const DotContraction &dot, int64_t regular,
                                 int64_t accumulators) const {
  int64_t perRow = dot.stepsPerRow(), rowBytes = dot.stepBytes * perRow;
  // What is read at once is used in one iteration.
  int64_t unroll = std::max<int64_t>(1, 4 * schedule.stepsPerRead / rowBytes);
  // The loop's own instructions weigh where accumulators are few, and where
  // products take few instructions. Steps that are added in 16 bits must be in
  // one iteration.
  bool isShortDot =
      schedule.pairSteps == 0 || schedule.kernel == Schedule::Kernel::SplitDot;
  bool hasShortBody =
      schedule.stepsPerRead > 1 ? isShortDot : accumulators * unroll < 8;
  if ((hasShortBody || perRow * unroll < schedule.pairSteps) &&
      regular % (2 * unroll) == 0)
    unroll *= 2;
  return unroll;
}

/// Keeps the next reads of rows after those before, where a read is for several
/// steps: LLVM would make all of an iteration first, into registers that the
/// tile has not got. It is no instruction.
void DotEmitter::endReads() {
  if (schedule.stepsPerRead > 1)
    LLVM::FenceOp::create(b, access.loc, LLVM::AtomicOrdering::acq_rel,
                          "singlethread");
}

/// All steps of one segment: a loop over rows of packed weights whose reads
/// advance regularly, then the last row, which may read from further back.
void DotEmitter::dotSegment(const DotContraction &dot, ArrayRef<Position> loops,
                            SmallVector<Value> &accumulators) {
  if (schedule.sharedTaps && dot.canShareTaps())
    return dotSharedTaps(dot, loops, accumulators);
  int64_t perRow = dot.stepsPerRow();
  int64_t rows = llvm::divideCeil(dot.steps(), perRow);
  int64_t rowBytes = dot.stepBytes * perRow;
  int64_t regular = dot.depth() / rowBytes;
  AffineExpr zero = b.getAffineConstantExpr(0);
  int64_t first = 0;
  int64_t limit = schedule.lanes == 1 ? kUnrolledScalarDots : kUnrolledDots;
  if (regular * perRow * int64_t(accumulators.size()) > limit) {
    int64_t unroll = unrolledRows(dot, regular, accumulators.size());
    int64_t readBytes = 4 * schedule.stepsPerRead;
    access.emitLoop(regular / unroll, accumulators,
                    [&](AffineExpr i, SmallVector<Value> &inner) {
                      prefetchWeights(dot, loops[0], i, regular / unroll);
                      for (int64_t u = 0; u < unroll; ++u) {
                        if (u > 0 && u * rowBytes % readBytes == 0)
                          endReads();
                        SmallVector<int64_t, 2> steps;
                        for (int64_t s = 0; s < perRow; ++s)
                          steps.push_back(u * rowBytes + s * dot.stepBytes);
                        prefetchAhead(dot, loops, i * unroll + u);
                        dotRow(dot, loops, i * unroll + u,
                               i * (unroll * rowBytes), steps, inner);
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

/// All steps of one segment, those of all taps at the same channels together.
void DotEmitter::dotSharedTaps(const DotContraction &dot,
                               ArrayRef<Position> loops,
                               SmallVector<Value> &accumulators) {
  int64_t steps = dot.steps() / dot.taps();
  if (dot.steps() * int64_t(accumulators.size()) > kUnrolledDots)
    return access.emitLoop(steps, accumulators,
                           [&](AffineExpr i, SmallVector<Value> &inner) {
                             prefetchWeights(dot, loops[0], i, steps);
                             dotTaps(dot, loops, i, inner);
                           });
  for (int64_t i = 0; i < steps; ++i)
    dotTaps(dot, loops, b.getAffineConstantExpr(i), accumulators);
}

/// Each activation that the taps of any of the results read at `step` is loaded
/// once, for all of them:
///   sum[i] += x[i + t] * w[t]   ->   for all x[p]: sum[p - t] += x[p] * w[t]
/// In the order of their addresses, few results are between their first tap and
/// their last.
void DotEmitter::dotTaps(const DotContraction &dot, ArrayRef<Position> loops,
                         AffineExpr step, SmallVector<Value> &accumulators) {
  struct Reader {
    size_t accumulator;
    int64_t tap;
  };
  struct Pixel {
    Position at;
    SmallVector<Reader> readers;
  };
  int64_t steps = dot.steps() / dot.taps();
  // By how far they are from the first.
  std::map<int64_t, Pixel> pixels;
  AffineExpr first;
  for (auto [i, position] : llvm::enumerate(loops))
    for (int64_t tap = 0; tap < dot.taps(); ++tap) {
      Position at = activationAt(dot, position, step * dot.stepBytes,
                                 tap * steps * dot.stepBytes);
      AffineExpr number = numberOf(activations[dot.op], at.index);
      if (!first)
        first = number;
      auto distance = cast<AffineConstantExpr>(simplified(number - first));
      Pixel &pixel = pixels[distance.getValue()];
      pixel.at = at;
      pixel.readers.push_back({i, tap});
    }
  for (const Pixel &pixel : llvm::make_second_range(pixels)) {
    Value activation = access.readQuad(activations[dot.op], pixel.at,
                                       dot.depth(), schedule.lanes);
    for (Reader reader : pixel.readers) {
      Value weights = dotWeights(dot, loops[reader.accumulator],
                                 step + reader.tap * steps, /*half=*/0);
      Value &sum = accumulators[reader.accumulator];
      sum = dotOf(dot, sum, activation, weights);
    }
  }
}

/// One row of packed weights against four activations (eight, where weights
/// have four bits) at `offset` plus each of `steps`.
void DotEmitter::dotRow(const DotContraction &dot, ArrayRef<Position> loops,
                        AffineExpr row, AffineExpr offset,
                        ArrayRef<int64_t> steps,
                        SmallVector<Value> &accumulators) {
  if (schedule.kernel == Schedule::Kernel::MatrixDot)
    return dotPairs(dot, loops, row, offset, steps, accumulators);
  bool isSplit = schedule.kernel == Schedule::Kernel::SplitDot;
  for (auto [half, step] : llvm::enumerate(steps))
    for (auto [i, position] : llvm::enumerate(loops)) {
      Value weights = dotWeights(dot, position, row, half);
      Value activation = dotActivation(dot, position, offset, step);
      if (!isSplit) {
        accumulators[i] = dotOf(dot, accumulators[i], activation, weights);
        continue;
      }
      int64_t bytes = 2 * schedule.lanes;
      auto part = [&](Value value, int64_t at) -> Value {
        return vector::ExtractStridedSliceOp::create(
            b, access.loc, value, ArrayRef<int64_t>{at * bytes},
            ArrayRef<int64_t>{bytes}, ArrayRef<int64_t>{1});
      };
      for (int64_t at : {0, 1}) {
        Value &sums = accumulators[2 * i + at];
        sums = dotOf(dot, sums, part(activation, at), part(weights, at));
      }
    }
}

Value DotEmitter::dotOf(const DotContraction &dot, Value sum, Value activation,
                        Value weights) {
  IntegerAttr pairBound, byteBound;
  if (schedule.pairSteps > 0)
    (schedule.kernel == Schedule::Kernel::SplitDot ? byteBound : pairBound) =
        b.getI64IntegerAttr(bounds.at(dot.op));
  return DotOp::create(b, access.loc, sum.getType(), sum, activation, weights,
                       dot.lhsUnsigned, dot.weightsUnsigned, pairBound,
                       byteBound);
}

void DotEmitter::dotPairs(const DotContraction &dot, ArrayRef<Position> loops,
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
Position DotEmitter::activationAt(const DotContraction &dot,
                                  const Position &loops, AffineExpr offset,
                                  int64_t step) {
  Value &tensor = activations[dot.op];
  SmallVector<AffineExpr> index = loops.apply(dot.lhsMap).index;
  if (dot.kLoops.size() == 2) {
    // Columns and channels as one dimension: a kernel's row is one run.
    auto type = cast<RankedTensorType>(dot.lhs.getType());
    int64_t rank = type.getRank();
    if (!tensor) {
      OpBuilder::InsertionGuard guard(b);
      access.setInsertionPointToTop(root);
      tensor = collapseColumns(access, dot.lhs);
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

/// Four neighbouring bytes, repeated in every lane; sixteen where that is a
/// step.
Value DotEmitter::dotActivation(const DotContraction &dot,
                                const Position &loops, AffineExpr offset,
                                int64_t step) {
  if (schedule.kernel == Schedule::Kernel::AcrossDot) {
    Position at = activationAt(dot, loops, offset, step);
    return access.readRun(activations[dot.op], at, dot.stepBytes);
  }
  int64_t bytes = 4 * schedule.stepsPerRead;
  if (schedule.stepsPerRead == 1 || !isWholeRead(dot, step, bytes)) {
    Position at = activationAt(dot, loops, offset, step);
    return access.readQuad(activations[dot.op], at, dot.depth(),
                           schedule.lanes);
  }
  Position at = activationAt(dot, loops, offset, step / bytes * bytes);
  Value run = access.readRun(activations[dot.op], at, bytes);
  auto quads = VectorType::get({schedule.stepsPerRead}, b.getI32Type());
  Value all = vector::BitCastOp::create(b, access.loc, quads, run);
  SmallVector<int64_t> lane(schedule.lanes, step % bytes / 4);
  all = vector::ShuffleOp::create(b, access.loc, all, all, lane);
  return vector::BitCastOp::create(
      b, access.loc, VectorType::get({4 * schedule.lanes}, b.getI8Type()), all);
}

/// Eight neighbouring bytes of each row.
Value DotEmitter::activationPair(const DotContraction &dot,
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

Value DotEmitter::packedConstant(const DotContraction &dot) {
  Value &tensor = packedWeights[dot.op];
  if (tensor)
    return tensor;
  OpBuilder::InsertionGuard guard(b);
  access.setInsertionPointToTop(root);
  DenseElementsAttr packed = packWeights(dot, packedChannels());
  if (schedule.pairSteps > 0)
    bounds[dot.op] = schedule.kernel == Schedule::Kernel::SplitDot
                         ? byteBound(packed, dot)
                         : pairBound(packed, dot);
  // The contraction's own, not the nest's: the report counts its weights there.
  return tensor = arith::ConstantOp::create(b, dot.op->getLoc(), packed);
}

/// In step `step` of the `steps` of a segment, a share of the weights that
/// follow the tile's.
void DotEmitter::prefetchWeights(const DotContraction &dot,
                                 const Position &loops, AffineExpr step,
                                 int64_t steps) {
  int64_t channels = schedule.tile[schedule.laneDim], block = packedChannels();
  if (turn.count == 0 || channels % block != 0)
    return;
  Value weights = packedConstant(dot);
  auto type = cast<RankedTensorType>(weights.getType());
  ArrayRef<int64_t> shape = type.getShape();
  AffineExpr next = b.getAffineConstantExpr(0), segment = next;
  int64_t blocks = shape[dot.batchLoops.size()], segments = 1;
  for (auto [i, loop] : llvm::enumerate(dot.batchLoops))
    next = next * shape[i] + loops.index[loop];
  for (unsigned loop : dot.segmentLoops) {
    segment = segment * dot.extents[loop] + loops.index[loop];
    segments *= dot.extents[loop];
  }
  AffineExpr channel = loops.laneBase(dot.outLoop, b.getAffineSymbolExpr(0));
  next = next * blocks + (channel + channels).floorDiv(block);
  int64_t blockElements =
      ShapedType::getNumElements(shape.drop_front(dot.batchLoops.size() + 1));
  prefetchShare(access, weights, next * blockElements,
                channels / block * blockElements, segment * steps + step,
                segments * steps, turn);
}

/// Where the weights of the first lane's channel are in packed row `row`.
SmallVector<AffineExpr> DotEmitter::weightsAt(const DotContraction &dot,
                                              const Position &loops,
                                              AffineExpr row) {
  SmallVector<AffineExpr> index;
  for (unsigned loop : dot.batchLoops)
    index.push_back(loops.index[loop]);
  AffineExpr channel = loops.laneBase(dot.outLoop, b.getAffineSymbolExpr(0));
  index.push_back(channel.floorDiv(packedChannels()));
  for (unsigned loop : dot.segmentLoops)
    index.push_back(loops.index[loop]);
  index.push_back(row);
  index.push_back((channel % packedChannels()) * dot.stepBytes);
  return index;
}

/// Of every vector of weights in row `row`, the line `schedule.ahead` bytes
/// further on.
void DotEmitter::prefetchAhead(const DotContraction &dot,
                               ArrayRef<Position> loops, AffineExpr row) {
  if (schedule.ahead == 0)
    return;
  Value weights = packedConstant(dot);
  prefetchNear(access, weights,
               llvm::map_to_vector(loops, [&](const Position &position) {
                 return numberOf(weights, weightsAt(dot, position, row)) +
                        schedule.ahead;
               }));
}

/// The weights of the channels in the lanes for one step, or part of them.
Value DotEmitter::dotWeights(const DotContraction &dot, const Position &loops,
                             AffineExpr row, unsigned half, int64_t part) {
  Value tensor = packedConstant(dot);
  SmallVector<AffineExpr> index = weightsAt(dot, loops, row);
  bool isAcross = schedule.kernel == Schedule::Kernel::AcrossDot;
  int64_t bytes = schedule.lanes * (isAcross ? dot.stepBytes : 4);
  index.back() = index.back() + part * bytes + b.getAffineSymbolExpr(0);
  Value weights = access.toVector(access.read(tensor, {index, bytes}), bytes);
  return dot.isPacked4() ? access.unpackNibbles(weights, half) : weights;
}

} // namespace qopt
