//===- DepthwiseSchedule.h - Tiles of depthwise contractions --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_DEPTHWISESCHEDULE_H
#define QOPT_LIB_SCHEDULE_DEPTHWISESCHEDULE_H

#include "qopt/Schedule/DepthwiseDot.h"
#include "qopt/Schedule/Schedule.h"
#include "qopt/Target/DotForm.h"

namespace qopt {

/// Tiles, unrolling and order of the "depthwise-dot" kernel for a root of shape
/// `shape` with its channels last, and what they cost: vector instructions for
/// each vector of the result. `loops` maps the root's dimensions to the loops
/// of `dot`. Nothing if no tile fits the registers.
struct DepthwiseSchedule {
  Schedule schedule;
  double cost = 0;
};
std::optional<DepthwiseSchedule>
chooseDepthwiseSchedule(const DepthwiseDot &dot, mlir::AffineMap loops,
                        llvm::ArrayRef<int64_t> shape, const TargetInfo &target,
                        const DotForm &form);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_DEPTHWISESCHEDULE_H
