//===- AssignSchedule.cpp - Decides how regions become loop nests ---------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/Passes.h"
#include "qopt/Schedule/Schedule.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_ASSIGNSCHEDULEPASS
#include "qopt/Schedule/Passes.h.inc"

namespace {

struct AssignSchedule : impl::AssignSchedulePassBase<AssignSchedule> {
  using AssignSchedulePassBase::AssignSchedulePassBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    llvm::Expected<TargetInfo> info = TargetInfo::get(target);
    if (!info) {
      func.emitError(llvm::toString(info.takeError()));
      return signalPassFailure();
    }
    if (threads < 1) {
      func.emitError("expects at least 1 thread, got ") << threads.getValue();
      return signalPassFailure();
    }
    for (const FusedRegion &region : findFusedRegions(func)) {
      Operation *root = region.root;
      if (!root->hasAttr(QoptDialect::kScheduleAttrName))
        root->setAttr(
            QoptDialect::kScheduleAttrName,
            chooseSchedule(region, *info, threads).toAttr(&getContext()));
    }
  }
};

} // namespace
} // namespace qopt
