//===- MetricsTest.cpp - How good a model's answers are -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Metrics.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace qopt;

namespace {

template <typename T>
HostTensor tensor(DType dtype, std::initializer_list<T> values) {
  HostTensor result(dtype, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), result.data<T>().begin());
  return result;
}

HostTensor floats(std::initializer_list<float> values) {
  return tensor<float>(DType::F32, values);
}

TEST(Metrics, namesRoundTrip) {
  for (const MetricInfo &info : allMetrics()) {
    EXPECT_EQ(parseMetric(info.name), info.kind);
    EXPECT_EQ(metricInfo(info.kind).name, info.name);
  }
  EXPECT_EQ(parseMetric("top2"), std::nullopt);
}

TEST(Metrics, elementsOfEveryWidth) {
  EXPECT_EQ(elementAsDouble(tensor<uint8_t>(DType::U8, {255}), 0), 255.0);
  EXPECT_EQ(elementAsDouble(tensor<int8_t>(DType::I8, {-1}), 0), -1.0);
  // 1.5, the smallest subnormal and -2 as halves.
  HostTensor halves = tensor<uint16_t>(DType::F16, {0x3e00, 0x0001, 0xc000});
  EXPECT_EQ(elementAsDouble(halves, 0), 1.5);
  EXPECT_EQ(elementAsDouble(halves, 1), std::ldexp(1.0, -24));
  EXPECT_EQ(elementAsDouble(halves, 2), -2.0);
}

TEST(Metrics, argMaxTakesTheFirstAndNeverNaN) {
  EXPECT_EQ(argMax(floats({1, 3, 3, 2})), 1);
  EXPECT_EQ(argMax(floats({NAN, -5, -4})), 2);
}

TEST(Metrics, top1) {
  Metric metric(MetricKind::Top1, 4);
  for (int64_t sample = 0; sample < 4; ++sample)
    metric.set(sample, floats({0, 1}),
               tensor<int64_t>(DType::I64, {sample == 0 ? 1 : 0}));
  EXPECT_EQ(metric.value(), 25.0);
}

TEST(Metrics, everyAnswerOfABatchCounts) {
  HostTensor scores(DType::F32, {2, 3, 1, 1});
  llvm::copy(std::initializer_list<float>{0, 1, 0, 5, 1, 0},
             scores.data<float>().begin());
  Metric metric(MetricKind::Top1, 1);
  metric.set(0, scores, tensor<int64_t>(DType::I64, {1, 0}));
  EXPECT_EQ(metric.value(), 100.0);
  metric.set(0, scores, tensor<int64_t>(DType::I64, {1, 2}));
  EXPECT_EQ(metric.value(), 50.0);

  HostTensor other(DType::F32, {2, 3});
  llvm::copy(std::initializer_list<float>{0, 9, 0, 0, 0, 1},
             other.data<float>().begin());
  Metric agreement(MetricKind::Agreement, 1);
  agreement.set(0, scores, other);
  EXPECT_EQ(agreement.value(), 50.0);
}

TEST(Metrics, scoresAreRowsOfClasses) {
  auto form = ClassScores::ofShape({4, 10});
  ASSERT_TRUE(form.has_value());
  EXPECT_EQ(form->answers, 4);
  EXPECT_EQ(form->classes, 10);
  EXPECT_EQ(ClassScores::ofShape({10})->answers, 1);
  EXPECT_EQ(ClassScores::ofShape({1, 10, 1, 1})->classes, 10);
  EXPECT_FALSE(ClassScores::ofShape({1, 10, 4, 4}));
  EXPECT_FALSE(ClassScores::ofShape({}));
}

TEST(Metrics, errorsAgainstAReference) {
  Metric mse(MetricKind::Mse, 2), largest(MetricKind::MaxDiff, 2),
      psnr(MetricKind::Psnr, 2, /*peak=*/10.0);
  for (int64_t sample = 0; sample < 2; ++sample)
    for (Metric *metric : {&mse, &largest, &psnr})
      metric->set(sample, floats({1, 2}), floats({2, 1}));
  mse.set(1, floats({0, 0}), floats({3, 0}));
  largest.set(1, floats({0, 0}), floats({-3, 0}));
  EXPECT_EQ(mse.value(), (1.0 + 4.5) / 2);
  EXPECT_EQ(largest.value(), 3.0);
  // mse 1 with a peak of 10: 10 log10(100).
  EXPECT_DOUBLE_EQ(psnr.value(), 20.0);
}

// A NaN in the output must not look like a perfect answer.
TEST(Metrics, nanIsTheWorstDifference) {
  Metric metric(MetricKind::MaxDiff, 1);
  metric.set(0, floats({NAN, 1}), floats({0, 1}));
  EXPECT_EQ(metric.value(), INFINITY);
}

} // namespace
