//===- TilingInterfaceImpl.cpp - Tiling of the qopt operations ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One model for all elementwise operations: a tile of the result needs the
// same tile of every elementwise operand, and of every parameter the part that
// its map reaches.
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/Transforms/TilingInterfaceImpl.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/TilingInterface.h"

using namespace mlir;
using namespace qopt;

using Fold = SmallVector<OpFoldResult>;

/// The part of one operand dimension that the tile reaches through `expr`:
/// `d` itself, `d floordiv g` if the tile is cut at multiples of g, or 0.
static LogicalResult sliceOfExpr(OpBuilder &b, AffineExpr expr,
                                 ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes,
                                 OpFoldResult &offset, OpFoldResult &size) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    offset = offsets[dim.getPosition()];
    size = sizes[dim.getPosition()];
    return success();
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    offset = b.getIndexAttr(constant.getValue());
    size = b.getIndexAttr(1);
    return success();
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || binary.getKind() != AffineExprKind::FloorDiv)
    return failure();
  auto dim = dyn_cast<AffineDimExpr>(binary.getLHS());
  auto group = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!dim || !group)
    return failure();
  std::optional<int64_t> start =
      getConstantIntValue(offsets[dim.getPosition()]);
  std::optional<int64_t> length = getConstantIntValue(sizes[dim.getPosition()]);
  int64_t g = group.getValue();
  if (!start || !length || *start % g != 0 || *length % g != 0)
    return failure();
  offset = b.getIndexAttr(*start / g);
  size = b.getIndexAttr(*length / g);
  return success();
}

/// The slice of `operand` that the tile needs; dimensions that `map` does not
/// mention (the index of a table) are taken whole.
static FailureOr<Value> sliceOperand(OpBuilder &b, Location loc, Value operand,
                                     AffineMap map,
                                     ArrayRef<OpFoldResult> offsets,
                                     ArrayRef<OpFoldResult> sizes) {
  auto type = cast<RankedTensorType>(operand.getType());
  Fold sliceOffsets, sliceSizes;
  for (AffineExpr expr : map.getResults()) {
    OpFoldResult offset, size;
    if (failed(sliceOfExpr(b, expr, offsets, sizes, offset, size)))
      return failure();
    sliceOffsets.push_back(offset);
    sliceSizes.push_back(size);
  }
  for (int64_t size : type.getShape().drop_front(map.getNumResults())) {
    sliceOffsets.push_back(b.getIndexAttr(0));
    sliceSizes.push_back(b.getIndexAttr(size));
  }
  bool whole = llvm::all_of(
      llvm::zip_equal(sliceOffsets, sliceSizes, type.getShape()),
      [](auto slice) {
        auto [offset, size, dim] = slice;
        return isConstantIntValue(offset, 0) && isConstantIntValue(size, dim);
      });
  if (whole)
    return operand;
  Fold strides(type.getRank(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, loc, operand, sliceOffsets,
                                        sliceSizes, strides)
      .getResult();
}

namespace {

template <typename OpTy>
struct ElementwiseTiling
    : TilingInterface::ExternalModel<ElementwiseTiling<OpTy>, OpTy> {
  SmallVector<utils::IteratorType> getLoopIteratorTypes(Operation *op) const {
    int64_t rank = cast<OpTy>(op).getInit().getType().getRank();
    return SmallVector<utils::IteratorType>(rank,
                                            utils::IteratorType::parallel);
  }

  SmallVector<Range> getIterationDomain(Operation *op, OpBuilder &b) const {
    SmallVector<Range> domain;
    Value init = cast<OpTy>(op).getInit();
    for (OpFoldResult size : tensor::getMixedSizes(b, op->getLoc(), init))
      domain.push_back({b.getIndexAttr(0), size, b.getIndexAttr(1)});
    return domain;
  }

  FailureOr<TilingResult>
  getTiledImplementation(Operation *op, OpBuilder &b,
                         ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes) const {
    SmallVector<Value> operands;
    SmallVector<Operation *> slices;
    for (auto [operand, map] :
         llvm::zip_equal(op->getOperands(), cast<OpTy>(op).getOperandMaps())) {
      FailureOr<Value> slice =
          sliceOperand(b, op->getLoc(), operand, map, offsets, sizes);
      if (failed(slice))
        return op->emitOpError("expects a tile cut at multiples of the group "
                               "size of its parameters");
      operands.push_back(*slice);
      if (*slice != operand)
        slices.push_back(slice->getDefiningOp());
    }
    Operation *tiled = mlir::clone(b, op, operands.back().getType(), operands);
    return TilingResult{
        {tiled}, SmallVector<Value>(tiled->getResults()), slices};
  }

  LogicalResult getResultTilePosition(Operation *, OpBuilder &, unsigned,
                                      ArrayRef<OpFoldResult> offsets,
                                      ArrayRef<OpFoldResult> sizes,
                                      Fold &resultOffsets,
                                      Fold &resultSizes) const {
    resultOffsets.assign(offsets.begin(), offsets.end());
    resultSizes.assign(sizes.begin(), sizes.end());
    return success();
  }

  LogicalResult getIterationDomainTileFromResultTile(
      Operation *, OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,
      ArrayRef<OpFoldResult> sizes, SmallVectorImpl<OpFoldResult> &tileOffsets,
      SmallVectorImpl<OpFoldResult> &tileSizes) const {
    tileOffsets.assign(offsets.begin(), offsets.end());
    tileSizes.assign(sizes.begin(), sizes.end());
    return success();
  }

  FailureOr<TilingResult>
  generateResultTileValue(Operation *op, OpBuilder &b, unsigned,
                          ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes) const {
    return getTiledImplementation(op, b, offsets, sizes);
  }

  LogicalResult getIterationDomainTileFromOperandTiles(
      Operation *op, OpBuilder &, ArrayRef<unsigned> operandNumbers,
      ArrayRef<Fold> offsets, ArrayRef<Fold> sizes,
      SmallVectorImpl<OpFoldResult> &tileOffsets,
      SmallVectorImpl<OpFoldResult> &tileSizes) const {
    // An elementwise operand's tile is the domain's tile; a parameter's is not.
    SmallVector<AffineMap> maps = cast<OpTy>(op).getOperandMaps();
    for (auto [index, number] : llvm::enumerate(operandNumbers))
      if (!maps[number].isIdentity() || offsets[index] != offsets[0] ||
          sizes[index] != sizes[0])
        return failure();
    tileOffsets = offsets[0];
    tileSizes = sizes[0];
    return success();
  }

  FailureOr<TilingResult> getTiledImplementationFromOperandTiles(
      Operation *op, OpBuilder &b, ArrayRef<unsigned> operandNumbers,
      ArrayRef<Fold> offsets, ArrayRef<Fold> sizes) const {
    Fold tileOffsets, tileSizes;
    if (failed(getIterationDomainTileFromOperandTiles(
            op, b, operandNumbers, offsets, sizes, tileOffsets, tileSizes)))
      return failure();
    return getTiledImplementation(op, b, tileOffsets, tileSizes);
  }
};

} // namespace

void qopt::registerTilingInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, QoptDialect *) {
    QuantizeOp::attachInterface<ElementwiseTiling<QuantizeOp>>(*context);
    DequantizeOp::attachInterface<ElementwiseTiling<DequantizeOp>>(*context);
    FakeQuantizeOp::attachInterface<ElementwiseTiling<FakeQuantizeOp>>(
        *context);
    RequantizeOp::attachInterface<ElementwiseTiling<RequantizeOp>>(*context);
    LookupOp::attachInterface<ElementwiseTiling<LookupOp>>(*context);
  });
}
