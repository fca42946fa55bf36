//===- KeepAwake.h - Products that keep the multiplier running --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measured on Emerald Rapids: the unit that multiplies tiles sleeps some 700
// cycles after its last product, and the next one waits about 1000 cycles for
// it. Loading or clearing tiles does not keep it awake; a product does. For 100
// cycles after each, float arithmetic and dot products of vectors have one port
// instead of two, so that it pays between tiles and not for whole nests.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_CONVERSION_TILEDOT_KEEPAWAKE_H
#define QOPT_LIB_CONVERSION_TILEDOT_KEEPAWAKE_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include <functional>
#include <optional>

namespace qopt {

/// Places products of no use where work between `qopt.tile_dot`s takes long.
/// How long is estimated: static trip counts times instructions.
class KeepAwake {
public:
  /// `emitProduct` writes a product whose sums nobody reads.
  KeepAwake(mlir::OpBuilder &b, std::function<void(mlir::Location)> emitProduct)
      : b(b), emitProduct(std::move(emitProduct)) {}

  /// What runs next. Nothing is placed in front of the first `qopt.tile_dot`.
  void visit(mlir::Operation &op);

private:
  bool isLongUntilProducts(mlir::Operation &op) const;
  void visitLoop(mlir::scf::ForOp loop);
  void visitBody(mlir::Block &body);
  void wakeBefore(mlir::Operation &op);
  void wakeEvery(mlir::scf::ForOp loop, int64_t iterations);

  mlir::OpBuilder &b;
  std::function<void(mlir::Location)> emitProduct;
  /// Cycles since the last product; nothing while the unit may sleep.
  std::optional<double> idle;
};

} // namespace qopt

#endif // QOPT_LIB_CONVERSION_TILEDOT_KEEPAWAKE_H
