//===- QuantMath.h - The arithmetic of docs/Numerics.md -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plain scalar functions: folders, the reference interpreter, the quantizer
// and the tests all call these and nothing else.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_QUANTMATH_H
#define QOPT_SUPPORT_QUANTMATH_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace qopt {

/// Rounds to the nearest integer, ties to even, as a float; NaN stays NaN.
float roundNearestEven(float value);

/// clamp(rne(value / scale) + zeroPoint, lo, hi); a NaN gives zeroPoint.
int32_t quantize(float value, float scale, int32_t zeroPoint, int32_t lo,
                 int32_t hi);

/// f32(value - zeroPoint) * scale, with a wrapping subtraction.
float dequantize(int32_t value, float scale, int32_t zeroPoint);

/// clamp(rne(real) + zeroPoint, lo, hi) of a finite real in output steps.
int32_t roundToStorage(float real, int32_t zeroPoint, int32_t lo, int32_t hi);

/// A clamp of real values, as bounds of quantized ones within [lo, hi].
struct QuantizedClamp {
  int32_t lo, hi;
};
QuantizedClamp quantizeClamp(float clampLo, float clampHi, float scale,
                             int32_t zeroPoint, int32_t lo, int32_t hi);

/// Whether i32 integers of the f32 scale `bias` may start an accumulator of
/// products with the scale `products`: their scale is the same, rounded to f32.
bool isBiasScale(float bias, double products);

/// A scale that was held in double as f32; one beyond all floats becomes the
/// largest of its sign, so that 0 steps of it still are 0.
float roundScale(double scale);

/// The multiplier of one requantized term: inScale / outScale in double,
/// rounded once by roundScale.
float requantizeMultiplier(double inScale, double outScale);

/// 1 / scale as the sum of two floats, neither of them negative.
struct ScaleInverse {
  float hi = 0, lo = 0;

  /// Nothing where a product could overflow before the quotient does, or where
  /// the lower part is zero: infinity times that would be NaN.
  static std::optional<ScaleInverse> of(float scale);

  float times(float x) const;

  /// Whether times(x) rounds to the same step in [least, most] as x / scale for
  /// all x.
  bool agrees(float scale, int64_t least, int64_t most) const;
};

//===----------------------------------------------------------------------===//
// The fixed-point profile
//===----------------------------------------------------------------------===//

/// The shifts that a requantization may have. Below, 23 bits would be left of
/// the output's own range; above, the rounding term would leave 64 bits.
constexpr int kLeastFixedPointShift = 8, kMostFixedPointShift = 62;

/// The largest magnitude of a term's scales in steps of the output.
double largestRatio(llvm::ArrayRef<double> inScales, double outScale);

/// The shift that the terms of one requantization share: the largest with which
/// their multipliers, of which the largest of each term add up to `ratios`, add
/// up to less than 2^31, so that the sum of products fits 64 bits.
int fixedPointShift(double ratios);

/// rne(ratio * 2^shift), within [-(2^31 - 1), 2^31 - 1].
int32_t fixedPointMultiplier(double ratio, int shift);

/// clamp(floor(sum / 2^shift + 1/2) + zeroPoint, lo, hi) of a sum of products.
int32_t roundFixedPoint(int64_t sum, int shift, int32_t zeroPoint, int32_t lo,
                        int32_t hi);

/// The softmax of a row of 8-bit integers gives integers in steps of
/// 2^-kSoftmaxBits.
constexpr int kSoftmaxBits = 16;

/// rne(exp(-d * scale) * 2^t) of the distances d from 0 to 255 between the
/// largest element of a row and another, with the largest t up to 23 for which
/// `count` of them, the elements of a row, add up to at most 2^30.
std::vector<int32_t> softmaxTable(double scale, int64_t count);

/// floor(part * 2^kSoftmaxBits / sum), with 0 <= part <= sum and 0 < sum.
int32_t softmaxQuotient(int32_t part, int32_t sum);

} // namespace qopt

#endif // QOPT_SUPPORT_QUANTMATH_H
