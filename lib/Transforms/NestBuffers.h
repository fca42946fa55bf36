//===- NestBuffers.h - Less of a nest for bufferization to analyze -*- C++ -*-//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One-shot analysis compares every access of a buffer with every other. A nest
// of unrolled tiles makes hundreds of them, of which it is known that they do
// not conflict; these take them out of the analysis' sight.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TRANSFORMS_NESTBUFFERS_H
#define QOPT_LIB_TRANSFORMS_NESTBUFFERS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace qopt {

/// Nests read tensors from outside that they do not write through one
/// bufferization.to_buffer each.
void readFromBuffers(mlir::func::FuncOp func);

/// Takes all but the last of the writes in a row to one tensor off it:
/// ```
/// %1 = write %a, %0; %2 = write %b, %1; yield %2
/// -> write %a, %placeholder; %2 = write %b, %0; yield %2
/// ```
/// Returns the placeholders.
llvm::SmallVector<mlir::memref::AllocOp> holdWrites(mlir::func::FuncOp func);

/// After bufferization: gives the writes the buffer of the one that stayed.
void restoreWrites(llvm::ArrayRef<mlir::memref::AllocOp> placeholders);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_NESTBUFFERS_H
