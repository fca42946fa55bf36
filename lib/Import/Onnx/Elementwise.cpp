//===- Elementwise.cpp - Arithmetic, element by element -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators that are one scalar function of their broadcast inputs.
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

using FloatFn = double (*)(ArrayRef<double>);
using IntFn = std::optional<int64_t> (*)(ArrayRef<int64_t>);

/// An operator whose body is one operation.
template <typename Op, FloatFn floatFn, IntFn intFn>
static LogicalResult importOne(NodeContext &context) {
  return combine(context, context.allInputs(), floatFn, intFn,
                 [](OpBuilder &b, Location l, ValueRange x) -> Value {
                   return Op::create(b, l, x);
                 });
}

/// Sum, Max, Min: any number of inputs, folded from the left.
template <typename Op, FloatFn floatFn, IntFn intFn>
static LogicalResult importVariadic(NodeContext &context) {
  return combine(
      context, context.allInputs(),
      [](ArrayRef<double> x) {
        double result = x[0];
        for (double next : x.drop_front())
          result = floatFn({result, next});
        return result;
      },
      [](ArrayRef<int64_t> x) -> std::optional<int64_t> {
        int64_t result = x[0];
        for (int64_t next : x.drop_front())
          result = *intFn({result, next});
        return result;
      },
      [](OpBuilder &b, Location l, ValueRange x) -> Value {
        Value result = x[0];
        for (Value next : x.drop_front())
          result = Op::create(b, l, result, next);
        return result;
      });
}

//===----------------------------------------------------------------------===//
// Functions of constants. Integers wrap.
//===----------------------------------------------------------------------===//

static double addFloat(ArrayRef<double> x) { return x[0] + x[1]; }
static double subFloat(ArrayRef<double> x) { return x[0] - x[1]; }
static double mulFloat(ArrayRef<double> x) { return x[0] * x[1]; }
static double divFloat(ArrayRef<double> x) { return x[0] / x[1]; }
static double maxFloat(ArrayRef<double> x) { return std::max(x[0], x[1]); }
static double minFloat(ArrayRef<double> x) { return std::min(x[0], x[1]); }
static double absFloat(ArrayRef<double> x) { return std::fabs(x[0]); }
static double ceilFloat(ArrayRef<double> x) { return std::ceil(x[0]); }
static double erfFloat(ArrayRef<double> x) { return std::erf(x[0]); }
static double expFloat(ArrayRef<double> x) { return std::exp(x[0]); }
static double floorFloat(ArrayRef<double> x) { return std::floor(x[0]); }
static double logFloat(ArrayRef<double> x) { return std::log(x[0]); }
static double negFloat(ArrayRef<double> x) { return -x[0]; }
static double roundFloat(ArrayRef<double> x) { return std::nearbyint(x[0]); }
static double sqrtFloat(ArrayRef<double> x) { return std::sqrt(x[0]); }
static double tanhFloat(ArrayRef<double> x) { return std::tanh(x[0]); }

static std::optional<int64_t> addInt(ArrayRef<int64_t> x) {
  return int64_t(uint64_t(x[0]) + uint64_t(x[1]));
}
static std::optional<int64_t> subInt(ArrayRef<int64_t> x) {
  return int64_t(uint64_t(x[0]) - uint64_t(x[1]));
}
static std::optional<int64_t> mulInt(ArrayRef<int64_t> x) {
  return int64_t(uint64_t(x[0]) * uint64_t(x[1]));
}
static std::optional<int64_t> divInt(ArrayRef<int64_t> x) {
  if (x[1] == 0 || (x[1] == -1 && x[0] == std::numeric_limits<int64_t>::min()))
    return std::nullopt;
  return x[0] / x[1];
}
static std::optional<int64_t> maxInt(ArrayRef<int64_t> x) {
  return std::max(x[0], x[1]);
}
static std::optional<int64_t> minInt(ArrayRef<int64_t> x) {
  return std::min(x[0], x[1]);
}
static std::optional<int64_t> absInt(ArrayRef<int64_t> x) {
  return x[0] < 0 ? int64_t(0 - uint64_t(x[0])) : x[0];
}
static std::optional<int64_t> negInt(ArrayRef<int64_t> x) {
  return int64_t(0 - uint64_t(x[0]));
}
static std::optional<int64_t> noIntegers(ArrayRef<int64_t>) {
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Those that are not one operation
//===----------------------------------------------------------------------===//

// 1 / x
static LogicalResult importReciprocal(NodeContext &context) {
  return combine(
      context, context.allInputs(),
      [](ArrayRef<double> x) { return 1.0 / x[0]; }, noIntegers,
      [](OpBuilder &b, Location l, ValueRange x) -> Value {
        return arith::DivFOp::create(b, l, createScalar(b, l, 1), x[0]);
      });
}

// x ^ 2 = x * x and x ^ (1/2) = sqrt(x); other powers of computed values have
// no definition in docs/Numerics.md.
static LogicalResult importPow(NodeContext &context) {
  if (context.input(0).isConstant() && context.input(1).isConstant())
    return combine(
        context, context.allInputs(),
        [](ArrayRef<double> x) { return std::pow(x[0], x[1]); }, noIntegers,
        [](OpBuilder &, Location, ValueRange x) { return x[0]; });
  FailureOr<float> exponent = context.scalarConstant(1, "the exponent");
  if (failed(exponent))
    return failure();
  if (*exponent != 2.0f && *exponent != 0.5f && *exponent != 1.0f)
    return context.error("expected an exponent of 0.5, 1 or 2, got " +
                         std::to_string(*exponent));
  // The exponent may have more dimensions than x, all of them 1.
  GraphValue x = context.input(0);
  SmallVector<int64_t> shape(
      std::max<int64_t>(context.input(1).rank() - x.rank(), 0), 1);
  llvm::append_range(shape, x.shape());
  if (int64_t(shape.size()) != x.rank())
    x = reshape(context, x, shape);
  if (*exponent == 1.0f)
    return context.setOutput(x);
  return combine(context, x, sqrtFloat, noIntegers,
                 [&](OpBuilder &b, Location l, ValueRange x) -> Value {
                   if (*exponent == 2.0f)
                     return arith::MulFOp::create(b, l, x[0], x[0]);
                   return math::SqrtOp::create(b, l, x[0]);
                 });
}

ArrayRef<OpRow> onnximport::elementwiseOps() {
  static const OpRow rows[] = {
      {"Abs", 7, kMaxOpset, 1, 1, 1, importOne<math::AbsFOp, absFloat, absInt>,
       ""},
      {"Add", 7, kMaxOpset, 2, 2, 1, importOne<arith::AddFOp, addFloat, addInt>,
       ""},
      {"Ceil", 7, kMaxOpset, 1, 1, 1,
       importOne<math::CeilOp, ceilFloat, noIntegers>, ""},
      {"Div", 7, kMaxOpset, 2, 2, 1, importOne<arith::DivFOp, divFloat, divInt>,
       ""},
      {"Erf", 9, kMaxOpset, 1, 1, 1,
       importOne<math::ErfOp, erfFloat, noIntegers>, ""},
      {"Exp", 7, kMaxOpset, 1, 1, 1,
       importOne<math::ExpOp, expFloat, noIntegers>, ""},
      {"Floor", 7, kMaxOpset, 1, 1, 1,
       importOne<math::FloorOp, floorFloat, noIntegers>, ""},
      {"Log", 7, kMaxOpset, 1, 1, 1,
       importOne<math::LogOp, logFloat, noIntegers>, ""},
      {"Max", 7, kMaxOpset, 1, kVariadic, 1,
       importVariadic<arith::MaximumFOp, maxFloat, maxInt>, ""},
      {"Min", 7, kMaxOpset, 1, kVariadic, 1,
       importVariadic<arith::MinimumFOp, minFloat, minInt>, ""},
      {"Mul", 7, kMaxOpset, 2, 2, 1, importOne<arith::MulFOp, mulFloat, mulInt>,
       ""},
      {"Neg", 7, kMaxOpset, 1, 1, 1, importOne<arith::NegFOp, negFloat, negInt>,
       ""},
      {"Pow", 7, kMaxOpset, 2, 2, 1, importPow, ""},
      {"Reciprocal", 7, kMaxOpset, 1, 1, 1, importReciprocal, ""},
      {"Round", 11, kMaxOpset, 1, 1, 1,
       importOne<math::RoundEvenOp, roundFloat, noIntegers>, ""},
      {"Sqrt", 7, kMaxOpset, 1, 1, 1,
       importOne<math::SqrtOp, sqrtFloat, noIntegers>, ""},
      {"Sub", 7, kMaxOpset, 2, 2, 1, importOne<arith::SubFOp, subFloat, subInt>,
       ""},
      {"Sum", 8, kMaxOpset, 1, kVariadic, 1,
       importVariadic<arith::AddFOp, addFloat, addInt>, ""},
      {"Tanh", 7, kMaxOpset, 1, 1, 1,
       importOne<math::TanhOp, tanhFloat, noIntegers>, ""},
  };
  return rows;
}
