//===- SignActivations.cpp - Bytes in the sign that dots take -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where no instruction multiplies unsigned bytes by signed ones, a tensor q
// that a dot reads is stored as
//
//   q' = q ^ 0x80,   which is q - 128 as a signed byte
//
// Almost every operation on q has a form on q' that costs nothing more; those
// that have none get q = q' ^ 0x80, or make q' of it, in an operation of its
// own.
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/DepthwiseDot.h"
#include "qopt/Schedule/Passes.h"
#include "qopt/Target/DotForm.h"
#include "qopt/Target/LookUpTarget.h"
#include "qopt/Transforms/QuantBuilders.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_SIGNACTIVATIONSPASS
#include "qopt/Schedule/Passes.h.inc"

namespace {

constexpr int32_t kOffset = 128;

/// What a reduction starts from, if it is a constant i32.
std::optional<APInt> matchFill(Value init) {
  APInt start;
  auto fill = init.getDefiningOp<linalg::FillOp>();
  if (!fill || !getElementTypeOrSelf(init.getType()).isInteger(32) ||
      !matchPattern(fill.getInputs()[0], m_ConstantInt(&start)))
    return std::nullopt;
  return start;
}

/// The same, if it is one for each index along some dimensions.
std::optional<BiasInit> matchBias(Value init) {
  std::optional<BiasInit> bias = matchBiasInit(init);
  if (bias && !bias->values.getElementType().isInteger(32))
    return std::nullopt;
  return bias;
}

/// Whether the target multiplies the activations of `op` only when signed, and
/// what that takes away can be added to what its sums start from.
bool wantsSigned(linalg::GenericOp op, const TargetInfo &target) {
  Value init = op.getDpsInits()[0];
  if (op.hasDynamicShape() || (!matchFill(init) && !matchBias(init)))
    return false;
  std::optional<LowBitContraction> dot;
  bool isDeep = false;
  if (std::optional<DotContraction> match = matchDotContraction(op)) {
    dot = *match;
    isDeep = match->depth() >= kAcrossBytes;
  } else if (std::optional<DepthwiseDot> match = matchDepthwiseDot(op))
    dot = *match;
  if (!dot)
    return false;
  DotShape shape;
  shape.lanes = target.lanes(32);
  shape.isDeep = isDeep;
  shape.unsignedA = dot->lhsUnsigned;
  shape.unsignedB = dot->weightsUnsigned;
  // What its weights allow is for the schedule to find out.
  shape.pairBound = 0;
  return DotForm::choose(target, shape).flipsA;
}

bool isByteTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isInteger(8);
}

/// The operation that reads through `use`: one on tensors, also where its body
/// picks elements by position.
Operation *readerOf(OpOperand &use) {
  Operation *owner = use.getOwner();
  auto around = dyn_cast<linalg::GenericOp>(owner->getParentOp());
  return isa<tensor::ExtractOp>(owner) && around ? around : owner;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

DenseElementsAttr mapped(DenseElementsAttr values,
                         function_ref<APInt(const APInt &)> map) {
  return cast<DenseIntElementsAttr>(values).mapValues(values.getElementType(),
                                                      map);
}

Value createConstant(OpBuilder &b, Location loc, TypedAttr value) {
  return arith::ConstantOp::create(b, loc, value);
}

/// z -> z - 128, of a constant zero point; null if it is none.
Value lowered(OpBuilder &b, Value zeroPoint) {
  DenseElementsAttr values;
  if (!matchPattern(zeroPoint, m_Constant(&values)))
    return {};
  return createConstant(b, zeroPoint.getLoc(),
                        mapped(values, [](const APInt &value) {
                          return value - uint64_t(kOffset);
                        }));
}

APInt flipTop(const APInt &byte) { return byte ^ APInt(8, 0x80); }

/// A scalar or tensor of constant bytes, flipped; null if it is none.
Value flippedConstant(OpBuilder &b, Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return {};
  Location loc = value.getLoc();
  if (auto scalar = dyn_cast<IntegerAttr>(attr))
    return createConstant(
        b, loc, b.getIntegerAttr(scalar.getType(), flipTop(scalar.getValue())));
  auto values = dyn_cast<DenseElementsAttr>(attr);
  return values ? createConstant(b, loc, mapped(values, flipTop)) : Value();
}

/// The same, also of a tensor that is filled with one.
Value flippedInit(OpBuilder &b, Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  if (!fill)
    return flippedConstant(b, value);
  Value scalar = flippedConstant(b, fill.getInputs()[0]);
  if (!scalar)
    return {};
  auto type = cast<RankedTensorType>(value.getType());
  Value empty =
      createEmpty(b, fill.getLoc(), type.getShape(), type.getElementType());
  return linalg::FillOp::create(b, fill.getLoc(), scalar, empty).getResult(0);
}

/// Whether `value` is filled with a constant, or with nothing yet: no tensor of
/// activations.
bool isInitOfBytes(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return matchPattern(fill ? fill.getInputs()[0] : value, m_Constant()) ||
         value.getDefiningOp<tensor::EmptyOp>();
}

/// Adds `terms`, one for each index along `dims`, to what a reduction starts
/// from: an i32 fill, or a bias along the same dimensions. Null if it is
/// neither.
Value addToInit(OpBuilder &b, Value init, ArrayRef<unsigned> dims,
                std::vector<int32_t> terms) {
  auto type = cast<RankedTensorType>(init.getType());
  SmallVector<unsigned> along(dims);
  if (std::optional<APInt> start = matchFill(init)) {
    for (int32_t &term : terms)
      term = int32_t(uint32_t(term) + uint32_t(start->getZExtValue()));
  } else if (std::optional<BiasInit> bias = matchBias(init)) {
    if (terms.size() == 1)
      terms.assign(bias->values.getNumElements(), terms[0]);
    else if (ArrayRef<unsigned>(bias->dims) != dims)
      return {};
    along.assign(bias->dims.begin(), bias->dims.end());
    for (auto [term, value] :
         llvm::zip_equal(terms, bias->values.getValues<int32_t>()))
      term = int32_t(uint32_t(term) + uint32_t(value));
  } else {
    return {};
  }
  Location loc = init.getLoc();
  Value empty = createEmpty(b, loc, type.getShape(), type.getElementType());
  if (along.empty())
    return linalg::FillOp::create(
               b, loc, createConstant(b, loc, b.getI32IntegerAttr(terms[0])),
               empty)
        .getResult(0);
  SmallVector<int64_t> shape, added;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    (llvm::is_contained(along, dim) ? shape : added)
        .push_back(llvm::is_contained(along, dim) ? type.getDimSize(dim) : dim);
  Value constant = createIntConstant(b, loc, shape, terms, 32);
  return linalg::BroadcastOp::create(b, loc, constant, empty, added)
      ->getResult(0);
}

/// 128 times the sum of the weights for each index along `dims`.
std::vector<int32_t> offsetSums(DenseElementsAttr weights,
                                ArrayRef<unsigned> dims, bool isUnsigned) {
  auto type = cast<RankedTensorType>(weights.getType());
  int64_t count = 1;
  for (unsigned dim : dims)
    count *= type.getDimSize(dim);
  std::vector<int32_t> sums(count);
  std::vector<uint32_t> index = indexAlong(type, dims);
  for (auto [i, weight] : llvm::enumerate(weights.getValues<APInt>())) {
    int64_t value = isUnsigned ? weight.getZExtValue() : weight.getSExtValue();
    int32_t &sum = sums[index[i]];
    sum = int32_t(uint32_t(sum) + uint32_t(kOffset * value));
  }
  return sums;
}

//===----------------------------------------------------------------------===//
// Operations that only select bytes
//===----------------------------------------------------------------------===//

/// The operation of `max(acc, q)` for unsigned bytes that starts from a
/// constant, or null.
arith::MaxUIOp matchMax(Operation *operation) {
  auto op = dyn_cast<linalg::GenericOp>(operation);
  if (!op || op.getNumDpsInits() != 1 || op.getNumDpsInputs() == 0 ||
      !op.getDpsInits()[0].getDefiningOp<linalg::FillOp>() ||
      !isInitOfBytes(op.getDpsInits()[0]))
    return {};
  Block &body = *op.getBlock();
  Value element = body.getArguments().front(), sum = body.getArguments().back();
  auto max =
      body.getTerminator()->getOperand(0).getDefiningOp<arith::MaxUIOp>();
  bool isReduction = max && ((max.getLhs() == sum && max.getRhs() == element) ||
                             (max.getLhs() == element && max.getRhs() == sum));
  return isReduction && element.hasOneUse() && sum.hasOneUse()
             ? max
             : arith::MaxUIOp();
}

/// The tensors whose bytes `op` selects from, all with the same meaning as its
/// result; none if that is not all it does.
SmallVector<Value> selectedFrom(Operation *op) {
  if (op->getNumResults() != 1 || !isByteTensor(op->getResult(0)))
    return {};
  if (matchMax(op))
    return {op->getOperand(0)};
  if (!isMovement(op))
    return {};
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value constant = pad.getConstantPaddingValue();
    if (!constant || !matchPattern(constant, m_Constant()))
      return {};
    return {pad.getSource()};
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    return llvm::to_vector(concat.getInputs());
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return {insert.getSource(), insert.getDest()};
  Value moved = movedOperand(op);
  return moved ? SmallVector<Value>{moved} : SmallVector<Value>();
}

//===----------------------------------------------------------------------===//
// Signing
//===----------------------------------------------------------------------===//

class Signer {
public:
  explicit Signer(MLIRContext *context) : b(context) {}

  /// Marks `value`, and all that it is selected from or that is selected from
  /// it, to be stored with the other sign.
  void mark(Value value);
  /// Rewrites all definitions and uses of what is marked.
  void run();

private:
  bool signDefinition(Value value);
  bool signResult(QuantizeOp op);
  bool signResult(RequantizeOp op);
  bool signResult(LookupOp op);
  bool signSelection(Operation *op);

  bool signUse(OpOperand &use);
  bool signInput(DequantizeOp op);
  bool signInput(RequantizeOp op, OpOperand &use);
  bool signInput(LookupOp op, OpOperand &use);
  bool signInput(linalg::GenericOp op, OpOperand &use);
  bool signSum(linalg::GenericOp op, arith::ExtUIOp extension);

  Value flip(Value value);

  OpBuilder b;
  SetVector<Value> marked;
  /// Operations that select from what is marked, and what from.
  DenseMap<Operation *, SmallVector<Value>> selections;
};

} // namespace

void Signer::mark(Value value) {
  SmallVector<Value> pending{value};
  auto follow = [&](Operation *op) -> SmallVector<Value> {
    if (auto known = selections.find(op); known != selections.end())
      return known->second;
    SmallVector<Value> from = selectedFrom(op);
    if (!from.empty())
      selections[op] = from;
    return from;
  };
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    if (isInitOfBytes(next) || !marked.insert(next))
      continue;
    if (Operation *def = next.getDefiningOp())
      llvm::append_range(pending, follow(def));
    for (OpOperand &use : next.getUses()) {
      Operation *op = readerOf(use);
      if (llvm::is_contained(follow(op), next))
        pending.push_back(op->getResult(0));
    }
  }
}

void Signer::run() {
  for (Value value : marked) {
    Value stored = value, restored;
    if (!signDefinition(value)) {
      restored = value;
      b.setInsertionPointAfterValue(value);
      stored = flip(value);
      value.replaceAllUsesExcept(stored, stored.getDefiningOp());
      // Selections name what they select from.
      for (auto &[op, from] : selections)
        llvm::replace(from, value, stored);
    }
    SmallVector<OpOperand *> others;
    for (OpOperand &use : stored.getUses()) {
      auto selection = selections.find(readerOf(use));
      if (selection == selections.end() ||
          !llvm::is_contained(selection->second, stored))
        others.push_back(&use);
    }
    for (OpOperand *use : others) {
      if (signUse(*use))
        continue;
      b.setInsertionPointAfterValue(stored);
      if (!restored)
        restored = flip(stored);
      use->set(restored);
    }
  }
}

/// q ^ 0x80, one element after the other.
Value Signer::flip(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  Location loc = value.getLoc();
  Value empty = createEmpty(b, loc, type.getShape(), type.getElementType());
  return linalg::GenericOp::create(
             b, loc, type, value, empty, ArrayRef{identity, identity}, loops,
             [&](OpBuilder &inner, Location at, ValueRange elements) {
               Value top =
                   createConstant(inner, at, inner.getI8IntegerAttr(-128));
               Value flipped =
                   arith::XOrIOp::create(inner, at, elements[0], top);
               linalg::YieldOp::create(inner, at, flipped);
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Definitions
//===----------------------------------------------------------------------===//

bool Signer::signDefinition(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return false;
  b.setInsertionPoint(def);
  if (selections.contains(def))
    return signSelection(def);
  return llvm::TypeSwitch<Operation *, bool>(def)
      .Case<QuantizeOp, RequantizeOp, LookupOp>(
          [&](auto op) { return signResult(op); })
      .Default([](Operation *) { return false; });
}

/// A range below 0 is what says that a result is signed: not of results that
/// are signed already, nor where all of them would be positive.
static bool canLower(ArrayRef<int32_t> range) {
  return range[0] >= 0 && range[0] < kOffset;
}

static SmallVector<int32_t> loweredRange(ArrayRef<int32_t> range) {
  return {range[0] - kOffset, range[1] - kOffset};
}

// clamp(rne(x / s) + z, lo, hi) - 128
//   -> clamp(rne(x / s) + (z - 128), lo - 128, hi - 128)
bool Signer::signResult(QuantizeOp op) {
  Value zeroPoint = lowered(b, op.getZeroPoint());
  if (!zeroPoint || !canLower(op.getRange()))
    return false;
  op.getZeroPointMutable().assign(zeroPoint);
  op.setRange(loweredRange(op.getRange()));
  return true;
}

bool Signer::signResult(RequantizeOp op) {
  if (!canLower(op.getRange()))
    return false;
  op.setZeroPoint(int32_t(op.getZeroPoint()) - kOffset);
  op.setRange(loweredRange(op.getRange()));
  return true;
}

// table[x] ^ 0x80 -> table'[x],   table'[i] = table[i] ^ 0x80
bool Signer::signResult(LookupOp op) {
  Value table = flippedConstant(b, op.getTable());
  if (table)
    op.getTableMutable().assign(table);
  return bool(table);
}

// pad(x, c) ^ 0x80 -> pad(x ^ 0x80, c ^ 0x80), and the like;
// maxu(x, y) ^ 0x80 -> maxs(x ^ 0x80, y ^ 0x80): the flip keeps the order.
bool Signer::signSelection(Operation *op) {
  for (Value from : selections[op])
    if (Value flipped = flippedInit(b, from))
      from.replaceUsesWithIf(
          flipped, [&](OpOperand &use) { return readerOf(use) == op; });
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    auto yield = cast<tensor::YieldOp>(pad.getBody()->getTerminator());
    yield.getValueMutable().assign(
        flippedConstant(b, pad.getConstantPaddingValue()));
  }
  if (arith::MaxUIOp max = matchMax(op)) {
    OpOperand &init = *cast<linalg::LinalgOp>(op).getDpsInitOperand(0);
    init.set(flippedInit(b, init.get()));
    OpBuilder inner(max);
    max.replaceAllUsesWith(
        arith::MaxSIOp::create(inner, max.getLoc(), max.getLhs(), max.getRhs())
            .getResult());
    max.erase();
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

bool Signer::signUse(OpOperand &use) {
  b.setInsertionPoint(use.getOwner());
  return llvm::TypeSwitch<Operation *, bool>(use.getOwner())
      .Case([&](DequantizeOp op) { return signInput(op); })
      .Case<RequantizeOp, LookupOp, linalg::GenericOp>(
          [&](auto op) { return signInput(op, use); })
      .Default([](Operation *) { return false; });
}

// extu(q) - z -> exts(q') - (z - 128)
bool Signer::signInput(DequantizeOp op) {
  Value zeroPoint = lowered(b, op.getZeroPoint());
  if (!zeroPoint || !op.getUnsignedInput())
    return false;
  op.getZeroPointMutable().assign(zeroPoint);
  op.setUnsignedInput(false);
  return true;
}

bool Signer::signInput(RequantizeOp op, OpOperand &use) {
  unsigned k = use.getOperandNumber();
  if (k >= op.getInputs().size() || !op.getUnsignedInputs()[k])
    return false;
  SmallVector<bool> isUnsigned(op.getUnsignedInputs());
  SmallVector<int32_t> zeroPoints(op.getInputZeroPoints());
  isUnsigned[k] = false;
  zeroPoints[k] -= kOffset;
  op.setUnsignedInputs(isUnsigned);
  op.setInputZeroPoints(zeroPoints);
  return true;
}

// table[q] -> table'[q'],   table'[i] = table[i ^ 0x80]
//
// The positions stay unsigned bytes: those are what tables in registers take.
bool Signer::signInput(LookupOp op, OpOperand &use) {
  DenseElementsAttr table;
  if (use.get() != op.getInput() || !op.getUnsignedInput() ||
      !matchPattern(op.getTable(), m_Constant(&table)) ||
      table.getType().getShape().back() != 2 * kOffset)
    return false;
  SmallVector<Attribute> values(table.getValues<Attribute>()), moved;
  for (size_t i = 0; i < values.size(); ++i)
    moved.push_back(values[i ^ kOffset]);
  op.getTableMutable().assign(createConstant(
      b, op.getLoc(), DenseElementsAttr::get(table.getType(), moved)));
  return true;
}

/// The extensions that alone use `element`, or none.
static SmallVector<arith::ExtUIOp> extensionsOf(BlockArgument element) {
  SmallVector<arith::ExtUIOp> extensions;
  for (Operation *user : element.getUsers()) {
    auto extension = dyn_cast<arith::ExtUIOp>(user);
    if (!extension)
      return {};
    extensions.push_back(extension);
  }
  return extensions;
}

// extu(q) -> exts(q') + 128
bool Signer::signInput(linalg::GenericOp op, OpOperand &use) {
  if (!op.isDpsInput(&use))
    return false;
  SmallVector<arith::ExtUIOp> extensions =
      extensionsOf(op.getMatchingBlockArgument(&use));
  if (extensions.empty())
    return false;
  if (op.getNumReductionLoops() != 0)
    return use.getOperandNumber() == 0 && extensions.size() == 1 &&
           signSum(op, extensions[0]);
  for (arith::ExtUIOp extension : extensions) {
    OpBuilder inner(extension);
    Type type = extension.getType();
    Location loc = extension.getLoc();
    Value integer = arith::ExtSIOp::create(inner, loc, type, extension.getIn());
    Value offset =
        createConstant(inner, loc, inner.getIntegerAttr(type, kOffset));
    Value sum = arith::AddIOp::create(inner, loc, integer, offset);
    extension.replaceAllUsesWith(sum);
    extension.erase();
  }
  return true;
}

/// Whether the body is acc + `extension`.
static bool isSumOf(linalg::GenericOp op, arith::ExtUIOp extension) {
  Block &body = *op.getBlock();
  Value sum = body.getArguments().back();
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddIOp>();
  return add && extension->hasOneUse() &&
         ((add.getLhs() == sum && add.getRhs() == extension) ||
          (add.getLhs() == extension && add.getRhs() == sum));
}

// acc + sum extu(q) * w -> (acc + 128 * sum w) + sum exts(q') * w
//
// A sum without weights is one with weights of 1.
bool Signer::signSum(linalg::GenericOp op, arith::ExtUIOp extension) {
  SmallVector<unsigned> dims;
  std::vector<int32_t> terms;
  std::optional<Contraction> contraction = matchContraction(op);
  if (contraction) {
    std::optional<LowBitContraction> match =
        matchLowBitContraction(*contraction);
    if (!match ||
        !llvm::all_of(contraction->reductionLoops, [&](unsigned loop) {
          return contraction->rhsMap.isFunctionOfDim(loop);
        }))
      return false;
    dims.assign(contraction->outChannelDims.begin(),
                contraction->outChannelDims.end());
    terms = offsetSums(match->weights, contraction->rhsChannelDims,
                       match->weightsUnsigned);
  } else if (isSumOf(op, extension)) {
    int32_t count = 1;
    for (auto [size, kind] :
         llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
      if (kind == utils::IteratorType::reduction)
        count = int32_t(uint32_t(count) * uint32_t(size));
    terms.push_back(int32_t(uint32_t(kOffset) * uint32_t(count)));
  } else {
    return false;
  }
  OpOperand &init = *op.getDpsInitOperand(0);
  Value start = addToInit(b, init.get(), dims, std::move(terms));
  if (!start)
    return false;
  init.set(start);
  OpBuilder inner(extension);
  Value integer = arith::ExtSIOp::create(
      inner, extension.getLoc(), extension.getType(), extension.getIn());
  extension.replaceAllUsesWith(integer);
  extension.erase();
  return true;
}

namespace {
struct SignActivations : impl::SignActivationsPassBase<SignActivations> {
  using SignActivationsPassBase::SignActivationsPassBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    FailureOr<TargetInfo> info = lookUpTarget(func, target);
    if (failed(info))
      return signalPassFailure();
    Signer signer(&getContext());
    func.walk([&](linalg::GenericOp op) {
      if (wantsSigned(op, *info))
        signer.mark(op.getDpsInputs()[0]);
    });
    signer.run();
  }
};
} // namespace
} // namespace qopt
