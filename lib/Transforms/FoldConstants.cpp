//===- FoldConstants.cpp - What depends on constants only -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements qopt-fold-constants: movement by moving data, all else
// by the reference interpreter, so that a folded value has the bits that the
// compiled operation would have had.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Transforms/RegionUtils.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_FOLDCONSTANTSPASS
#include "qopt/Transforms/Passes.h.inc"

namespace {

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

/// The elements of a constant; null for any other value.
DenseElementsAttr elementsOf(Value value) {
  DenseElementsAttr elements;
  return matchPattern(value, m_Constant(&elements)) ? elements
                                                    : DenseElementsAttr();
}

DenseElementsAttr moveElements(linalg::TransposeOp op) {
  DenseElementsAttr source = elementsOf(op.getInput());
  return source ? transposeElements(source, op.getPermutation()) : source;
}

template <typename Reshape>
DenseElementsAttr reshapeElements(Reshape op) {
  DenseElementsAttr source = elementsOf(op.getSrc());
  return source && op.getResultType().hasStaticShape()
             ? source.reshape(op.getResultType())
             : DenseElementsAttr();
}
DenseElementsAttr moveElements(tensor::ExpandShapeOp op) {
  return reshapeElements(op);
}
DenseElementsAttr moveElements(tensor::CollapseShapeOp op) {
  return reshapeElements(op);
}

DenseElementsAttr moveElements(tensor::ExtractSliceOp op) {
  DenseElementsAttr source = elementsOf(op.getSource());
  if (!source || op.getNumOperands() != 1)
    return {};
  DenseElementsAttr slice =
      sliceElements(source, op.getStaticOffsets(), op.getStaticSizes(),
                    op.getStaticStrides());
  return slice ? slice.reshape(op.getResultType()) : slice;
}

DenseElementsAttr moveElements(tensor::PadOp op) {
  DenseElementsAttr source = elementsOf(op.getSource());
  Attribute border;
  Value value = op.getConstantPaddingValue();
  if (!source || op.getNumOperands() != 1 || !value ||
      !matchPattern(value, m_Constant(&border)))
    return {};
  return padElements(source, op.getStaticLow(), op.getStaticHigh(), border);
}

DenseElementsAttr moveElements(tensor::ConcatOp op) {
  SmallVector<DenseElementsAttr> parts;
  for (Value input : op.getInputs()) {
    parts.push_back(elementsOf(input));
    if (!parts.back())
      return {};
  }
  return concatElements(parts, op.getDim());
}

/// move(constant) -> constant
template <typename Op>
struct MovementFold : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    DenseElementsAttr elements = moveElements(op);
    if (!elements)
      return rewriter.notifyMatchFailure(op, "not of constants");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, elements.getType(),
                                                   elements);
    return success();
  }
};

/// A constant of `type` from the bytes of its elements in memory; null if they
/// are not whole bytes, or not as many as the type has.
DenseElementsAttr elementsFromBytes(ShapedType type, ArrayRef<char> bytes) {
  unsigned bits = type.getElementTypeBitWidth();
  bool isSplat = false;
  if (bits % 8 != 0 ||
      !DenseElementsAttr::isValidRawBuffer(type, bytes, isSplat))
    return {};
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

/// constant dense_resource -> constant dense: every later pass reads the data.
struct ResourceFold : OpRewritePattern<arith::ConstantOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op,
                                PatternRewriter &rewriter) const override {
    auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
    AsmResourceBlob *blob =
        resource ? resource.getRawHandle().getBlob() : nullptr;
    DenseElementsAttr elements;
    if (blob)
      elements = elementsFromBytes(resource.getType(), blob->getData());
    if (!elements)
      return rewriter.notifyMatchFailure(op, "no resource with data");
    rewriter.modifyOpInPlace(op, [&] { op.setValueAttr(elements); });
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

/// Collects what `value` is made of, if that is constants, fills, broadcasts
/// and empty tensors only.
bool collectSlice(Value value, llvm::SetVector<Operation *> &slice) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return false;
  if (slice.contains(def))
    return true;
  bool isSource = matchPattern(def, m_Constant()) || isa<tensor::EmptyOp>(def);
  if (!isSource && !isa<linalg::FillOp, linalg::BroadcastOp>(def))
    return false;
  for (Value operand : def->getOperands())
    if (!collectSlice(operand, slice))
      return false;
  slice.insert(def);
  return true;
}

/// linalg(constants) -> constant
struct StructuredFold : OpInterfaceRewritePattern<linalg::LinalgOp> {
  StructuredFold(MLIRContext *context, int64_t maxSteps)
      : OpInterfaceRewritePattern(context), maxSteps(maxSteps) {}

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (isa<linalg::FillOp, linalg::BroadcastOp, linalg::TransposeOp>(op) ||
        !op.hasPureTensorSemantics() || op.hasDynamicShape() ||
        op->getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "an init, or not one tensor");
    int64_t steps = 1;
    for (int64_t range : op.getStaticLoopRanges())
      steps *= range;
    if (steps > maxSteps)
      return rewriter.notifyMatchFailure(op, "too much to compute here");
    llvm::SetVector<Operation *> slice;
    SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    for (Value value : op->getOperands())
      if (!collectSlice(value, slice))
        return rewriter.notifyMatchFailure(op, "an operand varies");
    for (Value value : captured)
      if (!collectSlice(value, slice))
        return rewriter.notifyMatchFailure(op, "a captured value varies");
    DenseElementsAttr result = evaluate(op, slice.getArrayRef());
    if (!result)
      return rewriter.notifyMatchFailure(op, "the interpreter refused it");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, result.getType(),
                                                   result);
    return success();
  }

  static DenseElementsAttr evaluate(Operation *op,
                                    ArrayRef<Operation *> slice) {
    OpBuilder builder(op->getContext());
    Type type = op->getResult(0).getType();
    OwningOpRef<ModuleOp> module = ModuleOp::create(op->getLoc());
    builder.setInsertionPointToEnd(module->getBody());
    auto function = func::FuncOp::create(builder, op->getLoc(), "fold",
                                         builder.getFunctionType({}, type));
    builder.setInsertionPointToEnd(function.addEntryBlock());
    IRMapping mapping;
    for (Operation *source : slice)
      builder.clone(*source, mapping);
    Operation *root = builder.clone(*op, mapping);
    func::ReturnOp::create(builder, op->getLoc(), root->getResults());

    auto values = interpret(function, {});
    if (!values) {
      llvm::consumeError(values.takeError());
      return {};
    }
    const HostTensor &value = values->front();
    ArrayRef<char> bytes(reinterpret_cast<const char *>(value.bytes.data()),
                         value.bytes.size());
    return elementsFromBytes(cast<RankedTensorType>(type), bytes);
  }

  int64_t maxSteps;
};

struct FoldConstantsPass : impl::FoldConstantsPassBase<FoldConstantsPass> {
  using Base::Base;
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<
        MovementFold<linalg::TransposeOp>, MovementFold<tensor::ExpandShapeOp>,
        MovementFold<tensor::CollapseShapeOp>,
        MovementFold<tensor::ExtractSliceOp>, MovementFold<tensor::PadOp>,
        MovementFold<tensor::ConcatOp>, ResourceFold>(context);
    patterns.add<StructuredFold>(context, maxSteps);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

} // namespace qopt
