//===- PlaceResults.cpp - Producers write into padded buffers -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The contents of tensor.empty are undefined, so putting any other tensor in
// its place preserves the program; choosing the part of the buffer that the
// result is inserted into is what makes the insertion free.
//
//===----------------------------------------------------------------------===//

#include "Padding.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "qopt/Schedule/Passes.h"
#include "qopt/Target/LookUpTarget.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_PLACERESULTSPASS
#include "qopt/Schedule/Passes.h.inc"

namespace {

/// A static box inside a tensor.
struct Box {
  SmallVector<int64_t> offsets, sizes;

  SmallVector<OpFoldResult> attributes(OpBuilder &b,
                                       ArrayRef<int64_t> values) const {
    return getAsIndexOpFoldResult(b.getContext(), values);
  }
  Value extract(OpBuilder &b, Location loc, Value tensor) const {
    SmallVector<int64_t> ones(offsets.size(), 1);
    return tensor::ExtractSliceOp::create(
        b, loc, tensor, attributes(b, offsets), attributes(b, sizes),
        attributes(b, ones));
  }
  Value insert(OpBuilder &b, Location loc, Value part, Value tensor) const {
    SmallVector<int64_t> ones(offsets.size(), 1);
    return tensor::InsertSliceOp::create(
        b, loc, part, tensor, attributes(b, offsets), attributes(b, sizes),
        attributes(b, ones));
  }
};

bool isUndefined(Value value) {
  auto alloc = value.getDefiningOp<bufferization::AllocTensorOp>();
  return (alloc && !alloc.getCopy()) || value.getDefiningOp<tensor::EmptyOp>();
}

/// The place at which `value` starts out as an undefined tensor: the operand
/// that holds it, or null.
OpOperand *findUndefinedInit(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    OpOperand *init = nullptr;
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(def)) {
      if (def->getNumResults() != 1)
        return nullptr;
      init = linalgOp.getDpsInitOperand(0);
    } else if (auto insert = dyn_cast<tensor::InsertSliceOp>(def)) {
      init = &insert.getDestMutable();
    } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(def)) {
      // The parts of a dimension can be told apart in any buffer; merged, they
      // need one without gaps.
      value = collapse.getSrc();
      continue;
    } else {
      return nullptr;
    }
    if (isUndefined(init->get()))
      return init;
    value = init->get();
  }
  return nullptr;
}

/// `slot`, where `value` belongs, in the shape of what `value` starts out as.
Value reshapeLikeInit(OpBuilder &b, Value value, Value slot) {
  SmallVector<tensor::CollapseShapeOp> reshapes;
  while (Operation *def = value.getDefiningOp()) {
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(def)) {
      reshapes.push_back(collapse);
      value = collapse.getSrc();
    } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(def)) {
      value = linalgOp.getDpsInits()[0];
    } else if (auto insert = dyn_cast<tensor::InsertSliceOp>(def)) {
      value = insert.getDest();
    } else {
      break;
    }
  }
  for (tensor::CollapseShapeOp collapse : reshapes)
    slot = tensor::ExpandShapeOp::create(b, collapse.getLoc(),
                                         collapse.getSrcType(), slot,
                                         collapse.getReassociationIndices());
  return slot;
}

/// What was assembled by insertions reads its buffer through slices, too.
bool isSliceUse(OpOperand &use) {
  return isa<tensor::InsertSliceOp, tensor::ExtractSliceOp>(use.getOwner());
}

/// The first operation that would use another tensor in place of the undefined
/// one behind `value`, if that is in the block of `last`; or null.
Operation *findFirstUse(Value value, Operation *last) {
  OpOperand *init = findUndefinedInit(value);
  if (!init || init->getOwner()->getBlock() != last->getBlock())
    return nullptr;
  Operation *first = init->getOwner();
  if (isSliceUse(*init))
    for (OpOperand &use : init->get().getUses())
      if (isSliceUse(use) && use.getOwner()->isBeforeInBlock(first))
        first = use.getOwner();
  return first;
}

/// Whether a reader of `part` merges dimensions that have gaps between them in
/// `box` of a buffer of `shape`: it needs memory of its own.
bool needsOwnBuffer(Value part, const Box &box, ArrayRef<int64_t> shape) {
  auto hasGap = [&](const ReassociationIndices &group) {
    bool moves = false;
    for (int64_t dim : group) {
      if (moves && box.sizes[dim] != shape[dim])
        return true;
      moves |= box.sizes[dim] != 1;
    }
    return false;
  };
  return llvm::any_of(part.getUsers(), [&](Operation *user) {
    auto collapse = dyn_cast<tensor::CollapseShapeOp>(user);
    return collapse && llvm::any_of(collapse.getReassociationIndices(), hasGap);
  });
}

class Placer {
public:
  /// With a `target`, some nests need no padded buffer.
  Placer(func::FuncOp func, const TargetInfo *target)
      : func(func), target(target), b(func.getContext()), dominance(func) {}

  void pad(tensor::PadOp op);
  void concat(tensor::ConcatOp op);

private:
  /// A tensor without contents that is one buffer: equal tensor.empty are
  /// merged, and then the borders filled into them, which costs copies.
  Value createBuffer(Location loc, RankedTensorType type) {
    return bufferization::AllocTensorOp::create(b, loc, type, ValueRange());
  }

  Value fillBorder(Location loc, Value buffer, const Box &inside,
                   Attribute value);
  Value place(Location loc, Value part, Value buffer, const Box &box,
              Operation *last, Attribute border = {});

  func::FuncOp func;
  const TargetInfo *target;
  OpBuilder b;
  DominanceInfo dominance;
};

/// `buffer` with `value` outside `inside`: for each dimension, the slabs before
/// and after, within the inside of the dimensions before it.
Value Placer::fillBorder(Location loc, Value buffer, const Box &inside,
                         Attribute value) {
  auto type = cast<RankedTensorType>(buffer.getType());
  Value scalar = arith::ConstantOp::create(b, loc, cast<TypedAttr>(value));
  Box box{SmallVector<int64_t>(type.getRank(), 0),
          SmallVector<int64_t>(type.getShape())};
  auto fill = [&](int64_t dim, int64_t offset, int64_t size) {
    if (size == 0)
      return;
    box.offsets[dim] = offset;
    box.sizes[dim] = size;
    Value slab = box.extract(b, loc, buffer);
    Value filled = linalg::FillOp::create(b, loc, scalar, slab).getResult(0);
    buffer = box.insert(b, loc, filled, buffer);
  };
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t end = inside.offsets[dim] + inside.sizes[dim];
    fill(dim, 0, inside.offsets[dim]);
    fill(dim, end, type.getDimSize(dim) - end);
    box.offsets[dim] = inside.offsets[dim];
    box.sizes[dim] = inside.sizes[dim];
  }
  return buffer;
}

/// buffer with `part` at `box`, and `border` around it, if given. `part` is
/// computed there if the operation that starts it comes after `buffer` and its
/// readers can do with gaps; otherwise it is copied. The border comes last:
/// nothing is written before what `part` is computed from has been read, so
/// that the two may share memory.
Value Placer::place(Location loc, Value part, Value buffer, const Box &box,
                    Operation *last, Attribute border) {
  auto finish = [&](Value placed) {
    return border ? fillBorder(loc, placed, box, border) : placed;
  };
  Operation *first = findFirstUse(part, last);
  if (!first || !dominance.properlyDominates(buffer, first) ||
      needsOwnBuffer(part, box,
                     cast<RankedTensorType>(buffer.getType()).getShape())) {
    // As early as possible, so that parts computed later find the buffer.
    Operation *def = part.getDefiningOp();
    if (def && dominance.dominates(buffer.getDefiningOp(), def))
      b.setInsertionPointAfter(def);
    else
      b.setInsertionPointAfterValue(buffer);
    Value slot = box.extract(b, loc, buffer);
    Value copy = linalg::CopyOp::create(b, loc, part, slot).getResult(0);
    return finish(box.insert(b, loc, copy, buffer));
  }
  b.setInsertionPoint(first);
  Value slot = reshapeLikeInit(b, part, box.extract(b, loc, buffer));
  OpOperand *init = findUndefinedInit(part);
  if (isSliceUse(*init))
    init->get().replaceUsesWithIf(slot, isSliceUse);
  else
    init->set(slot);

  b.setInsertionPointAfterValue(part);
  Value placed = box.insert(b, loc, part, buffer);
  Operation *insertion = placed.getDefiningOp();
  placed = finish(placed);
  Value again = box.extract(b, loc, placed);
  part.replaceUsesWithIf(again, [&](OpOperand &use) {
    return use.getOwner() != insertion &&
           use.getOwner() != again.getDefiningOp();
  });
  if (again.use_empty())
    again.getDefiningOp()->erase();
  return placed;
}

// pad(x) -> fill_border(insert x into empty)
void Placer::pad(tensor::PadOp op) {
  Attribute value = paddingOf(op);
  if (!value)
    return;
  Box inside{SmallVector<int64_t>(op.getStaticLow()),
             SmallVector<int64_t>(op.getSourceType().getShape())};
  Operation *first = findFirstUse(op.getSource(), op);
  // A copy can be avoided.
  if (!first && target && isReadAround(op, findFusedRegions(func), *target))
    return;
  b.setInsertionPoint(first ? first : op);
  Value buffer = createBuffer(op.getLoc(), op.getResultType());
  Value result = place(op.getLoc(), op.getSource(), buffer, inside, op, value);
  op.getResult().replaceAllUsesWith(result);
  op.erase();
}

// concat(x...) -> insert each into empty
void Placer::concat(tensor::ConcatOp op) {
  auto type = op.getResultType();
  if (!type.hasStaticShape())
    return;
  struct Part {
    Value value;
    Box box;
  };
  SmallVector<Part> parts;
  Box box{SmallVector<int64_t>(type.getRank(), 0), {}};
  for (Value input : op.getInputs()) {
    auto shape = cast<RankedTensorType>(input.getType()).getShape();
    box.sizes.assign(shape.begin(), shape.end());
    parts.push_back({input, box});
    box.offsets[op.getDim()] += shape[op.getDim()];
  }
  // In the order in which they are computed, each after the buffer that the
  // one before it returned.
  llvm::sort(parts, [&](const Part &l, const Part &r) {
    Operation *left = l.value.getDefiningOp(), *right = r.value.getDefiningOp();
    if (left == right || !left || !right)
      return left == right ? l.box.offsets < r.box.offsets : !left;
    return dominance.properlyDominates(left, right);
  });
  Operation *first = op;
  for (const Part &part : parts) {
    Operation *use = findFirstUse(part.value, op);
    if (use && use->isBeforeInBlock(first))
      first = use;
  }
  b.setInsertionPoint(first);
  Value buffer = createBuffer(op.getLoc(), type);
  for (const Part &part : parts)
    buffer = place(op.getLoc(), part.value, buffer, part.box, op);
  op.getResult().replaceAllUsesWith(buffer);
  op.erase();
}

/// CSE merges equal fills and broadcasts; computations that start from one of
/// them would all be placed where the first of them is. Each gets its own.
void unshareInits(func::FuncOp func) {
  SmallVector<OpOperand *> shared;
  func.walk([&](linalg::LinalgOp op) {
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Value value = init.get();
      if (value.getDefiningOp<linalg::LinalgOp>() && !value.hasOneUse() &&
          findUndefinedInit(value))
        shared.push_back(&init);
    }
  });
  for (OpOperand *init : shared) {
    if (init->get().hasOneUse())
      continue;
    OpBuilder b(init->getOwner());
    init->set(b.clone(*init->get().getDefiningOp())->getResult(0));
  }
}

struct PlaceResults : impl::PlaceResultsPassBase<PlaceResults> {
  using PlaceResultsPassBase::PlaceResultsPassBase;

  void runOnOperation() override {
    std::optional<TargetInfo> info;
    if (!target.empty()) {
      FailureOr<TargetInfo> found = lookUpTarget(getOperation(), target);
      if (failed(found))
        return signalPassFailure();
      info = *found;
    }
    unshareInits(getOperation());
    Placer placer(getOperation(), info ? &*info : nullptr);
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<tensor::PadOp, tensor::ConcatOp>(op))
        ops.push_back(op);
    });
    // In program order: a padded concatenation is assembled in the padded
    // buffer.
    for (Operation *op : ops) {
      if (auto pad = dyn_cast<tensor::PadOp>(op))
        placer.pad(pad);
      else
        placer.concat(cast<tensor::ConcatOp>(op));
    }
  }
};

} // namespace
} // namespace qopt
