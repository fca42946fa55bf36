//===- Metrics.cpp - How good a model's answers are -----------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Metrics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include <algorithm>
#include <cmath>

namespace qopt {

static constexpr MetricInfo kMetrics[] = {
    {MetricKind::Top1, "top1", "%", true, true},
    {MetricKind::Agreement, "agreement", "%", false, true},
    {MetricKind::Mse, "mse", "", false, false},
    {MetricKind::Psnr, "psnr", "dB", false, false},
    {MetricKind::MaxDiff, "max-diff", "", false, false},
};

llvm::ArrayRef<MetricInfo> allMetrics() { return kMetrics; }

const MetricInfo &metricInfo(MetricKind kind) {
  return kMetrics[static_cast<size_t>(kind)];
}

std::optional<MetricKind> parseMetric(llvm::StringRef name) {
  for (const MetricInfo &info : kMetrics)
    if (info.name == name)
      return info.kind;
  return std::nullopt;
}

/// Of the `count` elements from `first`, counted from there.
static int64_t argMax(const HostTensor &tensor, int64_t first, int64_t count) {
  int64_t best = 0;
  double bestValue = -INFINITY;
  for (int64_t i = 0; i < count; ++i) {
    double value = elementAsDouble(tensor, first + i);
    if (value > bestValue) {
      bestValue = value;
      best = i;
    }
  }
  return best;
}

int64_t argMax(const HostTensor &tensor) {
  return argMax(tensor, 0, tensor.numElements());
}

std::optional<ClassScores> ClassScores::ofShape(llvm::ArrayRef<int64_t> shape) {
  while (shape.size() > 2 && shape.back() == 1)
    shape = shape.drop_back();
  if (shape.empty() || shape.size() > 2)
    return std::nullopt;
  return ClassScores{shape.size() == 2 ? shape.front() : 1, shape.back()};
}

llvm::SmallVector<int64_t> classOfEachAnswer(const HostTensor &scores) {
  llvm::SmallVector<int64_t> result;
  // Scores of no such shape are one answer.
  ClassScores form = ClassScores::ofShape(scores.shape)
                         .value_or(ClassScores{1, scores.numElements()});
  for (int64_t answer = 0; answer < form.answers; ++answer)
    result.push_back(argMax(scores, answer * form.classes, form.classes));
  return result;
}

/// In percent; `expected` gives the class of an answer.
static double shareOfRight(llvm::ArrayRef<int64_t> classes,
                           llvm::function_ref<double(size_t)> expected) {
  size_t right = 0;
  for (auto [answer, found] : llvm::enumerate(classes))
    right += static_cast<double>(found) == expected(answer);
  return classes.empty() ? 0 : 100.0 * right / classes.size();
}

static double meanSquaredDifference(const HostTensor &a, const HostTensor &b) {
  double sum = 0;
  int64_t count = a.numElements();
  for (int64_t i = 0; i < count; ++i) {
    double difference = elementAsDouble(a, i) - elementAsDouble(b, i);
    sum += difference * difference;
  }
  return count ? sum / count : 0;
}

static double largestDifference(const HostTensor &a, const HostTensor &b) {
  double largest = 0;
  for (int64_t i = 0, e = a.numElements(); i < e; ++i) {
    double difference = std::abs(elementAsDouble(a, i) - elementAsDouble(b, i));
    // A NaN on one side is as wrong as can be.
    largest = std::max(largest, std::isnan(difference) ? INFINITY : difference);
  }
  return largest;
}

void Metric::set(int64_t sample, const HostTensor &output,
                 const HostTensor &reference) {
  double value = 0;
  switch (kind) {
  case MetricKind::Top1:
    value = shareOfRight(classOfEachAnswer(output), [&](size_t answer) {
      return elementAsDouble(reference, answer);
    });
    break;
  case MetricKind::Agreement: {
    auto expected = classOfEachAnswer(reference);
    value = shareOfRight(classOfEachAnswer(output),
                         [&](size_t answer) { return expected[answer]; });
    break;
  }
  case MetricKind::Mse:
    value = meanSquaredDifference(output, reference);
    break;
  case MetricKind::Psnr:
    value = -10.0 * std::log10(meanSquaredDifference(output, reference) /
                               (peak * peak));
    break;
  case MetricKind::MaxDiff:
    value = largestDifference(output, reference);
    break;
  }
  perSample[sample] = value;
}

double Metric::value() const {
  if (perSample.empty())
    return 0;
  if (kind == MetricKind::MaxDiff)
    return *llvm::max_element(perSample);
  double sum = 0;
  for (double value : perSample)
    sum += value;
  return sum / perSample.size();
}

} // namespace qopt
