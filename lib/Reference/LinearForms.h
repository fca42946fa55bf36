//===- LinearForms.h - Values that are integers times scales --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_REFERENCE_LINEARFORMS_H
#define QOPT_LIB_REFERENCE_LINEARFORMS_H

#include "StructuredOps.h"
#include "TensorOps.h"
#include "Values.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

namespace qopt::reference {

/// The floats that a form stands for: sum of f32(I_k) * f32(s_k), then the
/// clamp.
TensorRef materialize(const LinearForm &form);

/// How the rules below see the values computed so far.
struct FormEnvironment {
  /// The form of a value; null if it has none.
  llvm::function_ref<const LinearForm *(mlir::Value)> form;
  /// The tensor of a value; a form is materialized.
  llvm::function_ref<Expected<TensorRef>(mlir::Value)> tensor;
  /// Whether forms are quantized in fixed point.
  bool fixedPoint = false;
};

/// Applies the table of docs/Numerics.md, section 2, to an operation with one
/// result. An empty answer means that no line of the table fits: then all
/// operands are materialized and the operation runs in float.
Expected<std::optional<RuntimeValue>>
applyLinearRules(mlir::Operation *op, const FormEnvironment &environment);

} // namespace qopt::reference

#endif // QOPT_LIB_REFERENCE_LINEARFORMS_H
