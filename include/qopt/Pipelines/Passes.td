//===- Passes.td - Passes that belong to the pipelines -----*- tablegen -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_PIPELINES_PASSES_TD
#define QOPT_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyPhasePass : Pass<"qopt-verify-phase", "::mlir::ModuleOp"> {
  let summary = "Check the contract of a phase";
  let description = [{
    Checks that the module keeps the contract of the phase `phase`
    (`docs/Pipeline.md`). The first violation is an error at the culprit; a note
    names the pass that should have prevented it. The driver runs this pass
    after every phase. It changes nothing.
  }];
  let options = [
    Option<"phase", "phase", "std::string", "\"\"",
           "The name of the phase: input, float, observed, ...">
  ];
}

#endif // QOPT_PIPELINES_PASSES_TD
