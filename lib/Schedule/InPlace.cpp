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
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "qopt/Transforms/Structured.h"

using namespace mlir;

namespace qopt {
namespace {

/// Tensors that a region reads at the position of its result and nowhere else.
SmallVector<Value> readInPlace(const FusedRegion &region) {
  int64_t rank =
      cast<RankedTensorType>(region.root->getResult(0).getType()).getRank();
  llvm::MapVector<Value, bool> isInPlace;
  for (const OutsideReads::Read &read : OutsideReads(region).reads) {
    bool here = int64_t(read.index.size()) == rank;
    for (auto [dim, expr] : llvm::enumerate(read.index))
      here &= expr == getAffineDimExpr(dim, expr.getContext());
    isInPlace.try_emplace(read.tensor, true).first->second &= here;
  }
  SmallVector<Value> tensors;
  for (auto [tensor, inPlace] : isInPlace)
    if (inPlace)
      tensors.push_back(tensor);
  return tensors;
}

/// Whether no nest after that at `here` reads `value`, and none after the one
/// before it a view of `value`: the nest itself may read a view elsewhere.
bool isReadUntil(Value value, size_t here, ArrayRef<FusedRegion> regions,
                 bool isSeenAnew = false) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    if (isView(user))
      return isReadUntil(user->getResult(0), here, regions, true);
    auto reads = [&](const FusedRegion &region) {
      return region.contains(user);
    };
    size_t count = isSeenAnew ? here : here + 1;
    return llvm::any_of(regions.take_front(count), reads) &&
           llvm::none_of(regions.drop_front(count), reads);
  });
}

/// Whether the memory of `value` is there to be written: a nest has computed
/// it, or it is part of what the loop around carries.
bool isOwn(Value value, Block *block) {
  Operation *def = value.getDefiningOp();
  if (!def || def->getBlock() != block)
    return false;
  if (auto producer = dyn_cast<linalg::LinalgOp>(def))
    return canGenerate(producer);
  auto slice = dyn_cast<tensor::ExtractSliceOp>(def);
  return slice && isa<scf::ForOp>(block->getParentOp()) &&
         llvm::is_contained(block->getArguments(), slice.getSource());
}

/// Whether `value` dies with the nest at `here`.
bool dies(Value value, size_t here, ArrayRef<FusedRegion> regions) {
  return isOwn(value, regions[here].root->getBlock()) &&
         isReadUntil(value, here, regions);
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
    for (Value input : readInPlace(region)) {
      if (input.getType() != init->get().getType() || !dies(input, i, regions))
        continue;
      init->set(input);
      break;
    }
  }
}

} // namespace qopt
