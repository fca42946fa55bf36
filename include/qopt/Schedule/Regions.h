//===- Regions.h - Which operations share a loop nest ---------- -*- C++
//-*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fused region is a set of linalg operations that become one loop nest: the
// root, whose result is stored, and producers that are computed in registers
// where the root asks for them.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SCHEDULE_REGIONS_H
#define QOPT_SCHEDULE_REGIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"

namespace qopt {

struct FusedRegion {
  mlir::linalg::LinalgOp root;
  /// The root and its fused producers, consumers before producers.
  llvm::SetVector<mlir::Operation *> ops;

  bool contains(mlir::Operation *op) const { return op && ops.contains(op); }
  /// The region's operation that defines `value`, or null.
  mlir::linalg::LinalgOp producerOf(mlir::Value value) const;
};

/// Whether code generation understands `op`: tensors of static shape, one
/// result, a projected permutation without repeated loops as its map.
bool canGenerate(mlir::linalg::LinalgOp op);

/// Whether `op` gives a tensor another shape, or takes a part of it: memory is
/// seen anew.
bool isView(mlir::Operation *op);

/// Whether `map` reads every element at most once over loops of these extents:
/// each loop of more than one iteration is in exactly one result, and a sum of
/// loops counts like the digits of a mixed-radix number.
bool isInjective(mlir::AffineMap map, llvm::ArrayRef<int64_t> extents);

/// Whether a slice of the loops of `op` reads slices of its operands, at the
/// same places wherever it begins: all maps are sums of loops with positive
/// factors.
bool readsSlices(mlir::linalg::LinalgOp op);

/// Partitions the linalg operations of `func` into regions, in program order of
/// their roots. A producer joins when
///  - it is elementwise on constants (a broadcast bias, a fill, dequantized
///    weights): computing it again costs less than storing it; or
///  - all of its uses are in one region and none of its elements is needed
///    twice; a contraction is not moved under a reduction that would fetch its
///    weights again, what finishes a reduction stays with it, and two
///    contractions, in float or each rounded to bytes, are not computed side by
///    side.
llvm::SmallVector<FusedRegion> findFusedRegions(mlir::func::FuncOp func);

/// What a region reads of tensors that it does not compute.
struct OutsideReads {
  struct Read {
    mlir::Value tensor;
    /// In the dimensions of the root's result, and in one for each reduction.
    llvm::SmallVector<mlir::AffineExpr> index;
  };
  llvm::SmallVector<Read> reads;
  /// Of all dimensions, those of the root's result first.
  llvm::SmallVector<int64_t> extents;

  explicit OutsideReads(const FusedRegion &region);

private:
  void collect(const FusedRegion &region, mlir::linalg::LinalgOp op,
               llvm::ArrayRef<mlir::AffineExpr> at);

  /// Operations, and the elements of their results that are asked for.
  llvm::DenseSet<std::pair<mlir::Operation *, mlir::AffineMap>> seen;
};

/// Whether elements take more than a byte: sums, floats.
bool isWide(mlir::ShapedType type);

/// What keeps the readers of `region`'s result from computing it themselves:
/// why it is stored. Empty if nothing does, and if there are no readers.
llvm::StringRef whyStored(const FusedRegion &region,
                          llvm::ArrayRef<FusedRegion> regions);

} // namespace qopt

#endif // QOPT_SCHEDULE_REGIONS_H
