//===- Normalization.cpp - Normalization ----------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Batch normalization at inference, an affine map per channel.
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

// scale * (x - mean) / sqrt(var + epsilon) + bias = x * a + b with
//   a = scale / sqrt(var + epsilon),  b = bias - mean * a,
// computed in double and rounded once to f32.
static LogicalResult importBatchNormalization(NodeContext &context) {
  if (context.intAttr("training_mode", 0) != 0)
    return context.error("expected training_mode 0, got 1");
  if (context.intAttr("spatial", 1) != 1)
    return context.error("expected spatial 1, got 0");
  FailureOr<Value> input = context.tensor(0);
  if (failed(input))
    return failure();
  ArrayRef<int64_t> shape = shapeOf(*input);
  if (shape.size() < 2)
    return context.error("expected X of rank 2 or more, got shape " +
                         shapeString(shape));
  int64_t channels = shape[1];
  ArrayRef<float> parameters[4];
  constexpr StringLiteral names[] = {"scale", "B", "mean", "var"};
  for (auto [i, name] : llvm::enumerate(names)) {
    FailureOr<const HostTensor *> tensor = context.floatConstant(i + 1, name);
    if (failed(tensor))
      return failure();
    if (ArrayRef<int64_t>((*tensor)->shape) != ArrayRef<int64_t>{channels})
      return context.error("expected " + name + " of shape [" +
                           Twine(channels) + "], got " +
                           shapeString((*tensor)->shape));
    parameters[i] = (*tensor)->data<float>();
  }

  double epsilon = context.floatAttr("epsilon", 1e-5f);
  auto [scale, bias, mean, variance] = parameters;
  SmallVector<float> factor, offset;
  for (int64_t c = 0; c < channels; ++c) {
    double deviation = std::sqrt(double(variance[c]) + epsilon);
    if (!(deviation > 0))
      return context.error("expected var + epsilon > 0, got " +
                           std::to_string(double(variance[c]) + epsilon) +
                           " for channel " + Twine(c));
    double a = double(scale[c]) / deviation;
    factor.push_back(float(a));
    offset.push_back(float(double(bias[c]) - double(mean[c]) * a));
  }
  ElementwiseOperand x{
      *input, llvm::to_vector(llvm::seq<int64_t>(0, int64_t(shape.size())))};
  OpBuilder &builder = context.builder;
  ElementwiseOperand a{
      createConstant(builder, context.loc, makeFloatTensor({channels}, factor)),
      {1}};
  ElementwiseOperand b{
      createConstant(builder, context.loc, makeFloatTensor({channels}, offset)),
      {1}};
  return context.setOutput(createElementwise(
      builder, context.loc, shape, {x, a, b},
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value product = arith::MulFOp::create(b, l, args[0], args[1]);
        return arith::AddFOp::create(b, l, product, args[2]);
      }));
}

ArrayRef<OpRow> onnximport::normalizationOps() {
  static const OpRow rows[] = {
      {"BatchNormalization", 7, 8, 5, 5, 5, importBatchNormalization,
       "epsilon:f -momentum:f spatial:i"},
      {"BatchNormalization", 9, 13, 5, 5, 5, importBatchNormalization,
       "epsilon:f -momentum:f"},
      {"BatchNormalization", 14, kMaxOpset, 5, 5, 1, importBatchNormalization,
       "epsilon:f -momentum:f training_mode:i"},
  };
  return rows;
}
