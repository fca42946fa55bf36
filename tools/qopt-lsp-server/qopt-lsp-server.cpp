//===- qopt-lsp-server.cpp - Editor support for MLIR with qopt ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A language server over stdin and stdout, to be named in the editor's
// settings in place of mlir-lsp-server.
//
//===----------------------------------------------------------------------===//

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Support/Version.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  llvm::cl::AddExtraVersionPrinter(
      [](llvm::raw_ostream &os) { os << "qopt " << QOPT_VERSION << '\n'; });
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<qopt::QoptDialect>();
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
