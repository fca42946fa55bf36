//===- Calibrate.h - Calibration: samples in, ranges out --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CALIBRATION_CALIBRATE_H
#define QOPT_CALIBRATION_CALIBRATE_H

#include "qopt/Calibration/CalibrationTable.h"
#include "qopt/Calibration/ModelRunner.h"
#include "qopt/Support/DataSet.h"
#include "qopt/Support/Progress.h"
#include <optional>

namespace qopt {

struct CalibrationOptions {
  ObserverOptions observer;
  /// Use only the first samples; all without it.
  std::optional<int64_t> maxSamples;
  /// Use only every so manieth sample.
  int64_t stride = 1;
  /// How many samples run at once. The result does not depend on it.
  unsigned threads = 1;
  /// The model's name for the table.
  std::string modelName;
};

/// Runs the samples through the model. `data` must be bound to the runner's
/// inputs. What is held grows with the edges and the threads, not with the
/// samples. `progress` is called by one thread at a time.
llvm::Expected<CalibrationTable> calibrate(ModelRunner &runner,
                                           const DataSet &data,
                                           const CalibrationOptions &options,
                                           const ProgressFn &progress = {});

} // namespace qopt

#endif // QOPT_CALIBRATION_CALIBRATE_H
