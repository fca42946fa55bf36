//===- FloatPipeline.h - From any front end to the float phase -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_FLOATPIPELINE_H
#define QOPT_TRANSFORMS_FLOATPIPELINE_H

#include "mlir/Pass/PassManager.h"

namespace qopt {

/// Appends the passes that take a module from phase `input` to phase `float`.
void buildFloatPipeline(mlir::OpPassManager &pm);

} // namespace qopt

#endif // QOPT_TRANSFORMS_FLOATPIPELINE_H
