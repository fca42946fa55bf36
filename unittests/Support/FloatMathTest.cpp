//===- FloatMathTest.cpp - Error bounds and edges of FloatMath.h ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/FloatMath.h"
#include "qopt/Support/QuantMath.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace qopt;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kNaN = std::numeric_limits<float>::quiet_NaN();

float fromBits(uint32_t bits) { return ScalarArith().fromBits(int32_t(bits)); }

using Approximation = float (*)(float);
float expF(float x) {
  ScalarArith a;
  return expApprox(a, x);
}
float tanhF(float x) {
  ScalarArith a;
  return tanhApprox(a, x);
}
float erfF(float x) {
  ScalarArith a;
  return erfApprox(a, x);
}
float logF(float x) {
  ScalarArith a;
  return logApprox(a, x);
}

/// The largest error, in units of the last place of the exact result, over a
/// prime stride of all finite inputs.
double largestUlpError(Approximation f, double (*exact)(double)) {
  double worst = 0;
  for (uint64_t bits = 0; bits <= 0xFFFFFFFF; bits += 1009) {
    float x = fromBits(uint32_t(bits));
    if (!std::isfinite(x))
      continue;
    double want = exact(x);
    float got = f(x);
    if (std::isnan(want) || std::fabs(want) > 0x1.fffffep127) {
      EXPECT_TRUE(std::isnan(want) ? std::isnan(got)
                                   : got == std::copysign(kInfinity, want))
          << x;
      continue;
    }
    int exponent = want == 0 ? -126 : std::max(std::ilogb(want), -126);
    double ulp = std::ldexp(1.0, exponent - 23);
    worst = std::max(worst, std::fabs(double(got) - want) / ulp);
  }
  return worst;
}

} // namespace

TEST(FloatMath, ErrorBounds) {
  double expError = largestUlpError(expF, std::exp);
  double tanhError = largestUlpError(tanhF, std::tanh);
  double erfError = largestUlpError(erfF, std::erf);
  double logError = largestUlpError(logF, std::log);
  RecordProperty("exp", std::to_string(expError));
  RecordProperty("tanh", std::to_string(tanhError));
  RecordProperty("erf", std::to_string(erfError));
  RecordProperty("log", std::to_string(logError));
  // What docs/Numerics.md states, rounded up: a worse polynomial fails.
  EXPECT_LE(expError, 0.93);
  EXPECT_LE(logError, 0.78);
  EXPECT_LE(tanhError, 1.26);
  EXPECT_LE(erfError, 1.19);
}

TEST(FloatMath, Edges) {
  EXPECT_EQ(expF(0.0f), 1.0f);
  EXPECT_EQ(expF(kInfinity), kInfinity);
  EXPECT_EQ(expF(-kInfinity), 0.0f);
  EXPECT_EQ(expF(89.0f), kInfinity);
  EXPECT_EQ(expF(-104.0f), 0.0f);
  EXPECT_GT(expF(-103.0f), 0.0f);
  EXPECT_TRUE(std::isnan(expF(kNaN)));

  EXPECT_EQ(tanhF(kInfinity), 1.0f);
  EXPECT_EQ(tanhF(-kInfinity), -1.0f);
  EXPECT_TRUE(std::signbit(tanhF(-0.0f)));
  EXPECT_EQ(tanhF(1e-40f), 1e-40f);
  EXPECT_TRUE(std::isnan(tanhF(kNaN)));

  EXPECT_EQ(erfF(kInfinity), 1.0f);
  EXPECT_EQ(erfF(-kInfinity), -1.0f);
  EXPECT_EQ(erfF(-0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(erfF(kNaN)));

  EXPECT_EQ(logF(1.0f), 0.0f);
  EXPECT_EQ(logF(0.0f), -kInfinity);
  EXPECT_EQ(logF(-0.0f), -kInfinity);
  EXPECT_EQ(logF(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(logF(-1.0f)));
  EXPECT_TRUE(std::isnan(logF(-kInfinity)));
  EXPECT_TRUE(std::isnan(logF(kNaN)));
}

// Compiled code clamps, then adds the magic number; the scalar functions call
// nearbyint. Both must round alike on the whole range of a storage type,
// at ties above all.
TEST(FloatMath, MagicNumberRoundsLikeNearbyint) {
  auto check = [](float x) {
    int32_t rounded =
        ScalarArith().bits(x + kRoundingMagic) - kRoundingMagicBits;
    ASSERT_EQ(float(rounded), roundNearestEven(x)) << x;
  };
  for (int32_t i = -70000; i <= 70000; ++i) {
    float tie = float(i) + 0.5f;
    check(float(i));
    check(tie);
    check(std::nextafter(tie, kInfinity));
    check(std::nextafter(tie, -kInfinity));
  }
  check(4194303.5f); // 2^22 - 0.5, the largest magnitude that is promised
  check(-4194303.5f);
}
