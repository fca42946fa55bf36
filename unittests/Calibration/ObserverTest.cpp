//===- ObserverTest.cpp - Histograms, observers, proposed ranges ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Observer.h"

#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace llvm;
using namespace qopt;

namespace {

std::vector<float> randomValues(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (auto [i, value] : enumerate(values))
    // Growing magnitudes, so that ranges have to grow on the way.
    value = normal(engine) * std::ldexp(1.0f, int(i * 12 / count) - 6);
  return values;
}

float maxMagnitude(ArrayRef<float> values) {
  float result = 0;
  for (float value : values)
    result = std::max(result, std::fabs(value));
  return result;
}

void expectEqual(const Histogram &a, const Histogram &b) {
  ASSERT_EQ(a.halfBins(), b.halfBins());
  EXPECT_EQ(a.exponent(), b.exponent());
  for (int64_t bin = -a.halfBins() + 1; bin < a.halfBins(); ++bin)
    ASSERT_EQ(a[bin], b[bin]) << "bin " << bin;
}

//===----------------------------------------------------------------------===//
// Histograms
//===----------------------------------------------------------------------===//

TEST(HistogramTest, CountsByDefinition) {
  std::vector<float> values = randomValues(5000, 1);
  Histogram histogram(64);
  histogram.update(values, maxMagnitude(values));
  double width = histogram.binWidth();
  std::vector<uint64_t> expected(128);
  for (float value : values)
    ++expected[64 + int64_t(std::trunc(value / width))];
  for (int64_t bin = -63; bin < 64; ++bin)
    EXPECT_EQ(histogram[bin], expected[64 + bin]) << bin;
  // The smallest power of two that holds everything.
  EXPECT_LT(maxMagnitude(values), std::ldexp(1.0, histogram.exponent()));
  EXPECT_GE(maxMagnitude(values), std::ldexp(1.0, histogram.exponent() - 1));
  EXPECT_EQ(histogram.total(), 5000u);
}

TEST(HistogramTest, CutsAndOrderDoNotMatter) {
  std::vector<float> values = randomValues(10000, 2);
  Histogram whole(256);
  whole.update(values, maxMagnitude(values));

  Histogram pieces(256);
  for (size_t at = 0; at < values.size();) {
    size_t count = std::min<size_t>(1 + at % 777, values.size() - at);
    ArrayRef<float> piece(values.data() + at, count);
    pieces.update(piece, maxMagnitude(piece));
    at += count;
  }
  expectEqual(whole, pieces);

  Histogram first(256), second(256);
  ArrayRef<float> all(values);
  first.update(all.take_front(6000), maxMagnitude(all.take_front(6000)));
  second.update(all.drop_front(6000), maxMagnitude(all.drop_front(6000)));
  Histogram merged = first;
  merged.merge(second);
  expectEqual(whole, merged);
  // The other way round, where the wider one takes the narrower one in.
  second.merge(first);
  expectEqual(whole, second);
}

TEST(HistogramTest, PowersOfTwoAndExtremes) {
  Histogram histogram(8);
  std::vector<float> zeros(3, 0.0f);
  histogram.update(zeros, 0.0f);
  EXPECT_EQ(histogram[0], 3u);
  // 1.0 needs (-2, 2): bins of 1/4.
  std::vector<float> ones = {1.0f, -1.0f, 0.2f};
  histogram.update(ones, 1.0f);
  EXPECT_EQ(histogram.exponent(), 1);
  EXPECT_EQ(histogram[4], 1u);
  EXPECT_EQ(histogram[-4], 1u);
  EXPECT_EQ(histogram[0], 4u);
  float largest = std::numeric_limits<float>::max();
  std::vector<float> extremes = {largest, -largest};
  histogram.update(extremes, largest);
  EXPECT_EQ(histogram.exponent(), 128);
  EXPECT_EQ(histogram[7], 1u);
  EXPECT_EQ(histogram[-7], 1u);
  EXPECT_EQ(histogram[0], 6u);
}

//===----------------------------------------------------------------------===//
// Observers
//===----------------------------------------------------------------------===//

EdgeInfo edge(ArrayRef<int64_t> shape, std::optional<int64_t> axis = {}) {
  return {"edge", SmallVector<int64_t, 4>(shape), axis};
}

ObserverOptions kind(ObserverKind kind) {
  ObserverOptions options;
  options.kind = kind;
  return options;
}

TEST(EdgeObserverTest, ExtremesPerTensor) {
  // 100 is no multiple of any vector width.
  std::vector<float> values = randomValues(100, 3);
  for (size_t at : {size_t(0), size_t(31), size_t(99)}) {
    std::vector<float> changed = values;
    changed[at] = 1e6f;
    changed[(at + 50) % 100] = -1e7f;
    EdgeObserver observer(edge({4, 25}), kind(ObserverKind::MinMax));
    EXPECT_FALSE(observer.observe(changed));
    EXPECT_EQ(observer.statistics()[0].max, 1e6f);
    EXPECT_EQ(observer.statistics()[0].min, -1e7f);
    EXPECT_EQ(observer.count(), 100);
  }
}

/// Channel by channel against one observer per channel, wherever the axis is.
TEST(EdgeObserverTest, ChannelsAreApart) {
  std::vector<int64_t> shape = {3, 5, 4};
  std::vector<float> values = randomValues(60, 4);
  for (ObserverKind which : {ObserverKind::MinMax, ObserverKind::Percentile}) {
    for (int64_t axis : {0, 1, 2}) {
      EdgeObserver observer(edge(shape, axis), kind(which));
      observer.observe(values);
      int64_t inner = axis == 0 ? 20 : axis == 1 ? 4 : 1;
      ASSERT_EQ(int64_t(observer.statistics().size()), shape[axis]);
      for (int64_t c = 0; c < shape[axis]; ++c) {
        std::vector<float> channel;
        for (auto [i, value] : enumerate(values))
          if (int64_t(i) / inner % shape[axis] == c)
            channel.push_back(value);
        const ChannelStatistics &found = observer.statistics()[c];
        EXPECT_EQ(found.min, *llvm::min_element(channel));
        EXPECT_EQ(found.max, *llvm::max_element(channel));
        if (which == ObserverKind::MinMax)
          continue;
        Histogram expected(found.histogram->halfBins());
        expected.update(channel, maxMagnitude(channel));
        expectEqual(*found.histogram, expected);
      }
    }
  }
}

TEST(EdgeObserverTest, FindsWhatIsNotFinite) {
  for (float bad : {std::numeric_limits<float>::quiet_NaN(),
                    std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()}) {
    for (size_t at : {size_t(0), size_t(40), size_t(64), size_t(66)}) {
      std::vector<float> values(67, 1.0f);
      values[at] = bad;
      for (std::optional<int64_t> axis :
           {std::optional<int64_t>(), std::optional<int64_t>(0)}) {
        EdgeObserver observer(edge({67}, axis), kind(ObserverKind::Mse));
        EXPECT_EQ(observer.observe(values), std::optional<int64_t>(at));
        EXPECT_EQ(observer.count(), 0);
      }
    }
  }
}

TEST(EdgeObserverTest, MovingAverage) {
  ObserverOptions options = kind(ObserverKind::MovingAverage);
  options.averagingConstant = 0.25;
  EdgeObserver observer(edge({2}), options);
  observer.observe({-1.0f, 3.0f});
  observer.observe({-5.0f, 7.0f});
  RealRange range = proposeRange(observer.statistics()[0], options);
  EXPECT_EQ(range.min, -2.0f);
  EXPECT_EQ(range.max, 4.0f);
}

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

constexpr int kNumQuantiles = 1 << 19;

/// The value of N(0, 1) with the share `p` below it: bisection.
double normalQuantile(double p) {
  double lo = -9, hi = 9;
  for (int i = 0; i < 44; ++i) {
    double middle = (lo + hi) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? lo : hi) = middle;
  }
  return lo;
}

/// Quantiles of N(0, 1) in the middle of equal shares: as near to the
/// distribution as so many points can be, without chance.
ArrayRef<double> normalQuantiles() {
  static const std::vector<double> quantiles = [] {
    std::vector<double> values(kNumQuantiles);
    for (int i = 0; i < kNumQuantiles / 2; ++i) {
      values[i] = normalQuantile((i + 0.5) / kNumQuantiles);
      values[kNumQuantiles - 1 - i] = -values[i];
    }
    return values;
  }();
  return quantiles;
}

/// What an observer keeps of `function` of every quantile of N(0, 1).
template <typename Function>
ChannelStatistics normalMappedBy(Function function) {
  std::vector<float> values;
  for (double quantile : normalQuantiles())
    values.push_back(float(function(quantile)));
  ChannelStatistics statistics;
  statistics.min = *llvm::min_element(values);
  statistics.max = *llvm::max_element(values);
  statistics.histogram.emplace(4096);
  statistics.histogram->update(values, maxMagnitude(values));
  return statistics;
}

ChannelStatistics normal() {
  return normalMappedBy([](double x) { return x; });
}

ChannelStatistics laplace() {
  return normalMappedBy([](double x) {
    double tail = std::erfc(std::fabs(x) / std::sqrt(2.0));
    return std::copysign(-std::log(tail), x);
  });
}

TEST(RangeTest, PercentileOfTheNormalDistribution) {
  ObserverOptions options = kind(ObserverKind::Percentile);
  for (double percentile : {99.0, 99.9, 99.99}) {
    options.percentile = percentile;
    RealRange range = proposeRange(normal(), options);
    double expected = normalQuantile(1 - (1 - percentile / 100) / 2);
    EXPECT_NEAR(range.max, expected, 0.002 * expected) << percentile;
    EXPECT_NEAR(range.min, -expected, 0.002 * expected) << percentile;
  }
}

TEST(RangeTest, PercentileOfOneSidedDataCutsOneEnd) {
  ChannelStatistics relu =
      normalMappedBy([](double x) { return std::max(0.0, x); });
  ObserverOptions options = kind(ObserverKind::Percentile);
  options.percentile = 99.9;
  RealRange range = proposeRange(relu, options);
  EXPECT_EQ(range.min, 0.0f);
  EXPECT_NEAR(range.max, normalQuantile(0.999), 0.01);
  options.percentile = 100;
  EXPECT_EQ(proposeRange(relu, options).max, relu.max);
}

/// Known optima of uniform quantizers (Max 1960 and numeric integration).
TEST(RangeTest, MseClipOfKnownDistributions) {
  auto clipOf = [](const ChannelStatistics &statistics, int64_t steps) {
    RealRange seen = {statistics.min, statistics.max};
    RealRange range = findMseRange(*statistics.histogram, seen, steps,
                                   /*symmetric=*/true);
    EXPECT_EQ(range.min, -range.max);
    return range.max;
  };
  EXPECT_NEAR(clipOf(normal(), 6), 1.952, 0.02 * 1.952);
  EXPECT_NEAR(clipOf(normal(), 14), 2.4735, 0.02 * 2.4735);
  EXPECT_NEAR(clipOf(normal(), 254), 3.936, 0.02 * 3.936);
  EXPECT_NEAR(clipOf(laplace(), 6), 3.5, 0.02 * 3.5);
  EXPECT_NEAR(clipOf(laplace(), 14), 4.8, 0.02 * 4.8);
}

/// The error of quantizing the points themselves to u8 with an exact zero.
double u8Error(const ChannelStatistics &statistics, RealRange range) {
  const Histogram &histogram = *statistics.histogram;
  double scale = (double(range.max) - range.min) / 255;
  double zero = std::nearbyint(-range.min / scale);
  double error = 0;
  for (int64_t bin = -histogram.halfBins() + 1; bin < histogram.halfBins();
       ++bin) {
    double value = histogram.center(bin);
    double code = std::clamp(std::nearbyint(value / scale) + zero, 0.0, 255.0);
    double difference = value - (code - zero) * scale;
    error += histogram[bin] * difference * difference;
  }
  return error;
}

TEST(RangeTest, MseIsNotWorseThanOtherRanges) {
  // Lopsided: leaky relu of a normal variable, with a far outlier.
  ChannelStatistics leaky = normalMappedBy([](double x) {
    return x > 4.6 ? 40.0 : x < 0 ? 0.1 * x : x;
  });
  ObserverOptions options = kind(ObserverKind::Mse);
  RealRange found = proposeRange(leaky, options);
  double least = u8Error(leaky, found);
  EXPECT_LT(found.max, 30);
  EXPECT_LT(least, u8Error(leaky, {leaky.min, leaky.max}));
  for (double lo = 0; lo <= 1.0; lo += 0.1)
    for (double hi = 0.02; hi <= 1.0; hi += 0.02)
      EXPECT_LE(least, 1.01 * u8Error(leaky, {float(leaky.min * lo),
                                              float(leaky.max * hi)}));
}

/// The method spelled out (expanded distributions, one after the other).
float entropyByDefinition(const Histogram &histogram, int64_t levels) {
  std::vector<double> h;
  for (int64_t bin = 0; bin < histogram.halfBins(); ++bin)
    h.push_back(double(histogram[bin] + (bin ? histogram[-bin] : 0)));
  while (h.back() == 0)
    h.pop_back();
  h[0] = h[1];
  double least = std::numeric_limits<double>::infinity();
  size_t best = 0;
  for (size_t n = levels; n <= h.size(); ++n) {
    std::vector<double> p(h.begin(), h.begin() + n), q(n, 0);
    for (int64_t level = 0; level < levels; ++level) {
      size_t begin = level * n / levels, end = (level + 1) * n / levels;
      double sum = 0, filled = 0;
      for (size_t i = begin; i < end; ++i) {
        sum += p[i];
        filled += p[i] > 0;
      }
      for (size_t i = begin; i < end; ++i)
        if (p[i] > 0)
          q[i] = sum / filled;
    }
    for (size_t i = n; i < h.size(); ++i)
      p[n - 1] += h[i];
    double pSum = 0, qSum = 0, divergence = 0;
    for (size_t i = 0; i < n; ++i) {
      pSum += p[i];
      qSum += q[i];
    }
    for (size_t i = 0; i < n; ++i)
      if (p[i] > 0)
        divergence +=
            p[i] / pSum *
            std::log((p[i] / pSum) / ((q[i] > 0 ? q[i] : 1e-4) / qSum));
    if (divergence < least) {
      least = divergence;
      best = n;
    }
  }
  return float((best + 0.5) * histogram.binWidth());
}

TEST(RangeTest, EntropyIsTheMethodSpelledOut) {
  ObserverOptions options = kind(ObserverKind::Entropy);
  for (unsigned seed : {5, 6}) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> normalValue;
    std::vector<float> values(20000);
    for (float &value : values)
      value = std::pow(normalValue(engine), seed == 5 ? 3.0f : 5.0f);
    ChannelStatistics statistics;
    statistics.min = *llvm::min_element(values);
    statistics.max = *llvm::max_element(values);
    statistics.histogram.emplace(1024);
    statistics.histogram->update(values, maxMagnitude(values));
    float threshold = entropyByDefinition(*statistics.histogram, 128);
    RealRange range = proposeRange(statistics, options);
    EXPECT_EQ(range.max, std::min(threshold, statistics.max));
    EXPECT_EQ(range.min, std::max(-threshold, statistics.min));
    EXPECT_LT(range.max, 0.9f * statistics.max);
  }
}

TEST(RangeTest, EntropyIgnoresTheZerosOfARelu) {
  // Half-normal values, and as many zeros as wanted.
  auto relu = [](size_t numZeros) {
    ChannelStatistics statistics =
        normalMappedBy([](double x) { return std::fabs(x); });
    statistics.min = 0;
    statistics.histogram->update(std::vector<float>(numZeros), 0);
    return statistics;
  };
  ObserverOptions options = kind(ObserverKind::Entropy);
  RealRange few = proposeRange(relu(10), options);
  RealRange many = proposeRange(relu(10 * kNumQuantiles), options);
  EXPECT_EQ(few.min, 0.0f);
  EXPECT_EQ(few.max, many.max);
  EXPECT_GT(few.max, 2);
}

TEST(RangeTest, DegenerateData) {
  for (ObserverKind which :
       {ObserverKind::MinMax, ObserverKind::MovingAverage,
        ObserverKind::Percentile, ObserverKind::Entropy, ObserverKind::Mse}) {
    EdgeObserver none(edge({3}), kind(which));
    EXPECT_EQ(proposeRange(none.statistics()[0], kind(which)), RealRange());
    for (float value : {0.0f, 2.5f, -2.5f}) {
      EdgeObserver observer(edge({3}), kind(which));
      observer.observe({value, value, value});
      RealRange range = proposeRange(observer.statistics()[0], kind(which));
      EXPECT_EQ(range.min, value) << observerName(which).str();
      EXPECT_EQ(range.max, value) << observerName(which).str();
    }
  }
}

TEST(RangeTest, NamesAreReadBack) {
  for (ObserverKind which :
       {ObserverKind::MinMax, ObserverKind::MovingAverage,
        ObserverKind::Percentile, ObserverKind::Entropy, ObserverKind::Mse})
    EXPECT_EQ(parseObserverKind(observerName(which)), which);
  EXPECT_FALSE(parseObserverKind("mean"));
}

} // namespace
