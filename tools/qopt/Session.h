//===- Session.h - One context, its diagnostics, loading models -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_SESSION_H
#define QOPT_TOOLS_QOPT_SESSION_H

#include "Cli.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <vector>

namespace qopt::cli {

struct LoadOptions {
  /// Name of the model's function; empty: from the file's name.
  std::string name;
  /// Values of symbolic dimensions.
  llvm::StringMap<int64_t> dims;
  /// For phases that only MLIR can be in.
  bool mustBeMlir = false;
};

/// An error unless `path` is a file that can be read and may be a model: no
/// folder, and nothing that is compiled.
llvm::Error checkModelFile(llvm::StringRef path);

/// An MLIR context whose error diagnostics become lines of the form
/// `FILE: node 'X': MESSAGE` that `takeError` hands over.
class Session {
public:
  Session();

  mlir::MLIRContext &getContext() { return context; }

  /// Reads a model: ONNX, or MLIR as text or bytecode.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
  load(llvm::StringRef path, const LoadOptions &options);

  /// The errors diagnosed since the last call, as one error. `fallback` stands
  /// in where a step failed without a word.
  llvm::Error takeError(ExitCode code, const llvm::Twine &fallback);

  /// From now on, `qopt: remark: ...` for every remark of a pass.
  void enableRemarks();

private:
  static mlir::DialectRegistry makeRegistry();
  std::string format(mlir::Location loc, llvm::StringRef message) const;
  std::string format(mlir::Diagnostic &diagnostic) const;
  void printOnce(llvm::StringRef line);

  mlir::MLIRContext context;
  mlir::ScopedDiagnosticHandler handler;
  std::vector<std::string> errors;
  /// Warnings and remarks: a pass that runs twice says them once.
  llvm::StringSet<> printed;
  std::string file;
};

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_SESSION_H
