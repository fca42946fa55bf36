//===- BenchCommand.cpp - qopt bench --------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The time of one inference, and what it needs of memory.
//
//===----------------------------------------------------------------------===//

#include "Executor.h"
#include "qopt/Support/NumberFormat.h"
#include "qopt/Support/Report.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <algorithm>
#include <chrono>

namespace cl = llvm::cl;

namespace qopt::cli {

namespace {
/// Of one inference, in microseconds.
struct Timing {
  double median = 0;
  double min = 0;
  int64_t runs = 0;
};

class BenchCommand : public Command {
public:
  BenchCommand() : Command("bench", "Time a compiled model, or a model file") {}
  llvm::Error run() override;

private:
  llvm::Expected<Timing> measure(const CompiledModel &compiled,
                                 llvm::ArrayRef<HostTensor> inputs,
                                 llvm::MutableArrayRef<HostTensor> outputs);
  void print(const CompiledModel &compiled, const Timing &timing);

  ModelOptions model{subCommand};
  BuildOptions build{subCommand};
  cl::opt<std::string> level{
      "level",
      cl::desc("Of a shared object with several versions, run this one"),
      cl::value_desc("NAME"), cl::sub(subCommand)};
  NumberOption<double> seconds{"seconds",
                               cl::desc("How long to measure (default: 1)"),
                               cl::init(1.0), cl::sub(subCommand)};
  NumberOption<long long> maxRuns{
      "runs", cl::desc("Stop after N runs (default: 100000)"),
      cl::value_desc("N"), cl::init(100000), cl::sub(subCommand)};
  NumberOption<unsigned> threads{
      "threads",
      cl::desc("Run on N threads; a .so must have been compiled for several"),
      cl::value_desc("N"), cl::init(1), cl::sub(subCommand)};
  cl::opt<bool> json{"json", cl::desc("Print JSON"), cl::sub(subCommand)};
};
} // namespace

/// The same values on every host: multiplicative hashing of the position, in
/// [-1, 1) for floats and over the whole range for integers.
static HostTensor makeInput(const TensorInfo &info) {
  HostTensor tensor(info.dtype, info.shape);
  uint32_t state = 1;
  auto next = [&] { return state = state * 1664525u + 1013904223u; };
  if (info.dtype == DType::F32)
    for (float &value : tensor.data<float>())
      value = static_cast<float>(next() >> 8) * 0x1p-23f - 1.0f;
  else
    for (uint8_t &byte : tensor.bytes)
      byte = next() >> 24;
  return tensor;
}

static llvm::Error checkFinite(const ModelInfo &info,
                               llvm::ArrayRef<HostTensor> outputs) {
  for (auto [output, tensor] : llvm::zip_equal(info.outputs, outputs))
    if (std::string bad = describeNonFinite(tensor); !bad.empty())
      return inputError("'" + info.name + "': expected finite outputs, got " +
                        bad + " of output '" + output.name + "'");
  return llvm::Error::success();
}

llvm::Expected<Timing>
BenchCommand::measure(const CompiledModel &compiled,
                      llvm::ArrayRef<HostTensor> inputs,
                      llvm::MutableArrayRef<HostTensor> outputs) {
  using Clock = std::chrono::steady_clock;
  auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  CompiledModel::Arena arena(compiled.info());
  std::vector<const void *> in;
  for (const HostTensor &tensor : inputs)
    in.push_back(tensor.bytes.data());
  std::vector<void *> out;
  for (HostTensor &tensor : outputs)
    out.push_back(tensor.bytes.data());
  auto runOnce = [&]() -> llvm::Error {
    if (int code = compiled.runRaw(in.data(), out.data(), arena.data()))
      return internalError("'" + compiled.info().name + "' returned " +
                           llvm::Twine(code));
    return llvm::Error::success();
  };
  // Warm caches and the clock: a tenth of the time, at least once.
  Clock::time_point start = Clock::now();
  do {
    if (llvm::Error error = runOnce())
      return error;
  } while (since(start) < seconds / 10);

  std::vector<double> times;
  start = Clock::now();
  do {
    Clock::time_point begin = Clock::now();
    if (llvm::Error error = runOnce())
      return error;
    times.push_back(since(begin) * 1e6);
  } while (since(start) < seconds &&
           static_cast<int64_t>(times.size()) < maxRuns);

  llvm::sort(times);
  return Timing{times[times.size() / 2], times.front(),
                static_cast<int64_t>(times.size())};
}

/// What was run: what was asked for, unless the model has no tasks.
void BenchCommand::print(const CompiledModel &compiled, const Timing &timing) {
  const ModelInfo &info = compiled.info();
  std::string target =
      level.empty() ? info.target : level + " of " + info.target;
  unsigned used = compiled.hasTasks() ? threads : 1u;
  if (json) {
    llvm::json::OStream out(llvm::outs(), 2);
    out.object([&] {
      out.attribute("schema", "qopt-bench");
      out.attribute("version", 1);
      out.attribute("model", info.name);
      out.attribute("target", info.target);
      if (!level.empty())
        out.attribute("level", level.getValue());
      out.attribute("threads", used);
      out.attribute("runs", timing.runs);
      printJsonNumber(out, "median_us", timing.median);
      printJsonNumber(out, "min_us", timing.min);
      out.attribute("arena_bytes", info.arenaBytes);
      out.attribute("weight_bytes", info.weightBytes);
    });
    llvm::outs() << '\n';
    return;
  }
  llvm::outs() << info.name << " (" << target << ", " << used
               << (used == 1 ? " thread, " : " threads, ") << timing.runs
               << " runs)\n"
               << llvm::format("  median   %.1f us\n  min      %.1f us\n",
                               timing.median, timing.min)
               << "  arena    " << formatBytes(info.arenaBytes)
               << "\n  weights  " << formatBytes(info.weightBytes) << '\n';
}

llvm::Error BenchCommand::run() {
  if (!(seconds > 0))
    return usageError("--seconds: expected more than 0, got " +
                      shortestDigits(seconds.getValue()));
  if (maxRuns < 1)
    return usageError("--runs: expected at least 1, got " +
                      llvm::Twine(maxRuns.getValue()));
  build.level = level;
  if (llvm::Error error = build.useThreads(threads))
    return error;
  Session session;
  auto compiled = createCompiledModel(session, model, build);
  if (!compiled)
    return compiled.takeError();
  const ModelInfo &info = (*compiled)->info();
  std::vector<HostTensor> inputs;
  for (const TensorInfo &input : info.inputs)
    inputs.push_back(makeInput(input));
  auto outputs = (*compiled)->run(inputs);
  if (!outputs)
    return outputs.takeError();
  if (llvm::Error error = checkFinite(info, *outputs))
    return error;
  auto timing = measure(**compiled, inputs, *outputs);
  if (!timing)
    return timing.takeError();
  print(**compiled, *timing);
  return llvm::Error::success();
}

std::unique_ptr<Command> createBenchCommand() {
  return std::make_unique<BenchCommand>();
}

} // namespace qopt::cli
