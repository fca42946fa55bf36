//===- HostEval.cpp - Operations on tensors known at import ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEval.h"

#include "qopt/Support/Half.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <cstring>

using namespace llvm;
using namespace qopt;
using namespace qopt::onnximport;

HostTensor onnximport::makeIntTensor(ArrayRef<int64_t> values) {
  HostTensor tensor(DType::I64, {int64_t(values.size())});
  llvm::copy(values, tensor.data<int64_t>().begin());
  return tensor;
}

HostTensor onnximport::makeFloatTensor(ArrayRef<int64_t> shape,
                                       ArrayRef<float> values) {
  HostTensor tensor(DType::F32, shape);
  llvm::copy(values, tensor.data<float>().begin());
  return tensor;
}

HostTensor onnximport::hostReshape(const HostTensor &input,
                                   ArrayRef<int64_t> shape) {
  HostTensor result = input;
  result.shape.assign(shape.begin(), shape.end());
  return result;
}

/// Elements between neighbours along each dimension.
static SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

/// Copies into `result`, in row-major order, the elements of `input` that lie
/// `strides` apart. A stride of 0 repeats.
static void copyStrided(const HostTensor &input, ArrayRef<int64_t> strides,
                        HostTensor &result) {
  size_t elementSize = size_t(dtypeSize(input.dtype));
  SmallVector<int64_t> position(result.shape.size(), 0);
  int64_t source = 0;
  for (int64_t i = 0, e = result.numElements(); i < e; ++i) {
    std::memcpy(&result.bytes[i * elementSize],
                &input.bytes[source * elementSize], elementSize);
    for (size_t dim = position.size(); dim-- > 0;) {
      source += strides[dim];
      if (++position[dim] < result.shape[dim])
        break;
      source -= strides[dim] * result.shape[dim];
      position[dim] = 0;
    }
  }
}

HostTensor onnximport::hostTranspose(const HostTensor &input,
                                     ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> inputStrides = stridesOf(input.shape);
  SmallVector<int64_t> shape, strides;
  for (int64_t dim : permutation) {
    shape.push_back(input.shape[dim]);
    strides.push_back(inputStrides[dim]);
  }
  HostTensor result(input.dtype, shape);
  copyStrided(input, strides, result);
  return result;
}

HostTensor onnximport::hostGather(const HostTensor &input, int64_t dim,
                                  ArrayRef<int64_t> indices) {
  SmallVector<int64_t> shape(input.shape.begin(), input.shape.end());
  size_t block = size_t(dtypeSize(input.dtype)), outer = 1;
  for (size_t i = dim + 1; i < shape.size(); ++i)
    block *= size_t(shape[i]);
  for (int64_t i = 0; i < dim; ++i)
    outer *= size_t(shape[i]);
  size_t inputBlocks = size_t(shape[dim]);
  shape[dim] = int64_t(indices.size());
  HostTensor result(input.dtype, shape);
  uint8_t *out = result.bytes.data();
  for (size_t o = 0; o < outer && block; ++o) {
    for (int64_t index : indices) {
      std::memcpy(out, &input.bytes[(o * inputBlocks + size_t(index)) * block],
                  block);
      out += block;
    }
  }
  return result;
}

HostTensor onnximport::hostConcat(ArrayRef<const HostTensor *> inputs,
                                  int64_t dim) {
  SmallVector<int64_t> shape(inputs[0]->shape.begin(), inputs[0]->shape.end());
  size_t outer = 1;
  for (int64_t i = 0; i < dim; ++i)
    outer *= size_t(shape[i]);
  for (const HostTensor *input : inputs.drop_front())
    shape[dim] += input->shape[dim];
  HostTensor result(inputs[0]->dtype, shape);
  uint8_t *out = result.bytes.data();
  for (size_t o = 0; o < outer; ++o) {
    for (const HostTensor *input : inputs) {
      size_t run = input->bytes.size() / outer;
      if (run)
        std::memcpy(out, &input->bytes[o * run], run);
      out += run;
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

/// Calls `visit(i, element)` for every element, as a double or an int64_t.
template <typename Visitor>
static void visitElements(const HostTensor &tensor, Visitor visit) {
  auto visitAs = [&](auto zero, auto widen) {
    ArrayRef<decltype(zero)> data = tensor.data<decltype(zero)>();
    for (size_t i = 0; i < data.size(); ++i)
      visit(i, widen(data[i]));
  };
  auto toInt = [](auto value) { return int64_t(value); };
  auto toDouble = [](auto value) { return double(value); };
  switch (tensor.dtype) {
  case DType::F32:
    return visitAs(float(), toDouble);
  case DType::F64:
    return visitAs(double(), toDouble);
  case DType::F16:
    return visitAs(uint16_t(),
                   [](uint16_t bits) { return double(halfToFloat(bits)); });
  case DType::U8:
  case DType::Bool:
    return visitAs(uint8_t(), toInt);
  case DType::I8:
    return visitAs(int8_t(), toInt);
  case DType::U16:
    return visitAs(uint16_t(), toInt);
  case DType::I16:
    return visitAs(int16_t(), toInt);
  case DType::I32:
    return visitAs(int32_t(), toInt);
  case DType::I64:
    return visitAs(int64_t(), toInt);
  }
}

/// Stores `value` as element `i`; false if it does not fit.
template <typename T>
static bool storeElement(HostTensor &tensor, size_t i, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    bool toFloat = tensor.dtype == DType::F32 || tensor.dtype == DType::F64 ||
                   tensor.dtype == DType::F16 || tensor.dtype == DType::Bool;
    if (!toFloat && !(std::fabs(value) < 0x1p63))
      return false;
  }
  switch (tensor.dtype) {
  case DType::F32:
    tensor.data<float>()[i] = float(value);
    return true;
  case DType::F64:
    tensor.data<double>()[i] = double(value);
    return true;
  case DType::F16: {
    APFloat half{double(value)};
    bool losesInfo;
    half.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &losesInfo);
    tensor.data<uint16_t>()[i] = uint16_t(half.bitcastToAPInt().getZExtValue());
    return true;
  }
  case DType::Bool:
    tensor.bytes[i] = value != 0;
    return true;
  default:
    break;
  }
  // Integer to integer wraps, as in ONNX's other implementations.
  int64_t integer = int64_t(value);
  std::memcpy(&tensor.bytes[i * dtypeSize(tensor.dtype)], &integer,
              size_t(dtypeSize(tensor.dtype)));
  return true;
}

std::optional<HostTensor> onnximport::hostCast(const HostTensor &input,
                                               DType dtype) {
  HostTensor result(dtype, input.shape);
  bool fits = true;
  visitElements(input, [&](size_t i, auto value) {
    fits &= storeElement(result, i, value);
  });
  if (!fits)
    return std::nullopt;
  return result;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

std::optional<SmallVector<int64_t>>
onnximport::broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  SmallVector<int64_t> shape(a);
  size_t offset = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t &size = shape[offset + i];
    if (size == 1)
      size = b[i];
    else if (b[i] != 1 && b[i] != size)
      return std::nullopt;
  }
  return shape;
}

HostTensor onnximport::hostBroadcast(const HostTensor &input,
                                     ArrayRef<int64_t> shape) {
  if (ArrayRef<int64_t>(input.shape) == shape)
    return input;
  SmallVector<int64_t> inputStrides = stridesOf(input.shape);
  SmallVector<int64_t> strides(shape.size(), 0);
  size_t offset = shape.size() - input.shape.size();
  for (size_t i = 0; i < input.shape.size(); ++i)
    strides[offset + i] = input.shape[i] == 1 ? 0 : inputStrides[i];
  HostTensor result(input.dtype, shape);
  copyStrided(input, strides, result);
  return result;
}

template <typename T, typename Wide, typename Fn>
static bool mapElements(ArrayRef<HostTensor> inputs, HostTensor &result,
                        Fn fn) {
  SmallVector<Wide> arguments(inputs.size());
  MutableArrayRef<T> out = result.data<T>();
  for (size_t i = 0; i < out.size(); ++i) {
    for (size_t k = 0; k < inputs.size(); ++k)
      arguments[k] = Wide(inputs[k].data<T>()[i]);
    std::optional<Wide> value = fn(arguments);
    if (!value)
      return false;
    out[i] = T(*value);
  }
  return true;
}

std::optional<HostTensor>
onnximport::hostElementwise(ArrayRef<HostTensor> inputs, HostFloatFn floatFn,
                            HostIntFn intFn) {
  HostTensor result(inputs[0].dtype, inputs[0].shape);
  auto total = [&](ArrayRef<double> arguments) {
    return std::optional<double>(floatFn(arguments));
  };
  bool ok = false;
  switch (result.dtype) {
  case DType::F32:
    ok = mapElements<float, double>(inputs, result, total);
    break;
  case DType::F64:
    ok = mapElements<double, double>(inputs, result, total);
    break;
  case DType::I32:
    ok = mapElements<int32_t, int64_t>(inputs, result, intFn);
    break;
  case DType::I64:
    ok = mapElements<int64_t, int64_t>(inputs, result, intFn);
    break;
  default:
    break;
  }
  if (!ok)
    return std::nullopt;
  return result;
}
