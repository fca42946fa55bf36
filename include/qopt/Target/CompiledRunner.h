//===- CompiledRunner.h - Calibration on compiled code --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_COMPILEDRUNNER_H
#define QOPT_TARGET_COMPILEDRUNNER_H

#include "qopt/Calibration/ModelRunner.h"
#include "qopt/Target/Emit.h"
#include <memory>

namespace qopt {

/// Compiles a copy of a module of phase `observed` for this process. The
/// context needs registerLoweringInterfaces. A sample runs on the thread that
/// asks for it.
llvm::Expected<std::unique_ptr<ModelRunner>>
createCompiledRunner(mlir::ModuleOp observed, const EmitOptions &options);

} // namespace qopt

#endif // QOPT_TARGET_COMPILEDRUNNER_H
