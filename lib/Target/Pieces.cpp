//===- Pieces.cpp - Parts of a module that compile alone ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pieces.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;
using namespace qopt;

/// At most so many pieces of nests: enough for the cores of most machines, and
/// few enough to be large beside what each costs.
static constexpr size_t kMaxPieces = 16;

std::vector<LLVM::LLVMFuncOp> qopt::nestsOf(ModuleOp module) {
  std::vector<LLVM::LLVMFuncOp> nests;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (function->hasAttr(QoptDialect::kNestAttrName))
      nests.push_back(function);
  return nests;
}

/// An empty module with the attributes of another.
static OwningOpRef<ModuleOp> emptyLike(ModuleOp module) {
  OwningOpRef<ModuleOp> result = ModuleOp::create(module.getLoc());
  (*result)->setAttrs(module->getAttrDictionary());
  return result;
}

/// The largest first, each to the piece that is smallest so far.
static SmallVector<SmallVector<LLVM::LLVMFuncOp>>
shareOut(MutableArrayRef<LLVM::LLVMFuncOp> nests) {
  SmallVector<std::pair<int64_t, size_t>> bySize;
  for (auto [i, nest] : llvm::enumerate(nests)) {
    int64_t operations = 0;
    nest.walk([&](Operation *) { ++operations; });
    bySize.push_back({-operations, i});
  }
  llvm::sort(bySize);
  size_t count = std::min(nests.size(), kMaxPieces);
  SmallVector<SmallVector<LLVM::LLVMFuncOp>> pieces(count);
  SmallVector<int64_t> sizes(count, 0);
  for (auto [operations, index] : bySize) {
    size_t smallest = llvm::min_element(sizes) - sizes.begin();
    sizes[smallest] -= operations;
    pieces[smallest].push_back(nests[index]);
  }
  return pieces;
}

Pieces qopt::cutModule(ModuleOp module) {
  Pieces pieces;
  pieces.rest = emptyLike(module);
  OpBuilder b = OpBuilder::atBlockEnd(pieces.rest->getBody());
  for (Operation &op : *module.getBody()) {
    if (!op.hasAttr(QoptDialect::kNestAttrName)) {
      b.clone(op);
      continue;
    }
    auto declaration = cast<LLVM::LLVMFuncOp>(b.cloneWithoutRegions(op));
    declaration.setLinkage(LLVM::Linkage::External);
  }
  std::vector<LLVM::LLVMFuncOp> all = nestsOf(module);
  for (MutableArrayRef<LLVM::LLVMFuncOp> nests : shareOut(all)) {
    pieces.nests.push_back(emptyLike(module));
    b.setInsertionPointToEnd(pieces.nests.back()->getBody());
    for (LLVM::LLVMFuncOp nest : nests)
      b.clone(*nest);
  }
  return pieces;
}
