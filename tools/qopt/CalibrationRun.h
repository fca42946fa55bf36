//===- CalibrationRun.h - Calibration as the commands offer it -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_CALIBRATIONRUN_H
#define QOPT_TOOLS_QOPT_CALIBRATIONRUN_H

#include "Cli.h"
#include "mlir/IR/BuiltinOps.h"
#include "qopt/Calibration/CalibrationTable.h"
#include "qopt/Calibration/InputMeans.h"
#include "llvm/Support/CommandLine.h"

namespace qopt::cli {

/// How samples become ranges; options of the command they are constructed
/// with.
struct CalibrationRunOptions {
  /// `fallback` is, in words, the observer where none is given.
  explicit CalibrationRunOptions(llvm::cl::SubCommand &command,
                                 llvm::StringRef fallback = "the recipe's");

  /// `fallback` is the observer where none is given.
  llvm::Expected<ObserverOptions>
  observerOptions(llvm::StringRef fallback) const;

  /// Whether one of them was given.
  bool any() const;

  llvm::cl::opt<std::string> observer;
  NumberOption<double> percentile;
  NumberOption<long long> samples;
};

/// Compiles a copy of `observed`, which is in that phase, for this host and
/// runs the samples through it. What its layers see on average goes to
/// `means`, if it is not null.
llvm::Expected<CalibrationTable>
runCalibration(mlir::ModuleOp observed, llvm::StringRef dataPath,
               const CalibrationRunOptions &options, llvm::StringRef observer,
               InputMeans *means = nullptr);

/// A warning where the samples cannot stand for what the model will see: there
/// is one alone, or an input never changes. `origin` is how it calls them.
void warnOfPoorSamples(mlir::ModuleOp observed, const CalibrationTable &table,
                       llvm::StringRef origin);

/// The means alone, where the ranges come from a file; of the samples that
/// `limits` leaves.
llvm::Error collectInputMeans(mlir::ModuleOp calibrated,
                              llvm::StringRef dataPath,
                              const CalibrationRunOptions &limits,
                              InputMeans &means);

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_CALIBRATIONRUN_H
