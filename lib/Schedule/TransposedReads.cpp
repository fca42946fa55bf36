//===- TransposedReads.cpp - Lanes apart, steps together ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TransposedReads.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace qopt {

bool isTransposedRead(Value tensor, const Position &first,
                      const Position &next) {
  if (!llvm::isPowerOf2_64(first.lanes) || first.isUniform() || first.group ||
      matchPattern(tensor, m_Constant()) ||
      tensor.getDefiningOp<tensor::PadOp>())
    return false;
  std::optional<SmallVector<int64_t>> strides = first.strides();
  if (!strides || strides->back() != 0)
    return false;
  SmallVector<AffineExpr> from = first.atLane(0), to = next.atLane(0);
  for (auto [dim, expr] : llvm::enumerate(to)) {
    bool isLast = dim + 1 == to.size();
    if (simplified(expr - from[dim]) !=
        getAffineConstantExpr(isLast, expr.getContext()))
      return false;
  }
  return true;
}

unsigned shufflesOfTransposedRead(int64_t lanes) {
  return llvm::Log2_64(lanes);
}

/// With rows r and elements e as numbers of n bits each, (r, e) is element r of
/// row e in the end. Interleaving row i of the first half with row i of the
/// second one moves the highest bit of r behind the bits of e, and the highest
/// bit of e behind those of r:
///
///   r = r1 r0, e = e1 e0  ->  r = r0 e1, e = e0 r1  ->  r = e1 e0, e = r1 r0
static SmallVector<Value> transpose(TensorAccess &access,
                                    SmallVector<Value> rows) {
  int64_t lanes = rows.size();
  for (int64_t stage = 1; stage < lanes; stage *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < lanes / 2; ++i)
      for (int64_t half : {0, 1}) {
        SmallVector<int64_t> mask;
        for (int64_t e = 0; e < lanes / 2; ++e)
          llvm::append_values(mask, half * lanes / 2 + e,
                              lanes + half * lanes / 2 + e);
        next.push_back(vector::ShuffleOp::create(access.b, access.loc, rows[i],
                                                 rows[i + lanes / 2], mask));
      }
    rows = std::move(next);
  }
  return rows;
}

void readTransposed(TensorAccess &access, Value tensor,
                    ArrayRef<Position> steps) {
  if (access.lookup(TensorAccess::keyOf(tensor, steps[0])))
    return;
  SmallVector<Value> rows;
  for (int64_t lane = 0; lane < steps[0].lanes; ++lane) {
    Position row{steps[0].atLane(lane), steps[0].lanes};
    row.index.back() =
        row.index.back() + getAffineSymbolExpr(0, access.b.getContext());
    rows.push_back(access.read(tensor, row));
  }
  SmallVector<Value> columns = transpose(access, std::move(rows));
  for (auto [step, column] : llvm::zip_equal(steps, columns))
    access.remember(TensorAccess::keyOf(tensor, step), column);
}

} // namespace qopt
