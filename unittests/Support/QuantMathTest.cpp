#include "qopt/Support/QuantMath.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <random>

using namespace qopt;

TEST(QuantMath, TiesGoToEven) {
  EXPECT_EQ(roundToStorage(0.5f, 0, -128, 127), 0);
  EXPECT_EQ(roundToStorage(1.5f, 0, -128, 127), 2);
  EXPECT_EQ(roundToStorage(-2.5f, 0, -128, 127), -2);
}

TEST(QuantMath, NaNGivesTheZeroPoint) {
  EXPECT_EQ(quantize(std::nanf(""), 1.0f, 7, 0, 255), 7);
}

TEST(QuantMath, ClampsBeforeConverting) {
  EXPECT_EQ(quantize(1e30f, 1.0f, 128, 0, 255), 255);
  EXPECT_EQ(quantize(-INFINITY, 1.0f, 128, 0, 255), 0);
}

//===----------------------------------------------------------------------===//
// Properties, against exact integer arithmetic
//===----------------------------------------------------------------------===//

namespace {

/// round(numerator / 2^shift), ties to even, exactly.
int64_t roundQuotient(__int128 numerator, int shift) {
  if (shift <= 0)
    return int64_t(numerator * (__int128(1) << -shift));
  __int128 quotient = numerator >> shift;
  __int128 rest = numerator - quotient * (__int128(1) << shift);
  __int128 half = __int128(1) << (shift - 1);
  bool up = rest > half || (rest == half && (quotient & 1));
  return int64_t(quotient + up);
}

/// A float as mantissa * 2^exponent.
struct Exact {
  int64_t mantissa;
  int exponent;

  explicit Exact(float value) {
    float fraction = std::frexp(value, &exponent);
    mantissa = int64_t(std::ldexp(fraction, 24));
    exponent -= 24;
  }
};

/// The nearest float of mantissa * 2^exponent, by counting bits.
float roundToFloat(__int128 mantissa, int exponent) {
  __int128 magnitude = mantissa < 0 ? -mantissa : mantissa;
  int excess = 0;
  while ((magnitude >> excess) >= (1 << 24))
    ++excess;
  int64_t rounded = roundQuotient(mantissa, excess);
  return std::ldexp(float(rounded), exponent + excess);
}

int32_t clampTo(int64_t value, int32_t lo, int32_t hi) {
  return int32_t(std::min<int64_t>(std::max<int64_t>(value, lo), hi));
}

struct Storage {
  int32_t lo, hi;
};
constexpr Storage kStorages[] = {{0, 255}, {-128, 127}, {-127, 127},    {-8, 7},
                                 {0, 15},  {-2, 1},     {-32768, 32767}};

} // namespace

// One term: f32(I) * m, each rounded once, then rounded to an integer: all
// three steps redone in integers, for zero points at both ends and inside.
TEST(QuantMath, RequantizeIsExactlyItsThreeRoundings) {
  std::mt19937 random(1);
  for (int trial = 0; trial != 200000; ++trial) {
    Storage storage = kStorages[random() % std::size(kStorages)];
    int32_t span = storage.hi - storage.lo;
    int32_t zeros[] = {storage.lo, storage.hi,
                       storage.lo + int32_t(random() % uint32_t(span + 1))};
    int32_t zero = zeros[random() % 3];
    int32_t integer = int32_t(random()) >> (random() % 31);
    float multiplier = std::ldexp(1.0f + float(random() % (1 << 23)) * 0x1p-23f,
                                  -int(random() % 24));
    float product = dequantize(integer, multiplier, 0);
    float converted = roundToFloat(integer, 0);
    Exact c(converted), m(multiplier);
    ASSERT_EQ(product, roundToFloat(__int128(c.mantissa) * m.mantissa,
                                    c.exponent + m.exponent));
    Exact p(product);
    int64_t exact =
        p.mantissa == 0 ? 0 : roundQuotient(p.mantissa, -p.exponent);
    ASSERT_EQ(roundToStorage(product, zero, storage.lo, storage.hi),
              clampTo(exact + zero, storage.lo, storage.hi))
        << integer << " * " << multiplier << " zero " << zero;
  }
}

// Every tie and its neighbours, for scales that make the division exact.
TEST(QuantMath, QuantizeRoundsTiesToEvenAndSaturates) {
  for (Storage storage : kStorages)
    for (int32_t zero : {storage.lo, storage.hi, (storage.lo + storage.hi) / 2})
      for (float scale : {0x1p-6f, 1.0f, 0x1p10f})
        for (int64_t halves = 2 * (storage.lo - zero) - 5;
             halves <= 2 * (storage.hi - zero) + 5; ++halves) {
          float value = float(halves) * 0.5f * scale;
          int32_t want =
              clampTo(roundQuotient(halves, 1) + zero, storage.lo, storage.hi);
          ASSERT_EQ(quantize(value, scale, zero, storage.lo, storage.hi), want);
          float above = std::nextafter(value, INFINITY);
          int64_t up = halves >= 0 ? (halves + 1) / 2 : -((-halves) / 2);
          ASSERT_EQ(
              quantize(above, scale, zero, storage.lo, storage.hi),
              clampTo((halves == 0 ? 0 : up) + zero, storage.lo, storage.hi))
              << above << " / " << scale;
        }
}

// dequantize then quantize with the same parameters is the identity.
TEST(QuantMath, QuantizeInvertsDequantize) {
  std::mt19937 random(2);
  for (int trial = 0; trial != 300; ++trial) {
    float scale = std::ldexp(1.0f + float(random() % (1 << 23)) * 0x1p-23f,
                             int(random() % 60) - 30);
    int32_t zero = int32_t(random() % 256);
    for (int32_t q = 0; q != 256; ++q)
      ASSERT_EQ(quantize(dequantize(q, scale, zero), scale, zero, 0, 255), q);
  }
}

TEST(QuantMath, DequantizeWrapsItsSubtraction) {
  EXPECT_EQ(dequantize(INT32_MIN, 1.0f, 1), float(INT32_MAX));
  EXPECT_EQ(dequantize(16777217, 1.0f, 0), 16777216.0f);
}

TEST(QuantMath, ClampsBecomeBoundsOfTheStorage) {
  QuantizedClamp relu6 = quantizeClamp(0.0f, 6.0f, 0.05f, 10, 0, 255);
  EXPECT_EQ(relu6.lo, 10);
  EXPECT_EQ(relu6.hi, 130);
  QuantizedClamp none = quantizeClamp(-INFINITY, INFINITY, 0.05f, 10, 0, 255);
  EXPECT_EQ(none.lo, 0);
  EXPECT_EQ(none.hi, 255);
}

TEST(QuantMath, NothingEscapesTheStorage) {
  EXPECT_EQ(roundToStorage(std::nanf(""), 3, 0, 255), 0);
  EXPECT_EQ(roundToStorage(INFINITY, 3, 0, 255), 255);
  EXPECT_EQ(roundToStorage(-INFINITY, 3, -128, 127), -128);
}

TEST(QuantMath, ScalesRoundToFiniteFloats) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  EXPECT_EQ(roundScale(0.1), 0.1f);
  EXPECT_EQ(roundScale(1e-46), 0.0f);
  EXPECT_EQ(roundScale(1e39), kLargest);
  EXPECT_EQ(roundScale(-std::numeric_limits<double>::infinity()), -kLargest);
  EXPECT_EQ(requantizeMultiplier(1e30, 1e-30), kLargest);
}

TEST(QuantMath, MultiplierIsRoundedOnce) {
  // The product of two f32 scales needs 48 bits; rounding it to f32 first gives
  // another quotient.
  double product = double(0.1f) * double(0.7f);
  float once = requantizeMultiplier(product, 0.3f);
  EXPECT_EQ(once, float(product / double(0.3f)));
  bool differs = false;
  for (int i = 1; i != 100; ++i)
    differs |= requantizeMultiplier(double(0.1f) * i * 0.7f, 0.3f) !=
               float(0.1f * float(i) * 0.7f) / 0.3f;
  EXPECT_TRUE(differs);
}

//===----------------------------------------------------------------------===//
// Fixed point
//===----------------------------------------------------------------------===//

TEST(QuantMath, FixedPointTiesGoUp) {
  EXPECT_EQ(roundFixedPoint(3 << 7, 8, 0, -128, 127), 2);
  EXPECT_EQ(roundFixedPoint(-(3 << 7), 8, 0, -128, 127), -1);
  EXPECT_EQ(roundFixedPoint(INT64_MAX / 2, 8, 5, 0, 255), 255);
  EXPECT_EQ(roundFixedPoint(INT64_MIN / 2, 62, 5, 0, 255), 4);
}

TEST(QuantMath, FixedPointSumsFit64Bits) {
  std::mt19937_64 random(7);
  for (int i = 0; i != 10000; ++i) {
    int terms = 1 + int(random() % 8);
    std::vector<double> ratios;
    double sum = 0;
    for (int k = 0; k != terms; ++k) {
      ratios.push_back(std::ldexp(1.0 + double(random() % 1000) / 1000,
                                  int(random() % 60) - 40));
      sum += ratios.back();
    }
    int shift = fixedPointShift(sum);
    int64_t multipliers = 0;
    for (double ratio : ratios)
      multipliers += fixedPointMultiplier(ratio, shift);
    EXPECT_LT(multipliers, int64_t(1) << 31);
    // The largest that fits, unless there is a larger one no more.
    if (shift < kMostFixedPointShift) {
      EXPECT_GE(std::ldexp(sum, shift + 1), 2147483648.0 - 64);
    }
  }
}

// Against the same sum in more bits than it has: the error of one multiplier is
// at most half of its last bit.
TEST(QuantMath, FixedPointIsCloseToTheRatio) {
  std::mt19937_64 random(9);
  for (int i = 0; i != 100000; ++i) {
    double ratio = std::ldexp(1.0 + double(random() % 4096) / 4096,
                              -int(random() % 20) - 1);
    int shift = fixedPointShift(ratio);
    int64_t x = int64_t(random() % (1 << 22)) - (1 << 21);
    int32_t got = roundFixedPoint(x * fixedPointMultiplier(ratio, shift), shift,
                                  0, INT32_MIN / 2, INT32_MAX / 2);
    EXPECT_NEAR(double(got), double(x) * ratio,
                0.5 + std::ldexp(double(std::abs(x)), -shift - 1));
  }
}

// Of a row, in double: within the stated bound of the softmax of the reals that
// the integers stand for.
TEST(QuantMath, SoftmaxIsCloseToTheReals) {
  std::mt19937 random(11);
  for (int64_t count : {1, 2, 10, 128, 1000, 70000})
    for (double scale : {1e-6, 0.01, 0.1, 0.5, 3.0, 1e30}) {
      std::vector<int32_t> table = softmaxTable(scale, count);
      std::vector<int> distances(count);
      for (int &distance : distances)
        distance = int(random() % 256);
      distances[random() % count] = 0;
      int64_t sum = 0;
      double reals = 0;
      for (int distance : distances) {
        sum += table[distance];
        reals += std::exp(-distance * double(float(scale)));
      }
      ASSERT_LE(sum, int64_t(1) << 30);
      // A step of the quotient, and half a step of each exponential.
      double bound = std::ldexp(1.0, -kSoftmaxBits) +
                     double(count + 1) / (2.0 * table[0]) + 1e-6;
      for (int distance : distances)
        ASSERT_NEAR(
            std::ldexp(softmaxQuotient(table[distance], sum), -kSoftmaxBits),
            std::exp(-distance * double(float(scale))) / reals, bound)
            << count << " " << scale;
    }
  EXPECT_EQ(softmaxQuotient(1 << 30, 1 << 30), 1 << kSoftmaxBits);
}

//===----------------------------------------------------------------------===//
// Divisions by products
//===----------------------------------------------------------------------===//

namespace {

float randomScale(std::mt19937 &random) {
  return std::ldexp(1.0f + float(random() % (1 << 23)) * 0x1p-23f,
                    int(random() % 119) - 59);
}

bool roundsAlike(ScaleInverse inverse, float scale, Storage steps, float x) {
  return roundToStorage(x / scale, 0, steps.lo, steps.hi) ==
         roundToStorage(inverse.times(x), 0, steps.lo, steps.hi);
}

/// At the eight floats on either side of each boundary between two steps.
bool roundsAlikeAtSteps(ScaleInverse inverse, float scale, Storage steps) {
  for (int32_t step = steps.lo + 1; step <= steps.hi; ++step) {
    float boundary = float((step - 0.5) * double(scale));
    float below = boundary, above = boundary;
    for (int i = 0; i <= 8; ++i) {
      if (!roundsAlike(inverse, scale, steps, below) ||
          !roundsAlike(inverse, scale, steps, above))
        return false;
      below = std::nextafter(below, -INFINITY);
      above = std::nextafter(above, INFINITY);
    }
  }
  return true;
}

constexpr Storage kSteps[] = {{0, 255}, {-128, 127}, {-3, 252}, {-255, 0}};

} // namespace

TEST(ScaleInverse, RoundsAsTheDivision) {
  std::mt19937 random(13);
  int numUsed = 0;
  for (int round = 0; round < 1000; ++round) {
    float scale = randomScale(random);
    Storage steps = kSteps[round % std::size(kSteps)];
    std::optional<ScaleInverse> inverse = ScaleInverse::of(scale);
    if (!inverse || !inverse->agrees(scale, steps.lo, steps.hi))
      continue;
    ++numUsed;
    EXPECT_GE(inverse->hi, 0);
    EXPECT_GE(inverse->lo, 0);
    EXPECT_TRUE(roundsAlikeAtSteps(*inverse, scale, steps)) << scale;
    using Limits = std::numeric_limits<float>;
    for (float x : {0.0f, Limits::denorm_min(), Limits::min(), Limits::max(),
                    Limits::infinity()}) {
      EXPECT_TRUE(roundsAlike(*inverse, scale, steps, x)) << scale << " " << x;
      EXPECT_TRUE(roundsAlike(*inverse, scale, steps, -x)) << scale << " " << x;
    }
    for (int i = 0; i < 100; ++i) {
      float x = std::ldexp(float(int32_t(random())), int(random() % 250) - 150);
      EXPECT_TRUE(roundsAlike(*inverse, scale, steps, x)) << scale << " " << x;
    }
    EXPECT_TRUE(std::isnan(inverse->times(std::nanf(""))));
  }
  EXPECT_GT(numUsed, 900);
}

TEST(ScaleInverse, NeedsTwoPartsInRange) {
  for (float scale : {0.0f, -0.3f, std::nanf(""), INFINITY, 0.25f, 1.0f, 1e-20f,
                      1e20f, 0x1p-60f, 0x1p60f})
    EXPECT_FALSE(ScaleInverse::of(scale)) << scale;
}

// The quotient rounds to the float above 100.5, the product to 100.5 itself.
TEST(ScaleInverse, ADivisionThatIsKept) {
  float scale = 0x1.23fffep+0f, x = 0x1.ca87fep+6f;
  std::optional<ScaleInverse> inverse = ScaleInverse::of(scale);
  ASSERT_TRUE(inverse);
  EXPECT_EQ(quantize(x, scale, 0, -128, 127), 101);
  EXPECT_EQ(roundToStorage(inverse->times(x), 0, -128, 127), 100);
  EXPECT_FALSE(inverse->agrees(scale, -128, 127));
  EXPECT_FALSE(inverse->agrees(scale, 100, 101));
  EXPECT_TRUE(inverse->agrees(scale, -100, 100));
}

TEST(ScaleInverse, WrongPairsAreRefused) {
  std::mt19937 random(17);
  int numRefused = 0, numAccepted = 0;
  for (int round = 0; round < 300; ++round) {
    float scale = randomScale(random);
    std::optional<ScaleInverse> inverse = ScaleInverse::of(scale);
    if (!inverse)
      continue;
    auto [hi, lo] = *inverse;
    Storage steps = kSteps[round % std::size(kSteps)];
    for (float wrong : {std::nextafter(hi, 0.0f), std::nextafter(hi, INFINITY)})
      EXPECT_FALSE(ScaleInverse({wrong, lo}).agrees(scale, steps.lo, steps.hi))
          << scale;
    // One part alone, and a part that is off by more and more: the answer is
    // that of the floats themselves.
    for (float part : {0.0f, lo * 0.5f, lo * 0.99f, lo * (1 + 0x1p-10f)}) {
      ScaleInverse changed{hi, part};
      bool agrees = changed.agrees(scale, steps.lo, steps.hi);
      EXPECT_EQ(agrees, roundsAlikeAtSteps(changed, scale, steps)) << scale;
      ++(agrees ? numAccepted : numRefused);
    }
  }
  EXPECT_GT(numRefused, 100);
  EXPECT_GT(numAccepted, 100);
}
