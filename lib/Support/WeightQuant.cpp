//===- WeightQuant.cpp - Weights to few bits ------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the choice of scales for weights and activations.
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/WeightQuant.h"
#include "qopt/Support/QuantMath.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace llvm;
using namespace qopt;

// Quotients by a denormal scale lose bits, and products with one underflow.
static constexpr float kLeastScale = std::numeric_limits<float>::min();

int32_t qopt::symmetricMax(unsigned bits) { return (1 << (bits - 1)) - 1; }

// The clip is searched between the largest magnitude and a fifth of it, in
// steps of a hundredth (the grid of GPTQ's quantizer, norm 2).
static constexpr int kClipSteps = 80;

static double squaredError(ArrayRef<float> weights, float scale, int32_t qmax) {
  double error = 0;
  for (float weight : weights) {
    float steps = roundNearestEven(weight / scale);
    steps = std::min<float>(std::max<float>(steps, -qmax), qmax);
    double difference = double(weight) - double(steps) * double(scale);
    error += difference * difference;
  }
  return error;
}

static float chooseScale(ArrayRef<float> weights, double minScale, int32_t qmax,
                         WeightRange range) {
  float largest = 0;
  for (float weight : weights)
    largest = std::max(largest, std::fabs(weight));
  if (largest == 0 && minScale == 0)
    return 1.0f;
  double least = std::max<double>(minScale, kLeastScale);
  auto scaleOfClip = [&](double clip) {
    return static_cast<float>(std::max(clip / qmax, least));
  };
  float best = scaleOfClip(largest);
  if (range == WeightRange::Max)
    return best;
  double leastError = squaredError(weights, best, qmax);
  for (int step = 1; step < kClipSteps; ++step) {
    float scale = scaleOfClip(largest * (1.0 - step / 100.0));
    double error = squaredError(weights, scale, qmax);
    if (error < leastError) {
      leastError = error;
      best = scale;
    }
  }
  return best;
}

QuantizedWeights qopt::quantizeWeights(ArrayRef<float> weights,
                                       ArrayRef<uint32_t> scaleOf,
                                       ArrayRef<double> minScales,
                                       unsigned bits, WeightRange range) {
  int32_t qmax = symmetricMax(bits);
  std::vector<std::vector<float>> members(minScales.size());
  for (std::vector<float> &scaled : members)
    scaled.reserve(weights.size() / minScales.size());
  for (size_t i = 0; i < weights.size(); ++i)
    members[scaleOf[i]].push_back(weights[i]);

  QuantizedWeights result;
  for (size_t i = 0; i < minScales.size(); ++i)
    result.scales.push_back(chooseScale(members[i], minScales[i], qmax, range));
  result.values.resize(weights.size());
  for (size_t i = 0; i < weights.size(); ++i)
    result.values[i] =
        quantize(weights[i], result.scales[scaleOf[i]], 0, -qmax, qmax);
  return result;
}

ActivationParams qopt::chooseActivationParams(float min, float max) {
  double lo = std::min(min, 0.0f), hi = std::max(max, 0.0f);
  ActivationParams params;
  float scale = static_cast<float>((hi - lo) / 255.0);
  if (scale < kLeastScale)
    return params;
  params.scale = scale;
  params.zeroPoint = static_cast<int32_t>(
      std::min(std::max(std::nearbyint(-lo / double(scale)), 0.0), 255.0));
  return params;
}
