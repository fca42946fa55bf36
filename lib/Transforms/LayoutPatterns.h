//===- LayoutPatterns.h - The patterns of qopt-assign-layout --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TRANSFORMS_LAYOUTPATTERNS_H
#define QOPT_LIB_TRANSFORMS_LAYOUTPATTERNS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace qopt {

/// The transposition that defines a value, if one does.
inline mlir::linalg::TransposeOp getTranspose(mlir::Value value) {
  return value.getDefiningOp<mlir::linalg::TransposeOp>();
}

/// What it takes to give `value` the layout `perm`.
enum class TransposeCost {
  /// One transposition less: `value` is the inverse transposition.
  Saves,
  /// Data or an init that is rewritten in place, or the identity.
  Free,
  /// Another transposition in place of the one there is.
  Neutral,
  /// A new transposition.
  Adds,
};
TransposeCost transposeCost(mlir::Value value, llvm::ArrayRef<int64_t> perm);

/// Whether giving each of `values` its layout in `perms`, for one transposition
/// of the result, does not raise the number of transpositions. At a tie the
/// values that get a new one must be function arguments that other operations
/// read in the new layout anyway.
bool isWorthSinking(llvm::ArrayRef<mlir::Value> values,
                    llvm::ArrayRef<llvm::SmallVector<int64_t>> perms);

/// op(transpose(x), ...) -> transpose(op'(x, ...)) for generics.
void populateSinkTransposeIntoGenericPatterns(
    mlir::RewritePatternSet &patterns);

/// The same for pad, concat, extract_slice and reshapes, for matrix products
/// with constant weights, and the algebra of transpositions.
void populateSinkTransposeIntoMovementPatterns(
    mlir::RewritePatternSet &patterns);

/// transpose(op(x)) -> op'(transpose(x)) along a chain from an argument.
void populateHoistTransposePatterns(mlir::RewritePatternSet &patterns);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_LAYOUTPATTERNS_H
