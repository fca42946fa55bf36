//===- InPlace.cpp - Results in the memory of dying inputs ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the choice on tensors, before nests exist: the emitter
// reads what the nest carries for a tensor that is its destination, and
// bufferization finds one buffer. It would find none in a read of the tensor
// from before the loop.
//
//===----------------------------------------------------------------------===//

#include "InPlace.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "qopt/Transforms/Structured.h"

using namespace mlir;

namespace qopt {
namespace {

/// Where the operations of a region read tensors from outside.
class OutsideReads {
public:
  explicit OutsideReads(const FusedRegion &region) : region(region) {
    linalg::LinalgOp root = region.root;
    rank = cast<RankedTensorType>(root->getResult(0).getType()).getRank();
    nextDim = rank;
    SmallVector<AffineExpr> dims;
    for (unsigned dim = 0; dim < rank; ++dim)
      dims.push_back(getAffineDimExpr(dim, root->getContext()));
    collect(root, dims);
  }

  /// Tensors that are read at the position of the result and nowhere else.
  SmallVector<Value> inPlace() const {
    return llvm::filter_to_vector(
        order, [&](Value value) { return atPosition.lookup(value); });
  }

private:
  void collect(linalg::LinalgOp op, ArrayRef<AffineExpr> at) {
    // Once for each position: d * d would double the work with each step.
    AffineMap position =
        AffineMap::inferFromExprList({at}, op->getContext())[0];
    if (!seen.insert({op, position}).second)
      return;
    AffineMap out = op.getIndexingMapMatchingResult(op->getResult(0));
    SmallVector<AffineExpr> loops(op.getNumLoops());
    for (auto [expr, index] : llvm::zip_equal(out.getResults(), at))
      loops[cast<AffineDimExpr>(expr).getPosition()] = index;
    for (AffineExpr &loop : loops)
      if (!loop)
        loop = getAffineDimExpr(nextDim++, op->getContext());
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()) ||
          !op.payloadUsesValueFromOperand(&operand))
        continue;
      SmallVector<AffineExpr> read = llvm::map_to_vector(
          op.getMatchingIndexingMap(&operand).getResults(),
          [&](AffineExpr expr) { return expr.replaceDims(loops); });
      if (linalg::LinalgOp producer = region.producerOf(operand.get()))
        collect(producer, read);
      else
        note(operand.get(), read);
    }
  }

  void note(Value value, ArrayRef<AffineExpr> read) {
    bool here = read.size() == rank;
    for (auto [dim, expr] : llvm::enumerate(read))
      here &= expr == getAffineDimExpr(dim, expr.getContext());
    auto [it, isNew] = atPosition.insert({value, here});
    if (isNew)
      order.push_back(value);
    else
      it->second &= here;
  }

  const FusedRegion &region;
  unsigned rank = 0, nextDim = 0;
  /// Operations, and the elements of their results that are asked for.
  DenseSet<std::pair<Operation *, AffineMap>> seen;
  DenseMap<Value, bool> atPosition;
  SmallVector<Value> order;
};

/// Whether no nest but those before the one at `here` and itself read `value`,
/// which a nest computes.
bool dies(Value value, size_t here, ArrayRef<FusedRegion> regions) {
  auto producer = value.getDefiningOp<linalg::LinalgOp>();
  if (!producer || !canGenerate(producer) ||
      producer->getBlock() != regions[here].root->getBlock())
    return false;
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    // A view could be read at any time.
    if (!isa<linalg::LinalgOp>(user))
      return false;
    bool known = false;
    for (auto [i, region] : llvm::enumerate(regions)) {
      if (!region.contains(user))
        continue;
      known = true;
      if (i > here)
        return false;
    }
    return known;
  });
}

} // namespace

void reuseDyingInputs(ArrayRef<FusedRegion> regions) {
  for (auto [i, region] : llvm::enumerate(regions)) {
    linalg::LinalgOp root = region.root;
    OpOperand *init = root.getDpsInitOperand(0);
    // Overlapping groups of a depthwise nest compute elements twice.
    bool repeats = llvm::any_of(region.ops, [](Operation *op) {
      std::optional<Contraction> contraction = matchContraction(op);
      return contraction && contraction->depthwise;
    });
    if (repeats || root.getNumReductionLoops() != 0 ||
        !init->get().getDefiningOp<tensor::EmptyOp>() ||
        root.payloadUsesValueFromOperand(init))
      continue;
    for (Value input : OutsideReads(region).inPlace()) {
      if (input.getType() != init->get().getType() || !dies(input, i, regions))
        continue;
      init->set(input);
      break;
    }
  }
}

} // namespace qopt
