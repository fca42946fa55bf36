//===- TileDotSchedule.h - Tiles of contractions on AMX -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_TILEDOTSCHEDULE_H
#define QOPT_LIB_SCHEDULE_TILEDOTSCHEDULE_H

#include "TileRows.h"

namespace qopt {

/// A contraction of a region; `loops` maps the root's dimensions to its loops.
struct PlacedDot {
  DotContraction dot;
  mlir::AffineMap loops;
};

/// The tile of the "tile-dot" kernel for a root of shape `shape` with channels
/// along `lane`, and what all tiles cost, in vector instructions. `rowDims` are
/// the dimensions that a tile may have several elements of, innermost first.
/// Nothing if rows do not lie as tiles need them.
struct TileDotSchedule {
  llvm::SmallVector<int64_t> tile;
  double cost = 0;
};
std::optional<TileDotSchedule>
chooseTileDotSchedule(llvm::ArrayRef<PlacedDot> dots,
                      llvm::ArrayRef<int64_t> shape, int64_t lane,
                      llvm::ArrayRef<int64_t> rowDims);

/// What all tiles of one size cost for a root of `shape`.
std::optional<double> tileDotCost(llvm::ArrayRef<PlacedDot> dots,
                                  llvm::ArrayRef<int64_t> shape, int64_t lane,
                                  llvm::ArrayRef<int64_t> rowDims,
                                  llvm::ArrayRef<int64_t> tile);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_TILEDOTSCHEDULE_H
