//===- LinalgBuilder.h - The forms that the ONNX door emits ---*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Short names for the operations of docs/Pipeline.md, section `float`. All
// tensors are f32 with static shapes; callers have checked the shapes.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_LINALGBUILDER_H
#define QOPT_LIB_IMPORT_ONNX_LINALGBUILDER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "qopt/Support/Tensor.h"

namespace qopt::onnximport {

llvm::ArrayRef<int64_t> shapeOf(mlir::Value tensor);
mlir::RankedTensorType floatTensorType(mlir::OpBuilder &builder,
                                       llvm::ArrayRef<int64_t> shape);

/// `arith.constant dense`; bool becomes i8.
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           const HostTensor &tensor);
mlir::Value createScalar(mlir::OpBuilder &builder, mlir::Location loc,
                         float value);
mlir::Value createEmpty(mlir::OpBuilder &builder, mlir::Location loc,
                        llvm::ArrayRef<int64_t> shape);
/// A tensor whose elements are all `value`.
mlir::Value createFill(mlir::OpBuilder &builder, mlir::Location loc,
                       llvm::ArrayRef<int64_t> shape, float value);

/// Result dimension i is dimension `permutation[i]` of `input`.
mlir::Value createTranspose(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value input,
                            llvm::ArrayRef<int64_t> permutation);
/// The same elements in row-major order: at most one `collapse_shape` and one
/// `expand_shape`.
mlir::Value createReshape(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value input, llvm::ArrayRef<int64_t> shape);
/// `tensor.pad` with `value`; `input` itself if there is nothing to pad.
mlir::Value createPad(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value input, llvm::ArrayRef<int64_t> low,
                      llvm::ArrayRef<int64_t> high, float value);
/// Copies `input` along the new dimensions `dimensions` of `shape`.
mlir::Value createBroadcast(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value input, llvm::ArrayRef<int64_t> shape,
                            llvm::ArrayRef<int64_t> dimensions);
mlir::Value createSlice(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value input, llvm::ArrayRef<int64_t> offsets,
                        llvm::ArrayRef<int64_t> sizes,
                        llvm::ArrayRef<int64_t> strides);

/// result[d] = input[..., indices[k][d[dims[k]]], ...]: constant index tables
/// along some dimensions, all others straight through.
mlir::Value createGather(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value input, llvm::ArrayRef<int64_t> dims,
                         llvm::ArrayRef<llvm::SmallVector<int64_t>> indices);

/// An operand of an elementwise operation: a tensor and which result
/// dimensions it has, or, without a tensor, a scalar that stands in the body.
struct ElementwiseOperand {
  mlir::Value tensor;
  llvm::SmallVector<int64_t> dims;
  float scalar = 0;
};

using BodyBuilder = llvm::function_ref<mlir::Value(
    mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

/// One `linalg.generic`, all loops parallel. The body gets one f32 per operand.
mlir::Value createElementwise(mlir::OpBuilder &builder, mlir::Location loc,
                              llvm::ArrayRef<int64_t> shape,
                              llvm::ArrayRef<ElementwiseOperand> operands,
                              BodyBuilder body);
/// The same for one tensor of the result's shape.
mlir::Value createUnary(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value input, BodyBuilder body);

/// input * factor.
mlir::Value createScale(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value input, float factor);

enum class Reduction { Sum, Max, Min };

/// A `linalg.generic` over `dims`, which disappear from the shape.
mlir::Value createReduction(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value input, llvm::ArrayRef<int64_t> dims,
                            Reduction kind);

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_LINALGBUILDER_H
