//===- IntegerForms.cpp - Elementwise rules on integers -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Leaving the forms (materialize, requantize), sums, products, clamps.
//
//===----------------------------------------------------------------------===//

#include "IntegerForms.h"
#include "mlir/IR/Remarks.h"
#include "qopt/Support/QuantMath.h"
#include <cmath>

using namespace mlir;
using namespace qopt;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

unsigned IntegerTerm::bits() const {
  return getElementTypeOrSelf(integers).getIntOrFloatBitWidth();
}

bool IntegerForm::isClamped() const {
  return lo != -kInfinity || hi != kInfinity;
}

bool IntegerForm::isPlain() const {
  return terms.size() == 1 && !isClamped() && terms[0].scales.isPerChannel();
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value qopt::createElementwise(
    OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, Type element,
    ValueRange inputs, ArrayRef<AffineMap> inputMaps,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  Value empty = createEmpty(builder, loc, shape, element);
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(builder.getMultiDimIdentityMap(shape.size()));
  SmallVector<utils::IteratorType> loops(shape.size(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), inputs, empty, maps, loops,
             [&](OpBuilder &inner, Location at, ValueRange arguments) {
               linalg::YieldOp::create(inner, at,
                                       body(inner, at, arguments.drop_back()));
             })
      .getResult(0);
}

Value qopt::extendElement(OpBuilder &builder, Location loc, Value element,
                          bool isUnsigned) {
  Type i32 = builder.getI32Type();
  if (element.getType() == i32)
    return element;
  if (isUnsigned)
    return arith::ExtUIOp::create(builder, loc, i32, element);
  return arith::ExtSIOp::create(builder, loc, i32, element);
}

static Value createI32(OpBuilder &builder, Location loc, int32_t value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getI32IntegerAttr(value));
}

/// ext(element) - zeroPoint.
static Value centerElement(OpBuilder &builder, Location loc, Value element,
                           const IntegerTerm &term) {
  Value wide = extendElement(builder, loc, element, term.isUnsigned);
  if (term.zeroPoint == 0)
    return wide;
  return arith::SubIOp::create(builder, loc, wide,
                               createI32(builder, loc, term.zeroPoint));
}

Value qopt::centerIntegers(OpBuilder &builder, Location loc,
                           const IntegerTerm &term) {
  auto type = cast<RankedTensorType>(term.integers.getType());
  return createElementwise(
      builder, loc, type.getShape(), builder.getI32Type(), term.integers,
      builder.getMultiDimIdentityMap(type.getRank()),
      [&](OpBuilder &inner, Location at, ValueRange elements) {
        return centerElement(inner, at, elements[0], term);
      });
}

//===----------------------------------------------------------------------===//
// Leaving the forms
//===----------------------------------------------------------------------===//

/// x < lo ? lo : x, then x > hi ? hi : x, as the interpreter says it.
static Value clampElement(OpBuilder &builder, Location loc, Value value,
                          const IntegerForm &form) {
  auto bound = [&](float limit, arith::CmpFPredicate beyond) {
    if (std::isinf(limit))
      return;
    Value constant =
        arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(limit));
    Value isBeyond =
        arith::CmpFOp::create(builder, loc, beyond, value, constant);
    value = arith::SelectOp::create(builder, loc, isBeyond, constant, value);
  };
  bound(form.lo, arith::CmpFPredicate::OLT);
  bound(form.hi, arith::CmpFPredicate::OGT);
  return value;
}

/// Whether subtraction negated the scales; then all are negative, and it is not
/// the first term.
static bool isNegated(const IntegerTerm &term) {
  return std::signbit(term.scales.values.front());
}

/// The term without its sign, for dequantize takes no negative scales:
/// a + I * -s = a - I * s, to the bit.
static Value materializeTerm(OpBuilder &builder, Location loc,
                             const IntegerTerm &term) {
  ScaleTable scales = term.scales;
  for (double &scale : scales.values)
    scale = std::fabs(scale);
  return createDequantize(builder, loc, term.integers, scales, term.zeroPoint,
                          term.isUnsigned);
}

void qopt::explainFloat(Operation *op, StringRef reason) {
  op->setAttr(QoptDialect::kFloatReasonAttrName,
              StringAttr::get(op->getContext(), reason));
  // What the report calls such nodes: their products are of integers.
  StringRef name =
      reason == QoptDialect::kSeveralScalesReason ? "integer" : "float";
  remark::missed(op->getLoc(), remark::RemarkOpts::name(name).category(
                                   "convert-qdq-to-integer"))
      << remark::reason("{0}", reason);
}

void qopt::explainSeveralScales(Operation *op) {
  explainFloat(op, QoptDialect::kSeveralScalesReason);
}

Value qopt::materializeForm(OpBuilder &builder, Location loc,
                            const IntegerForm &form) {
  SmallVector<Value> reals;
  for (const IntegerTerm &term : form.terms)
    reals.push_back(materializeTerm(builder, loc, term));
  if (reals.size() == 1 && !form.isClamped())
    return reals.front();
  auto type = cast<RankedTensorType>(reals.front().getType());
  SmallVector<AffineMap> maps(reals.size(),
                              builder.getMultiDimIdentityMap(type.getRank()));
  Value real = createElementwise(
      builder, loc, type.getShape(), type.getElementType(), reals, maps,
      [&](OpBuilder &inner, Location at, ValueRange elements) {
        Value sum = elements.front();
        for (auto [term, element] :
             llvm::drop_begin(llvm::zip_equal(form.terms, elements)))
          sum =
              isNegated(term)
                  ? arith::SubFOp::create(inner, at, sum, element).getResult()
                  : arith::AddFOp::create(inner, at, sum, element).getResult();
        return clampElement(inner, at, sum, form);
      });
  explainSeveralScales(real.getDefiningOp());
  return real;
}

/// The multipliers of one term: i32 with a shift, else f32.
static Value createMultipliers(OpBuilder &builder, Location loc,
                               const ScaleTable &scales, double outScale,
                               std::optional<int> shift) {
  if (shift) {
    std::vector<int32_t> factors;
    for (double s : scales.values)
      factors.push_back(fixedPointMultiplier(s / outScale, *shift));
    return createIntConstant(builder, loc, scales.shape, factors, 32);
  }
  std::vector<float> factors;
  for (double s : scales.values)
    factors.push_back(requantizeMultiplier(s, outScale));
  return createFloatConstant(builder, loc, scales.shape, factors);
}

static int commonShift(const IntegerForm &form, double outScale) {
  double ratios = 0;
  for (const IntegerTerm &term : form.terms)
    ratios += largestRatio(term.scales.values, outScale);
  return fixedPointShift(ratios);
}

Value qopt::requantizeForm(OpBuilder &builder, Location loc,
                           const IntegerForm &form, float scale,
                           int32_t zeroPoint, ArrayRef<int32_t> range,
                           RankedTensorType type, bool fixedPoint) {
  QuantizedClamp clamp =
      quantizeClamp(form.lo, form.hi, scale, zeroPoint, range[0], range[1]);
  const IntegerTerm &first = form.terms.front();
  // (q - z) * S -> q: the integers are the result already.
  bool isUnchanged = form.terms.size() == 1 && first.isPerTensor() &&
                     first.scales.values[0] == double(scale) &&
                     first.zeroPoint == zeroPoint && clamp.lo == range[0] &&
                     clamp.hi == range[1] && first.integers.getType() == type &&
                     first.isUnsigned == (range[0] >= 0);
  if (isUnchanged)
    return first.integers;

  std::optional<int> shift;
  if (fixedPoint)
    shift = commonShift(form, double(scale));
  SmallVector<Value> inputs, multipliers;
  SmallVector<int32_t> zeroPoints;
  SmallVector<bool> isUnsigned;
  SmallVector<AffineMap> params;
  for (const IntegerTerm &term : form.terms) {
    inputs.push_back(term.integers);
    multipliers.push_back(
        createMultipliers(builder, loc, term.scales, double(scale), shift));
    zeroPoints.push_back(term.zeroPoint);
    isUnsigned.push_back(term.isUnsigned);
    params.push_back(term.scales.map);
  }
  Value init =
      createEmpty(builder, loc, type.getShape(), type.getElementType());
  return RequantizeOp::create(
      builder, loc, type, inputs, multipliers, init,
      builder.getDenseI32ArrayAttr({clamp.lo, clamp.hi}),
      builder.getI32IntegerAttr(zeroPoint),
      builder.getDenseI32ArrayAttr(zeroPoints),
      builder.getDenseBoolArrayAttr(isUnsigned),
      builder.getAffineMapArrayAttr(params),
      shift ? builder.getI32IntegerAttr(*shift) : IntegerAttr());
}

//===----------------------------------------------------------------------===//
// Sums and products
//===----------------------------------------------------------------------===//

static ParamLayout layoutOf(const ScaleTable &scales) {
  return {scales.map, scales.shape};
}

/// The term broadcast to the shape of the result of `op`.
static IntegerTerm broadcastTerm(OpBuilder &builder, linalg::GenericOp op,
                                 unsigned operand, const IntegerTerm &term) {
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(operand));
  if (map.isIdentity())
    return term;
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  IntegerTerm result = term;
  result.integers = createElementwise(
      builder, op.getLoc(), type.getShape(),
      getElementTypeOrSelf(term.integers), term.integers, map,
      [](OpBuilder &, Location, ValueRange elements) { return elements[0]; });
  ParamLayout layout =
      broadcastParams(map, type.getRank(), layoutOf(term.scales));
  result.scales.map = layout.map;
  result.scales.shape = layout.shape;
  return result;
}

static bool allPerChannel(const IntegerForm &form) {
  return llvm::all_of(form.terms, [](const IntegerTerm &term) {
    return term.scales.isPerChannel();
  });
}

FormResult qopt::addForms(OpBuilder &builder, linalg::GenericOp op,
                          const IntegerForm &lhs, const IntegerForm &rhs,
                          bool subtract) {
  if (lhs.isClamped() || rhs.isClamped() || !allPerChannel(lhs) ||
      !allPerChannel(rhs))
    return std::nullopt;
  IntegerForm result;
  for (const IntegerTerm &term : lhs.terms)
    result.terms.push_back(broadcastTerm(builder, op, 0, term));
  for (const IntegerTerm &term : rhs.terms) {
    IntegerTerm moved = broadcastTerm(builder, op, 1, term);
    if (subtract)
      for (double &scale : moved.scales.values)
        scale = -scale;
    result.terms.push_back(std::move(moved));
  }
  return result;
}

// (a - za) * sa * (b - zb) * sb = ((a - za) * (b - zb)) * (sa * sb)
FormResult qopt::multiplyForms(OpBuilder &builder, linalg::GenericOp op,
                               const IntegerForm &lhs, const IntegerForm &rhs) {
  if (!lhs.isPlain() || !rhs.isPlain())
    return std::nullopt;
  const IntegerTerm &a = lhs.terms[0], &b = rhs.terms[0];
  AffineMap aMap = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap bMap = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  ParamLayout aLayout =
      broadcastParams(aMap, type.getRank(), layoutOf(a.scales));
  ParamLayout bLayout =
      broadcastParams(bMap, type.getRank(), layoutOf(b.scales));
  bool aVaries = !aLayout.isPerTensor(), bVaries = !bLayout.isPerTensor();
  if (aVaries && bVaries && aLayout.map != bLayout.map)
    return std::nullopt;
  const ParamLayout &layout = aVaries ? aLayout : bLayout;
  IntegerTerm product;
  product.scales = {layout.shape, {}, layout.map};
  size_t count = std::max(a.scales.values.size(), b.scales.values.size());
  for (size_t i = 0; i < count; ++i)
    product.scales.values.push_back(a.scales.values[aVaries ? i : 0] *
                                    b.scales.values[bVaries ? i : 0]);
  product.integers = createElementwise(
      builder, op.getLoc(), type.getShape(), builder.getI32Type(),
      {a.integers, b.integers}, {aMap, bMap},
      [&](OpBuilder &inner, Location at, ValueRange elements) -> Value {
        return arith::MulIOp::create(inner, at,
                                     centerElement(inner, at, elements[0], a),
                                     centerElement(inner, at, elements[1], b));
      });
  IntegerForm result;
  result.terms.push_back(std::move(product));
  return result;
}

FormResult qopt::scaleForm(const IntegerForm &input, float factor) {
  if (!(factor > 0) || std::isinf(factor))
    return std::nullopt;
  IntegerForm result = input;
  for (IntegerTerm &term : result.terms)
    for (double &scale : term.scales.values)
      scale = scale * double(factor);
  result.lo = static_cast<float>(double(result.lo) * double(factor));
  result.hi = static_cast<float>(double(result.hi) * double(factor));
  return result;
}

IntegerForm qopt::clampForm(const IntegerForm &input, float lo, float hi) {
  // Both ends of [a, b] are clamped, for it may be disjoint from [lo, hi].
  IntegerForm result = input;
  result.lo = std::min(std::max(result.lo, lo), hi);
  result.hi = std::min(std::max(result.hi, lo), hi);
  return result;
}
