//===- Structured.cpp - What a structured operation means -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the matchers on maps and bodies.
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/Structured.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include <algorithm>

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Contractions and pooling
//===----------------------------------------------------------------------===//

/// Looks through the extensions that widen a product's operand.
static Value skipExtensions(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (!isa<arith::ExtSIOp, arith::ExtUIOp, arith::ExtFOp>(def))
      break;
    value = def->getOperand(0);
  }
  return value;
}

/// The operand of a commutative `op` other than `known`; null if neither is.
static Value otherOperand(Operation *op, Value known) {
  if (op->getOperand(0) == known)
    return op->getOperand(1);
  return op->getOperand(1) == known ? op->getOperand(0) : Value();
}

/// The operation that multiplies in a body `acc + lhs * rhs`, of two
/// operations or of one with one rounding.
static Operation *findProduct(Block &body) {
  auto yield = cast<linalg::YieldOp>(body.getTerminator());
  if (yield.getNumOperands() != 1)
    return nullptr;
  Value acc = body.getArguments().back();
  Operation *sum = yield.getOperand(0).getDefiningOp();
  if (auto fma = dyn_cast_or_null<math::FmaOp>(sum))
    return fma.getC() == acc ? fma : nullptr;
  if (!sum || !isa<arith::AddFOp, arith::AddIOp>(sum))
    return nullptr;
  Value product = otherOperand(sum, acc);
  Operation *mul = product ? product.getDefiningOp() : nullptr;
  return mul && isa<arith::MulFOp, arith::MulIOp>(mul) ? mul : nullptr;
}

/// The two block arguments of a body `acc + lhs * rhs`, in source order.
static std::optional<std::pair<BlockArgument, BlockArgument>>
matchProductSum(Block &body) {
  Operation *product = findProduct(body);
  if (!product)
    return std::nullopt;
  auto lhs = dyn_cast<BlockArgument>(skipExtensions(product->getOperand(0)));
  auto rhs = dyn_cast<BlockArgument>(skipExtensions(product->getOperand(1)));
  if (!lhs || !rhs || lhs == rhs)
    return std::nullopt;
  return std::make_pair(lhs, rhs);
}

/// The loops that a map reads, including through sums (convolution windows).
static llvm::SmallBitVector usedLoops(AffineMap map) {
  llvm::SmallBitVector used(map.getNumDims());
  for (unsigned i = 0; i < map.getNumDims(); ++i)
    if (map.isFunctionOfDim(i))
      used.set(i);
  return used;
}

std::optional<Contraction> matchContraction(Operation *operation) {
  auto op = dyn_cast_or_null<linalg::LinalgOp>(operation);
  if (!op || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() == 0)
    return std::nullopt;
  auto arguments = matchProductSum(*op.getBlock());
  if (!arguments || arguments->first.getArgNumber() > 1 ||
      arguments->second.getArgNumber() > 1)
    return std::nullopt;

  Contraction result;
  result.op = op;
  result.lhs = op.getDpsInputs()[0];
  result.rhs = op.getDpsInputs()[1];
  result.init = op.getDpsInits()[0];
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  result.lhsMap = maps[0];
  result.rhsMap = maps[1];
  result.outMap = maps[2];
  if (!result.outMap.isProjectedPermutation() ||
      !result.rhsMap.isProjectedPermutation())
    return std::nullopt;

  llvm::SmallBitVector inLhs = usedLoops(result.lhsMap);
  result.depthwise = true;
  for (auto [dim, expr] : llvm::enumerate(result.outMap.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    std::optional<unsigned> rhsDim = result.rhsMap.getResultPosition(expr);
    if (!rhsDim)
      continue;
    result.channelLoops.push_back(loop);
    result.outChannelDims.push_back(dim);
    result.rhsChannelDims.push_back(*rhsDim);
    result.depthwise &= inLhs.test(loop);
  }
  result.depthwise &= !result.channelLoops.empty();
  op.getReductionDims(result.reductionLoops);
  result.oneRounding = isa<math::FmaOp>(findProduct(*op.getBlock()));
  return result;
}

std::optional<PoolingKind> matchPooling(Operation *op) {
  using Kind = std::optional<PoolingKind>;
  return llvm::TypeSwitch<Operation *, Kind>(op)
      .Case<linalg::PoolingNhwcMaxOp, linalg::PoolingNchwMaxOp,
            linalg::PoolingNwcMaxOp, linalg::PoolingNcwMaxOp,
            linalg::PoolingNdhwcMaxOp>([](auto) { return PoolingKind::Max; })
      .Case<linalg::PoolingNhwcMinOp, linalg::PoolingNwcMinOp,
            linalg::PoolingNdhwcMinOp>([](auto) { return PoolingKind::Min; })
      .Case<linalg::PoolingNhwcSumOp, linalg::PoolingNchwSumOp,
            linalg::PoolingNwcSumOp, linalg::PoolingNcwSumOp,
            linalg::PoolingNdhwcSumOp>([](auto) { return PoolingKind::Sum; })
      .Default([](Operation *) { return std::nullopt; });
}

static bool combines(Operation *op, PoolingKind kind) {
  switch (kind) {
  case PoolingKind::Max:
    return isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp,
               arith::MaxUIOp>(op);
  case PoolingKind::Min:
    return isa<arith::MinimumFOp, arith::MinNumFOp, arith::MinSIOp,
               arith::MinUIOp>(op);
  case PoolingKind::Sum:
    return isa<arith::AddFOp, arith::AddIOp>(op);
  }
  llvm_unreachable("unknown kind");
}

std::optional<SmallVector<unsigned, 4>> matchReduction(Operation *operation,
                                                       PoolingKind kind) {
  auto op = dyn_cast_or_null<linalg::LinalgOp>(operation);
  if (!op || !isa<linalg::GenericOp, linalg::ReduceOp>(operation) ||
      op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() == 0)
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!maps[0].isPermutation() || !maps[1].isProjectedPermutation())
    return std::nullopt;
  Block &body = *op.getBlock();
  auto yield = cast<linalg::YieldOp>(body.getTerminator());
  Operation *combiner = yield.getOperand(0).getDefiningOp();
  if (!combiner || !combines(combiner, kind))
    return std::nullopt;
  Value element = otherOperand(combiner, body.getArgument(1));
  if (!element || skipExtensions(element) != body.getArgument(0))
    return std::nullopt;
  SmallVector<unsigned, 4> loops;
  op.getReductionDims(loops);
  return loops;
}

std::optional<PoolingKind> matchPoolingOrReduction(Operation *op) {
  if (std::optional<PoolingKind> kind = matchPooling(op))
    return kind;
  for (PoolingKind kind :
       {PoolingKind::Sum, PoolingKind::Max, PoolingKind::Min})
    if (matchReduction(op, kind))
      return kind;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Elementwise operations
//===----------------------------------------------------------------------===//

/// Whether the body yields one of its arguments or a constant unchanged.
static bool yieldsUnchanged(Block &body) {
  auto yield = cast<linalg::YieldOp>(body.getTerminator());
  return llvm::all_of(yield.getOperands(), [&](Value value) {
    return value.getParentBlock() != &body || isa<BlockArgument>(value) ||
           matchPattern(value, m_Constant());
  });
}

bool isElementwiseOp(Operation *operation) {
  auto op = dyn_cast_or_null<linalg::LinalgOp>(operation);
  if (!op || !op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
      op.getNumDpsInputs() == 0 || op.getNumParallelLoops() != op.getNumLoops())
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!maps.back().isIdentity() ||
      !llvm::all_of(ArrayRef(maps).drop_back(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return false;
  Block &body = *op.getBlock();
  if (!body.getArguments().back().use_empty() || yieldsUnchanged(body))
    return false;
  return llvm::none_of(body, [](Operation &inner) {
    return isa<linalg::IndexOp, tensor::ExtractOp>(inner) ||
           inner.getNumRegions() != 0;
  });
}

Value matchUnary(linalg::GenericOp op) {
  if (!isElementwiseOp(op))
    return {};
  Value input;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (op.getMatchingBlockArgument(operand).use_empty())
      continue;
    if (input || !op.getMatchingIndexingMap(operand).isIdentity())
      return {};
    input = operand->get();
  }
  bool constantsOnly = true;
  for (Operation &inner : *op.getBlock())
    for (Value value : inner.getOperands())
      constantsOnly &= value.getParentBlock() == op.getBlock() ||
                       matchPattern(value, m_Constant());
  return constantsOnly ? input : Value();
}

std::optional<float> matchFloatConstant(Value value) {
  Attribute attr;
  if (!value || !matchPattern(value, m_Constant(&attr)))
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(attr))
    if (number.getType().isF32())
      return number.getValue().convertToFloat();
  if (auto splat = dyn_cast<SplatElementsAttr>(attr))
    if (splat.getElementType().isF32())
      return splat.getSplatValue<float>();
  return std::nullopt;
}

namespace {
/// One step of a clamp: max(x, bound) or min(x, bound).
struct Bound {
  Value input;
  float value;
  bool isLower;
};
} // namespace

/// select(x > c, x, c) -> max(x, c), and the seven other ways to say it.
static std::optional<Bound> matchSelectBound(arith::SelectOp select) {
  auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return std::nullopt;
  Value lhs = compare.getLhs(), rhs = compare.getRhs();
  bool keepsLhs = select.getTrueValue() == lhs && select.getFalseValue() == rhs;
  bool keepsRhs = select.getTrueValue() == rhs && select.getFalseValue() == lhs;
  if (!keepsLhs && !keepsRhs)
    return std::nullopt;
  using P = arith::CmpFPredicate;
  P predicate = compare.getPredicate();
  bool greater = predicate == P::OGT || predicate == P::OGE ||
                 predicate == P::UGT || predicate == P::UGE;
  bool less = predicate == P::OLT || predicate == P::OLE ||
              predicate == P::ULT || predicate == P::ULE;
  if (!greater && !less)
    return std::nullopt;
  bool isMax = greater == keepsLhs;
  if (auto bound = matchFloatConstant(rhs))
    return Bound{lhs, *bound, isMax};
  if (auto bound = matchFloatConstant(lhs))
    return Bound{rhs, *bound, isMax};
  return std::nullopt;
}

static std::optional<Bound> matchBound(Operation *op) {
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return matchSelectBound(select);
  bool isMax = isa<arith::MaximumFOp, arith::MaxNumFOp>(op);
  if (!isMax && !isa<arith::MinimumFOp, arith::MinNumFOp>(op))
    return std::nullopt;
  for (unsigned i : {1u, 0u})
    if (auto bound = matchFloatConstant(op->getOperand(i)))
      return Bound{op->getOperand(1 - i), *bound, isMax};
  return std::nullopt;
}

std::optional<Clamp> matchClamp(linalg::GenericOp op) {
  Value input = matchUnary(op);
  if (!input)
    return std::nullopt;
  auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
  SmallVector<Bound> bounds;
  Value value = yield.getOperand(0);
  while (Operation *def = value.getDefiningOp()) {
    std::optional<Bound> bound = matchBound(def);
    if (!bound)
      return std::nullopt;
    bounds.push_back(*bound);
    value = bound->input;
  }
  if (bounds.empty())
    return std::nullopt;
  Clamp clamp;
  clamp.input = input;
  // The innermost bound applies first, and a later one moves both ends:
  // max(min(max(x, lo), hi), c) = min(max(x, max(lo, c)), max(hi, c)).
  for (const Bound &bound : llvm::reverse(bounds)) {
    if (bound.isLower) {
      clamp.lo = std::max(clamp.lo, bound.value);
      clamp.hi = std::max(clamp.hi, bound.value);
    } else {
      clamp.lo = std::min(clamp.lo, bound.value);
      clamp.hi = std::min(clamp.hi, bound.value);
    }
  }
  return clamp;
}

/// The single operation of the body, the one that is yielded.
static Operation *singleBodyOp(linalg::GenericOp op) {
  auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
  if (yield.getNumOperands() != 1)
    return nullptr;
  Operation *only = yield.getOperand(0).getDefiningOp();
  if (!only || only->getBlock() != op.getBlock())
    return nullptr;
  for (Operation &inner : op.getBlock()->without_terminator())
    if (&inner != only && !matchPattern(inner.getResult(0), m_Constant()))
      return nullptr;
  return only;
}

/// Whether 1 / value is exact, so that a division is a multiplication.
static bool hasExactInverse(float value) {
  APFloat inverse(0.0f);
  return APFloat(value).getExactInverse(&inverse);
}

std::optional<ScalarMultiply> matchScalarMultiply(linalg::GenericOp op) {
  Value input = matchUnary(op);
  Operation *only = input ? singleBodyOp(op) : nullptr;
  if (!only || !isa<arith::MulFOp, arith::DivFOp>(only))
    return std::nullopt;
  if (auto factor = matchFloatConstant(only->getOperand(1))) {
    if (isa<arith::MulFOp>(only))
      return ScalarMultiply{input, *factor};
    if (hasExactInverse(*factor))
      return ScalarMultiply{input, 1.0f / *factor};
    return std::nullopt;
  }
  if (isa<arith::MulFOp>(only))
    if (auto factor = matchFloatConstant(only->getOperand(0)))
      return ScalarMultiply{input, *factor};
  return std::nullopt;
}

std::optional<BinaryKind> matchBinary(linalg::GenericOp op) {
  if (!isElementwiseOp(op) || op.getNumDpsInputs() != 2)
    return std::nullopt;
  Operation *only = singleBodyOp(op);
  if (!only || only->getNumOperands() != 2 ||
      only->getOperand(0) != op.getBlock()->getArgument(0) ||
      only->getOperand(1) != op.getBlock()->getArgument(1))
    return std::nullopt;
  return llvm::TypeSwitch<Operation *, std::optional<BinaryKind>>(only)
      .Case([](arith::AddFOp) { return BinaryKind::Add; })
      .Case([](arith::SubFOp) { return BinaryKind::Sub; })
      .Case([](arith::MulFOp) { return BinaryKind::Mul; })
      .Case([](arith::DivFOp) { return BinaryKind::Div; })
      .Default([](Operation *) { return std::nullopt; });
}

//===----------------------------------------------------------------------===//
// Movement, inits
//===----------------------------------------------------------------------===//

/// A body that yields an argument, or an element that it picks by position.
static bool onlySelects(linalg::GenericOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops())
    return false;
  auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
  return llvm::all_of(yield.getOperands(), [&](Value value) {
    return isa<BlockArgument>(value) ||
           isa_and_nonnull<tensor::ExtractOp>(value.getDefiningOp());
  });
}

bool isMovement(Operation *op) {
  if (!op)
    return false;
  if (isa<linalg::TransposeOp, linalg::BroadcastOp, linalg::CopyOp,
          tensor::PadOp, tensor::ConcatOp, tensor::ExtractSliceOp,
          tensor::InsertSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
          tensor::CastOp>(op))
    return true;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && onlySelects(generic);
}

Value findDynamicShape(Operation *root) {
  Value found;
  auto isDynamic = [](Value value) {
    auto shaped = dyn_cast<ShapedType>(value.getType());
    return shaped && !shaped.hasStaticShape();
  };
  auto search = [&](auto values) {
    auto it = llvm::find_if(values, isDynamic);
    if (it != values.end())
      found = *it;
    return found ? WalkResult::interrupt() : WalkResult::advance();
  };
  root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (search(block.getArguments()).wasInterrupted())
          return WalkResult::interrupt();
    return search(op->getResults());
  });
  return found;
}

bool isInit(Operation *op) {
  return isa<linalg::FillOp, linalg::BroadcastOp, tensor::EmptyOp>(op) ||
         op->hasTrait<OpTrait::ConstantLike>();
}

bool computes(Operation *op) {
  return isa<linalg::LinalgOp, linalg::SoftmaxOp>(op) && !isInit(op) &&
         !isMovement(op);
}

bool computesOnFloats(Operation *op) {
  return computes(op) && op->getNumResults() &&
         isa<FloatType>(getElementTypeOrSelf(op->getResult(0)));
}

Value movedOperand(Operation *op) {
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  if (!structured)
    return isa<tensor::InsertSliceOp>(op) ? Value() : op->getOperand(0);
  if (structured.getNumDpsInits() != 1)
    return {};
  Value yielded = structured.getBlock()->getTerminator()->getOperand(0);
  if (auto extract = yielded.getDefiningOp<tensor::ExtractOp>())
    return extract.getTensor();
  auto argument = dyn_cast<BlockArgument>(yielded);
  if (!argument || argument.getOwner() != structured.getBlock())
    return {};
  OpOperand &operand = structured->getOpOperand(argument.getArgNumber());
  return structured.isDpsInput(&operand) ? operand.get() : Value();
}

std::optional<float> matchUniformInit(Value init) {
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    return matchFloatConstant(fill.getInputs()[0]);
  if (auto broadcast = init.getDefiningOp<linalg::BroadcastOp>())
    return matchFloatConstant(broadcast.getInput());
  return matchFloatConstant(init);
}

std::optional<BiasInit> matchBiasInit(Value init) {
  auto broadcast = init.getDefiningOp<linalg::BroadcastOp>();
  if (!broadcast)
    return std::nullopt;
  BiasInit bias;
  if (!matchPattern(broadcast.getInput(), m_Constant(&bias.values)))
    return std::nullopt;
  unsigned rank = cast<RankedTensorType>(init.getType()).getRank();
  for (unsigned dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(broadcast.getDimensions(), dim))
      bias.dims.push_back(dim);
  return bias;
}

//===----------------------------------------------------------------------===//
// Locations
//===----------------------------------------------------------------------===//

static void collectNames(Location loc,
                         llvm::SmallSetVector<StringRef, 4> &names) {
  if (auto named = dyn_cast<NameLoc>(loc))
    names.insert(named.getName().getValue());
  else if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      collectNames(part, names);
  else if (auto call = dyn_cast<CallSiteLoc>(loc))
    collectNames(call.getCallee(), names);
}

SmallVector<StringRef> sourceNames(Location loc) {
  llvm::SmallSetVector<StringRef, 4> names;
  collectNames(loc, names);
  return names.takeVector();
}

Location fuseLocations(ArrayRef<Location> locations) {
  llvm::SmallSetVector<Location, 4> parts;
  for (Location loc : locations) {
    // FusedLoc::get keeps the order but nests what carries metadata; sources
    // carry none.
    if (auto fused = dyn_cast<FusedLoc>(loc))
      parts.insert(fused.getLocations().begin(), fused.getLocations().end());
    else
      parts.insert(loc);
  }
  if (parts.size() == 1)
    return parts.front();
  return FusedLoc::get(locations.front()->getContext(), parts.getArrayRef());
}

} // namespace qopt
