//===- Values.cpp - Run-time values of the interpreter --------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions between MLIR's types and attributes and host tensors.
//
//===----------------------------------------------------------------------===//

#include "Values.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "qopt/Reference/Interpreter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::reference;

Error reference::errorAt(Location location, const llvm::Twine &message) {
  std::string text;
  llvm::raw_string_ostream os(text);
  location.print(os);
  StringRef where = text;
  where.consume_front("loc(");
  where.consume_back(")");
  return llvm::createStringError(where + ": " + message);
}

Expected<DType> reference::storageType(Type type, Location location) {
  if (type.isF32())
    return DType::F32;
  if (type.isF64())
    return DType::F64;
  if (type.isIndex() || type.isInteger(64))
    return DType::I64;
  if (type.isInteger(32))
    return DType::I32;
  if (type.isInteger(16))
    return DType::I16;
  if (type.isInteger(1))
    return DType::Bool;
  if (type.isInteger(8) || type.isInteger(4) || type.isInteger(2))
    return DType::I8;
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return errorAt(location, "the reference interpreter expects f32, f64, index "
                           "or integers of 1 to 64 bits, got '" +
                               text + "'");
}

Expected<HostTensor> reference::makeTensor(Type type, Location location) {
  ArrayRef<int64_t> shape;
  if (auto shaped = dyn_cast<ShapedType>(type)) {
    if (!shaped.hasStaticShape())
      return errorAt(location, "expects static shapes");
    shape = shaped.getShape();
  }
  Expected<DType> dtype = storageType(getElementTypeOrSelf(type), location);
  if (!dtype)
    return dtype.takeError();
  return HostTensor(*dtype, shape);
}

SmallVector<int64_t> reference::rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  return strides;
}

void reference::forEachRowAlong(ArrayRef<int64_t> shape, int64_t dim,
                                function_ref<void(int64_t, int64_t)> row) {
  int64_t step = rowMajorStrides(shape)[dim];
  int64_t size = shape[dim] * step;
  for (int64_t outer = 0, e = llvm::product_of(shape, int64_t{1}); outer < e;
       outer += size)
    for (int64_t first = outer; first != outer + step; ++first)
      row(first, step);
}

TensorRef reference::withShape(const TensorRef &tensor,
                               ArrayRef<int64_t> shape) {
  auto result = std::make_shared<HostTensor>(*tensor);
  result->shape.assign(shape.begin(), shape.end());
  return result;
}

TensorRef reference::relabel(const TensorRef &tensor, DType dtype) {
  auto result = std::make_shared<HostTensor>(*tensor);
  result->dtype = dtype;
  return result;
}

/// The value of one integer or float attribute, into element `index`.
static void storeScalar(HostTensor &tensor, int64_t index, Attribute value) {
  if (auto number = dyn_cast<FloatAttr>(value)) {
    if (tensor.dtype == DType::F32)
      tensor.data<float>()[index] = number.getValue().convertToFloat();
    else
      tensor.data<double>()[index] = number.getValue().convertToDouble();
    return;
  }
  APInt integer = cast<IntegerAttr>(value).getValue();
  if (tensor.dtype == DType::Bool) {
    tensor.bytes[index] = !integer.isZero();
    return;
  }
  int64_t bits = integer.sextOrTrunc(64).getSExtValue();
  int64_t size = dtypeSize(tensor.dtype);
  std::memcpy(&tensor.bytes[index * size], &bits, size);
}

/// Elements whose bytes in the attribute are those of the tensor.
static bool hasPlainBytes(Type type) {
  return type.isF32() || type.isF64() ||
         (type.isInteger() && type.getIntOrFloatBitWidth() >= 8);
}

Expected<HostTensor> qopt::hostTensorFromAttribute(Attribute attribute) {
  Location unknown = UnknownLoc::get(attribute.getContext());
  auto typed = dyn_cast<TypedAttr>(attribute);
  if (!typed)
    return errorAt(unknown, "expects a constant with a type");
  Expected<HostTensor> made = makeTensor(typed.getType(), unknown);
  if (!made)
    return made.takeError();
  HostTensor &tensor = *made;
  if (isa<IntegerAttr, FloatAttr>(attribute)) {
    storeScalar(tensor, 0, attribute);
    return std::move(*made);
  }
  Type elementType = getElementTypeOrSelf(typed.getType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || !hasPlainBytes(elementType) ||
        blob->getData().size() != tensor.bytes.size())
      return errorAt(unknown, "expects a resource that holds the elements of "
                              "its type");
    std::memcpy(tensor.bytes.data(), blob->getData().data(),
                tensor.bytes.size());
    return std::move(*made);
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    return errorAt(unknown, "expects a dense constant");
  if (!dense.isSplat() && hasPlainBytes(elementType)) {
    std::memcpy(tensor.bytes.data(), dense.getRawData().data(),
                tensor.bytes.size());
    return std::move(*made);
  }
  if (dense.isSplat()) {
    if (tensor.bytes.empty())
      return std::move(*made);
    storeScalar(tensor, 0, dense.getSplatValue<Attribute>());
    int64_t size = dtypeSize(tensor.dtype);
    for (int64_t i = 1, e = tensor.numElements(); i < e; ++i)
      std::memcpy(&tensor.bytes[i * size], &tensor.bytes[0], size);
    return std::move(*made);
  }
  for (auto [i, value] : llvm::enumerate(dense.getValues<Attribute>()))
    storeScalar(tensor, i, value);
  return std::move(*made);
}
