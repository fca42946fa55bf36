//===- TileEmitter.cpp - Contractions as products of tiles ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileEmitter.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;

namespace qopt {

/// How far `to` is from `from`; nothing where that changes.
static std::optional<SmallVector<int64_t>> offsetOf(ArrayRef<AffineExpr> from,
                                                    ArrayRef<AffineExpr> to) {
  SmallVector<int64_t> offset;
  for (auto [first, second] : llvm::zip_equal(from, to)) {
    auto step = dyn_cast<AffineConstantExpr>(simplified(second - first));
    if (!step)
      return std::nullopt;
    offset.push_back(step.getValue());
  }
  return offset;
}

/// The first `count` rows of the two that share the bytes at `at`.
static void widenPair(TensorAccess &access, Value nibbles,
                      std::array<AffineExpr, 2> at, int64_t count,
                      Value &wide) {
  constexpr int64_t kBytes = 4 * kTileLanes;
  AffineExpr zero = access.b.getAffineConstantExpr(0),
             lane = access.b.getAffineSymbolExpr(0);
  Value bytes = access.readRun(nibbles, {{at[0], at[1], zero}}, kBytes);
  for (int64_t half = 0; half < count; ++half)
    wide = access.write(access.unpackNibbles(bytes, half), wide,
                        {{at[0], at[1] * 2 + half, lane}, kBytes});
}

/// Packed weights of four bits as `rows` rows of bytes in each segment:
///   for s, pair: W[s, 2 * pair], W[s, 2 * pair + 1] = nibbles[s, pair]
static Value widen(RewriterBase &b, Location loc, Value packed, int64_t rows) {
  SmallVector<int64_t> shape =
      llvm::to_vector(cast<ShapedType>(packed.getType()).getShape());
  int64_t bytes = shape.pop_back_val(), pairs = shape.pop_back_val(),
          segments = ShapedType::getNumElements(shape);
  SmallVector<ReassociationIndices> groups(3);
  for (int64_t dim = 0, outer = shape.size(); dim < outer + 2; ++dim)
    groups[std::max<int64_t>(0, dim - outer + 1)].push_back(dim);
  Value nibbles = tensor::CollapseShapeOp::create(b, loc, packed, groups);
  Type byte = b.getI8Type();
  SmallVector<Value> wide{tensor::EmptyOp::create(
      b, loc, ArrayRef<int64_t>{segments, rows, bytes}, byte)};
  // Of its own: what the nest has read so far is not in front of the nest.
  TensorAccess access(b, loc);
  access.emitLoop(segments, wide, [&](AffineExpr s, SmallVector<Value> &outer) {
    access.emitLoop(rows / 2, outer,
                    [&](AffineExpr pair, SmallVector<Value> &inner) {
                      widenPair(access, nibbles, {s, pair}, 2, inner[0]);
                    });
    if (rows % 2)
      widenPair(access, nibbles, {s, b.getAffineConstantExpr(pairs - 1)}, 1,
                outer[0]);
  });
  shape.append({rows, bytes});
  return tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get(shape, byte), wide[0], groups);
}

TileEmitter::Operands &TileEmitter::operandsOf(const DotContraction &dot) {
  Operation *op = linalg::LinalgOp(dot.op);
  auto [entry, isNew] = operands.try_emplace(op);
  Operands &result = entry->second;
  if (!isNew)
    return result;
  OpBuilder::InsertionGuard guard(b);
  access.setInsertionPointToTop(root);
  result.view = ActivationView::of(dot);
  result.activations = result.view.buffer;
  if (result.view.type != result.activations.getType())
    result.activations =
        tensor::CollapseShapeOp::create(b, access.loc, result.view.type,
                                        result.activations, result.view.groups);
  // The contraction's location, by which the report counts weights.
  result.weights = arith::ConstantOp::create(
      b, dot.op->getLoc(), packWeights(dot, kTileLanes, dot.chunkBytes()));
  // All rows share the work.
  if (dot.isPacked4())
    result.weights = widen(b, access.loc, result.weights,
                           dot.chunks() * dot.chunkBytes() / 4);
  return result;
}

/// The first byte of the segment that `loops` reads.
SmallVector<AffineExpr> TileEmitter::activationAt(const DotContraction &dot,
                                                  const Position &loops) {
  return operandsOf(dot).view.indexOf(loops.apply(dot.lhsMap).index);
}

AffineExpr TileEmitter::channelAt(const DotContraction &dot,
                                  const Position &loops) {
  return loops.laneBase(dot.outLoop, b.getAffineSymbolExpr(0));
}

LogicalResult TileEmitter::compute(const DotContraction &dot,
                                   ArrayRef<Position> loops, const Turn &turn) {
  Operands &operand = operandsOf(dot);
  SmallVector<AffineExpr> first = activationAt(dot, loops.front());
  AffineExpr channel = channelAt(dot, loops.front());
  SmallVector<SmallVector<int64_t>> offsets;
  int64_t blocks = 1;
  for (const Position &position : loops) {
    auto offset = offsetOf(first, activationAt(dot, position));
    auto lanes = offsetOf({channel}, {channelAt(dot, position)});
    if (!offset || !lanes || lanes->front() % kTileLanes != 0)
      return failure();
    offsets.push_back(*offset);
    blocks = std::max(blocks, lanes->front() / kTileLanes + 1);
  }
  std::optional<TileRows> rows = TileRows::cover(offsets);
  if (!rows)
    return failure();

  // A loop's step is how far its second iteration is from the first.
  SmallVector<int64_t> segments, steps, rowStep(first.size(), 0);
  rowStep[rows->dim] = rows->step;
  for (unsigned loop : dot.segmentLoops) {
    Position next = loops.front();
    next.index[loop] = next.index[loop] + 1;
    auto step = offsetOf(first, activationAt(dot, next));
    if (!step)
      return failure();
    segments.push_back(dot.extents[loop]);
    steps.append(*step);
  }
  SmallVector<AffineExpr> place;
  for (unsigned loop : dot.batchLoops)
    place.push_back(loops.front().index[loop]);
  place.push_back(channel.floorDiv(kTileLanes));
  auto type =
      VectorType::get({rows->count, blocks, kTileLanes}, b.getI32Type());
  // What was widened before is in a cache.
  bool fetches = turn.count > 0 && !dot.isPacked4();
  Value sums = TileDotOp::create(
      b, access.loc, type, operand.activations, access.indices(first),
      operand.weights, access.indices(place),
      fetches ? access.index(turn.number) : Value(), dot.lhsUnsigned,
      dot.weightsUnsigned, dot.depth(), rowStep, segments, steps, rows->windows,
      fetches ? b.getI64IntegerAttr(turn.count) : IntegerAttr());
  tiles[linalg::LinalgOp(dot.op)] = {sums, first[rows->dim], channel, *rows};
  return success();
}

Value TileEmitter::read(const DotContraction &dot, const Position &loops) {
  const Tile &tile = tiles.at(linalg::LinalgOp(dot.op));
  AffineExpr at = activationAt(dot, loops)[tile.rows.dim];
  AffineExpr row =
      simplified(simplified(at - tile.origin).floorDiv(tile.rows.step));
  AffineExpr block = simplified(
      simplified(channelAt(dot, loops) - tile.channel).floorDiv(kTileLanes));
  SmallVector<OpFoldResult> place;
  for (AffineExpr expr : {row, block}) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      place.push_back(b.getIndexAttr(constant.getValue()));
    else
      place.push_back(access.index(expr));
  }
  return vector::ExtractOp::create(b, access.loc, tile.sums, place);
}

} // namespace qopt
