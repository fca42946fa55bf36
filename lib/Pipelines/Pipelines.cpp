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
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/Passes.h"
#include "qopt/Target/Lowering.h"
#include "qopt/Transforms/FloatPipeline.h"
#include "qopt/Transforms/Passes.h"

using namespace mlir;

namespace qopt {

static void buildScheduledPipeline(OpPassManager &pm,
                                   const PhaseOptions &options) {
  if (options.schedule)
    pm.addNestedPass<func::FuncOp>(
        createSignActivationsPass({options.target.name}));
  pm.addPass(createConvertQoptToLinalgPass());
  if (!options.schedule)
    return;
  if (options.target.hasFma)
    pm.addNestedPass<func::FuncOp>(createMultiplyByInversePass());
  // No CSE from here to bufferization: it would merge destinations, equal as
  // long as they are empty or a border of zeros, that different nests fill.
  pm.addNestedPass<func::FuncOp>(createSinkMovementPass());
  // Strips are for one core's caches, of the size that they have on x86-64.
  if (options.threads == 1 && options.target.arch == TargetInfo::Arch::X86_64)
    pm.addNestedPass<func::FuncOp>(createSplitIntoStripsPass());
  // Tasks share out one loop, and not the parts of a nest at the border.
  pm.addNestedPass<func::FuncOp>(createPlaceResultsPass(
      {options.threads == 1 ? options.target.name : ""}));
  // Tasks share out the loops of one nest. Results have their places by now.
  if (options.threads == 1 && !options.target.isGpu())
    pm.addNestedPass<func::FuncOp>(createBlockRowsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createAssignSchedulePass(
      {options.target.name, options.threads, options.leastTasks}));
  pm.addNestedPass<func::FuncOp>(createGenerateNestsPass());
  pm.addPass(createCanonicalizerPass());
}

void buildPhase(OpPassManager &pm, Phase phase, const PhaseOptions &options) {
  switch (phase) {
  case Phase::Input:
    return;
  case Phase::Float:
    buildFloatPipeline(pm);
    return;
  case Phase::Observed:
    pm.addNestedPass<func::FuncOp>(createInsertObserversPass());
    return;
  case Phase::Calibrated:
    // Ranges come from data that a pass does not have; a file is read by
    // qopt-apply-calibration.
    return;
  case Phase::Qdq:
    pm.addPass(createQuantizePass(
        {options.recipe, options.quantizedIo ? "quantized" : "float"}));
    pm.addPass(createCSEPass());
    return;
  case Phase::Integer:
    pm.addPass(createConvertQdqToIntegerPass());
    pm.addPass(createCSEPass());
    return;
  case Phase::Scheduled:
    return buildScheduledPipeline(pm, options);
  case Phase::Planned:
    return buildPlannedPipeline(pm);
  case Phase::Llvm:
    return buildLlvmPipeline(pm, options.target);
  }
}

/// Whether the recipe has no use for the phase.
static bool isPassedOver(Phase phase, const PhaseOptions &options) {
  if (phase == Phase::Calibrated && !options.needsRanges)
    return true;
  return !options.quantize && phase >= Phase::Observed &&
         phase <= Phase::Integer;
}

LogicalResult compilePhases(ModuleOp module, Phase from, Phase to,
                            const PhaseOptions &options,
                            llvm::function_ref<LogicalResult(Phase)> atPhase,
                            std::optional<Phase> *reached) {
  for (const PhaseInfo &info : allPhases()) {
    if (info.phase < from || info.phase > to)
      continue;
    if (isPassedOver(info.phase, options))
      continue;
    if (info.phase != from) {
      PassManager pm(module.getContext());
      // Once per phase: after each of some thirty passes, the verifier would
      // take longer than most of them.
      pm.enableVerifier(false);
      buildPhase(pm, info.phase, options);
      if (failed(pm.run(module)) || failed(verify(module)))
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

void registerQoptDialects(DialectRegistry &registry) {
  registry.insert<QoptDialect>();
  registerLoweringInterfaces(registry);
}

namespace {
struct PhasePipelineOptions : PassPipelineOptions<PhasePipelineOptions> {
  Option<std::string> recipe{*this, "recipe",
                             llvm::cl::desc("A preset or a recipe file"),
                             llvm::cl::init("int8")};
  Option<std::string> io{
      *this, "io",
      llvm::cl::desc("Inputs and outputs of the model: float, or quantized"),
      llvm::cl::init("float")};
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("What the code is for"),
                             llvm::cl::init("native")};
  Option<bool> schedule{*this, "schedule", llvm::cl::desc("False: plain loops"),
                        llvm::cl::init(true)};
  Option<unsigned> threads{*this, "threads",
                           llvm::cl::desc("How many threads share a loop"),
                           llvm::cl::init(1)};
  Option<int64_t> leastTasks{
      *this, "least-tasks",
      llvm::cl::desc("Vector instructions from which on they do"),
      llvm::cl::init(kLeastTasksCost)};
};
} // namespace

using ErrorHandler = llvm::function_ref<LogicalResult(const Twine &)>;

static LogicalResult buildFromText(OpPassManager &pm, Phase phase,
                                   StringRef text, ErrorHandler onError) {
  PhasePipelineOptions parsed;
  if (failed(parsed.parseFromString(text)))
    return failure();
  PhaseOptions options;
  options.recipe = parsed.recipe;
  if (parsed.io != "float" && parsed.io != "quantized")
    return onError("expected io to be float or quantized, got '" + parsed.io +
                   "'");
  options.quantizedIo = parsed.io == "quantized";
  llvm::Expected<TargetInfo> target = TargetInfo::get(parsed.target);
  if (!target)
    return onError(llvm::toString(target.takeError()));
  options.target = *target;
  options.schedule = parsed.schedule;
  options.threads = parsed.threads;
  options.leastTasks = parsed.leastTasks;
  buildPhase(pm, phase, options);
  // A module of a wrong phase may pass through unchanged.
  pm.addPass(createVerifyPhasePass({phaseInfo(phase).name.str()}));
  return success();
}

static void registerPhasePipelines() {
  for (const PhaseInfo &info : allPhases().drop_front()) {
    Phase phase = info.phase;
    registerPassPipeline(
        ("qopt-to-" + info.name).str(),
        ("From the phase before `" + info.name + "` to it: " + info.description)
            .str(),
        [phase](OpPassManager &pm, StringRef text, ErrorHandler onError) {
          return buildFromText(pm, phase, text, onError);
        },
        [](llvm::function_ref<void(const mlir::detail::PassOptions &)>
               handler) { handler(PhasePipelineOptions()); });
  }
}

void registerQoptPassesAndPipelines() {
  registerQoptConversionPasses();
  registerQoptPipelinesPasses();
  registerQoptSchedulePasses();
  registerQoptTransformsPasses();
  registerPhasePipelines();
}

} // namespace qopt
