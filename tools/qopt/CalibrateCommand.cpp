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

namespace cl = llvm::cl;

namespace qopt::cli {

namespace {
class CalibrateCommand : public Command {
public:
  CalibrateCommand()
      : Command("calibrate", "Find the ranges of a model's values") {}
  llvm::Error run() override;

private:
  ModelOptions model{subCommand};
  CalibrationRunOptions calibration{subCommand};
  cl::opt<std::string> data{"data", cl::desc("Samples: .npz, .npy or a folder"),
                            cl::value_desc("DATA"), cl::sub(subCommand)};
  cl::opt<std::string> output{"o", cl::desc("Where to write the ranges"),
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

llvm::Error CalibrateCommand::run() {
  if (data.empty() || output.empty())
    return usageError("expected --data DATA and -o FILE.json, got " +
                      llvm::Twine(data.empty() ? "no --data" : "no -o"));
  Session session;
  auto module =
      buildToPhase(session, model, Phase::Observed, PhaseOptions(), nullptr);
  if (!module)
    return module.takeError();
  auto table = runCalibration(**module, data, calibration, "minmax");
  if (!table)
    return table.takeError();
  std::vector<CalibrationTable> tables;
  for (llvm::StringRef file : merge) {
    auto earlier = CalibrationTable::read(file);
    if (!earlier)
      return earlier.takeError();
    tables.push_back(std::move(*earlier));
  }
  tables.push_back(std::move(*table));
  auto merged = CalibrationTable::merge(tables);
  if (!merged)
    return merged.takeError();
  return merged->write(output, histograms);
}

std::unique_ptr<Command> createCalibrateCommand() {
  return std::make_unique<CalibrateCommand>();
}

} // namespace qopt::cli
