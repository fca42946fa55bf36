//===- Activation.cpp - Activation functions ------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Activations with parameters, and those written out in basic arithmetic. Each
// body is the formula that docs/Pipeline.md gives for it.
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

/// Integers reach activations only through Clip and Relu of shape arithmetic.
static std::optional<int64_t> noIntegers(ArrayRef<int64_t>) {
  return std::nullopt;
}

// max(x, 0)
static LogicalResult importRelu(NodeContext &context) {
  return combine(
      context, context.allInputs(),
      [](ArrayRef<double> x) { return std::max(x[0], 0.0); },
      [](ArrayRef<int64_t> x) -> std::optional<int64_t> {
        return std::max<int64_t>(x[0], 0);
      },
      [](OpBuilder &b, Location l, ValueRange x) -> Value {
        return arith::MaximumFOp::create(b, l, x[0], createScalar(b, l, 0));
      });
}

/// select(x >= 0, x, x * slope).
static Value buildLeaky(OpBuilder &b, Location l, Value x, Value slope) {
  Value zero = createScalar(b, l, 0);
  Value isPositive =
      arith::CmpFOp::create(b, l, arith::CmpFPredicate::OGE, x, zero);
  Value scaled = arith::MulFOp::create(b, l, x, slope);
  return arith::SelectOp::create(b, l, isPositive, x, scaled);
}

static LogicalResult importLeakyRelu(NodeContext &context) {
  float alpha = context.floatAttr("alpha", 0.01f);
  return combine(
      context, context.allInputs(),
      [&](ArrayRef<double> x) {
        return x[0] >= 0 ? x[0] : x[0] * double(alpha);
      },
      noIntegers,
      [&](OpBuilder &b, Location l, ValueRange x) {
        return buildLeaky(b, l, x[0], createScalar(b, l, alpha));
      });
}

static LogicalResult importPRelu(NodeContext &context) {
  auto joined =
      broadcastShapes(context.input(0).shape(), context.input(1).shape());
  if (!joined || ArrayRef(*joined) != context.input(0).shape())
    return context.error("expected a slope that broadcasts to shape " +
                         shapeString(context.input(0).shape()) + ", got " +
                         shapeString(context.input(1).shape()));
  return combine(
      context, context.allInputs(),
      [](ArrayRef<double> x) { return x[0] >= 0 ? x[0] : x[0] * x[1]; },
      noIntegers,
      [](OpBuilder &b, Location l, ValueRange x) {
        return buildLeaky(b, l, x[0], x[1]);
      });
}

/// min(max(x, low), high), with either bound left out.
template <typename T>
static T clip(T x, std::optional<T> low, std::optional<T> high) {
  T y = low ? std::max(x, *low) : x;
  return high ? std::min(y, *high) : y;
}

static LogicalResult buildClip(NodeContext &context, std::optional<float> low,
                               std::optional<float> high) {
  if ((low && std::isnan(*low)) || (high && std::isnan(*high)))
    return context.error("expected bounds that are numbers, got NaN");
  return combine(
      context, context.input(0),
      [&](ArrayRef<double> x) { return clip<double>(x[0], low, high); },
      noIntegers,
      [&](OpBuilder &b, Location l, ValueRange x) {
        Value y = x[0];
        if (low)
          y = arith::MaximumFOp::create(b, l, y, createScalar(b, l, *low));
        if (high)
          y = arith::MinimumFOp::create(b, l, y, createScalar(b, l, *high));
        return y;
      });
}

static LogicalResult importClipWithAttributes(NodeContext &context) {
  std::optional<float> low, high;
  if (context.hasAttr("min"))
    low = context.floatAttr("min", 0);
  if (context.hasAttr("max"))
    high = context.floatAttr("max", 0);
  if (!low && !high)
    return context.setOutput(context.input(0));
  return buildClip(context, low, high);
}

/// Shape arithmetic: integers that are known here, and so are their bounds.
static LogicalResult clipIntegers(NodeContext &context) {
  std::optional<int64_t> bounds[2];
  for (size_t i : {0, 1}) {
    if (!context.hasInput(i + 1))
      continue;
    StringRef what = i ? "max" : "min";
    FailureOr<SmallVector<int64_t>> bound = context.intConstants(i + 1, what);
    if (failed(bound))
      return failure();
    if (bound->size() != 1)
      return context.error(what + ": expected one integer, got " +
                           Twine(bound->size()));
    bounds[i] = bound->front();
  }
  return combine(
      context, context.input(0), [](ArrayRef<double> x) { return x[0]; },
      [&](ArrayRef<int64_t> x) -> std::optional<int64_t> {
        return clip<int64_t>(x[0], bounds[0], bounds[1]);
      },
      [](OpBuilder &, Location, ValueRange x) { return x[0]; });
}

static LogicalResult importClip(NodeContext &context) {
  const GraphValue &x = context.input(0);
  if (x.isConstant() && (x.dtype() == DType::I64 || x.dtype() == DType::I32))
    return clipIntegers(context);
  std::optional<float> bounds[2];
  for (size_t i : {0, 1}) {
    if (!context.hasInput(i + 1))
      continue;
    FailureOr<float> bound = context.scalarConstant(i + 1, i ? "max" : "min");
    if (failed(bound))
      return failure();
    bounds[i] = *bound;
  }
  if (!bounds[0] && !bounds[1])
    return context.setOutput(context.input(0));
  return buildClip(context, bounds[0], bounds[1]);
}

// 1 / (1 + exp(-x))
static LogicalResult importSigmoid(NodeContext &context) {
  return combine(
      context, context.allInputs(),
      [](ArrayRef<double> x) { return 1.0 / (1.0 + std::exp(-x[0])); },
      noIntegers,
      [](OpBuilder &b, Location l, ValueRange x) -> Value {
        Value negated = arith::NegFOp::create(b, l, x[0]);
        Value power = math::ExpOp::create(b, l, negated);
        Value one = createScalar(b, l, 1);
        Value sum = arith::AddFOp::create(b, l, one, power);
        return arith::DivFOp::create(b, l, one, sum);
      });
}

static double hardSigmoid(double x, double alpha, double beta) {
  return std::min(std::max(x * alpha + beta, 0.0), 1.0);
}

// min(max(x * alpha + beta, 0), 1)
static Value buildHardSigmoid(OpBuilder &b, Location l, Value x, float alpha,
                              float beta) {
  Value y = arith::MulFOp::create(b, l, x, createScalar(b, l, alpha));
  y = arith::AddFOp::create(b, l, y, createScalar(b, l, beta));
  y = arith::MaximumFOp::create(b, l, y, createScalar(b, l, 0));
  return arith::MinimumFOp::create(b, l, y, createScalar(b, l, 1));
}

static LogicalResult importHardSigmoid(NodeContext &context) {
  float alpha = context.floatAttr("alpha", 0.2f);
  float beta = context.floatAttr("beta", 0.5f);
  return combine(
      context, context.allInputs(),
      [&](ArrayRef<double> x) { return hardSigmoid(x[0], alpha, beta); },
      noIntegers,
      [&](OpBuilder &b, Location l, ValueRange x) {
        return buildHardSigmoid(b, l, x[0], alpha, beta);
      });
}

// x * hardSigmoid(x) with alpha = 1/6, beta = 1/2
static LogicalResult importHardSwish(NodeContext &context) {
  constexpr float kAlpha = 1.0f / 6.0f, kBeta = 0.5f;
  return combine(
      context, context.allInputs(),
      [](ArrayRef<double> x) {
        return x[0] * hardSigmoid(x[0], kAlpha, kBeta);
      },
      noIntegers,
      [](OpBuilder &b, Location l, ValueRange x) -> Value {
        Value gate = buildHardSigmoid(b, l, x[0], kAlpha, kBeta);
        return arith::MulFOp::create(b, l, x[0], gate);
      });
}

ArrayRef<OpRow> onnximport::activationOps() {
  static const OpRow rows[] = {
      {"Clip", 7, 10, 1, 1, 1, importClipWithAttributes, "max:f min:f"},
      {"Clip", 11, kMaxOpset, 1, 3, 1, importClip, ""},
      {"HardSigmoid", 7, kMaxOpset, 1, 1, 1, importHardSigmoid,
       "alpha:f beta:f"},
      {"HardSwish", 14, kMaxOpset, 1, 1, 1, importHardSwish, ""},
      {"LeakyRelu", 7, kMaxOpset, 1, 1, 1, importLeakyRelu, "alpha:f"},
      {"PRelu", 7, kMaxOpset, 2, 2, 1, importPRelu, ""},
      {"Relu", 7, kMaxOpset, 1, 1, 1, importRelu, ""},
      {"Sigmoid", 7, kMaxOpset, 1, 1, 1, importSigmoid, ""},
  };
  return rows;
}
