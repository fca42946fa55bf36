//===- FuseMultiplyAdd.cpp - Contractions that round once per step --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_FUSEMULTIPLYADDPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

namespace {
/// yield acc + a * b  ->  yield fma(a, b, acc)
struct FuseMultiplyAddPass
    : qopt::impl::FuseMultiplyAddPassBase<FuseMultiplyAddPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> contractions;
    getOperation()->walk([&](linalg::LinalgOp op) {
      std::optional<qopt::Contraction> match = qopt::matchContraction(op);
      if (match && !match->oneRounding && op.hasPureTensorSemantics() &&
          getElementTypeOrSelf(op->getResult(0)).isF32())
        contractions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : contractions) {
      rewriter.setInsertionPoint(op);
      fuse(rewriter, op);
    }
  }

  void fuse(IRRewriter &rewriter, linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp>(op)) {
      // A cache of named operations, which generic ones do not read.
      op->removeAttr(linalg::LinalgDialect::kMemoizedIndexingMapsAttrName);
      DictionaryAttr attributes = op->getDiscardableAttrDictionary();
      FailureOr<linalg::GenericOp> generic =
          linalg::generalizeNamedOp(rewriter, op);
      if (failed(generic))
        return;
      op = *generic;
      op->setDiscardableAttrs(attributes);
    }
    Operation *yield = op.getBlock()->getTerminator();
    auto sum = yield->getOperand(0).getDefiningOp<arith::AddFOp>();
    Value acc = op.getBlock()->getArguments().back();
    Value product = sum.getLhs() == acc ? sum.getRhs() : sum.getLhs();
    auto multiply = product.getDefiningOp<arith::MulFOp>();
    rewriter.setInsertionPoint(sum);
    rewriter.replaceOpWithNewOp<math::FmaOp>(sum, multiply.getLhs(),
                                             multiply.getRhs(), acc);
    if (multiply->use_empty())
      rewriter.eraseOp(multiply);
  }
};
} // namespace
