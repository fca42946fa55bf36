//===- Bufferize.cpp - Tensors to buffers, results to the caller's --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The model's function is given one output buffer per result *before*
// bufferization, so that empty-tensor elimination sees them as destinations
// and the last loop nest writes straight into the caller's memory.
//
//===----------------------------------------------------------------------===//

#include "NestBuffers.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_BUFFERIZEPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {
struct BufferizePass : public qopt::impl::BufferizePassBase<BufferizePass> {
  void runOnOperation() override;
};
} // namespace

//===----------------------------------------------------------------------===//
// The model's function
//===----------------------------------------------------------------------===//

static FailureOr<func::FuncOp> findModelFunction(ModuleOp module) {
  SmallVector<func::FuncOp> candidates;
  for (auto func : module.getOps<func::FuncOp>())
    if (func.isPublic() && !func.isDeclaration())
      candidates.push_back(func);
  if (candidates.size() != 1)
    return module.emitError("expects one public function, got ")
           << candidates.size();
  func::FuncOp func = candidates.front();
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("expects a body of one block, got ")
           << func.getBody().getBlocks().size();
  return func;
}

/// Writes down the signature while it still has tensors and names.
static FailureOr<ModelInfo> recordModel(func::FuncOp func) {
  FailureOr<ModelInfo> info = describeBorder(func);
  if (failed(info))
    return failure();
  func.walk([&](ObserveOp observe) {
    auto shape = cast<ShapedType>(observe.getInput().getType()).getShape();
    info->edges.push_back(
        {observe.getEdge().str(),
         SmallVector<int64_t, 4>(shape.begin(), shape.end())});
  });
  return info;
}

/// Looks through reshapes that only `result` needs: what computes it writes
/// into `buffer`, reshaped the other way.
static void reshapeBuffer(OpBuilder &b, Value &result, Value &buffer) {
  while (result.hasOneUse()) {
    if (auto collapse = result.getDefiningOp<tensor::CollapseShapeOp>()) {
      buffer = memref::ExpandShapeOp::create(
          b, collapse.getLoc(), collapse.getSrcType().getShape(), buffer,
          collapse.getReassociationIndices());
      result = collapse.getSrc();
    } else if (auto expand = result.getDefiningOp<tensor::ExpandShapeOp>()) {
      buffer = memref::CollapseShapeOp::create(
          b, expand.getLoc(), buffer, expand.getReassociationIndices());
      result = expand.getSrc();
    } else {
      return;
    }
  }
}

/// return %r : tensor  ->  %r materializes in a new memref argument
static LogicalResult turnResultsIntoArguments(func::FuncOp func) {
  auto returnOp = cast<func::ReturnOp>(func.getBody().front().getTerminator());
  OpBuilder b(returnOp);
  SmallVector<Value> results(returnOp.getOperands());
  for (Value result : results) {
    auto tensor = cast<RankedTensorType>(result.getType());
    auto buffer = MemRefType::get(tensor.getShape(), tensor.getElementType());
    unsigned index = func.getNumArguments();
    if (failed(func.insertArgument(index, buffer, {}, func.getLoc())))
      return failure();
    Value argument = func.getArgument(index);
    reshapeBuffer(b, result, argument);
    auto store = bufferization::MaterializeInDestinationOp::create(
        b, returnOp.getLoc(), /*result=*/Type(), result, argument);
    store.setRestrict(true);
    store.setWritable(true);
  }
  returnOp->setOperands({});
  func.setType(b.getFunctionType(func.getArgumentTypes(), {}));
  func.setResAttrsAttr(nullptr);
  return success();
}

//===----------------------------------------------------------------------===//
// Bufferization
//===----------------------------------------------------------------------===//

/// What the schedule has left whole.
static LogicalResult decomposeMovement(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  linalg::populateDecomposePadPatterns(patterns);
  tensor::populateDecomposeTensorConcatPatterns(patterns);
  return applyPatternsGreedily(module, std::move(patterns));
}

/// Gives every operation that starts from a fill or a broadcast its own: CSE
/// merges equal ones, and all but the last to write it would need a copy.
static void unshareInits(func::FuncOp func) {
  func.walk([](linalg::LinalgOp op) {
    OpBuilder b(op);
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Operation *def = init.get().getDefiningOp();
      if (isa_and_present<linalg::FillOp, linalg::BroadcastOp>(def) &&
          !def->hasOneUse())
        init.set(b.clone(*def)->getResult(0));
    }
  });
}

/// Gives every operation that fills a tensor.empty its own: shared, it would
/// be one buffer for values that live together, and cost a copy of nothing.
/// Where slices are taken and put back, several operations fill one tensor.
static void unshareEmptyTensors(func::FuncOp func) {
  func.walk([](tensor::EmptyOp empty) {
    if (llvm::any_of(
            empty->getUsers(),
            llvm::IsaPred<tensor::InsertSliceOp, tensor::ExtractSliceOp>))
      return;
    OpBuilder b(empty);
    for (OpOperand &use : llvm::make_early_inc_range(empty->getUses()))
      if (!empty->hasOneUse())
        use.set(b.clone(*empty)->getResult(0));
  });
}

static bufferization::OneShotBufferizationOptions getOptions() {
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.setFunctionBoundaryTypeConversion(
      bufferization::LayoutMapOption::IdentityLayoutMap);
  // Loops carry their destination: deciding on what they yield first keeps it
  // in place.
  options.analysisHeuristic = bufferization::OneShotBufferizationOptions::
      AnalysisHeuristic::BottomUpFromTerminators;
  options.bufferAlignment = ModelInfo::kAlignment;
  return options;
}

void BufferizePass::runOnOperation() {
  ModuleOp module = getOperation();
  if (module->hasAttr(QoptDialect::kModelAttrName))
    return; // on buffers already
  FailureOr<func::FuncOp> func = findModelFunction(module);
  if (failed(func))
    return signalPassFailure();
  FailureOr<ModelInfo> info = recordModel(*func);
  if (failed(info))
    return signalPassFailure();

  // The caller's inputs are const.
  for (unsigned i = 0; i < func->getNumArguments(); ++i)
    func->setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName,
                     BoolAttr::get(&getContext(), false));
  if (failed(turnResultsIntoArguments(*func)) ||
      failed(decomposeMovement(module)))
    return signalPassFailure();

  unshareInits(*func);
  unshareEmptyTensors(*func);
  readFromBuffers(*func);
  SmallVector<memref::AllocOp> placeholders = holdWrites(*func);

  IRRewriter rewriter(&getContext());
  bufferization::BufferizationState state;
  if (failed(bufferization::eliminateEmptyTensors(rewriter, module)) ||
      failed(bufferization::runOneShotModuleBufferize(module, getOptions(),
                                                      state)))
    return signalPassFailure();
  restoreWrites(placeholders);
  bufferization::removeBufferizationAttributesInModule(module);
  bufferization::hoistBuffersFromLoops(*func);
  info->setOn(module);
}
