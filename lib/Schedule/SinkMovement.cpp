//===- SinkMovement.cpp - Elementwise work meets its producer -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A reshape between a contraction and its epilogue ends the fused region, and
// the sums would be stored. Below the epilogue, only its bytes are reshaped. A
// transposition at the end of a region hides how its elements are computed.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "qopt/Schedule/Passes.h"
#include "qopt/Schedule/Regions.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_SINKMOVEMENTPASS
#include "qopt/Schedule/Passes.h.inc"

namespace {

/// One result, all loops parallel and in order, nothing read but operands.
bool isPlainElementwise(linalg::LinalgOp op) {
  return canGenerate(op) && op.getNumReductionLoops() == 0 &&
         op.getIndexingMapMatchingResult(op->getResult(0)).isIdentity() &&
         !op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)) &&
         !op.hasIndexSemantics() &&
         op.getBlock()->getOps<tensor::ExtractOp>().empty();
}

bool readsInPlace(OpOperand &use) {
  auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
  return op && isPlainElementwise(op) && op.isDpsInput(&use) &&
         op.getMatchingIndexingMap(&use).isIdentity();
}

/// Rebuilds `op` with `inputs` under `maps` and a result of `shape`.
linalg::GenericOp rebuild(PatternRewriter &rewriter, linalg::LinalgOp op,
                          ArrayRef<Value> inputs, SmallVector<AffineMap> maps,
                          ArrayRef<int64_t> shape) {
  Location loc = op.getLoc();
  int64_t rank = shape.size();
  Value empty = tensor::EmptyOp::create(
      rewriter, loc, shape,
      cast<RankedTensorType>(op->getResult(0).getType()).getElementType());
  maps.push_back(rewriter.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> parallel(rank,
                                            utils::IteratorType::parallel);
  auto result = linalg::GenericOp::create(rewriter, loc, empty.getType(),
                                          inputs, empty, maps, parallel);
  Region &body = result.getRegion();
  rewriter.cloneRegionBefore(op->getRegion(0), body, body.end());
  return result;
}

// f(collapse(x), y) -> collapse(f'(x, y)), with the loops of x: what reads y
// at a merged dimension reads it at the sum that the parts make.
struct SinkCollapse : OpRewritePattern<tensor::CollapseShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::CollapseShapeOp collapse,
                                PatternRewriter &rewriter) const override {
    Value source = collapse.getSrc();
    auto producer = source.getDefiningOp<linalg::LinalgOp>();
    if (!producer || !source.hasOneUse() || !canGenerate(producer) ||
        producer->getBlock() != collapse->getBlock())
      return rewriter.notifyMatchFailure(collapse, "nothing to meet");
    if (collapse->use_empty() ||
        !llvm::all_of(collapse->getUses(), readsInPlace))
      return rewriter.notifyMatchFailure(collapse, "not only elementwise uses");
    llvm::SetVector<Operation *> users(collapse->user_begin(),
                                       collapse->user_end());
    for (Operation *user : users)
      sink(rewriter, collapse, cast<linalg::LinalgOp>(user));
    return success();
  }

private:
  static void sink(PatternRewriter &rewriter, tensor::CollapseShapeOp collapse,
                   linalg::LinalgOp op) {
    ArrayRef<int64_t> shape = collapse.getSrcType().getShape();
    SmallVector<AffineExpr> merged;
    for (const ReassociationIndices &group :
         collapse.getReassociationIndices()) {
      AffineExpr sum = rewriter.getAffineConstantExpr(0);
      for (int64_t dim : group)
        sum = sum * shape[dim] + rewriter.getAffineDimExpr(dim);
      merged.push_back(sum);
    }
    rewriter.setInsertionPoint(op);
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      Value value = operand->get();
      auto other = value.getDefiningOp<tensor::CollapseShapeOp>();
      if (other && map.isIdentity() && other.getSrcType().getShape() == shape &&
          other.getReassociation() == collapse.getReassociation()) {
        inputs.push_back(other.getSrc());
        maps.push_back(rewriter.getMultiDimIdentityMap(shape.size()));
        continue;
      }
      inputs.push_back(value);
      SmallVector<AffineExpr> results =
          llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
            return expr.replaceDims(merged);
          });
      maps.push_back(
          AffineMap::get(shape.size(), 0, results, rewriter.getContext()));
    }
    linalg::GenericOp wide = rebuild(rewriter, op, inputs, maps, shape);
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(
        op, op->getResult(0).getType(), wide.getResult(0),
        collapse.getReassociationIndices());
  }
};

// transpose(f(x)) -> f'(x), with the loops of the result. Not where x is
// computed, too: the region of the two has an order of its own.
struct FoldTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp transpose,
                                PatternRewriter &rewriter) const override {
    auto producer = transpose.getInput().getDefiningOp<linalg::LinalgOp>();
    if (!producer || !producer->hasOneUse() || !isPlainElementwise(producer) ||
        producer->getBlock() != transpose->getBlock())
      return rewriter.notifyMatchFailure(transpose, "nothing to fold into");
    if (llvm::any_of(producer.getDpsInputs(), [](Value input) {
          return bool(input.getDefiningOp<linalg::LinalgOp>());
        }))
      return rewriter.notifyMatchFailure(transpose, "inputs are computed");
    ArrayRef<int64_t> perm = transpose.getPermutation();
    SmallVector<AffineExpr> loops(perm.size());
    for (auto [to, from] : llvm::enumerate(perm))
      loops[from] = rewriter.getAffineDimExpr(to);
    SmallVector<AffineMap> maps;
    for (OpOperand *operand : producer.getDpsInputOperands())
      maps.push_back(producer.getMatchingIndexingMap(operand).compose(
          AffineMap::get(perm.size(), 0, loops, rewriter.getContext())));
    auto type = cast<RankedTensorType>(transpose->getResult(0).getType());
    rewriter.setInsertionPoint(transpose);
    rewriter.replaceOp(transpose,
                       rebuild(rewriter, producer, producer.getDpsInputs(),
                               maps, type.getShape()));
    return success();
  }
};

struct SinkMovement : impl::SinkMovementPassBase<SinkMovement> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SinkCollapse, FoldTranspose>(&getContext());
    // Nothing else may change: equal destinations must not be merged.
    GreedyRewriteConfig config;
    config.enableConstantCSE(false).setRegionSimplificationLevel(
        GreedySimplifyRegionLevel::Disabled);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace
} // namespace qopt
