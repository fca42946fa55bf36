//===- IntegerForms.h - Linear forms as values of the IR ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The linear forms of docs/Numerics.md, section 2, where the integers of a term
// are an SSA value. One rule per line of the table there; each returns nothing
// where the table says that operands are materialized.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_CONVERSION_QDQTOINTEGER_INTEGERFORMS_H
#define QOPT_LIB_CONVERSION_QDQTOINTEGER_INTEGERFORMS_H

#include "qopt/Reference/LinearRules.h"
#include "qopt/Transforms/QuantBuilders.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/Support/Error.h"
#include <limits>

namespace qopt {

/// (ext(integers) - zeroPoint) * scales.
struct IntegerTerm {
  mlir::Value integers;
  int32_t zeroPoint = 0;
  bool isUnsigned = false;
  ScaleTable scales;

  unsigned bits() const;
  bool isPerTensor() const { return scales.map.getNumResults() == 0; }
};

/// clamp(sum of the terms).
struct IntegerForm {
  llvm::SmallVector<IntegerTerm, 2> terms;
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();

  bool isClamped() const;
  /// One term with scales per tensor or channel, and no clamp.
  bool isPlain() const;
};

using FormResult = std::optional<IntegerForm>;

/// Elementwise integer arithmetic: `body` gets the operands' elements and
/// returns the element of the result, of type `element`.
mlir::Value createElementwise(
    mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<int64_t> shape,
    mlir::Type element, mlir::ValueRange inputs,
    llvm::ArrayRef<mlir::AffineMap> inputMaps,
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                   mlir::ValueRange)>
        body);

/// An element of the term widened to i32.
mlir::Value extendElement(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value element, bool isUnsigned);

/// ext(integers) - zeroPoint, in i32.
mlir::Value centerIntegers(mlir::OpBuilder &builder, mlir::Location loc,
                           const IntegerTerm &term);

/// Says for the report, and in a remark, why `op` is in float.
void explainFloat(mlir::Operation *op, llvm::StringRef reason);
/// The reason QoptDialect::kSeveralScalesReason.
void explainSeveralScales(mlir::Operation *op);

/// The float value that the form stands for.
mlir::Value materializeForm(mlir::OpBuilder &builder, mlir::Location loc,
                            const IntegerForm &form);

/// The 8-bit result of `qopt.quantize` of the form.
mlir::Value requantizeForm(mlir::OpBuilder &builder, mlir::Location loc,
                           const IntegerForm &form, float scale,
                           int32_t zeroPoint, llvm::ArrayRef<int32_t> range,
                           mlir::RankedTensorType type, bool fixedPoint);

FormResult addForms(mlir::OpBuilder &builder, mlir::linalg::GenericOp op,
                    const IntegerForm &lhs, const IntegerForm &rhs,
                    bool subtract);
FormResult multiplyForms(mlir::OpBuilder &builder, mlir::linalg::GenericOp op,
                         const IntegerForm &lhs, const IntegerForm &rhs);
FormResult scaleForm(const IntegerForm &input, float factor);
IntegerForm clampForm(const IntegerForm &input, float lo, float hi);

/// The start values of the accumulators of a contraction.
struct AccumulatorStart {
  /// Per output channel, in order of the result's channel dimensions; empty for
  /// zero.
  std::vector<int32_t> bias;
};
FormResult contractForms(mlir::OpBuilder &builder, const Contraction &match,
                         const IntegerForm &lhs, const IntegerForm &rhs,
                         const AccumulatorStart &start);

/// The float result of a contraction whose weights are grouped, without bias.
mlir::Value contractGroups(mlir::OpBuilder &builder, const Contraction &match,
                           const IntegerForm &lhs, const IntegerForm &rhs);

/// Pooling and sum reductions.
FormResult reduceForm(mlir::OpBuilder &builder, mlir::linalg::LinalgOp op,
                      bool isMax, const IntegerForm &input);

/// Softmax of 8-bit integers in fixed point.
FormResult softmaxForm(mlir::OpBuilder &builder, mlir::linalg::SoftmaxOp op,
                       const IntegerForm &input);

/// Movement of one operand.
FormResult moveForm(mlir::OpBuilder &builder, mlir::Operation *op,
                    mlir::Value moved, const IntegerForm &input);
FormResult concatForms(mlir::OpBuilder &builder, mlir::tensor::ConcatOp op,
                       llvm::ArrayRef<const IntegerForm *> inputs);

/// The values of `values[last]` for all 256 codes of an edge, `chain` being the
/// elementwise operations from the edge to it; one row, or one per channel.
/// With `quantize` they are its integers, else f32.
llvm::Expected<mlir::DenseElementsAttr>
evaluateTable(mlir::Value edge, const IntegerTerm &term,
              llvm::ArrayRef<mlir::linalg::GenericOp> chain,
              QuantizeOp quantize);

} // namespace qopt

#endif // QOPT_LIB_CONVERSION_QDQTOINTEGER_INTEGERFORMS_H
