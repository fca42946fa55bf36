//===- StridedCopy.h - Rearranging dense data by strides ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_STRIDEDCOPY_H
#define QOPT_SUPPORT_STRIDEDCOPY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace qopt {

/// Strides, in elements, of a dense row-major tensor.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// Copies a box of elements between two strided views:
/// ```
/// dst[sum i_d * dstStrides[d]] = src[sum i_d * srcStrides[d]],  0 <= i_d <
/// shape[d]
/// ```
/// with strides in elements of `elementBytes` bytes. A transposition is a
/// permutation of source strides, a broadcast a source stride of 0, a slice or
/// a padding an offset of the caller's pointer.
void copyStrided(char *dst, llvm::ArrayRef<int64_t> dstStrides, const char *src,
                 llvm::ArrayRef<int64_t> srcStrides,
                 llvm::ArrayRef<int64_t> shape, int64_t elementBytes);

} // namespace qopt

#endif // QOPT_SUPPORT_STRIDEDCOPY_H
