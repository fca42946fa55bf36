//===- ModelBuilder.cpp - From a model file to what can run ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"

using namespace mlir;
namespace cl = llvm::cl;

namespace qopt::cli {

BuildOptions::BuildOptions(cl::SubCommand &command)
    : recipe("recipe", cl::desc("Preset or recipe file"),
             cl::value_desc("NAME|FILE.json"), cl::init("int8"),
             cl::sub(command)),
      calibrate(
          "calibrate",
          cl::desc("Calibrate with these samples: .npz, .npy or a folder"),
          cl::value_desc("DATA"), cl::sub(command)),
      calibration("calibration",
                  cl::desc("Ranges from a file that `qopt calibrate` wrote"),
                  cl::value_desc("FILE.json"), cl::sub(command)),
      target("target", cl::desc("What the code is for"), cl::value_desc("NAME"),
             cl::init("native"), cl::sub(command)),
      compileFrom("compile-from", cl::desc("MODEL is MLIR in phase PHASE"),
                  cl::value_desc("PHASE"), cl::init("input"),
                  cl::sub(command)) {}

llvm::Expected<Phase> parsePhaseOption(StringRef flag, StringRef value) {
  if (std::optional<Phase> phase = parsePhase(value))
    return *phase;
  return usageError("--" + flag + ": expected one of " + phaseNames() +
                    ", got '" + value + "'");
}

/// An import or a float preparation that fails is the model's fault; what
/// fails after the `float` contract held is ours.
static ExitCode blame(std::optional<Phase> reached) {
  return !reached || *reached < Phase::Float ? ExitCode::Input
                                             : ExitCode::Internal;
}

llvm::Expected<OwningOpRef<ModuleOp>> buildModel(Session &session,
                                                 const ModelOptions &model,
                                                 const BuildOptions &build,
                                                 Phase to, PhaseFn atPhase) {
  llvm::Expected<Phase> from =
      parsePhaseOption("compile-from", build.compileFrom);
  if (!from)
    return from.takeError();
  llvm::Expected<LoadOptions> loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  auto module = session.load(model.path, *loadOptions);
  if (!module)
    return module.takeError();

  PhaseOptions options;
  options.recipe = build.recipe;
  options.quantize = build.recipe != "float";
  llvm::Expected<TargetInfo> target = TargetInfo::get(build.target);
  if (!target)
    return usageError("--target: " + llvm::toString(target.takeError()));
  options.target = *target;
  std::optional<Phase> reached;
  llvm::Error error = llvm::Error::success();
  auto step = [&](Phase phase) -> LogicalResult {
    llvm::consumeError(std::move(error));
    error = atPhase ? atPhase(**module, phase) : llvm::Error::success();
    return failure(static_cast<bool>(error));
  };
  LogicalResult result =
      compilePhases(**module, *from, to, options, step, &reached);
  if (error)
    return std::move(error);
  if (failed(result))
    return session.takeError(
        blame(reached),
        "the step after phase '" +
            (reached ? StringRef(phaseInfo(*reached).name) : "none") +
            "' failed");
  return std::move(*module);
}

} // namespace qopt::cli
