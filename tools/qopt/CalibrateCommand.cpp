//===- CalibrateCommand.cpp - qopt calibrate ------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Samples in, a file of ranges out; and several such files into one.
//
//===----------------------------------------------------------------------===//

#include "ModelBuilder.h"
#include "qopt/Transforms/Observers.h"

namespace cl = llvm::cl;

namespace qopt::cli {

namespace {
class CalibrateCommand : public Command {
public:
  CalibrateCommand()
      : Command("calibrate", "Find the ranges of a model's values") {}
  llvm::Error run() override;

private:
  llvm::Expected<std::vector<CalibrationTable>>
  readEarlier(mlir::ModuleOp observed, const ObserverOptions &observer) const;

  /// Where none is given.
  static constexpr llvm::StringLiteral kObserver = "minmax";

  ModelOptions model{subCommand};
  CalibrationRunOptions calibration{subCommand, kObserver};
  cl::opt<std::string> data{
      "data", cl::desc("Samples: .npz, .npy or a folder; required"),
      cl::value_desc("DATA"), cl::sub(subCommand)};
  cl::opt<std::string> output{"o",
                              cl::desc("Where to write the ranges; required"),
                              cl::value_desc("FILE.json"), cl::sub(subCommand)};
  cl::list<std::string> merge{
      "merge", cl::desc("Merge the ranges of an earlier run into the file"),
      cl::value_desc("FILE.json"), cl::sub(subCommand)};
  cl::opt<bool> histograms{
      "histograms",
      cl::desc("Keep the histograms, so that the file can be merged exactly"),
      cl::sub(subCommand)};
};
} // namespace

/// The files to merge, known to fit what this run will find.
llvm::Expected<std::vector<CalibrationTable>>
CalibrateCommand::readEarlier(mlir::ModuleOp observed,
                              const ObserverOptions &observer) const {
  CalibrationTable expected;
  expected.model = modelFunction(observed).getName().str();
  expected.edgesHash = hashEdges(collectObservedEdges(observed));
  expected.observer = observer;
  std::vector<CalibrationTable> tables;
  for (const std::string &file : merge) {
    auto earlier = CalibrationTable::read(file);
    if (!earlier)
      return earlier.takeError();
    if (llvm::Error error = expected.checkMergeable(*earlier))
      return inputError(file + ": " + llvm::toString(std::move(error)));
    tables.push_back(std::move(*earlier));
  }
  return tables;
}

llvm::Error CalibrateCommand::run() {
  if (data.empty() || output.empty())
    return usageError("expected --data DATA and -o FILE.json, got " +
                      llvm::Twine(data.empty() ? "no --data" : "no -o"));
  auto observer = calibration.observerOptions(kObserver);
  if (!observer)
    return observer.takeError();
  if (llvm::Error error = checkDestinations(
          {{"-o", output}}, {{"the model", model.path}, {"--data", data}}))
    return error;
  Session session;
  auto module =
      buildToPhase(session, model, Phase::Observed, PhaseOptions(), nullptr);
  if (!module)
    return module.takeError();
  auto tables = readEarlier(**module, *observer);
  if (!tables)
    return tables.takeError();
  auto table = runCalibration(**module, data, calibration, kObserver);
  if (!table)
    return table.takeError();
  tables->push_back(std::move(*table));
  auto merged = CalibrationTable::merge(*tables);
  if (!merged)
    return merged.takeError();
  if (llvm::Error error = merged->write(output, histograms))
    return error;
  warnOfPoorSamples(**module, *merged, data);
  if (output != "-")
    llvm::outs() << merged->model << ": ranges of " << merged->edges.size()
                 << " edges from " << merged->samples << " samples, wrote "
                 << output << '\n';
  return llvm::Error::success();
}

std::unique_ptr<Command> createCalibrateCommand() {
  return std::make_unique<CalibrateCommand>();
}

} // namespace qopt::cli
