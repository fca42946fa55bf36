//===- BlockPrefetch.cpp - The next block's rows, in time -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockPrefetch.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;

namespace qopt {

/// Whether `slice` is all of its source but for one position along the first
/// dimension, which is that of `loop`: one piece, as are all of them, one
/// behind the other, unless the source is part of something larger.
static bool isBlock(tensor::ExtractSliceOp slice, scf::ForOp loop) {
  auto offsets = slice.getMixedOffsets(), sizes = slice.getMixedSizes();
  RankedTensorType source = slice.getSourceType();
  if (!source.hasStaticShape() || !slice.hasUnitStride() || offsets.empty() ||
      offsets[0] != OpFoldResult(loop.getInductionVar()) ||
      !isConstantIntValue(loop.getStep(), 1) || !isOneInteger(sizes[0]))
    return false;
  return llvm::all_of(llvm::seq<int64_t>(1, source.getRank()), [&](int64_t i) {
    return isZeroInteger(offsets[i]) &&
           isConstantIntValue(sizes[i], source.getDimSize(i));
  });
}

std::optional<RowBlock> RowBlock::of(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  while (isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
      tensor.getDefiningOp()))
    tensor = tensor.getDefiningOp()->getOperand(0);
  auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || !type || !type.hasStaticShape())
    return std::nullopt;
  auto loop = dyn_cast<scf::ForOp>(slice->getParentOp());
  if (!loop || !isBlock(slice, loop))
    return std::nullopt;
  return RowBlock{slice, loop, SmallVector<int64_t>(type.getShape())};
}

/// Whether all operations that read `value`, or a view of it, are in `region`
/// or before its root: operations, or nests that were made of them.
static bool isReadUpTo(const FusedRegion &region, Value value) {
  Operation *root = region.root;
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    if (isView(user))
      return isReadUpTo(region, user->getResult(0));
    Operation *here = root->getBlock()->findAncestorOpInBlock(*user);
    return region.contains(user) || (here && here->isBeforeInBlock(root));
  });
}

bool RowBlock::isReadLastBy(const FusedRegion &region) const {
  return isReadUpTo(region, tensor::ExtractSliceOp(slice).getResult());
}

// Block i is the elements [i * n, (i + 1) * n).
void RowBlock::prefetchNext(TensorAccess &access, const Position &at) const {
  AffineExpr place = getAffineConstantExpr(0, access.b.getContext());
  for (auto [index, extent] : llvm::zip_equal(at.atLane(0), shape))
    place = place * extent + index;
  AffineExpr block, inside;
  bindDims(access.b.getContext(), block, inside);
  Value element = affine::AffineApplyOp::create(
      access.b, access.loc,
      AffineMap::get(2, 0, (block + 1) * llvm::product_of(shape) + inside),
      ValueRange{scf::ForOp(loop).getInductionVar(),
                 access.index(simplified(place))});
  PrefetchOp::create(access.b, access.loc,
                     tensor::ExtractSliceOp(slice).getSource(), element,
                     /*near=*/true);
}

} // namespace qopt
