//===- Runners.h - Observed modules that run --------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CALIBRATION_RUNNERS_H
#define QOPT_CALIBRATION_RUNNERS_H

#include "mlir/IR/BuiltinOps.h"
#include "qopt/Calibration/ModelRunner.h"
#include "qopt/Target/Emit.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <memory>

namespace qopt {

/// Compiles a copy of a module of phase `observed` for this host. `schedule`
/// may take the copy to phase `scheduled` first; without it the code is plain
/// loops.
llvm::Expected<std::unique_ptr<ModelRunner>> createCompiledRunner(
    mlir::ModuleOp observed, const EmitOptions &options,
    llvm::function_ref<llvm::LogicalResult(mlir::ModuleOp)> schedule = nullptr);

/// Interprets the public function of a module of phase `observed`, which must
/// outlive the runner.
llvm::Expected<std::unique_ptr<ModelRunner>>
createInterpreterRunner(mlir::ModuleOp observed);

} // namespace qopt

#endif // QOPT_CALIBRATION_RUNNERS_H
