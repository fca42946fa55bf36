//===- QuantMath.cpp - The arithmetic of docs/Numerics.md -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/QuantMath.h"
#include "qopt/Support/FloatMath.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace qopt;

float qopt::roundNearestEven(float value) { return std::nearbyint(value); }

int32_t qopt::roundToStorage(float real, int32_t zeroPoint, int32_t lo,
                             int32_t hi) {
  // Clamping first keeps the conversion in range; the bounds are integers, so
  // it commutes with rounding. Selects, not std::max, so that no value at all
  // escapes the range.
  float low = float(lo - zeroPoint), high = float(hi - zeroPoint);
  float raised = real > low ? real : low;
  float clamped = raised < high ? raised : high;
  return int32_t(roundNearestEven(clamped)) + zeroPoint;
}

int32_t qopt::quantize(float value, float scale, int32_t zeroPoint, int32_t lo,
                       int32_t hi) {
  if (std::isnan(value))
    return zeroPoint;
  return roundToStorage(value / scale, zeroPoint, lo, hi);
}

float qopt::dequantize(int32_t value, float scale, int32_t zeroPoint) {
  return float(int32_t(uint32_t(value) - uint32_t(zeroPoint))) * scale;
}

QuantizedClamp qopt::quantizeClamp(float clampLo, float clampHi, float scale,
                                   int32_t zeroPoint, int32_t lo, int32_t hi) {
  return {quantize(clampLo, scale, zeroPoint, lo, hi),
          quantize(clampHi, scale, zeroPoint, lo, hi)};
}

bool qopt::isBiasScale(float bias, double products) {
  return bias == float(products);
}

float qopt::roundScale(double scale) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return float(std::min(std::max(scale, -kLargest), kLargest));
}

float qopt::requantizeMultiplier(double inScale, double outScale) {
  return roundScale(inScale / outScale);
}

std::optional<ScaleInverse> ScaleInverse::of(float scale) {
  if (!(scale > 0x1p-60f && scale < 0x1p60f))
    return std::nullopt;
  double inverse = 1.0 / double(scale);
  float hi = float(inverse);
  if (double(hi) > inverse)
    hi = std::nextafter(hi, 0.0f);
  float lo = float(inverse - double(hi));
  if (!(lo > 0))
    return std::nullopt;
  return ScaleInverse{hi, lo};
}

float ScaleInverse::times(float x) const { return std::fma(x, hi, x * lo); }

// Both grow with x: they have to reach each step at the same float.
bool ScaleInverse::agrees(float scale, int64_t least, int64_t most) const {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (int64_t step = least + 1; step <= most; ++step) {
    auto reached = [&](float steps) { return roundNearestEven(steps) >= step; };
    auto first = float((double(step) - 0.5) * double(scale));
    while (reached(first / scale))
      first = std::nextafter(first, -kInfinity);
    while (!reached(first / scale))
      first = std::nextafter(first, kInfinity);
    if (!reached(times(first)) ||
        reached(times(std::nextafter(first, -kInfinity))))
      return false;
  }
  return true;
}

double qopt::largestRatio(llvm::ArrayRef<double> inScales, double outScale) {
  double largest = 0;
  for (double scale : inScales)
    largest = std::max(largest, std::fabs(scale / outScale));
  return largest;
}

int qopt::fixedPointShift(double ratios) {
  // Each multiplier is rounded, which 64 leaves room for.
  constexpr double kLimit = 2147483648.0 - 64;
  int shift = kMostFixedPointShift;
  while (shift > kLeastFixedPointShift && std::ldexp(ratios, shift) >= kLimit)
    --shift;
  return shift;
}

int32_t qopt::fixedPointMultiplier(double ratio, int shift) {
  constexpr double kMost = 2147483647.0;
  double scaled = std::nearbyint(std::ldexp(ratio, shift));
  return int32_t(std::min(std::max(scaled, -kMost), kMost));
}

int32_t qopt::roundFixedPoint(int64_t sum, int shift, int32_t zeroPoint,
                              int32_t lo, int32_t hi) {
  int64_t half = int64_t(1) << (shift - 1);
  int64_t rounded = int64_t(uint64_t(sum) + uint64_t(half)) >> shift;
  int64_t low = int64_t(lo) - zeroPoint, high = int64_t(hi) - zeroPoint;
  return int32_t(std::min(std::max(rounded, low), high)) + zeroPoint;
}

std::vector<int32_t> qopt::softmaxTable(double scale, int64_t count) {
  int bits = std::min(23, 30 - int(llvm::Log2_64_Ceil(uint64_t(count))));
  std::vector<int32_t> table;
  ScalarArith arith;
  for (int distance = 0; distance != 256; ++distance) {
    float exponential = expApprox(arith, -(float(distance) * float(scale)));
    table.push_back(
        int32_t(std::nearbyint(std::ldexp(double(exponential), bits))));
  }
  return table;
}

int32_t qopt::softmaxQuotient(int32_t part, int32_t sum) {
  return int32_t((int64_t(part) << kSoftmaxBits) / sum);
}
