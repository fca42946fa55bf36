//===- InputMeans.cpp - What the layers of a model see on average ---------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/InputMeans.h"

#include "llvm/ADT/StringMap.h"
#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace qopt;

static int64_t product(ArrayRef<InputLoop> loops) {
  int64_t count = 1;
  for (const InputLoop &loop : loops)
    count *= loop.size;
  return count;
}

int64_t LayerInput::numWeights() const { return product(weights); }
int64_t LayerInput::numPositions() const { return product(positions); }

std::string qopt::layerEdgeName(size_t index) {
  return "qopt.layer:" + std::to_string(index);
}

InputMeans::InputMeans(std::vector<LayerInput> described)
    : layers(std::move(described)), numRuns(layers.size(), 0) {
  for (const LayerInput &layer : layers)
    totals.emplace_back(layer.weights.empty() ? 0 : layer.numWeights());
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// The offsets of all points of a loop nest, in its order.
static std::vector<int64_t> offsetsOf(ArrayRef<InputLoop> loops) {
  std::vector<int64_t> offsets = {0};
  for (const InputLoop &loop : loops) {
    std::vector<int64_t> inner;
    inner.reserve(offsets.size() * loop.size);
    for (int64_t offset : offsets)
      for (int64_t i = 0; i < loop.size; ++i)
        inner.push_back(offset + i * loop.step);
    offsets = std::move(inner);
  }
  return offsets;
}

/// sums[weight] = the elements at all positions of the weight. Weights that lie
/// side by side are summed side by side.
static std::vector<double> sumPositions(const LayerInput &layer,
                                        const float *values) {
  std::vector<double> sums(layer.numWeights(), 0.0);
  InputLoop inner = layer.weights.back();
  std::vector<int64_t> rows = offsetsOf(ArrayRef(layer.weights).drop_back());
  for (int64_t position : offsetsOf(layer.positions)) {
    double *__restrict sum = sums.data();
    for (int64_t row : rows) {
      const float *__restrict from = values + position + row;
      if (inner.step == 1)
        for (int64_t i = 0; i < inner.size; ++i)
          sum[i] += from[i];
      else
        for (int64_t i = 0; i < inner.size; ++i)
          sum[i] += from[i * inner.step];
      sum += inner.size;
    }
  }
  return sums;
}

static constexpr int kFractionBits = 60;

void InputMeans::add(size_t layer, ArrayRef<float> values) {
  std::vector<double> sums = sumPositions(layers[layer], values.data());
  std::lock_guard<std::mutex> lock(mutex);
  for (auto [total, sum] : zip_equal(totals[layer], sums)) {
    // Beyond it nothing is worth correcting; NaN is for the observers to find.
    constexpr double kLargest = 0x1p60;
    double bounded =
        std::isnan(sum) ? 0.0 : std::clamp(sum, -kLargest, kLargest);
    total += static_cast<Fixed>(std::ldexp(bounded, kFractionBits));
  }
  ++numRuns[layer];
}

std::vector<double> InputMeans::means(size_t layer) const {
  std::vector<double> result;
  if (numRuns[layer] == 0)
    return result;
  double count = double(numRuns[layer]) * layers[layer].numPositions();
  for (Fixed total : totals[layer])
    result.push_back(std::ldexp(static_cast<double>(total), -kFractionBits) /
                     count);
  return result;
}

//===----------------------------------------------------------------------===//
// The runner
//===----------------------------------------------------------------------===//

InputMeansRunner::InputMeansRunner(ModelRunner &runner, InputMeans &means)
    : runner(runner), means(means) {
  StringMap<int64_t> layerOf;
  for (size_t i = 0; i < means.getLayers().size(); ++i)
    layerOf[layerEdgeName(i)] = i;
  for (const EdgeInfo &edge : runner.edges()) {
    auto layer = layerOf.find(edge.name);
    if (layer != layerOf.end()) {
      targets.push_back({true, layer->second});
      continue;
    }
    targets.push_back({false, int64_t(modelEdges.size())});
    modelEdges.push_back(edge);
  }
}

Error InputMeansRunner::run(ArrayRef<HostTensor> inputs, EdgeSink sink) {
  auto split = [&](int64_t edge, const float *data, int64_t count) {
    const Target &target = targets[edge];
    if (target.isLayer)
      means.add(target.index, ArrayRef(data, size_t(count)));
    else
      sink(target.index, data, count);
  };
  return runner.run(inputs, split);
}
