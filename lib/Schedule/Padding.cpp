//===- Padding.cpp - Reading around what is padded ------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Padding.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace qopt {

TypedAttr paddingOf(tensor::PadOp pad) {
  Value constant = pad.getConstantPaddingValue();
  Attribute value;
  if (!constant || !matchPattern(constant, m_Constant(&value)) ||
      !pad.getSourceType().hasStaticShape() ||
      !pad.getResultType().hasStaticShape())
    return {};
  return cast<TypedAttr>(value);
}

namespace {

/// Along one dimension of the result: the elements [first, end) for which all
/// that is read is inside of the padding.
class Inside {
public:
  explicit Inside(ArrayRef<int64_t> shape) : shape(shape), end(shape) {
    first.assign(shape.size(), 0);
  }

  void collect(const FusedRegion &region);
  SmallVector<Run, 3> runs(int64_t dim, const Schedule &schedule) const;

private:
  void collect(const FusedRegion &region, linalg::LinalgOp op,
               ArrayRef<AffineExpr> at);
  void restrict(AffineExpr read, int64_t low, int64_t size);

  SmallVector<int64_t> shape, first, end;
  DenseSet<std::pair<Operation *, AffineMap>> seen;
  /// Extents of the result's dimensions and of all reductions.
  SmallVector<int64_t> extents;
};

} // namespace

void Inside::collect(const FusedRegion &region) {
  linalg::LinalgOp root = region.root;
  SmallVector<AffineExpr> dims;
  for (size_t dim = 0; dim < shape.size(); ++dim)
    dims.push_back(getAffineDimExpr(dim, root->getContext()));
  extents.assign(shape.begin(), shape.end());
  collect(region, root, dims);
}

void Inside::collect(const FusedRegion &region, linalg::LinalgOp op,
                     ArrayRef<AffineExpr> at) {
  // Once for each position: d * d would double the work with each step.
  AffineMap position = AffineMap::inferFromExprList({at}, op->getContext())[0];
  if (!seen.insert({op, position}).second)
    return;
  AffineMap out = op.getIndexingMapMatchingResult(op->getResult(0));
  SmallVector<AffineExpr> loops(op.getNumLoops());
  for (auto [expr, index] : llvm::zip_equal(out.getResults(), at))
    loops[cast<AffineDimExpr>(expr).getPosition()] = index;
  for (auto [loop, extent] : llvm::zip_equal(loops, op.getStaticLoopRanges()))
    if (!loop) {
      loop = getAffineDimExpr(extents.size(), op->getContext());
      extents.push_back(extent);
    }
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()) ||
        !op.payloadUsesValueFromOperand(&operand))
      continue;
    SmallVector<AffineExpr> read = llvm::map_to_vector(
        op.getMatchingIndexingMap(&operand).getResults(),
        [&](AffineExpr expr) { return expr.replaceDims(loops); });
    if (linalg::LinalgOp producer = region.producerOf(operand.get())) {
      collect(region, producer, read);
      continue;
    }
    auto pad = operand.get().getDefiningOp<tensor::PadOp>();
    if (!pad || !paddingOf(pad))
      continue;
    for (auto [dim, expr] : llvm::enumerate(read))
      if (pad.getStaticLow()[dim] != 0 || pad.getStaticHigh()[dim] != 0)
        restrict(expr, pad.getStaticLow()[dim],
                 pad.getSourceType().getDimSize(dim));
  }
}

/// `read` is an index of a tensor whose elements from `low` on, `size` of them,
/// are inside.
void Inside::restrict(AffineExpr read, int64_t low, int64_t size) {
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    if (!read.isFunctionOfDim(dim))
      continue;
    auto isInside = [&](int64_t i) {
      SmallVector<std::optional<int64_t>> least(extents.size(), 0), most;
      for (int64_t extent : extents)
        most.push_back(extent - 1);
      least[dim] = most[dim] = i;
      auto bound = [&](bool isUpper) {
        return getBoundForAffineExpr(read, extents.size(), 0, least, most,
                                     isUpper);
      };
      std::optional<int64_t> lower = bound(false), upper = bound(true);
      return lower && upper && *lower >= low && *upper < low + size;
    };
    while (first[dim] < end[dim] && !isInside(first[dim]))
      ++first[dim];
    while (first[dim] < end[dim] && !isInside(end[dim] - 1))
      --end[dim];
  }
}

/// Whole tiles in front of the loop, as few as possible; whatever the loop
/// leaves behind it.
SmallVector<Run, 3> Inside::runs(int64_t dim, const Schedule &schedule) const {
  int64_t tile = schedule.tile[dim], body = tile;
  if (dim == schedule.order.back())
    body *= schedule.unroll;
  if (first[dim] == 0 && end[dim] == shape[dim])
    return {{0, shape[dim]}};
  SmallVector<Run, 3> runs;
  int64_t done = 0;
  auto split = [&](int64_t to) {
    for (; done < to; done += runs.back().count)
      runs.push_back({done, std::min(body, to - done)});
  };
  split(std::min<int64_t>(llvm::alignTo(first[dim], tile), shape[dim]));
  int64_t loop = std::max<int64_t>(0, end[dim] - done) / body * body;
  if (loop > 0) {
    runs.push_back({done, loop});
    done += loop;
  }
  split(shape[dim]);
  return runs;
}

SmallVector<SmallVector<Run, 3>> splitAtPadding(const FusedRegion &region,
                                                const Schedule &schedule) {
  auto type = cast<RankedTensorType>(region.root->getResult(0).getType());
  Inside inside(type.getShape());
  inside.collect(region);
  SmallVector<SmallVector<Run, 3>> runs;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    runs.push_back(inside.runs(dim, schedule));
  return runs;
}

bool isReadAround(tensor::PadOp pad, ArrayRef<FusedRegion> regions,
                  const TargetInfo &target) {
  // Each product of runs is code of its own.
  constexpr int64_t kMostParts = 16;
  return paddingOf(pad) && llvm::all_of(pad->getUsers(), [&](Operation *user) {
           const auto *region = llvm::find_if(
               regions, [&](const FusedRegion &r) { return r.contains(user); });
           if (region == regions.end())
             return false;
           Schedule schedule = chooseSchedule(*region, target);
           int64_t parts = 1;
           for (const auto &runs : splitAtPadding(*region, schedule))
             parts *= int64_t(runs.size());
           return schedule.kernel == Schedule::Kernel::DepthwiseDot &&
                  parts <= kMostParts;
         });
}

} // namespace qopt
