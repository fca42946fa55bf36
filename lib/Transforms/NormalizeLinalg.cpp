//===- NormalizeLinalg.cpp - Any linalg in the forms of phase float -------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements qopt-normalize-linalg: names first, while the module
// still has the user's operations, then the forms.
//
//===----------------------------------------------------------------------===//

#include "NormalizePatterns.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_NORMALIZELINALGPASS
#include "qopt/Transforms/Passes.h.inc"

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// What people call the operation: "conv_2d", "max_pool", "matmul", "addf".
static std::string kindOf(Operation *op) {
  StringRef name = op->getName().stripDialect();
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    auto yield = cast<linalg::YieldOp>(generic.getBlock()->getTerminator());
    Operation *last = yield.getOperand(0).getDefiningOp();
    bool computes = last && last->getBlock() == generic.getBlock();
    return computes ? last->getName().stripDialect().str() : "generic";
  }
  if (name.starts_with("pooling_"))
    return (name.rsplit('_').second + "_pool").str();
  // conv_2d_nchw_fchw: the layout is not part of the name.
  size_t layout = name.find("_n");
  return (name.contains("conv_") ? name.take_front(layout) : name).str();
}

/// Whether `op` is a node of the model, not an init, a constant or a view of
/// one.
static bool isNode(Operation *op) {
  return isa<linalg::LinalgOp, linalg::SoftmaxOp, tensor::PadOp,
             tensor::ConcatOp, tensor::ExtractSliceOp, tensor::InsertSliceOp,
             tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op) &&
         !isa<linalg::FillOp, linalg::BroadcastOp>(op);
}

/// Names the nodes that have none after their kind and a running number, and
/// inits and constants after their first user.
static void assignNames(func::FuncOp function) {
  llvm::StringMap<unsigned> counts;
  Block &body = function.getBody().front();
  auto setName = [](Operation *op, StringRef name) {
    op->setLoc(
        NameLoc::get(StringAttr::get(op->getContext(), name), op->getLoc()));
  };
  for (Operation &op : body)
    if (isNode(&op) && sourceNames(op.getLoc()).empty()) {
      std::string kind = kindOf(&op);
      setName(&op, kind + "_" + std::to_string(counts[kind]++));
    }
  for (Operation &op : llvm::reverse(body)) {
    if (op.hasTrait<OpTrait::IsTerminator>() || isNode(&op) ||
        !sourceNames(op.getLoc()).empty() || op.use_empty())
      continue;
    Operation *user = body.findAncestorOpInBlock(**op.user_begin());
    SmallVector<StringRef> names = sourceNames(user->getLoc());
    if (!names.empty())
      setName(&op, names.front());
  }
}

/// The list of nodes for a module whose front end left none.
static void assignSourceNodes(ModuleOp module, func::FuncOp function) {
  if (module->hasAttr(QoptDialect::kSourceNodesAttrName))
    return;
  Builder builder(module.getContext());
  llvm::SmallSetVector<StringRef, 16> seen;
  SmallVector<Attribute> nodes;
  for (Operation &op : function.getBody().front())
    if (isNode(&op))
      for (StringRef name : sourceNames(op.getLoc()))
        if (seen.insert(name))
          nodes.push_back(builder.getDictionaryAttr(
              {builder.getNamedAttr("name", builder.getStringAttr(name)),
               builder.getNamedAttr(
                   "op", builder.getStringAttr(op.getName().getStringRef()))}));
  module->setAttr(QoptDialect::kSourceNodesAttrName,
                  builder.getArrayAttr(nodes));
}

/// Arguments and results without a name are input_0, output_0, ...
static void assignBorderNames(func::FuncOp function) {
  StringRef key = QoptDialect::kNameAttrName;
  Builder builder(function.getContext());
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (!function.getArgAttr(i, key))
      function.setArgAttr(i, key, builder.getStringAttr("input_" + Twine(i)));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (!function.getResultAttr(i, key))
      function.setResultAttr(i, key,
                             builder.getStringAttr("output_" + Twine(i)));
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

namespace {
struct NormalizeLinalgPass
    : impl::NormalizeLinalgPassBase<NormalizeLinalgPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      assignNames(function);
      if (function.isPublic()) {
        assignSourceNodes(module, function);
        assignBorderNames(function);
      }
    }
    RewritePatternSet patterns(&getContext());
    populateNormalizeContractionPatterns(patterns);
    populateNormalizeElementwisePatterns(patterns);
    if (failed(applyPatternsGreedily(module, std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

} // namespace qopt
