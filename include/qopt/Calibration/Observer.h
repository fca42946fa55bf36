//===- Observer.h - What is kept of an edge's values ------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An observer watches one edge through a calibration run and then proposes the
// range to quantize. It works in one pass and keeps a few numbers and, where
// the kind needs one, a histogram per channel: nothing grows with the samples.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CALIBRATION_OBSERVER_H
#define QOPT_CALIBRATION_OBSERVER_H

#include "qopt/Calibration/Histogram.h"
#include "qopt/Calibration/ModelRunner.h"
#include "llvm/ADT/StringRef.h"
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace qopt {

enum class ObserverKind {
  /// The smallest and largest value.
  MinMax,
  /// Exponential moving averages of every sample's smallest and largest value.
  MovingAverage,
  /// Cuts off a share of the values at the ends.
  Percentile,
  /// The clipped distribution that loses the least information when quantized
  /// (Kullback-Leibler divergence).
  Entropy,
  /// The smallest mean squared quantization error.
  Mse,
};

/// "minmax", "moving-average", "percentile", "entropy", "mse".
llvm::StringRef observerName(ObserverKind kind);
std::optional<ObserverKind> parseObserverKind(llvm::StringRef name);
/// The names of all kinds, separated by ", ".
std::string observerNames();

struct ObserverOptions {
  ObserverKind kind = ObserverKind::MinMax;
  /// Percentile: how many percent of the values stay inside the range.
  double percentile = 99.99;
  /// MovingAverage: the weight of the newest sample.
  double averagingConstant = 0.01;

  bool needsHistogram() const {
    return kind == ObserverKind::Percentile || kind == ObserverKind::Entropy ||
           kind == ObserverKind::Mse;
  }
  bool operator==(const ObserverOptions &other) const;
};

struct RealRange {
  float min = 0.0f;
  float max = 0.0f;
  bool operator==(const RealRange &other) const {
    return min == other.min && max == other.max;
  }
};

/// All that is known of one channel (or of the tensor). Two of them merge into
/// what one run over all the samples gives: exactly, but for the moving
/// averages, which are weighted by their numbers of samples.
struct ChannelStatistics {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  RealRange average;
  std::optional<Histogram> histogram;

  void merge(const ChannelStatistics &other, int64_t samples,
             int64_t otherSamples);
};

/// The range that an observer proposes for quantization to 8 bits. Lies within
/// the values seen.
RealRange proposeRange(const ChannelStatistics &statistics,
                       const ObserverOptions &options);

/// The range whose grid of `steps` steps, with an exact zero, has the smallest
/// squared error. `symmetric`: [-c, c] with `steps` even and zero in the
/// middle.
RealRange findMseRange(const Histogram &histogram, RealRange seen,
                       int64_t steps, bool symmetric);

class EdgeObserver {
public:
  EdgeObserver(const EdgeInfo &edge, const ObserverOptions &options);

  /// Takes the values of one run. Returns the index of the first value that is
  /// not finite; then nothing was taken.
  std::optional<int64_t> observe(llvm::ArrayRef<float> values);

  /// Adds what another observer of the edge has seen (ChannelStatistics).
  void merge(const EdgeObserver &other);

  llvm::ArrayRef<ChannelStatistics> statistics() const { return channels; }
  int64_t samples() const { return numSamples; }
  /// Values seen, of all channels together.
  int64_t count() const { return numValues; }

private:
  void findExtremes(llvm::ArrayRef<float> values);
  void updateHistograms(llvm::ArrayRef<float> values);

  ObserverOptions options;
  /// The edge as [outer, channels, inner].
  int64_t innerSize = 1;
  std::vector<ChannelStatistics> channels;
  int64_t numSamples = 0;
  int64_t numValues = 0;

  /// Of the run at hand; one entry per channel. `taint` is 0 as long as all
  /// values are finite.
  std::vector<float> runMin, runMax, taint;
  /// Histogram::scale of every channel.
  std::vector<float> scales;
};

} // namespace qopt

#endif // QOPT_CALIBRATION_OBSERVER_H
