//===- Lowering.cpp - From loop nests to the LLVM dialect -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/Lowering.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/Transforms/SubsetOpInterfaceImpl.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Dialect/Qopt/Transforms/BufferizableOpInterfaceImpl.h"
#include "qopt/Dialect/Qopt/Transforms/TilingInterfaceImpl.h"
#include "qopt/Transforms/Passes.h"

using namespace mlir;

namespace qopt {

static void addCleanup(OpPassManager &pm) {
  pm.addPass(createCSEPass());
  // The control flow is as the schedule made it: nothing to simplify in the
  // regions, which takes as long as all patterns together.
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  pm.addPass(createCanonicalizerPass(config));
}

void buildPlannedPipeline(OpPassManager &pm) {
  pm.addPass(createBufferizePass());
  addCleanup(pm);
  pm.addNestedPass<func::FuncOp>(createCoalesceCopiesPass());
  pm.addPass(createLowerObservePass());
  pm.addPass(createPlanMemoryPass());
  addCleanup(pm);
}

/// From so many operations on, a model is compiled as many functions.
static constexpr uint64_t kLargeModel = 4096;

void buildLlvmPipeline(OpPassManager &pm, const TargetInfo &target) {
  if (target.isGpu()) {
    pm.addPass(createOutlineKernelsPass());
    pm.addPass(createConvertMmaTilePass({target.name}));
  } else {
    pm.addPass(createOutlineParallelLoopsPass());
    if (!target.isFirmware() && target.arch != TargetInfo::Arch::Wasm)
      pm.addPass(createOutlineNestsPass({kLargeModel}));
    pm.addNestedPass<func::FuncOp>(createConvertTileDotPass({target.name}));
  }
  ExpandMathPassOptions math;
  math.fma = !target.hasFma;
  math.scalef =
      target.arch == TargetInfo::Arch::X86_64 && target.vectorBits == 512;
  // Function by function, side by side.
  OpPassManager &nests = pm.nest<func::FuncOp>();
  nests.addPass(createConvertQoptDotPass({target.name}));
  nests.addPass(createConvertTableLookupPass({target.name}));
  nests.addPass(createConvertLinalgToLoopsPass());
  nests.addPass(createExpandCopiesPass());
  nests.addPass(createExpandMathPass(math));
  nests.addPass(createFlattenTransfersPass());
  VectorTransferToSCFOptions toScf;
  toScf.enableFullUnroll();
  nests.addPass(createConvertVectorToSCFPass(toScf));
  nests.addPass(memref::createFoldMemRefAliasOpsPass());
  nests.addPass(createExpandMathPass(math));
  addCleanup(nests);

  nests.addPass(createSCFToControlFlowPass());
  nests.addPass(memref::createExpandStridedMetadataPass());
  nests.addPass(createLowerAffinePass());
  nests.addPass(arith::createArithExpandOpsPass());
  addCleanup(nests);

  pm.addPass(createConvertPlannedToLLVMPass({target.indexBits}));
  OpPassManager &lowered = pm.nest<LLVM::LLVMFuncOp>();
  lowered.addPass(createConvertLoopAnnotationsToLLVMPass());
  lowered.addPass(createReconcileUnrealizedCastsPass());
  addCleanup(lowered);
}

void registerLoweringInterfaces(DialectRegistry &registry) {
  registry.insert<QoptDialect, arith::ArithDialect, func::FuncDialect,
                  linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
                  tensor::TensorDialect, vector::VectorDialect>();
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(
      registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerSubsetOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerSubsetOpInterfaceExternalModels(registry);
  vector::registerBufferizableOpInterfaceExternalModels(registry);
  vector::registerSubsetOpInterfaceExternalModels(registry);
  registerBufferizableOpInterfaceExternalModels(registry);
  registerTilingInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

} // namespace qopt
