//===- GenerateNests.cpp - Turns scheduled regions into loop nests --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InPlace.h"
#include "RoundedBytes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/DotContraction.h"
#include "qopt/Schedule/NestEmitter.h"
#include "qopt/Schedule/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_GENERATENESTSPASS
#include "qopt/Schedule/Passes.h.inc"

namespace {

/// Whether a contraction of the region has taps to share, if they are to be.
LogicalResult checkSharedTaps(const FusedRegion &region,
                              const Schedule &schedule) {
  auto canShare = [](Operation *op) {
    std::optional<DotContraction> dot = matchDotContraction(op);
    return dot && dot->canShareTaps();
  };
  linalg::LinalgOp root = region.root;
  if (!schedule.sharedTaps || llvm::any_of(region.ops, canShare))
    return success();
  return root->emitOpError("expects shared_taps only where a window's row has "
                           "several taps of a multiple of 4 channels, with "
                           "weights of 8 bits");
}

struct GenerateNests : impl::GenerateNestsPassBase<GenerateNests> {
  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    IRRewriter rewriter(&getContext());
    // Roots are replaced only after all regions are known: a nest hides the
    // operations that it was made of.
    SmallVector<FusedRegion> regions = findFusedRegions(getOperation());
    reuseDyingInputs(regions);
    llvm::SetVector<Operation *> done;
    for (const FusedRegion &region : regions) {
      if (!region.root->hasAttr(QoptDialect::kScheduleAttrName))
        continue;
      FailureOr<Schedule> schedule = Schedule::get(region.root);
      if (failed(schedule) || failed(checkSharedTaps(region, *schedule)))
        return signalPassFailure();
      FailureOr<Value> result = emitNest(rewriter, region, *schedule);
      if (failed(result)) {
        region.root->emitOpError("expects a body with a vector form");
        return signalPassFailure();
      }
      rewriter.replaceAllUsesWith(region.root->getResult(0), *result);
      done.insert(region.ops.begin(), region.ops.end());
    }
    eraseUnused(rewriter, done);
    shareConstants(rewriter);
    RewritePatternSet patterns(&getContext());
    populateRoundedRealPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }

  /// Strips of an image have the same weights, at the same location, which
  /// canonicalization would forget when it merges them.
  void shareConstants(IRRewriter &rewriter) {
    DenseMap<std::pair<Attribute, Attribute>, Value> shared;
    for (auto op : llvm::make_early_inc_range(
             getOperation().getBody().front().getOps<arith::ConstantOp>())) {
      Value &first = shared[{op.getValue(), Attribute(op.getLoc())}];
      if (first)
        rewriter.replaceOp(op, first);
      else
        first = op;
    }
  }

  /// Removes what the nests replace, consumers before producers.
  static void eraseUnused(IRRewriter &rewriter,
                          llvm::SetVector<Operation *> &ops) {
    bool changed = true;
    while (changed) {
      changed = false;
      for (Operation *op : llvm::to_vector(llvm::reverse(ops))) {
        if (!op->use_empty())
          continue;
        ops.remove(op);
        rewriter.eraseOp(op);
        changed = true;
      }
    }
  }
};

} // namespace
} // namespace qopt
