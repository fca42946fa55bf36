//===- Regions.cpp - Which operations share a loop nest
//------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the growth of regions from their roots.
//
//===----------------------------------------------------------------------===//

#include "qopt/Schedule/Regions.h"
#include "qopt/Transforms/Structured.h"

using namespace mlir;

namespace qopt {

linalg::LinalgOp FusedRegion::producerOf(Value value) const {
  Operation *def = value.getDefiningOp();
  return contains(def) ? cast<linalg::LinalgOp>(def) : linalg::LinalgOp();
}

/// Operations whose vector form is the same operation on vectors, and those
/// that the emitter treats itself.
static bool hasVectorForm(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) ||
         isa<linalg::IndexOp, linalg::YieldOp, tensor::ExtractOp,
             arith::ConstantOp>(op) ||
         op->getName().getStringRef() == "affine.apply";
}

bool canGenerate(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.hasDynamicShape())
    return false;
  AffineMap out = op.getIndexingMapMatchingResult(op->getResult(0));
  if (!out.isProjectedPermutation() ||
      out.getNumResults() != op.getNumParallelLoops())
    return false;
  return llvm::all_of(op.getBlock()->getOperations(),
                      [](Operation &inner) { return hasVectorForm(&inner); });
}

bool isView(Operation *op) {
  return isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                         tensor::ExtractSliceOp>(op);
}

/// Splits `expr` into loops with positive coefficients; constants are dropped.
static bool collectTerms(AffineExpr expr, int64_t factor,
                         SmallVectorImpl<std::pair<int64_t, unsigned>> &terms) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    terms.push_back({factor, dim.getPosition()});
    return factor > 0;
  }
  if (isa<AffineConstantExpr>(expr))
    return true;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return collectTerms(binary.getLHS(), factor, terms) &&
           collectTerms(binary.getRHS(), factor, terms);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && constant &&
         collectTerms(binary.getLHS(), factor * constant.getValue(), terms);
}

bool readsSlices(linalg::LinalgOp op) {
  SmallVector<std::pair<int64_t, unsigned>> terms;
  return llvm::all_of(op.getIndexingMapsArray(), [&](AffineMap map) {
    return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
      return collectTerms(expr, 1, terms);
    });
  });
}

bool isInjective(AffineMap map, ArrayRef<int64_t> extents) {
  SmallVector<unsigned> uses(extents.size(), 0);
  for (AffineExpr expr : map.getResults()) {
    SmallVector<std::pair<int64_t, unsigned>> terms;
    if (!collectTerms(expr, 1, terms))
      return false;
    llvm::sort(terms);
    int64_t span = 1;
    for (auto [factor, loop] : terms) {
      ++uses[loop];
      if (extents[loop] == 1)
        continue;
      if (factor < span)
        return false;
      span = factor * extents[loop];
    }
  }
  for (auto [extent, count] : llvm::zip_equal(extents, uses))
    if (extent > 1 && count != 1)
      return false;
  return true;
}

static bool isConstant(Value value) {
  return matchPattern(value, m_Constant()) ||
         (!isa<ShapedType>(value.getType()) && value.getDefiningOp() &&
          value.getDefiningOp()->hasTrait<OpTrait::ConstantLike>());
}

/// A fill, a broadcast constant, dequantized weights.
static bool isElementwiseOnConstants(linalg::LinalgOp op) {
  return op.getNumReductionLoops() == 0 &&
         llvm::all_of(op.getDpsInputs(), isConstant) &&
         !op.payloadUsesValueFromOperand(op.getDpsInitOperand(0));
}

/// Whether the reductions of `consumer`, seen through the map of `use`, select
/// weights of the contraction `producer`: only then does computing it under
/// that reduction fetch each weight as often as before.
static bool reductionsSelectWeights(linalg::LinalgOp consumer, OpOperand &use,
                                    linalg::LinalgOp producer) {
  std::optional<Contraction> contraction = matchContraction(producer);
  if (!contraction)
    return false;
  AffineMap map = consumer.getMatchingIndexingMap(&use);
  SmallVector<unsigned> reductions;
  consumer.getReductionDims(reductions);
  for (auto [expr, loop] :
       llvm::zip_equal(map.getResults(), contraction->outMap.getResults()))
    for (unsigned reduction : reductions)
      if (expr.isFunctionOfDim(reduction) &&
          !contraction->rhsMap.getResultPosition(loop))
        return false;
  return true;
}

/// Whether `op`, elementwise, finishes a reduction: what it reads is the result
/// of one, or of elementwise operations on one. `seen` are those that do not.
static bool finishesReduction(linalg::LinalgOp op,
                              DenseSet<Operation *> &seen) {
  return seen.insert(op).second &&
         llvm::any_of(op->getOperands(), [&](Value operand) {
           auto producer = operand.getDefiningOp<linalg::LinalgOp>();
           return producer && canGenerate(producer) &&
                  (producer.getNumReductionLoops() != 0 ||
                   finishesReduction(producer, seen));
         });
}

/// Whether `producer` may be computed where `use` reads it.
static bool canFuse(linalg::LinalgOp producer, OpOperand &use) {
  auto consumer = cast<linalg::LinalgOp>(use.getOwner());
  // The destination of an operation that only stores is not a read.
  if (!consumer.payloadUsesValueFromOperand(&use))
    return false;
  if (!isInjective(consumer.getMatchingIndexingMap(&use),
                   consumer.getStaticLoopRanges()))
    // Accumulators are set up once, whatever loops run after that.
    if (!consumer.isDpsInit(&use))
      return false;
  if (consumer.isDpsInit(&use) || consumer.getNumReductionLoops() == 0)
    return true;
  // What finishes a reduction stays with it: its accumulators are not stored,
  // and it is not computed in the loops of another.
  DenseSet<Operation *> seen;
  return producer.getNumReductionLoops() == 0
             ? !finishesReduction(producer, seen)
             : reductionsSelectWeights(consumer, use, producer);
}

/// Whether `op` computes what is stored of a contraction: its sums in float, or
/// what rounds its integers.
static bool endsContraction(linalg::LinalgOp op) {
  auto type = cast<ShapedType>(op->getResult(0).getType());
  if (matchContraction(op))
    return isa<FloatType>(type.getElementType());
  return op.getNumReductionLoops() == 0 && !isWide(type) &&
         llvm::any_of(op->getOperands(), [](Value operand) {
           Operation *def = operand.getDefiningOp();
           return def && matchContraction(def);
         });
}

/// A second contraction would share the registers with the first, at a price
/// above that of storing its result.
static bool crowds(linalg::LinalgOp producer, const FusedRegion &region) {
  return endsContraction(producer) &&
         llvm::any_of(region.ops, [](Operation *op) {
           return matchContraction(op) ||
                  endsContraction(cast<linalg::LinalgOp>(op));
         });
}

/// Whether all uses of `producer` are in `region` at the same positions.
static bool joins(linalg::LinalgOp producer, const FusedRegion &region) {
  if (crowds(producer, region))
    return false;
  for (OpOperand &use : producer->getUses()) {
    if (!region.contains(use.getOwner()) || !canFuse(producer, use))
      return false;
    // Several uses are computed once only if they ask for the same element.
    auto consumer = cast<linalg::LinalgOp>(use.getOwner());
    if (!producer->hasOneUse() &&
        (consumer.getNumReductionLoops() != 0 ||
         !consumer.getMatchingIndexingMap(&use).isIdentity()))
      return false;
  }
  return true;
}

static void grow(FusedRegion &region, const DenseSet<Operation *> &taken) {
  bool changed = true;
  while (changed) {
    changed = false;
    SmallVector<Operation *> members(region.ops.begin(), region.ops.end());
    for (Operation *member : members) {
      auto op = cast<linalg::LinalgOp>(member);
      for (OpOperand &operand : member->getOpOperands()) {
        auto producer = operand.get().getDefiningOp<linalg::LinalgOp>();
        if (!producer || region.contains(producer) || !canGenerate(producer) ||
            producer->getBlock() != member->getBlock())
          continue;
        bool recompute = isElementwiseOnConstants(producer) &&
                         op.payloadUsesValueFromOperand(&operand);
        if (recompute || (!taken.contains(producer) && joins(producer, region)))
          changed |= region.ops.insert(producer);
      }
    }
  }
}

SmallVector<FusedRegion> findFusedRegions(func::FuncOp func) {
  SmallVector<linalg::LinalgOp> candidates;
  func.walk([&](linalg::LinalgOp op) {
    if (canGenerate(op))
      candidates.push_back(op);
  });
  SmallVector<FusedRegion> regions;
  DenseSet<Operation *> taken;
  // Consumers come first, so that a producer has found its region, or is a
  // root, when its turn comes.
  for (linalg::LinalgOp op : llvm::reverse(candidates)) {
    if (taken.contains(op))
      continue;
    // Recomputed everywhere: there is nothing left to store.
    bool everywhere = isElementwiseOnConstants(op) && !op->use_empty() &&
                      llvm::all_of(op->getUses(), [&](OpOperand &use) {
                        auto user = dyn_cast<linalg::LinalgOp>(use.getOwner());
                        return user && canGenerate(user) &&
                               user->getBlock() == op->getBlock() &&
                               user.payloadUsesValueFromOperand(&use);
                      });
    if (everywhere)
      continue;
    FusedRegion region;
    region.root = op;
    region.ops.insert(op);
    grow(region, taken);
    // What is computed again may still have a reader that needs it stored.
    for (Operation *member : region.ops)
      if (member == op ||
          !isElementwiseOnConstants(cast<linalg::LinalgOp>(member)))
        taken.insert(member);
    regions.push_back(std::move(region));
  }
  std::reverse(regions.begin(), regions.end());
  return regions;
}

bool isWide(ShapedType type) {
  return type.getElementType().isIntOrFloat() &&
         type.getElementTypeBitWidth() > 8;
}

/// What keeps `use` from computing what it reads; empty if nothing does.
static StringRef whyNotFused(linalg::LinalgOp producer, OpOperand &use) {
  if (isa<func::ReturnOp>(use.getOwner()))
    return "is returned";
  auto consumer = dyn_cast<linalg::LinalgOp>(use.getOwner());
  if (!consumer)
    return "is moved as a whole";
  if (!canGenerate(consumer))
    return "its reader has no loop nest";
  if (!consumer.payloadUsesValueFromOperand(&use))
    return "is overwritten";
  if (canFuse(producer, use))
    return "";
  if (!isInjective(consumer.getMatchingIndexingMap(&use),
                   consumer.getStaticLoopRanges()))
    return "its elements are read more than once";
  return producer.getNumReductionLoops() == 0
             ? "its reduction would run in the loops of another"
             : "its weights would be fetched again";
}

StringRef whyStored(const FusedRegion &region, ArrayRef<FusedRegion> regions) {
  SmallPtrSet<const FusedRegion *, 4> readers;
  for (OpOperand &use : region.root->getUses()) {
    if (StringRef why = whyNotFused(region.root, use); !why.empty())
      return why;
    for (const FusedRegion &other : regions)
      if (other.contains(use.getOwner()))
        readers.insert(&other);
  }
  if (readers.size() > 1)
    return "several nests read it";
  if (!readers.empty() && crowds(region.root, **readers.begin()))
    return "two contractions would share the registers";
  if (region.root->use_empty() || region.root->hasOneUse())
    return "";
  return "its elements are read at several places";
}

//===----------------------------------------------------------------------===//
// What a region reads
//===----------------------------------------------------------------------===//

OutsideReads::OutsideReads(const FusedRegion &region) {
  linalg::LinalgOp root = region.root;
  auto type = cast<RankedTensorType>(root->getResult(0).getType());
  extents.assign(type.getShape().begin(), type.getShape().end());
  SmallVector<AffineExpr> dims;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    dims.push_back(getAffineDimExpr(dim, root->getContext()));
  collect(region, root, dims);
}

void OutsideReads::collect(const FusedRegion &region, linalg::LinalgOp op,
                           ArrayRef<AffineExpr> at) {
  // Once for each position: d * d would double the work with each step.
  AffineMap position = AffineMap::inferFromExprList({at}, op->getContext())[0];
  if (!seen.insert({op, position}).second)
    return;
  AffineMap out = op.getIndexingMapMatchingResult(op->getResult(0));
  SmallVector<AffineExpr> loops(op.getNumLoops());
  for (auto [expr, index] : llvm::zip_equal(out.getResults(), at))
    loops[cast<AffineDimExpr>(expr).getPosition()] = index;
  for (auto [loop, extent] : llvm::zip_equal(loops, op.getStaticLoopRanges()))
    if (!loop) {
      loop = getAffineDimExpr(extents.size(), op->getContext());
      extents.push_back(extent);
    }
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()) ||
        !op.payloadUsesValueFromOperand(&operand))
      continue;
    SmallVector<AffineExpr> index = llvm::map_to_vector(
        op.getMatchingIndexingMap(&operand).getResults(),
        [&](AffineExpr expr) { return expr.replaceDims(loops); });
    if (linalg::LinalgOp producer = region.producerOf(operand.get()))
      collect(region, producer, index);
    else
      reads.push_back({operand.get(), index});
  }
}

} // namespace qopt
