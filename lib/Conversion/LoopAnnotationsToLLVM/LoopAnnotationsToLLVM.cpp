//===- LoopAnnotationsToLLVM.cpp - Annotations LLVM can see ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/Pass.h"
#include "qopt/Conversion/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_CONVERTLOOPANNOTATIONSTOLLVMPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

using namespace mlir;

// What scf.for carries, and the lowering of control flow copies to the branch
// that closes the loop.
static constexpr StringLiteral kAnnotationName = "llvm.loop_annotation";

/// br {llvm.loop_annotation = a} -> br with the operation's own loop_annotation
template <typename BranchOp>
static void adoptAnnotation(BranchOp branch) {
  auto annotation =
      branch->template getAttrOfType<LLVM::LoopAnnotationAttr>(kAnnotationName);
  if (!annotation)
    return;
  branch->removeAttr(kAnnotationName);
  branch.setLoopAnnotationAttr(annotation);
}

namespace {
struct ConvertLoopAnnotationsToLLVMPass
    : public qopt::impl::ConvertLoopAnnotationsToLLVMPassBase<
          ConvertLoopAnnotationsToLLVMPass> {
  void runOnOperation() override {
    getOperation()->walk([](LLVM::BrOp branch) { adoptAnnotation(branch); });
    getOperation()->walk(
        [](LLVM::CondBrOp branch) { adoptAnnotation(branch); });
  }
};
} // namespace
