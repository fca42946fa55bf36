#include "qopt/Support/WeightQuant.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace qopt;

TEST(WeightQuant, ScalesPerChannel) {
  QuantizedWeights q = quantizeWeights(
      {1.27f, -0.5f, 12.7f, 0.0f}, {0, 0, 1, 1}, {0, 0}, 8, WeightRange::Max);
  EXPECT_EQ(q.scales[0], float(double(1.27f) / 127));
  EXPECT_EQ(q.scales[1], float(double(12.7f) / 127));
  EXPECT_EQ(q.values, (std::vector<int8_t>{127, -50, 127, 0}));
}

TEST(WeightQuant, ZeroWeightsTakeTheBiasScale) {
  QuantizedWeights q =
      quantizeWeights({0, 0}, {0, 1}, {0, 0.25}, 8, WeightRange::Max);
  EXPECT_EQ(q.scales, (std::vector<float>{1.0f, 0.25f}));
}

TEST(WeightQuant, ABiasRaisesTheScale) {
  QuantizedWeights q = quantizeWeights({1.0f}, {0}, {0.5}, 8, WeightRange::Max);
  EXPECT_EQ(q.scales[0], 0.5f);
  EXPECT_EQ(q.values[0], 2);
}

// A scale is a normal float, whatever asks for less.
TEST(WeightQuant, ScalesDoNotUnderflow) {
  constexpr float kLeast = std::numeric_limits<float>::min();
  QuantizedWeights q =
      quantizeWeights({100 * kLeast, 0, kLeast, 1e-45f, 3 * kLeast},
                      {0, 1, 2, 3, 3}, {0, 1e-60, 0, 0}, 8, WeightRange::Max);
  EXPECT_EQ(q.scales, std::vector<float>(4, kLeast));
  EXPECT_EQ(q.values, (std::vector<int8_t>{100, 0, 1, 0, 3}));
  q = quantizeWeights({5 * kLeast, -kLeast}, {0, 0}, {0}, 4, WeightRange::Mse);
  EXPECT_EQ(q.scales[0], kLeast);
  EXPECT_EQ(q.values, (std::vector<int8_t>{5, -1}));
}

// The least error of a symmetric 15-level grid on N(0,1) is 0.012889, at a clip
// of 2.4735 (Lloyd-Max with a fixed uniform grid).
TEST(WeightQuant, MseFindsTheGaussianClip) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> weights(100000);
  for (float &weight : weights)
    weight = normal(random);
  std::vector<uint32_t> scaleOf(weights.size(), 0);
  QuantizedWeights q =
      quantizeWeights(weights, scaleOf, {0}, 4, WeightRange::Mse);
  double error = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    error +=
        std::pow(double(weights[i]) - q.values[i] * double(q.scales[0]), 2);
  EXPECT_NEAR(q.scales[0] * 7, 2.4735, 0.03 * 2.4735);
  EXPECT_NEAR(error / weights.size(), 0.012889, 0.02 * 0.012889);
}

TEST(WeightQuant, ActivationRangesContainZero) {
  EXPECT_EQ(chooseActivationParams(0, 255), (ActivationParams{1.0f, 0}));
  EXPECT_EQ(chooseActivationParams(2, 255), (ActivationParams{1.0f, 0}));
  EXPECT_EQ(chooseActivationParams(-255, -3), (ActivationParams{1.0f, 255}));
  EXPECT_EQ(chooseActivationParams(-1, 3).zeroPoint, 64);
  EXPECT_EQ(chooseActivationParams(0, 0), (ActivationParams{1.0f, 0}));
  EXPECT_EQ(chooseActivationParams(0, 1e-37f), (ActivationParams{1.0f, 0}));
}
