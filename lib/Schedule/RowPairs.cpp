//===- RowPairs.cpp - Rows of a tile two at a time ------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowPairs.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;

namespace qopt {

SmallVector<RowPair> pairRows(const DotContraction &dot,
                              SmallVector<Position> &loops,
                              SmallVector<Value> &accumulators) {
  auto sameWeights = [&](const Position &a, const Position &b) {
    return a.index[dot.outLoop] == b.index[dot.outLoop] &&
           llvm::all_of(dot.batchLoops, [&](unsigned loop) {
             return a.index[loop] == b.index[loop];
           });
  };
  SmallVector<SmallVector<size_t>> rows;
  for (size_t i = 0; i < loops.size(); ++i) {
    auto *known = llvm::find_if(rows, [&](ArrayRef<size_t> group) {
      return sameWeights(loops[group.front()], loops[i]);
    });
    if (known == rows.end())
      known = &rows.emplace_back();
    known->push_back(i);
  }
  SmallVector<RowPair> pairs;
  for (SmallVector<size_t> &indices : rows) {
    if (indices.size() % 2 != 0) {
      loops.push_back(Position(loops[indices.back()]));
      accumulators.push_back(Value(accumulators[indices.back()]));
      indices.push_back(loops.size() - 1);
    }
    for (size_t i = 0; i < indices.size(); i += 2)
      pairs.push_back({indices[i], indices[i + 1]});
  }
  return pairs;
}

void exchangeHalves(TensorAccess &access, ArrayRef<RowPair> pairs,
                    MutableArrayRef<Value> accumulators) {
  for (auto [first, second] : pairs) {
    Value a = accumulators[first], b = accumulators[second];
    accumulators[first] = vector::ShuffleOp::create(
        access.b, access.loc, a, b, ArrayRef<int64_t>{0, 1, 4, 5});
    accumulators[second] = vector::ShuffleOp::create(
        access.b, access.loc, a, b, ArrayRef<int64_t>{2, 3, 6, 7});
  }
}

Value joinRows(TensorAccess &access, Value first, Value second, int64_t at) {
  // In words of eight bytes, as one instruction of most targets.
  int64_t words = cast<VectorType>(first.getType()).getNumElements() / 8;
  auto type = VectorType::get({words}, access.b.getI64Type());
  Value low = vector::BitCastOp::create(access.b, access.loc, type, first);
  Value high = vector::BitCastOp::create(access.b, access.loc, type, second);
  Value joined =
      vector::ShuffleOp::create(access.b, access.loc, low, high,
                                ArrayRef<int64_t>{at / 8, words + at / 8});
  return vector::BitCastOp::create(access.b, access.loc,
                                   VectorType::get({16}, access.b.getI8Type()),
                                   joined);
}

Value dotOfPairs(TensorAccess &access, const DotContraction &dot, Value acc,
                 Value rows, Value columns) {
  SmallVector<int64_t> rowLanes, columnLanes;
  for (int64_t i = 0; i < 32; ++i) {
    rowLanes.push_back(i / 16 * 8 + i % 8);
    columnLanes.push_back(i % 16);
  }
  Value a =
      vector::ShuffleOp::create(access.b, access.loc, rows, rows, rowLanes);
  Value b = vector::ShuffleOp::create(access.b, access.loc, columns, columns,
                                      columnLanes);
  return DotOp::create(access.b, access.loc, acc.getType(), acc, a, b,
                       dot.lhsUnsigned, dot.weightsUnsigned, IntegerAttr(),
                       IntegerAttr());
}

} // namespace qopt
