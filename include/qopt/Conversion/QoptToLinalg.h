//===- QoptToLinalg.h - Quantization operations as linalg -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CONVERSION_QOPTTOLINALG_H
#define QOPT_CONVERSION_QOPTTOLINALG_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace qopt {

/// Builds the linalg.generic that computes what the elementwise operation `op`
/// of the qopt dialect does, on `operands` in place of the operation's own:
/// tensors, or the buffers of all of them (then the result has no value).
/// Fails if `op` has no linalg form.
mlir::FailureOr<mlir::linalg::GenericOp>
buildLinalg(mlir::RewriterBase &rewriter, mlir::Operation *op,
            mlir::ValueRange operands);

} // namespace qopt

#endif // QOPT_CONVERSION_QOPTTOLINALG_H
