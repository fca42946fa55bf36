//===- Padding.h - Reading around what is padded --------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A nest that knows of every element it reads whether that is padding needs no
// padded tensor. It knows that where each tile at the border stands outside of
// loops. For 56 x 56 results of 3x3 windows, in tiles of two rows of which a
// loop's body has seven:
//
//   rows            columns
//   [0, 2)          0, each of [1, 55), 55
//   [2, 54)         0, seven at a time of [1, 50), each of [50, 55), 55
//   [54, 56)        0, each of [1, 55), 55
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_PADDING_H
#define QOPT_LIB_SCHEDULE_PADDING_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "qopt/Schedule/Regions.h"
#include "qopt/Schedule/Schedule.h"
#include <vector>

namespace qopt {

/// What a padding of static shape writes everywhere outside of its source; null
/// if it writes different values.
mlir::TypedAttr paddingOf(mlir::tensor::PadOp pad);

/// A box of a region's result, and how many tiles a body of its innermost loop
/// has.
struct Part {
  llvm::SmallVector<int64_t> first, count;
  int64_t unroll;
};

/// The parts of the region's result, which its nest computes one after the
/// other: the whole of it if `region` reads nothing that is padded. In each, of
/// a dimension along which something is padded, all that is read is inside of
/// the padding, or there is one tile.
std::vector<Part> splitAtPadding(const FusedRegion &region,
                                 const Schedule &schedule);

/// Whether the nests of all that read `pad` read its source instead.
bool isReadAround(mlir::tensor::PadOp pad, llvm::ArrayRef<FusedRegion> regions,
                  const TargetInfo &target);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_PADDING_H
