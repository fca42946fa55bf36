//===- SinkTransposeIntoGeneric.cpp - Layouts of linalg.generic -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements changes of layout of a linalg.generic: its loops are
// interchanged, its operands transposed to match, and its result transposed
// back. Every element is computed by the same operations in the same order.
//
//===----------------------------------------------------------------------===//

#include "LayoutPatterns.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Cost
//===----------------------------------------------------------------------===//

TransposeCost transposeCost(Value value, ArrayRef<int64_t> perm) {
  if (isIdentityPermutation(perm))
    return TransposeCost::Free;
  if (linalg::TransposeOp transpose = getTranspose(value))
    return isIdentityPermutation(
               composePermutations(transpose.getPermutation(), perm))
               ? TransposeCost::Saves
               : TransposeCost::Neutral;
  Operation *def = value.getDefiningOp();
  if (def && (isa<tensor::EmptyOp, linalg::FillOp, linalg::BroadcastOp>(def) ||
              matchPattern(def, m_Constant())))
    return TransposeCost::Free;
  return TransposeCost::Adds;
}

/// Whether some operation reads `value` transposed by `perm`.
static bool isReadTransposed(Value value, ArrayRef<int64_t> perm) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    auto transpose = dyn_cast<linalg::TransposeOp>(user);
    return transpose && transpose.getPermutation() == perm;
  });
}

bool isWorthSinking(ArrayRef<Value> values,
                    ArrayRef<SmallVector<int64_t>> perms) {
  int saved = 0, added = 0;
  bool savesInner = false, addsShared = true;
  for (auto [value, perm] : llvm::zip_equal(values, perms)) {
    TransposeCost cost = transposeCost(value, perm);
    if (cost == TransposeCost::Saves) {
      ++saved;
      savesInner |= !isa<BlockArgument>(getTranspose(value).getInput());
    } else if (cost == TransposeCost::Adds) {
      ++added;
      addsShared &= isa<BlockArgument>(value) && isReadTransposed(value, perm);
    }
  }
  if (saved == 0)
    return false;
  // Sinking from a value inside the function towards an argument has no way
  // back, so that ties cannot alternate.
  return added < saved || (added == saved && savesInner && addsShared);
}

//===----------------------------------------------------------------------===//
// Relayout
//===----------------------------------------------------------------------===//

namespace {
/// A generic with its loops in another order.
struct Relayout {
  /// New position -> old loop.
  SmallVector<unsigned> loopOrder;
  /// Old loop -> new position.
  SmallVector<unsigned> position;

  Relayout(SmallVector<unsigned> order) : loopOrder(std::move(order)) {
    position.resize(loopOrder.size());
    for (auto [newLoop, oldLoop] : llvm::enumerate(loopOrder))
      position[oldLoop] = newLoop;
  }

  /// The permutation of an operand that gives its dimensions the order of the
  /// new loops.
  SmallVector<int64_t> operandPerm(AffineMap map) const {
    auto perm = llvm::to_vector(llvm::seq<int64_t>(0, map.getNumResults()));
    llvm::sort(perm, [&](int64_t a, int64_t b) {
      return position[map.getDimPosition(a)] < position[map.getDimPosition(b)];
    });
    return perm;
  }

  /// The map of an operand transposed by operandPerm.
  AffineMap operandMap(AffineMap map) const {
    SmallVector<unsigned> loops;
    for (unsigned i = 0; i < map.getNumResults(); ++i)
      loops.push_back(position[map.getDimPosition(i)]);
    llvm::sort(loops);
    return AffineMap::getMultiDimMapWithTargets(loopOrder.size(), loops,
                                                map.getContext());
  }
};
} // namespace

/// Generics that relayout understands: one result, projected permutations.
static bool canRelayout(linalg::GenericOp op) {
  return op.hasPureTensorSemantics() && op.getNumResults() == 1 &&
         llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
           return map.isProjectedPermutation();
         });
}

/// Reductions are computed in the order of their loops.
static bool keepsReductionOrder(linalg::GenericOp op,
                                const Relayout &relayout) {
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  return llvm::is_sorted(reductions, [&](unsigned a, unsigned b) {
    return relayout.position[a] < relayout.position[b];
  });
}

/// The loops in the order in which an operand with `map` whose layout is
/// transposed back by `transposePerm` runs through memory; a loop that the
/// operand does not have stays behind its predecessor.
static SmallVector<unsigned> orderLoopsBy(AffineMap map,
                                          ArrayRef<int64_t> transposePerm) {
  SmallVector<unsigned> order(map.getNumResults());
  for (auto [dim, source] : llvm::enumerate(transposePerm))
    order[source] = map.getDimPosition(dim);
  for (unsigned loop = 0; loop < map.getNumDims(); ++loop) {
    if (llvm::is_contained(order, loop))
      continue;
    auto *place = loop == 0 ? order.begin() : llvm::find(order, loop - 1) + 1;
    order.insert(place, loop);
  }
  return order;
}

/// The generic in its new layout; its result is not transposed back.
static linalg::GenericOp createRelaid(RewriterBase &rewriter,
                                      linalg::GenericOp op,
                                      const Relayout &relayout) {
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    maps.push_back(relayout.operandMap(map));
    operands.push_back(createTranspose(rewriter, op.getLoc(), operand.get(),
                                       relayout.operandPerm(map)));
  }
  SmallVector<utils::IteratorType> iterators;
  for (unsigned loop : relayout.loopOrder)
    iterators.push_back(op.getIteratorTypesArray()[loop]);
  auto inputs = ArrayRef(operands).drop_back();
  auto relaid = linalg::GenericOp::create(rewriter, op.getLoc(),
                                          operands.back().getType(), inputs,
                                          operands.back(), maps, iterators);
  rewriter.cloneRegionBefore(op.getRegion(), relaid.getRegion(),
                             relaid.getRegion().begin());
  for (auto index : relaid.getBlock()->getOps<linalg::IndexOp>())
    index.setDim(relayout.position[index.getDim()]);
  relaid->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  return relaid;
}

/// Relays `op` and transposes the result back.
static void replaceByRelaid(RewriterBase &rewriter, linalg::GenericOp op,
                            const Relayout &relayout) {
  AffineMap outMap = op.getIndexingMapsArray().back();
  linalg::GenericOp relaid = createRelaid(rewriter, op, relayout);
  SmallVector<int64_t> back =
      invertPermutationVector(relayout.operandPerm(outMap));
  rewriter.replaceOp(
      op, createTranspose(rewriter, op.getLoc(), relaid.getResult(0), back));
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
/// generic(transpose(x), y) -> transpose(generic'(x, transpose^-1(y)))
struct GenericSinkTranspose : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!canRelayout(op))
      return rewriter.notifyMatchFailure(op, "maps are not permutations");
    for (OpOperand *operand : op.getDpsInputOperands()) {
      linalg::TransposeOp transpose = getTranspose(operand->get());
      if (!transpose)
        continue;
      Relayout relayout(orderLoopsBy(op.getMatchingIndexingMap(operand),
                                     transpose.getPermutation()));
      if (!keepsReductionOrder(op, relayout) || !isWorth(op, relayout))
        continue;
      replaceByRelaid(rewriter, op, relayout);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no transposition worth sinking");
  }

  static bool isWorth(linalg::GenericOp op, const Relayout &relayout) {
    SmallVector<Value> values;
    SmallVector<SmallVector<int64_t>> perms;
    for (OpOperand &operand : op->getOpOperands()) {
      values.push_back(operand.get());
      perms.push_back(
          relayout.operandPerm(op.getMatchingIndexingMap(&operand)));
    }
    return isWorthSinking(values, perms);
  }
};

/// A generic that picks elements of a transposed tensor by position (a nearest
/// resize) picks them from the tensor itself:
/// generic{ extract transpose(x)[i] } -> transpose(generic'{ extract x[i'] })
struct GatherSinkTranspose : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!canRelayout(op) || op.getNumDpsInputs() != 0 ||
        op.getNumParallelLoops() != op.getNumLoops() ||
        !op.getIndexingMapsArray().back().isIdentity())
      return rewriter.notifyMatchFailure(op, "not a gather");
    auto extracts = op.getBlock()->getOps<tensor::ExtractOp>();
    if (extracts.empty() || !llvm::hasSingleElement(extracts))
      return rewriter.notifyMatchFailure(op, "not one extract");
    tensor::ExtractOp extract = *extracts.begin();
    linalg::TransposeOp transpose = getTranspose(extract.getTensor());
    ArrayRef<int64_t> perm;
    if (transpose)
      perm = transpose.getPermutation();
    if (!transpose || perm.size() != op.getNumLoops())
      return rewriter.notifyMatchFailure(op, "no transposition of its rank");
    SmallVector<Value> indices(perm.size());
    for (auto [dim, source] : llvm::enumerate(perm))
      indices[source] = extract.getIndices()[dim];
    rewriter.modifyOpInPlace(op, [&] {
      rewriter.setInsertionPoint(extract);
      rewriter.replaceOpWithNewOp<tensor::ExtractOp>(
          extract, transpose.getInput(), indices);
    });
    rewriter.setInsertionPoint(op);
    replaceByRelaid(
        rewriter, op,
        Relayout(orderLoopsBy(op.getIndexingMapsArray().back(), perm)));
    return success();
  }
};
} // namespace

/// The value that `op` computes elementwise from, or pads, together with
/// constants; null for any other operation.
static Value unarySource(Operation *op) {
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return pad.getConstantPaddingValue() ? pad.getSource() : Value();
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || !isElementwiseOp(op) || !canRelayout(generic))
    return {};
  Value source;
  for (OpOperand *operand : generic.getDpsInputOperands()) {
    if (matchPattern(operand->get(), m_Constant()))
      continue;
    if (source || !generic.getMatchingIndexingMap(operand).isIdentity())
      return {};
    source = operand->get();
  }
  return source;
}

/// Whether a chain of such operations, each with one use, leads from an
/// argument to `value`.
static bool leadsToArgument(Value value) {
  while (!isa<BlockArgument>(value)) {
    Operation *def = value.getDefiningOp();
    if (!def->hasOneUse())
      return false;
    value = unarySource(def);
    if (!value)
      return false;
  }
  return true;
}

namespace {
/// transpose(generic(x)) -> generic'(transpose(x)) where a chain of unary
/// operations leads to an argument: the layout then changes at the border.
struct HoistTransposeAboveGeneric : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp transpose,
                                PatternRewriter &rewriter) const override {
    auto op = transpose.getInput().getDefiningOp<linalg::GenericOp>();
    if (!op || !leadsToArgument(transpose.getInput()))
      return rewriter.notifyMatchFailure(transpose, "no chain to an argument");
    SmallVector<unsigned> order(transpose.getPermutation().begin(),
                                transpose.getPermutation().end());
    rewriter.setInsertionPoint(op);
    linalg::GenericOp relaid =
        createRelaid(rewriter, op, Relayout(std::move(order)));
    rewriter.replaceOp(transpose, relaid.getResults());
    return success();
  }
};

/// transpose(pad(x)) -> pad'(transpose(x)) on such a chain.
struct HoistTransposeAbovePad : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp transpose,
                                PatternRewriter &rewriter) const override {
    auto pad = transpose.getInput().getDefiningOp<tensor::PadOp>();
    if (!pad || !leadsToArgument(transpose.getInput()))
      return rewriter.notifyMatchFailure(transpose, "no chain to an argument");
    ArrayRef<int64_t> perm = transpose.getPermutation();
    Value source =
        createTranspose(rewriter, transpose.getLoc(), pad.getSource(), perm);
    rewriter.replaceOpWithNewOp<tensor::PadOp>(
        transpose, transposedType(pad.getResultType(), perm), source,
        applyPermutation(ArrayRef(pad.getMixedLowPad()), perm),
        applyPermutation(ArrayRef(pad.getMixedHighPad()), perm),
        pad.getConstantPaddingValue(), pad.getNofold());
    return success();
  }
};
} // namespace

void populateSinkTransposeIntoGenericPatterns(RewritePatternSet &patterns) {
  patterns.add<GenericSinkTranspose, GatherSinkTranspose>(
      patterns.getContext());
}

void populateHoistTransposePatterns(RewritePatternSet &patterns) {
  // Before a transposition of units becomes a reshape.
  patterns.add<HoistTransposeAboveGeneric, HoistTransposeAbovePad>(
      patterns.getContext(), /*benefit=*/2);
}

} // namespace qopt
