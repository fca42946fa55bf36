//===- Shape.cpp - Constants and shape arithmetic -------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is known at import: constants, shapes, and values made from them. None
// of these leaves an operation behind.
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"
#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

static LogicalResult importConstant(NodeContext &context) {
  if (context.hasAttr("value")) {
    FailureOr<HostTensor> value = context.tensorAttr("value");
    if (failed(value))
      return failure();
    return context.setOutput(std::move(*value));
  }
  if (context.hasAttr("value_float"))
    return context.setOutput(
        makeFloatTensor({}, context.floatAttr("value_float", 0)));
  if (context.hasAttr("value_floats")) {
    SmallVector<float> values = context.floatsAttr("value_floats");
    return context.setOutput(makeFloatTensor(int64_t(values.size()), values));
  }
  if (context.hasAttr("value_int"))
    return context.setOutput(
        hostReshape(makeIntTensor(context.intAttr("value_int", 0)), {}));
  if (context.hasAttr("value_ints"))
    return context.setOutput(makeIntTensor(context.intsAttr("value_ints")));
  return context.error("expected a value of numbers, got none");
}

static LogicalResult importConstantOfShape(NodeContext &context) {
  FailureOr<SmallVector<int64_t>> shape = context.intConstants(0, "shape");
  if (failed(shape))
    return failure();
  if (any_of(*shape, [](int64_t size) { return size < 0; }) ||
      !countElements(*shape))
    return context.error("expected dimensions >= 0 and at most 2^31 elements, "
                         "got " +
                         shapeString(*shape));
  HostTensor value(DType::F32, ArrayRef<int64_t>{1});
  if (context.hasAttr("value")) {
    FailureOr<HostTensor> attribute = context.tensorAttr("value");
    if (failed(attribute))
      return failure();
    if (attribute->numElements() != 1)
      return context.error("expected one element in 'value', got shape " +
                           shapeString(attribute->shape));
    value = hostReshape(*attribute, {});
  } else {
    value = hostReshape(value, {});
  }
  if (failed(context.checkMade(*countElements(*shape), value.dtype)))
    return failure();
  return context.setOutput(hostBroadcast(value, *shape));
}

static LogicalResult importShape(NodeContext &context) {
  ArrayRef<int64_t> shape = context.input(0).shape();
  int64_t rank = int64_t(shape.size());
  auto clamp = [&](int64_t position) {
    return std::clamp<int64_t>(position < 0 ? position + rank : position, 0,
                               rank);
  };
  int64_t start = clamp(context.intAttr("start", 0));
  int64_t end = clamp(context.intAttr("end", rank));
  return context.setOutput(
      makeIntTensor(shape.slice(start, std::max<int64_t>(end - start, 0))));
}

static LogicalResult importSize(NodeContext &context) {
  return context.setOutput(
      hostReshape(makeIntTensor(*countElements(context.input(0).shape())), {}));
}

static LogicalResult importCast(NodeContext &context) {
  llvm::Expected<DType> dtype = decodeDType(int32_t(context.intAttr("to", 0)));
  if (!dtype)
    return context.error("attribute 'to': " +
                         llvm::toString(dtype.takeError()));
  const GraphValue &x = context.input(0);
  if (!x.isConstant()) {
    // To pass a value on as it is would lose f16's rounding, and f64's digits
    // in all that is computed from it.
    if (*dtype != DType::F32)
      return context.error("expected a cast of a constant, or to f32, in which "
                           "all values are computed, got one of a computed "
                           "value to " +
                           dtypeName(*dtype));
    return context.setOutput(x);
  }
  std::optional<HostTensor> result = hostCast(*x.constant, *dtype);
  if (!result)
    return context.error("expected values that fit " + dtypeName(*dtype) +
                         ", got one that is too large or NaN");
  return context.setOutput(std::move(*result));
}

/// start, start + delta, ... up to limit, in the type of the inputs.
static LogicalResult importRange(NodeContext &context) {
  double bounds[3];
  for (size_t i = 0; i < 3; ++i) {
    const GraphValue &input = context.input(i);
    if (!input.isConstant() || input.constant->numElements() != 1)
      return context.error("expected start, limit and delta to be one "
                           "constant number each, got another input " +
                           Twine(i));
    if (input.dtype() != context.input(0).dtype())
      return context.error("expected inputs of one element type, got " +
                           dtypeName(context.input(0).dtype()) + " and " +
                           dtypeName(input.dtype()));
    bounds[i] = hostCast(*input.constant, DType::F64)->data<double>()[0];
  }
  auto [start, limit, delta] = bounds;
  double count = std::ceil((limit - start) / delta);
  if (delta == 0 || !(count < double(kMaxElements)))
    return context.error("expected a range of at most 2^31 elements, got one "
                         "from " +
                         std::to_string(start) + " to " +
                         std::to_string(limit) + " by " +
                         std::to_string(delta));
  int64_t size = std::max<int64_t>(int64_t(count), 0);
  if (failed(context.checkMade(size, DType::F64)))
    return failure();
  HostTensor values(DType::F64, ArrayRef<int64_t>{size});
  for (auto [i, value] : llvm::enumerate(values.data<double>()))
    value = start + double(i) * delta;
  std::optional<HostTensor> result = hostCast(values, context.input(0).dtype());
  if (!result)
    return context.error("expected a range of finite numbers, got others");
  return context.setOutput(std::move(*result));
}

ArrayRef<OpRow> onnximport::shapeOps() {
  static const OpRow rows[] = {
      {"Cast", 7, 18, 1, 1, 1, importCast, "to:i"},
      {"Cast", 19, kMaxOpset, 1, 1, 1, importCast, "-saturate:i to:i"},
      {"Constant", 7, 11, 0, 0, 1, importConstant, "value:t"},
      {"Constant", 12, kMaxOpset, 0, 0, 1, importConstant,
       "value:t value_float:f value_floats:F value_int:i value_ints:I"},
      {"ConstantOfShape", 9, kMaxOpset, 1, 1, 1, importConstantOfShape,
       "value:t"},
      {"Range", 11, kMaxOpset, 3, 3, 1, importRange, ""},
      {"Shape", 7, 14, 1, 1, 1, importShape, ""},
      {"Shape", 15, kMaxOpset, 1, 1, 1, importShape, "end:i start:i"},
      {"Size", 7, kMaxOpset, 1, 1, 1, importSize, ""},
  };
  return rows;
}
