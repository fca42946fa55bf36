//===- StructuredOps.h - Loop nests of structured operations --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_REFERENCE_STRUCTUREDOPS_H
#define QOPT_LIB_REFERENCE_STRUCTUREDOPS_H

#include "RowProgram.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "qopt/Transforms/Structured.h"

namespace qopt::reference {

/// Runs the loops of a linalg operation on `operands` (inputs, then inits).
Expected<llvm::SmallVector<TensorRef>>
runStructured(mlir::linalg::LinalgOp op, llvm::ArrayRef<TensorRef> operands,
              OutsideValues outside);

/// init + sum of lhs * rhs over the contraction's loops: all F32, each element
/// summed in the order of the reduction loops; or all I32, wrapping.
TensorRef contract(const Contraction &contraction, const TensorRef &lhs,
                   const TensorRef &rhs, const TensorRef &init);

/// Wrapping sum, or maximum, of I32 `input` over the windows or dimensions that
/// a pooling or sum reduction `op` reduces.
TensorRef reduceIntegers(mlir::linalg::LinalgOp op, const TensorRef &input,
                         bool isMax);

/// Runs an `arith` or `math` operation outside of any region, on scalars or
/// on tensors of one shape.
Expected<llvm::SmallVector<TensorRef>>
runElementwise(mlir::Operation *op, llvm::ArrayRef<TensorRef> operands);

/// Integers of any storage type as I32.
TensorRef toInt32(const TensorRef &tensor, bool isUnsigned, unsigned width);

} // namespace qopt::reference

#endif // QOPT_LIB_REFERENCE_STRUCTUREDOPS_H
