//===- ProposeRange.cpp - From statistics to the range to quantize --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything here is double arithmetic in a fixed order without libm, so that
// a calibration file does not depend on the host.
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Observer.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace qopt;

/// Activations are u8 with an exact zero: 255 steps.
static constexpr int64_t kActivationSteps = 255;

static RealRange clampTo(RealRange range, RealRange seen) {
  return {std::clamp(range.min, seen.min, seen.max),
          std::clamp(range.max, seen.min, seen.max)};
}

//===----------------------------------------------------------------------===//
// Percentile
//===----------------------------------------------------------------------===//

/// The value below which `rank` values lie; linear within a bin.
static double valueOfRank(const Histogram &histogram, double rank) {
  int64_t half = histogram.halfBins();
  double width = histogram.binWidth();
  double below = 0;
  for (int64_t bin = -half + 1; bin < half; ++bin) {
    double count = double(histogram[bin]);
    if (count > 0 && below + count >= rank) {
      double lower = bin > 0 ? bin * width : (bin - 1) * width;
      double upper = bin < 0 ? bin * width : (bin + 1) * width;
      return lower + (upper - lower) * (rank - below) / count;
    }
    below += count;
  }
  return half * width;
}

/// One-sided data (behind a relu, say) lose their tail only; others lose half
/// of it at either end.
static RealRange percentileRange(const Histogram &histogram, RealRange seen,
                                 double percentile) {
  double total = double(histogram.total());
  double outside = (1.0 - percentile / 100.0) * total;
  bool cutsLow = seen.min < 0;
  bool cutsHigh = seen.max > 0;
  double perEnd = cutsLow && cutsHigh ? outside / 2 : outside;
  RealRange range = seen;
  if (cutsLow)
    range.min = float(valueOfRank(histogram, perEnd));
  if (cutsHigh)
    range.max = float(valueOfRank(histogram, total - perEnd));
  return range;
}

//===----------------------------------------------------------------------===//
// Entropy
//===----------------------------------------------------------------------===//

/// The natural logarithm of a positive, normal x: x = m * 2^e with m in
/// [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)) by its series,
/// whose terms fall by a factor of 34.
static double naturalLog(double x) {
  constexpr double ln2 = 0.693147180559945309417;
  constexpr double sqrtHalf = 0.707106781186547524401;
  int exponent;
  double m = std::frexp(x, &exponent);
  if (m < sqrtHalf) {
    m *= 2;
    --exponent;
  }
  double t = (m - 1) / (m + 1);
  double square = t * t;
  double sum = 0;
  for (int k = 21; k >= 1; k -= 2)
    sum = sum * square + 1.0 / k;
  return 2 * t * sum + exponent * ln2;
}

namespace {
/// Magnitudes [0, n) in bins, with prefix sums that give the divergence of any
/// clipping in O(levels).
class ClippedDivergence {
public:
  ClippedDivergence(std::vector<double> counts, int64_t levels);

  int64_t numBins() const { return counts.size(); }
  /// KL(P || Q): P the first `n` bins with all that lies above added to the
  /// last one, Q the same bins without it, merged to levels and spread back
  /// evenly over the bins that are not empty.
  double operator()(int64_t n) const;

private:
  std::vector<double> counts;
  /// Of counts, of non-empty bins, of c log c: over the bins below an index.
  std::vector<double> mass, filled, selfInformation;
  int64_t levels;
};
} // namespace

static double xLogX(double x) { return x > 0 ? x * naturalLog(x) : 0; }

ClippedDivergence::ClippedDivergence(std::vector<double> magnitudes,
                                     int64_t levels)
    : counts(std::move(magnitudes)), mass(1, 0), filled(1, 0),
      selfInformation(1, 0), levels(levels) {
  for (double count : counts) {
    mass.push_back(mass.back() + count);
    filled.push_back(filled.back() + (count > 0));
    selfInformation.push_back(selfInformation.back() + xLogX(count));
  }
}

double ClippedDivergence::operator()(int64_t n) const {
  // Where P has mass and Q none: as good as empty, but finite.
  constexpr double nothing = 1e-4;
  double total = mass.back();
  double inside = mass[n];
  double last = counts[n - 1];
  double lastWithTail = last + (total - inside);
  double sumPLogP = selfInformation[n] - xLogX(last) + xLogX(lastWithTail);
  double sumPLogQ = 0;
  for (int64_t level = 0; level < levels; ++level) {
    int64_t begin = level * n / levels;
    int64_t end = (level + 1) * n / levels;
    double merged = mass[end] - mass[begin];
    double spread = filled[end] - filled[begin];
    double q = merged > 0 ? merged / spread : nothing;
    double p = merged;
    if (level == levels - 1 && last > 0)
      p += lastWithTail - last;
    if (p > 0)
      sumPLogQ += p * naturalLog(q);
  }
  if (last == 0 && lastWithTail > 0)
    sumPLogQ += lastWithTail * naturalLog(nothing);
  // Both to sum 1: KL = (sum p log p - sum p log q) / P - log P + log Q.
  return (sumPLogP - sumPLogQ) / total - naturalLog(total) +
         naturalLog(std::max(inside, nothing));
}

/// TensorRT's method: the threshold on |x| whose clipped distribution is
/// nearest to itself after quantization; 128 levels where both signs share the
/// 256 codes, 256 where one sign has them all.
static RealRange entropyRange(const Histogram &histogram, RealRange seen) {
  bool isOneSided = seen.min >= 0 || seen.max <= 0;
  int64_t levels = isOneSided ? 256 : 128;
  int64_t used = histogram.halfBins();
  auto magnitude = [&](int64_t bin) {
    return double(histogram[bin] + (bin ? histogram[-bin] : 0));
  };
  while (used > 1 && magnitude(used - 1) == 0)
    --used;
  if (used <= levels)
    return seen;
  std::vector<double> counts;
  for (int64_t bin = 0; bin < used; ++bin)
    counts.push_back(magnitude(bin));
  // Zero is exact at any scale; the zeros behind a relu would only drown the
  // rest.
  counts[0] = counts[1];
  ClippedDivergence divergence(std::move(counts), levels);
  if (divergence.numBins() == 0)
    return seen;
  int64_t best = used;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t n = levels; n <= used; ++n) {
    double value = divergence(n);
    if (value < least) {
      least = value;
      best = n;
    }
  }
  if (best == used)
    return seen;
  float threshold = float((best + 0.5) * histogram.binWidth());
  return {-threshold, threshold};
}

//===----------------------------------------------------------------------===//
// Mean squared error
//===----------------------------------------------------------------------===//

namespace {
/// The squared error of quantizing a histogram to a grid.
class GridError {
public:
  GridError(const Histogram &histogram, int64_t steps, bool symmetric)
      : steps(double(steps)), symmetric(symmetric) {
    for (int64_t bin = -histogram.halfBins() + 1; bin < histogram.halfBins();
         ++bin)
      if (histogram[bin])
        points.push_back({histogram.center(bin), double(histogram[bin])});
  }

  double operator()(double lo, double hi) const {
    if (hi <= lo)
      return std::numeric_limits<double>::infinity();
    double scale = (hi - lo) / steps;
    // Codes relative to that of zero.
    double least = symmetric ? -steps / 2 : std::nearbyint(lo / scale);
    double most = least + steps;
    double error = 0;
    for (const auto &[value, count] : points) {
      double code = std::nearbyint(value / scale);
      code = std::min(std::max(code, least), most);
      double difference = value - code * scale;
      error += count * difference * difference;
    }
    return error;
  }

private:
  struct Point {
    double value, count;
  };
  std::vector<Point> points;
  double steps;
  bool symmetric;
};
} // namespace

RealRange qopt::findMseRange(const Histogram &histogram, RealRange seen,
                             int64_t steps, bool symmetric) {
  GridError errorOf(histogram, steps, symmetric);
  double lo = std::min(seen.min, 0.0f);
  double hi = std::max(seen.max, 0.0f);
  if (symmetric)
    hi = std::max(-lo, hi), lo = -hi;
  // Both ends together first: the error has local minima, one per position of
  // the grid's last step.
  constexpr int kShrinks = 100;
  double fullLo = lo, fullHi = hi;
  double least = errorOf(lo, hi);
  for (int i = 1; i < kShrinks; ++i) {
    double factor = 1.0 - double(i) / kShrinks;
    double error = errorOf(fullLo * factor, fullHi * factor);
    if (error < least) {
      least = error;
      lo = fullLo * factor;
      hi = fullHi * factor;
    }
  }
  // Then each end for itself, in steps that halve.
  auto attempt = [&](double newLo, double newHi) {
    if (newLo < fullLo || newHi > fullHi || newLo > 0 || newHi < 0)
      return false;
    double error = errorOf(newLo, newHi);
    if (error >= least)
      return false;
    least = error;
    lo = newLo;
    hi = newHi;
    return true;
  };
  double full = fullHi - fullLo;
  for (double step = full / 32; step > full / 4096; step /= 2) {
    bool improved = true;
    while (improved) {
      improved = false;
      for (double by : {-step, step}) {
        if (symmetric) {
          improved |= attempt(lo - by, hi + by);
          continue;
        }
        improved |= attempt(lo + by, hi);
        improved |= attempt(lo, hi + by);
      }
    }
  }
  return {float(lo), float(hi)};
}

//===----------------------------------------------------------------------===//
// All kinds
//===----------------------------------------------------------------------===//

RealRange qopt::proposeRange(const ChannelStatistics &statistics,
                             const ObserverOptions &options) {
  if (statistics.min > statistics.max)
    return {0.0f, 0.0f};
  RealRange seen = {statistics.min, statistics.max};
  switch (options.kind) {
  case ObserverKind::MinMax:
    return seen;
  case ObserverKind::MovingAverage:
    return clampTo(statistics.average, seen);
  case ObserverKind::Percentile:
    return clampTo(
        percentileRange(*statistics.histogram, seen, options.percentile), seen);
  case ObserverKind::Entropy:
    return clampTo(entropyRange(*statistics.histogram, seen), seen);
  case ObserverKind::Mse:
    return clampTo(findMseRange(*statistics.histogram, seen, kActivationSteps,
                                /*symmetric=*/false),
                   seen);
  }
  llvm_unreachable("all kinds are listed");
}
