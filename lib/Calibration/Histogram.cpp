//===- Histogram.cpp - Counts of values, in a range that grows ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Histogram.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace llvm;
using namespace qopt;

/// Ranges below this are not resolved further: there all is as good as zero.
static constexpr int kSmallestExponent = -100;
/// Indices are made in blocks, so that the conversion vectorizes though the
/// counting cannot.
static constexpr size_t kBlock = 512;

Histogram::Histogram(int64_t halfBins) : half(halfBins), counts(2 * halfBins) {
  assert(halfBins > 0 && (halfBins & (halfBins - 1)) == 0);
  setExponent(kSmallestExponent);
}

void Histogram::setExponent(int exponent) {
  exp = exponent;
  valueToBin = std::ldexp(float(half), -exp);
}

double Histogram::binWidth() const { return std::ldexp(1.0, exp) / half; }

double Histogram::center(int64_t bin) const {
  if (bin == 0)
    return 0.0;
  return (bin > 0 ? bin + 0.5 : bin - 0.5) * binWidth();
}

uint64_t Histogram::total() const {
  uint64_t sum = 0;
  for (uint64_t count : counts)
    sum += count;
  return sum;
}

void Histogram::growTo(float maxMagnitude) {
  // 2^(e-1) <= maxMagnitude < 2^e; frexp's fraction is in [0.5, 1).
  int needed;
  std::frexp(maxMagnitude, &needed);
  if (maxMagnitude == 0.0f || needed <= exp)
    return;
  shrinkBins(needed - exp);
  setExponent(needed);
}

/// bin i -> trunc(i / 2^doublings)
void Histogram::shrinkBins(int doublings) {
  int shift = std::min(doublings, 62);
  uint64_t *bins = data();
  for (int64_t i = 1; i < half; ++i) {
    int64_t target = i >> shift;
    uint64_t positive = bins[i], negative = bins[-i];
    bins[i] = bins[-i] = 0;
    bins[target] += positive;
    bins[-target] += negative;
  }
}

void Histogram::update(ArrayRef<float> values, float maxMagnitude) {
  growTo(maxMagnitude);
  uint64_t *bins = data();
  const float factor = valueToBin;
  int32_t indices[kBlock];
  while (!values.empty()) {
    size_t count = std::min(values.size(), kBlock);
    const float *from = values.data();
    for (size_t i = 0; i < count; ++i)
      indices[i] = int32_t(from[i] * factor);
    for (size_t i = 0; i < count; ++i)
      ++bins[indices[i]];
    values = values.drop_front(count);
  }
}

void Histogram::merge(const Histogram &other) {
  assert(half == other.half);
  if (other.exp > exp) {
    shrinkBins(other.exp - exp);
    setExponent(other.exp);
  }
  int shift = std::min(exp - other.exp, 62);
  uint64_t *bins = data();
  bins[0] += other[0];
  for (int64_t i = 1; i < half; ++i) {
    bins[i >> shift] += other[i];
    bins[-(i >> shift)] += other[-i];
  }
}
