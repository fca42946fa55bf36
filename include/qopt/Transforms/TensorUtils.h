//===- TensorUtils.h - Building movement, and moving constants -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builders of transposes and reshapes that move constants by their data, look
// through inits, and never emit a movement that changes nothing.
//
// A permutation `perm` is that of linalg.transpose: dimension i of the result
// is dimension perm[i] of the source.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_TENSORUTILS_H
#define QOPT_TRANSFORMS_TENSORUTILS_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinAttributes.h"
#include <vector>

namespace qopt {

//===----------------------------------------------------------------------===//
// Dense data
//===----------------------------------------------------------------------===//

/// What elements of `type` take in memory, those of fewer than eight bits
/// packed.
int64_t bytesOf(mlir::ShapedType type);
inline int64_t bytesOf(mlir::Value value) {
  return bytesOf(mlir::cast<mlir::ShapedType>(value.getType()));
}

/// The result of a movement of `elements`: null where the data of the element
/// type are not whole bytes.
mlir::DenseElementsAttr transposeElements(mlir::DenseElementsAttr elements,
                                          llvm::ArrayRef<int64_t> perm);
mlir::DenseElementsAttr sliceElements(mlir::DenseElementsAttr elements,
                                      llvm::ArrayRef<int64_t> offsets,
                                      llvm::ArrayRef<int64_t> sizes,
                                      llvm::ArrayRef<int64_t> strides);
/// `dim` becomes the last dimension and holds what is at `places` along it.
mlir::DenseElementsAttr takeLast(mlir::DenseElementsAttr elements, int64_t dim,
                                 llvm::ArrayRef<int64_t> places);
/// For each element of `type` in storage order: its index along `dims`,
/// row-major.
std::vector<uint32_t> indexAlong(mlir::RankedTensorType type,
                                 llvm::ArrayRef<unsigned> dims);
/// Pads with `value`, a splat of the element type.
mlir::DenseElementsAttr padElements(mlir::DenseElementsAttr elements,
                                    llvm::ArrayRef<int64_t> low,
                                    llvm::ArrayRef<int64_t> high,
                                    mlir::Attribute value);
mlir::DenseElementsAttr
concatElements(llvm::ArrayRef<mlir::DenseElementsAttr> parts, int64_t dim);

/// A constant of f32 values; one value for all makes it a splat.
mlir::DenseElementsAttr floatElements(mlir::RankedTensorType type,
                                      llvm::ArrayRef<float> values);

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

/// The permutation of transpose(transpose(x, first), second).
llvm::SmallVector<int64_t> composePermutations(llvm::ArrayRef<int64_t> first,
                                               llvm::ArrayRef<int64_t> second);

/// Whether a transposition of `shape` moves no element in memory: dimensions
/// larger than 1 keep their order.
bool movesOnlyUnitDims(llvm::ArrayRef<int64_t> shape,
                       llvm::ArrayRef<int64_t> perm);

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

mlir::RankedTensorType transposedType(mlir::RankedTensorType type,
                                      llvm::ArrayRef<int64_t> perm);

/// transpose(value): the value itself for an identity, moved data for a
/// constant, a new fill, empty or broadcast for an init, one transposition for
/// two in a row.
mlir::Value createTranspose(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value value, llvm::ArrayRef<int64_t> perm);

/// The elements of `value`, in order, in another static shape: at most one
/// collapse_shape and one expand_shape; constants and inits as above.
mlir::Value createReshape(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value value, llvm::ArrayRef<int64_t> shape);

/// An init of `type` that is `bias` (one-dimensional, or with the dimensions
/// `dims`) at every place, or zero when it is all zero.
mlir::Value createBiasInit(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::RankedTensorType type,
                           mlir::DenseElementsAttr bias,
                           llvm::ArrayRef<int64_t> dims);

/// linalg.fill of `value` into tensor.empty.
mlir::Value createFill(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::RankedTensorType type, float value);

} // namespace qopt

#endif // QOPT_TRANSFORMS_TENSORUTILS_H
