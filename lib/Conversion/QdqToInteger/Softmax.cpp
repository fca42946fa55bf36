//===- Softmax.cpp - Softmax of 8-bit integers in fixed point -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   e = table[max(q) - q];  softmax(q) = floor(e * 2^16 / sum(e)) * 2^-16
//
// The quotient is computed bit by bit: some cores have no division, and a loop
// over a row has nothing to wait for.
//
//===----------------------------------------------------------------------===//

#include "IntegerForms.h"
#include "qopt/Support/QuantMath.h"

using namespace mlir;
using namespace qopt;

using ElementBody = function_ref<Value(OpBuilder &, Location, ValueRange)>;

/// The i32 reduction of `input` along the dimension that `rowMap` drops; `body`
/// gets an element and what came of those before it.
static Value reduceRows(OpBuilder &builder, Location loc, Value input,
                        AffineMap rowMap, int32_t neutral, ElementBody body) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape;
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::reduction);
  for (AffineExpr expr : rowMap.getResults()) {
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    shape.push_back(type.getDimSize(dim));
    loops[dim] = utils::IteratorType::parallel;
  }
  Value start = arith::ConstantOp::create(builder, loc,
                                          builder.getI32IntegerAttr(neutral));
  Value empty = createEmpty(builder, loc, shape, builder.getI32Type());
  Value init = linalg::FillOp::create(builder, loc, start, empty).getResult(0);
  return linalg::GenericOp::create(
             builder, loc, init.getType(), input, init,
             {builder.getMultiDimIdentityMap(type.getRank()), rowMap}, loops,
             [&](OpBuilder &inner, Location at, ValueRange elements) {
               linalg::YieldOp::create(inner, at, body(inner, at, elements));
             })
      .getResult(0);
}

/// softmaxQuotient: one subtraction per bit, of the whole first.
static Value divideElement(OpBuilder &b, Location loc, Value part, Value sum) {
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  };
  Value zero = constant(0), one = constant(1);
  Value rest = part, quotient = zero;
  for (int bit = kSoftmaxBits; bit >= 0; --bit) {
    // rest < sum < 2^31, so twice the rest fits as an unsigned number.
    if (bit != kSoftmaxBits) {
      rest = arith::ShLIOp::create(b, loc, rest, one);
      quotient = arith::ShLIOp::create(b, loc, quotient, one);
    }
    Value fits =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, rest, sum);
    Value taken = arith::SelectOp::create(b, loc, fits, sum, zero);
    rest = arith::SubIOp::create(b, loc, rest, taken);
    Value step = arith::ExtUIOp::create(b, loc, b.getI32Type(), fits);
    quotient = arith::OrIOp::create(b, loc, quotient, step);
  }
  return quotient;
}

FormResult qopt::softmaxForm(OpBuilder &builder, linalg::SoftmaxOp op,
                             const IntegerForm &input) {
  if (!isEightBit(op.getInput()) || !input.isPlain() ||
      !input.terms[0].isPerTensor())
    return std::nullopt;
  const IntegerTerm &term = input.terms[0];
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(term.integers.getType());
  ArrayRef<int64_t> shape = type.getShape();
  int64_t dim = op.getDimension();
  Type i32 = builder.getI32Type();
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  AffineMap rowMap = identity.dropResult(dim);
  auto extend = [&](OpBuilder &b, Location at, Value element) {
    return extendElement(b, at, element, term.isUnsigned);
  };

  Value largest = reduceRows(
      builder, loc, term.integers, rowMap, std::numeric_limits<int32_t>::min(),
      [&](OpBuilder &b, Location at, ValueRange elements) -> Value {
        return arith::MaxSIOp::create(b, at, elements[1],
                                      extend(b, at, elements[0]));
      });
  Value distance = createElementwise(
      builder, loc, shape, type.getElementType(), {term.integers, largest},
      {identity, rowMap},
      [&](OpBuilder &b, Location at, ValueRange elements) -> Value {
        Value wide = arith::SubIOp::create(b, at, elements[1],
                                           extend(b, at, elements[0]));
        return arith::TruncIOp::create(b, at, type.getElementType(), wide);
      });
  std::vector<int32_t> table = softmaxTable(term.scales.values[0], shape[dim]);
  Value part = LookupOp::create(
      builder, loc, type.clone(i32), distance,
      createIntConstant(builder, loc, int64_t(table.size()), table, 32),
      createEmpty(builder, loc, shape, i32), /*unsigned_input=*/true,
      AffineMap::get(type.getRank(), 0, builder.getContext()));
  Value sum = reduceRows(
      builder, loc, part, rowMap, 0,
      [](OpBuilder &b, Location at, ValueRange elements) -> Value {
        return arith::AddIOp::create(b, at, elements[1], elements[0]);
      });

  IntegerTerm result;
  result.integers = createElementwise(
      builder, loc, shape, i32, {part, sum}, {identity, rowMap},
      [](OpBuilder &b, Location at, ValueRange elements) {
        return divideElement(b, at, elements[0], elements[1]);
      });
  result.scales = ScaleTable::perTensor(std::ldexp(1.0, -kSoftmaxBits),
                                        type.getRank(), builder.getContext());
  IntegerForm form;
  form.terms.push_back(std::move(result));
  return form;
}
