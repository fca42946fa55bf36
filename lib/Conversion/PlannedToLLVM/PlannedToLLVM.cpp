//===- PlannedToLLVM.cpp - Buffers and branches in the LLVM dialect -------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One conversion with one type converter: the passes of the dialects would each
// bring one of their own, and that of vectors always takes an index for 64
// bits.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/IR/Threading.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

namespace qopt {
#define GEN_PASS_DEF_CONVERTPLANNEDTOLLVMPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

using namespace mlir;

/// What has no counterpart in LLVM, in terms of simpler vector operations.
static void populateVectorPatterns(RewritePatternSet &patterns) {
  vector::populateVectorToVectorCanonicalizationPatterns(patterns);
  vector::populateVectorBitCastLoweringPatterns(patterns);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  vector::populateVectorTransposeLoweringPatterns(
      patterns, vector::VectorTransposeLowering::EltWise);
  vector::populateVectorTransferLoweringPatterns(patterns,
                                                 /*maxTransferRank=*/1);
  vector::populateVectorMaskMaterializationPatterns(
      patterns, /*force32BitVectorIndices=*/true);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  vector::populateVectorStepLoweringPatterns(patterns);
  vector::populateVectorGatherLoweringPatterns(patterns);
}

/// All operations of the module to the LLVM dialect.
static LogicalResult convertModule(ModuleOp module, unsigned indexBits) {
  MLIRContext *context = module.getContext();
  LowerToLLVMOptions options(context);
  options.useBarePtrCallConv = true;
  options.overrideIndexBitwidth(indexBits);
  LLVMTypeConverter converter(context, options);
  RewritePatternSet patterns(context);
  vector::populateVectorTransferLoweringPatterns(patterns);
  populateVectorToLLVMConversionPatterns(converter, patterns,
                                         /*reassociateFPReductions=*/false,
                                         /*force32BitVectorIndices=*/true);
  populateMathToLLVMConversionPatterns(converter, patterns);
  populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
  populateFuncToLLVMConversionPatterns(converter, patterns);
  index::populateIndexToLLVMConversionPatterns(converter, patterns);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  LLVMConversionTarget target(*context);
  return applyPartialConversion(module, target, std::move(patterns));
}

namespace {
/// Functions that call no other, in a module of their own.
struct Share {
  OwningOpRef<ModuleOp> module;
  int64_t operations = 0;
};

struct ConvertPlannedToLLVMPass
    : public qopt::impl::ConvertPlannedToLLVMPassBase<
          ConvertPlannedToLLVMPass> {
  using ConvertPlannedToLLVMPassBase::ConvertPlannedToLLVMPassBase;
  void runOnOperation() override;
};
} // namespace

/// Moves the nests out of a module, into as many as there are threads. What
/// becomes of one depends on no other, and so not on how they are shared out.
static SmallVector<Share> shareNests(ModuleOp module,
                                     ArrayRef<func::FuncOp> nests) {
  MLIRContext *context = module.getContext();
  SmallVector<Share> shares;
  for (unsigned i = 0; i < context->getNumThreads(); ++i)
    shares.push_back({ModuleOp::create(module.getLoc())});
  for (func::FuncOp nest : nests) {
    Share *share =
        llvm::min_element(shares, [](const Share &a, const Share &b) {
          return a.operations < b.operations;
        });
    nest.walk([&](Operation *) { ++share->operations; });
    Block *body = share->module->getBody();
    nest->moveBefore(body, body->end());
  }
  return shares;
}

void ConvertPlannedToLLVMPass::runOnOperation() {
  ModuleOp module = getOperation();
  MLIRContext *context = &getContext();
  RewritePatternSet vectorPatterns(context);
  populateVectorPatterns(vectorPatterns);
  FrozenRewritePatternSet simpler(std::move(vectorPatterns));

  SmallVector<func::FuncOp> nests;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(qopt::QoptDialect::kNestAttrName))
      nests.push_back(function);
  SmallVector<StringAttr> names = llvm::map_to_vector(
      nests, [](func::FuncOp nest) { return nest.getSymNameAttr(); });
  SmallVector<Share> shares = shareNests(module, nests);
  SmallVector<ModuleOp> modules = {module};
  for (Share &share : shares)
    modules.push_back(*share.module);
  if (failed(failableParallelForEach(context, modules, [&](ModuleOp part) {
        (void)applyPatternsGreedily(part, simpler);
        return convertModule(part, indexBits);
      })))
    return signalPassFailure();

  // Back, in their order.
  llvm::DenseMap<StringAttr, Operation *> converted;
  for (Share &share : shares)
    for (Operation &op : *share.module->getBody())
      converted[SymbolTable::getSymbolName(&op)] = &op;
  Block *body = module.getBody();
  for (StringAttr name : names)
    converted.lookup(name)->moveBefore(body, body->end());
}
