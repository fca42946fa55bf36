//===- Movement.cpp - Movement of integers --------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same operation on the integers of each term. Padding with real 0 is
// padding with the zero point.
//
//===----------------------------------------------------------------------===//

#include "IntegerForms.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace qopt;

/// The integer of the border: the zero point for 0; for -inf, which only max
/// pooling reads, the least value of the storage.
static std::optional<int64_t> paddingInteger(tensor::PadOp pad,
                                             const IntegerForm &form,
                                             const IntegerTerm &term) {
  Value constant = pad.getConstantPaddingValue();
  std::optional<float> value = matchFloatConstant(constant);
  if (!value)
    return std::nullopt;
  if (*value == 0.0f && form.lo <= 0.0f && form.hi >= 0.0f)
    return term.zeroPoint;
  bool feedsMaxPooling = llvm::all_of(pad->getUsers(), [](Operation *user) {
    return matchPooling(user) == PoolingKind::Max;
  });
  if (*value == -std::numeric_limits<float>::infinity() && feedsMaxPooling)
    return term.isUnsigned ? 0 : -(int64_t(1) << (term.bits() - 1));
  return std::nullopt;
}

static Value createPad(OpBuilder &builder, tensor::PadOp pad, Value integers,
                       int64_t value) {
  auto type = cast<RankedTensorType>(pad.getResult().getType());
  Type element = getElementTypeOrSelf(integers);
  // The bit pattern of an unsigned value, as the signless type wants it.
  int64_t pattern = llvm::SignExtend64(value, element.getIntOrFloatBitWidth());
  Value constant = arith::ConstantOp::create(
      builder, pad.getLoc(), builder.getIntegerAttr(element, pattern));
  return tensor::PadOp::create(builder, pad.getLoc(), type.clone(element),
                               integers, pad.getMixedLowPad(),
                               pad.getMixedHighPad(), constant);
}

/// Clones a selecting linalg operation with the element type of `integers`.
static Value cloneStructured(OpBuilder &builder, linalg::LinalgOp op,
                             Value moved, Value integers) {
  Type element = getElementTypeOrSelf(integers);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  IRMapping mapping;
  mapping.map(moved, integers);
  mapping.map(op.getDpsInits()[0],
              createEmpty(builder, op.getLoc(), type.getShape(), element));
  auto clone = cast<linalg::LinalgOp>(builder.clone(*op, mapping));
  clone->getResult(0).setType(type.clone(element));
  for (OpOperand &operand : clone->getOpOperands())
    clone.getMatchingBlockArgument(&operand).setType(
        getElementTypeOrSelf(operand.get()));
  clone.getBlock()->walk([&](tensor::ExtractOp extract) {
    if (extract.getTensor() == integers)
      extract.getResult().setType(element);
  });
  return clone->getResult(0);
}

static Value moveIntegers(OpBuilder &builder, Operation *op, Value moved,
                          const IntegerForm &form, const IntegerTerm &term) {
  Type element = getElementTypeOrSelf(term.integers);
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    std::optional<int64_t> value = paddingInteger(pad, form, term);
    return value ? createPad(builder, pad, term.integers, *value) : Value();
  }
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return cloneStructured(builder, structured, moved, term.integers);
  if (!isa<tensor::ExtractSliceOp, tensor::ExpandShapeOp,
           tensor::CollapseShapeOp, tensor::CastOp>(op))
    return {};
  IRMapping mapping;
  mapping.map(moved, term.integers);
  Operation *clone = builder.clone(*op, mapping);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  clone->getResult(0).setType(type.clone(element));
  return clone->getResult(0);
}

FormResult qopt::moveForm(OpBuilder &builder, Operation *op, Value moved,
                          const IntegerForm &input) {
  IntegerForm result = input;
  SmallVector<ParamLayout> layouts;
  for (const IntegerTerm &term : input.terms) {
    std::optional<ParamLayout> layout =
        moveParams(op, moved, {term.scales.map, term.scales.shape});
    if (!layout)
      return std::nullopt;
    layouts.push_back(*layout);
  }
  for (auto [term, layout] : llvm::zip_equal(result.terms, layouts)) {
    Value integers = moveIntegers(builder, op, moved, input, term);
    if (!integers)
      return std::nullopt;
    term.integers = integers;
    term.scales.map = layout.map;
    term.scales.shape = layout.shape;
  }
  return result;
}

FormResult qopt::concatForms(OpBuilder &builder, tensor::ConcatOp op,
                             ArrayRef<const IntegerForm *> inputs) {
  const IntegerForm &first = *inputs.front();
  auto agrees = [&](const IntegerForm *form) {
    return form->terms.size() == 1 && form->terms[0].isPerTensor() &&
           form->terms[0].scales.values == first.terms[0].scales.values &&
           form->lo == first.lo && form->hi == first.hi;
  };
  if (!llvm::all_of(inputs, agrees))
    return std::nullopt;
  auto isStoredAlike = [&](const IntegerForm *form) {
    return form->terms[0].zeroPoint == first.terms[0].zeroPoint &&
           form->terms[0].isUnsigned == first.terms[0].isUnsigned &&
           form->terms[0].bits() == first.terms[0].bits();
  };
  IntegerForm result = first;
  IntegerTerm &term = result.terms[0];
  bool keepsStorage = llvm::all_of(inputs, isStoredAlike);
  if (!keepsStorage) {
    term.zeroPoint = 0;
    term.isUnsigned = false;
  }
  SmallVector<Value> integers;
  for (const IntegerForm *form : inputs)
    integers.push_back(
        keepsStorage ? form->terms[0].integers
                     : centerIntegers(builder, op.getLoc(), form->terms[0]));
  auto type = cast<RankedTensorType>(op.getResult().getType());
  term.integers = tensor::ConcatOp::create(
      builder, op.getLoc(), type.clone(getElementTypeOrSelf(integers[0])),
      op.getDim(), integers);
  return result;
}
