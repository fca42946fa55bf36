//===- Tensor.cpp - A host tensor: dtype, shape, bytes --------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Tensor.h"

#include "qopt/Support/Half.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include <cmath>

using namespace qopt;

int64_t qopt::dtypeSize(DType dtype) {
  switch (dtype) {
  case DType::U8:
  case DType::I8:
  case DType::Bool:
    return 1;
  case DType::U16:
  case DType::I16:
  case DType::F16:
    return 2;
  case DType::F32:
  case DType::I32:
    return 4;
  case DType::I64:
  case DType::F64:
    return 8;
  }
  llvm_unreachable("all dtypes are listed");
}

llvm::StringRef qopt::dtypeName(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "f32";
  case DType::U8:
    return "u8";
  case DType::I8:
    return "i8";
  case DType::U16:
    return "u16";
  case DType::I16:
    return "i16";
  case DType::I32:
    return "i32";
  case DType::I64:
    return "i64";
  case DType::Bool:
    return "bool";
  case DType::F16:
    return "f16";
  case DType::F64:
    return "f64";
  }
  llvm_unreachable("all dtypes are listed");
}

HostTensor::HostTensor(DType dtype, llvm::ArrayRef<int64_t> shape)
    : dtype(dtype), shape(shape),
      bytes(size_t(numElements() * dtypeSize(dtype)), 0) {}

int64_t HostTensor::numElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

std::string qopt::shapeToString(llvm::ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  return llvm::join(
      llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }),
      "x");
}

double qopt::elementAsDouble(const HostTensor &tensor, int64_t index) {
  switch (tensor.dtype) {
  case DType::F32:
    return tensor.data<float>()[index];
  case DType::F64:
    return tensor.data<double>()[index];
  case DType::F16:
    return halfToFloat(tensor.data<uint16_t>()[index]);
  case DType::U8:
  case DType::Bool:
    return tensor.data<uint8_t>()[index];
  case DType::I8:
    return tensor.data<int8_t>()[index];
  case DType::U16:
    return tensor.data<uint16_t>()[index];
  case DType::I16:
    return tensor.data<int16_t>()[index];
  case DType::I32:
    return tensor.data<int32_t>()[index];
  case DType::I64:
    return static_cast<double>(tensor.data<int64_t>()[index]);
  }
  llvm_unreachable("unknown dtype");
}

static std::string positionOf(int64_t element, llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<std::string, 4> indices(shape.size());
  for (size_t dim = shape.size(); dim-- > 0;) {
    indices[dim] = std::to_string(element % shape[dim]);
    element /= shape[dim];
  }
  return "[" + llvm::join(indices, ", ") + "]";
}

std::string qopt::describeNonFinite(const HostTensor &tensor) {
  for (int64_t i = 0, e = tensor.numElements(); i < e; ++i) {
    double value = elementAsDouble(tensor, i);
    if (std::isfinite(value))
      continue;
    llvm::StringRef name = std::isnan(value) ? "NaN"
                           : value > 0       ? "inf"
                                             : "-inf";
    return (name + " at element " + positionOf(i, tensor.shape)).str();
  }
  return "";
}
