//===- Lowering.h - From loop nests to the LLVM dialect -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_LOWERING_H
#define QOPT_TARGET_LOWERING_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "qopt/Target/TargetInfo.h"

namespace qopt {

/// `scheduled` -> `planned`: tensors to buffers, buffers into the arena.
/// Linalg on tensors that no schedule has touched passes, too.
void buildPlannedPipeline(mlir::OpPassManager &pm);

/// `planned` -> `llvm`: what linalg is left to loops, everything to the LLVM
/// dialect with bare pointers.
void buildLlvmPipeline(mlir::OpPassManager &pm, const TargetInfo &target);

/// The interfaces that the two pipelines and the translation to LLVM IR find
/// on operations of other dialects. The dialects themselves are registered too.
void registerLoweringInterfaces(mlir::DialectRegistry &registry);

} // namespace qopt

#endif // QOPT_TARGET_LOWERING_H
