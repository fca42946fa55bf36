//===- TensorUtils.cpp - Building movement, and moving constants ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements movement on dense data and the builders that use it.
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/TensorUtils.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "qopt/Support/StridedCopy.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Dense data
//===----------------------------------------------------------------------===//

/// Bytes of one element as DenseElementsAttr stores it; 0 if not whole bytes.
static int64_t storageBytes(Type type) {
  if (type.isIndex())
    return sizeof(int64_t);
  unsigned bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
  return bits % 8 == 0 ? bits / 8 : 0;
}

namespace {
/// The bytes of a constant under construction.
struct DenseBuffer {
  DenseBuffer(ArrayRef<int64_t> shape, Type elementType)
      : type(RankedTensorType::get(shape, elementType)),
        elementBytes(storageBytes(elementType)),
        bytes(type.getNumElements() * elementBytes) {}
  char *at(int64_t element) { return bytes.data() + element * elementBytes; }
  DenseElementsAttr get() const {
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  }
  RankedTensorType type;
  int64_t elementBytes;
  SmallVector<char, 0> bytes;
};
} // namespace

static DenseElementsAttr resizeSplat(DenseElementsAttr splat,
                                     ArrayRef<int64_t> shape) {
  return splat.resizeSplat(
      RankedTensorType::get(shape, splat.getElementType()));
}

int64_t bytesOf(ShapedType type) {
  Type element = type.getElementType();
  int64_t bits = element.isIndex() ? IndexType::kInternalStorageBitWidth
                                   : element.getIntOrFloatBitWidth();
  return llvm::divideCeil(type.getNumElements() * bits, 8);
}

DenseElementsAttr transposeElements(DenseElementsAttr elements,
                                    ArrayRef<int64_t> perm) {
  ArrayRef<int64_t> shape = elements.getType().getShape();
  SmallVector<int64_t> newShape = applyPermutation(shape, perm);
  if (elements.isSplat())
    return resizeSplat(elements, newShape);
  DenseBuffer result(newShape, elements.getElementType());
  if (!result.elementBytes)
    return {};
  copyStrided(result.at(0), rowMajorStrides(newShape),
              elements.getRawData().data(),
              applyPermutation(ArrayRef<int64_t>(rowMajorStrides(shape)), perm),
              newShape, result.elementBytes);
  return result.get();
}

DenseElementsAttr sliceElements(DenseElementsAttr elements,
                                ArrayRef<int64_t> offsets,
                                ArrayRef<int64_t> sizes,
                                ArrayRef<int64_t> strides) {
  if (elements.isSplat())
    return resizeSplat(elements, sizes);
  DenseBuffer result(sizes, elements.getElementType());
  if (!result.elementBytes)
    return {};
  SmallVector<int64_t> srcStrides =
      rowMajorStrides(elements.getType().getShape());
  int64_t start = 0;
  for (auto [dim, offset] : llvm::enumerate(offsets)) {
    start += offset * srcStrides[dim];
    srcStrides[dim] *= strides[dim];
  }
  copyStrided(result.at(0), rowMajorStrides(sizes),
              elements.getRawData().data() + start * result.elementBytes,
              srcStrides, sizes, result.elementBytes);
  return result.get();
}

std::vector<uint32_t> indexAlong(RankedTensorType type,
                                 ArrayRef<unsigned> dims) {
  std::vector<uint32_t> result;
  SmallVector<int64_t> index(type.getRank(), 0);
  for (int64_t i = 0, e = type.getNumElements(); i < e; ++i) {
    int64_t linear = 0;
    for (unsigned dim : dims)
      linear = linear * type.getDimSize(dim) + index[dim];
    result.push_back(linear);
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      if (++index[dim] < type.getDimSize(dim))
        break;
      index[dim] = 0;
    }
  }
  return result;
}

DenseElementsAttr takeLast(DenseElementsAttr elements, int64_t dim,
                           ArrayRef<int64_t> places) {
  SmallVector<int64_t> shape(elements.getType().getShape());
  SmallVector<int64_t> srcStrides = rowMajorStrides(shape);
  int64_t step = srcStrides[dim];
  shape.erase(shape.begin() + dim);
  srcStrides.erase(srcStrides.begin() + dim);
  SmallVector<int64_t> newShape(shape);
  newShape.push_back(places.size());
  if (elements.isSplat())
    return resizeSplat(elements, newShape);
  DenseBuffer result(newShape, elements.getElementType());
  if (!result.elementBytes)
    return {};
  SmallVector<int64_t> dstStrides = rowMajorStrides(newShape);
  dstStrides.pop_back();
  const char *source = elements.getRawData().data();
  for (auto [i, place] : llvm::enumerate(places))
    copyStrided(result.at(i), dstStrides,
                source + place * step * result.elementBytes, srcStrides, shape,
                result.elementBytes);
  return result.get();
}

DenseElementsAttr padElements(DenseElementsAttr elements, ArrayRef<int64_t> low,
                              ArrayRef<int64_t> high, Attribute value) {
  ArrayRef<int64_t> shape = elements.getType().getShape();
  SmallVector<int64_t> newShape(shape);
  for (auto [dim, size] : llvm::enumerate(newShape))
    size += low[dim] + high[dim];
  Type elementType = elements.getElementType();
  DenseBuffer result(newShape, elementType);
  if (!result.elementBytes)
    return {};
  auto border = DenseElementsAttr::get(
      RankedTensorType::get(ArrayRef<int64_t>(), elementType), value);
  SmallVector<int64_t> strides = rowMajorStrides(newShape);
  SmallVector<int64_t> repeat(newShape.size(), 0);
  copyStrided(result.at(0), strides, border.getRawData().data(), repeat,
              newShape, result.elementBytes);
  int64_t start = 0;
  for (auto [dim, amount] : llvm::enumerate(low))
    start += amount * strides[dim];
  copyStrided(result.at(start), strides, elements.getRawData().data(),
              elements.isSplat() ? repeat : rowMajorStrides(shape), shape,
              result.elementBytes);
  return result.get();
}

DenseElementsAttr concatElements(ArrayRef<DenseElementsAttr> parts,
                                 int64_t dim) {
  SmallVector<int64_t> newShape(parts.front().getType().getShape());
  newShape[dim] = 0;
  for (DenseElementsAttr part : parts)
    newShape[dim] += part.getType().getShape()[dim];
  DenseBuffer result(newShape, parts.front().getElementType());
  if (!result.elementBytes)
    return {};
  SmallVector<int64_t> strides = rowMajorStrides(newShape);
  SmallVector<int64_t> repeat(newShape.size(), 0);
  int64_t start = 0;
  for (DenseElementsAttr part : parts) {
    ArrayRef<int64_t> shape = part.getType().getShape();
    copyStrided(result.at(start * strides[dim]), strides,
                part.getRawData().data(),
                part.isSplat() ? repeat : rowMajorStrides(shape), shape,
                result.elementBytes);
    start += shape[dim];
  }
  return result.get();
}

DenseElementsAttr floatElements(RankedTensorType type, ArrayRef<float> values) {
  return DenseElementsAttr::get(type, values);
}

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

SmallVector<int64_t> composePermutations(ArrayRef<int64_t> first,
                                         ArrayRef<int64_t> second) {
  return applyPermutation(first, second);
}

bool movesOnlyUnitDims(ArrayRef<int64_t> shape, ArrayRef<int64_t> perm) {
  int64_t last = -1;
  for (int64_t dim : perm) {
    if (shape[dim] == 1)
      continue;
    if (dim < last)
      return false;
    last = dim;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

RankedTensorType transposedType(RankedTensorType type, ArrayRef<int64_t> perm) {
  return RankedTensorType::get(applyPermutation(type.getShape(), perm),
                               type.getElementType());
}

static Value createEmpty(OpBuilder &builder, Location loc,
                         RankedTensorType type) {
  return tensor::EmptyOp::create(builder, loc, type.getShape(),
                                 type.getElementType());
}

/// transpose(broadcast(x)) -> broadcast'(x'), where x' has its dimensions in
/// the order of the new result.
static Value transposeBroadcast(OpBuilder &builder, linalg::BroadcastOp op,
                                RankedTensorType type, ArrayRef<int64_t> perm) {
  SmallVector<int64_t> kept, added;
  for (int64_t dim = 0, rank = perm.size(); dim < rank; ++dim)
    if (!llvm::is_contained(op.getDimensions(), dim))
      kept.push_back(dim);
  SmallVector<int64_t> inputPerm;
  for (auto [dim, source] : llvm::enumerate(perm)) {
    auto *position = llvm::find(kept, source);
    if (position == kept.end())
      added.push_back(dim);
    else
      inputPerm.push_back(position - kept.begin());
  }
  Location loc = op.getLoc();
  Value input = createTranspose(builder, loc, op.getInput(), inputPerm);
  return linalg::BroadcastOp::create(builder, loc, input,
                                     createEmpty(builder, loc, type), added)
      ->getResult(0);
}

Value createTranspose(OpBuilder &builder, Location loc, Value value,
                      ArrayRef<int64_t> perm) {
  if (isIdentityPermutation(perm))
    return value;
  RankedTensorType type =
      transposedType(cast<RankedTensorType>(value.getType()), perm);
  if (DenseElementsAttr elements; matchPattern(value, m_Constant(&elements)))
    if (DenseElementsAttr moved = transposeElements(elements, perm))
      return arith::ConstantOp::create(builder, value.getLoc(), type, moved);
  Operation *def = value.getDefiningOp();
  if (isa_and_nonnull<tensor::EmptyOp>(def))
    return createEmpty(builder, loc, type);
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(def))
    return linalg::FillOp::create(builder, fill.getLoc(), fill.getInputs(),
                                  createEmpty(builder, fill.getLoc(), type))
        .getResult(0);
  if (auto broadcast = dyn_cast_or_null<linalg::BroadcastOp>(def))
    return transposeBroadcast(builder, broadcast, type, perm);
  if (auto first = dyn_cast_or_null<linalg::TransposeOp>(def))
    return createTranspose(builder, loc, first.getInput(),
                           composePermutations(first.getPermutation(), perm));
  return linalg::TransposeOp::create(builder, loc, value,
                                     createEmpty(builder, loc, type), perm)
      ->getResult(0);
}

/// The coarsest way to cut both shapes into runs of equal products.
static void alignShapes(ArrayRef<int64_t> source, ArrayRef<int64_t> target,
                        SmallVector<ReassociationIndices> &sourceRuns,
                        SmallVector<ReassociationIndices> &targetRuns) {
  size_t i = 0, j = 0;
  auto take = [](ArrayRef<int64_t> shape, size_t &next,
                 ReassociationIndices &run, int64_t &product) {
    product *= shape[next];
    run.push_back(next++);
  };
  while (i < source.size() || j < target.size()) {
    ReassociationIndices sourceRun, targetRun;
    int64_t sourceProduct = 1, targetProduct = 1;
    if (i < source.size())
      take(source, i, sourceRun, sourceProduct);
    if (j < target.size())
      take(target, j, targetRun, targetProduct);
    while (sourceProduct != targetProduct) {
      if (sourceProduct < targetProduct)
        take(source, i, sourceRun, sourceProduct);
      else
        take(target, j, targetRun, targetProduct);
    }
    // Units without a partner on the other side belong to this run.
    auto unit = [](ArrayRef<int64_t> shape, size_t next) {
      return next < shape.size() && shape[next] == 1;
    };
    while (unit(source, i) && !unit(target, j))
      take(source, i, sourceRun, sourceProduct);
    while (unit(target, j) && !unit(source, i))
      take(target, j, targetRun, targetProduct);
    sourceRuns.push_back(std::move(sourceRun));
    targetRuns.push_back(std::move(targetRun));
  }
}

/// reshape(broadcast(x)) -> broadcast'(x) where every dimension of x is still
/// one dimension, units apart.
static Value reshapeBroadcast(OpBuilder &builder, linalg::BroadcastOp op,
                              RankedTensorType type) {
  auto source = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<ReassociationIndices> sourceRuns, targetRuns;
  alignShapes(source.getShape(), type.getShape(), sourceRuns, targetRuns);
  llvm::SmallSet<int64_t, 4> added;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    added.insert(dim);
  for (int64_t dim = 0; dim < source.getRank(); ++dim) {
    if (llvm::is_contained(op.getDimensions(), dim))
      continue;
    int64_t size = source.getDimSize(dim);
    const auto *run = llvm::find_if(sourceRuns, [&](const auto &candidate) {
      return llvm::is_contained(candidate, dim);
    });
    // The run is this dimension and units, on both sides.
    const ReassociationIndices &target = targetRuns[run - sourceRuns.begin()];
    int64_t product = 1;
    for (int64_t part : *run)
      product *= source.getDimSize(part);
    const auto *place = llvm::find_if(target, [&](int64_t part) {
      return type.getDimSize(part) == size && added.contains(part);
    });
    if (product != size || place == target.end())
      return {};
    added.erase(*place);
  }
  Location loc = op.getLoc();
  SmallVector<int64_t> dims(added.begin(), added.end());
  llvm::sort(dims);
  return linalg::BroadcastOp::create(builder, loc, op.getInput(),
                                     createEmpty(builder, loc, type), dims)
      ->getResult(0);
}

/// A reshape of what is the same at every place of an init.
static Value reshapeInit(OpBuilder &builder, Value value,
                         RankedTensorType type) {
  Operation *def = value.getDefiningOp();
  if (DenseElementsAttr elements; matchPattern(value, m_Constant(&elements)))
    return arith::ConstantOp::create(builder, value.getLoc(), type,
                                     elements.reshape(type));
  if (isa_and_nonnull<tensor::EmptyOp>(def))
    return createEmpty(builder, def->getLoc(), type);
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(def))
    return linalg::FillOp::create(builder, fill.getLoc(), fill.getInputs(),
                                  createEmpty(builder, fill.getLoc(), type))
        .getResult(0);
  if (auto broadcast = dyn_cast_or_null<linalg::BroadcastOp>(def))
    return reshapeBroadcast(builder, broadcast, type);
  return {};
}

Value createReshape(OpBuilder &builder, Location loc, Value value,
                    ArrayRef<int64_t> shape) {
  auto source = cast<RankedTensorType>(value.getType());
  if (source.getShape() == shape)
    return value;
  auto target = RankedTensorType::get(shape, source.getElementType());
  if (Value init = reshapeInit(builder, value, target))
    return init;
  // reshape(reshape(x)) -> reshape(x)
  if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>())
    return createReshape(builder, loc, collapse.getSrc(), shape);
  if (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>())
    return createReshape(builder, loc, expand.getSrc(), shape);

  if (shape.empty() || source.getRank() == 0) {
    SmallVector<ReassociationIndices> none;
    return shape.empty() ? tensor::CollapseShapeOp::create(builder, loc, target,
                                                           value, none)
                               .getResult()
                         : tensor::ExpandShapeOp::create(builder, loc, target,
                                                         value, none)
                               .getResult();
  }
  SmallVector<ReassociationIndices> sourceRuns, targetRuns;
  alignShapes(source.getShape(), shape, sourceRuns, targetRuns);
  SmallVector<int64_t> common;
  for (const ReassociationIndices &run : sourceRuns) {
    int64_t product = 1;
    for (int64_t dim : run)
      product *= source.getDimSize(dim);
    common.push_back(product);
  }
  auto commonType = RankedTensorType::get(common, source.getElementType());
  if (source.getRank() != commonType.getRank())
    value = tensor::CollapseShapeOp::create(builder, loc, commonType, value,
                                            sourceRuns);
  if (target.getRank() != commonType.getRank())
    value =
        tensor::ExpandShapeOp::create(builder, loc, target, value, targetRuns);
  return value;
}

Value createFill(OpBuilder &builder, Location loc, RankedTensorType type,
                 float value) {
  Value scalar = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(type.getElementType(), value));
  return linalg::FillOp::create(builder, loc, scalar,
                                createEmpty(builder, loc, type))
      .getResult(0);
}

Value createBiasInit(OpBuilder &builder, Location loc, RankedTensorType type,
                     DenseElementsAttr bias, ArrayRef<int64_t> dims) {
  if (llvm::all_of(bias.getValues<APFloat>(),
                   [](const APFloat &value) { return value.isZero(); }))
    return createFill(builder, loc, type, 0.0f);
  SmallVector<int64_t> added;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!llvm::is_contained(dims, dim))
      added.push_back(dim);
  Value constant =
      arith::ConstantOp::create(builder, loc, bias.getType(), bias);
  return linalg::BroadcastOp::create(builder, loc, constant,
                                     createEmpty(builder, loc, type), added)
      ->getResult(0);
}

} // namespace qopt
