//===- Pipelines.h - From phase to phase ----------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which passes lead from each phase to the next. The driver, qopt-opt and the
// plugin all take them from here.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_PIPELINES_PIPELINES_H
#define QOPT_PIPELINES_PIPELINES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "qopt/Pipelines/Phases.h"
#include "qopt/Schedule/Schedule.h"
#include "qopt/Target/TargetInfo.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>

namespace qopt {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qopt/Pipelines/Passes.h.inc"

/// What the steps between the phases need to know.
struct PhaseOptions {
  /// A preset's name or a recipe file.
  std::string recipe = "int8";
  /// Whether inputs and outputs become the integers of their edges.
  bool quantizedIo = false;
  /// False: the phases `observed` to `integer` are passed over.
  bool quantize = true;
  /// False: `calibrated` is passed over, and edges have no ranges.
  bool needsRanges = true;
  /// False: `scheduled` only spells out the tensor operations of qopt, which
  /// become plain loops: slow, and the oracle for the schedules.
  bool schedule = true;
  /// What the loops are made for.
  TargetInfo target;
  /// How many threads share long loops.
  unsigned threads = 1;
  /// The cost, in vector instructions, from which on they share a loop.
  int64_t leastTasks = kLeastTasksCost;
};

/// Appends the passes that turn the phase before `phase` into `phase`.
void buildPhase(mlir::OpPassManager &pm, Phase phase,
                const PhaseOptions &options);

/// Takes `module`, which is in phase `from`, to phase `to`, checks every
/// contract on the way (also that of `from`), and calls `atPhase` at each
/// phase, `from` included. Errors are diagnostics; `reached`, where given, is
/// the last phase whose contract holds.
llvm::LogicalResult
compilePhases(mlir::ModuleOp module, Phase from, Phase to,
              const PhaseOptions &options,
              llvm::function_ref<llvm::LogicalResult(Phase)> atPhase,
              std::optional<Phase> *reached = nullptr);

/// Registers the dialect, and what the passes and the translation to LLVM IR
/// need of the upstream dialects.
void registerQoptDialects(mlir::DialectRegistry &registry);

/// Registers every pass, and `qopt-to-PHASE` for every phase but the first.
void registerQoptPassesAndPipelines();

} // namespace qopt

#endif // QOPT_PIPELINES_PIPELINES_H
