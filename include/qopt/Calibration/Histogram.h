//===- Histogram.h - Counts of values, in a range that grows ----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CALIBRATION_HISTOGRAM_H
#define QOPT_CALIBRATION_HISTOGRAM_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace qopt {

/// Bins of equal width over (-2^exponent, 2^exponent), the smallest power of
/// two that holds all values seen. A value x falls into bin trunc(x /
/// binWidth), so bin 0 is two widths wide and the others one:
///
///     bin      -2        -1           0            1         2
///         (-3w, -2w] (-2w, -w]    (-w, w)      [w, 2w)   [2w, 3w)
///
/// Doubling the range maps bin i to trunc(i / 2), and
/// trunc(trunc(y) / 2) == trunc(y / 2); dividing by a power of two is exact. So
/// the counts depend on the values alone, not on their order, nor on how they
/// are cut into updates or histograms that are merged later.
class Histogram {
public:
  /// `halfBins` bins on either side of zero; a power of two.
  explicit Histogram(int64_t halfBins);

  /// Adds finite values whose magnitudes are at most `maxMagnitude`.
  void update(llvm::ArrayRef<float> values, float maxMagnitude);
  /// The range grows to hold `maxMagnitude`.
  void growTo(float maxMagnitude);
  /// Adds a histogram with as many bins.
  void merge(const Histogram &other);

  int64_t halfBins() const { return half; }
  int exponent() const { return exp; }
  double binWidth() const;
  /// The factor from a value to its bin, before truncation; a power of two.
  float scale() const { return valueToBin; }

  /// The count of a bin in (-halfBins, halfBins).
  uint64_t operator[](int64_t bin) const { return counts[bin + half]; }
  /// Where a bin's values are, taken together.
  double center(int64_t bin) const;
  uint64_t total() const;

  /// Direct access for loops over interleaved channels, and for files.
  uint64_t *data() { return counts.data() + half; }
  void setExponent(int exponent);

private:
  void shrinkBins(int doublings);

  int64_t half;
  int exp;
  float valueToBin;
  /// Entry 0 is not used: bins run from -half + 1 to half - 1.
  std::vector<uint64_t> counts;
};

} // namespace qopt

#endif // QOPT_CALIBRATION_HISTOGRAM_H
