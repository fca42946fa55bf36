//===- Metrics.h - How good a model's answers are -------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_METRICS_H
#define QOPT_SUPPORT_METRICS_H

#include "qopt/Support/Tensor.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <vector>

namespace qopt {

enum class MetricKind {
  /// Share of answers whose largest output is the label's, in percent.
  Top1,
  /// Share of answers whose largest output is the reference's, in percent.
  Agreement,
  /// Mean squared difference from the reference.
  Mse,
  /// -10 log10(mse / peak^2) per sample, the mean of it.
  Psnr,
  /// The largest absolute difference from the reference.
  MaxDiff,
};

struct MetricInfo {
  MetricKind kind;
  llvm::StringLiteral name;
  llvm::StringLiteral unit;
  /// Compares with labels, not with a tensor of the output's shape.
  bool needsLabel;
  /// Looks for the largest of the classes of each answer.
  bool needsClasses;
};

/// How an output of scores is read: `answers` of them, each over `classes`.
struct ClassScores {
  int64_t answers = 1;
  int64_t classes = 1;

  /// The reading of [classes] and of [answers, classes], with or without
  /// dimensions of size 1 behind; none for any other shape.
  static std::optional<ClassScores> ofShape(llvm::ArrayRef<int64_t> shape);
};

llvm::ArrayRef<MetricInfo> allMetrics();
const MetricInfo &metricInfo(MetricKind kind);
std::optional<MetricKind> parseMetric(llvm::StringRef name);

/// Position of the largest element, the first of equals. A NaN never wins.
int64_t argMax(const HostTensor &tensor);

/// The largest class of each answer in an output of scores.
llvm::SmallVector<int64_t> classOfEachAnswer(const HostTensor &scores);

/// One metric over many samples. The samples may come in any order; the value
/// is summed in order of their index, so it does not depend on threads.
class Metric {
public:
  Metric(MetricKind kind, int64_t numSamples, double peak = 1.0)
      : kind(kind), peak(peak), perSample(numSamples) {}

  /// Different samples may be set by different threads at once. `reference`
  /// holds one label for each answer, or a tensor with as many elements as
  /// `output`.
  void set(int64_t sample, const HostTensor &output,
           const HostTensor &reference);

  double value() const;
  MetricKind getKind() const { return kind; }

private:
  MetricKind kind;
  double peak;
  std::vector<double> perSample;
};

} // namespace qopt

#endif // QOPT_SUPPORT_METRICS_H
