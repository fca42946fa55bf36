//===- VectorBody.h - Scalar bodies on vectors ------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_VECTORBODY_H
#define QOPT_LIB_SCHEDULE_VECTORBODY_H

#include "TensorAccess.h"

namespace qopt {

/// Runs the scalar body `block` once for each of `positions`, all of them
/// operation by operation, on its `arguments`, scalars or vectors of
/// `position.lanes` lanes; returns what each yields, or the value `wanted` of
/// it, and nothing if the body has no vector form. The positions give the
/// values of linalg.index.
llvm::SmallVector<mlir::Value>
emitVectorBodies(TensorAccess &access, mlir::Block &block,
                 llvm::ArrayRef<llvm::SmallVector<mlir::Value>> arguments,
                 llvm::ArrayRef<Position> positions, mlir::Value wanted = {});

/// table[byte] for each lane of a vector of bytes, as convert-table-lookup
/// expects it.
mlir::Value emitByteLookup(TensorAccess &access, mlir::Value table,
                           mlir::Value bytes);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_VECTORBODY_H
