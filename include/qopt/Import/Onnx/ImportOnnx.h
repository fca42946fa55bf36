//===- ImportOnnx.h - ONNX protobuf to linalg on tensors ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ONNX door. It yields the `input` phase: the forms of the `float` phase
// in docs/Pipeline.md, before layouts are assigned and batch normalization is
// folded.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_IMPORT_ONNX_IMPORTONNX_H
#define QOPT_IMPORT_ONNX_IMPORTONNX_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace qopt {

struct OnnxImportOptions {
  /// The symbol of the imported function.
  std::string functionName = "main";
  /// Sizes for symbolic dimensions, by name (`--dim NAME=N`). A dimension that
  /// has neither size nor name is called INPUT:INDEX.
  llvm::StringMap<int64_t> dims;
};

/// Reads the ONNX model at `path`. Every error is one line:
/// "FILE: node 'NAME' (Conv): expected ..., got ...".
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importOnnx(llvm::StringRef path, const OnnxImportOptions &options,
           mlir::MLIRContext &context);

} // namespace qopt

#endif // QOPT_IMPORT_ONNX_IMPORTONNX_H
