//===- QuantBuilders.h - Building the qopt tensor operations --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builders of quantize, dequantize and requantize whose parameters are numbers
// of the compiler, not operands: they make the constants and the inits.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_QUANTBUILDERS_H
#define QOPT_TRANSFORMS_QUANTBUILDERS_H

#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Support/WeightQuant.h"

namespace qopt {

/// Scales, one for each value of `map`, row-major over `shape`. Held in double
/// until they become operands.
struct ScaleTable {
  llvm::SmallVector<int64_t> shape;
  std::vector<double> values;
  mlir::AffineMap map;

  /// One scale for a tensor of that rank.
  static ScaleTable perTensor(double scale, unsigned rank,
                              mlir::MLIRContext *context);
  /// Whether `map` selects whole dimensions, none twice.
  bool isPerChannel() const { return map.isProjectedPermutation(); }
  /// The values rounded to f32, by roundScale.
  std::vector<float> rounded() const;
};

/// A constant tensor; equal values become a splat.
mlir::Value createFloatConstant(mlir::OpBuilder &builder, mlir::Location loc,
                                llvm::ArrayRef<int64_t> shape,
                                llvm::ArrayRef<float> values);
mlir::Value createIntConstant(mlir::OpBuilder &builder, mlir::Location loc,
                              llvm::ArrayRef<int64_t> shape,
                              llvm::ArrayRef<int32_t> values, unsigned bits);

mlir::Value createEmpty(mlir::OpBuilder &builder, mlir::Location loc,
                        llvm::ArrayRef<int64_t> shape, mlir::Type element);

/// value -> u8, per tensor.
mlir::Value createQuantize(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value value, const ActivationParams &params);

/// Integers -> f32, with scales rounded to f32 and one zero point.
mlir::Value createDequantize(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::Value integers, const ScaleTable &scales,
                             int32_t zeroPoint, bool isUnsigned);

} // namespace qopt

#endif // QOPT_TRANSFORMS_QUANTBUILDERS_H
