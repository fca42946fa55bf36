//===- NodeContext.cpp - What an op handler sees of its node --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NodeContext.h"

#include "LinalgBuilder.h"
#include "llvm/ADT/StringExtras.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

ArrayRef<int64_t> GraphValue::shape() const {
  if (constant)
    return constant->shape;
  return cast<RankedTensorType>(value.getType()).getShape();
}

StringRef NodeContext::opType() const { return node.op_type(); }

LogicalResult NodeContext::error(const Twine &message) {
  errorMessage = message.str();
  return failure();
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// The letter of OpRow::attributes for an attribute's type; 0 if it has none.
static char attributeTypeLetter(const onnx::AttributeProto &attribute) {
  switch (attribute.type()) {
  case onnx::AttributeProto::INT:
    return 'i';
  case onnx::AttributeProto::FLOAT:
    return 'f';
  case onnx::AttributeProto::STRING:
    return 's';
  case onnx::AttributeProto::TENSOR:
    return 't';
  case onnx::AttributeProto::INTS:
    return 'I';
  case onnx::AttributeProto::FLOATS:
    return 'F';
  default:
    return 0;
  }
}

static StringRef attributeTypeName(char letter) {
  switch (letter) {
  case 'i':
    return "an integer";
  case 'f':
    return "a float";
  case 's':
    return "a string";
  case 't':
    return "a tensor";
  case 'I':
    return "a list of integers";
  case 'F':
    return "a list of floats";
  default:
    return "a value of another type";
  }
}

LogicalResult NodeContext::readAttributes() {
  SmallVector<StringRef> entries;
  row.attributes.split(entries, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    StringRef name = attribute.name();
    const auto *entry = find_if(entries, [&](StringRef entry) {
      entry.consume_front("-");
      return entry.split(':').first == name;
    });
    if (entry == entries.end())
      return error("expected no attribute '" + printable(name) + "' in opset " +
                   Twine(opset) + ", got one" +
                   (entries.empty()
                        ? ""
                        : " (known: " + llvm::join(entries, " ") + ")"));
    if (!attribute.ref_attr_name().empty())
      return error("expected attribute '" + printable(name) +
                   "' to have a value, got a reference to a function's");
    char expected = entry->back(), got = attributeTypeLetter(attribute);
    if (expected != got)
      return error("expected attribute '" + printable(name) + "' to be " +
                   attributeTypeName(expected) + ", got " +
                   attributeTypeName(got));
    if (!attributes.try_emplace(name, &attribute).second)
      return error("expected one attribute '" + printable(name) + "', got two");
  }
  return success();
}

const onnx::AttributeProto *NodeContext::findAttr(StringRef name) const {
  return attributes.lookup(name);
}

int64_t NodeContext::intAttr(StringRef name, int64_t defaultValue) const {
  const onnx::AttributeProto *attribute = findAttr(name);
  return attribute ? attribute->i() : defaultValue;
}

float NodeContext::floatAttr(StringRef name, float defaultValue) const {
  const onnx::AttributeProto *attribute = findAttr(name);
  return attribute ? attribute->f() : defaultValue;
}

std::string NodeContext::stringAttr(StringRef name,
                                    StringRef defaultValue) const {
  const onnx::AttributeProto *attribute = findAttr(name);
  return attribute ? attribute->s() : defaultValue.str();
}

SmallVector<int64_t> NodeContext::intsAttr(StringRef name) const {
  const onnx::AttributeProto *attribute = findAttr(name);
  if (!attribute)
    return {};
  return SmallVector<int64_t>(attribute->ints().begin(),
                              attribute->ints().end());
}

SmallVector<float> NodeContext::floatsAttr(StringRef name) const {
  const onnx::AttributeProto *attribute = findAttr(name);
  if (!attribute)
    return {};
  return SmallVector<float>(attribute->floats().begin(),
                            attribute->floats().end());
}

FailureOr<HostTensor> NodeContext::tensorAttr(StringRef name) {
  const onnx::AttributeProto *attribute = findAttr(name);
  if (!attribute)
    return error("expected an attribute '" + name + "', got none");
  llvm::Expected<HostTensor> tensor = decodeTensor(attribute->t(), modelPath);
  if (!tensor)
    return error("attribute '" + name +
                 "': " + llvm::toString(tensor.takeError()));
  bytesLeft += kMaxMadePerHeldByte * int64_t(tensor->bytes.size());
  return std::move(*tensor);
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

FailureOr<Value> NodeContext::materialize(const GraphValue &value,
                                          StringRef what) {
  if (!value)
    return error("expected an input " + what + ", got none");
  if (value.dtype() != DType::F32)
    return error("expected " + what + " to be f32, got " +
                 dtypeName(value.dtype()));
  if (value.value)
    return value.value;
  if (failed(checkShape(value.shape(), what)))
    return failure();
  return createConstant(builder, loc, *value.constant);
}

FailureOr<Value> NodeContext::tensor(size_t index, StringRef what) {
  return materialize(hasInput(index) ? input(index) : GraphValue(), what);
}

FailureOr<const HostTensor *> NodeContext::constant(size_t index,
                                                    StringRef what) {
  if (!hasInput(index))
    return error("expected an input " + what + ", got none");
  const GraphValue &value = input(index);
  if (!value.isConstant())
    return error("expected " + what +
                 " to be a constant, got a value computed at run time");
  return value.constant.get();
}

FailureOr<const HostTensor *> NodeContext::floatConstant(size_t index,
                                                         StringRef what) {
  FailureOr<const HostTensor *> tensor = constant(index, what);
  if (failed(tensor))
    return failure();
  if ((*tensor)->dtype != DType::F32)
    return error("expected " + what + " to be f32, got " +
                 dtypeName((*tensor)->dtype));
  return *tensor;
}

FailureOr<SmallVector<int64_t>> NodeContext::intConstants(size_t index,
                                                          StringRef what) {
  FailureOr<const HostTensor *> value = constant(index, what);
  if (failed(value))
    return failure();
  const HostTensor &tensor = **value;
  if (tensor.shape.size() > 1)
    return error("expected " + what + " to have rank 0 or 1, got shape " +
                 shapeString(tensor.shape));
  if (tensor.dtype == DType::I64)
    return llvm::to_vector(tensor.data<int64_t>());
  if (tensor.dtype == DType::I32)
    return SmallVector<int64_t>(tensor.data<int32_t>().begin(),
                                tensor.data<int32_t>().end());
  return error("expected " + what + " to be i64 or i32, got " +
               dtypeName(tensor.dtype));
}

FailureOr<float> NodeContext::scalarConstant(size_t index, StringRef what) {
  FailureOr<const HostTensor *> tensor = floatConstant(index, what);
  if (failed(tensor))
    return failure();
  if ((*tensor)->numElements() != 1)
    return error("expected " + what + " to be one number, got shape " +
                 shapeString((*tensor)->shape));
  return (*tensor)->data<float>()[0];
}

//===----------------------------------------------------------------------===//
// Axes, shapes, outputs
//===----------------------------------------------------------------------===//

FailureOr<int64_t> NodeContext::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return error("expected an axis in [" + Twine(-rank) + ", " + Twine(rank) +
                 "), got " + Twine(axis));
  return axis < 0 ? axis + rank : axis;
}

FailureOr<SmallVector<int64_t>>
NodeContext::normalizeAxes(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t axis : axes) {
    FailureOr<int64_t> normalized = normalizeAxis(axis, rank);
    if (failed(normalized))
      return failure();
    if (is_contained(result, *normalized))
      return error("expected different axes, got " + shapeString(axes));
    result.push_back(*normalized);
  }
  llvm::sort(result);
  return result;
}

LogicalResult NodeContext::checkShape(ArrayRef<int64_t> shape, StringRef what) {
  if (any_of(shape, [](int64_t size) { return size <= 0; }))
    return error("expected dimensions > 0 in " + what + ", got " +
                 shapeString(shape));
  if (!countElements(shape))
    return error("expected at most 2^31 elements in " + what + ", got " +
                 shapeString(shape));
  return success();
}

LogicalResult NodeContext::checkMade(int64_t elements, DType dtype) {
  if (elements <= bytesLeft / dtypeSize(dtype))
    return success();
  return error("expected constants made at import to take at most 2^30 bytes, "
               "and 8 times those that the model holds, got one of " +
               Twine(elements) + " elements of " + dtypeName(dtype) + " with " +
               Twine(bytesLeft) + " bytes left");
}

size_t NodeContext::numOutputs() const { return size_t(node.output_size()); }

bool NodeContext::usesOutput(size_t index) const {
  return index < numOutputs() && !node.output(int(index)).empty();
}

LogicalResult NodeContext::setOutput(GraphValue value, size_t index) {
  bool isMade = value.isConstant() && none_of(inputs, [&](const auto &input) {
                  return input.constant == value.constant;
                });
  if (isMade) {
    if (failed(checkMade(value.constant->numElements(), value.dtype())))
      return failure();
    bytesLeft -= int64_t(value.constant->bytes.size());
  }
  if (outputs.size() <= index)
    outputs.resize(index + 1);
  outputs[index] = std::move(value);
  return success();
}
