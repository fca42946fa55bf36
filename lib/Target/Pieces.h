//===- Pieces.h - Parts of a module that compile alone ----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TARGET_PIECES_H
#define QOPT_LIB_TARGET_PIECES_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include <vector>

namespace qopt {

/// A module of the `llvm` phase, cut into several. The cut depends on the
/// module only, not on the machine that compiles it.
struct Pieces {
  /// All of it; the nests are declarations.
  mlir::OwningOpRef<mlir::ModuleOp> rest;
  /// The nests, in pieces of about the same size. None if there are no nests.
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> nests;
};

/// The functions that qopt-outline-nests has made.
std::vector<mlir::LLVM::LLVMFuncOp> nestsOf(mlir::ModuleOp module);

Pieces cutModule(mlir::ModuleOp module);

} // namespace qopt

#endif // QOPT_LIB_TARGET_PIECES_H
