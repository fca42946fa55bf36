//===- Observers.h - Observed edges of a module -----------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_OBSERVERS_H
#define QOPT_TRANSFORMS_OBSERVERS_H

#include "mlir/IR/Operation.h"
#include "qopt/Calibration/CalibrationTable.h"
#include "qopt/Calibration/ModelRunner.h"
#include <vector>

namespace qopt {

/// The edges of all `qopt.observe` under `root`, in the order of the module.
std::vector<EdgeInfo> collectObservedEdges(mlir::Operation *root);

/// Sets `min` and `max` of every `qopt.observe` under `root` from the table.
/// Edges that the table does not have, or has with another granularity, are an
/// error on their operation.
llvm::LogicalResult applyCalibration(mlir::Operation *root,
                                     const CalibrationTable &table);

} // namespace qopt

#endif // QOPT_TRANSFORMS_OBSERVERS_H
