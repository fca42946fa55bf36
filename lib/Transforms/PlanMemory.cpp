//===- PlanMemory.cpp - All buffers into one arena argument ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A step is an operation in the function's block; loops are one step. A buffer
// lives from the first to the last step that touches it or a view of it.
//
//===----------------------------------------------------------------------===//

#include "MemorySharing.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Support/ArenaPlanner.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"

namespace qopt {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {
struct PlanMemoryPass : public qopt::impl::PlanMemoryPassBase<PlanMemoryPass> {
  void runOnOperation() override;
};

/// The allocations of one function with their lifetimes.
struct Buffers {
  SmallVector<memref::AllocOp> allocs;
  SmallVector<BufferLifetime> lifetimes;
  /// What computes each; the allocation where nothing does.
  SmallVector<Operation *> writers;
};
} // namespace

/// Kernels may read up to one alignment past a buffer's end (never write): the
/// arena ends with that much slack.
static constexpr int64_t kSlackBytes = ModelInfo::kAlignment;

static LogicalResult checkElements(Operation *op, MemRefType type) {
  if (type.getElementType().isIntOrIndexOrFloat())
    return success();
  return op->emitOpError("expects integers, indices or floats in memory that "
                         "is to be planned, got ")
         << type;
}

static LogicalResult checkAllocation(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  if (type.hasStaticShape() && type.getLayout().isIdentity())
    return checkElements(alloc, type);
  return alloc.emitOpError("expects a static shape without gaps in memory that "
                           "is to be planned, got ")
         << type;
}

static FailureOr<Buffers> collectBuffers(func::FuncOp func) {
  Buffers buffers;
  bool valid = true;
  func.walk([&](memref::AllocOp alloc) {
    valid &= succeeded(checkAllocation(alloc));
    buffers.allocs.push_back(alloc);
  });
  if (!valid)
    return failure();

  DenseMap<Operation *, int64_t> steps;
  Block &block = func.getBody().front();
  for (auto [i, op] : llvm::enumerate(block))
    steps[&op] = i;

  BufferViewFlowAnalysis aliases(func);
  for (memref::AllocOp alloc : buffers.allocs) {
    std::optional<int64_t> first, last, written;
    Operation *writer = alloc;
    for (OpOperand *use : findAccesses(alloc, aliases)) {
      int64_t step =
          steps.lookup(block.findAncestorOpInBlock(*use->getOwner()));
      if (step < written.value_or(step + 1) &&
          hasEffect<MemoryEffects::Write>(use->getOwner(), use->get())) {
        writer = use->getOwner();
        written = step;
      }
      first = std::min(first.value_or(step), step);
      last = std::max(last.value_or(step), step);
    }
    int64_t here = steps.lookup(block.findAncestorOpInBlock(*alloc));
    buffers.lifetimes.push_back(
        {bytesOf(alloc.getType()), first.value_or(here), last.value_or(here)});
    buffers.writers.push_back(writer);
  }
  return buffers;
}

/// The nodes whose value a buffer holds. What no node computes is a quantized
/// input.
static std::string nameOf(Operation *writer) {
  SmallVector<StringRef> names = sourceNames(writer->getLoc());
  return names.empty() ? "the model's input" : llvm::join(names, "+");
}

/// What the report draws.
static ArrayAttr makeArenaMap(const Buffers &buffers, const ArenaPlan &plan,
                              Builder &b) {
  SmallVector<Attribute> entries;
  for (auto [writer, life, offset] :
       llvm::zip_equal(buffers.writers, buffers.lifetimes, plan.offsets))
    entries.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("name", b.getStringAttr(nameOf(writer))),
         b.getNamedAttr("offset", b.getI64IntegerAttr(offset)),
         b.getNamedAttr("bytes", b.getI64IntegerAttr(life.bytes)),
         b.getNamedAttr("first", b.getI64IntegerAttr(life.first)),
         b.getNamedAttr("last", b.getI64IntegerAttr(life.last))}));
  return b.getArrayAttr(entries);
}

/// alloc -> view of the arena; the deallocs go.
static void replaceAllocations(Buffers &buffers, const ArenaPlan &plan,
                               Value arena) {
  for (auto [alloc, offset] : llvm::zip_equal(buffers.allocs, plan.offsets)) {
    OpBuilder b(alloc);
    Location loc = alloc.getLoc();
    Value shift = arith::ConstantIndexOp::create(b, loc, offset);
    Value view = memref::ViewOp::create(b, loc, alloc.getType(), arena, shift,
                                        ValueRange{});
    for (Operation *user :
         llvm::make_early_inc_range(alloc.getResult().getUsers()))
      if (isa<memref::DeallocOp>(user))
        user->erase();
    alloc.getResult().replaceAllUsesWith(view);
    alloc.erase();
  }
}

/// Buffers share memory only where that makes the arena smaller: other loops
/// keep their direction, and other buffers their own memory.
static ArenaPlan planWithSharing(func::FuncOp func, const Buffers &buffers) {
  SmallVector<MemorySharing> sharings =
      findMemorySharing(func, buffers.allocs, buffers.lifetimes);
  auto distances = llvm::map_to_vector(
      sharings, [](const MemorySharing &sharing) { return sharing.distance; });
  ArenaPlan plan =
      planArenaSparingly(buffers.lifetimes, ModelInfo::kAlignment, distances);
  for (auto [sharing, distance] : llvm::zip_equal(sharings, distances))
    sharing.distance = distance;
  applyDirections(sharings, buffers.lifetimes, plan.offsets);
  return plan;
}

static FailureOr<int64_t> computeWeightBytes(ModuleOp module) {
  int64_t bytes = 0;
  for (auto global : module.getOps<memref::GlobalOp>()) {
    if (!global.getConstant())
      continue;
    if (failed(checkElements(global, global.getType())))
      return failure();
    bytes += bytesOf(global.getType());
  }
  return bytes;
}

void PlanMemoryPass::runOnOperation() {
  ModuleOp module = getOperation();
  if (module->hasAttr(QoptDialect::kArenaMapAttrName))
    return; // planned before
  FailureOr<ModelInfo> info = ModelInfo::fromModule(module);
  if (failed(info))
    return signalPassFailure();
  FailureOr<func::FuncOp> func = info->findFunction(module);
  if (failed(func))
    return signalPassFailure();
  FailureOr<Buffers> buffers = collectBuffers(*func);
  FailureOr<int64_t> weightBytes = computeWeightBytes(module);
  if (failed(buffers) || failed(weightBytes))
    return signalPassFailure();

  Builder b(&getContext());
  ArenaPlan plan;
  if (!buffers->allocs.empty())
    plan = planWithSharing(*func, *buffers);
  info->arenaBytes = plan.bytes + kSlackBytes;
  info->liveBytes = plan.liveBytes;
  info->weightBytes = *weightBytes;

  auto arenaType = MemRefType::get({info->arenaBytes}, b.getI8Type());
  unsigned index = func->getNumArguments();
  if (failed(func->insertArgument(index, arenaType, {}, func->getLoc())))
    return signalPassFailure();
  module->setAttr(QoptDialect::kArenaMapAttrName,
                  makeArenaMap(*buffers, plan, b));
  replaceAllocations(*buffers, plan, func->getArgument(index));
  info->setOn(module);
}
