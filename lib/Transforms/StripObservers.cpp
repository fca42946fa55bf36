//===- StripObservers.cpp - A module without its observers ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Transforms/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_STRIPOBSERVERSPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

namespace {
struct StripObserversPass
    : public qopt::impl::StripObserversPassBase<StripObserversPass> {
  void runOnOperation() override {
    getOperation()->walk([](qopt::ObserveOp op) {
      if (op.getResult())
        op.getResult().replaceAllUsesWith(op.getInput());
      op.erase();
    });
  }
};
} // namespace
