//===- GraphOps.cpp - Movement of constant and computed values ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

GraphValue onnximport::reshape(NodeContext &context, const GraphValue &input,
                               ArrayRef<int64_t> shape) {
  if (input.isConstant())
    return hostReshape(*input.constant, shape);
  return createReshape(context.builder, context.loc, input.value, shape);
}

GraphValue onnximport::transpose(NodeContext &context, const GraphValue &input,
                                 ArrayRef<int64_t> permutation) {
  if (input.isConstant())
    return hostTranspose(*input.constant, permutation);
  return createTranspose(context.builder, context.loc, input.value,
                         permutation);
}

GraphValue onnximport::gather(NodeContext &context, const GraphValue &input,
                              int64_t dim, ArrayRef<int64_t> indices) {
  if (input.isConstant())
    return hostGather(*input.constant, dim, indices);
  ArrayRef<int64_t> shape = input.shape();
  int64_t stride = indices.size() > 1 ? indices[1] - indices[0] : 1;
  bool even = stride > 0;
  for (size_t i = 1; i < indices.size(); ++i)
    even &= indices[i] - indices[i - 1] == stride;
  if (!even)
    return createGather(context.builder, context.loc, input.value, dim,
                        SmallVector<int64_t>(indices));
  if (indices[0] == 0 && stride == 1 && int64_t(indices.size()) == shape[dim])
    return input;
  SmallVector<int64_t> offsets(shape.size(), 0), sizes(shape),
      strides(shape.size(), 1);
  offsets[dim] = indices[0];
  sizes[dim] = int64_t(indices.size());
  strides[dim] = stride;
  return createSlice(context.builder, context.loc, input.value, offsets, sizes,
                     strides);
}

FailureOr<ElementwiseOperand> onnximport::makeOperand(NodeContext &context,
                                                      const GraphValue &value,
                                                      ArrayRef<int64_t> shape,
                                                      StringRef what) {
  if (value && value.isConstant() && value.dtype() == DType::F32 &&
      value.constant->numElements() == 1) {
    ElementwiseOperand scalar;
    scalar.scalar = value.constant->data<float>()[0];
    return scalar;
  }
  // A dimension of 1 is dropped where it is broadcast. A constant's is dropped
  // in any case: that makes [1, C, 1, 1] per channel on every input.
  ElementwiseOperand operand;
  SmallVector<int64_t> keptShape;
  int64_t offset = int64_t(shape.size()) - value.rank();
  for (auto [dim, size] : llvm::enumerate(value.shape())) {
    if (size == 1 && (value.isConstant() || shape[offset + dim] != 1))
      continue;
    operand.dims.push_back(offset + int64_t(dim));
    keptShape.push_back(size);
  }
  FailureOr<Value> tensor =
      context.materialize(reshape(context, value, keptShape), what);
  if (failed(tensor))
    return failure();
  operand.tensor = *tensor;
  return operand;
}

static LogicalResult combineConstants(NodeContext &context,
                                      ArrayRef<GraphValue> inputs,
                                      ArrayRef<int64_t> shape,
                                      HostFloatFn floatFn, HostIntFn intFn) {
  DType dtype = inputs[0].dtype();
  int64_t numTensors = int64_t(inputs.size()) + 1;
  if (failed(context.checkMade(*countElements(shape) * numTensors, dtype)))
    return failure();
  SmallVector<HostTensor> tensors;
  for (const GraphValue &input : inputs)
    tensors.push_back(hostBroadcast(*input.constant, shape));
  for (const HostTensor &tensor : tensors) {
    if (tensor.dtype != dtype)
      return context.error("expected inputs of one element type, got " +
                           dtypeName(dtype) + " and " +
                           dtypeName(tensor.dtype));
  }
  if (dtype != DType::F32 && dtype != DType::F64 && dtype != DType::I32 &&
      dtype != DType::I64)
    return context.error("expected constants of f32, f64, i32 or i64, got " +
                         dtypeName(dtype));
  std::optional<HostTensor> result = hostElementwise(tensors, floatFn, intFn);
  if (!result)
    return context.error("expected operands for which the result is defined, "
                         "got integer constants such as a zero divisor");
  return context.setOutput(std::move(*result));
}

LogicalResult onnximport::combine(NodeContext &context,
                                  ArrayRef<GraphValue> inputs,
                                  HostFloatFn floatFn, HostIntFn intFn,
                                  BodyBuilder body) {
  SmallVector<int64_t> shape;
  bool allConstant = true;
  for (const GraphValue &input : inputs) {
    if (!input)
      return context.error("expected all inputs, got an empty one");
    auto joined = broadcastShapes(shape, input.shape());
    if (!joined)
      return context.error("expected shapes that broadcast, got " +
                           shapeString(shape) + " and " +
                           shapeString(input.shape()));
    shape = std::move(*joined);
    allConstant &= input.isConstant();
  }
  if (!countElements(shape))
    return context.error("expected at most 2^31 elements in the result, got " +
                         shapeString(shape));
  if (allConstant)
    return combineConstants(context, inputs, shape, floatFn, intFn);
  if (failed(context.checkShape(shape, "the result")))
    return failure();
  SmallVector<ElementwiseOperand> operands;
  for (auto [index, input] : llvm::enumerate(inputs)) {
    FailureOr<ElementwiseOperand> operand =
        makeOperand(context, input, shape, ("input " + Twine(index)).str());
    if (failed(operand))
      return failure();
    operands.push_back(std::move(*operand));
  }
  return context.setOutput(
      createElementwise(context.builder, context.loc, shape, operands, body));
}

Value onnximport::toChannelsLast(NodeContext &context, Value input) {
  int64_t rank = int64_t(shapeOf(input).size());
  SmallVector<int64_t> permutation = {0};
  for (int64_t dim = 2; dim < rank; ++dim)
    permutation.push_back(dim);
  permutation.push_back(1);
  return createTranspose(context.builder, context.loc, input, permutation);
}

Value onnximport::toChannelsFirst(NodeContext &context, Value input) {
  int64_t rank = int64_t(shapeOf(input).size());
  SmallVector<int64_t> permutation = {0, rank - 1};
  for (int64_t dim = 1; dim < rank - 1; ++dim)
    permutation.push_back(dim);
  return createTranspose(context.builder, context.loc, input, permutation);
}
