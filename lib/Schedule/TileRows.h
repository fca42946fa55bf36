//===- TileRows.h - Rows of activations as tiles of memory ----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A machine that multiplies tiles loads up to 16 rows at one distance. Which
// positions of a contraction that covers is read off the activations' shape.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_TILEROWS_H
#define QOPT_LIB_SCHEDULE_TILEROWS_H

#include "qopt/Schedule/DotContraction.h"

namespace qopt {

/// Rows that a tile holds, and the lanes of its sums.
constexpr int64_t kTileRows = 16;
constexpr int64_t kTileLanes = 16;

/// Whether `qopt.tile_dot` takes the weights and the depth of `dot`.
bool fitsTiles(const DotContraction &dot);

/// The activations of a contraction, in the buffer that they are part of, with
/// dimensions merged where memory has no gap between them.
struct ActivationView {
  /// The whole buffer, and where in it the activations begin.
  mlir::Value buffer;
  llvm::SmallVector<int64_t> origin;
  llvm::SmallVector<mlir::ReassociationIndices> groups;
  /// The type of the merged tensor.
  mlir::RankedTensorType type;

  static ActivationView of(const DotContraction &dot);
  /// The index in the view that stands for `index` in the activations.
  llvm::SmallVector<mlir::AffineExpr>
  indexOf(llvm::ArrayRef<mlir::AffineExpr> index) const;
};

/// Rows at one distance, counted from the first position of a tile.
struct TileRows {
  /// The dimension of the view that rows move along, and how far.
  int64_t dim = 0, step = 1;
  /// Rows from the first to the last position, those between them included.
  int64_t count = 1;
  /// First rows of the windows that cover the positions.
  llvm::SmallVector<int64_t> windows;

  int64_t windowRows() const { return std::min(kTileRows, count); }
  /// The rows of positions that are `offsets` from the first, in the view;
  /// nothing where they are not at multiples of one distance.
  static std::optional<TileRows>
  cover(llvm::ArrayRef<llvm::SmallVector<int64_t>> offsets);
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_TILEROWS_H
