//===- FloatPipeline.cpp - From any front end to the float phase ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/FloatPipeline.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Transforms/Passes.h"
#include "qopt/Transforms/Passes.h"

using namespace mlir;

namespace qopt {

void buildFloatPipeline(OpPassManager &pm) {
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createNormalizeLinalgPass());
  pm.addNestedPass<func::FuncOp>(createFoldConstantsPass());
  pm.addNestedPass<func::FuncOp>(createRemoveIdentitiesPass());
  // Common subexpressions before layouts: transpositions of one value meet only
  // if they are one operation.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createAssignLayoutPass());
  // Batch normalization is recognized by channels that run along the last
  // dimension.
  pm.addNestedPass<func::FuncOp>(createFoldBatchNormPass());
  // What has met now: clamps, reshapes, moved constants.
  pm.addNestedPass<func::FuncOp>(createFoldConstantsPass());
  pm.addNestedPass<func::FuncOp>(createRemoveIdentitiesPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createFuseMultiplyAddPass());
}

} // namespace qopt
