//===- ModelBuilder.cpp - From a model file through the phases ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Support/DataSet.h"
#include "qopt/Support/Recipe.h"
#include "qopt/Support/Report.h"
#include "qopt/Transforms/BiasCorrection.h"
#include "qopt/Transforms/Observers.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/ADT/StringExtras.h"
#include <thread>

using namespace mlir;
namespace cl = llvm::cl;

namespace qopt::cli {

BuildOptions::BuildOptions(cl::SubCommand &command)
    : recipe(
          "recipe",
          keptDesc("Recipe file, or preset: " +
                   llvm::join(recipePresetNames(), ", ") + " (default: int8)"),
          cl::value_desc("NAME|FILE.json"), cl::init("int8"), cl::sub(command)),
      calibrate(
          "calibrate",
          cl::desc("Calibrate with these samples: .npz, .npy or a folder"),
          cl::value_desc("DATA"), cl::sub(command)),
      calibration("calibration",
                  cl::desc("Ranges from a file that `qopt calibrate` wrote"),
                  cl::value_desc("FILE.json"), cl::sub(command)),
      target("target",
             keptDesc("What the code is for: " +
                      llvm::join(TargetInfo::knownNames(), ", ") +
                      " (default: native); compile takes several of one "
                      "architecture, NAME,NAME,..., for one object that "
                      "chooses at run time"),
             cl::value_desc("NAME"), cl::init("native"), cl::sub(command)),
      io("io",
         cl::desc("Inputs and outputs: float, as in the model, or quantized: "
                  "the integers of their edges (default: float)"),
         cl::value_desc("KIND"), cl::init("float"), cl::sub(command)),
      optLevel("O", cl::desc("LLVM's optimization level (default: 3)"),
               cl::Prefix, cl::value_desc("0-3"), cl::init(3),
               cl::sub(command)),
      noSchedule("no-schedule",
                 cl::desc("Plain loops instead of scheduled ones: slow, for "
                          "comparison"),
                 cl::sub(command)),
      remarks("remarks",
              cl::desc("Print what the passes remark: which nodes "
                       "stay in float, and why"),
              cl::sub(command)),
      calibrationRun(command) {}

llvm::Expected<std::vector<TargetInfo>> BuildOptions::targets() const {
  auto list = TargetInfo::getList(target);
  if (!list)
    return usageError("--target: " + llvm::toString(list.takeError()));
  return list;
}

llvm::Expected<EmitOptions>
BuildOptions::emitOptions(llvm::StringRef name) const {
  EmitOptions options;
  auto list = targets();
  if (!list)
    return list.takeError();
  options.target = list->back();
  if (optLevel > 3)
    return usageError("-O: expected 0 to 3, got " +
                      llvm::Twine(optLevel.getValue()));
  options.optLevel = optLevel;
  options.name = name.str();
  return options;
}

llvm::Error BuildOptions::useThreads(unsigned count) {
  auto list = targets();
  if (!list)
    return list.takeError();
  if (count > 1 && list->back().isGpu())
    return usageError("--threads: expected a CPU, whose loops are cut into "
                      "tasks, got '" +
                      list->back().name + "', whose kernels run in parallel");
  // The units into which the driver's pool divides a job (qopt_pool.c).
  constexpr unsigned kMaxThreads = 32;
  if (count < 1 || count > kMaxThreads)
    return usageError("--threads: expected 1 to " + llvm::Twine(kMaxThreads) +
                      ", got " + llvm::Twine(count));
  threads = count;
  return llvm::Error::success();
}

std::vector<NamedPath> BuildOptions::inputs() const {
  std::vector<NamedPath> files = {{"--calibrate", calibrate},
                                  {"--calibration", calibration}};
  if (!recipePreset(recipe))
    files.push_back({"the recipe", recipe});
  return files;
}

llvm::Expected<bool> BuildOptions::quantizedIo() const {
  if (io != "float" && io != "quantized")
    return usageError("--io: expected float or quantized, got '" + io + "'");
  return io == "quantized";
}

llvm::Expected<Phase> parsePhaseOption(StringRef flag, StringRef value) {
  if (std::optional<Phase> phase = parsePhase(value))
    return *phase;
  return usageError("--" + flag + ": expected one of " + phaseNames() +
                    ", got '" + value + "'");
}

func::FuncOp modelFunction(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic())
      return function;
  return nullptr;
}

llvm::Expected<ModelInfo> borderInfo(Session &session, ModuleOp module) {
  FailureOr<ModelInfo> info = describeBorder(modelFunction(module));
  if (failed(info))
    return session.takeError(ExitCode::Input,
                             "the model's border cannot be described");
  return std::move(*info);
}

std::vector<TensorSpec> inputSpecs(const ModelInfo &info) {
  std::vector<TensorSpec> specs;
  for (const TensorInfo &input : info.inputs)
    specs.push_back({input.name, input.dtype, input.shape});
  return specs;
}

/// The phase of a module that is past `float`, by what is in it.
static std::optional<Phase> laterPhase(ModuleOp module) {
  bool isLater = module->hasAttr(QoptDialect::kModelAttrName);
  module.walk([&](Operation *op) {
    isLater |= isa_and_present<QoptDialect>(op->getDialect());
  });
  if (!isLater)
    return std::nullopt;
  ScopedDiagnosticHandler quiet(module.getContext(),
                                [](Diagnostic &) { return success(); });
  // The strictest contracts first.
  for (Phase phase :
       {Phase::Calibrated, Phase::Observed, Phase::Qdq, Phase::Llvm,
        Phase::Planned, Phase::Scheduled, Phase::Integer})
    if (succeeded(verifyPhase(module, phase)))
      return phase;
  return std::nullopt;
}

/// The user answers for what the user gave: the module in the phase `from`,
/// which the step after it is the first to look at closely, and the ranges on
/// the observed edges. Whatever else fails is ours.
static ExitCode blame(Phase from, std::optional<Phase> reached) {
  if (!reached || *reached == from || *reached == Phase::Observed)
    return ExitCode::Input;
  return ExitCode::Internal;
}

llvm::Expected<OwningOpRef<ModuleOp>>
buildToPhase(Session &session, const ModelOptions &model, Phase to,
             const PhaseOptions &options, PhaseFn atPhase) {
  llvm::Expected<Phase> from =
      parsePhaseOption("compile-from", model.compileFrom);
  if (!from)
    return from.takeError();
  if (*from > to)
    return usageError("--compile-from: expected " + phaseInfo(to).name +
                      " or a phase before it, got '" + model.compileFrom + "'");
  llvm::Expected<LoadOptions> loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  loadOptions->mustBeMlir = *from != Phase::Input;
  auto module = session.load(model.path, *loadOptions);
  if (!module)
    return module.takeError();

  if (*from < Phase::Observed)
    if (std::optional<Phase> later = laterPhase(**module))
      return inputError(model.path + ": expected a model in phase '" +
                        phaseInfo(*from).name +
                        "', got a module past 'float'; give --compile-from " +
                        phaseInfo(*later).name);

  std::optional<Phase> reached;
  std::optional<llvm::Error> error;
  auto step = [&](Phase phase) -> LogicalResult {
    if (!atPhase)
      return success();
    error.emplace(atPhase(**module, phase));
    return failure(static_cast<bool>(*error));
  };
  LogicalResult result =
      compilePhases(**module, *from, to, options, step, &reached);
  if (error && *error)
    return std::move(*error);
  if (failed(result))
    return session.takeError(
        blame(*from, reached),
        "the step after phase '" +
            (reached ? StringRef(phaseInfo(*reached).name) : "none") +
            "' failed");
  return std::move(*module);
}

/// A recipe file that names an observer means the ranges to be of it.
static llvm::Error checkObserver(const BuildOptions &build,
                                 const Recipe &recipe,
                                 const ObserverOptions &found) {
  llvm::StringRef got = observerName(found.kind);
  if (!recipe.namesObserver || recipe.observer == got)
    return llvm::Error::success();
  return inputError(build.calibration + ": expected ranges of the observer '" +
                    recipe.observer + "', which the recipe '" + build.recipe +
                    "' names, got those of '" + got + "'");
}

/// Ranges onto the observed edges, from a file or from samples.
static llvm::Error setRanges(Session &session, ModuleOp observed,
                             const BuildOptions &build, const Recipe &recipe,
                             InputMeans *means) {
  auto table =
      build.calibration.empty()
          ? runCalibration(observed, build.calibrate, build.calibrationRun,
                           recipe.observer, means)
          : CalibrationTable::read(build.calibration);
  if (!table)
    return table.takeError();
  if (build.calibration.empty())
    warnOfPoorSamples(observed, *table, build.calibrate);
  else if (llvm::Error error = checkObserver(build, recipe, table->observer))
    return error;
  if (failed(applyCalibration(observed, *table)))
    return session.takeError(ExitCode::Input, "the calibration does not fit");
  return llvm::Error::success();
}

static PhaseOptions phaseOptions(const BuildOptions &build,
                                 const Recipe &recipe,
                                 const TargetInfo &target) {
  PhaseOptions options;
  options.recipe = build.recipe;
  options.quantize = recipe.quantize;
  options.needsRanges = recipe.quantizeActivations;
  options.target = target;
  options.schedule = !build.noSchedule;
  options.threads = build.threads;
  return options;
}

llvm::Expected<OwningOpRef<ModuleOp>> buildModel(Session &session,
                                                 const ModelOptions &model,
                                                 const BuildOptions &build,
                                                 Phase to, PhaseFn atPhase) {
  auto from = parsePhaseOption("compile-from", model.compileFrom);
  if (!from)
    return from.takeError();
  auto loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  auto recipe = loadRecipe(build.recipe);
  if (!recipe)
    return recipe.takeError();
  auto emitOptions = build.emitOptions("");
  if (!emitOptions)
    return emitOptions.takeError();
  if (auto observer = build.calibrationRun.observerOptions(recipe->observer);
      !observer)
    return observer.takeError();
  if (!build.calibration.empty() && build.calibrationRun.any())
    return usageError("--calibration: the ranges are in the file; expected no "
                      "--observer, --percentile or --calibration-samples "
                      "beside it (give them to qopt calibrate)");
  auto quantizedIo = build.quantizedIo();
  if (!quantizedIo)
    return quantizedIo.takeError();
  bool hasRanges = !build.calibrate.empty() || !build.calibration.empty();
  bool lacksRanges = recipe->quantize && recipe->quantizeActivations &&
                     !hasRanges && *from < Phase::Calibrated &&
                     to >= Phase::Calibrated;
  if (!recipe->quantize && (hasRanges || build.calibrationRun.any()))
    printWarning("recipe '" + build.recipe +
                 "' quantizes nothing: samples and ranges have no effect");

  if (build.remarks)
    session.enableRemarks();
  PhaseOptions options = phaseOptions(build, *recipe, emitOptions->target);
  options.quantizedIo = *quantizedIo;
  // Of the layers' inputs, from the run that finds the ranges.
  std::unique_ptr<InputMeans> means;
  bool correctsBiases = recipe->biasCorrection && to > Phase::Calibrated;
  auto step = [&](ModuleOp module, Phase phase) -> llvm::Error {
    // Not before the model is read: a wrong one is worth more words.
    if (lacksRanges)
      return usageError("recipe '" + build.recipe +
                        "': expected --calibrate DATA or --calibration FILE, "
                        "got neither (--recipe float needs none)");
    if (atPhase)
      if (llvm::Error error = atPhase(module, phase))
        return error;
    if (phase == Phase::Observed && to > phase && hasRanges) {
      if (correctsBiases && build.calibration.empty())
        means = std::make_unique<InputMeans>(describeLayerInputs(module));
      return setRanges(session, module, build, *recipe, means.get());
    }
    if (phase != Phase::Calibrated || !correctsBiases)
      return llvm::Error::success();
    if (!means && !build.calibrate.empty()) {
      means = std::make_unique<InputMeans>(describeLayerInputs(module));
      if (llvm::Error error = collectInputMeans(module, build.calibrate,
                                                build.calibrationRun, *means))
        return error;
    }
    if (means)
      return correctBiases(module, *means, build.recipe);
    printWarning("biases are not corrected: expected --calibrate DATA to do it "
                 "with, got none");
    return llvm::Error::success();
  };
  return buildToPhase(session, model, to, options, step);
}

llvm::Expected<std::vector<BuiltVersion>>
buildVersions(Session &session, const ModelOptions &model,
              const BuildOptions &build, PhaseFn atPhase) {
  auto targets = build.targets();
  if (!targets)
    return targets.takeError();
  std::vector<BuiltVersion> versions;
  if (targets->size() == 1) {
    auto module = buildModel(session, model, build, Phase::Llvm, atPhase);
    if (!module)
      return module.takeError();
    versions.push_back({std::move(*module), targets->front()});
    return versions;
  }
  auto from = parsePhaseOption("compile-from", model.compileFrom);
  if (!from)
    return from.takeError();
  if (*from > Phase::Integer)
    return usageError("--compile-from: expected 'integer' or an earlier phase "
                      "for several targets, got '" +
                      model.compileFrom + "'");
  auto recipe = loadRecipe(build.recipe);
  if (!recipe)
    return recipe.takeError();
  // Up to here nothing depends on the target.
  auto shared = buildModel(session, model, build, Phase::Integer, atPhase);
  if (!shared)
    return shared.takeError();
  for (const TargetInfo &target : *targets) {
    OwningOpRef<ModuleOp> module((*shared)->clone());
    // The strongest version stands for all of them.
    bool isLast = target.name == targets->back().name;
    std::optional<llvm::Error> error;
    auto step = [&](Phase phase) -> LogicalResult {
      if (!atPhase || !isLast || phase == Phase::Integer)
        return success();
      error.emplace(atPhase(*module, phase));
      return failure(static_cast<bool>(*error));
    };
    LogicalResult result =
        compilePhases(*module, Phase::Integer, Phase::Llvm,
                      phaseOptions(build, *recipe, target), step);
    if (error && *error)
      return std::move(*error);
    if (failed(result))
      return session.takeError(ExitCode::Internal,
                               "the version for " + target.name + " failed");
    versions.push_back({std::move(module), target});
  }
  return versions;
}

SmallVector<ModelVersion> versionsOf(MutableArrayRef<BuiltVersion> built) {
  return llvm::map_to_vector(built, [](BuiltVersion &version) {
    return ModelVersion{*version.module, version.target};
  });
}

} // namespace qopt::cli
