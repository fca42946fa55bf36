//===- LinearRules.cpp - Decisions about linear forms ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parameters per tensor survive everything; those per channel survive where
// each of their dimensions has one place in the result, whole and in order.
//
//===----------------------------------------------------------------------===//

#include "qopt/Reference/LinearRules.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;
using namespace qopt;

std::optional<AffineMap>
qopt::renameDims(AffineMap map, ArrayRef<int64_t> target, unsigned numDims) {
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || target[dim.getPosition()] < 0)
      return std::nullopt;
    results.push_back(
        getAffineDimExpr(target[dim.getPosition()], map.getContext()));
  }
  return AffineMap::get(numDims, 0, results, map.getContext());
}

/// For each result of `from` (a dimension of the operand), the result of `to`
/// that is the same loop; -1 if there is none.
static SmallVector<int64_t> matchDims(AffineMap from, AffineMap to) {
  SmallVector<int64_t> target;
  for (AffineExpr expr : from.getResults()) {
    std::optional<unsigned> position = to.getResultPosition(expr);
    target.push_back(isa<AffineDimExpr>(expr) && position ? int64_t(*position)
                                                          : -1);
  }
  return target;
}

static std::optional<ParamLayout>
renamed(const ParamLayout &layout, ArrayRef<int64_t> target, unsigned rank) {
  std::optional<AffineMap> map = renameDims(layout.map, target, rank);
  if (!map)
    return std::nullopt;
  return ParamLayout{*map, layout.shape};
}

bool qopt::isDequantizedWeight(Value value) {
  auto dequantize = value.getDefiningOp<DequantizeOp>();
  DenseElementsAttr zeroPoints;
  return dequantize && !dequantize.getUnsignedInput() &&
         matchPattern(dequantize.getZeroPoint(), m_Constant(&zeroPoints)) &&
         llvm::all_of(zeroPoints.getValues<APInt>(),
                      [](const APInt &zero) { return zero.isZero(); });
}

/// The operation that dequantizes what `value` is rearranged from, one of
/// several alike; null where they differ, or are none.
static DequantizeOp findSource(Value value) {
  if (auto dequantize = value.getDefiningOp<DequantizeOp>())
    return dequantize;
  Operation *def = value.getDefiningOp();
  if (!def)
    return {};
  if (auto concat = dyn_cast<tensor::ConcatOp>(def)) {
    DequantizeOp first = findSource(concat.getInputs()[0]);
    auto isAlike = [&](Value input) {
      DequantizeOp other = findSource(input);
      Attribute zeroPoint, otherZeroPoint;
      return other && first.getUnsignedInput() == other.getUnsignedInput() &&
             getElementTypeOrSelf(first.getInput()) ==
                 getElementTypeOrSelf(other.getInput()) &&
             matchPattern(first.getZeroPoint(), m_Constant(&zeroPoint)) &&
             matchPattern(other.getZeroPoint(), m_Constant(&otherZeroPoint)) &&
             zeroPoint == otherZeroPoint;
    };
    return first && llvm::all_of(concat.getInputs(), isAlike) ? first
                                                              : DequantizeOp();
  }
  if (matchPoolingOrReduction(def) == PoolingKind::Max)
    return findSource(cast<linalg::LinalgOp>(def).getDpsInputs()[0]);
  Value moved = isMovement(def) ? movedOperand(def) : Value();
  return moved ? findSource(moved) : DequantizeOp();
}

bool qopt::isEightBit(Value value) {
  DequantizeOp source = findSource(value);
  return source && getElementTypeOrSelf(source.getInput()).isInteger(8);
}

std::optional<ParamLayout> qopt::contractParams(const Contraction &contraction,
                                                const ParamLayout &weight) {
  SmallVector<int64_t> target =
      matchDims(contraction.rhsMap, contraction.outMap);
  return renamed(weight, target, contraction.outMap.getNumResults());
}

std::optional<ParamLayout> qopt::reduceParams(linalg::LinalgOp op,
                                              const ParamLayout &input) {
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  return renamed(input, matchDims(in, out), out.getNumResults());
}

ParamLayout qopt::broadcastParams(AffineMap inputMap, unsigned outputRank,
                                  const ParamLayout &input) {
  // The output map of an elementwise operation is the identity.
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(outputRank, inputMap.getContext());
  return *renamed(input, matchDims(inputMap, identity), outputRank);
}

/// A pad or slice leaves a dimension alone if its size stays.
static std::optional<ParamLayout> keepDims(const ParamLayout &layout,
                                           ArrayRef<int64_t> from,
                                           ArrayRef<int64_t> to) {
  SmallVector<int64_t> target;
  for (size_t d = 0; d != from.size(); ++d)
    target.push_back(from.size() == to.size() && from[d] == to[d] ? int64_t(d)
                                                                  : -1);
  return renamed(layout, target, to.size());
}

/// Dimensions of the layout, ascending; they must be contiguous in `group` up
/// to dimensions of size one, which hold no information.
static bool coversGroup(ArrayRef<unsigned> dims, ArrayRef<int64_t> group,
                        ArrayRef<int64_t> shape) {
  SmallVector<int64_t> wide;
  for (int64_t d : group)
    if (shape[d] != 1 || llvm::is_contained(dims, unsigned(d)))
      wide.push_back(d);
  return llvm::equal(wide, dims);
}

static SmallVector<unsigned> dimsOf(AffineMap map) {
  SmallVector<unsigned> dims;
  for (AffineExpr expr : map.getResults())
    dims.push_back(cast<AffineDimExpr>(expr).getPosition());
  return dims;
}

/// All parameter dimensions are merged into one dimension of the result.
static std::optional<ParamLayout>
collapse(const ParamLayout &layout, ArrayRef<ReassociationIndices> groups,
         ArrayRef<int64_t> shape) {
  SmallVector<unsigned> dims = dimsOf(layout.map);
  for (auto [position, group] : llvm::enumerate(groups)) {
    if (!llvm::is_contained(group, int64_t(dims[0])))
      continue;
    if (!coversGroup(dims, group, shape))
      return std::nullopt;
    int64_t size = 1;
    for (int64_t s : layout.shape)
      size *= s;
    MLIRContext *context = layout.map.getContext();
    return ParamLayout{
        AffineMap::get(groups.size(), 0, getAffineDimExpr(position, context)),
        {size}};
  }
  return std::nullopt;
}

/// The one parameter dimension is split into the dimensions of its group that
/// are not of size one.
static std::optional<ParamLayout> expand(const ParamLayout &layout,
                                         ArrayRef<ReassociationIndices> groups,
                                         ArrayRef<int64_t> resultShape) {
  SmallVector<unsigned> dims = dimsOf(layout.map);
  if (dims.size() != 1)
    return std::nullopt;
  MLIRContext *context = layout.map.getContext();
  SmallVector<AffineExpr> results;
  SmallVector<int64_t> shape;
  for (int64_t d : groups[dims[0]])
    if (resultShape[d] != 1) {
      results.push_back(getAffineDimExpr(d, context));
      shape.push_back(resultShape[d]);
    }
  if (results.empty()) {
    results.push_back(getAffineDimExpr(groups[dims[0]].back(), context));
    shape.push_back(1);
  }
  return ParamLayout{AffineMap::get(resultShape.size(), 0, results, context),
                     shape};
}

std::optional<ParamLayout> qopt::moveParams(Operation *op, Value operand,
                                            const ParamLayout &layout) {
  auto type = cast<ShapedType>(operand.getType());
  auto resultType = cast<ShapedType>(op->getResult(0).getType());
  unsigned rank = resultType.getRank();
  if (layout.isPerTensor())
    return ParamLayout{AffineMap::get(rank, 0, layout.map.getContext()), {}};
  if (!layout.isPerChannel())
    return std::nullopt;
  if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
    if (structured.getNumDpsInputs() != 1 ||
        structured.getDpsInputs()[0] != operand)
      return std::nullopt;
    return reduceParams(structured, layout);
  }
  if (isa<tensor::PadOp, tensor::ExtractSliceOp>(op))
    return keepDims(layout, type.getShape(), resultType.getShape());
  if (auto reshape = dyn_cast<tensor::CollapseShapeOp>(op))
    return collapse(layout, reshape.getReassociationIndices(), type.getShape());
  if (auto reshape = dyn_cast<tensor::ExpandShapeOp>(op))
    return expand(layout, reshape.getReassociationIndices(),
                  resultType.getShape());
  if (isa<tensor::CastOp>(op))
    return layout;
  return std::nullopt;
}
