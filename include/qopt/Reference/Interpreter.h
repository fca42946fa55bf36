//===- Interpreter.h - The meaning of a qopt module, executed -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference interpreter runs modules of the phases `input` to `integer`
// exactly as docs/Numerics.md says. It is the oracle: compiled code must give
// the same bits on every input.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_REFERENCE_INTERPRETER_H
#define QOPT_REFERENCE_INTERPRETER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "qopt/Support/Tensor.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <optional>

namespace qopt {

struct InterpretOptions {
  /// Called for each `qopt.observe`, in program order.
  std::function<void(llvm::StringRef edge, std::optional<int64_t> axis,
                     const HostTensor &value)>
      observe;

  /// Called for each operation of the function's body that has a result, with
  /// the value of its first result, floats materialized. For debugging and for
  /// layer-by-layer comparisons.
  std::function<void(mlir::Operation *, const HostTensor &value)> trace;

  /// Whether float values are linear forms (docs/Numerics.md, section 2). By
  /// default they are where the function carries `qopt.linear_forms`.
  std::optional<bool> linearForms;
};

/// Runs `function`, which has one block, on tensors of its argument types. An
/// i8 argument takes U8 or I8 bytes; i8 results come back as I8 (as U8 if they
/// have `qopt.unsigned`), i1 as Bool, and `index` as I64. Safe to call from
/// several threads at once.
llvm::Expected<llvm::SmallVector<HostTensor>>
interpret(mlir::func::FuncOp function, llvm::ArrayRef<HostTensor> inputs,
          const InterpretOptions &options = {});

/// The value of a constant attribute of tensor or scalar type; sub-byte
/// integers come one element a byte, sign-extended.
llvm::Expected<HostTensor> hostTensorFromAttribute(mlir::Attribute attribute);

} // namespace qopt

#endif // QOPT_REFERENCE_INTERPRETER_H
