//===- WeightPrefetch.cpp - The next weights, in time ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightPrefetch.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace qopt {

/// Bytes that one prefetch brings.
static constexpr int64_t kLineBytes = 64;

std::optional<WeightStream> WeightStream::of(linalg::LinalgOp op,
                                             int64_t lanes) {
  std::optional<Contraction> contraction = matchContraction(op);
  DenseElementsAttr values;
  if (!contraction || contraction->depthwise ||
      contraction->channelLoops.size() != 1 ||
      !matchPattern(contraction->rhs, m_Constant(&values)))
    return std::nullopt;
  WeightStream stream;
  stream.weights = contraction->rhs;
  stream.channelDim = contraction->rhsChannelDims[0];
  stream.channelLoop = contraction->channelLoops[0];
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (unsigned loop : contraction->reductionLoops) {
    stream.stepLoops.push_back(loop);
    stream.extents.push_back(ranges[loop]);
    stream.steps *= ranges[loop];
  }
  auto type = cast<ShapedType>(stream.weights.getType());
  int64_t channels = type.getDimSize(stream.channelDim);
  if (channels % lanes != 0 || type.getNumElements() != channels * stream.steps)
    return std::nullopt;
  return stream;
}

int64_t WeightStream::bytes() const { return bytesOf(weights); }

// With T turns of K steps, step k of turn t fetches `share` elements from
//   next + (t * K + k) * share   on, where   share = ceil(elements / (T * K)).
void prefetchShare(TensorAccess &access, Value weights, AffineExpr next,
                   int64_t elements, AffineExpr step, int64_t steps,
                   const Turn &turn) {
  int64_t share = llvm::divideCeil(elements, turn.count * steps);
  AffineExpr first = next + (turn.number * steps + step) * share;
  auto type = cast<ShapedType>(weights.getType());
  int64_t line = kLineBytes * type.getNumElements() / bytesOf(type);
  for (int64_t i = 0; i < share; i += line)
    PrefetchOp::create(access.b, access.loc, weights,
                       access.index(simplified(first + i)), /*near=*/false);
}

void prefetchNear(TensorAccess &access, Value weights,
                  SmallVector<AffineExpr> elements) {
  llvm::SetVector<AffineExpr> lines;
  for (AffineExpr element : elements)
    lines.insert(simplified(element));
  for (AffineExpr line : lines)
    PrefetchOp::create(access.b, access.loc, weights, access.index(line),
                       /*near=*/true);
}

AffineExpr WeightStream::stepAt(const Position &loops) const {
  AffineExpr step = getAffineConstantExpr(0, weights.getContext());
  for (auto [loop, extent] : llvm::zip_equal(stepLoops, extents))
    step = step * extent + loops.index[loop];
  return step;
}

void WeightStream::prefetchAhead(TensorAccess &access, ArrayRef<Position> loops,
                                 int64_t bytes) const {
  auto type = cast<ShapedType>(weights.getType());
  int64_t elements = bytes * type.getNumElements() / bytesOf(type);
  prefetchNear(access, access.inBlocks(weights, channelDim),
               llvm::map_to_vector(loops, [&](const Position &position) {
                 return position.atLane(0)[channelLoop] * steps +
                        stepAt(position) * position.lanes + elements;
               }));
}

void WeightStream::prefetch(TensorAccess &access, const Position &loops,
                            int64_t channels, const Turn &turn) const {
  AffineExpr step = stepAt(loops);
  AffineExpr next = (loops.atLane(0)[channelLoop] + channels) * steps;
  prefetchShare(access, access.inBlocks(weights, channelDim), next,
                channels * steps, step, steps, turn);
}

} // namespace qopt
