//===- QuantizationPlan.h - Which values become 8-bit edges ---*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The analysis behind qopt-quantize. It changes nothing: it says which
// values are rounded to 8 bits, with which parameters, and which operations
// stay in float and why.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TRANSFORMS_QUANTIZATIONPLAN_H
#define QOPT_LIB_TRANSFORMS_QUANTIZATIONPLAN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "qopt/Support/Recipe.h"
#include "qopt/Support/WeightQuant.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/ADT/MapVector.h"

namespace qopt {

/// What an operation is to the quantizer.
enum class Role {
  /// Constants, inits, the return: nothing to decide.
  Ignored,
  /// Convolution or matrix product of an activation with constant weights.
  Contraction,
  Clamp,
  /// Multiplication by a positive scalar.
  Scale,
  /// Addition or subtraction of two tensors, one of them possibly constant.
  Sum,
  /// Product of two tensors, one of them possibly constant.
  Product,
  /// Windowed or whole sum: the first half of an average.
  SumPool,
  /// Elements change place, or the largest of some is taken: scales stay.
  Movement,
  /// A function of one activation, alone or with operations before it, and of
  /// constants per channel at most: a table.
  Unary,
  /// Softmax in fixed point.
  Softmax,
  /// Anything else.
  Float,
};

/// What a value is before it is rounded (or if it is not).
enum class Form {
  /// Real numbers.
  Float,
  /// Integer accumulators times scales.
  Accumulator,
  /// The same, clamped.
  Clamped,
  /// A function of the 256 values of one edge.
  Table,
  /// An edge of 8 bits.
  Edge,
};

struct ObservedRange {
  float min = 0, max = 0;
};

struct QuantizationPlan {
  llvm::DenseMap<mlir::Operation *, Role> roles;
  /// Whether the result is needed as integers, so that the operation should
  /// run on integers.
  llvm::DenseMap<mlir::Operation *, bool> wanted;
  /// Sums whose results only leave the model, or feed what is in float: they
  /// add integers all the same, and are not rounded.
  llvm::DenseSet<mlir::Operation *> outputSums;
  llvm::DenseMap<mlir::Value, Form> forms;
  /// The values that are rounded to 8 bits.
  llvm::MapVector<mlir::Value, ActivationParams> edges;
  /// Edges that exist in float anyway: arguments and results of float
  /// operations. Only users that want integers read the rounded value.
  llvm::DenseSet<mlir::Value> floatOriginals;
  /// The scheme of each contraction on integers, or with integer weights.
  llvm::DenseMap<mlir::Operation *, LayerScheme> layers;
  /// Operations that stay in float, in program order.
  llvm::MapVector<mlir::Operation *, std::string> floatReasons;
  /// The integers that each result of the function is returned as; nothing
  /// where it is returned as it is. Empty unless the border is quantized.
  llvm::SmallVector<std::optional<ActivationParams>> results;
  /// Why arguments and results stay in float where integers were asked for;
  /// empty where they do not.
  llvm::SmallVector<std::string> argumentReasons, resultReasons;

  Role roleOf(mlir::Operation *op) const { return roles.lookup(op); }

  /// The value that `value` is a rearrangement of: an edge if there is one.
  mlir::Value rootOf(mlir::Value value) const;

  /// Whether the value has integers without being rounded: accumulators.
  bool isAccumulated(mlir::Value value) const;

  /// Whether `op`, which is a user of `value`, needs it as integers.
  bool wantsInteger(mlir::Operation *op, mlir::Value value) const;

  /// Whether the constants of a sum or product become integers: its result
  /// does, or it is one of `outputSums`.
  bool takesIntegers(mlir::Operation *op) const {
    return wanted.lookup(op) || outputSums.contains(op);
  }

  /// Whether the value is returned as integers.
  llvm::DenseSet<mlir::Value> returnedIntegers;
};

/// The constant weights of a contraction and the bias that its init adds, one
/// value per output channel (in order of the result's dimensions). Nothing if
/// either is not constant.
struct ContractionConstants {
  mlir::DenseElementsAttr weights;
  std::vector<float> bias;
};
std::optional<ContractionConstants>
readConstants(const Contraction &contraction);

using RangeMap = llvm::DenseMap<mlir::Value, ObservedRange>;

/// What a plan is made from.
struct PlanInputs {
  const Recipe &recipe;
  /// The observed ranges.
  const RangeMap &ranges;
  /// Whether arguments and results of the function become integers.
  bool quantizedIo = false;
  /// The contractions that a former attempt found impossible, with the reason.
  const llvm::DenseMap<mlir::Operation *, std::string> &forcedFloat;
};

/// Plans the quantization of the one block of `func`. Fails, with a diagnostic,
/// if an edge has no range.
mlir::FailureOr<QuantizationPlan> planQuantization(mlir::func::FuncOp func,
                                                   const PlanInputs &inputs);

/// The operation of the function's block that holds the use.
mlir::Operation *userInBlock(mlir::OpOperand &use);

/// Whether the value is a constant, or a fill or broadcast of one.
bool isConstantValue(mlir::Value value);

/// The tensors that an operation reads and that are not constant, each
/// once, captured ones included.
llvm::SmallVector<mlir::Value> activationOperands(mlir::Operation *op);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_QUANTIZATIONPLAN_H
