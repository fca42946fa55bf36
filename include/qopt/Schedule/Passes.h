//===- Passes.h - Constructors and registration of passes -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SCHEDULE_PASSES_H
#define QOPT_SCHEDULE_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "qopt/Schedule/Schedule.h"

namespace qopt {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "qopt/Schedule/Passes.h.inc"
} // namespace qopt

#endif // QOPT_SCHEDULE_PASSES_H
