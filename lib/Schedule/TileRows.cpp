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
  return !dot.isPacked4() && (depth >= 64 || depth % 4 == 0);
}

ActivationView ActivationView::of(Value activations) {
  ActivationView view;
  auto type = cast<RankedTensorType>(activations.getType());
  view.extents.assign(type.getShape().begin(), type.getShape().end());
  SmallVector<int64_t> shape;
  for (auto [dim, extent] : llvm::enumerate(type.getShape())) {
    // A gap along a dimension is between the elements of the one around it.
    if (dim == 0 || isPartOf(activations, type.getRank() - 1 - dim)) {
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
  SmallVector<AffineExpr> merged;
  for (const ReassociationIndices &group : groups) {
    AffineExpr sum = index[group.front()];
    for (int64_t dim : ArrayRef(group).drop_front())
      sum = sum * extents[dim] + index[dim];
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
