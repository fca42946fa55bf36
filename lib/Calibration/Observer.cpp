//===- Observer.cpp - What is kept of an edge's values --------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Observer.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace qopt;

ModelRunner::~ModelRunner() = default;

int64_t EdgeInfo::numElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static constexpr std::pair<ObserverKind, StringLiteral> kKindNames[] = {
    {ObserverKind::MinMax, "minmax"},
    {ObserverKind::MovingAverage, "moving-average"},
    {ObserverKind::Percentile, "percentile"},
    {ObserverKind::Entropy, "entropy"},
    {ObserverKind::Mse, "mse"},
};

StringRef qopt::observerName(ObserverKind kind) {
  return llvm::find_if(kKindNames,
                       [&](const auto &entry) { return entry.first == kind; })
      ->second;
}

std::optional<ObserverKind> qopt::parseObserverKind(StringRef name) {
  for (const auto &[kind, known] : kKindNames)
    if (known == name)
      return kind;
  return std::nullopt;
}

std::string qopt::observerNames() {
  return join(llvm::make_second_range(kKindNames), ", ");
}

bool ObserverOptions::operator==(const ObserverOptions &other) const {
  if (kind != other.kind)
    return false;
  if (kind == ObserverKind::Percentile)
    return percentile == other.percentile;
  if (kind == ObserverKind::MovingAverage)
    return averagingConstant == other.averagingConstant;
  return true;
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

void ChannelStatistics::merge(const ChannelStatistics &other, int64_t samples,
                              int64_t otherSamples) {
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  double total = double(samples) + double(otherSamples);
  auto mix = [&](float a, float b) {
    return total == 0 ? a
                      : float((a * samples + double(b) * otherSamples) / total);
  };
  average = {mix(average.min, other.average.min),
             mix(average.max, other.average.max)};
  if (histogram && other.histogram)
    histogram->merge(*other.histogram);
}

//===----------------------------------------------------------------------===//
// Watching
//===----------------------------------------------------------------------===//

/// Bins on one side of zero. Per tensor at least a quarter of all is in use:
/// one side, and half of it when the largest value just passed a power of two.
static constexpr int64_t kHalfBinsPerTensor = 4096;
static constexpr int64_t kHalfBinsPerChannel = 1024;

EdgeObserver::EdgeObserver(const EdgeInfo &edge, const ObserverOptions &options)
    : options(options) {
  int64_t numChannels = edge.numChannels();
  if (edge.axis)
    for (int64_t size : ArrayRef(edge.shape).drop_front(*edge.axis + 1))
      innerSize *= size;
  else
    innerSize = std::max<int64_t>(edge.numElements(), 1);
  channels.resize(numChannels);
  if (options.needsHistogram())
    for (ChannelStatistics &channel : channels)
      channel.histogram.emplace(edge.axis ? kHalfBinsPerChannel
                                          : kHalfBinsPerTensor);
  runMin.resize(numChannels);
  runMax.resize(numChannels);
  taint.resize(numChannels);
  scales.resize(numChannels);
}

namespace {
/// Reductions over floats do not vectorize, because their order matters to the
/// compiler; this many independent lanes do.
constexpr size_t kLanes = 32;

struct Extremes {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  float taint = 0.0f;
};
} // namespace

/// x * 0 is 0 for finite values and NaN for others, and NaN stays.
static Extremes extremesOf(const float *values, size_t count) {
  float lo[kLanes], hi[kLanes], taint[kLanes];
  std::fill_n(lo, kLanes, std::numeric_limits<float>::infinity());
  std::fill_n(hi, kLanes, -std::numeric_limits<float>::infinity());
  std::fill_n(taint, kLanes, 0.0f);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      float value = values[i + lane];
      lo[lane] = value < lo[lane] ? value : lo[lane];
      hi[lane] = value > hi[lane] ? value : hi[lane];
      taint[lane] += value * 0.0f;
    }
  }
  Extremes result;
  for (; i < count; ++i) {
    result.min = std::min(result.min, values[i]);
    result.max = std::max(result.max, values[i]);
    result.taint += values[i] * 0.0f;
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    result.min = std::min(result.min, lo[lane]);
    result.max = std::max(result.max, hi[lane]);
    result.taint += taint[lane];
  }
  return result;
}

/// The same for channels that are the innermost dimension: one lane each.
static void interleavedExtremes(const float *__restrict values, size_t rows,
                                size_t channels, float *__restrict lo,
                                float *__restrict hi, float *__restrict taint) {
  for (size_t row = 0; row < rows; ++row, values += channels) {
    for (size_t c = 0; c < channels; ++c) {
      float value = values[c];
      lo[c] = value < lo[c] ? value : lo[c];
      hi[c] = value > hi[c] ? value : hi[c];
      taint[c] += value * 0.0f;
    }
  }
}

void EdgeObserver::findExtremes(ArrayRef<float> values) {
  llvm::fill(runMin, std::numeric_limits<float>::infinity());
  llvm::fill(runMax, -std::numeric_limits<float>::infinity());
  llvm::fill(taint, 0.0f);
  size_t numChannels = channels.size();
  if (innerSize == 1) {
    interleavedExtremes(values.data(), values.size() / numChannels, numChannels,
                        runMin.data(), runMax.data(), taint.data());
    return;
  }
  size_t block = 0;
  for (size_t at = 0; at < values.size(); at += innerSize, ++block) {
    Extremes part = extremesOf(values.data() + at, innerSize);
    size_t c = block % numChannels;
    runMin[c] = std::min(runMin[c], part.min);
    runMax[c] = std::max(runMax[c], part.max);
    taint[c] += part.taint;
  }
}

void EdgeObserver::updateHistograms(ArrayRef<float> values) {
  size_t numChannels = channels.size();
  auto magnitude = [&](size_t c) {
    return std::max(std::fabs(runMin[c]), std::fabs(runMax[c]));
  };
  if (innerSize > 1 || numChannels == 1) {
    size_t block = 0;
    for (size_t at = 0; at < values.size(); at += innerSize, ++block) {
      size_t c = block % numChannels;
      channels[c].histogram->update(values.slice(at, innerSize), magnitude(c));
    }
    return;
  }
  SmallVector<uint64_t *> bins(numChannels);
  for (size_t c = 0; c < numChannels; ++c) {
    channels[c].histogram->growTo(magnitude(c));
    scales[c] = channels[c].histogram->scale();
    bins[c] = channels[c].histogram->data();
  }
  SmallVector<int32_t> indices(numChannels);
  for (size_t at = 0; at < values.size(); at += numChannels) {
    for (size_t c = 0; c < numChannels; ++c)
      indices[c] = int32_t(values[at + c] * scales[c]);
    for (size_t c = 0; c < numChannels; ++c)
      ++bins[c][indices[c]];
  }
}

std::optional<int64_t> EdgeObserver::observe(ArrayRef<float> values) {
  if (values.empty())
    return std::nullopt;
  findExtremes(values);
  if (llvm::any_of(taint, [](float value) { return value != 0.0f; }))
    return llvm::find_if(values, [](float v) { return !std::isfinite(v); }) -
           values.begin();
  // The first sample starts the averages.
  double weight = numSamples == 0 ? 1.0 : options.averagingConstant;
  for (size_t c = 0; c < channels.size(); ++c) {
    ChannelStatistics &channel = channels[c];
    channel.min = std::min(channel.min, runMin[c]);
    channel.max = std::max(channel.max, runMax[c]);
    auto move = [&](float &average, float value) {
      average = float(average + weight * (double(value) - average));
    };
    move(channel.average.min, runMin[c]);
    move(channel.average.max, runMax[c]);
  }
  if (options.needsHistogram())
    updateHistograms(values);
  ++numSamples;
  numValues += values.size();
  return std::nullopt;
}

void EdgeObserver::merge(const EdgeObserver &other) {
  for (auto [channel, from] : llvm::zip_equal(channels, other.channels))
    channel.merge(from, numSamples, other.numSamples);
  numSamples += other.numSamples;
  numValues += other.numValues;
}
