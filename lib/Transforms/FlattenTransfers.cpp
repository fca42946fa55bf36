//===- FlattenTransfers.cpp - Vectors of several dimensions in one piece --===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Transforms/Passes.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_FLATTENTRANSFERSPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

namespace {
struct FlattenTransfersPass
    : qopt::impl::FlattenTransfersPassBase<FlattenTransfersPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    vector::populateFlattenVectorTransferPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
