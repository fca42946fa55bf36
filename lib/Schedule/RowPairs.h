//===- RowPairs.h - Rows of a tile two at a time ----------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions that multiply two rows by two columns, eight bytes deep, keep
// sums of two rows in one vector:
//
//   row p   p0 p1 p2 p3            p0 p1 q0 q1   channels 0 and 1
//   row q   q0 q1 q2 q3     <->    p2 p3 q2 q3   channels 2 and 3
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_ROWPAIRS_H
#define QOPT_LIB_SCHEDULE_ROWPAIRS_H

#include "TensorAccess.h"
#include "qopt/Schedule/DotContraction.h"

namespace qopt {

using RowPair = std::pair<size_t, size_t>;

/// Pairs those `loops` that compute the same channels. One without a partner
/// gets a copy of itself, at the end of `loops` and `accumulators`.
llvm::SmallVector<RowPair>
pairRows(const DotContraction &dot, llvm::SmallVector<Position> &loops,
         llvm::SmallVector<mlir::Value> &accumulators);

/// From rows to pairs of rows, and back: each is the other's inverse.
void exchangeHalves(TensorAccess &access, llvm::ArrayRef<RowPair> pairs,
                    llvm::MutableArrayRef<mlir::Value> accumulators);

/// Eight bytes of each row, from byte `at` of the runs on.
mlir::Value joinRows(TensorAccess &access, mlir::Value first,
                     mlir::Value second, int64_t at);

/// acc[2i + j] + sum over k < 8 of rows[8i + k] * columns[8j + k], as a
/// `qopt.dot` of lanes that each see the bytes they need.
mlir::Value dotOfPairs(TensorAccess &access, const DotContraction &dot,
                       mlir::Value acc, mlir::Value rows, mlir::Value columns);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_ROWPAIRS_H
