//===- consumer.cpp - A program on the installed package ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads the dialect, reads a module and runs one pass.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Support/Version.h"
#include "qopt/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, qopt::QoptDialect>();
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(argv[argc - 1], &context);
  if (!module)
    return 1;
  mlir::PassManager pm(&context);
  pm.addNestedPass<mlir::func::FuncOp>(qopt::createStripObserversPass());
  if (mlir::failed(pm.run(*module)))
    return 1;
  llvm::outs() << "qopt " QOPT_VERSION "\n" << *module << '\n';
  return 0;
}
