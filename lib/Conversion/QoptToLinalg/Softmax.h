//===- Softmax.h - Softmax in floats ----------------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_CONVERSION_QOPTTOLINALG_SOFTMAX_H
#define QOPT_LIB_CONVERSION_QOPTTOLINALG_SOFTMAX_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace qopt {

/// The softmax of a tensor of static shape as docs/Numerics.md, section 3,
/// defines it: elementwise operations and reductions.
mlir::Value decomposeSoftmax(mlir::OpBuilder &builder,
                             mlir::linalg::SoftmaxOp op);

} // namespace qopt

#endif // QOPT_LIB_CONVERSION_QOPTTOLINALG_SOFTMAX_H
