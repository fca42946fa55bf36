//===- MemorySharing.cpp - Nests that write over what they read -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the analysis. What it does not understand, an operation,
// a view, an index, counts as an access to all that it could touch.
//
//===----------------------------------------------------------------------===//

#include "MemorySharing.h"
#include "mlir/Dialect/Affine/Analysis/AffineStructures.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace qopt;

namespace {
/// base + sum steps[k] * i[k] with 0 <= i[k] < trips[k], one k for each loop,
/// the outermost first.
struct Form {
  int64_t base = 0;
  SmallVector<int64_t> steps, trips;

  Form operator-() const {
    Form negative = *this;
    negative.base = -base;
    for (int64_t &step : negative.steps)
      step = -step;
    return negative;
  }
  Form operator+(int64_t bytes) const {
    Form sum = *this;
    sum.base += bytes;
    return sum;
  }
  /// With the outermost loop backwards.
  Form reversed() const {
    Form form = *this;
    if (!steps.empty()) {
      form.base += steps[0] * (trips[0] - 1);
      form.steps[0] = -steps[0];
    }
    return form;
  }
  /// What loops from the k-th on add at most.
  int64_t mostFrom(size_t k) const {
    int64_t most = 0;
    for (; k < steps.size(); ++k)
      most += std::max<int64_t>(0, steps[k] * (trips[k] - 1));
    return most;
  }
};

/// Bytes [start, start + size) of a buffer, in every iteration of the loops
/// around `op`.
struct Access {
  Operation *op = nullptr;
  SmallVector<scf::ForOp> loops;
  Form start;
  int64_t size = 0;
  bool reads = true, writes = true;

  Form end() const { return start + size; }
};
} // namespace

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

static size_t countCommonLoops(const Access &a, const Access &b) {
  size_t common = 0;
  while (common < std::min(a.loops.size(), b.loops.size()) &&
         a.loops[common] == b.loops[common])
    ++common;
  return common;
}

/// Whether `first` may come before `second` in an iteration of their common
/// loops. Of what one operation does, the order is not known.
static bool precedes(const Access &first, const Access &second, size_t common) {
  if (first.op == second.op)
    return true;
  SmallVector<scf::ForOp> loops = first.loops;
  Block *block = common          ? loops[common - 1].getBody()
                 : loops.empty() ? first.op->getBlock()
                                 : loops[0]->getBlock();
  Operation *a = block->findAncestorOpInBlock(*first.op);
  Operation *b = block->findAncestorOpInBlock(*second.op);
  return a == b || a->isBeforeInBlock(b);
}

/// The largest p(I) + q(J) over iterations I and J of `common` loops of which I
/// comes first, or the two are one and `sameToo`. A linear form is largest at a
/// corner: of a box, or of the triangle I < J of the first loop in which they
/// differ.
static std::optional<int64_t> findMaximum(const Form &p, const Form &q,
                                          size_t common, bool sameToo) {
  std::optional<int64_t> best;
  int64_t outer = p.base + q.base;
  auto note = [&](int64_t value) {
    best = std::max(best.value_or(value), value);
  };
  for (size_t k = 0; k < common; ++k) {
    int64_t last = p.trips[k] - 1;
    int64_t inner = outer + p.mostFrom(k + 1) + q.mostFrom(k + 1);
    if (last > 0)
      for (auto [i, j] :
           {std::pair<int64_t, int64_t>(0, 1), {0, last}, {last - 1, last}})
        note(inner + p.steps[k] * i + q.steps[k] * j);
    outer += std::max<int64_t>(0, (p.steps[k] + q.steps[k]) * last);
  }
  if (sameToo)
    note(outer + p.mostFrom(common) + q.mostFrom(common));
  return best;
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

int64_t qopt::elementBytesOf(MemRefType type) {
  Type element = type.getElementType();
  int64_t bits = element.isIndex() ? IndexType::kInternalStorageBitWidth
                                   : element.getIntOrFloatBitWidth();
  return llvm::divideCeil(bits, 8);
}

int64_t qopt::bytesOf(MemRefType type) {
  return type.getNumElements() * elementBytesOf(type);
}

SmallVector<OpOperand *>
qopt::findAccesses(memref::AllocOp alloc,
                   const BufferViewFlowAnalysis &aliases) {
  SmallVector<OpOperand *> accesses;
  for (Value alias : aliases.resolve(alloc.getResult()))
    for (OpOperand &use : alias.getUses())
      if (!isa<ViewLikeOpInterface, memref::DeallocOp>(use.getOwner()))
        accesses.push_back(&use);
  return accesses;
}

/// A loop whose iterations run one after the other, as often as is known.
static bool isPlainLoop(Operation *op) {
  auto loop = dyn_cast<scf::ForOp>(op);
  return loop && loop.getStaticTripCount() &&
         getConstantIntValue(loop.getLowerBound()) &&
         llvm::none_of(op->getDiscardableAttrs(), [](NamedAttribute attr) {
           return attr.getName().strref().starts_with("qopt.");
         });
}

namespace {
/// Collects the accesses to one buffer.
class AccessFinder {
public:
  explicit AccessFinder(memref::AllocOp alloc)
      : alloc(alloc), buffer(alloc.getResult()),
        unit(elementBytesOf(alloc.getType())), bytes(bytesOf(alloc.getType())) {
  }

  SmallVector<Access> find(const BufferViewFlowAnalysis &aliases) {
    return llvm::map_to_vector(findAccesses(alloc, aliases),
                               [&](OpOperand *use) { return describe(*use); });
  }

private:
  Access describe(OpOperand &use);
  Access wholeBuffer(Operation *op, SmallVector<scf::ForOp> loops) const;
  bool isPartOfBuffer(Value view) const;
  bool addIndex(Access &access, Value index, int64_t stride) const;

  memref::AllocOp alloc;
  Value buffer;
  int64_t unit, bytes;
};
} // namespace

Access AccessFinder::wholeBuffer(Operation *op,
                                 SmallVector<scf::ForOp> loops) const {
  Access access;
  access.op = op;
  access.size = bytes;
  for (scf::ForOp loop : loops) {
    access.start.steps.push_back(0);
    access.start.trips.push_back(loop.getStaticTripCount()->getSExtValue());
  }
  access.loops = std::move(loops);
  return access;
}

/// Whether the layout in the type of `view` counts from the buffer's begin.
bool AccessFinder::isPartOfBuffer(Value view) const {
  while (view != buffer) {
    Operation *def = view.getDefiningOp();
    if (!isa_and_present<memref::SubViewOp, memref::CollapseShapeOp,
                         memref::ExpandShapeOp, memref::CastOp>(def))
      return false;
    view = def->getOperand(0);
  }
  return true;
}

/// Adds stride * index to where `access` starts.
bool AccessFinder::addIndex(Access &access, Value index, int64_t stride) const {
  MLIRContext *context = buffer.getContext();
  AffineMap map = AffineMap::getMultiDimIdentityMap(1, context);
  SmallVector<Value> operands{index};
  affine::fullyComposeAffineMapAndOperands(&map, &operands);
  affine::canonicalizeMapAndOperands(&map, &operands);
  SmallVector<int64_t> terms;
  if (failed(getFlattenedAffineExpr(map.getResult(0), map.getNumDims(),
                                    map.getNumSymbols(), &terms)) ||
      terms.size() != operands.size() + 1)
    return false;
  Form form = access.start;
  form.base += stride * terms.back();
  for (auto [operand, factor] : llvm::zip(operands, terms)) {
    scf::ForOp owner = scf::getForInductionVarOwner(operand);
    auto *loop = llvm::find(access.loops, owner);
    if (loop == access.loops.end())
      return false;
    form.base += stride * factor * *getConstantIntValue(loop->getLowerBound());
    form.steps[loop - access.loops.begin()] +=
        stride * factor * loop->getConstantStep()->getSExtValue();
  }
  access.start = form;
  return true;
}

Access AccessFinder::describe(OpOperand &use) {
  Operation *op = use.getOwner();
  SmallVector<scf::ForOp> loops;
  for (Operation *parent = op->getParentOp(); !isa<func::FuncOp>(parent);
       parent = parent->getParentOp()) {
    if (isPlainLoop(parent)) {
      loops.insert(loops.begin(), cast<scf::ForOp>(parent));
      continue;
    }
    op = parent;
    loops.clear();
  }
  Access access = wholeBuffer(op, loops);
  auto type = dyn_cast<MemRefType>(use.get().getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  if (op != use.getOwner() || !type || !isPartOfBuffer(use.get()) ||
      failed(type.getStridesAndOffset(strides, offset)) ||
      ShapedType::isDynamic(offset) || !type.hasStaticShape() ||
      llvm::any_of(strides, [](int64_t stride) { return stride < 0; }))
    return access;

  ValueRange indices;
  SmallVector<int64_t> counts(strides.size(), 1);
  if (auto transfer = dyn_cast<VectorTransferOpInterface>(op)) {
    indices = transfer.getIndices();
    for (auto [expr, count] :
         llvm::zip_equal(transfer.getPermutationMap().getResults(),
                         transfer.getVectorType().getShape()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        counts[dim.getPosition()] = count;
    access.writes = isa<vector::TransferWriteOp>(op);
  } else if (auto load = dyn_cast<memref::LoadOp>(op)) {
    indices = load.getIndices();
    access.writes = false;
  } else if (auto store = dyn_cast<memref::StoreOp>(op)) {
    indices = store.getIndices();
  } else {
    return access;
  }
  access.reads = !access.writes;
  access.start.base = offset * unit;
  access.size = unit;
  for (auto [d, index] : llvm::enumerate(indices)) {
    if (!addIndex(access, index, strides[d] * unit))
      counts[d] = type.getDimSize(d);
    access.size += (counts[d] - 1) * strides[d] * unit;
  }
  return access;
}

//===----------------------------------------------------------------------===//
// Pairs of buffers
//===----------------------------------------------------------------------===//

namespace {
class SharingFinder {
public:
  SharingFinder(func::FuncOp func, ArrayRef<memref::AllocOp> allocs,
                ArrayRef<BufferLifetime> lifetimes)
      : block(func.getBody().front()), lifetimes(lifetimes) {
    BufferViewFlowAnalysis aliases(func);
    for (memref::AllocOp alloc : allocs)
      accesses.push_back(alloc->getBlock() == &block
                             ? AccessFinder(alloc).find(aliases)
                             : SmallVector<Access>());
    for (auto [step, op] : llvm::enumerate(block))
      steps[&op] = step;
  }

  std::optional<MemorySharing> match(size_t from, size_t to);

private:
  int64_t stepOf(const Access &access) const {
    return steps.lookup(block.findAncestorOpInBlock(*access.op));
  }
  bool isOverBefore(size_t from, size_t to) const;
  scf::ForOp findNest(size_t from, size_t to) const;

  Block &block;
  ArrayRef<BufferLifetime> lifetimes;
  SmallVector<SmallVector<Access>> accesses;
  DenseMap<Operation *, int64_t> steps;
};
} // namespace

/// Whether the last write to `from` is in a step before the first access to
/// `to`.
bool SharingFinder::isOverBefore(size_t from, size_t to) const {
  return llvm::all_of(accesses[from], [&](const Access &access) {
    return !access.writes || stepOf(access) < lifetimes[to].first;
  });
}

/// The loop in which one buffer dies and the other is born, if its iterations
/// may run in any order: they write different parts of `to`, and nothing else.
scf::ForOp SharingFinder::findNest(size_t from, size_t to) const {
  int64_t step = lifetimes[to].first;
  if (lifetimes[from].last != step)
    return {};
  scf::ForOp nest;
  SmallVector<const Access *> writes;
  for (const Access &access : accesses[to]) {
    if (stepOf(access) != step)
      continue;
    if (access.loops.empty() || access.reads)
      return {};
    nest = access.loops[0];
    writes.push_back(&access);
  }
  if (!nest || nest.getNumResults() != 0)
    return {};
  for (const Access *first : writes)
    for (const Access *second : writes)
      if (std::optional<int64_t> distance = findMaximum(
              first->end(), -second->start, /*common=*/1, /*sameToo=*/false);
          distance && *distance > 0)
        return {};
  WalkResult others = nest->walk([&](Operation *op) {
    bool known = isMemoryEffectFree(op) || isa<scf::ForOp>(op) ||
                 isa<memref::LoadOp, vector::TransferReadOp>(op) ||
                 llvm::any_of(writes, [&](const Access *write) {
                   return write->op == op;
                 });
    return known ? WalkResult::advance() : WalkResult::interrupt();
  });
  return others.wasInterrupted() ? scf::ForOp() : nest;
}

std::optional<MemorySharing> SharingFinder::match(size_t from, size_t to) {
  const BufferLifetime &a = lifetimes[from], &b = lifetimes[to];
  if (accesses[from].empty() || accesses[to].empty() || !a.overlaps(b) ||
      a.first >= b.first || !isOverBefore(from, to))
    return std::nullopt;
  MemorySharing sharing;
  sharing.nest = findNest(from, to);
  int64_t above = -a.bytes, below = -b.bytes;
  for (const Access &write : accesses[to])
    for (const Access &read : accesses[from]) {
      if (!write.writes)
        continue;
      size_t common = countCommonLoops(write, read);
      bool same = precedes(write, read, common);
      if (std::optional<int64_t> distance =
              findMaximum(write.end(), -read.start, common, same))
        above = std::max(above, *distance);
      if (!sharing.nest)
        continue;
      if (std::optional<int64_t> distance = findMaximum(
              (-write.start).reversed(), read.end().reversed(), common, same))
        below = std::max(below, *distance);
    }
  if (!sharing.nest || below >= a.bytes) {
    below = a.bytes;
    sharing.nest = {};
  }
  sharing.distance = {from, to, -std::min(above, b.bytes), below};
  if (above >= b.bytes && !sharing.nest)
    return std::nullopt;
  return sharing;
}

SmallVector<MemorySharing>
qopt::findMemorySharing(func::FuncOp func, ArrayRef<memref::AllocOp> allocs,
                        ArrayRef<BufferLifetime> lifetimes) {
  SharingFinder finder(func, allocs, lifetimes);
  SmallVector<MemorySharing> sharings;
  for (size_t from = 0; from < allocs.size(); ++from)
    for (size_t to = 0; to < allocs.size(); ++to)
      if (from != to)
        if (std::optional<MemorySharing> sharing = finder.match(from, to))
          sharings.push_back(*sharing);
  // One loop has one direction: where several buffers die in it, it stays.
  DenseMap<size_t, int> sources;
  for (const MemorySharing &sharing : sharings)
    ++sources[sharing.distance.to];
  for (MemorySharing &sharing : sharings)
    if (sharing.nest && sources[sharing.distance.to] > 1) {
      sharing.distance.atLeast = lifetimes[sharing.distance.from].bytes;
      sharing.nest = {};
    }
  return sharings;
}

//===----------------------------------------------------------------------===//
// Directions
//===----------------------------------------------------------------------===//

/// for i in [first, last] -> the same with first + last - i for i
static void reverse(scf::ForOp loop) {
  int64_t first = *getConstantIntValue(loop.getLowerBound());
  int64_t last = first + (loop.getStaticTripCount()->getSExtValue() - 1) *
                             loop.getConstantStep()->getSExtValue();
  OpBuilder b = OpBuilder::atBlockBegin(loop.getBody());
  auto mirrored = affine::AffineApplyOp::create(
      b, loop.getLoc(),
      AffineMap::get(1, 0, first + last - b.getAffineDimExpr(0)),
      ValueRange{loop.getInductionVar()});
  loop.getInductionVar().replaceAllUsesExcept(mirrored, mirrored);
}

void qopt::applyDirections(ArrayRef<MemorySharing> sharings,
                           ArrayRef<BufferLifetime> lifetimes,
                           ArrayRef<int64_t> offsets) {
  for (MemorySharing sharing : sharings) {
    auto [from, to, atMost, atLeast] = sharing.distance;
    int64_t distance = offsets[to] - offsets[from];
    if (distance > atMost && distance < lifetimes[from].bytes)
      reverse(sharing.nest);
  }
}
