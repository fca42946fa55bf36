//===- EvalCommand.cpp - qopt eval ----------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Many inferences against labels, against other outputs, or, bit for bit,
// against the reference interpreter.
//
//===----------------------------------------------------------------------===//

#include "Destinations.h"
#include "Executor.h"
#include "qopt/Support/DataSet.h"
#include "qopt/Support/Metrics.h"
#include "qopt/Support/Npy.h"
#include "qopt/Support/NumberFormat.h"
#include "qopt/Support/Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Process.h"
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace cl = llvm::cl;

namespace qopt::cli {

namespace {
class EvalCommand : public Command {
public:
  EvalCommand()
      : Command("eval", "Measure the answers of a model over many samples") {}
  llvm::Error run() override;

private:
  llvm::Error createExecutors(PhaseFn atPhase);
  llvm::Error openData();
  llvm::Error bindSamples(const ModelInfo &info);
  llvm::Error prepare(const ModelInfo &info);
  llvm::Error loadLabels(const ModelInfo &info, int64_t available);
  llvm::Error loadAgainst(const ModelInfo &info, int64_t available);
  llvm::Expected<std::vector<MetricKind>> wantedMetrics() const;
  llvm::Error chooseMetrics(const TensorInfo &output);
  llvm::Error checkOptions() const;
  llvm::Error prepareEarly(mlir::ModuleOp module, Phase phase);
  llvm::Error evaluateAll();
  llvm::Error evaluate(int64_t index, std::vector<HostTensor> sample);
  llvm::Error compareBits(int64_t index, llvm::ArrayRef<HostTensor> got,
                          llvm::ArrayRef<HostTensor> expected);
  void printResult();

  ModelOptions model{subCommand};
  BuildOptions build{subCommand};
  cl::opt<std::string> dataPath{"data",
                                cl::desc("Samples: .npz, .npy or a folder; "
                                         "required"),
                                cl::value_desc("DATA"), cl::sub(subCommand)};
  cl::opt<std::string> labelsPath{
      "labels", cl::desc("One class a sample, for top1"),
      cl::value_desc("FILE.npy"), cl::sub(subCommand)};
  cl::opt<std::string> againstPath{
      "against", cl::desc("What the first output should be, for the others"),
      cl::value_desc("FILE.npy|FILE.npz"), cl::sub(subCommand)};
  cl::list<std::string> metricNames{
      "metric",
      cl::desc("top1, agreement, mse, psnr, max-diff (default: all that the "
               "given files allow but psnr)"),
      cl::value_desc("NAME"), cl::CommaSeparated, cl::sub(subCommand)};
  NumberOption<double> peak{
      "peak", cl::desc("Largest true value, for psnr (default: 1)"),
      cl::init(1.0), cl::sub(subCommand)};
  cl::opt<bool> residual{
      "residual",
      cl::desc("Measure clip(input - output, 0, peak): a denoiser's answer"),
      cl::sub(subCommand)};
  NumberOption<long long> limit{"samples", cl::desc("Only the first N samples"),
                                cl::value_desc("N"), cl::sub(subCommand)};
  cl::opt<bool> useReference{
      "reference",
      cl::desc("Run MODEL with the reference interpreter, not compiled"),
      cl::sub(subCommand)};
  NumberOption<long long> verify{
      "verify-reference",
      cl::desc("Compare the first N answers bit for bit with the reference "
               "interpreter; MODEL must be a model file"),
      cl::value_desc("N"), cl::init(0), cl::sub(subCommand)};
  cl::opt<std::string> emulator{
      "emulator",
      cl::desc("Run MODEL as a program for --target under this command: "
               "'qemu-aarch64 -cpu max'"),
      cl::value_desc("COMMAND"), cl::sub(subCommand)};
  NumberOption<unsigned> threads{"threads",
                                 cl::desc("Samples at once (default: "
                                          "one for each core)"),
                                 cl::value_desc("N"), cl::init(0),
                                 cl::sub(subCommand)};
  cl::opt<bool> json{"json", cl::desc("Print JSON"), cl::sub(subCommand)};

  /// Owns what the executors refer to, so it goes after them.
  std::optional<Session> session;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<Executor> reference;
  std::optional<DataSet> data;
  HostTensor labels;
  std::optional<DataSet> against;
  std::vector<Metric> metrics;
  int64_t numSamples = 0;
  /// Of the first output, where it is scores.
  std::optional<ClassScores> scores;
  /// Whether the samples are real numbers and the model's inputs are not.
  bool quantizesSamples = false;
  /// Whether all files are read and fit.
  bool isPrepared = false;
};
} // namespace

/// A label for each answer: of all samples that the data has, or, with
/// --samples, at least of those.
llvm::Error EvalCommand::loadLabels(const ModelInfo &info, int64_t available) {
  if (labelsPath.empty())
    return llvm::Error::success();
  auto tensor = readNpy(labelsPath);
  if (!tensor)
    return tensor.takeError();
  if (!scores)
    return inputError(labelsPath +
                      ": expected a first output of answers x "
                      "classes to compare labels with, got " +
                      shapeToString(info.outputs.front().shape));
  int64_t used = numSamples * scores->answers;
  int64_t all = available * scores->answers;
  int64_t got = tensor->shape.size() == 1 ? tensor->shape[0] : -1;
  if (got != all && (limit.getNumOccurrences() == 0 || got < used))
    return inputError(labelsPath + ": expected one label for each of " +
                      llvm::Twine(all) + " answers, got shape " +
                      shapeToString(tensor->shape));
  if (tensor->dtype == DType::F32 || tensor->dtype == DType::F64 ||
      tensor->dtype == DType::F16)
    return inputError(labelsPath + ": expected integers, got " +
                      dtypeName(tensor->dtype));
  for (int64_t i = 0; i < used; ++i) {
    double label = elementAsDouble(*tensor, i);
    if (!(label >= 0 && label < scores->classes))
      return inputError(labelsPath + ": expected labels from 0 to " +
                        llvm::Twine(scores->classes - 1) + ", got " +
                        llvm::Twine(static_cast<int64_t>(label)) +
                        " at index " + llvm::Twine(i));
  }
  labels = std::move(*tensor);
  return llvm::Error::success();
}

/// One row for each sample of the data, or, with --samples, at least for those.
llvm::Error EvalCommand::loadAgainst(const ModelInfo &info, int64_t available) {
  if (againstPath.empty())
    return llvm::Error::success();
  // The name of the one array does not matter: it need not be this model's.
  std::vector<NamedTensor> arrays;
  if (llvm::StringRef(againstPath).ends_with(".npz")) {
    auto read = readNpz(againstPath);
    if (!read)
      return read.takeError();
    if (read->size() != 1)
      return inputError(againstPath + ": expected one array, got " +
                        llvm::Twine(read->size()));
    arrays = std::move(*read);
    arrays.front().first.clear();
  } else {
    auto read = readNpy(againstPath);
    if (!read)
      return read.takeError();
    arrays.emplace_back("", std::move(*read));
  }
  const TensorInfo &output = info.outputs.front();
  llvm::ArrayRef<int64_t> rows = arrays.front().second.shape,
                          one = output.shape;
  if (rows.empty() || (rows.drop_front() != one &&
                       (one.empty() || rows.drop_front() != one.drop_front())))
    return inputError(againstPath + ": expected samples of shape " +
                      shapeToString(one) + " as the model's output '" +
                      output.name + "', got an array of shape " +
                      shapeToString(rows));
  auto data = DataSet::fromTensors(std::move(arrays));
  if (!data)
    return data.takeError();
  if (llvm::Error error =
          data->bind({TensorSpec{output.name, DType::F32, output.shape}}))
    return inputError(againstPath + ": " + llvm::toString(std::move(error)));
  int64_t got = data->numSamples();
  if (got != available && (limit.getNumOccurrences() == 0 || got < numSamples))
    return inputError(againstPath + ": expected one row for each of " +
                      llvm::Twine(available) + " samples, got " +
                      llvm::Twine(got));
  against.emplace(std::move(*data));
  return llvm::Error::success();
}

/// Those of --metric, or all that the given files allow.
llvm::Expected<std::vector<MetricKind>> EvalCommand::wantedMetrics() const {
  std::vector<MetricKind> kinds;
  for (llvm::StringRef name : metricNames) {
    std::optional<MetricKind> kind = parseMetric(name);
    if (!kind)
      return usageError("--metric: expected top1, agreement, mse, psnr or "
                        "max-diff, got '" +
                        name + "'");
    bool needsLabel = metricInfo(*kind).needsLabel;
    if (needsLabel ? labelsPath.empty() : againstPath.empty())
      return usageError("--metric " + name + ": expected " +
                        (needsLabel ? "--labels" : "--against") +
                        " FILE, got none");
    kinds.push_back(*kind);
  }
  if (metricNames.empty())
    for (const MetricInfo &info : allMetrics())
      if (info.needsLabel
              ? !labelsPath.empty()
              : !againstPath.empty() && info.kind != MetricKind::Psnr)
        kinds.push_back(info.kind);
  if (kinds.empty() && verify == 0)
    return usageError("expected --labels, --against or --verify-reference, "
                      "got none of them");
  return kinds;
}

llvm::Error EvalCommand::chooseMetrics(const TensorInfo &output) {
  auto kinds = wantedMetrics();
  if (!kinds)
    return kinds.takeError();
  for (MetricKind kind : *kinds) {
    const MetricInfo &info = metricInfo(kind);
    if (!info.needsClasses || scores)
      metrics.emplace_back(kind, numSamples, peak);
    else if (!metricNames.empty())
      return usageError("--metric " + info.name +
                        ": expected a first output of answers x classes, got " +
                        shapeToString(output.shape));
  }
  return llvm::Error::success();
}

/// A model that takes integers is measured on its integers, or on the real
/// numbers that they stand for.
llvm::Error EvalCommand::bindSamples(const ModelInfo &info) {
  std::vector<TensorSpec> specs = inputSpecs(info);
  llvm::Error asStored = data->bind(specs);
  auto isQuantized = [](const TensorInfo &input) {
    return input.isQuantized();
  };
  if (!asStored || llvm::none_of(info.inputs, isQuantized))
    return asStored;
  for (auto [spec, input] : llvm::zip_equal(specs, info.inputs))
    if (input.isQuantized())
      spec.dtype = DType::F32;
  if (llvm::Error asReal = data->bind(specs)) {
    llvm::consumeError(std::move(asReal));
    return asStored;
  }
  llvm::consumeError(std::move(asStored));
  quantizesSamples = true;
  return llvm::Error::success();
}

llvm::Error EvalCommand::openData() {
  if (data)
    return llvm::Error::success();
  auto opened = DataSet::open(dataPath);
  if (!opened)
    return opened.takeError();
  data.emplace(std::move(*opened));
  return llvm::Error::success();
}

/// All that is compared, held against the model's border.
llvm::Error EvalCommand::prepare(const ModelInfo &info) {
  if (llvm::Error error = openData())
    return error;
  if (llvm::Error error = bindSamples(info))
    return error;
  numSamples = data->numSamples();
  if (limit.getNumOccurrences()) {
    if (limit > numSamples)
      printWarning("--samples: the data has " + llvm::Twine(numSamples) +
                   " samples, of which all are taken, got " +
                   llvm::Twine(limit.getValue()));
    numSamples = std::min<int64_t>(numSamples, limit);
  }
  if (residual && info.inputs.front().shape != info.outputs.front().shape)
    return usageError("--residual: expected input and output of one shape, "
                      "got " +
                      shapeToString(info.inputs.front().shape) + " and " +
                      shapeToString(info.outputs.front().shape));
  scores = ClassScores::ofShape(info.outputs.front().shape);
  if (llvm::Error error = loadLabels(info, data->numSamples()))
    return error;
  if (llvm::Error error = loadAgainst(info, data->numSamples()))
    return error;
  if (llvm::Error error = chooseMetrics(info.outputs.front()))
    return error;
  isPrepared = true;
  for (llvm::StringRef note : data->notes())
    printWarning(note);
  return llvm::Error::success();
}

/// In the first phase: the later ones take long. Which integers a quantized
/// border takes is not known yet.
llvm::Error EvalCommand::prepareEarly(mlir::ModuleOp module, Phase phase) {
  if (llvm::Error error = openData())
    return error;
  if (llvm::Error error = checkSources({labelsPath, againstPath}))
    return error;
  if (isPrepared || build.io != "float" || phase > Phase::Scheduled)
    return llvm::Error::success();
  auto info = borderInfo(*session, module);
  return info ? prepare(*info) : info.takeError();
}

/// clip(input - output, 0, peak)
static void subtractFromInput(HostTensor &output, const HostTensor &input,
                              double peak) {
  for (auto [out, in] :
       llvm::zip_equal(output.data<float>(), input.data<float>()))
    out = std::min(std::max(in - out, 0.0f), static_cast<float>(peak));
}

llvm::Error EvalCommand::compareBits(int64_t index,
                                     llvm::ArrayRef<HostTensor> got,
                                     llvm::ArrayRef<HostTensor> expected) {
  for (size_t output = 0; output < got.size(); ++output) {
    if (got[output].bytes == expected[output].bytes)
      continue;
    int64_t element = 0;
    int64_t size = dtypeSize(got[output].dtype);
    while (std::equal(got[output].bytes.begin() + element * size,
                      got[output].bytes.begin() + (element + 1) * size,
                      expected[output].bytes.begin() + element * size))
      ++element;
    std::string values;
    llvm::raw_string_ostream(values) << llvm::format(
        "expected %.9g, got %.9g", elementAsDouble(expected[output], element),
        elementAsDouble(got[output], element));
    return internalError("sample " + llvm::Twine(index) + ", output '" +
                         executor->getInfo().outputs[output].name +
                         "', element " + llvm::Twine(element) +
                         " differs from the reference interpreter: " + values);
  }
  return llvm::Error::success();
}

llvm::Error EvalCommand::evaluate(int64_t index,
                                  std::vector<HostTensor> sample) {
  std::vector<HostTensor> reals = sample;
  const ModelInfo &info = executor->getInfo();
  for (auto [stored, real, input] :
       llvm::zip_equal(sample, reals, info.inputs)) {
    if (!input.isQuantized())
      continue;
    if (quantizesSamples)
      stored = quantizeTensor(real, input);
    else
      real = dequantizeTensor(stored, input);
  }
  auto outputs = executor->run(sample);
  if (!outputs)
    return outputs.takeError();
  if (index < verify) {
    auto expected = reference->run(sample);
    if (!expected)
      return expected.takeError();
    if (llvm::Error error = compareBits(index, *outputs, *expected))
      return error;
  }
  HostTensor &answer = outputs->front();
  if (info.outputs.front().isQuantized())
    answer = dequantizeTensor(answer, info.outputs.front());
  if (residual)
    subtractFromInput(answer, reals.front(), peak);
  HostTensor truth;
  if (against) {
    auto read = against->sample(0, index);
    if (!read)
      return read.takeError();
    truth = std::move(*read);
  }
  for (Metric &metric : metrics) {
    if (!metricInfo(metric.getKind()).needsLabel) {
      metric.set(index, answer, truth);
      continue;
    }
    HostTensor truths(DType::F64, {scores->answers});
    for (auto [i, value] : llvm::enumerate(truths.data<double>()))
      value = elementAsDouble(labels, index * scores->answers + i);
    metric.set(index, answer, truths);
  }
  return llvm::Error::success();
}

llvm::Error EvalCommand::evaluateAll() {
  ProgressPrinter progress(llvm::errs(), "evaluating",
                           llvm::sys::Process::StandardErrIsDisplayed());
  std::mutex mutex;
  int64_t next = 0, done = 0;
  llvm::Error firstError = llvm::Error::success();
  // Of what several threads meet at once, one is enough.
  auto keepFirst = [&](llvm::Error error) {
    if (firstError)
      llvm::consumeError(std::move(error));
    else
      firstError = std::move(error);
  };
  // Samples are read in order, under the lock: a deflated archive can only be
  // read forward.
  auto worker = [&] {
    std::unique_lock<std::mutex> lock(mutex);
    while (next < numSamples && !firstError) {
      int64_t index = next++;
      auto sample = data->sample(index);
      if (!sample) {
        keepFirst(sample.takeError());
        return;
      }
      lock.unlock();
      llvm::Error error = evaluate(index, std::move(*sample));
      lock.lock();
      keepFirst(std::move(error));
      progress.update(++done, numSamples);
    }
  };
  unsigned count = threads ? threads : std::thread::hardware_concurrency();
  std::vector<std::thread> pool;
  for (unsigned i = 1; i < std::min<int64_t>(count, numSamples); ++i)
    pool.emplace_back(worker);
  worker();
  for (std::thread &thread : pool)
    thread.join();
  return firstError;
}

void EvalCommand::printResult() {
  if (json) {
    llvm::json::OStream out(llvm::outs(), 2);
    out.object([&] {
      out.attribute("schema", "qopt-eval");
      out.attribute("version", 1);
      out.attribute("model", executor->getInfo().name);
      out.attribute("samples", numSamples);
      for (const Metric &metric : metrics)
        printJsonNumber(out, metricInfo(metric.getKind()).name, metric.value());
      if (verify)
        out.attribute("bit_equal_samples",
                      std::min<int64_t>(verify, numSamples));
    });
    llvm::outs() << '\n';
    return;
  }
  llvm::outs() << executor->getInfo().name << ": " << numSamples
               << " samples\n";
  for (const Metric &metric : metrics) {
    const MetricInfo &info = metricInfo(metric.getKind());
    llvm::outs() << "  " << llvm::left_justify(info.name, 10);
    llvm::outs() << (info.needsLabel || info.kind == MetricKind::Agreement
                         ? llvm::format("%.2f", metric.value())
                         : llvm::format("%.6g", metric.value()));
    llvm::outs() << (info.unit.empty() ? "" : " ") << info.unit << '\n';
  }
  if (verify)
    llvm::outs() << "  bit-equal to the reference interpreter on "
                 << std::min<int64_t>(verify, numSamples) << " samples\n";
}

llvm::Error EvalCommand::createExecutors(PhaseFn atPhase) {
  if (verify > 0) {
    auto both = createVerifiedExecutor(*session, model, build, atPhase);
    if (!both)
      return both.takeError();
    executor = std::move(both->compiled);
    reference = std::move(both->reference);
    return llvm::Error::success();
  }
  auto created = useReference ? createReference(*session, model, build, atPhase)
                              : createExecutor(*session, model, build, atPhase);
  if (!created)
    return created.takeError();
  executor = std::move(*created);
  return llvm::Error::success();
}

/// What can be said against the command line without the model.
llvm::Error EvalCommand::checkOptions() const {
  if (dataPath.empty())
    return usageError("expected --data DATA, got none");
  if (verify > 0 && useReference)
    return usageError("--verify-reference: expected no --reference beside it, "
                      "which would compare the interpreter with itself");
  if (verify < 0)
    return usageError("--verify-reference: expected at least 0, got " +
                      llvm::Twine(verify.getValue()));
  if (limit.getNumOccurrences() && limit < 1)
    return usageError("--samples: expected at least 1, got " +
                      llvm::Twine(limit.getValue()));
  return wantedMetrics().takeError();
}

llvm::Error EvalCommand::run() {
  if (llvm::Error error = checkOptions())
    return error;
  build.emulator = emulator;
  session.emplace();
  auto atPhase = [&](mlir::ModuleOp module, Phase phase) {
    return prepareEarly(module, phase);
  };
  if (llvm::Error error = createExecutors(atPhase))
    return error;
  if (!isPrepared)
    if (llvm::Error error = prepare(executor->getInfo()))
      return error;
  if (llvm::Error error = evaluateAll())
    return error;
  printResult();
  return llvm::Error::success();
}

std::unique_ptr<Command> createEvalCommand() {
  return std::make_unique<EvalCommand>();
}

} // namespace qopt::cli
