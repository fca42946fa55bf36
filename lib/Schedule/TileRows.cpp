//===- TileRows.cpp - Rows of activations as tiles of memory --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileRows.h"
#include <numeric>
#include <set>

using namespace mlir;

namespace qopt {

bool fitsTiles(const DotContraction &dot) {
  int64_t depth = dot.depth();
  return depth >= 64 || depth % 4 == 0;
}

/// Where a slice begins, if it is a box of its tensor.
template <typename SliceOp>
static std::optional<ArrayRef<int64_t>> originOf(SliceOp slice) {
  bool isBox = slice.getSourceType().getRank() == slice.getType().getRank() &&
               slice.hasUnitStride() &&
               llvm::none_of(slice.getStaticOffsets(), ShapedType::isDynamic);
  if (!isBox)
    return std::nullopt;
  return slice.getStaticOffsets();
}

/// What `value` has become part of before `reader`, if nothing is put into that
/// later, so that reading it needs no copy.
static tensor::InsertSliceOp placeOf(Value value, Operation *reader) {
  for (Operation *user : value.getUsers()) {
    auto insert = dyn_cast<tensor::InsertSliceOp>(user);
    if (insert && insert.getSource() == value &&
        insert->getBlock() == reader->getBlock() &&
        insert->isBeforeInBlock(reader) &&
        llvm::none_of(insert->getUsers(), llvm::IsaPred<tensor::InsertSliceOp>))
      return insert;
  }
  return {};
}

ActivationView ActivationView::of(const DotContraction &dot) {
  ActivationView view;
  view.buffer = dot.lhs;
  view.origin.assign(cast<ShapedType>(dot.lhs.getType()).getRank(), 0);
  while (true) {
    std::optional<ArrayRef<int64_t>> origin;
    Value buffer;
    if (auto slice = view.buffer.getDefiningOp<tensor::ExtractSliceOp>()) {
      origin = originOf(slice);
      buffer = slice.getSource();
    } else if (auto insert = placeOf(view.buffer, dot.op)) {
      origin = originOf(insert);
      buffer = insert.getResult();
    }
    if (!origin)
      break;
    for (auto [sum, offset] : llvm::zip_equal(view.origin, *origin))
      sum += offset;
    view.buffer = buffer;
  }
  auto type = cast<RankedTensorType>(view.buffer.getType());
  SmallVector<int64_t> shape;
  for (auto [dim, extent] : llvm::enumerate(type.getShape())) {
    // A gap along a dimension is between the elements of the one around it.
    if (dim == 0 || isPartOf(view.buffer, type.getRank() - 1 - dim)) {
      view.groups.emplace_back();
      shape.push_back(1);
    }
    view.groups.back().push_back(dim);
    shape.back() *= extent;
  }
  view.type = type.clone(shape);
  return view;
}

SmallVector<AffineExpr>
ActivationView::indexOf(ArrayRef<AffineExpr> index) const {
  ArrayRef<int64_t> extents = cast<ShapedType>(buffer.getType()).getShape();
  SmallVector<AffineExpr> merged;
  for (const ReassociationIndices &group : groups) {
    AffineExpr sum = index[group.front()] + origin[group.front()];
    for (int64_t dim : ArrayRef(group).drop_front())
      sum = sum * extents[dim] + index[dim] + origin[dim];
    merged.push_back(sum);
  }
  return merged;
}

std::optional<TileRows>
TileRows::cover(ArrayRef<SmallVector<int64_t>> offsets) {
  TileRows rows;
  int64_t step = 0, farthest = 0;
  for (ArrayRef<int64_t> offset : offsets)
    for (auto [dim, distance] : llvm::enumerate(offset)) {
      if (distance == 0)
        continue;
      if (distance < 0 || (step != 0 && int64_t(dim) != rows.dim))
        return std::nullopt;
      rows.dim = dim;
      step = std::gcd(step, distance);
      farthest = std::max(farthest, distance);
    }
  rows.step = std::max<int64_t>(step, 1);
  rows.count = farthest / rows.step + 1;

  std::set<int64_t> wanted;
  for (ArrayRef<int64_t> offset : offsets)
    wanted.insert(offset[rows.dim] / rows.step);
  // Each window starts with the first row that is left, but not so late that
  // it would end beyond the last.
  int64_t end = 0;
  for (int64_t row : wanted) {
    if (row < end)
      continue;
    int64_t first = std::min(row, rows.count - rows.windowRows());
    rows.windows.push_back(first);
    end = first + rows.windowRows();
  }
  return rows;
}

} // namespace qopt
