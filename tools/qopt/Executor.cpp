//===- Executor.cpp - Anything that computes a model ----------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Executor.h"
#include "Cli.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Support/Recipe.h"
#include "qopt/Target/EmulatedModel.h"

using namespace mlir;
namespace cl = llvm::cl;

namespace qopt::cli {

namespace {
class CompiledExecutor : public Executor {
public:
  explicit CompiledExecutor(std::unique_ptr<CompiledModel> compiled)
      : model(std::move(compiled)) {}
  llvm::Expected<llvm::SmallVector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) override {
    return model->run(inputs);
  }
  const ModelInfo &getInfo() const override { return model->info(); }

private:
  std::unique_ptr<CompiledModel> model;
};

class EmulatedExecutor : public Executor {
public:
  explicit EmulatedExecutor(std::unique_ptr<EmulatedModel> emulated)
      : model(std::move(emulated)) {}
  llvm::Expected<llvm::SmallVector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) override {
    auto results = model->run(inputs);
    if (!results)
      return results.takeError();
    return std::move(results->front());
  }
  const ModelInfo &getInfo() const override { return model->info(); }

private:
  std::unique_ptr<EmulatedModel> model;
};

class InterpreterExecutor : public Executor {
public:
  llvm::Error initialize(Session &session, OwningOpRef<ModuleOp> owned);
  llvm::Expected<llvm::SmallVector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) override {
    return interpret(function, inputs);
  }
  const ModelInfo &getInfo() const override { return info; }

private:
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  ModelInfo info;
};
} // namespace

llvm::Error InterpreterExecutor::initialize(Session &session,
                                            OwningOpRef<ModuleOp> owned) {
  module = std::move(owned);
  function = modelFunction(*module);
  auto border = borderInfo(session, *module);
  if (!border)
    return border.takeError();
  info = std::move(*border);
  info.target = "reference interpreter";
  return llvm::Error::success();
}

static llvm::Expected<std::unique_ptr<CompiledModel>>
compileInProcess(Session &session, const ModelOptions &model,
                 const BuildOptions &build, PhaseFn atPhase) {
  auto targets = build.targets();
  if (!targets)
    return targets.takeError();
  if (targets->size() != 1)
    return usageError("--target: expected one target to run in this process, "
                      "got " +
                      llvm::Twine(targets->size()));
  auto loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  auto options = build.emitOptions(loadOptions->name);
  if (!options)
    return options.takeError();
  if (!options->target.runsOnHost())
    return usageError("--target: expected code that this host can run, got '" +
                      build.target + "'; give run and eval an --emulator");
  auto module = buildModel(session, model, build, Phase::Llvm, atPhase);
  if (!module)
    return module.takeError();
  auto info = getModelInfo(**module, *options);
  if (!info)
    return info.takeError();
  auto object = emitCode(**module, CodeKind::Object, *options);
  if (!object)
    return object.takeError();
  return CompiledModel::loadObject(*object, *info);
}

static llvm::Expected<std::unique_ptr<CompiledModel>>
loadArtifact(const ModelOptions &model, const BuildOptions &build) {
  // What is compiled is compiled: none of these could still matter.
  const cl::Option *compilation[] = {&build.recipe,
                                     &build.calibrate,
                                     &build.calibration,
                                     &build.target,
                                     &build.optLevel,
                                     &build.noSchedule,
                                     &build.calibrationRun.observer,
                                     &build.calibrationRun.samples,
                                     &model.compileFrom,
                                     std::addressof(model.dims)};
  for (const cl::Option *option : compilation)
    if (option->getNumOccurrences())
      return usageError("--" + option->ArgStr +
                        ": expected a model file, got the compiled '" +
                        model.path + "'");
  return CompiledModel::loadSharedObject(model.path, model.name, build.level);
}

llvm::Expected<std::unique_ptr<CompiledModel>>
createCompiledModel(Session &session, const ModelOptions &model,
                    const BuildOptions &build, PhaseFn atPhase) {
  StringRef path = model.path;
  if (!build.level.empty() && !path.ends_with(".so"))
    return usageError("--level: expected a shared object, got '" + path + "'");
  auto compiled = path.ends_with(".so")
                      ? loadArtifact(model, build)
                      : compileInProcess(session, model, build, atPhase);
  if (!compiled || build.threads == 1)
    return compiled;
  if (!(*compiled)->hasTasks())
    printWarning("'" + (*compiled)->info().name +
                 "' has no tasks: it was compiled without --threads, or none "
                 "of its loops is long enough; it uses one thread");
  if (llvm::Error error = (*compiled)->useThreads(build.threads))
    return std::move(error);
  return compiled;
}

/// Compiles the model for any targets, into a program that `emulator` runs.
static llvm::Expected<std::unique_ptr<EmulatedModel>>
emulate(Session &session, const ModelOptions &model, const BuildOptions &build,
        StringRef emulator, PhaseFn atPhase) {
  if (StringRef(model.path).ends_with(".so"))
    return usageError("--emulator: expected a model file, got '" + model.path +
                      "'");
  if (!build.target.getNumOccurrences())
    return usageError("--emulator: expected --target NAME beside it, the "
                      "machine that '" +
                      emulator + "' stands for, got none");
  auto loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  auto options = build.emitOptions(loadOptions->name);
  if (!options)
    return options.takeError();
  if (!options->target.hasPrograms())
    return usageError("--emulator: expected a target whose programs qopt can "
                      "link, got '" +
                      options->target.name + "'" +
                      (options->target.arch == TargetInfo::Arch::CortexM
                           ? "; examples/cortex-m/run runs firmware in QEMU"
                           : ""));
  // Before the model: it takes long.
  if (auto command = EmulatedModel::findCommand(emulator); !command)
    return command.takeError();
  if (llvm::Error error = checkLinker(LinkedKind::Program, options->target))
    return std::move(error);
  auto built = buildVersions(session, model, build, atPhase);
  if (!built)
    return built.takeError();
  SmallVector<ModelVersion> versions = versionsOf(*built);
  auto info = getModelInfo(versions, *options);
  if (!info)
    return info.takeError();
  auto object = emitCode(versions, CodeKind::Object, *options);
  if (!object)
    return object.takeError();
  auto program = linkExecutable(*object, *info, options->target);
  if (!program)
    return program.takeError();
  return EmulatedModel::create(*program, *info, emulator);
}

llvm::Expected<std::unique_ptr<Executor>>
createExecutor(Session &session, const ModelOptions &model,
               const BuildOptions &build, PhaseFn atPhase) {
  if (!build.emulator.empty()) {
    auto emulated = emulate(session, model, build, build.emulator, atPhase);
    if (!emulated)
      return emulated.takeError();
    return std::make_unique<EmulatedExecutor>(std::move(*emulated));
  }
  auto compiled = createCompiledModel(session, model, build, atPhase);
  if (!compiled)
    return compiled.takeError();
  return std::make_unique<CompiledExecutor>(std::move(*compiled));
}

/// The phase that is the model's meaning.
static llvm::Expected<Phase> referencePhase(const ModelOptions &model,
                                            const BuildOptions &build) {
  if (StringRef(model.path).ends_with(".so"))
    return usageError("the reference interpreter needs a model file, got '" +
                      model.path + "'");
  auto recipe = loadRecipe(build.recipe);
  if (!recipe)
    return recipe.takeError();
  return recipe->quantize ? Phase::Qdq : Phase::Float;
}

static llvm::Expected<std::unique_ptr<Executor>>
interpretModule(Session &session, OwningOpRef<ModuleOp> module) {
  auto executor = std::make_unique<InterpreterExecutor>();
  if (llvm::Error error = executor->initialize(session, std::move(module)))
    return std::move(error);
  return executor;
}

llvm::Expected<std::unique_ptr<Executor>>
createReference(Session &session, const ModelOptions &model,
                const BuildOptions &build, PhaseFn atPhase) {
  llvm::Expected<Phase> phase = referencePhase(model, build);
  if (!phase)
    return phase.takeError();
  auto module = buildModel(session, model, build, *phase, atPhase);
  if (!module)
    return module.takeError();
  return interpretModule(session, std::move(*module));
}

llvm::Expected<VerifiedExecutor>
createVerifiedExecutor(Session &session, const ModelOptions &model,
                       const BuildOptions &build, PhaseFn atPhase) {
  llvm::Expected<Phase> phase = referencePhase(model, build);
  if (!phase)
    return phase.takeError();
  auto from = parsePhaseOption("compile-from", model.compileFrom);
  if (!from)
    return from.takeError();
  // From a later phase the meaning cannot be had.
  if (*from > *phase)
    return usageError("--verify-reference: expected --compile-from " +
                      phaseInfo(*phase).name + " or a phase before it, got '" +
                      model.compileFrom + "'");
  OwningOpRef<ModuleOp> meaning;
  auto compiled = createExecutor(
      session, model, build, [&](ModuleOp module, Phase reached) {
        if (reached == *phase)
          meaning = module.clone();
        return atPhase ? atPhase(module, reached) : llvm::Error::success();
      });
  if (!compiled)
    return compiled.takeError();
  auto reference = interpretModule(session, std::move(meaning));
  if (!reference)
    return reference.takeError();
  return VerifiedExecutor{std::move(*compiled), std::move(*reference)};
}

} // namespace qopt::cli
