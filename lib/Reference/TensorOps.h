//===- TensorOps.h - Tensor and qopt operations ---------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_REFERENCE_TENSOROPS_H
#define QOPT_LIB_REFERENCE_TENSOROPS_H

#include "Values.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace qopt::reference {

/// Finds the value of a scalar that an operation's region or operands name.
using ScalarLookup = llvm::function_ref<Expected<TensorRef>(mlir::Value)>;

/// Runs a `tensor` operation (or linalg.softmax); std::nullopt for one that is
/// not known. The elements are only moved, so `operands[0]` may hold other
/// 32-bit patterns than its type says. `padding`, if given, replaces the value
/// of a pad.
Expected<std::optional<TensorRef>>
runTensorOp(mlir::Operation *op, llvm::ArrayRef<TensorRef> operands,
            ScalarLookup lookup, const HostTensor *padding = nullptr);

/// Runs a `qopt` operation on plain values.
Expected<std::optional<TensorRef>>
runQoptOp(mlir::Operation *op, llvm::ArrayRef<TensorRef> operands);

/// The index of the parameter that `map` gives each element, in order of the
/// elements of `shape`; parameters are row-major over `paramShape`.
void forEachParameter(
    mlir::AffineMap map, llvm::ArrayRef<int64_t> shape,
    llvm::ArrayRef<int64_t> paramShape,
    llvm::function_ref<void(int64_t element, int64_t param)> visit);

} // namespace qopt::reference

#endif // QOPT_LIB_REFERENCE_TENSOROPS_H
