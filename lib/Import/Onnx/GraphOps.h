//===- GraphOps.h - Movement of constant and computed values --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operations that handlers share. Each gives a constant for constants and
// linalg for values that are computed at run time.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_GRAPHOPS_H
#define QOPT_LIB_IMPORT_ONNX_GRAPHOPS_H

#include "HostEval.h"
#include "LinalgBuilder.h"
#include "NodeContext.h"

namespace qopt::onnximport {

GraphValue reshape(NodeContext &context, const GraphValue &input,
                   llvm::ArrayRef<int64_t> shape);
GraphValue transpose(NodeContext &context, const GraphValue &input,
                     llvm::ArrayRef<int64_t> permutation);
/// The elements `indices` of `dim`: a slice where they are evenly spaced.
GraphValue gather(NodeContext &context, const GraphValue &input, int64_t dim,
                  llvm::ArrayRef<int64_t> indices);

/// Broadcasts `inputs` as numpy does and combines their elements, and makes
/// that the node's output. Constants alone are combined at once.
mlir::LogicalResult combine(NodeContext &context,
                            llvm::ArrayRef<GraphValue> inputs,
                            HostFloatFn floatFn, HostIntFn intFn,
                            BodyBuilder body);

/// `value` as an operand of an elementwise operation of shape `shape`:
/// constants of one element become scalars, broadcast dimensions disappear.
mlir::FailureOr<ElementwiseOperand> makeOperand(NodeContext &context,
                                                const GraphValue &value,
                                                llvm::ArrayRef<int64_t> shape,
                                                llvm::StringRef what);

/// Channels last: [N, C, S...] -> [N, S..., C] for every rank, and back.
mlir::Value toChannelsLast(NodeContext &context, mlir::Value input);
mlir::Value toChannelsFirst(NodeContext &context, mlir::Value input);

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_GRAPHOPS_H
