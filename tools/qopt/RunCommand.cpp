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
#include "llvm/ADT/StringExtras.h"
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
  llvm::Error checkCounts(const ModelInfo &info) const;
  llvm::Error readInputs(const ModelInfo &info);
  llvm::Error checkEarly(Session &session, mlir::ModuleOp module, Phase phase);

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
  NumberOption<unsigned> threads{
      "threads",
      cl::desc("Run on N threads; a .so must have been compiled for several"),
      cl::value_desc("N"), cl::init(1), cl::sub(subCommand)};
  cl::list<std::string> outputs{
      "output", cl::desc("Where to write an output (default: a summary)"),
      cl::value_desc("FILE.npy"), cl::sub(subCommand)};

  /// The inputs, once they are read and fit.
  std::optional<std::vector<HostTensor>> tensors;
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

/// One file for each tensor.
static llvm::Error checkCount(llvm::StringRef flag, llvm::StringRef what,
                              llvm::ArrayRef<TensorInfo> tensors, size_t got) {
  if (got == tensors.size())
    return llvm::Error::success();
  std::string names = llvm::join(
      llvm::map_range(tensors,
                      [](const TensorInfo &t) { return "'" + t.name + "'"; }),
      ", ");
  llvm::StringRef plural = tensors.size() == 1 ? "" : "s";
  return usageError(flag + ": expected " + llvm::Twine(tensors.size()) +
                    " file" + plural + ", for the model's " + what + plural +
                    " " + names + ", got " + llvm::Twine(got));
}

/// The array as the model takes it: without the first dimension where that is
/// 1, of f16 or f64 for f32, as --data takes samples.
static HostTensor convertInput(HostTensor tensor, const TensorInfo &info) {
  llvm::ArrayRef<int64_t> shape = info.shape;
  if (!shape.empty() && shape.front() == 1 &&
      llvm::ArrayRef(tensor.shape) == shape.drop_front())
    tensor.shape.assign(shape.begin(), shape.end());
  bool isReal = tensor.dtype == DType::F16 || tensor.dtype == DType::F64;
  if (!isReal || info.dtype != DType::F32)
    return tensor;
  HostTensor rounded(DType::F32, tensor.shape);
  for (auto [i, value] : llvm::enumerate(rounded.data<float>()))
    value = static_cast<float>(elementAsDouble(tensor, i));
  return rounded;
}

llvm::Error RunCommand::checkCounts(const ModelInfo &info) const {
  if (!outputs.empty())
    if (llvm::Error error =
            checkCount("--output", "output", info.outputs, outputs.size()))
      return error;
  return checkCount("--input", "input", info.inputs, inputs.size());
}

llvm::Error RunCommand::readInputs(const ModelInfo &info) {
  std::vector<HostTensor> read;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto file = readNpy(inputs[i]);
    if (!file)
      return file.takeError();
    const TensorInfo &expected = info.inputs[i];
    HostTensor tensor = convertInput(*file, expected);
    if (tensor.dtype != expected.dtype ||
        llvm::ArrayRef(tensor.shape) != llvm::ArrayRef(expected.shape))
      return inputError(inputs[i] + ": expected input '" + expected.name +
                        "' as " + dtypeName(expected.dtype) + " " +
                        shapeToString(expected.shape) + ", got " +
                        dtypeName(file->dtype) + " " +
                        shapeToString(file->shape) + howToQuantize(expected));
    // Not an error: what becomes of them is specified, and one may want to see.
    std::string bad = describeNonFinite(tensor);
    if (!bad.empty())
      printWarning(inputs[i] + ": expected finite values for input '" +
                   expected.name + "', got " + bad);
    read.push_back(std::move(tensor));
  }
  tensors = std::move(read);
  return llvm::Error::success();
}

/// In the first phase: the later ones take long. Which integers a quantized
/// border takes is not known yet.
llvm::Error RunCommand::checkEarly(Session &session, mlir::ModuleOp module,
                                   Phase phase) {
  if (tensors || phase > Phase::Scheduled)
    return llvm::Error::success();
  auto info = borderInfo(session, module);
  if (!info)
    return info.takeError();
  if (llvm::Error error = checkCounts(*info))
    return error;
  if (llvm::Error error = checkSources(inputs))
    return error;
  return build.io == "float" ? readInputs(*info) : llvm::Error::success();
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
  auto atPhase = [&](mlir::ModuleOp module, Phase phase) {
    return checkEarly(session, module, phase);
  };
  auto executor = useReference ? createReference(session, model, build, atPhase)
                               : createExecutor(session, model, build, atPhase);
  if (!executor)
    return executor.takeError();
  const ModelInfo &info = (*executor)->getInfo();
  if (!tensors) {
    if (llvm::Error error = checkCounts(info))
      return error;
    if (llvm::Error error = readInputs(info))
      return error;
  }
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
