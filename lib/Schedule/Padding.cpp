//===- Padding.cpp - Reading around what is padded ------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Padding.h"
#include "mlir/IR/Matchers.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/DepthwiseDot.h"

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
  Inside(const FusedRegion &region, ArrayRef<int64_t> shape);

  /// Appends the parts of `part`, of which the loops from `depth` on are not
  /// split yet.
  void split(const Schedule &schedule, size_t depth, const Part &part,
             std::vector<Part> &parts) const;

private:
  void restrict(AffineExpr read, int64_t low, int64_t size);

  SmallVector<int64_t> shape, first, end;
  OutsideReads outside;
};

} // namespace

Inside::Inside(const FusedRegion &region, ArrayRef<int64_t> shape)
    : shape(shape), first(shape.size(), 0), end(shape), outside(region) {
  for (const OutsideReads::Read &read : outside.reads) {
    auto pad = read.tensor.getDefiningOp<tensor::PadOp>();
    if (!pad || !paddingOf(pad))
      continue;
    for (auto [dim, expr] : llvm::enumerate(read.index))
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
      ArrayRef<int64_t> extents = outside.extents;
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

/// Whole tiles in front of what is inside, as few as possible; a loop, if there
/// are enough tiles one of several in a body; and the tiles behind it.
void Inside::split(const Schedule &schedule, size_t depth, const Part &part,
                   std::vector<Part> &parts) const {
  if (depth == schedule.order.size()) {
    parts.push_back(part);
    return;
  }
  int64_t dim = schedule.order[depth], tile = schedule.tile[dim], done = 0;
  if (first[dim] == 0 && end[dim] == shape[dim])
    return split(schedule, depth + 1, part, parts);
  bool isInnermost = depth + 1 == schedule.order.size();
  auto take = [&](int64_t count, int64_t unroll) {
    if (count <= 0)
      return;
    Part next = part;
    next.first[dim] = done;
    next.count[dim] = count;
    next.unroll = unroll;
    split(schedule, depth + 1, next, parts);
    done += count;
  };
  auto takeTiles = [&](int64_t to) {
    while (done < to)
      take(std::min(tile, to - done), 1);
  };
  takeTiles(std::min<int64_t>(llvm::alignTo(first[dim], tile), shape[dim]));
  if (int64_t body = tile * part.unroll; isInnermost && part.unroll > 1)
    take((end[dim] - done) / body * body, part.unroll);
  take((end[dim] - done) / tile * tile, isInnermost ? 1 : part.unroll);
  takeTiles(shape[dim]);
}

std::vector<Part> splitAtPadding(const FusedRegion &region,
                                 const Schedule &schedule) {
  auto type = cast<RankedTensorType>(region.root->getResult(0).getType());
  Inside inside(region, type.getShape());
  std::vector<Part> parts;
  Part whole{SmallVector<int64_t>(type.getRank(), 0),
             SmallVector<int64_t>(type.getShape()), schedule.unroll};
  inside.split(schedule, 0, whole, parts);
  return parts;
}

/// Whether `schedule` makes a depthwise nest that can be split at padding
/// without too much code.
static bool canSplit(const FusedRegion &region, const Schedule &schedule,
                     const DepthwiseDot &dot) {
  constexpr int64_t kMostProducts = 512;
  if (schedule.kernel != Schedule::Kernel::DepthwiseDot)
    return false;
  int64_t products = 0;
  for (const Part &part : splitAtPadding(region, schedule))
    products += part.unroll * dot.taps();
  for (auto [dim, tile] : llvm::enumerate(schedule.tile))
    products *= int64_t(dim) == schedule.laneDim ? 1 : tile;
  return products <= kMostProducts;
}

bool isReadAround(tensor::PadOp pad, ArrayRef<FusedRegion> regions,
                  const TargetInfo &target) {
  return paddingOf(pad) && llvm::all_of(pad->getUsers(), [&](Operation *user) {
           const auto *region = llvm::find_if(
               regions, [&](const FusedRegion &r) { return r.contains(user); });
           std::optional<DepthwiseDot> dot = matchDepthwiseDot(user);
           // A schedule by hand may be another one.
           return region != regions.end() && dot &&
                  !region->root->hasAttr(QoptDialect::kScheduleAttrName) &&
                  canSplit(*region, chooseSchedule(*region, target), *dot);
         });
}

} // namespace qopt
