//===- TransposedReads.h - Lanes apart, steps together --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A contraction with fewer output channels than lanes has its lanes along
// pixels, which lie apart in memory, while the steps of its reduction lie next
// to each other:
//
//   step k, lane l:  x[..., p + l, ..., k]
//
// As many steps as there are lanes are a square block. Its rows are read as
// vectors and transposed, so that the steps keep their order, and with it the
// sum its bits.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_TRANSPOSEDREADS_H
#define QOPT_LIB_SCHEDULE_TRANSPOSEDREADS_H

#include "TensorAccess.h"

namespace qopt {

/// Whether reads of `tensor` at `first`, and a step later at `next`, are
/// columns of such a block.
bool isTransposedRead(mlir::Value tensor, const Position &first,
                      const Position &next);

/// Shuffles for each vector of a block of `lanes` times `lanes` elements.
unsigned shufflesOfTransposedRead(int64_t lanes);

/// Reads the block whose columns are at `steps`, one for each lane, and leaves
/// them where `access.read` finds them.
void readTransposed(TensorAccess &access, mlir::Value tensor,
                    llvm::ArrayRef<Position> steps);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_TRANSPOSEDREADS_H
