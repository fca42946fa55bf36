//===- ExpandCopies.cpp - Strided copies as loops of contiguous ones ------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_EXPANDCOPIESPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;

/// Whether the last `count` dimensions of `type` have the strides of a buffer
/// without gaps. Dimensions of size 1 are no exception: the lowering of what
/// stays a copy would not make a `memcpy` of it.
static bool isContiguous(MemRefType type, int64_t count) {
  SmallVector<int64_t> strides;
  int64_t offset, expected = 1;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return false;
  for (int64_t d = type.getRank() - 1; d >= type.getRank() - count; --d) {
    if (strides[d] != expected)
      return false;
    expected *= type.getDimSize(d);
  }
  return true;
}

namespace {
// copy(a, b) -> for i..., for j...: copy(a[i, j, :], b[i, j, :])
struct ExpandStridedCopy : public OpRewritePattern<memref::CopyOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::CopyOp copy,
                                PatternRewriter &rewriter) const override {
    auto from = cast<MemRefType>(copy.getSource().getType());
    auto to = cast<MemRefType>(copy.getTarget().getType());
    if (!from.hasStaticShape())
      return rewriter.notifyMatchFailure(copy, "the shape is dynamic");
    int64_t rank = from.getRank(), inner = 0;
    while (inner < rank && isContiguous(from, inner + 1) &&
           isContiguous(to, inner + 1))
      ++inner;
    if (inner == rank)
      return rewriter.notifyMatchFailure(copy, "has no gap");

    Location loc = copy.getLoc();
    SmallVector<OpFoldResult> offsets(rank, rewriter.getIndexAttr(0));
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
    Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
    for (int64_t d = 0; d < rank - inner; ++d) {
      Value size =
          arith::ConstantIndexOp::create(rewriter, loc, from.getDimSize(d));
      auto loop = scf::ForOp::create(rewriter, loc, zero, size, one);
      rewriter.setInsertionPointToStart(loop.getBody());
      offsets[d] = loop.getInductionVar();
    }
    copyInner(rewriter, loc, copy, offsets, inner);
    rewriter.eraseOp(copy);
    return success();
  }

private:
  /// One element, or a contiguous copy of the `inner` last dimensions.
  static void copyInner(PatternRewriter &rewriter, Location loc,
                        memref::CopyOp copy, ArrayRef<OpFoldResult> offsets,
                        int64_t inner) {
    Value from = copy.getSource(), to = copy.getTarget();
    if (inner == 0) {
      SmallVector<Value> indices =
          getValueOrCreateConstantIndexOp(rewriter, loc, offsets);
      Value element = memref::LoadOp::create(rewriter, loc, from, indices);
      memref::StoreOp::create(rewriter, loc, element, to, indices);
      return;
    }
    ArrayRef<int64_t> shape = cast<MemRefType>(from.getType()).getShape();
    SmallVector<OpFoldResult> sizes(offsets.size() - inner,
                                    rewriter.getIndexAttr(1));
    for (int64_t size : shape.take_back(inner))
      sizes.push_back(rewriter.getIndexAttr(size));
    SmallVector<OpFoldResult> strides(offsets.size(), rewriter.getIndexAttr(1));
    auto slice = [&](Value buffer) -> Value {
      auto type = memref::SubViewOp::inferRankReducedResultType(
          shape.take_back(inner), cast<MemRefType>(buffer.getType()), offsets,
          sizes, strides);
      return memref::SubViewOp::create(rewriter, loc, type, buffer, offsets,
                                       sizes, strides);
    };
    Value source = slice(from), target = slice(to);
    memref::CopyOp::create(rewriter, loc, source, target);
  }
};

struct ExpandCopiesPass
    : public qopt::impl::ExpandCopiesPassBase<ExpandCopiesPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandStridedCopy>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
