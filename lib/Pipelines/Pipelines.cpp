//===- Pipelines.cpp - From phase to phase --------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the steps between phases by name of phase, and runs
// them one after the other with the contract checked at every stop.
//
//===----------------------------------------------------------------------===//

#include "qopt/Pipelines/Pipelines.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Target/Lowering.h"

using namespace mlir;

namespace qopt {

void buildPhase(OpPassManager &pm, Phase phase, const PhaseOptions &options) {
  switch (phase) {
  case Phase::Input:
    return;
  case Phase::Float:
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    return;
  case Phase::Observed:
  case Phase::Calibrated:
  case Phase::Qdq:
  case Phase::Integer:
    return;
  case Phase::Scheduled:
    pm.addPass(createConvertQoptToLinalgPass());
    return;
  case Phase::Planned:
    buildPlannedPipeline(pm);
    return;
  case Phase::Llvm:
    buildLlvmPipeline(pm, options.target);
    return;
  }
}

LogicalResult compilePhases(ModuleOp module, Phase from, Phase to,
                            const PhaseOptions &options,
                            llvm::function_ref<LogicalResult(Phase)> atPhase,
                            std::optional<Phase> *reached) {
  for (const PhaseInfo &info : allPhases()) {
    if (info.phase < from || info.phase > to)
      continue;
    if (info.phase != from) {
      PassManager pm(module.getContext());
      buildPhase(pm, info.phase, options);
      if (failed(pm.run(module)))
        return failure();
    }
    if (failed(verifyPhase(module, info.phase)))
      return failure();
    if (reached)
      *reached = info.phase;
    if (failed(atPhase(info.phase)))
      return failure();
  }
  return success();
}

namespace {
struct PhasePipelineOptions : PassPipelineOptions<PhasePipelineOptions> {
  Option<std::string> recipe{*this, "recipe",
                             llvm::cl::desc("A preset or a recipe file"),
                             llvm::cl::init("int8")};
};
} // namespace

void registerQoptPipelines() {
  for (const PhaseInfo &info : allPhases().drop_front()) {
    std::string name = ("qopt-to-" + info.name).str();
    std::string description =
        ("From the phase before `" + info.name + "` to it: " + info.description)
            .str();
    Phase phase = info.phase;
    PassPipelineRegistration<PhasePipelineOptions>(
        name, description,
        [phase](OpPassManager &pm, const PhasePipelineOptions &cli) {
          PhaseOptions options;
          options.recipe = cli.recipe;
          buildPhase(pm, phase, options);
        });
  }
}

} // namespace qopt
