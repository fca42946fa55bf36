//===- LowerObserve.cpp - Observers to calls of the host ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_LOWEROBSERVEPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

// The entry point of runtime/qopt_observe.h.
static constexpr StringLiteral kObserveFunction = "qopt_observe";

namespace {
struct LowerObservePass
    : public qopt::impl::LowerObservePassBase<LowerObservePass> {
  void runOnOperation() override;
};
} // namespace

static LLVM::LLVMFuncOp declareObserve(ModuleOp module) {
  OpBuilder b(module.getBodyRegion());
  Type i64 = b.getI64Type();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), {i64, pointer, i64});
  return LLVM::LLVMFuncOp::create(b, module.getLoc(), kObserveFunction, type);
}

/// The values in row-major order without gaps, as qopt_observe wants them.
static Value makeContiguous(OpBuilder &b, Location loc, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.getLayout().isIdentity())
    return buffer;
  Value copy = memref::AllocOp::create(
      b, loc, MemRefType::get(type.getShape(), type.getElementType()),
      b.getI64IntegerAttr(ModelInfo::kAlignment));
  memref::CopyOp::create(b, loc, buffer, copy);
  return copy;
}

/// observe(buffer) -> qopt_observe(index of the edge, &buffer[0], elements)
static void lowerObserve(ObserveOp observe, int64_t edge,
                         LLVM::LLVMFuncOp callee) {
  OpBuilder b(observe);
  Location loc = observe.getLoc();
  Value buffer = makeContiguous(b, loc, observe.getInput());
  int64_t count = cast<MemRefType>(buffer.getType()).getNumElements();
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer);
  address = arith::IndexCastOp::create(b, loc, b.getI64Type(), address);
  address = LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext()), address);
  Value edgeIndex =
      arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(edge));
  Value elements =
      arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(count));
  LLVM::CallOp::create(b, loc, callee,
                       ValueRange{edgeIndex, address, elements});
  observe.erase();
}

void LowerObservePass::runOnOperation() {
  ModuleOp module = getOperation();
  SmallVector<ObserveOp> observers;
  module.walk([&](ObserveOp observe) { observers.push_back(observe); });
  if (observers.empty())
    return;
  FailureOr<ModelInfo> info = ModelInfo::fromModule(module);
  if (failed(info))
    return signalPassFailure();

  llvm::StringMap<int64_t> edges;
  for (auto [i, edge] : llvm::enumerate(info->edges))
    edges[edge.name] = i;
  LLVM::LLVMFuncOp callee = declareObserve(module);
  for (ObserveOp observe : observers) {
    auto buffer = dyn_cast<MemRefType>(observe.getInput().getType());
    auto edge = edges.find(observe.getEdge());
    if (!buffer || !buffer.hasStaticShape() || edge == edges.end()) {
      observe.emitOpError("expects a buffer of static shape and an edge that "
                          "qopt-bufferize has recorded, got ")
          << observe.getInput().getType() << " and '" << observe.getEdge()
          << "'";
      return signalPassFailure();
    }
    lowerObserve(observe, edge->second, callee);
  }
}
