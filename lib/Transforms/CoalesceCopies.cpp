//===- CoalesceCopies.cpp - Buffers that are computed where they go -------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is left after bufferization: one-shot analysis reasons about tensors and
// gives up where several parts of one buffer are alive. Here the parts are
// boxes of known place and the accesses have an order, as a register allocator
// sees a move between two intervals that do not interfere.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_COALESCECOPIESPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;

namespace {

/// A part of a buffer. Where `exact` is false, a view reorders what is inside.
struct Box {
  SmallVector<int64_t> offsets, sizes;
  bool exact = true;

  bool overlaps(const Box &other) const {
    for (size_t d = 0; d < offsets.size(); ++d)
      if (offsets[d] + sizes[d] <= other.offsets[d] ||
          other.offsets[d] + other.sizes[d] <= offsets[d])
        return false;
    return true;
  }
  bool isSameAs(const Box &other) const {
    return exact && other.exact && offsets == other.offsets &&
           sizes == other.sizes;
  }
};

/// One operation that touches a part of a buffer; `step` counts operations in
/// the function's block.
struct Access {
  Operation *op;
  int64_t step;
  bool writes;
  Box box;
};

class Coalescer {
public:
  explicit Coalescer(func::FuncOp func) : block(func.getBody().front()) {}

  /// Removes copies until none is left that can go.
  void run();

private:
  bool coalesce(memref::CopyOp copy);
  std::optional<SmallVector<Access>> accesses(Value root) const;
  bool collect(Value view, const Box &box, SmallVector<Access> &list) const;
  bool canMerge(memref::CopyOp copy, Value source, Value root,
                const Box &target) const;
  bool canTakeType(Value from, MemRefType type) const;
  void replace(Value from, Value to);

  Block &block;
  DenseMap<Operation *, int64_t> steps;
};

/// The buffer that `value` is a view of.
Value rootOf(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

Box wholeOf(Value buffer) {
  ArrayRef<int64_t> shape = cast<MemRefType>(buffer.getType()).getShape();
  return {SmallVector<int64_t>(shape.size(), 0), SmallVector<int64_t>(shape)};
}

/// What `view`, a view of something that covers `box`, covers.
Box boxOfView(Operation *view, Box box) {
  auto subview = dyn_cast<memref::SubViewOp>(view);
  bool isStatic = subview && box.exact && !subview.getDroppedDims().any() &&
                  !ShapedType::isDynamicShape(subview.getStaticOffsets()) &&
                  !ShapedType::isDynamicShape(subview.getStaticSizes()) &&
                  llvm::all_of(subview.getStaticStrides(),
                               [](int64_t s) { return s == 1; });
  if (!isStatic) {
    box.exact = false;
    return box;
  }
  for (auto [offset, shift] :
       llvm::zip_equal(box.offsets, subview.getStaticOffsets()))
    offset += shift;
  box.sizes = SmallVector<int64_t>(subview.getStaticSizes());
  return box;
}

Box boxOf(Value value) {
  if (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    return boxOfView(view, boxOf(view.getViewSource()));
  return wholeOf(value);
}

/// Adds all accesses through `view`; fails where its uses cannot be followed.
bool Coalescer::collect(Value view, const Box &box,
                        SmallVector<Access> &list) const {
  for (OpOperand &use : view.getUses()) {
    Operation *op = use.getOwner();
    if (isa<ViewLikeOpInterface>(op)) {
      if (op->getNumResults() != 1 ||
          !collect(op->getResult(0), boxOfView(op, box), list))
        return false;
      continue;
    }
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    if (!effects || op->getNumRegions() != 0 ||
        op->hasTrait<OpTrait::IsTerminator>() || isa<CallOpInterface>(op))
      return false;
    // A result that is a buffer could be this one under another name.
    if (llvm::any_of(op->getResultTypes(), llvm::IsaPred<BaseMemRefType>))
      return false;
    SmallVector<MemoryEffects::EffectInstance> instances;
    effects.getEffectsOnValue(view, instances);
    bool writes = llvm::any_of(instances, [](const auto &instance) {
      return !isa<MemoryEffects::Read>(instance.getEffect());
    });
    list.push_back(
        {op, steps.lookup(block.findAncestorOpInBlock(*op)), writes, box});
  }
  return true;
}

std::optional<SmallVector<Access>> Coalescer::accesses(Value root) const {
  SmallVector<Access> list;
  if (!collect(root, wholeOf(root), list))
    return std::nullopt;
  return list;
}

/// Whether `source` may live in `target`, a part of `root`, from its first
/// access on.
bool Coalescer::canMerge(memref::CopyOp copy, Value source, Value root,
                         const Box &target) const {
  std::optional<SmallVector<Access>> own = accesses(source);
  std::optional<SmallVector<Access>> others = accesses(root);
  if (!own || !others)
    return false;
  int64_t here = steps.lookup(copy), first = here, last = here;
  for (const Access &access : *own) {
    first = std::min(first, access.step);
    last = std::max(last, access.step);
    // Afterwards there would be one value, not two.
    if (access.writes && access.step > here)
      return false;
  }
  return llvm::none_of(*others, [&](const Access &access) {
    if (access.op == copy || !access.box.overlaps(target))
      return false;
    // Taking the value from its place and putting it back is no access.
    auto other = dyn_cast<memref::CopyOp>(access.op);
    if (other && rootOf(other.getSource()) == root &&
        other.getTarget() == source &&
        boxOf(other.getSource()).isSameAs(target))
      return false;
    bool before = access.step >= first && access.step < here;
    bool after = access.writes && access.step > here && access.step <= last;
    return before || after;
  });
}

/// Whether all users of `from` accept a buffer of `type`: reshapes need memory
/// without gaps.
bool Coalescer::canTakeType(Value from, MemRefType type) const {
  for (Operation *user : from.getUsers()) {
    if (auto collapse = dyn_cast<memref::CollapseShapeOp>(user)) {
      if (!memref::CollapseShapeOp::isGuaranteedCollapsible(
              type, collapse.getReassociationIndices()) ||
          !canTakeType(collapse.getResult(),
                       memref::CollapseShapeOp::computeCollapsedType(
                           type, collapse.getReassociationIndices())))
        return false;
    } else if (auto expand = dyn_cast<memref::ExpandShapeOp>(user)) {
      FailureOr<MemRefType> expanded =
          memref::ExpandShapeOp::computeExpandedType(
              type, expand.getResultType().getShape(),
              expand.getReassociationIndices());
      if (failed(expanded) || !canTakeType(expand.getResult(), *expanded))
        return false;
    } else if (auto subview = dyn_cast<memref::SubViewOp>(user)) {
      auto sliced = memref::SubViewOp::inferRankReducedResultType(
          subview.getType().getShape(), type, subview.getMixedOffsets(),
          subview.getMixedSizes(), subview.getMixedStrides());
      if (!canTakeType(subview.getResult(), sliced))
        return false;
    } else if (isa<ViewLikeOpInterface>(user)) {
      return false;
    }
  }
  return true;
}

/// Puts `to` in the place of `from`, whose views get types with its gaps.
void Coalescer::replace(Value from, Value to) {
  for (OpOperand &use : llvm::make_early_inc_range(from.getUses())) {
    Operation *user = use.getOwner();
    OpBuilder b(user);
    Value view;
    if (auto collapse = dyn_cast<memref::CollapseShapeOp>(user))
      view = memref::CollapseShapeOp::create(
          b, user->getLoc(), to, collapse.getReassociationIndices());
    else if (auto expand = dyn_cast<memref::ExpandShapeOp>(user))
      view = memref::ExpandShapeOp::create(
          b, user->getLoc(), expand.getResultType().getShape(), to,
          expand.getReassociationIndices());
    else if (auto subview = dyn_cast<memref::SubViewOp>(user))
      view = memref::SubViewOp::create(
          b, user->getLoc(),
          memref::SubViewOp::inferRankReducedResultType(
              subview.getType().getShape(), cast<MemRefType>(to.getType()),
              subview.getMixedOffsets(), subview.getMixedSizes(),
              subview.getMixedStrides()),
          to, subview.getMixedOffsets(), subview.getMixedSizes(),
          subview.getMixedStrides());
    if (!view) {
      use.set(to);
      continue;
    }
    replace(user->getResult(0), view);
    user->erase();
  }
}

/// Moves what makes `view` in front of `point`, if that needs nothing later.
bool hoist(Value view, Operation *point, bool onlyTry) {
  Operation *def = view.getDefiningOp();
  if (!def ||
      (def->getBlock() == point->getBlock() && def->isBeforeInBlock(point)))
    return true;
  if (def->getBlock() != point->getBlock())
    return false;
  if (auto alloc = dyn_cast<memref::AllocOp>(def);
      !alloc && !isa<ViewLikeOpInterface>(def))
    return false;
  for (Value operand : def->getOperands())
    if (!hoist(operand, point, onlyTry))
      return false;
  if (!onlyTry)
    def->moveBefore(point);
  return true;
}

// copy(alloc a, part of b) -> a is that part of b
bool Coalescer::coalesce(memref::CopyOp copy) {
  Value source = copy.getSource(), target = copy.getTarget();
  auto alloc = source.getDefiningOp<memref::AllocOp>();
  auto type = cast<MemRefType>(target.getType());
  Value root = rootOf(target);
  if (!alloc || alloc->getBlock() != &block || root == source ||
      !type.hasStaticShape() ||
      !cast<MemRefType>(root.getType()).hasStaticShape())
    return false;
  if (!canTakeType(source, type) ||
      !canMerge(copy, source, root, boxOf(target)) ||
      !hoist(target, alloc, /*onlyTry=*/true))
    return false;
  hoist(target, alloc, /*onlyTry=*/false);
  copy.erase();
  replace(source, target);
  alloc.erase();
  return true;
}

/// A copy of a part onto itself.
bool isSelfCopy(memref::CopyOp copy) {
  return copy.getSource() == copy.getTarget() ||
         (rootOf(copy.getSource()) == rootOf(copy.getTarget()) &&
          boxOf(copy.getSource()).isSameAs(boxOf(copy.getTarget())));
}

void Coalescer::run() {
  bool changed = true;
  while (changed) {
    changed = false;
    for (auto [i, op] : llvm::enumerate(block))
      steps[&op] = i;
    for (auto copy :
         llvm::make_early_inc_range(block.getOps<memref::CopyOp>())) {
      if (isSelfCopy(copy)) {
        copy.erase();
        changed = true;
        break;
      }
      if (coalesce(copy)) {
        changed = true;
        break;
      }
    }
  }
}

struct CoalesceCopiesPass
    : public qopt::impl::CoalesceCopiesPassBase<CoalesceCopiesPass> {
  void runOnOperation() override {
    if (getOperation().getBody().hasOneBlock())
      Coalescer(getOperation()).run();
  }
};

} // namespace
