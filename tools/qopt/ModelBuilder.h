//===- ModelBuilder.h - From a model file through the phases --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The options that decide how a model is compiled, and the one way from a
// file through the phases that every command takes.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_MODELBUILDER_H
#define QOPT_TOOLS_QOPT_MODELBUILDER_H

#include "CalibrationRun.h"
#include "Destinations.h"
#include "ModelOptions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "qopt/Pipelines/Pipelines.h"
#include "qopt/Target/Emit.h"

namespace qopt::cli {

/// How a model becomes code; options of the command they are constructed with.
struct BuildOptions {
  explicit BuildOptions(llvm::cl::SubCommand &command);

  /// Of a shared object with several versions, the one to run; empty for the
  /// one that suits the CPU.
  std::string level;

  /// --emulator of the commands that have it: the command that runs programs
  /// for the target; empty for code in this process.
  std::string emulator;

  /// The targets of --target, weakest first.
  llvm::Expected<std::vector<TargetInfo>> targets() const;

  /// --target and -O, checked; of several targets, the strongest.
  llvm::Expected<EmitOptions> emitOptions(llvm::StringRef name) const;
  /// --io, checked: whether inputs and outputs become integers.
  llvm::Expected<bool> quantizedIo() const;

  /// --threads of the commands that have it: long loops are cut into as many
  /// tasks, and a model in this process runs on as many threads.
  llvm::Error useThreads(unsigned count);
  unsigned threads = 1;

  /// The files that the options name.
  std::vector<NamedPath> inputs() const;

  llvm::cl::opt<std::string> recipe;
  llvm::cl::opt<std::string> calibrate;
  llvm::cl::opt<std::string> calibration;
  llvm::cl::opt<std::string> target;
  llvm::cl::opt<std::string> io;
  NumberOption<unsigned> optLevel;
  llvm::cl::opt<bool> noSchedule;
  llvm::cl::opt<bool> remarks;
  CalibrationRunOptions calibrationRun;
};

/// The phase that `flag` names.
llvm::Expected<Phase> parsePhaseOption(llvm::StringRef flag,
                                       llvm::StringRef value);

/// The model's function: the public one.
mlir::func::FuncOp modelFunction(mlir::ModuleOp module);

/// Name, inputs and outputs of a module of tensors.
llvm::Expected<ModelInfo> borderInfo(Session &session, mlir::ModuleOp module);

/// The inputs, as a data set is bound to them.
std::vector<TensorSpec> inputSpecs(const ModelInfo &info);

/// Called with the module at every phase that compilation passes.
using PhaseFn = llvm::function_ref<llvm::Error(mlir::ModuleOp, Phase)>;

/// Loads a model and takes it to phase `to`.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildToPhase(Session &session, const ModelOptions &model, Phase to,
             const PhaseOptions &options, PhaseFn atPhase);

/// The same as the options say, calibrating on the way if they do.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildModel(Session &session, const ModelOptions &model,
           const BuildOptions &build, Phase to, PhaseFn atPhase);

struct BuiltVersion {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  TargetInfo target;
};

/// The model in phase `llvm` for each target of `build`. `atPhase` sees the
/// phases of the strongest only.
llvm::Expected<std::vector<BuiltVersion>>
buildVersions(Session &session, const ModelOptions &model,
              const BuildOptions &build, PhaseFn atPhase);

/// The same for emission, while `built` lives.
llvm::SmallVector<ModelVersion>
versionsOf(llvm::MutableArrayRef<BuiltVersion> built);

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_MODELBUILDER_H
