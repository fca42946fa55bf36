//===- Outlining.h - What code moves to another function ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A loop that becomes a function of the model's arguments uses constants and
// views of the arena, which are computed again there.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_OUTLINING_H
#define QOPT_TRANSFORMS_OUTLINING_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace qopt {

/// The values that `op` and its regions use and that are defined outside.
llvm::SmallVector<mlir::Value> usedFromOutside(mlir::Operation *op);

/// Whether `value` is an argument, or computed from such without effects.
bool canRepeat(mlir::Value value);

/// Computes `value` again, from what `map` knows, and adds it to `map`.
mlir::Value rebuild(mlir::OpBuilder &b, mlir::Value value,
                    mlir::IRMapping &map);

} // namespace qopt

#endif // QOPT_TRANSFORMS_OUTLINING_H
