//===- AssignSchedule.cpp - Decides how regions become loop nests ---------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/Passes.h"
#include "qopt/Schedule/Schedule.h"
#include "qopt/Target/LookUpTarget.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_ASSIGNSCHEDULEPASS
#include "qopt/Schedule/Passes.h.inc"

/// Declares what is stored in more than bytes, and why: all other tensors of
/// that kind are in registers.
static ArrayAttr describeStored(func::FuncOp func,
                                ArrayRef<FusedRegion> regions, Builder &b) {
  SmallVector<Attribute> entries;
  auto declare = [&](linalg::LinalgOp op, StringRef why) {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !isWide(type) || why.empty())
      return;
    std::string name = llvm::join(sourceNames(op.getLoc()), "+");
    entries.push_back(
        b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr(name)),
                             b.getNamedAttr("type", TypeAttr::get(type)),
                             b.getNamedAttr("why", b.getStringAttr(why))}));
  };
  for (const FusedRegion &region : regions)
    declare(region.root, whyStored(region, regions));
  func.walk([&](linalg::LinalgOp op) {
    if (op->getNumResults() && !canGenerate(op))
      declare(op, "has no loop nest");
  });
  return b.getArrayAttr(entries);
}

namespace {
struct AssignSchedule : impl::AssignSchedulePassBase<AssignSchedule> {
  using AssignSchedulePassBase::AssignSchedulePassBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    FailureOr<TargetInfo> info = lookUpTarget(func, target);
    if (failed(info))
      return signalPassFailure();
    if (threads < 1) {
      func.emitError("expects at least 1 thread, got ") << threads.getValue();
      return signalPassFailure();
    }
    SmallVector<FusedRegion> regions = findFusedRegions(func);
    Builder b(&getContext());
    if (!func->hasAttr(QoptDialect::kStoredAttrName))
      func->setAttr(QoptDialect::kStoredAttrName,
                    describeStored(func, regions, b));
    for (const FusedRegion &region : regions) {
      Operation *root = region.root;
      if (!root->hasAttr(QoptDialect::kScheduleAttrName))
        root->setAttr(QoptDialect::kScheduleAttrName,
                      chooseSchedule(region, *info, threads, double(leastTasks))
                          .toAttr(&getContext()));
    }
  }
};

} // namespace
} // namespace qopt
