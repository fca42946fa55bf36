//===- OpTable.h - The ONNX operators that qopt knows ---------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// To add an operator: write its handler and its row in the file of its family.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_OPTABLE_H
#define QOPT_LIB_IMPORT_ONNX_OPTABLE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace qopt::onnximport {

class NodeContext;

using OpHandler = mlir::LogicalResult (*)(NodeContext &);

/// The opsets that the door accepts.
constexpr int64_t kMinOpset = 7;
constexpr int64_t kMaxOpset = 21;

/// Any number of inputs or outputs.
constexpr int kVariadic = 1 << 20;

/// One form of one operator: where the signature changed between opsets, each
/// form has its row.
struct OpRow {
  llvm::StringLiteral name;
  /// First and last opset of this form, within [kMinOpset, kMaxOpset].
  int64_t since, until;
  int minInputs, maxInputs, maxOutputs;
  OpHandler handler;
  /// Its attributes as `name:type` with the types i, f, s, t, I (ints) and F
  /// (floats). One behind `-` does not change what the node computes.
  llvm::StringLiteral attributes;
};

/// The row for this operator in this opset. If there is none, `known` says
/// whether another opset has the operator.
const OpRow *findOp(llvm::StringRef name, int64_t opset, bool &known);

/// All rows, family by family.
llvm::ArrayRef<llvm::ArrayRef<OpRow>> allOps();

// The families.
llvm::ArrayRef<OpRow> activationOps();
llvm::ArrayRef<OpRow> convOps();
llvm::ArrayRef<OpRow> elementwiseOps();
llvm::ArrayRef<OpRow> matmulOps();
llvm::ArrayRef<OpRow> movementOps();
llvm::ArrayRef<OpRow> normalizationOps();
llvm::ArrayRef<OpRow> poolOps();
llvm::ArrayRef<OpRow> reductionOps();
llvm::ArrayRef<OpRow> reshapeOps();
llvm::ArrayRef<OpRow> resizeOps();
llvm::ArrayRef<OpRow> shapeOps();

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_OPTABLE_H
