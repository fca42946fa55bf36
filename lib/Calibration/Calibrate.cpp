//===- Calibrate.cpp - Calibration: samples in, ranges out ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Calibrate.h"

#include "qopt/Calibration/Observer.h"
#include "qopt/Support/NumberFormat.h"

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

Expected<CalibrationTable> qopt::calibrate(ModelRunner &runner,
                                           const DataSet &data,
                                           const CalibrationOptions &options,
                                           const ProgressFn &progress) {
  int64_t samples = data.numSamples();
  if (options.maxSamples)
    samples = std::min(samples, *options.maxSamples);
  if (samples <= 0)
    return createStringError("expected at least one sample to calibrate with, "
                             "got " +
                             Twine(samples));
  std::vector<EdgeObserver> observers;
  for (const EdgeInfo &edge : runner.edges())
    observers.emplace_back(edge, options.observer);
  for (int64_t sample = 0; sample < samples; ++sample) {
    Expected<std::vector<HostTensor>> inputs = data.sample(sample);
    if (!inputs)
      return inputs.takeError();
    if (Error error = observeSample(runner, *inputs, sample, observers))
      return std::move(error);
    if (progress)
      progress(sample + 1, samples);
  }
  CalibrationTable table;
  table.model = options.modelName;
  table.edgesHash = hashEdges(runner.edges());
  table.observer = options.observer;
  table.samples = samples;
  for (auto [info, observer] : zip(runner.edges(), observers))
    table.edges.push_back(summarize(info, observer, options.observer));
  return table;
}
