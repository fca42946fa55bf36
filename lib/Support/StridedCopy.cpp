//===- StridedCopy.cpp - Rearranging dense data by strides ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/StridedCopy.h"
#include <cstring>

namespace qopt {

llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

/// One dimension; `Bytes` of an element known, so that a copy is a move.
template <int64_t Bytes>
static void copyElements(char *dst, int64_t dstStep, const char *src,
                         int64_t srcStep, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(dst + i * dstStep, src + i * srcStep, Bytes);
}

void copyStrided(char *dst, llvm::ArrayRef<int64_t> dstStrides, const char *src,
                 llvm::ArrayRef<int64_t> srcStrides,
                 llvm::ArrayRef<int64_t> shape, int64_t elementBytes) {
  if (shape.empty()) {
    std::memcpy(dst, src, elementBytes);
    return;
  }
  int64_t dstStep = dstStrides.front() * elementBytes;
  int64_t srcStep = srcStrides.front() * elementBytes;
  if (shape.size() == 1 && dstStep == elementBytes && srcStep == elementBytes) {
    std::memcpy(dst, src, shape.front() * elementBytes);
    return;
  }
  if (shape.size() == 1 && elementBytes == 1)
    return copyElements<1>(dst, dstStep, src, srcStep, shape.front());
  if (shape.size() == 1 && elementBytes == 4)
    return copyElements<4>(dst, dstStep, src, srcStep, shape.front());
  for (int64_t i = 0; i < shape.front(); ++i)
    copyStrided(dst + i * dstStep, dstStrides.drop_front(), src + i * srcStep,
                srcStrides.drop_front(), shape.drop_front(), elementBytes);
}

} // namespace qopt
