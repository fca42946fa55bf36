//===- RunCommand.cpp - qopt run ------------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One inference: arrays in, arrays out.
//
//===----------------------------------------------------------------------===//

#include "Executor.h"
#include "qopt/Support/Metrics.h"
#include "qopt/Support/Npy.h"
#include "qopt/Support/NumberFormat.h"
#include "llvm/Support/Format.h"

namespace cl = llvm::cl;

namespace qopt::cli {

namespace {
class RunCommand : public Command {
public:
  RunCommand()
      : Command("run", "Run a compiled model, or a model file, once") {}
  llvm::Error run() override;

private:
  llvm::Error checkFiles() const;
  llvm::Expected<std::vector<HostTensor>> readInputs(const ModelInfo &info);

  ModelOptions model{subCommand};
  BuildOptions build{subCommand};
  cl::opt<std::string> level{
      "level",
      cl::desc("Of a shared object with several versions, run this one"),
      cl::value_desc("NAME"), cl::sub(subCommand)};
  cl::list<std::string> inputs{
      "input",
      cl::desc("Input array; required, once for each of the model's inputs, in "
               "their order"),
      cl::value_desc("FILE.npy"), cl::sub(subCommand)};
  cl::opt<bool> useReference{
      "reference",
      cl::desc("Run MODEL with the reference interpreter, not compiled"),
      cl::sub(subCommand)};
  cl::opt<std::string> emulator{
      "emulator",
      cl::desc("Run MODEL as a program for --target under this command: "
               "'qemu-aarch64 -cpu max'"),
      cl::value_desc("COMMAND"), cl::sub(subCommand)};
  cl::opt<unsigned> threads{
      "threads",
      cl::desc("Run on N threads; a .so must have been compiled for several"),
      cl::value_desc("N"), cl::init(1), cl::sub(subCommand)};
  cl::list<std::string> outputs{
      "output", cl::desc("Where to write an output (default: a summary)"),
      cl::value_desc("FILE.npy"), cl::sub(subCommand)};
};
} // namespace

llvm::Error RunCommand::checkFiles() const {
  std::vector<NamedPath> given = build.inputs(), written;
  given.push_back({"the model", model.path});
  for (const std::string &path : inputs)
    given.push_back({"--input", path});
  for (const std::string &path : outputs)
    written.push_back({"--output", path});
  return checkDestinations(written, given);
}

/// What to do with real numbers where a model takes integers.
static std::string howToQuantize(const TensorInfo &info) {
  if (!info.isQuantized())
    return "";
  return "; a real number x goes in as round(x / " +
         shortestDigits(info.scale) + ") + " + std::to_string(info.zeroPoint) +
         ", between 0 and 255";
}

llvm::Expected<std::vector<HostTensor>>
RunCommand::readInputs(const ModelInfo &info) {
  if (inputs.size() != info.inputs.size())
    return usageError("--input: expected " + llvm::Twine(info.inputs.size()) +
                      " files, one for each input of '" + info.name +
                      "', got " + llvm::Twine(inputs.size()));
  std::vector<HostTensor> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto tensor = readNpy(inputs[i]);
    if (!tensor)
      return tensor.takeError();
    const TensorInfo &expected = info.inputs[i];
    if (tensor->dtype != expected.dtype ||
        llvm::ArrayRef(tensor->shape) != llvm::ArrayRef(expected.shape))
      return inputError(inputs[i] + ": expected input '" + expected.name +
                        "' as " + dtypeName(expected.dtype) + " " +
                        shapeToString(expected.shape) + ", got " +
                        dtypeName(tensor->dtype) + " " +
                        shapeToString(tensor->shape) + howToQuantize(expected));
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

/// "logits: f32 1x10, -3.1 to 7.25, largest at 4".
static void printSummary(const TensorInfo &info, const HostTensor &tensor) {
  llvm::outs() << info.name << ": " << dtypeName(tensor.dtype) << ' '
               << shapeToString(tensor.shape);
  if (int64_t count = tensor.numElements()) {
    double low = elementAsDouble(tensor, 0), high = low;
    for (int64_t i = 1; i < count; ++i) {
      low = std::min(low, elementAsDouble(tensor, i));
      high = std::max(high, elementAsDouble(tensor, i));
    }
    llvm::outs() << llvm::format(", %g to %g, largest at ", low, high)
                 << argMax(tensor);
  }
  if (info.isQuantized())
    llvm::outs() << "; real values are " << describeQuantization(info);
  llvm::outs() << '\n';
}

llvm::Error RunCommand::run() {
  build.level = level;
  build.emulator = emulator;
  if (llvm::Error error = build.useThreads(threads))
    return error;
  if (llvm::Error error = checkFiles())
    return error;
  Session session;
  auto executor = useReference ? createReference(session, model, build)
                               : createExecutor(session, model, build);
  if (!executor)
    return executor.takeError();
  const ModelInfo &info = (*executor)->getInfo();
  if (!outputs.empty() && outputs.size() != info.outputs.size())
    return usageError("--output: expected " + llvm::Twine(info.outputs.size()) +
                      " files, one for each output of '" + info.name +
                      "', got " + llvm::Twine(outputs.size()));
  auto tensors = readInputs(info);
  if (!tensors)
    return tensors.takeError();
  auto results = (*executor)->run(*tensors);
  if (!results)
    return results.takeError();
  for (size_t i = 0; i < results->size(); ++i) {
    if (outputs.empty())
      printSummary(info.outputs[i], (*results)[i]);
    else if (llvm::Error error = writeNpy(outputs[i], (*results)[i]))
      return error;
  }
  return llvm::Error::success();
}

std::unique_ptr<Command> createRunCommand() {
  return std::make_unique<RunCommand>();
}

} // namespace qopt::cli
