//===- RemoveIdentities.cpp - Operations that change nothing --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements qopt-remove-identities.
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_REMOVEIDENTITIESPASS
#include "qopt/Transforms/Passes.h.inc"

/// The operand of `op` other than operand `i`, for a binary operation.
static Value otherThan(Operation *op, unsigned i) {
  return op->getOperand(1 - i);
}

/// x + 0, x - 0, x * 1, x / 1 inside a body; the value of operand `i` is
/// `constant`.
static bool isNeutral(Operation *op, unsigned i, float constant) {
  if (isa<arith::AddFOp>(op))
    return constant == 0.0f;
  if (isa<arith::MulFOp>(op))
    return constant == 1.0f;
  if (isa<arith::SubFOp>(op))
    return i == 1 && constant == 0.0f;
  if (isa<arith::DivFOp>(op))
    return i == 1 && constant == 1.0f;
  return false;
}

/// The constant that `value` is in the body of `op`: a scalar constant, or the
/// block argument of a splat operand.
static std::optional<float> constantInBody(linalg::GenericOp op, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBlock())
    return matchFloatConstant(value);
  if (argument.getArgNumber() >= op.getNumDpsInputs())
    return std::nullopt;
  Value operand = op.getDpsInputs()[argument.getArgNumber()];
  if (auto fill = operand.getDefiningOp<linalg::FillOp>())
    return matchFloatConstant(fill.getInputs()[0]);
  return matchFloatConstant(operand);
}

namespace {
/// x + 0, x - 0, x * 1, x / 1 -> x. The sum turns -0 into 0, which nothing in a
/// model tells apart.
struct NeutralOperandErase : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwiseOp(op))
      return rewriter.notifyMatchFailure(op, "not elementwise");
    for (Operation &inner : op.getBlock()->without_terminator()) {
      if (inner.getNumOperands() != 2)
        continue;
      for (unsigned i : {0u, 1u}) {
        std::optional<float> constant = constantInBody(op, inner.getOperand(i));
        if (!constant || !isNeutral(&inner, i, *constant))
          continue;
        rewriter.replaceOp(&inner, otherThan(&inner, i));
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "no neutral operand");
  }
};

/// clamp(clamp(x, a), b) -> clamp(x, a) if b bounds nothing more, else one
/// clamp to the intersection, unless the inner one has another use.
struct ClampMerge : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<Clamp> outer = matchClamp(op);
    if (!outer)
      return rewriter.notifyMatchFailure(op, "not a clamp");
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    if (outer->lo == -kInfinity && outer->hi == kInfinity) {
      rewriter.replaceOp(op, outer->input);
      return success();
    }
    auto inner = outer->input.getDefiningOp<linalg::GenericOp>();
    std::optional<Clamp> first;
    if (inner)
      first = matchClamp(inner);
    if (!first)
      return rewriter.notifyMatchFailure(op, "no clamp before it");
    if (outer->lo <= first->lo && outer->hi >= first->hi) {
      rewriter.replaceOp(op, outer->input);
      return success();
    }
    if (!outer->input.hasOneUse())
      return rewriter.notifyMatchFailure(op, "the first clamp has other uses");
    Clamp merged = *first;
    merged.lo = std::min(std::max(first->lo, outer->lo), outer->hi);
    merged.hi = std::min(std::max(first->hi, outer->lo), outer->hi);
    replaceByClamp(rewriter, op, merged,
                   fuseLocations({inner.getLoc(), op.getLoc()}));
    return success();
  }

  static void replaceByClamp(PatternRewriter &rewriter, linalg::GenericOp op,
                             const Clamp &clamp, Location loc) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> loops(type.getRank(),
                                           utils::IteratorType::parallel);
    auto body = [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
      Value value = args[0];
      auto bound = [&](float limit) {
        return arith::ConstantOp::create(builder, bodyLoc,
                                         builder.getF32FloatAttr(limit));
      };
      if (std::isfinite(clamp.lo))
        value =
            arith::MaximumFOp::create(builder, bodyLoc, value, bound(clamp.lo));
      if (std::isfinite(clamp.hi))
        value =
            arith::MinimumFOp::create(builder, bodyLoc, value, bound(clamp.hi));
      linalg::YieldOp::create(builder, bodyLoc, value);
    };
    auto merged = linalg::GenericOp::create(
        rewriter, loc, type, clamp.input, op.getDpsInits()[0],
        ArrayRef<AffineMap>{identity, identity}, loops, body);
    rewriter.replaceOp(op, merged.getResults());
  }
};

/// A generic whose body yields an input with the identity map unchanged.
struct CopyErase : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumResults() != 1 ||
        op.getNumParallelLoops() != op.getNumLoops())
      return rewriter.notifyMatchFailure(op, "not parallel on tensors");
    auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
    auto argument = dyn_cast<BlockArgument>(yield.getOperand(0));
    if (!argument || argument.getOwner() != op.getBlock() ||
        argument.getArgNumber() >= op.getNumDpsInputs())
      return rewriter.notifyMatchFailure(op, "yields no input");
    OpOperand *input = op.getDpsInputOperand(argument.getArgNumber());
    if (op.getMatchingIndexingMap(input) != op.getIndexingMapsArray().back() ||
        input->get().getType() != op->getResult(0).getType())
      return rewriter.notifyMatchFailure(op, "moves elements");
    rewriter.replaceOp(op, input->get());
    return success();
  }
};

/// pad(x) by nothing -> x
struct EmptyPadErase : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::PadOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNofold() || !op.hasZeroLowPad() || !op.hasZeroHighPad() ||
        op.getSource().getType() != op.getResultType())
      return rewriter.notifyMatchFailure(op, "pads");
    rewriter.replaceOp(op, op.getSource());
    return success();
  }
};

/// concat(x) -> x
struct SingleConcatErase : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getInputs().size() != 1 ||
        op.getInputs()[0].getType() != op.getResultType())
      return rewriter.notifyMatchFailure(op, "more than one input");
    rewriter.replaceOp(op, op.getInputs()[0]);
    return success();
  }
};

/// extract_slice of everything -> x
struct FullSliceErase : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getSourceType() != op.getResultType() ||
        !op.getResultType().hasStaticShape() || !op.hasUnitStride())
      return rewriter.notifyMatchFailure(op, "selects");
    rewriter.replaceOp(op, op.getSource());
    return success();
  }
};

/// reshape(reshape(x)) -> at most one collapse_shape and one expand_shape.
template <typename Reshape>
struct ReshapeMerge : OpRewritePattern<Reshape> {
  using OpRewritePattern<Reshape>::OpRewritePattern;
  LogicalResult matchAndRewrite(Reshape op,
                                PatternRewriter &rewriter) const override {
    // collapse_shape before expand_shape is the form that createReshape gives.
    using Canonical = tensor::CollapseShapeOp;
    Value source = op.getSrc();
    Operation *def = source.getDefiningOp();
    auto type = cast<RankedTensorType>(op.getResult().getType());
    bool merges = isa_and_nonnull<Reshape>(def) ||
                  (std::is_same_v<Reshape, Canonical> &&
                   isa_and_nonnull<tensor::ExpandShapeOp>(def)) ||
                  (def && isReturnOf(def, type));
    if (!merges || !type.hasStaticShape() ||
        !cast<RankedTensorType>(def->getOperand(0).getType()).hasStaticShape())
      return rewriter.notifyMatchFailure(op, "nothing to merge");
    rewriter.replaceOp(
        op, createReshape(rewriter, fuseLocations({def->getLoc(), op.getLoc()}),
                          source, type.getShape()));
    return success();
  }

  /// Whether `def` reshapes from the very type that comes out again.
  static bool isReturnOf(Operation *def, Type type) {
    return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(def) &&
           def->getOperand(0).getType() == type;
  }
};

struct RemoveIdentitiesPass
    : impl::RemoveIdentitiesPassBase<RemoveIdentitiesPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<NeutralOperandErase, ClampMerge, CopyErase, EmptyPadErase,
                 SingleConcatErase, FullSliceErase,
                 ReshapeMerge<tensor::CollapseShapeOp>,
                 ReshapeMerge<tensor::ExpandShapeOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

} // namespace qopt
