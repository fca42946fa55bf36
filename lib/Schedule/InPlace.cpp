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

/// Whether no nest but those before the one at `here` and itself read `value`,
/// or a view of it.
bool isReadUntil(Value value, size_t here, ArrayRef<FusedRegion> regions) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    if (isView(user))
      return isReadUntil(user->getResult(0), here, regions);
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

/// Whether `value`, which a nest computes, dies with the nest at `here`.
bool dies(Value value, size_t here, ArrayRef<FusedRegion> regions) {
  auto producer = value.getDefiningOp<linalg::LinalgOp>();
  return producer && canGenerate(producer) &&
         producer->getBlock() == regions[here].root->getBlock() &&
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
