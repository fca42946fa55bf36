//===- Padding.h - Reading around what is padded --------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A nest that knows of every element it reads whether that is padding needs no
// padded tensor. It knows where tiles at the border stand outside of loops:
//
//   rows    [0, 2)          columns  [0, 1)    [1, 50)       [50, 56)
//           [2, 54)                            a loop of
//           [54, 56)                           7 at a time
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_PADDING_H
#define QOPT_LIB_SCHEDULE_PADDING_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "qopt/Schedule/Regions.h"
#include "qopt/Schedule/Schedule.h"

namespace qopt {

/// What a padding of static shape writes everywhere outside of its source; null
/// if it writes different values.
mlir::TypedAttr paddingOf(mlir::tensor::PadOp pad);

/// Elements [first, first + count) of a result along one dimension.
struct Run {
  int64_t first, count;
};

/// For each dimension of the region's result, the runs that its nest computes
/// one after the other. All elements that a tile inside of the padding reads
/// are in the longest run, and other runs are no longer than the body of a
/// loop. One run where `region` reads nothing that is padded along the
/// dimension.
llvm::SmallVector<llvm::SmallVector<Run, 3>>
splitAtPadding(const FusedRegion &region, const Schedule &schedule);

/// Whether the nests of all that read `pad` read its source instead.
bool isReadAround(mlir::tensor::PadOp pad, llvm::ArrayRef<FusedRegion> regions,
                  const TargetInfo &target);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_PADDING_H
