//===- OutlineNests.cpp - Loop nests as functions of their buffers --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a compiler does to a function grows faster than the function, and
// functions can be compiled side by side. Repeated blocks of a network differ
// in their buffers only, which are arguments here.
//
//===----------------------------------------------------------------------===//

#include "MemorySharing.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Transforms/Outlining.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_OUTLINENESTSPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// One loop nest of the model's block and the buffers it works on.
struct Nest {
  Operation *op;
  llvm::SetVector<Value> buffers;
};

/// Moves nests of one function into functions of their own.
class NestOutliner {
public:
  NestOutliner(func::FuncOp model) : model(model), b(model.getContext()) {}

  /// The nests that can be moved.
  SmallVector<Nest> collect();
  void outline(Nest &nest);

private:
  bool addBuffers(Value value, Nest &nest);
  func::FuncOp build(Nest &nest);
  DictionaryAttr attributesOf(Value buffer, ArrayRef<Value> buffers);
  func::FuncOp findEqual(func::FuncOp function);

  func::FuncOp model;
  OpBuilder b;
  /// By a hash of what is in them.
  DenseMap<size_t, SmallVector<func::FuncOp>> functions;
  unsigned count = 0;
};

struct OutlineNests : qopt::impl::OutlineNestsPassBase<OutlineNests> {
  using OutlineNestsPassBase::OutlineNestsPassBase;
  void runOnOperation() override;
};

} // namespace

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// A view of the arena at a constant offset.
static std::optional<int64_t> arenaOffset(Value buffer) {
  auto view = buffer.getDefiningOp<memref::ViewOp>();
  if (!view || !isa<BlockArgument>(view.getSource()))
    return std::nullopt;
  return getConstantIntValue(view.getByteShift());
}

/// What a pointer stands for: an argument, a constant, a part of the arena.
static bool isBuffer(Value value) {
  auto type = dyn_cast<MemRefType>(value.getType());
  return type && type.hasStaticShape() && type.getLayout().isIdentity() &&
         (isa<BlockArgument>(value) ||
          value.getDefiningOp<memref::GetGlobalOp>() || arenaOffset(value));
}

/// Whether two buffers of one function have no byte in common.
static bool areDisjoint(Value a, Value b) {
  auto globalOf = [](Value value) {
    auto get = value.getDefiningOp<memref::GetGlobalOp>();
    return get ? get.getName() : StringRef();
  };
  std::optional<int64_t> start = arenaOffset(a), other = arenaOffset(b);
  if (start && other)
    return *start + bytesOf(cast<MemRefType>(a.getType())) <= *other ||
           *other + bytesOf(cast<MemRefType>(b.getType())) <= *start;
  auto isArenaOf = [](Value argument, Value view) {
    auto op = view.getDefiningOp<memref::ViewOp>();
    return op && op.getSource() == argument;
  };
  if (isArenaOf(a, b) || isArenaOf(b, a))
    return false;
  return globalOf(a).empty() || globalOf(a) != globalOf(b);
}

bool NestOutliner::addBuffers(Value value, Nest &nest) {
  if (isBuffer(value)) {
    nest.buffers.insert(value);
    return true;
  }
  Operation *def = value.getDefiningOp();
  return def && def->getNumRegions() == 0 && isMemoryEffectFree(def) &&
         llvm::all_of(def->getOperands(),
                      [&](Value operand) { return addBuffers(operand, nest); });
}

SmallVector<Nest> NestOutliner::collect() {
  SmallVector<Nest> nests;
  for (Operation &op : model.getBody().front()) {
    if (op.getNumRegions() == 0 || op.getNumResults() != 0)
      continue;
    Nest nest{&op, {}};
    if (llvm::all_of(usedFromOutside(&op),
                     [&](Value value) { return addBuffers(value, nest); }))
      nests.push_back(std::move(nest));
  }
  return nests;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// What the code generator would see in the model's function, and no longer
/// sees here: that buffers do not overlap, and how they are aligned.
DictionaryAttr NestOutliner::attributesOf(Value buffer,
                                          ArrayRef<Value> buffers) {
  SmallVector<NamedAttribute> attributes;
  if (llvm::all_of(buffers, [&](Value other) {
        return other == buffer || areDisjoint(buffer, other);
      }))
    attributes.push_back(b.getNamedAttr(LLVM::LLVMDialect::getNoAliasAttrName(),
                                        b.getUnitAttr()));
  int64_t alignment = 0;
  if (std::optional<int64_t> offset = arenaOffset(buffer))
    alignment = *offset % ModelInfo::kAlignment ? 0 : ModelInfo::kAlignment;
  else if (auto get = buffer.getDefiningOp<memref::GetGlobalOp>())
    if (auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(
            get, get.getNameAttr()))
      alignment = global.getAlignment().value_or(0);
  if (alignment)
    attributes.push_back(b.getNamedAttr(LLVM::LLVMDialect::getAlignAttrName(),
                                        b.getI64IntegerAttr(alignment)));
  return b.getDictionaryAttr(attributes);
}

/// A function that does what the nest does to the buffers it is given.
func::FuncOp NestOutliner::build(Nest &nest) {
  Location loc = nest.op->getLoc();
  ArrayRef<Value> buffers = nest.buffers.getArrayRef();
  b.setInsertionPoint(model);
  std::string name = (model.getName() + ".nest" + Twine(count)).str();
  auto function = func::FuncOp::create(
      b, loc, name, b.getFunctionType(TypeRange(ValueRange(buffers)), {}));
  function.setPrivate();
  function->setAttr(QoptDialect::kNestAttrName, b.getUnitAttr());
  for (auto [i, buffer] : llvm::enumerate(buffers))
    function.setArgAttrs(i, attributesOf(buffer, buffers));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  IRMapping map;
  map.map(buffers, entry->getArguments());
  for (Value value : usedFromOutside(nest.op))
    rebuild(b, value, map);
  b.clone(*nest.op, map);
  func::ReturnOp::create(b, loc);
  return function;
}

static size_t hashOf(func::FuncOp function) {
  llvm::hash_code hash = hash_value(function.getFunctionType());
  function.getBody().walk([&](Operation *op) {
    hash =
        llvm::hash_combine(hash, OperationEquivalence::computeHash(
                                     op, OperationEquivalence::ignoreHashValue,
                                     OperationEquivalence::ignoreHashValue,
                                     OperationEquivalence::IgnoreLocations));
  });
  return hash;
}

/// A function from before that is the same but for its name and the nodes.
func::FuncOp NestOutliner::findEqual(func::FuncOp function) {
  SmallVector<func::FuncOp> &candidates = functions[hashOf(function)];
  for (func::FuncOp known : candidates)
    if (known.getFunctionType() == function.getFunctionType() &&
        known.getArgAttrsAttr() == function.getArgAttrsAttr() &&
        OperationEquivalence::isRegionEquivalentTo(
            &known.getBody(), &function.getBody(),
            OperationEquivalence::IgnoreLocations))
      return known;
  candidates.push_back(function);
  return function;
}

void NestOutliner::outline(Nest &nest) {
  func::FuncOp function = build(nest);
  func::FuncOp callee = findEqual(function);
  if (callee == function)
    ++count;
  else
    function.erase();
  b.setInsertionPoint(nest.op);
  func::CallOp::create(b, nest.op->getLoc(), callee,
                       ValueRange(nest.buffers.getArrayRef()));
  nest.op->erase();
}

void OutlineNests::runOnOperation() {
  ModuleOp module = getOperation();
  FailureOr<ModelInfo> info = ModelInfo::fromModule(module);
  if (failed(info))
    return signalPassFailure();
  FailureOr<func::FuncOp> model = info->findFunction(module);
  if (failed(model))
    return signalPassFailure();
  NestOutliner outliner(*model);
  SmallVector<Nest> nests = outliner.collect();
  uint64_t operations = 0;
  for (Nest &nest : nests)
    nest.op->walk([&](Operation *) { ++operations; });
  if (operations < minOperations)
    return;
  for (Nest &nest : nests)
    outliner.outline(nest);
}
