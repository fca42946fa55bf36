//===- OutlineParallelLoops.cpp - Loops that threads may share ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A task needs nothing but the model's own arguments: what else a loop uses is
// a constant or a view of the arena, and is computed again in the task.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Target/Parallel.h"
#include "qopt/Transforms/Outlining.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_OUTLINEPARALLELLOOPSPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// Moves one loop of `model` into a function of its own.
class Outliner {
public:
  Outliner(func::FuncOp model, scf::ForOp loop, int64_t trips, int64_t tasks)
      : model(model), loop(loop), trips(trips), tasks(tasks) {}

  /// Whether all that the loop uses can be computed again.
  bool isPossible();
  /// part(..., task): iterations [task * share, (task + 1) * share).
  void outline(StringRef name);

private:
  void buildPart(func::FuncOp part);

  func::FuncOp model;
  scf::ForOp loop;
  int64_t trips, tasks;
  IRMapping map;
};

struct OutlineParallelLoops
    : qopt::impl::OutlineParallelLoopsPassBase<OutlineParallelLoops> {
  void runOnOperation() override;
};

} // namespace

bool Outliner::isPossible() {
  return loop.getInitArgs().empty() &&
         llvm::all_of(usedFromOutside(loop), canRepeat);
}

void Outliner::buildPart(func::FuncOp part) {
  Location loc = loop.getLoc();
  Block *entry = part.addEntryBlock();
  OpBuilder b = OpBuilder::atBlockBegin(entry);
  map.map(model.getArguments(),
          entry->getArguments().take_front(model.getNumArguments()));
  for (Value value : usedFromOutside(loop))
    rebuild(b, value, map);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value task = entry->getArguments().back();
  Value share = constant(llvm::divideCeil(trips, tasks));
  Value begin = arith::MulIOp::create(b, loc, task, share);
  Value end = arith::AddIOp::create(b, loc, begin, share);
  end = arith::MinUIOp::create(b, loc, end, constant(trips));
  auto inner = cast<scf::ForOp>(b.clone(*loop, map));
  inner.getLowerBoundMutable().assign(begin);
  inner.getUpperBoundMutable().assign(end);
  inner->removeAttr(QoptDialect::kTasksAttrName);
  func::ReturnOp::create(b, loc);
}

void Outliner::outline(StringRef name) {
  Location loc = loop.getLoc();
  OpBuilder b(model);
  SmallVector<Type> types(model.getArgumentTypes());
  types.push_back(b.getIndexType());
  auto part = func::FuncOp::create(b, loc, name, b.getFunctionType(types, {}));
  part.setPrivate();
  // To be an attribute of the LLVM function.
  part->setAttr("passthrough",
                b.getArrayAttr(b.getStrArrayAttr(
                    {kPartTasksAttrName, std::to_string(tasks)})));
  buildPart(part);

  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto share = func::FuncOp::create(b, loc, shareFunctionName(name),
                                    b.getFunctionType({pointer}, {}));
  share.setPrivate();
  b.setInsertionPoint(loop);
  func::CallOp::create(b, loc, share, ValueRange{model.getArguments().back()});
  loop.erase();
}

/// The iterations of a loop that counts from 0 in steps of 1.
static std::optional<int64_t> tripsOf(scf::ForOp loop) {
  std::optional<int64_t> end = getConstantIntValue(loop.getUpperBound());
  if (!end || !isConstantIntValue(loop.getLowerBound(), 0) ||
      !isConstantIntValue(loop.getStep(), 1))
    return std::nullopt;
  return end;
}

void OutlineParallelLoops::runOnOperation() {
  ModuleOp module = getOperation();
  SmallVector<scf::ForOp> loops;
  module.walk([&](scf::ForOp loop) {
    if (loop->hasAttr(QoptDialect::kTasksAttrName))
      loops.push_back(loop);
  });
  if (loops.empty())
    return;
  FailureOr<ModelInfo> info = ModelInfo::fromModule(module);
  if (failed(info))
    return signalPassFailure();
  FailureOr<func::FuncOp> model = info->findFunction(module);
  if (failed(model))
    return signalPassFailure();
  SmallVector<Outliner> outliners;
  for (scf::ForOp loop : loops) {
    auto tasks = loop->getAttrOfType<IntegerAttr>(QoptDialect::kTasksAttrName);
    std::optional<int64_t> trips = tripsOf(loop);
    if (!tasks || !trips || loop->getParentOp() != *model)
      continue;
    Outliner outliner(*model, loop, *trips, tasks.getInt());
    if (!outliner.isPossible())
      continue;
    outliners.push_back(outliner);
    info->threads = std::max<unsigned>(info->threads, tasks.getInt());
  }
  if (outliners.empty())
    return;
  auto pointer = LLVM::LLVMPointerType::get(&getContext());
  unsigned last = model->getNumArguments();
  if (failed(model->insertArgument(last, pointer, {}, model->getLoc())))
    return signalPassFailure();
  for (auto [i, outliner] : llvm::enumerate(outliners))
    outliner.outline(partFunctionName(info->name, i));
  info->setOn(module);
}
