//===- CollectReport.h - The report, gathered on the way ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_PIPELINES_COLLECTREPORT_H
#define QOPT_PIPELINES_COLLECTREPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "qopt/Pipelines/Phases.h"
#include "qopt/Support/Report.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace qopt {

/// Reads off the module at each phase what the report says of it. No phase
/// alone knows everything: the source's nodes are known at `input`, products at
/// `float`, parameters at `qdq`, what became of a node at `integer`, buffers at
/// `planned`.
class ReportCollector {
public:
  void atPhase(mlir::ModuleOp module, Phase phase);

  /// What is known so far.
  const Report &getReport() const { return report; }
  Report &getReport() { return report; }

private:
  void collectSource(mlir::ModuleOp module);
  void collectFloat(mlir::ModuleOp module);
  void collectWeights(mlir::Operation &op, llvm::StringSet<> &seen);
  void collectParameters(mlir::ModuleOp module);
  void collectStatus(mlir::ModuleOp module);
  void collectBorder(mlir::ModuleOp module);
  void collectStoredWeights(mlir::ModuleOp module);
  void collectArena(mlir::ModuleOp module);
  void explainAbsent();

  ReportNode *node(llvm::StringRef name);
  ReportNode *owner(mlir::Operation *op);

  Report report;
  llvm::StringMap<size_t> indexOf;
  /// Node whose operation took another one in while float was prepared.
  llvm::StringMap<std::string> foldedInto;
  /// Node that computes the first operand of a node.
  llvm::StringMap<std::string> producerOf;
};

} // namespace qopt

#endif // QOPT_PIPELINES_COLLECTREPORT_H
