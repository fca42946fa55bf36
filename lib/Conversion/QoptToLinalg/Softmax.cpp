//===- Softmax.cpp - Softmax in floats ------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// m = max x, e = exp(x - m), r = 1 / sum e, y = e * r, row by row: one division
// a row. A row of several vectors is reduced to one of them first,
//   [..., n, ...] -> [..., n / 16, 16, ...] -> [..., 16, ...] -> [..., ...]
// so that no vector has to be transposed or added up but the last. What is left
// of a row behind its vectors is where the last of these reductions starts.
//
//===----------------------------------------------------------------------===//

#include "Softmax.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "qopt/Support/FloatMath.h"
#include <limits>

using namespace mlir;
using namespace qopt;

namespace {

/// Tensors like the softmax's result, whose rows lie along `dim`.
class RowBuilder {
public:
  RowBuilder(OpBuilder &builder, Location loc, int64_t dim)
      : b(loc, builder), dim(dim) {}

  using Body = llvm::function_ref<Value(OpBuilder &, Location, ValueRange)>;

  /// One number a row; `step` joins it with each element.
  Value reduce(Value tensor, float init, Body step) {
    int64_t size = shapeOf(tensor)[dim], rest = size % kSoftmaxPartialSums;
    Value start = fill(tensor, init);
    if (size <= kSoftmaxPartialSums)
      return reduceFrom(start, tensor, step);
    if (rest != 0)
      start = reduceFrom(start, slice(tensor, size - rest, rest), step);
    Value parts = expandRows(slice(tensor, 0, size - rest));
    return reduceFrom(start, reduceFrom(fill(parts, init), parts, step), step);
  }

  /// An element of each row and, if there is one, the row's number.
  Value map(Value tensor, Value rows, Body body) {
    auto identity = b.getMultiDimIdentityMap(shapeOf(tensor).size());
    SmallVector<Value> inputs{tensor};
    SmallVector<AffineMap> maps{identity};
    if (rows) {
      inputs.push_back(rows);
      maps.push_back(identity.dropResult(dim));
    }
    maps.push_back(identity);
    SmallVector<utils::IteratorType> loops(identity.getNumDims(),
                                           utils::IteratorType::parallel);
    return build(inputs, empty(shapeOf(tensor)), maps, loops, body);
  }

private:
  static ArrayRef<int64_t> shapeOf(Value tensor) {
    return cast<RankedTensorType>(tensor.getType()).getShape();
  }
  Value empty(ArrayRef<int64_t> shape) {
    return tensor::EmptyOp::create(b, shape, b.getF32Type());
  }

  Value build(ValueRange inputs, Value init, ArrayRef<AffineMap> maps,
              ArrayRef<utils::IteratorType> loops, Body body) {
    return linalg::GenericOp::create(
               b, TypeRange{init.getType()}, inputs, ValueRange{init}, maps,
               loops,
               [&](OpBuilder &builder, Location loc, ValueRange arguments) {
                 linalg::YieldOp::create(builder, loc,
                                         body(builder, loc, arguments));
               })
        .getResult(0);
  }

  /// [..., n, ...] -> [..., count, ...]
  Value slice(Value tensor, int64_t first, int64_t count) {
    SmallVector<int64_t> sizes(shapeOf(tensor));
    if (count == sizes[dim])
      return tensor;
    SmallVector<int64_t> offsets(sizes.size(), 0), ones(sizes.size(), 1);
    offsets[dim] = first;
    sizes[dim] = count;
    MLIRContext *context = b.getContext();
    return tensor::ExtractSliceOp::create(
        b, tensor, getAsIndexOpFoldResult(context, offsets),
        getAsIndexOpFoldResult(context, sizes),
        getAsIndexOpFoldResult(context, ones));
  }

  /// [..., n, ...] -> [..., n / 16, 16, ...]
  Value expandRows(Value tensor) {
    SmallVector<int64_t> shape(shapeOf(tensor));
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < int64_t(shape.size()); ++i) {
      groups.push_back({i + (i > dim)});
      if (i == dim)
        groups.back().push_back(i + 1);
    }
    shape[dim] /= kSoftmaxPartialSums;
    shape.insert(shape.begin() + dim + 1, kSoftmaxPartialSums);
    return tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(shape, b.getF32Type()), tensor, groups);
  }

  /// `value` for each row of `tensor`.
  Value fill(Value tensor, float value) {
    SmallVector<int64_t> shape(shapeOf(tensor));
    shape.erase(shape.begin() + dim);
    Value number = arith::ConstantOp::create(b, b.getF32FloatAttr(value));
    return linalg::FillOp::create(b, number, empty(shape)).getResult(0);
  }

  Value reduceFrom(Value start, Value tensor, Body step) {
    auto identity = b.getMultiDimIdentityMap(shapeOf(tensor).size());
    SmallVector<utils::IteratorType> loops(identity.getNumDims(),
                                           utils::IteratorType::parallel);
    loops[dim] = utils::IteratorType::reduction;
    return build(tensor, start, {identity, identity.dropResult(dim)}, loops,
                 step);
  }

  ImplicitLocOpBuilder b;
  int64_t dim;
};

} // namespace

/// The larger of two; which of two zeros does not matter here.
static Value larger(OpBuilder &builder, Location loc, ValueRange arguments) {
  Value element = arguments[0], largest = arguments[1];
  Value isLess = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                       largest, element);
  return arith::SelectOp::create(builder, loc, isLess, element, largest);
}

/// A body that is the operation alone.
template <typename Op>
static Value apply(OpBuilder &builder, Location loc, ValueRange arguments) {
  return Op::create(builder, loc, arguments[0], arguments[1]);
}

Value qopt::decomposeSoftmax(OpBuilder &builder, linalg::SoftmaxOp op) {
  RowBuilder rows(builder, op.getLoc(), op.getDimension());
  Value x = op.getInput();
  Value largest =
      rows.reduce(x, -std::numeric_limits<float>::infinity(), larger);
  Value parts = rows.map(
      x, largest, [](OpBuilder &b, Location loc, ValueRange arguments) {
        Value distance =
            arith::SubFOp::create(b, loc, arguments[0], arguments[1]);
        return math::ExpOp::create(b, loc, distance).getResult();
      });
  Value sum = rows.reduce(parts, 0.0f, apply<arith::AddFOp>);
  Value inverse =
      rows.map(sum, {}, [](OpBuilder &b, Location loc, ValueRange arguments) {
        Value one = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1));
        return arith::DivFOp::create(b, loc, one, arguments[0]).getResult();
      });
  return rows.map(parts, inverse, apply<arith::MulFOp>);
}
