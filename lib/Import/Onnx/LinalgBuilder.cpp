//===- LinalgBuilder.cpp - The forms that the ONNX door emits -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

ArrayRef<int64_t> onnximport::shapeOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

RankedTensorType onnximport::floatTensorType(OpBuilder &builder,
                                             ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, builder.getF32Type());
}

static Type elementType(OpBuilder &builder, DType dtype) {
  switch (dtype) {
  case DType::F32:
    return builder.getF32Type();
  case DType::F64:
    return builder.getF64Type();
  case DType::F16:
    return builder.getF16Type();
  default:
    return builder.getIntegerType(unsigned(8 * dtypeSize(dtype)));
  }
}

Value onnximport::createConstant(OpBuilder &builder, Location loc,
                                 const HostTensor &tensor) {
  auto type =
      RankedTensorType::get(tensor.shape, elementType(builder, tensor.dtype));
  ArrayRef<char> bytes(reinterpret_cast<const char *>(tensor.bytes.data()),
                       tensor.bytes.size());
  return arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::getFromRawBuffer(type, bytes));
}

Value onnximport::createScalar(OpBuilder &builder, Location loc, float value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(value));
}

Value onnximport::createEmpty(OpBuilder &builder, Location loc,
                              ArrayRef<int64_t> shape) {
  return tensor::EmptyOp::create(builder, loc, shape, builder.getF32Type());
}

Value onnximport::createFill(OpBuilder &builder, Location loc,
                             ArrayRef<int64_t> shape, float value) {
  Value scalar = createScalar(builder, loc, value);
  Value empty = createEmpty(builder, loc, shape);
  return linalg::FillOp::create(builder, loc, ValueRange{scalar},
                                ValueRange{empty})
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

Value onnximport::createTranspose(OpBuilder &builder, Location loc, Value input,
                                  ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation,
                  llvm::seq<int64_t>(0, int64_t(permutation.size()))))
    return input;
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation)
    shape.push_back(shapeOf(input)[dim]);
  Value empty = createEmpty(builder, loc, shape);
  return linalg::TransposeOp::create(builder, loc, input, empty, permutation)
      ->getResult(0);
}

/// Cuts both shapes into the finest groups of equal products: between the
/// groups nothing moves. Unit dimensions at the end join the last group.
static void groupDims(ArrayRef<int64_t> from, ArrayRef<int64_t> to,
                      SmallVectorImpl<ReassociationIndices> &fromGroups,
                      SmallVectorImpl<ReassociationIndices> &toGroups) {
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    fromGroups.push_back({int64_t(i)});
    toGroups.push_back({int64_t(j)});
    int64_t product = from[i++], target = to[j++];
    while (product != target) {
      if (product < target) {
        fromGroups.back().push_back(int64_t(i));
        product *= from[i++];
      } else {
        toGroups.back().push_back(int64_t(j));
        target *= to[j++];
      }
    }
  }
  for (; i < from.size(); ++i)
    fromGroups.back().push_back(int64_t(i));
  for (; j < to.size(); ++j)
    toGroups.back().push_back(int64_t(j));
}

Value onnximport::createReshape(OpBuilder &builder, Location loc, Value input,
                                ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> from = shapeOf(input);
  if (from == shape)
    return input;
  SmallVector<ReassociationIndices> fromGroups, toGroups;
  // With rank 0 on one side there are no groups at all, as the dialect has it.
  if (!from.empty() && !shape.empty())
    groupDims(from, shape, fromGroups, toGroups);
  if (shape.size() < from.size() && fromGroups.size() == shape.size())
    return tensor::CollapseShapeOp::create(
        builder, loc, floatTensorType(builder, shape), input, fromGroups);
  if (shape.size() > from.size() && toGroups.size() == from.size())
    return tensor::ExpandShapeOp::create(
        builder, loc, floatTensorType(builder, shape), input, toGroups);

  SmallVector<int64_t> middle;
  for (const ReassociationIndices &group : fromGroups) {
    int64_t product = 1;
    for (int64_t dim : group)
      product *= from[dim];
    middle.push_back(product);
  }
  Value collapsed = tensor::CollapseShapeOp::create(
      builder, loc, floatTensorType(builder, middle), input, fromGroups);
  return tensor::ExpandShapeOp::create(
      builder, loc, floatTensorType(builder, shape), collapsed, toGroups);
}

Value onnximport::createPad(OpBuilder &builder, Location loc, Value input,
                            ArrayRef<int64_t> low, ArrayRef<int64_t> high,
                            float value) {
  auto isZero = [](int64_t amount) { return amount == 0; };
  if (all_of(low, isZero) && all_of(high, isZero))
    return input;
  SmallVector<int64_t> shape(shapeOf(input));
  for (auto [size, before, after] : llvm::zip_equal(shape, low, high))
    size += before + after;
  Value padding = createScalar(builder, loc, value);
  SmallVector<OpFoldResult> lows =
      getAsIndexOpFoldResult(builder.getContext(), low);
  SmallVector<OpFoldResult> highs =
      getAsIndexOpFoldResult(builder.getContext(), high);
  return tensor::PadOp::create(builder, loc, floatTensorType(builder, shape),
                               input, lows, highs, padding);
}

Value onnximport::createBroadcast(OpBuilder &builder, Location loc, Value input,
                                  ArrayRef<int64_t> shape,
                                  ArrayRef<int64_t> dimensions) {
  Value empty = createEmpty(builder, loc, shape);
  return linalg::BroadcastOp::create(builder, loc, input, empty, dimensions)
      ->getResult(0);
}

Value onnximport::createSlice(OpBuilder &builder, Location loc, Value input,
                              ArrayRef<int64_t> offsets,
                              ArrayRef<int64_t> sizes,
                              ArrayRef<int64_t> strides) {
  MLIRContext *context = builder.getContext();
  return tensor::ExtractSliceOp::create(
      builder, loc, floatTensorType(builder, sizes), input,
      getAsIndexOpFoldResult(context, offsets),
      getAsIndexOpFoldResult(context, sizes),
      getAsIndexOpFoldResult(context, strides));
}

Value onnximport::createGather(OpBuilder &builder, Location loc, Value input,
                               ArrayRef<int64_t> dims,
                               ArrayRef<SmallVector<int64_t>> indices) {
  SmallVector<int64_t> shape(shapeOf(input));
  unsigned rank = unsigned(shape.size());
  SmallVector<Value> tables;
  SmallVector<AffineMap> maps;
  for (auto [dim, table] : llvm::zip_equal(dims, indices)) {
    shape[dim] = int64_t(table.size());
    auto type = RankedTensorType::get(shape[dim], builder.getIndexType());
    tables.push_back(arith::ConstantOp::create(
        builder, loc, DenseIntElementsAttr::get(type, ArrayRef(table))));
    maps.push_back(
        AffineMap::get(rank, 0, builder.getAffineDimExpr(unsigned(dim))));
  }
  maps.push_back(builder.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value empty = createEmpty(builder, loc, shape);
  auto body = [&](OpBuilder &b, Location l, ValueRange args) {
    SmallVector<Value> position;
    for (unsigned dim = 0; dim < rank; ++dim) {
      const auto *it = llvm::find(dims, int64_t(dim));
      position.push_back(it == dims.end()
                             ? Value(linalg::IndexOp::create(b, l, dim))
                             : args[it - dims.begin()]);
    }
    Value element = tensor::ExtractOp::create(b, l, input, position);
    linalg::YieldOp::create(b, l, element);
  };
  return linalg::GenericOp::create(
             builder, loc, TypeRange{floatTensorType(builder, shape)}, tables,
             ValueRange{empty}, maps, iterators, body)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value onnximport::createElementwise(OpBuilder &builder, Location loc,
                                    ArrayRef<int64_t> shape,
                                    ArrayRef<ElementwiseOperand> operands,
                                    BodyBuilder body) {
  unsigned rank = unsigned(shape.size());
  SmallVector<Value> tensors;
  SmallVector<AffineMap> maps;
  for (const ElementwiseOperand &operand : operands) {
    if (!operand.tensor)
      continue;
    SmallVector<AffineExpr> exprs;
    for (int64_t dim : operand.dims)
      exprs.push_back(builder.getAffineDimExpr(unsigned(dim)));
    tensors.push_back(operand.tensor);
    maps.push_back(AffineMap::get(rank, 0, exprs, builder.getContext()));
  }
  maps.push_back(builder.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto emitBody = [&](OpBuilder &b, Location l, ValueRange args) {
    SmallVector<Value> elements;
    size_t nextTensor = 0;
    for (const ElementwiseOperand &operand : operands)
      elements.push_back(operand.tensor ? args[nextTensor++]
                                        : createScalar(b, l, operand.scalar));
    Value result = body(b, l, elements);
    linalg::YieldOp::create(b, l, result);
  };
  Value empty = createEmpty(builder, loc, shape);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{floatTensorType(builder, shape)}, tensors,
             ValueRange{empty}, maps, iterators, emitBody)
      .getResult(0);
}

Value onnximport::createUnary(OpBuilder &builder, Location loc, Value input,
                              BodyBuilder body) {
  ArrayRef<int64_t> shape = shapeOf(input);
  ElementwiseOperand operand{
      input, llvm::to_vector(llvm::seq<int64_t>(0, int64_t(shape.size())))};
  return createElementwise(builder, loc, shape, operand, body);
}

Value onnximport::createScale(OpBuilder &builder, Location loc, Value input,
                              float factor) {
  return createUnary(builder, loc, input,
                     [&](OpBuilder &b, Location l, ValueRange args) -> Value {
                       Value constant = createScalar(b, l, factor);
                       return arith::MulFOp::create(b, l, args[0], constant);
                     });
}

Value onnximport::createReduction(OpBuilder &builder, Location loc, Value input,
                                  ArrayRef<int64_t> dims, Reduction kind) {
  ArrayRef<int64_t> inputShape = shapeOf(input);
  unsigned rank = unsigned(inputShape.size());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> kept;
  for (unsigned dim = 0; dim < rank; ++dim) {
    if (is_contained(dims, int64_t(dim))) {
      iterators[dim] = utils::IteratorType::reduction;
      continue;
    }
    shape.push_back(inputShape[dim]);
    kept.push_back(builder.getAffineDimExpr(dim));
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float start = kind == Reduction::Sum   ? 0.0f
                : kind == Reduction::Max ? -kInfinity
                                         : kInfinity;
  auto body = [&](OpBuilder &b, Location l, ValueRange args) {
    Value next;
    if (kind == Reduction::Sum)
      next = arith::AddFOp::create(b, l, args[1], args[0]);
    else if (kind == Reduction::Max)
      next = arith::MaximumFOp::create(b, l, args[1], args[0]);
    else
      next = arith::MinimumFOp::create(b, l, args[1], args[0]);
    linalg::YieldOp::create(b, l, next);
  };
  Value init = createFill(builder, loc, shape, start);
  AffineMap maps[] = {builder.getMultiDimIdentityMap(rank),
                      AffineMap::get(rank, 0, kept, builder.getContext())};
  return linalg::GenericOp::create(
             builder, loc, TypeRange{floatTensorType(builder, shape)},
             ValueRange{input}, ValueRange{init}, maps, iterators, body)
      .getResult(0);
}
