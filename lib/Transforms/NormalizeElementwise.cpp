//===- NormalizeElementwise.cpp - Elementwise in the float phase's form ---===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the rewrites to generics with an identity output map,
// projected permutations as input maps, and scalar constants in the body.
//
//===----------------------------------------------------------------------===//

#include "NormalizePatterns.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {
namespace {

/// linalg.add, exp, map, elementwise, reduce ... -> linalg.generic
struct NamedGeneralize : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (isa<linalg::GenericOp, linalg::FillOp, linalg::FillRng2DOp,
            linalg::TransposeOp, linalg::BroadcastOp, linalg::CopyOp>(op))
      return rewriter.notifyMatchFailure(op, "in form already");
    if (!isa<linalg::ReduceOp>(op) &&
        op.getNumParallelLoops() != op.getNumLoops())
      return rewriter.notifyMatchFailure(op, "reduces");
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// copy(x) -> x
struct CopyForward : OpRewritePattern<linalg::CopyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::CopyOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() ||
        op.getInputs()[0].getType() != op->getResult(0).getType())
      return rewriter.notifyMatchFailure(op, "converts, or copies buffers");
    rewriter.replaceOp(op, op.getInputs()[0]);
    return success();
  }
};

/// Interchanges the loops so that the result's map is the identity.
struct OutputMapNormalize : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumResults() != 1 ||
        op.getNumParallelLoops() != op.getNumLoops())
      return rewriter.notifyMatchFailure(op, "not parallel on tensors");
    AffineMap map = op.getIndexingMapsArray().back();
    if (map.isIdentity() || !map.isPermutation())
      return rewriter.notifyMatchFailure(op, "no permutation");
    SmallVector<unsigned> order;
    for (AffineExpr expr : map.getResults())
      order.push_back(cast<AffineDimExpr>(expr).getPosition());
    return linalg::interchangeGenericOp(rewriter, op, order);
  }
};

/// An operand of size 1 that is read at index 0 loses that dimension:
/// (d0, d1) -> (d0, 0) on tensor<4x1> -> (d0, d1) -> (d0) on tensor<4>
struct BroadcastDimCollapse : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.hasDynamicShape())
      return rewriter.notifyMatchFailure(op, "not static tensors");
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<Value> inputs(op.getDpsInputs());
    bool changed = false;
    for (auto [map, input] : llvm::zip(maps, inputs)) {
      auto type = dyn_cast<RankedTensorType>(input.getType());
      if (!type)
        continue;
      SmallVector<AffineExpr> kept;
      SmallVector<int64_t> shape;
      for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
        auto zero = dyn_cast<AffineConstantExpr>(expr);
        if (zero && zero.getValue() == 0 && type.getDimSize(dim) == 1)
          continue;
        kept.push_back(expr);
        shape.push_back(type.getDimSize(dim));
      }
      if (kept.size() == map.getNumResults())
        continue;
      changed = true;
      map = AffineMap::get(map.getNumDims(), 0, kept, op.getContext());
      input = createReshape(rewriter, op.getLoc(), input, shape);
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no index that is always 0");
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputsMutable().assign(inputs);
      op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    });
    return success();
  }
};

/// Operands that hold one value at every place become a constant of the body.
struct SplatInline : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "not one tensor");
    SmallVector<Value> kept;
    SmallVector<AffineMap> maps;
    SmallVector<std::pair<BlockArgument, Value>> scalars;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      BlockArgument argument = op.getMatchingBlockArgument(operand);
      if (Value scalar = scalarOf(rewriter, op, operand->get())) {
        scalars.push_back({argument, scalar});
        continue;
      }
      kept.push_back(operand->get());
      maps.push_back(op.getMatchingIndexingMap(operand));
    }
    // A function of constants only is for qopt-fold-constants.
    if (scalars.empty() || kept.empty())
      return rewriter.notifyMatchFailure(op, "no splat, or nothing else");
    maps.push_back(op.getIndexingMapsArray().back());
    auto inlined = linalg::GenericOp::create(
        rewriter, op.getLoc(), op->getResultTypes(), kept, op.getOutputs(),
        maps, op.getIteratorTypesArray());
    inlined->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.inlineRegionBefore(op.getRegion(), inlined.getRegion(),
                                inlined.getRegion().begin());
    for (auto [argument, scalar] : llvm::reverse(scalars)) {
      rewriter.replaceAllUsesWith(argument, scalar);
      inlined.getBlock()->eraseArgument(argument.getArgNumber());
    }
    rewriter.replaceOp(op, inlined.getResults());
    return success();
  }

  /// A scalar with the value of every element of `operand`.
  static Value scalarOf(PatternRewriter &rewriter, linalg::GenericOp op,
                        Value operand) {
    if (!isa<ShapedType>(operand.getType()))
      return operand;
    if (auto fill = operand.getDefiningOp<linalg::FillOp>())
      return fill.getInputs()[0];
    if (std::optional<float> value = matchFloatConstant(operand))
      return arith::ConstantOp::create(rewriter, op.getLoc(),
                                       rewriter.getF32FloatAttr(*value));
    return {};
  }
};
} // namespace

void populateNormalizeElementwisePatterns(RewritePatternSet &patterns) {
  patterns.add<NamedGeneralize, CopyForward, OutputMapNormalize,
               BroadcastDimCollapse, SplatInline>(patterns.getContext());
}

} // namespace qopt
