//===- InsertObservers.cpp - One observer per quantizable edge ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decides which values of a float module may become 8-bit edges, and gives
// each a name that survives into the calibration file.
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_INSERTOBSERVERSPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

namespace {
/// Names of edges: a source name the first time, then name#2, name#3, ...
class EdgeNames {
public:
  explicit EdgeNames(func::FuncOp function) {
    function.walk([&](ObserveOp op) { taken.insert(op.getEdge()); });
  }

  std::string unique(StringRef name) {
    std::string candidate = name.str();
    for (unsigned n = 2; !taken.insert(candidate).second; ++n)
      candidate = (name + "#" + Twine(n)).str();
    return candidate;
  }

private:
  llvm::StringSet<> taken;
};
} // namespace

static bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

static bool isObserved(Value value) {
  return isa_and_present<ObserveOp>(value.getDefiningOp()) ||
         llvm::any_of(value.getUsers(), llvm::IsaPred<ObserveOp>);
}

/// Constants, inits and pure movement bring no values of their own: they take
/// the parameters of where the values come from.
static bool bringsNewValues(Operation *op) {
  return !op->hasTrait<OpTrait::ConstantLike>() &&
         !isa<tensor::EmptyOp, linalg::FillOp, tensor::SplatOp>(op) &&
         !isMovement(op);
}

static std::string argumentName(func::FuncOp function, unsigned index) {
  auto name =
      function.getArgAttrOfType<StringAttr>(index, QoptDialect::kNameAttrName);
  return name ? name.str() : ("input" + Twine(index)).str();
}

static std::string resultName(Operation *op) {
  SmallVector<StringRef> names = sourceNames(op->getLoc());
  // A fusion is known by its first part: the contraction of conv + norm.
  return names.empty() ? op->getName().stripDialect().str()
                       : names.front().str();
}

static void observe(OpBuilder &b, Location loc, Value value, StringRef edge,
                    std::optional<int64_t> axis) {
  IntegerAttr axisAttr = axis ? b.getI64IntegerAttr(*axis) : IntegerAttr();
  auto op = ObserveOp::create(b, loc, value.getType(), value,
                              b.getStringAttr(edge), axisAttr,
                              /*min=*/nullptr, /*max=*/nullptr);
  value.replaceAllUsesExcept(op.getResult(), op);
}

namespace {
struct InsertObserversPass
    : public qopt::impl::InsertObserversPassBase<InsertObserversPass> {
  using InsertObserversPassBase::InsertObserversPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function.isPublic() || function.isExternal())
      return;
    EdgeNames names(function);
    OpBuilder b(function.getContext());
    Operation *first = &function.getBody().front().front();
    for (BlockArgument argument : function.getArguments()) {
      if (!isFloatTensor(argument) || isObserved(argument))
        continue;
      b.setInsertionPoint(first);
      std::string name = argumentName(function, argument.getArgNumber());
      // Where the channels of an input are depends on the source model.
      observe(b, NameLoc::get(b.getStringAttr(name)), argument,
              names.unique(name), std::nullopt);
    }
    for (Operation &op :
         llvm::make_early_inc_range(function.getBody().front())) {
      if (isa<ObserveOp>(op) || !bringsNewValues(&op))
        continue;
      for (Value result : op.getResults()) {
        if (!isFloatTensor(result) || isObserved(result))
          continue;
        b.setInsertionPointAfter(&op);
        observe(b, op.getLoc(), result, names.unique(resultName(&op)),
                axisOf(result));
      }
    }
  }

private:
  /// The channel is the last dimension of everything inside.
  std::optional<int64_t> axisOf(Value value) const {
    int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
    if (!perChannel || rank == 0)
      return std::nullopt;
    return rank - 1;
  }
};
} // namespace
