//===- QuantMath.cpp - The arithmetic of docs/Numerics.md -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/QuantMath.h"

#include <cmath>

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

float qopt::requantizeMultiplier(double inScale, double outScale) {
  return float(inScale / outScale);
}
