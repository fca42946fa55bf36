//===- QdqToInteger.cpp - From float with a meaning to integers -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One walk over the function. For every float value it knows the linear form,
// if there is one; operations of the table in docs/Numerics.md turn forms into
// forms, every other operation reads materialized values. Elementwise
// functions of one edge are held back until they are quantized or read: then
// they become a table.
//
//===----------------------------------------------------------------------===//

#include "IntegerForms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Support/QuantMath.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/ADT/SetVector.h"

namespace qopt {
#define GEN_PASS_DEF_CONVERTQDQTOINTEGERPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {
/// An elementwise function of the codes of one edge.
struct EdgeFunction {
  Value edge;
  llvm::SmallVector<linalg::GenericOp> chain; // in program order
};

class Lowering {
public:
  explicit Lowering(func::FuncOp func)
      : block(func.getBody().front()), builder(func.getContext()),
        fixedPoint(func->hasAttr(QoptDialect::kFixedPointAttrName)) {}

  LogicalResult run();

private:
  const IntegerForm *formOf(Value value) const;
  FormResult applyRule(Operation *op);
  FormResult lowerDequantize(DequantizeOp op);
  FormResult lowerContraction(const Contraction &match);
  FormResult lowerElementwise(linalg::GenericOp op);
  FormResult lowerMovement(Operation *op);
  std::optional<AccumulatorStart> readBias(const Contraction &match,
                                           const IntegerForm &lhs,
                                           const IntegerForm &rhs);
  bool lowerGrouped(const Contraction &match);
  LogicalResult lowerQuantize(QuantizeOp op);

  std::optional<EdgeFunction> matchEdgeFunction(Value value) const;
  FailureOr<Value> createLookup(Location loc, const EdgeFunction &function,
                                QuantizeOp quantize, RankedTensorType type);
  FailureOr<Value> realOf(Value value);
  LogicalResult readReals(Operation *op);
  void explainReaders();
  void eraseDead();

  Block &block;
  OpBuilder builder;
  bool fixedPoint;
  DenseMap<Value, IntegerForm> forms;
  /// Float values in place of those that forms or tables replace.
  DenseMap<Value, Value> reals;
  /// Operations that nothing reads yet, because a table may replace them.
  llvm::SetVector<Operation *> heldBack;
};
} // namespace

const IntegerForm *Lowering::formOf(Value value) const {
  auto it = forms.find(value);
  return it == forms.end() ? nullptr : &it->second;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

template <typename T>
static std::optional<SmallVector<T>> readConstant(Value value) {
  DenseElementsAttr attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return std::nullopt;
  return llvm::to_vector(attr.getValues<T>());
}

FormResult Lowering::lowerDequantize(DequantizeOp op) {
  auto scales = readConstant<float>(op.getScale());
  auto zeroPoints = readConstant<int32_t>(op.getZeroPoint());
  if (!scales || !zeroPoints || !llvm::all_equal(*zeroPoints))
    return std::nullopt;
  IntegerTerm term;
  term.integers = op.getInput();
  term.zeroPoint = zeroPoints->front();
  term.isUnsigned = op.getUnsignedInput();
  auto type = cast<RankedTensorType>(op.getInput().getType());
  if (scales->size() == 1)
    // One scale is one scale, also where a map of one channel selects it.
    term.scales =
        ScaleTable::perTensor(scales->front(), type.getRank(), op.getContext());
  else
    term.scales = {
        llvm::to_vector(
            cast<RankedTensorType>(op.getScale().getType()).getShape()),
        std::vector<double>(scales->begin(), scales->end()), op.getParams()};
  IntegerForm form;
  form.terms.push_back(std::move(term));
  return form;
}

/// The integer bias that the init holds, or nothing if the init is not one.
std::optional<AccumulatorStart> Lowering::readBias(const Contraction &match,
                                                   const IntegerForm &lhs,
                                                   const IntegerForm &rhs) {
  if (matchUniformInit(match.init) == 0.0f)
    return AccumulatorStart();
  auto broadcast = match.init.getDefiningOp<linalg::BroadcastOp>();
  auto dequantize = broadcast
                        ? broadcast.getInput().getDefiningOp<DequantizeOp>()
                        : DequantizeOp();
  const IntegerForm *form =
      dequantize ? formOf(dequantize.getResult()) : nullptr;
  if (!form || form->terms[0].zeroPoint != 0 ||
      !llvm::is_sorted(match.outChannelDims))
    return std::nullopt;
  const std::vector<double> &biasScales = form->terms[0].scales.values;
  const std::vector<double> &weightScales = rhs.terms[0].scales.values;
  if (biasScales.size() != weightScales.size())
    return std::nullopt;
  for (auto [bias, weight] : llvm::zip_equal(biasScales, weightScales))
    if (!isBiasScale(static_cast<float>(bias),
                     lhs.terms[0].scales.values[0] * weight))
      return std::nullopt;
  auto values = readConstant<int32_t>(dequantize.getInput());
  if (!values)
    return std::nullopt;
  return AccumulatorStart{{values->begin(), values->end()}};
}

FormResult Lowering::lowerContraction(const Contraction &match) {
  if (!isDequantizedWeight(match.rhs))
    return std::nullopt;
  const IntegerForm *lhs = formOf(match.lhs), *rhs = formOf(match.rhs);
  if (!lhs || !rhs || !lhs->isPlain() || !lhs->terms[0].isPerTensor() ||
      !rhs->isPlain())
    return std::nullopt;
  std::optional<AccumulatorStart> start = readBias(match, *lhs, *rhs);
  if (!start)
    return std::nullopt;
  return contractForms(builder, match, *lhs, *rhs, *start);
}

/// Grouped weights give a float value; the bias is added to it.
bool Lowering::lowerGrouped(const Contraction &match) {
  if (!isDequantizedWeight(match.rhs))
    return false;
  const IntegerForm *lhs = formOf(match.lhs), *rhs = formOf(match.rhs);
  if (!lhs || !rhs || !lhs->isPlain() || !lhs->terms[0].isPerTensor() ||
      rhs->terms.size() != 1 || rhs->isClamped() ||
      rhs->terms[0].scales.isPerChannel())
    return false;
  Value sum = contractGroups(builder, match, *lhs, *rhs);
  if (!sum)
    return false;
  if (matchUniformInit(match.init) != 0.0f) {
    auto type = cast<RankedTensorType>(sum.getType());
    AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
    sum = createElementwise(
        builder, match.op->getLoc(), type.getShape(), type.getElementType(),
        {sum, match.init}, {identity, identity},
        [](OpBuilder &inner, Location at, ValueRange elements) -> Value {
          return arith::AddFOp::create(inner, at, elements[0], elements[1]);
        });
  }
  reals[match.op->getResult(0)] = sum;
  return true;
}

FormResult Lowering::lowerElementwise(linalg::GenericOp op) {
  if (auto clamp = matchClamp(op)) {
    const IntegerForm *input = formOf(clamp->input);
    return input ? FormResult(clampForm(*input, clamp->lo, clamp->hi))
                 : std::nullopt;
  }
  if (auto scale = matchScalarMultiply(op)) {
    const IntegerForm *input = formOf(scale->input);
    return input ? scaleForm(*input, scale->factor) : std::nullopt;
  }
  std::optional<BinaryKind> kind = matchBinary(op);
  if (!kind || *kind == BinaryKind::Div)
    return std::nullopt;
  const IntegerForm *lhs = formOf(op.getInputs()[0]);
  const IntegerForm *rhs = formOf(op.getInputs()[1]);
  if (!lhs || !rhs)
    return std::nullopt;
  if (*kind == BinaryKind::Mul)
    return multiplyForms(builder, op, *lhs, *rhs);
  return addForms(builder, op, *lhs, *rhs, *kind == BinaryKind::Sub);
}

FormResult Lowering::lowerMovement(Operation *op) {
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    SmallVector<const IntegerForm *> inputs;
    for (Value input : concat.getInputs()) {
      inputs.push_back(formOf(input));
      if (!inputs.back())
        return std::nullopt;
    }
    return concatForms(builder, concat, inputs);
  }
  Value moved = movedOperand(op);
  const IntegerForm *input = moved ? formOf(moved) : nullptr;
  return input ? moveForm(builder, op, moved, *input) : std::nullopt;
}

FormResult Lowering::applyRule(Operation *op) {
  if (auto dequantize = dyn_cast<DequantizeOp>(op))
    return lowerDequantize(dequantize);
  if (auto contraction = matchContraction(op))
    return lowerContraction(*contraction);
  std::optional<PoolingKind> pooling = matchPoolingOrReduction(op);
  bool isMax = pooling == PoolingKind::Max;
  if (isMax || pooling == PoolingKind::Sum) {
    auto structured = cast<linalg::LinalgOp>(op);
    const IntegerForm *input = formOf(structured.getDpsInputs()[0]);
    return input ? reduceForm(builder, structured, isMax, *input)
                 : std::nullopt;
  }
  if (auto softmax = dyn_cast<linalg::SoftmaxOp>(op)) {
    const IntegerForm *input = formOf(softmax.getInput());
    return input && fixedPoint ? softmaxForm(builder, softmax, *input)
                               : std::nullopt;
  }
  if (isMovement(op))
    return lowerMovement(op);
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return lowerElementwise(generic);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static bool isDenseConstant(Value value) {
  return matchPattern(value, m_Constant());
}

/// Walks from `value` up through elementwise operations to the one edge that
/// they all read.
std::optional<EdgeFunction> Lowering::matchEdgeFunction(Value value) const {
  EdgeFunction function;
  llvm::SetVector<Operation *> chain;
  SmallVector<Value> pending = {value};
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    auto generic = next.getDefiningOp<linalg::GenericOp>();
    if (generic && isElementwiseOp(generic)) {
      if (!chain.insert(generic))
        continue;
      unsigned last = generic.getNumLoops() - 1;
      for (OpOperand *operand : generic.getDpsInputOperands()) {
        AffineMap map = generic.getMatchingIndexingMap(operand);
        bool isParameter =
            map.getNumResults() == 0 ||
            (map.getNumResults() == 1 && map.isFunctionOfDim(last));
        if (isDenseConstant(operand->get()) && isParameter)
          continue;
        if (!map.isIdentity())
          return std::nullopt;
        pending.push_back(operand->get());
      }
      continue;
    }
    const IntegerForm *form = formOf(next);
    if (!form || !form->isPlain() || !form->terms[0].isPerTensor() ||
        form->terms[0].bits() != 8 || (function.edge && function.edge != next))
      return std::nullopt;
    function.edge = next;
  }
  if (!function.edge || chain.empty())
    return std::nullopt;
  SmallVector<Operation *> sorted = chain.takeVector();
  llvm::sort(sorted,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : sorted)
    function.chain.push_back(cast<linalg::GenericOp>(op));
  return function;
}

FailureOr<Value> Lowering::createLookup(Location loc,
                                        const EdgeFunction &function,
                                        QuantizeOp quantize,
                                        RankedTensorType type) {
  const IntegerTerm &term = formOf(function.edge)->terms[0];
  llvm::Expected<DenseElementsAttr> table =
      evaluateTable(function.edge, term, function.chain, quantize);
  if (!table)
    return emitError(loc) << "expects a table of this function, got: "
                          << toString(table.takeError());
  Value constant = arith::ConstantOp::create(builder, loc, *table);
  Value init =
      createEmpty(builder, loc, type.getShape(), type.getElementType());
  bool perChannel = table->getType().getRank() == 2;
  unsigned rank = type.getRank();
  AffineMap params =
      perChannel ? AffineMap::get(rank, 0, builder.getAffineDimExpr(rank - 1))
                 : AffineMap::get(rank, 0, builder.getContext());
  return LookupOp::create(builder, loc, type, term.integers, constant, init,
                          term.isUnsigned, params)
      .getResult();
}

//===----------------------------------------------------------------------===//
// Float values
//===----------------------------------------------------------------------===//

/// The float value to read in place of `value`, at the insertion point.
FailureOr<Value> Lowering::realOf(Value value) {
  if (auto it = reals.find(value); it != reals.end())
    return it->second;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isF32())
    return value;
  Operation *def = value.getDefiningOp();
  OpBuilder::InsertionGuard guard(builder);
  if (def)
    builder.setInsertionPointAfter(def);
  if (const IntegerForm *form = formOf(value))
    return reals[value] = materializeForm(builder, value.getLoc(), *form);
  if (!def || !heldBack.contains(def))
    return value;
  FailureOr<Value> lookup = createLookup(
      value.getLoc(), *matchEdgeFunction(value), QuantizeOp(), type);
  if (failed(lookup))
    return failure();
  return reals[value] = *lookup;
}

/// Makes a float operation read the values that replace forms and tables, also
/// those that its body captures.
LogicalResult Lowering::readReals(Operation *op) {
  WalkResult result = op->walk([&](Operation *inner) {
    for (OpOperand &operand : inner->getOpOperands()) {
      if (operand.get().getParentBlock() != &block)
        continue;
      FailureOr<Value> real = realOf(operand.get());
      if (failed(real))
        return WalkResult::interrupt();
      operand.set(*real);
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult Lowering::lowerQuantize(QuantizeOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  auto scales = readConstant<float>(op.getScale());
  auto zeroPoints = readConstant<int32_t>(op.getZeroPoint());
  bool perTensor = op.getParams().getNumResults() == 0 && scales && zeroPoints;
  const IntegerForm *form = formOf(op.getInput());
  if (perTensor && form) {
    Value result =
        requantizeForm(builder, op.getLoc(), *form, scales->front(),
                       zeroPoints->front(), op.getRange(), type, fixedPoint);
    op.getResult().replaceAllUsesWith(result);
    return success();
  }
  if (std::optional<EdgeFunction> function = matchEdgeFunction(op.getInput());
      function && perTensor) {
    FailureOr<Value> lookup = createLookup(op.getLoc(), *function, op, type);
    if (failed(lookup))
      return failure();
    op.getResult().replaceAllUsesWith(*lookup);
    return success();
  }
  return readReals(op);
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

/// Why an operation that reads `value` is in float, if that is because of how
/// `value` was lowered; null otherwise.
static StringAttr reasonToRead(Value value) {
  Operation *def = value.getDefiningOp();
  while (def && isMovement(def) && !isa<tensor::ConcatOp>(def) &&
         movedOperand(def))
    def = movedOperand(def).getDefiningOp();
  if (!def)
    return {};
  MLIRContext *context = def->getContext();
  auto several = StringAttr::get(context, QoptDialect::kSeveralScalesReason);
  auto moved = StringAttr::get(
      context, "a reshape or another movement stands between the functions of "
               "one tensor, so that one table cannot hold them; move it before "
               "or after them");
  if (isa<LookupOp>(def))
    return moved;
  // Reals of one scale each, side by side.
  if (isa<tensor::ConcatOp>(def))
    return several;
  if (auto dequantize = dyn_cast<DequantizeOp>(def)) {
    Value integers = dequantize.getInput();
    bool isSum = getElementTypeOrSelf(integers).isInteger(32) &&
                 !isDenseConstant(integers);
    return isSum ? several : StringAttr();
  }
  auto reason =
      def->getAttrOfType<StringAttr>(QoptDialect::kFloatReasonAttrName);
  return reason == several || reason == moved ? reason : StringAttr();
}

/// What reads scaled sums, or a function's values, is in float because they
/// are.
void Lowering::explainReaders() {
  for (Operation &op : block) {
    if (!computesOnFloats(&op) || op.hasAttr(QoptDialect::kFloatReasonAttrName))
      continue;
    for (Value operand : op.getOperands())
      if (StringAttr reason = reasonToRead(operand))
        explainFloat(&op, reason);
  }
}

void Lowering::eraseDead() {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

LogicalResult Lowering::run() {
  SmallVector<Operation *> operations;
  for (Operation &op : block)
    operations.push_back(&op);
  for (Operation *op : operations) {
    builder.setInsertionPoint(op);
    if (auto quantize = dyn_cast<QuantizeOp>(op)) {
      if (failed(lowerQuantize(quantize)))
        return failure();
      continue;
    }
    if (FormResult form = applyRule(op)) {
      forms[op->getResult(0)] = std::move(*form);
      continue;
    }
    if (auto contraction = matchContraction(op);
        contraction && lowerGrouped(*contraction))
      continue;
    if (op->getNumResults() == 1 && matchEdgeFunction(op->getResult(0))) {
      heldBack.insert(op);
      continue;
    }
    if (failed(readReals(op)))
      return failure();
  }
  eraseDead();
  explainReaders();
  return success();
}

namespace {
struct ConvertQdqToIntegerPass
    : public qopt::impl::ConvertQdqToIntegerPassBase<ConvertQdqToIntegerPass> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (!func->hasAttr(QoptDialect::kLinearFormsAttrName))
        continue;
      if (Value dynamic = findDynamicShape(func)) {
        emitError(dynamic.getLoc())
            << "expects static shapes, got " << dynamic.getType();
        return signalPassFailure();
      }
      if (failed(Lowering(func).run()))
        return signalPassFailure();
      func->removeAttr(QoptDialect::kLinearFormsAttrName);
      func->removeAttr(QoptDialect::kFixedPointAttrName);
    }
  }
};
} // namespace
