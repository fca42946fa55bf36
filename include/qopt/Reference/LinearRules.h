//===- LinearRules.h - Decisions about linear forms -----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/Numerics.md, section 2, decides by the structure of an operation and by
// where its scales vary. The interpreter and the lowering from `qdq` to
// `integer` ask the same functions, so that they cannot disagree.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_REFERENCE_LINEARRULES_H
#define QOPT_REFERENCE_LINEARRULES_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Operation.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace qopt {

/// Where the parameters (scales) of a value vary: parameter `map(d)` belongs to
/// the element at d. `shape` is that of the parameters. Per tensor, the map has
/// no results.
struct ParamLayout {
  mlir::AffineMap map;
  llvm::SmallVector<int64_t> shape;

  bool isPerTensor() const { return map.getNumResults() == 0; }
  /// One parameter per index of some dimensions.
  bool isPerChannel() const { return map.isProjectedPermutation(); }
};

/// The layout over the result of movement `op` of the parameters that `operand`
/// had over its dimensions, in the same order in memory. Empty where the
/// dimension they vary along does not survive unchanged: then the value is
/// materialized before it is moved.
std::optional<ParamLayout> moveParams(mlir::Operation *op, mlir::Value operand,
                                      const ParamLayout &layout);

/// Whether `value` is directly dequantized from signed integers with zero point
/// 0: the only right side of which a contraction takes the integers. Products
/// of two activations stay in float, since nobody has proved that their sums
/// cannot wrap.
bool isDequantizedWeight(mlir::Value value);

/// Whether the integers of the form of `value` are those of 8-bit storage less
/// one zero point: `value` is dequantized from it, by way of movement and
/// maxima at most.
bool isEightBit(mlir::Value value);

/// The layout over the result of a contraction of the weight's parameters;
/// empty where they vary along a reduced dimension (grouped weights).
std::optional<ParamLayout> contractParams(const Contraction &contraction,
                                          const ParamLayout &weight);

/// The layout after a reduction of `input` by a pooling or sum reduction;
/// empty where a reduced dimension has parameters.
std::optional<ParamLayout> reduceParams(mlir::linalg::LinalgOp op,
                                        const ParamLayout &input);

/// The layout over the output of an elementwise operation's input, which may
/// be broadcast.
ParamLayout broadcastParams(mlir::AffineMap inputMap, unsigned outputRank,
                            const ParamLayout &input);

/// Rewrites each result of `map` (a dimension of the operand) through the table
/// `target`; empty if one is missing (-1).
std::optional<mlir::AffineMap> renameDims(mlir::AffineMap map,
                                          llvm::ArrayRef<int64_t> target,
                                          unsigned numDims);

} // namespace qopt

#endif // QOPT_REFERENCE_LINEARRULES_H
