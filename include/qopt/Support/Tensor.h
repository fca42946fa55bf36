//===- Tensor.h - A host tensor: dtype, shape, bytes ----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_TENSOR_H
#define QOPT_SUPPORT_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace qopt {

/// Element types, with the numbers of ONNX's TensorProto.DataType, which are
/// also those of the C ABI.
enum class DType : int32_t {
  F32 = 1,
  U8 = 2,
  I8 = 3,
  U16 = 4,
  I16 = 5,
  I32 = 6,
  I64 = 7,
  Bool = 9,
  F16 = 10,
  F64 = 11,
};

/// Bytes of one element.
int64_t dtypeSize(DType dtype);

/// "f32", "u8", ...
llvm::StringRef dtypeName(DType dtype);

/// A dense row-major tensor that owns its bytes.
struct HostTensor {
  DType dtype = DType::F32;
  llvm::SmallVector<int64_t, 4> shape;
  std::vector<uint8_t> bytes;

  HostTensor() = default;
  /// Zero-filled.
  HostTensor(DType dtype, llvm::ArrayRef<int64_t> shape);

  int64_t numElements() const;

  template <typename T>
  llvm::MutableArrayRef<T> data() {
    return {reinterpret_cast<T *>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <typename T>
  llvm::ArrayRef<T> data() const {
    return {reinterpret_cast<const T *>(bytes.data()),
            bytes.size() / sizeof(T)};
  }
};

/// What a model expects or gives at one input or output.
struct TensorSpec {
  std::string name;
  DType dtype = DType::F32;
  llvm::SmallVector<int64_t, 4> shape;
};

/// "1x3x32x32"; "scalar" for rank 0.
std::string shapeToString(llvm::ArrayRef<int64_t> shape);

/// Element `index` of a tensor of any number type, in row-major order.
double elementAsDouble(const HostTensor &tensor, int64_t index);

/// "NaN at element [0, 2]": the first of the tensor's values that is not
/// finite; empty if there is none, as in any tensor of integers.
std::string describeNonFinite(const HostTensor &tensor);

} // namespace qopt

#endif // QOPT_SUPPORT_TENSOR_H
