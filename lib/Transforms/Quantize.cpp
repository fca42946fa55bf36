//===- Quantize.cpp - From ranges to quantize/dequantize pairs ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file carries out a QuantizationPlan. It is the only pass that changes
// numbers: docs/Numerics.md says what its result means.
//
//===----------------------------------------------------------------------===//

#include "QuantizationPlan.h"
#include "WeightRewriter.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "qopt/Support/QuantMath.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/QuantBuilders.h"
#include <cmath>
#include <limits>

namespace qopt {
#define GEN_PASS_DEF_QUANTIZEPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

static constexpr StringLiteral kCategory = "qopt-quantize";

//===----------------------------------------------------------------------===//
// Observers
//===----------------------------------------------------------------------===//

/// Takes the ranges out of the function's observers and the observers with
/// them. A range per channel becomes its hull: activations are per tensor.
static RangeMap takeRanges(func::FuncOp func) {
  RangeMap ranges;
  SmallVector<ObserveOp> observers(func.getOps<ObserveOp>());
  for (ObserveOp observe : observers) {
    std::optional<ArrayRef<float>> min = observe.getMin(),
                                   max = observe.getMax();
    if (min && max && !min->empty())
      ranges[observe.getInput()] = {*llvm::min_element(*min),
                                    *llvm::max_element(*max)};
    if (Value result = observe.getResult())
      result.replaceAllUsesWith(observe.getInput());
    observe.erase();
  }
  return ranges;
}

//===----------------------------------------------------------------------===//
// Edges
//===----------------------------------------------------------------------===//

namespace {
class Rewriter {
public:
  Rewriter(func::FuncOp func, const QuantizationPlan &plan)
      : func(func), plan(plan), builder(func.getContext()) {}

  void run();

private:
  void roundEdge(Value value, const ActivationParams &params);
  void takeIntegers(BlockArgument argument, const ActivationParams &params);
  void returnIntegers(unsigned index, const ActivationParams &params);
  Value integersOf(Value value, const ActivationParams &params);
  void quantizeBorder();
  NamedAttrList describe(DictionaryAttr attrs, const ActivationParams &params);
  void quantizeConstants(Operation *op);
  int32_t factorSteps(Value other) const;
  void quantizeConcatenated(tensor::ConcatOp op);

  func::FuncOp func;
  const QuantizationPlan &plan;
  OpBuilder builder;
};
} // namespace

void Rewriter::roundEdge(Value value, const ActivationParams &params) {
  SmallVector<OpOperand *> uses;
  bool keepsFloat = plan.floatOriginals.contains(value);
  for (OpOperand &use : value.getUses())
    if (!keepsFloat || plan.wantsInteger(userInBlock(use), value))
      uses.push_back(&use);
  builder.setInsertionPointAfterValue(value);
  Value rounded = createQuantize(builder, value.getLoc(), value, params);
  unsigned rank = cast<RankedTensorType>(value.getType()).getRank();
  Value real = createDequantize(
      builder, value.getLoc(), rounded,
      ScaleTable::perTensor(params.scale, rank, builder.getContext()),
      params.zeroPoint, /*isUnsigned=*/true);
  for (OpOperand *use : uses)
    use->set(real);
}

//===----------------------------------------------------------------------===//
// The border
//===----------------------------------------------------------------------===//

/// The attributes of an argument or result of integers.
NamedAttrList Rewriter::describe(DictionaryAttr attrs,
                                 const ActivationParams &params) {
  NamedAttrList described(attrs);
  described.set(QoptDialect::kUnsignedAttrName, builder.getUnitAttr());
  described.set(QoptDialect::kScaleAttrName,
                builder.getF32FloatAttr(params.scale));
  described.set(QoptDialect::kZeroPointAttrName,
                builder.getI32IntegerAttr(params.zeroPoint));
  return described;
}

/// %x : f32  ->  dequantize(%x : i8)
void Rewriter::takeIntegers(BlockArgument argument,
                            const ActivationParams &params) {
  auto type = cast<RankedTensorType>(argument.getType());
  SmallVector<OpOperand *> uses(llvm::make_pointer_range(argument.getUses()));
  argument.setType(type.clone(builder.getI8Type()));
  builder.setInsertionPointToStart(argument.getOwner());
  Value real = createDequantize(
      builder, argument.getLoc(), argument,
      ScaleTable::perTensor(params.scale, type.getRank(), builder.getContext()),
      params.zeroPoint, /*isUnsigned=*/true);
  for (OpOperand *use : uses)
    use->set(real);
  unsigned index = argument.getArgNumber();
  func.setArgAttrs(index, describe(func.getArgAttrDict(index), params));
}

/// The integers of a real value; those it was dequantized from, if they are.
Value Rewriter::integersOf(Value value, const ActivationParams &params) {
  if (auto dequantize = value.getDefiningOp<DequantizeOp>())
    if (dequantize.getUnsignedInput() &&
        dequantize.getInput().getType().getElementType().isInteger(8))
      if (Value input = dequantize.getInput();
          isa<BlockArgument>(input) || input.getDefiningOp<QuantizeOp>())
        return input;
  return createQuantize(builder, value.getLoc(), value, params);
}

void Rewriter::returnIntegers(unsigned index, const ActivationParams &params) {
  Operation *terminator = func.getBody().front().getTerminator();
  builder.setInsertionPoint(terminator);
  OpOperand &operand = terminator->getOpOperand(index);
  operand.set(integersOf(operand.get(), params));
  func.setResultAttrs(index, describe(func.getResultAttrDict(index), params));
}

void Rewriter::quantizeBorder() {
  auto explain = [&](ArrayRef<std::string> reasons, auto set) {
    for (auto [i, reason] : llvm::enumerate(reasons))
      if (!reason.empty())
        set(i, QoptDialect::kFloatReasonAttrName,
            builder.getStringAttr(reason));
  };
  explain(plan.argumentReasons, [&](unsigned i, StringRef name, Attribute a) {
    func.setArgAttr(i, name, a);
  });
  explain(plan.resultReasons, [&](unsigned i, StringRef name, Attribute a) {
    func.setResultAttr(i, name, a);
  });
  for (auto [i, params] : llvm::enumerate(plan.results))
    if (params)
      returnIntegers(i, *params);
  Block &block = func.getBody().front();
  func.setType(builder.getFunctionType(
      block.getArgumentTypes(), block.getTerminator()->getOperandTypes()));
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// Constants of few values carry them in their scales: c = sign(c) * |c|, which
/// is exact.
static Value createSigns(OpBuilder &builder, Location loc,
                         RankedTensorType type, ArrayRef<float> values,
                         unsigned bits) {
  SmallVector<int32_t> signs;
  ScaleTable scales{llvm::to_vector(type.getShape()),
                    {},
                    builder.getMultiDimIdentityMap(type.getRank())};
  for (float value : values) {
    signs.push_back(value > 0 ? 1 : value < 0 ? -1 : 0);
    scales.values.push_back(value == 0 ? 1.0 : std::fabs(value));
  }
  Value integers =
      createIntConstant(builder, loc, type.getShape(), signs, bits);
  return createDequantize(builder, loc, integers, scales, 0, false);
}

/// c = rne(c / s) * s with s = max|c| / steps, but a normal float.
static Value createSteps(OpBuilder &builder, Location loc,
                         RankedTensorType type, ArrayRef<float> values,
                         int32_t steps, unsigned bits) {
  float largest = 0;
  for (float value : values)
    largest = std::max(largest, std::fabs(value));
  float scale = largest == 0 ? 1.0f
                             : std::max(largest / float(steps),
                                        std::numeric_limits<float>::min());
  SmallVector<int32_t> integers;
  for (float value : values)
    integers.push_back(
        static_cast<int32_t>(std::nearbyint(double(value) / double(scale))));
  return createDequantize(
      builder, loc,
      createIntConstant(builder, loc, type.getShape(), integers, bits),
      ScaleTable::perTensor(scale, type.getRank(), builder.getContext()), 0,
      false);
}

static SmallVector<float> readFloats(Value constant) {
  DenseElementsAttr attr;
  bool isConstant = matchPattern(constant, m_Constant(&attr));
  assert(isConstant && "the plan takes only constants");
  (void)isConstant;
  return llvm::to_vector(attr.getValues<float>());
}

/// How many steps a constant factor of `other` may have so that the product
/// stays below 2^31: sums of a window reach 255 times its size.
int32_t Rewriter::factorSteps(Value other) const {
  int64_t largest = 255;
  Operation *def = other.getDefiningOp();
  if (def && plan.roleOf(def) == Role::SumPool) {
    auto input = cast<RankedTensorType>(def->getOperand(0).getType());
    auto output = cast<RankedTensorType>(def->getResult(0).getType());
    if (matchPooling(def))
      largest *=
          cast<RankedTensorType>(def->getOperand(1).getType()).getNumElements();
    else
      largest *= input.getNumElements() / output.getNumElements();
  }
  return static_cast<int32_t>(
      std::clamp<int64_t>(((int64_t(1) << 31) - 1) / largest, 1, 32767));
}

void Rewriter::quantizeConstants(Operation *op) {
  Role role = plan.roleOf(op);
  bool takesConstants = role == Role::Sum || role == Role::Product;
  if (!takesConstants || !plan.takesIntegers(op))
    return;
  auto generic = cast<linalg::GenericOp>(op);
  for (OpOperand *operand : generic.getDpsInputOperands()) {
    if (!isConstantValue(operand->get()))
      continue;
    auto type = cast<RankedTensorType>(operand->get().getType());
    SmallVector<float> values = readFloats(operand->get());
    builder.setInsertionPoint(op);
    Location loc = op->getLoc();
    Value constant;
    if (type.getRank() <= 1)
      constant = createSigns(builder, loc, type, values,
                             role == Role::Product ? 8 : 32);
    else if (role == Role::Product)
      constant = createSteps(builder, loc, type, values,
                             factorSteps(activationOperands(op).front()), 16);
    else
      // f32 holds integers of 24 bits exactly.
      constant = createSteps(builder, loc, type, values, 1 << 23, 32);
    operand->set(constant);
  }
}

/// A constant part of a concatenation is stored with the others' parameters.
void Rewriter::quantizeConcatenated(tensor::ConcatOp op) {
  SmallVector<Value> activations = activationOperands(op);
  if (activations.empty())
    return;
  auto it = plan.edges.find(plan.rootOf(activations.front()));
  if (it == plan.edges.end())
    return;
  const ActivationParams &params = it->second;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isConstantValue(operand.get()))
      continue;
    auto type = cast<RankedTensorType>(operand.get().getType());
    SmallVector<int32_t> integers;
    for (float value : readFloats(operand.get()))
      integers.push_back(
          quantize(value, params.scale, params.zeroPoint, 0, 255));
    builder.setInsertionPoint(op);
    operand.set(createDequantize(
        builder, op.getLoc(),
        createIntConstant(builder, op.getLoc(), type.getShape(), integers, 8),
        ScaleTable::perTensor(params.scale, type.getRank(),
                              builder.getContext()),
        params.zeroPoint, /*isUnsigned=*/true));
  }
}

void Rewriter::run() {
  // Constants first: rounding an edge changes what its users read.
  for (Operation &op : llvm::make_early_inc_range(func.getBody().front())) {
    if (auto concat = dyn_cast<tensor::ConcatOp>(op))
      quantizeConcatenated(concat);
    else
      quantizeConstants(&op);
  }
  for (const auto &[value, params] : plan.edges) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && !plan.floatOriginals.contains(value))
      takeIntegers(argument, params);
    else
      roundEdge(value, params);
  }
  quantizeBorder();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

using LayerMap = llvm::MapVector<Operation *, LayerConstants>;

/// Quantizes the constants of all layers of the plan. Layers that cannot be go
/// to `forcedFloat`.
static LayerMap
quantizeLayers(const QuantizationPlan &plan, func::FuncOp func,
               DenseMap<Operation *, std::string> &forcedFloat) {
  LayerMap layers;
  for (Operation &op : func.getBody().front()) {
    auto scheme = plan.layers.find(&op);
    if (scheme == plan.layers.end())
      continue;
    Contraction match = *matchContraction(&op);
    std::optional<ActivationParams> input;
    if (plan.roleOf(&op) == Role::Contraction)
      input = plan.edges.lookup(plan.rootOf(match.lhs));
    llvm::Expected<LayerConstants> constants =
        quantizeLayer(match, scheme->second.weights, input);
    if (constants)
      layers[&op] = std::move(*constants);
    else
      forcedFloat[&op] = toString(constants.takeError());
  }
  return layers;
}

static void explain(const QuantizationPlan &plan) {
  for (const auto &[op, reason] : plan.floatReasons) {
    op->setAttr(QoptDialect::kFloatReasonAttrName,
                StringAttr::get(op->getContext(), reason));
    remark::missed(op->getLoc(),
                   remark::RemarkOpts::name("float").category(kCategory))
        << remark::reason("{0}", reason);
  }
}

namespace {
struct QuantizePass : public qopt::impl::QuantizePassBase<QuantizePass> {
  using QuantizePassBase::QuantizePassBase;

  void runOnOperation() override {
    llvm::Expected<Recipe> chosen = loadRecipe(recipe);
    if (!chosen) {
      getOperation().emitError(toString(chosen.takeError()));
      return signalPassFailure();
    }
    if (io != "float" && io != "quantized") {
      getOperation().emitError("expects io to be float or quantized, got '")
          << io << "'";
      return signalPassFailure();
    }
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() && failed(quantizeFunction(func, *chosen)))
        return signalPassFailure();
  }

  LogicalResult quantizeFunction(func::FuncOp func, const Recipe &chosen);
};
} // namespace

/// A glob that is misspelt would silently choose nothing.
static void warnOfUnmatchedGlobs(func::FuncOp func, const Recipe &recipe) {
  SmallVector<StringRef> names;
  for (Operation &op : func.getBody().front())
    if (matchContraction(&op))
      llvm::append_range(names, sourceNames(op.getLoc()));
  for (StringRef glob : recipe.unmatchedGlobs(names))
    func.emitWarning() << "recipe '" << recipe.name << "': the glob '" << glob
                       << "' matches no layer, that is, no convolution or "
                          "matrix product";
}

LogicalResult QuantizePass::quantizeFunction(func::FuncOp func,
                                             const Recipe &chosen) {
  // Once is enough: what a quantized function leaves in float has its reasons.
  if (func->hasAttr(QoptDialect::kLinearFormsAttrName))
    return success();
  if (!func.getBody().hasOneBlock())
    return func.emitError("expects one block, got ")
           << func.getBody().getBlocks().size();
  Value dynamic = findDynamicShape(func);
  if (dynamic && chosen.quantize)
    return emitError(dynamic.getLoc())
           << "expects static shapes, got " << dynamic.getType();
  RangeMap ranges = takeRanges(func);
  if (!chosen.quantize)
    return success();
  warnOfUnmatchedGlobs(func, chosen);

  // A layer that cannot be quantized changes the plan of its neighbours.
  DenseMap<Operation *, std::string> forcedFloat;
  while (true) {
    FailureOr<QuantizationPlan> plan = planQuantization(
        func, {chosen, ranges, io == "quantized", forcedFloat});
    if (failed(plan))
      return failure();
    size_t before = forcedFloat.size();
    LayerMap layers = quantizeLayers(*plan, func, forcedFloat);
    if (forcedFloat.size() != before)
      continue;
    OpBuilder builder(func.getContext());
    for (const auto &[op, constants] : layers)
      rewriteLayer(builder, *matchContraction(op), constants);
    Rewriter(func, *plan).run();
    explain(*plan);
    func->setAttr(QoptDialect::kLinearFormsAttrName, builder.getUnitAttr());
    if (chosen.fixedPoint)
      func->setAttr(QoptDialect::kFixedPointAttrName, builder.getUnitAttr());
    return success();
  }
}
