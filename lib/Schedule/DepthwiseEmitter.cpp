//===- DepthwiseEmitter.cpp - Interleaved pixels and their dots -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   row 0   a0 a1 a2 ..            part 0   a0 b0 c0 d0  a1 b1 c1 d1 ..
//   row 1   b0 b1 b2 ..     ->     part 1   a4 b4 c4 d4 ..
//   row 2   c0 c1 c2 ..
//   row 3   d0 d1 d2 ..
//
// Both steps stay inside 16 bytes, where every target has an instruction.
//
//===----------------------------------------------------------------------===//

#include "DepthwiseEmitter.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;

namespace qopt {

/// How far the pixel of `at` is from that of `from`; nothing where that changes
/// from iteration to iteration.
static std::optional<PixelOffset> offsetBetween(const Position &from,
                                                const Position &at) {
  PixelOffset offset;
  for (size_t dim = 0; dim + 1 < at.index.size(); ++dim) {
    auto step = dyn_cast<AffineConstantExpr>(
        simplified(at.index[dim] - from.index[dim]));
    if (!step)
      return std::nullopt;
    offset.push_back(step.getValue());
  }
  return offset;
}

bool DepthwiseEmitter::covers(const DepthwiseDot &dot,
                              ArrayRef<Position> loops) const {
  if (loops.size() % 4 != 0)
    return false;
  Position origin = loops.front().apply(dot.lhsMap);
  for (auto [i, position] : llvm::enumerate(loops)) {
    if (position.group == 0 || position.part != int64_t(i % 4) ||
        position.index != loops[i / 4 * 4].index)
      return false;
    AffineExpr lane = b.getAffineSymbolExpr(0);
    AffineExpr channel = position.index[dot.channelLoop];
    if (simplified(channel - position.laneBase(dot.channelLoop, lane)) != lane)
      return false;
    for (auto [loop, index] : llvm::enumerate(position.index))
      if (loop != dot.channelLoop && index.isFunctionOfSymbol(0))
        return false;
    if (!offsetBetween(origin, position.apply(dot.lhsMap)))
      return false;
  }
  return true;
}

void DepthwiseEmitter::emit(const DepthwiseDot &dot, ArrayRef<Position> loops,
                            MutableArrayRef<Value> accumulators) {
  // Groups of the same channels share pixels.
  llvm::MapVector<AffineExpr, SmallVector<size_t>> groups;
  for (size_t i = 0; i < loops.size(); i += 4)
    groups[loops[i].index[dot.channelLoop]].push_back(i);
  for (const auto &[channel, firsts] : groups)
    emitGroup(dot, loops, firsts, accumulators);
}

void DepthwiseEmitter::emitGroup(const DepthwiseDot &dot,
                                 ArrayRef<Position> loops,
                                 ArrayRef<size_t> firsts,
                                 MutableArrayRef<Value> accumulators) {
  const Position &first = loops[firsts.front()];
  AffineExpr channel =
      simplified(first.laneBase(dot.channelLoop, b.getAffineSymbolExpr(0)));
  Position origin = first.apply(dot.lhsMap);
  SmallVector<PixelOffset> results = llvm::map_to_vector(firsts, [&](size_t i) {
    return *offsetBetween(origin, loops[i].apply(dot.lhsMap));
  });
  Packed &packed = packedFor(dot, channel, first.lanes);
  IntegerAttr bound;
  if (schedule.pairSteps > 0)
    bound = b.getI64IntegerAttr(dot.pairBound());
  for (const PixelQuad &quad : planPixelQuads(results, dot.tapOffsets())) {
    Parts pixels = interleave(dot, origin, quad);
    for (const PixelQuad::Use &use : quad.uses)
      for (auto [part, bytes] : llvm::enumerate(pixels)) {
        Value &accumulator = accumulators[firsts[use.result] + part];
        accumulator =
            DotOp::create(b, access.loc, accumulator.getType(), accumulator,
                          bytes, weights(packed, use.taps, channel, part),
                          dot.lhsUnsigned, dot.weightsUnsigned, bound);
      }
  }
}

/// Bytes of `low` and `high` by turns, `width` at a time, from the low or high
/// halves of each 16.
static Value unpack(RewriterBase &b, Location loc, Value low, Value high,
                    int64_t width, bool upper) {
  int64_t bytes = cast<VectorType>(low.getType()).getNumElements();
  SmallVector<int64_t> lanes;
  for (int64_t block = 0; block < bytes; block += 16)
    for (int64_t i = 0; i < 8; i += width)
      for (int64_t source : {int64_t(0), bytes})
        for (int64_t j = 0; j < width; ++j)
          lanes.push_back(source + block + (upper ? 8 : 0) + i + j);
  return vector::ShuffleOp::create(b, loc, low, high, lanes);
}

/// The pixels of `quad`, whose offsets count from `pixel`: four neighbouring
/// bytes for each channel.
DepthwiseEmitter::Parts DepthwiseEmitter::interleave(const DepthwiseDot &dot,
                                                     const Position &pixel,
                                                     const PixelQuad &quad) {
  SmallVector<Value, 4> rows;
  Operation *op = linalg::LinalgOp(dot.op);
  TensorAccess::Key key{op, {}};
  for (const PixelOffset &offset : quad.pixels) {
    Position run = pixel.run();
    for (auto [dim, step] : llvm::enumerate(offset)) {
      run.index[dim] = simplified(run.index[dim] + step);
      key.second.push_back(run.index[dim].getAsOpaquePointer());
    }
    rows.push_back(access.widen(access.read(dot.lhs, run), 4 * pixel.lanes));
  }
  key.second.push_back(pixel.index.back().getAsOpaquePointer());
  Parts parts;
  for (auto [part, value] : llvm::enumerate(parts)) {
    key.second.push_back(reinterpret_cast<const void *>(part));
    value = access.lookup(key);
    key.second.pop_back();
  }
  if (parts[3])
    return parts;
  // The weights of pixels that are not there are zero.
  while (rows.size() < 4)
    rows.push_back(rows.back());
  for (bool upper : {false, true}) {
    Value first = unpack(b, access.loc, rows[0], rows[1], 1, upper);
    Value second = unpack(b, access.loc, rows[2], rows[3], 1, upper);
    for (bool half : {false, true})
      parts[2 * upper + half] = unpack(b, access.loc, first, second, 2, half);
  }
  for (auto [part, value] : llvm::enumerate(parts)) {
    key.second.push_back(reinterpret_cast<const void *>(part));
    access.remember(key, value);
    key.second.pop_back();
  }
  return parts;
}

DepthwiseEmitter::Packed &DepthwiseEmitter::packedFor(const DepthwiseDot &dot,
                                                      AffineExpr channel,
                                                      int64_t lanes) {
  int64_t first = -1;
  if (auto constant = dyn_cast<AffineConstantExpr>(channel))
    first = constant.getValue();
  Operation *op = linalg::LinalgOp(dot.op);
  Packed &packed = constants[{op, first, lanes}];
  if (packed.constant)
    return packed;
  packed.dot = dot;
  packed.lanes = lanes;
  packed.first = std::max<int64_t>(first, 0);
  packed.groups = first >= 0 ? 1 : dot.extents[dot.channelLoop] / (4 * lanes);
  OpBuilder::InsertionGuard guard(b);
  access.setInsertionPointToTop(root);
  packed.constant = arith::ConstantOp::create(
      b, dot.op->getLoc(), packTaps(dot, TapQuad{-1, -1, -1, -1}, lanes, 0, 1));
  return packed;
}

Value DepthwiseEmitter::weights(Packed &packed, const TapQuad &taps,
                                AffineExpr channel, int64_t part) {
  auto *known = llvm::find(packed.quads, taps);
  int64_t quad = known - packed.quads.begin();
  if (known == packed.quads.end())
    packed.quads.push_back(taps);
  AffineExpr zero = b.getAffineConstantExpr(0);
  AffineExpr group =
      packed.groups == 1 ? zero : channel.floorDiv(4 * packed.lanes);
  SmallVector<AffineExpr> index{group, zero + quad, zero + part, zero};
  auto type = VectorType::get({4 * packed.lanes}, b.getI8Type());
  Value padding =
      arith::ConstantOp::create(b, access.loc, b.getI8IntegerAttr(0));
  return vector::TransferReadOp::create(b, access.loc, type, packed.constant,
                                        access.indices(index), padding,
                                        ArrayRef<bool>{true});
}

void DepthwiseEmitter::finish() {
  for (auto &[key, packed] : constants) {
    DenseElementsAttr values = packTaps(packed.dot, packed.quads, packed.lanes,
                                        packed.first, packed.groups);
    packed.constant.setValueAttr(values);
    packed.constant.getResult().setType(values.getType());
  }
}

} // namespace qopt
