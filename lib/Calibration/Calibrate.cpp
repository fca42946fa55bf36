//===- Calibrate.cpp - Calibration: samples in, ranges out ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Calibrate.h"

#include "qopt/Calibration/Observer.h"
#include "qopt/Support/NumberFormat.h"
#include "llvm/Support/MathExtras.h"

#include <mutex>
#include <thread>

using namespace llvm;
using namespace qopt;

static Error notFinite(const EdgeInfo &edge, int64_t sample, float value,
                       int64_t element) {
  return createStringError("edge '" + edge.name + "': sample " + Twine(sample) +
                           ": expected finite values, got " +
                           shortestDigits(value) + " at element " +
                           Twine(element) + " of " + shapeToString(edge.shape));
}

/// One sample through the model into the observers.
static Error observeSample(ModelRunner &runner, ArrayRef<HostTensor> inputs,
                           int64_t sample,
                           MutableArrayRef<EdgeObserver> observers) {
  std::vector<bool> reported(observers.size());
  // The sink cannot fail; the first problem is kept until the run is over.
  Error problem = Error::success();
  bool hasProblem = false;
  auto sink = [&](int64_t index, const float *data, int64_t count) {
    reported[index] = true;
    std::optional<int64_t> bad =
        observers[index].observe(ArrayRef(data, size_t(count)));
    if (!bad || hasProblem)
      return;
    hasProblem = true;
    problem =
        joinErrors(std::move(problem),
                   notFinite(runner.edges()[index], sample, data[*bad], *bad));
  };
  Error run = runner.run(inputs, sink);
  if (run || problem)
    return joinErrors(std::move(run), std::move(problem));
  for (size_t i = 0; i < reported.size(); ++i)
    if (!reported[i])
      return createStringError("edge '" + runner.edges()[i].name +
                               "': expected values from the run, got none");
  return Error::success();
}

static CalibrationEdge summarize(const EdgeInfo &info,
                                 const EdgeObserver &observer,
                                 const ObserverOptions &options) {
  CalibrationEdge edge;
  edge.name = info.name;
  edge.axis = info.axis;
  edge.count = observer.count();
  edge.statistics = observer.statistics().vec();
  for (const ChannelStatistics &channel : edge.statistics)
    edge.proposed.push_back(proposeRange(channel, options));
  edge.ranges = edge.proposed;
  return edge;
}

namespace {
/// The samples that are left, shared by the threads.
class SampleQueue {
public:
  SampleQueue(const DataSet &data, int64_t samples, int64_t stride,
              const ProgressFn &progress)
      : data(data), samples(samples), stride(stride), progress(progress) {}

  /// What one thread does: its samples, into its observers.
  void work(ModelRunner &runner, MutableArrayRef<EdgeObserver> observers);

  /// The error of the first sample that has one, whichever thread had it.
  Error takeError() {
    return problem.empty() ? Error::success() : createStringError(problem);
  }

private:
  std::optional<std::pair<int64_t, std::vector<HostTensor>>> takeNext();
  void fail(int64_t sample, Error error);

  const DataSet &data;
  const int64_t samples, stride;
  const ProgressFn &progress;
  std::mutex mutex;
  int64_t next = 0, done = 0, failedSample = 0;
  std::string problem;
};
} // namespace

/// The later of two problems is forgotten. Earlier samples have all been
/// taken, so that theirs are still to come.
void SampleQueue::fail(int64_t sample, Error error) {
  std::string text = toString(std::move(error));
  next = samples;
  if (!problem.empty() && failedSample < sample)
    return;
  failedSample = sample;
  problem = std::move(text);
}

/// Samples are read in order, under the lock: compressed arrays only go
/// forward.
std::optional<std::pair<int64_t, std::vector<HostTensor>>>
SampleQueue::takeNext() {
  std::lock_guard<std::mutex> lock(mutex);
  if (next >= samples)
    return std::nullopt;
  int64_t sample = next++ * stride;
  Expected<std::vector<HostTensor>> inputs = data.sample(sample);
  if (inputs)
    return std::make_pair(sample, std::move(*inputs));
  fail(sample, inputs.takeError());
  return std::nullopt;
}

void SampleQueue::work(ModelRunner &runner,
                       MutableArrayRef<EdgeObserver> observers) {
  while (auto taken = takeNext()) {
    auto &[sample, inputs] = *taken;
    Error error = observeSample(runner, inputs, sample, observers);
    std::lock_guard<std::mutex> lock(mutex);
    if (error)
      return fail(sample, std::move(error));
    ++done;
    if (progress)
      progress(done, samples);
  }
}

/// How many threads share the samples. An average that moves depends on their
/// order.
static int64_t countThreads(const CalibrationOptions &options,
                            int64_t samples) {
  if (options.observer.kind == ObserverKind::MovingAverage)
    return 1;
  return std::clamp<int64_t>(options.threads, 1, samples);
}

Expected<CalibrationTable> qopt::calibrate(ModelRunner &runner,
                                           const DataSet &data,
                                           const CalibrationOptions &options,
                                           const ProgressFn &progress) {
  int64_t stride = std::max<int64_t>(options.stride, 1);
  int64_t samples = divideCeil(data.numSamples(), stride);
  if (options.maxSamples)
    samples = std::min(samples, *options.maxSamples);
  if (samples <= 0)
    return createStringError("expected at least one sample to calibrate with, "
                             "got " +
                             Twine(samples));
  std::vector<EdgeObserver> fresh;
  for (const EdgeInfo &edge : runner.edges())
    fresh.emplace_back(edge, options.observer);
  std::vector<std::vector<EdgeObserver>> shares(countThreads(options, samples),
                                                fresh);
  SampleQueue queue(data, samples, stride, progress);
  std::vector<std::thread> threads;
  for (std::vector<EdgeObserver> &share : MutableArrayRef(shares).drop_front())
    threads.emplace_back([&] { queue.work(runner, share); });
  queue.work(runner, shares.front());
  for (std::thread &thread : threads)
    thread.join();
  if (Error error = queue.takeError())
    return std::move(error);

  CalibrationTable table;
  table.model = options.modelName;
  table.edgesHash = hashEdges(runner.edges());
  table.observer = options.observer;
  table.samples = samples;
  for (auto [i, info] : enumerate(runner.edges())) {
    EdgeObserver &observer = shares.front()[i];
    for (const std::vector<EdgeObserver> &share : ArrayRef(shares).drop_front())
      observer.merge(share[i]);
    table.edges.push_back(summarize(info, observer, options.observer));
  }
  return table;
}
