//===- Phases.h - The phases of a model and their contracts ---*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The enumeration of Phases.def, and the check of each phase's contract.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_PIPELINES_PHASES_H
#define QOPT_PIPELINES_PHASES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace qopt {

enum class Phase {
#define QOPT_PHASE(enumerator, name, description, contract) enumerator,
#include "qopt/Pipelines/Phases.def"
};

struct PhaseInfo {
  Phase phase;
  llvm::StringLiteral name;
  llvm::StringLiteral description;
  llvm::StringLiteral contract;
};

/// All phases, in order.
llvm::ArrayRef<PhaseInfo> allPhases();

const PhaseInfo &phaseInfo(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

/// "input, float, ..." for messages.
std::string phaseNames();

/// Checks the contract of `phase` (docs/Pipeline.md). The first violation is
/// an error at the culprit, with a note that names the pass at fault.
llvm::LogicalResult verifyPhase(mlir::ModuleOp module, Phase phase);

} // namespace qopt

#endif // QOPT_PIPELINES_PHASES_H
