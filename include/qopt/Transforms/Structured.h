//===- Structured.h - What a structured operation means ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Matchers that read the meaning of a linalg or tensor operation off its maps
// and its body, so that named operations and equivalent generics are the same
// to every pass.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_STRUCTURED_H
#define QOPT_TRANSFORMS_STRUCTURED_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>
#include <optional>

namespace qopt {

//===----------------------------------------------------------------------===//
// Contractions and pooling
//===----------------------------------------------------------------------===//

/// An operation whose body is `acc + lhs * rhs` (float or integer, operands
/// possibly extended) and that has at least one reduction loop: convolutions,
/// matrix products, and generics that mean the same.
struct Contraction {
  mlir::linalg::LinalgOp op;
  mlir::Value lhs, rhs, init;
  mlir::AffineMap lhsMap, rhsMap, outMap;
  /// Loops that index `rhs` and the result: those of the output channel when
  /// `rhs` is a weight (two for a grouped convolution, the channel for a
  /// depthwise one), in order of the result's dimensions.
  llvm::SmallVector<unsigned, 2> channelLoops;
  /// The dimensions of `rhs`, and of the result, that `channelLoops` index.
  llvm::SmallVector<unsigned, 2> rhsChannelDims, outChannelDims;
  llvm::SmallVector<unsigned, 4> reductionLoops;
  /// Whether every channel loop also indexes `lhs`, as in a depthwise
  /// convolution: channels do not mix.
  bool depthwise = false;
  /// Whether a step is a `math.fma`: the product itself is not rounded.
  bool oneRounding = false;
};

std::optional<Contraction> matchContraction(mlir::Operation *op);
inline bool isContraction(mlir::Operation *op) {
  return matchContraction(op).has_value();
}

enum class PoolingKind { Max, Min, Sum };

/// The kind of a windowed reduction: a named pooling operation.
std::optional<PoolingKind> matchPooling(mlir::Operation *op);

/// `acc + x`, `max(acc, x)` or `min(acc, x)` over a subset of the dimensions of
/// one input, nothing windowed; the loops that are reduced.
std::optional<llvm::SmallVector<unsigned, 4>>
matchReduction(mlir::Operation *op, PoolingKind kind);
inline std::optional<llvm::SmallVector<unsigned, 4>>
matchSumReduction(mlir::Operation *op) {
  return matchReduction(op, PoolingKind::Sum);
}

/// The kind of a reduction, windowed or whole.
std::optional<PoolingKind> matchPoolingOrReduction(mlir::Operation *op);

//===----------------------------------------------------------------------===//
// Elementwise operations
//===----------------------------------------------------------------------===//

/// A linalg operation on tensors with parallel loops only, an identity output
/// map, projected permutations as input maps, and a body that neither reads
/// its init nor depends on the position (linalg.index) or on other tensors
/// (tensor.extract). Pure movement (fill, broadcast, transpose, copy) is not
/// elementwise.
bool isElementwiseOp(mlir::Operation *op);

/// The one tensor that the body of an elementwise generic reads, when the
/// others are scalar constants inside the body: a unary chain.
mlir::Value matchUnary(mlir::linalg::GenericOp op);

/// The value of a float scalar or splat constant.
std::optional<float> matchFloatConstant(mlir::Value value);

/// min(max(x, lo), hi); an absent bound is infinite.
struct Clamp {
  mlir::Value input;
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
};

/// Recognizes a clamp of one tensor by scalar constants in any order of
/// maximumf, minimumf, maxnumf, minnumf and compare-and-select; the input's
/// map is the identity. For NaN the forms differ; a clamp does not say.
std::optional<Clamp> matchClamp(mlir::linalg::GenericOp op);

/// x * factor with a scalar constant; division by a power of two is one, too.
struct ScalarMultiply {
  mlir::Value input;
  float factor = 1.0f;
};
std::optional<ScalarMultiply> matchScalarMultiply(mlir::linalg::GenericOp op);

/// The kind of a generic with one binary float operation on two tensors, of
/// the result's shape or broadcast to it.
enum class BinaryKind { Add, Sub, Mul, Div };
std::optional<BinaryKind> matchBinary(mlir::linalg::GenericOp op);

//===----------------------------------------------------------------------===//
// Movement, inits
//===----------------------------------------------------------------------===//

/// Whether every element of the result is an element of an operand, or a
/// constant of the border: transpose, reshape, slice, pad, concat, broadcast,
/// copy, and generics that only select (nearest resize).
bool isMovement(mlir::Operation *op);

/// The one tensor that movement `op` reads elements of; null if there is none,
/// or more than one.
mlir::Value movedOperand(mlir::Operation *op);

/// What an init holds at every place: the constant of a fill, a splat or a
/// broadcast of one.
std::optional<float> matchUniformInit(mlir::Value init);

/// The constant bias of a broadcast init and the dimensions of the init that
/// it runs along: one, or the group and channel of a grouped convolution.
struct BiasInit {
  mlir::DenseElementsAttr values;
  llvm::SmallVector<unsigned, 2> dims;
};
std::optional<BiasInit> matchBiasInit(mlir::Value init);

//===----------------------------------------------------------------------===//
// Locations
//===----------------------------------------------------------------------===//

/// The names of the source nodes in a location, in order, each once: the
/// outermost NameLoc of every part of a fusion.
llvm::SmallVector<llvm::StringRef> sourceNames(mlir::Location loc);

/// The first value below `root`, in its order, whose shape is not static; null
/// if there is none.
mlir::Value findDynamicShape(mlir::Operation *root);

/// Whether the operation prepares a destination rather than computes.
bool isInit(mlir::Operation *op);
/// Whether the operation computes; neither does it only move elements.
bool computes(mlir::Operation *op);
/// The same, with a tensor of floats as its result.
bool computesOnFloats(mlir::Operation *op);

/// One location for an operation that stands for several: a fusion of all
/// distinct parts.
mlir::Location fuseLocations(llvm::ArrayRef<mlir::Location> locations);

} // namespace qopt

#endif // QOPT_TRANSFORMS_STRUCTURED_H
