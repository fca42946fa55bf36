//===- CalibrationRun.cpp - Calibration as the commands offer it ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CalibrationRun.h"
#include "qopt/Calibration/Calibrate.h"
#include "qopt/Calibration/Runners.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Pipelines/Pipelines.h"
#include "qopt/Support/NumberFormat.h"
#include "qopt/Transforms/BiasCorrection.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/Support/Process.h"
#include <thread>

using namespace mlir;
namespace cl = llvm::cl;

namespace qopt::cli {

CalibrationRunOptions::CalibrationRunOptions(cl::SubCommand &command,
                                             llvm::StringRef fallback)
    : observer("observer",
               keptDesc("How ranges are chosen: " + observerNames() +
                        " (default: " + fallback.str() + ")"),
               cl::value_desc("NAME"), cl::sub(command)),
      percentile("percentile",
                 cl::desc("Values that stay inside, for --observer percentile "
                          "(default: 99.99)"),
                 cl::value_desc("P"), cl::init(99.99), cl::sub(command)),
      samples("calibration-samples",
              cl::desc("Only the first N samples (default: all)"),
              cl::value_desc("N"), cl::init(0), cl::sub(command)) {}

bool CalibrationRunOptions::any() const {
  return observer.getNumOccurrences() || percentile.getNumOccurrences() ||
         samples.getNumOccurrences();
}

llvm::Expected<ObserverOptions>
CalibrationRunOptions::observerOptions(llvm::StringRef fallback) const {
  ObserverOptions options;
  llvm::StringRef name = observer.empty() ? fallback : StringRef(observer);
  std::optional<ObserverKind> kind = parseObserverKind(name);
  if (!kind)
    return usageError("--observer: expected one of " + observerNames() +
                      ", got '" + name + "'");
  options.kind = *kind;
  if (samples.getNumOccurrences() && samples < 1)
    return usageError("--calibration-samples: expected at least 1, got " +
                      llvm::Twine(samples.getValue()));
  if (percentile.getNumOccurrences() && *kind != ObserverKind::Percentile)
    return usageError("--percentile: expected --observer percentile, got '" +
                      name + "'");
  if (!(percentile > 50.0 && percentile <= 100.0))
    return usageError("--percentile: expected more than 50, at most 100, got " +
                      shortestDigits(percentile.getValue()));
  options.percentile = percentile;
  return options;
}

/// `observed` -> `scheduled`, for this host.
static LogicalResult scheduleFor(ModuleOp observed, const TargetInfo &target) {
  PhaseOptions options;
  options.target = target;
  PassManager pm(observed.getContext());
  pm.enableVerifier(false);
  buildPhase(pm, Phase::Scheduled, options);
  return pm.run(observed);
}

/// Runs the samples; layer inputs go to `means`, if there are any.
static llvm::Expected<CalibrationTable>
runSamples(ModelRunner &runner, InputMeans *means, const DataSet &data,
           CalibrationOptions options, StringRef label) {
  options.threads = std::thread::hardware_concurrency();
  ProgressPrinter progress(llvm::errs(), label,
                           llvm::sys::Process::StandardErrIsDisplayed());
  if (!means)
    return calibrate(runner, data, options, progress.function());
  InputMeansRunner split(runner, *means);
  return calibrate(split, data, options, progress.function());
}

llvm::Expected<CalibrationTable>
runCalibration(ModuleOp observed, StringRef dataPath,
               const CalibrationRunOptions &options, StringRef observer,
               InputMeans *means) {
  llvm::Expected<ObserverOptions> observerOptions =
      options.observerOptions(observer);
  if (!observerOptions)
    return observerOptions.takeError();
  auto data = DataSet::open(dataPath);
  if (!data)
    return data.takeError();

  // The samples run on this machine, whatever the artifact is for.
  EmitOptions host;
  llvm::Expected<TargetInfo> native = TargetInfo::get("native");
  if (!native)
    return native.takeError();
  host.target = *native;
  OwningOpRef<ModuleOp> watched(observed.clone());
  if (means)
    observeLayerInputs(*watched);
  auto runner = createCompiledRunner(*watched, host, [&](ModuleOp copy) {
    return scheduleFor(copy, host.target);
  });
  if (!runner)
    return runner.takeError();
  if (llvm::Error error = data->bind((*runner)->inputs()))
    return std::move(error);
  for (llvm::StringRef note : data->notes())
    printWarning(note);

  CalibrationOptions calibration;
  calibration.observer = *observerOptions;
  for (auto function : observed.getOps<func::FuncOp>())
    if (function.isPublic())
      calibration.modelName = function.getName().str();
  if (options.samples > 0)
    calibration.maxSamples = options.samples;
  return runSamples(**runner, means, *data, calibration, "calibrating");
}

/// The edge of a model's input that had one value in all samples; null if there
/// is none.
static const CalibrationEdge *findConstantInput(ModuleOp observed,
                                                const CalibrationTable &table) {
  const CalibrationEdge *found = nullptr;
  observed.walk([&](ObserveOp op) {
    const CalibrationEdge *edge =
        isa<BlockArgument>(op.getInput()) ? table.find(op.getEdge()) : nullptr;
    if (!edge || edge->statistics.empty() ||
        !llvm::all_of(edge->statistics, [&](const ChannelStatistics &channel) {
          return channel.min == edge->statistics.front().min &&
                 channel.max == channel.min;
        }))
      return WalkResult::advance();
    found = edge;
    return WalkResult::interrupt();
  });
  return found;
}

void warnOfPoorSamples(ModuleOp observed, const CalibrationTable &table,
                       StringRef origin) {
  StringRef advice = "; give a few hundred samples of what the model will see";
  if (const CalibrationEdge *edge = findConstantInput(observed, table))
    printWarning(origin + ": expected samples that differ, got " +
                 shortestDigits(edge->statistics.front().min) +
                 " for every value of input '" + edge->name + "'" + advice);
  else if (table.samples == 1)
    printWarning(origin +
                 ": expected several samples, got one, beyond whose "
                 "values all others are clamped" +
                 advice);
}

/// Multiply-accumulates of one inference.
static int64_t countMacs(ModuleOp module) {
  int64_t macs = 0;
  module.walk([&](linalg::LinalgOp op) {
    if (!isContraction(op))
      return;
    int64_t product = 1;
    for (int64_t range : op.getStaticLoopRanges())
      product *= range;
    macs += product;
  });
  return macs;
}

llvm::Error collectInputMeans(ModuleOp calibrated, StringRef dataPath,
                              const CalibrationRunOptions &limits,
                              InputMeans &means) {
  auto data = DataSet::open(dataPath);
  if (!data)
    return data.takeError();
  OwningOpRef<ModuleOp> watched(calibrated.clone());
  PassManager pm(calibrated.getContext());
  pm.addNestedPass<func::FuncOp>(createStripObserversPass());
  if (failed(pm.run(*watched)))
    return internalError("the observers cannot be removed");
  observeLayerInputs(*watched);
  auto runner = createInterpreterRunner(*watched);
  if (!runner)
    return runner.takeError();
  if (llvm::Error error = data->bind((*runner)->inputs()))
    return error;
  // A few samples, spread over the data: to compile the model once more would
  // take longer. Where a sample costs a lot it also has many positions to take
  // means over.
  constexpr int64_t kMinSamples = 2, kMaxSamples = 32;
  constexpr int64_t kMaxMacs = int64_t(1) << 31;
  int64_t affordable = kMaxMacs / std::max<int64_t>(countMacs(calibrated), 1);
  int64_t available = data->numSamples();
  if (limits.samples > 0)
    available = std::min<int64_t>(available, limits.samples);
  CalibrationOptions options;
  options.maxSamples =
      std::min(std::clamp(affordable, kMinSamples, kMaxSamples), available);
  options.stride = std::max<int64_t>(available / *options.maxSamples, 1);
  return runSamples(**runner, &means, *data, options, "correcting biases")
      .takeError();
}

} // namespace qopt::cli
