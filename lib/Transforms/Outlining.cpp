//===- Outlining.cpp - What code moves to another function ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/Outlining.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

SmallVector<Value> qopt::usedFromOutside(Operation *op) {
  llvm::SetVector<Value> used;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
        used.insert(operand);
  });
  return used.takeVector();
}

bool qopt::canRepeat(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return true;
  return def->getNumRegions() == 0 && isMemoryEffectFree(def) &&
         llvm::all_of(def->getOperands(), canRepeat);
}

Value qopt::rebuild(OpBuilder &b, Value value, IRMapping &map) {
  if (Value known = map.lookupOrNull(value))
    return known;
  Operation *def = value.getDefiningOp();
  for (Value operand : def->getOperands())
    rebuild(b, operand, map);
  b.clone(*def, map);
  return map.lookup(value);
}
