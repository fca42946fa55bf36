//===- MmaEmitter.cpp - Elements of products of matrices ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaEmitter.h"
#include "DotEmitter.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;

namespace qopt {

MmaEmitter::MmaEmitter(TensorAccess &access, linalg::LinalgOp root,
                       const Schedule &schedule, const MmaContraction &mma,
                       AffineExpr thread)
    : access(access), b(access.b), root(root), schedule(schedule), mma(mma) {
  ArrayRef<int64_t> tile = schedule.mmaTile;
  AffineExpr block = thread.floorDiv(schedule.threads),
             inBlock = thread % schedule.threads;
  AffineExpr lane = inBlock % 32, warp = inBlock.floorDiv(32);
  int64_t blocksAlong = llvm::divideCeil(mma.channels, tile[1]),
          warpsAlong = tile[1] / tile[3];
  firstRow = block.floorDiv(blocksAlong) * tile[0] +
             warp.floorDiv(warpsAlong) * tile[2] + lane.floorDiv(4);
  firstChannel = (block % blocksAlong) * tile[1] +
                 (warp % warpsAlong) * tile[3] + (lane % 4) * 2;
  sums = emitTile(thread);
}

Value MmaEmitter::emitTile(AffineExpr thread) {
  const DotContraction &dot = mma.dot;
  Value lhs = dot.lhs, weights;
  {
    OpBuilder::InsertionGuard guard(b);
    access.setInsertionPointToTop(root);
    if (dot.kLoops.size() == 2)
      lhs = collapseColumns(access, lhs);
    weights = arith::ConstantOp::create(
        b, dot.op->getLoc(), packMmaWeights(mma, schedule.mmaTile[1]));
  }
  auto type = VectorType::get({schedule.mmaTile[2] * schedule.mmaTile[3] / 32},
                              b.getI32Type());
  auto flag = [&](bool is) { return is ? b.getUnitAttr() : UnitAttr(); };
  return MmaTileOp::create(
      b, access.loc, type, lhs, weights, access.index(thread),
      AffineMapAttr::get(mma.rowMap), AffineMapAttr::get(mma.segmentMap),
      b.getDenseI64ArrayAttr(
          {mma.rows, mma.channels, mma.segments, dot.depth()}),
      b.getDenseI64ArrayAttr(schedule.mmaTile), flag(dot.lhsUnsigned),
      flag(dot.weightsUnsigned), flag(dot.isPacked4()));
}

SmallVector<int64_t> MmaEmitter::placesInRow(int64_t half) const {
  SmallVector<int64_t> places;
  for (int64_t column = 0; column < columns(); ++column)
    places.push_back((half / 2 * columns() + column) * 2 + half % 2);
  return places;
}

AffineExpr MmaEmitter::row(int64_t place) const {
  int64_t matrix = place / 2 / columns();
  return simplified(firstRow + (16 * matrix + 8 * (place % 2)));
}

AffineExpr MmaEmitter::channel(int64_t place) const {
  return simplified(firstChannel + place / 2 % columns() * 8);
}

Position MmaEmitter::position(int64_t place) const {
  auto type = cast<RankedTensorType>(root->getResult(0).getType());
  Position at;
  at.lanes = 2;
  int64_t inner = mma.rows;
  for (int64_t extent : type.getShape().drop_back()) {
    AffineExpr outer = row(place) % inner;
    inner /= extent;
    at.index.push_back(simplified(outer.floorDiv(inner)));
  }
  at.index.push_back(channel(place) + b.getAffineSymbolExpr(0));
  return at;
}

Value MmaEmitter::products(int64_t place) {
  return vector::ExtractStridedSliceOp::create(
      b, access.loc, sums, ArrayRef<int64_t>{2 * place}, ArrayRef<int64_t>{2},
      ArrayRef<int64_t>{1});
}

} // namespace qopt
