//===- HostEval.h - Operations on tensors known at import -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What shape arithmetic and the preparation of weights need. Plain C++;
// callers have checked shapes and axes.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_HOSTEVAL_H
#define QOPT_LIB_IMPORT_ONNX_HOSTEVAL_H

#include "qopt/Support/Tensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace qopt::onnximport {

HostTensor makeIntTensor(llvm::ArrayRef<int64_t> values);
HostTensor makeFloatTensor(llvm::ArrayRef<int64_t> shape,
                           llvm::ArrayRef<float> values);

HostTensor hostReshape(const HostTensor &input, llvm::ArrayRef<int64_t> shape);
/// Result dimension i is dimension `permutation[i]` of the input.
HostTensor hostTranspose(const HostTensor &input,
                         llvm::ArrayRef<int64_t> permutation);
/// result[..., i, ...] = input[..., indices[i], ...] along `dim`.
HostTensor hostGather(const HostTensor &input, int64_t dim,
                      llvm::ArrayRef<int64_t> indices);
HostTensor hostConcat(llvm::ArrayRef<const HostTensor *> inputs, int64_t dim);
/// As ONNX's Cast: towards zero from float to integer, non-zero to bool. None
/// where a float does not fit the integer type.
std::optional<HostTensor> hostCast(const HostTensor &input, DType dtype);

/// `shape` is the numpy broadcast of two shapes, or none.
std::optional<llvm::SmallVector<int64_t>>
broadcastShapes(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);
HostTensor hostBroadcast(const HostTensor &input,
                         llvm::ArrayRef<int64_t> shape);

/// In double, which rounds +, -, *, / and sqrt of two f32 to f32 correctly.
using HostFloatFn = llvm::function_ref<double(llvm::ArrayRef<double>)>;
/// None where the result is undefined (a division by zero).
using HostIntFn =
    llvm::function_ref<std::optional<int64_t>(llvm::ArrayRef<int64_t>)>;

/// `inputs` all have the same dtype (f32, f64, i32 or i64) and shape.
std::optional<HostTensor> hostElementwise(llvm::ArrayRef<HostTensor> inputs,
                                          HostFloatFn floatFn, HostIntFn intFn);

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_HOSTEVAL_H
