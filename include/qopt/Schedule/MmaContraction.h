//===- MmaContraction.h - Contractions for tensor cores -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A contraction whose result has its output channels last is a product of two
// matrices: rows are the positions of the result, and row m of the activations
// is a few segments of neighbouring bytes.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SCHEDULE_MMACONTRACTION_H
#define QOPT_SCHEDULE_MMACONTRACTION_H

#include "qopt/Schedule/DotContraction.h"

namespace qopt {

struct MmaContraction {
  DotContraction dot;
  int64_t rows, channels, segments;
  /// Where row m and segment s begin in `dot.lhs`; where that has its last two
  /// dimensions collapsed, if `dot.kLoops` has two loops.
  mlir::AffineMap rowMap, segmentMap;
};

/// Of one group, with enough rows and an even number of channels.
std::optional<MmaContraction> matchMmaContraction(mlir::Operation *op);

/// [rows of a block, channels of a block, rows of a warp, channels of a warp,
/// stages], for `qopt.mma_tile`.
llvm::SmallVector<int64_t> chooseMmaTile(const MmaContraction &mma);

/// Threads of a block: 32 for each warp's part of the tile.
inline int64_t mmaThreads(llvm::ArrayRef<int64_t> tile) {
  return tile[0] / tile[2] * (tile[1] / tile[3]) * 32;
}

/// The weights as one run of bytes, the image of shared memory for each block
/// of channels and step of the pipeline.
mlir::DenseElementsAttr packMmaWeights(const MmaContraction &mma,
                                       int64_t blockChannels);

} // namespace qopt

#endif // QOPT_SCHEDULE_MMACONTRACTION_H
