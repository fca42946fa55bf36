//===- AssignLayout.cpp - Transpositions to where they cost least ---------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements qopt-assign-layout: first every transposition sinks as
// far as it goes, then what is left is a reshape or goes to the border.
//
//===----------------------------------------------------------------------===//

#include "LayoutPatterns.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_ASSIGNLAYOUTPASS
#include "qopt/Transforms/Passes.h.inc"

namespace {
/// transpose(x) -> reshape(x) where only dimensions of size 1 move.
struct UnitTransposeToReshape : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    if (!type.hasStaticShape() ||
        !movesOnlyUnitDims(type.getShape(), op.getPermutation()))
      return rewriter.notifyMatchFailure(op, "moves elements");
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    rewriter.replaceOp(op, createReshape(rewriter, op.getLoc(), op.getInput(),
                                         result.getShape()));
    return success();
  }
};

struct AssignLayoutPass : impl::AssignLayoutPassBase<AssignLayoutPass> {
  void runOnOperation() override {
    // A new transposition would need the sizes at run time.
    if (findDynamicShape(getOperation()))
      return;
    MLIRContext *context = &getContext();
    RewritePatternSet sink(context);
    populateSinkTransposeIntoGenericPatterns(sink);
    populateSinkTransposeIntoMovementPatterns(sink);
    // Transpositions that became reshapes no longer sink, so they wait.
    RewritePatternSet settle(context);
    settle.add<UnitTransposeToReshape>(context);
    populateHoistTransposePatterns(settle);
    if (failed(applyPatternsGreedily(getOperation(), std::move(sink))) ||
        failed(applyPatternsGreedily(getOperation(), std::move(settle))))
      signalPassFailure();
  }
};
} // namespace

} // namespace qopt
