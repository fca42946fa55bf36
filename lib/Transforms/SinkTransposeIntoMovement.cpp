//===- SinkTransposeIntoMovement.cpp - Layouts of pads, slices, reshapes --===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the movement of transpositions through movement, and
// where a flattening stands in the way, into the weights that follow it.
//
//===----------------------------------------------------------------------===//

#include "LayoutPatterns.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {

/// Entry `perm[i]` of the result is entry i of `values`: what holds for the
/// dimensions of transpose(x) as it holds for those of x.
template <typename T>
static SmallVector<T> toSource(ArrayRef<T> values, ArrayRef<int64_t> perm) {
  return applyPermutation(values, invertPermutationVector(perm));
}

namespace {
/// transpose(transpose(x)), transpose(constant), transpose(init): no
/// operation, or one.
struct TransposeSimplify : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    ArrayRef<int64_t> perm = op.getPermutation();
    TransposeCost cost = transposeCost(op.getInput(), perm);
    if (cost == TransposeCost::Adds)
      return rewriter.notifyMatchFailure(op, "nothing to simplify");
    rewriter.replaceOp(
        op, createTranspose(rewriter, op.getLoc(), op.getInput(), perm));
    return success();
  }
};

/// pad(transpose(x)) -> transpose(pad'(x))
struct PadSinkTranspose : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::PadOp op,
                                PatternRewriter &rewriter) const override {
    linalg::TransposeOp transpose = getTranspose(op.getSource());
    Value border = op.getConstantPaddingValue();
    if (!transpose || !border)
      return rewriter.notifyMatchFailure(op, "no transposition, or no "
                                             "constant border");
    ArrayRef<int64_t> perm = transpose.getPermutation();
    auto low = toSource(ArrayRef(op.getMixedLowPad()), perm);
    auto high = toSource(ArrayRef(op.getMixedHighPad()), perm);
    auto type =
        transposedType(op.getResultType(), invertPermutationVector(perm));
    Value padded =
        tensor::PadOp::create(rewriter, op.getLoc(), type, transpose.getInput(),
                              low, high, border, op.getNofold());
    rewriter.replaceOp(
        op, createTranspose(rewriter, transpose.getLoc(), padded, perm));
    return success();
  }
};

/// concat(transpose(x), transpose(y)) -> transpose(concat'(x, y))
struct ConcatSinkTranspose : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    for (Value input : op.getInputs()) {
      linalg::TransposeOp transpose = getTranspose(input);
      if (!transpose)
        continue;
      ArrayRef<int64_t> perm = transpose.getPermutation();
      SmallVector<int64_t> inverse = invertPermutationVector(perm);
      SmallVector<Value> inputs(op.getInputs());
      SmallVector<SmallVector<int64_t>> perms(inputs.size(), inverse);
      if (!isWorthSinking(inputs, perms))
        continue;
      for (Value &value : inputs)
        value = createTranspose(rewriter, op.getLoc(), value, inverse);
      Value joined = tensor::ConcatOp::create(
          rewriter, op.getLoc(), perm[op.getDim()], ValueRange(inputs));
      rewriter.replaceOp(op,
                         createTranspose(rewriter, op.getLoc(), joined, perm));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no transposition worth sinking");
  }
};

/// softmax(transpose(x)) -> transpose(softmax'(x))
struct SoftmaxSinkTranspose : OpRewritePattern<linalg::SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::SoftmaxOp op,
                                PatternRewriter &rewriter) const override {
    linalg::TransposeOp transpose = getTranspose(op.getInput());
    if (!transpose || !op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "no transposition");
    ArrayRef<int64_t> perm = transpose.getPermutation();
    Value input = transpose.getInput();
    auto type = cast<RankedTensorType>(input.getType());
    Value init = tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(),
                                         type.getElementType());
    Value result = linalg::SoftmaxOp::create(rewriter, op.getLoc(), type, input,
                                             init, perm[op.getDimension()])
                       .getResult()[0];
    rewriter.replaceOp(
        op, createTranspose(rewriter, transpose.getLoc(), result, perm));
    return success();
  }
};

/// extract_slice(transpose(x)) -> transpose(extract_slice'(x)), the dimensions
/// that the slice drops dropped afterwards.
struct SliceSinkTranspose : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    linalg::TransposeOp transpose = getTranspose(op.getSource());
    if (!transpose || !op.getResultType().hasStaticShape())
      return rewriter.notifyMatchFailure(op, "no transposition, or dynamic");
    ArrayRef<int64_t> perm = transpose.getPermutation();
    Value slice = tensor::ExtractSliceOp::create(
        rewriter, op.getLoc(), transpose.getInput(),
        toSource(ArrayRef(op.getMixedOffsets()), perm),
        toSource(ArrayRef(op.getMixedSizes()), perm),
        toSource(ArrayRef(op.getMixedStrides()), perm));
    Value result = createTranspose(rewriter, transpose.getLoc(), slice, perm);
    rewriter.replaceOp(op, createReshape(rewriter, op.getLoc(), result,
                                         op.getResultType().getShape()));
    return success();
  }
};

/// expand_shape(transpose(x)) -> transpose(expand_shape'(x)): every group of
/// new dimensions moves as one.
struct ExpandSinkTranspose : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override {
    linalg::TransposeOp transpose = getTranspose(op.getSrc());
    RankedTensorType type = op.getResultType();
    if (!transpose || !type.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "no transposition, or dynamic");
    ArrayRef<int64_t> perm = transpose.getPermutation();
    SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
    SmallVector<int64_t> shape, inverse;
    SmallVector<ReassociationIndices> newGroups;
    for (int64_t dim : invertPermutationVector(perm)) {
      newGroups.emplace_back();
      for (int64_t expanded : groups[dim]) {
        newGroups.back().push_back(shape.size());
        shape.push_back(type.getDimSize(expanded));
        inverse.push_back(expanded);
      }
    }
    Value expanded = tensor::ExpandShapeOp::create(
        rewriter, op.getLoc(),
        RankedTensorType::get(shape, type.getElementType()),
        transpose.getInput(), newGroups);
    rewriter.replaceOp(op,
                       createTranspose(rewriter, transpose.getLoc(), expanded,
                                       invertPermutationVector(inverse)));
    return success();
  }
};
} // namespace

/// The group of the collapse that each dimension of the source is in.
static SmallVector<int64_t> groupOfDim(ArrayRef<ReassociationIndices> groups) {
  SmallVector<int64_t> result;
  for (auto [index, group] : llvm::enumerate(groups))
    result.append(group.size(), index);
  return result;
}

/// A collapse of transpose(x) is a reshape of x if the dimensions of each group
/// stand side by side and in order in x; units stand anywhere. The groups in
/// the order in which x has them.
static std::optional<SmallVector<int64_t>>
planCollapse(tensor::CollapseShapeOp op, linalg::TransposeOp transpose) {
  auto source = cast<RankedTensorType>(transpose.getInput().getType());
  SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
  SmallVector<int64_t> groupOf = groupOfDim(groups);
  SmallVector<int64_t> inverse =
      invertPermutationVector(transpose.getPermutation());
  SmallVector<int64_t> order;
  int64_t previous = -1;
  for (int64_t dim = 0; dim < source.getRank(); ++dim) {
    if (source.getDimSize(dim) == 1)
      continue;
    int64_t group = groupOf[inverse[dim]];
    bool continues = !order.empty() && order.back() == group;
    if (continues ? inverse[dim] < previous : llvm::is_contained(order, group))
      return std::nullopt;
    previous = inverse[dim];
    if (!continues)
      order.push_back(group);
  }
  // A group of units only stays behind its predecessor.
  for (int64_t group = 0, e = groups.size(); group < e; ++group) {
    if (llvm::is_contained(order, group))
      continue;
    auto *place = group == 0 ? order.begin() : llvm::find(order, group - 1) + 1;
    order.insert(place, group);
  }
  return order;
}

/// Whether `value` is a collapse_shape of a transposition that no reshape
/// expresses: a flattening that depends on the layout.
static bool isLayoutFlatten(Value value) {
  auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>();
  linalg::TransposeOp transpose =
      collapse ? getTranspose(collapse.getSrc()) : nullptr;
  return transpose && collapse.getResultType().hasStaticShape() &&
         !planCollapse(collapse, transpose);
}

namespace {
/// collapse_shape(transpose(x)) -> transpose(reshape(x))
struct CollapseSinkTranspose : OpRewritePattern<tensor::CollapseShapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::CollapseShapeOp op,
                                PatternRewriter &rewriter) const override {
    linalg::TransposeOp transpose = getTranspose(op.getSrc());
    if (!transpose || !op.getResultType().hasStaticShape())
      return rewriter.notifyMatchFailure(op, "no transposition, or dynamic");
    std::optional<SmallVector<int64_t>> order = planCollapse(op, transpose);
    if (!order)
      return rewriter.notifyMatchFailure(op, "mixes dimensions of the source");
    ArrayRef<int64_t> shape = op.getResultType().getShape();
    SmallVector<int64_t> newShape = applyPermutation(shape, *order);
    Value reshaped =
        createReshape(rewriter, op.getLoc(), transpose.getInput(), newShape);
    rewriter.replaceOp(op,
                       createTranspose(rewriter, transpose.getLoc(), reshaped,
                                       invertPermutationVector(*order)));
    return success();
  }
};

/// collapse_shape(transpose(x)), where groups come in another order than in x
/// and are mixed inside as well (a channel shuffle): a transposition inside the
/// groups, the collapse, and a transposition of whole groups that sinks on.
struct CollapseSplitTranspose : OpRewritePattern<tensor::CollapseShapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::CollapseShapeOp op,
                                PatternRewriter &rewriter) const override {
    if (!isLayoutFlatten(op.getResult()))
      return rewriter.notifyMatchFailure(op, "a reshape in any layout");
    linalg::TransposeOp transpose = getTranspose(op.getSrc());
    ArrayRef<int64_t> perm = transpose.getPermutation();
    SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
    auto firstInSource = [&](int64_t group) {
      int64_t first = perm.size();
      for (int64_t dim : groups[group])
        first = std::min(first, perm[dim]);
      return first;
    };
    auto order = llvm::to_vector(llvm::seq<int64_t>(0, groups.size()));
    llvm::sort(order, [&](int64_t a, int64_t b) {
      return firstInSource(a) < firstInSource(b);
    });
    if (isIdentityPermutation(order))
      return rewriter.notifyMatchFailure(op, "groups in the order of x");
    SmallVector<int64_t> inner;
    SmallVector<ReassociationIndices> newGroups;
    for (int64_t group : order) {
      newGroups.emplace_back();
      for (int64_t dim : groups[group]) {
        newGroups.back().push_back(inner.size());
        inner.push_back(perm[dim]);
      }
    }
    Value mixed = createTranspose(rewriter, transpose.getLoc(),
                                  transpose.getInput(), inner);
    Value collapsed = tensor::CollapseShapeOp::create(rewriter, op.getLoc(),
                                                      mixed, newGroups);
    rewriter.replaceOp(op,
                       createTranspose(rewriter, transpose.getLoc(), collapsed,
                                       invertPermutationVector(order)));
    return success();
  }
};

/// f(flatten(transpose(x)), c) -> flatten(f(transpose(x), c')): the elementwise
/// operation is done before the flattening, to which the transposition then
/// comes closer.
struct ElementwiseHoistAboveFlatten : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwiseOp(op))
      return rewriter.notifyMatchFailure(op, "not elementwise");
    tensor::CollapseShapeOp flatten;
    for (OpOperand *operand : op.getDpsInputOperands())
      if (isLayoutFlatten(operand->get()) &&
          op.getMatchingIndexingMap(operand).isIdentity())
        flatten = operand->get().getDefiningOp<tensor::CollapseShapeOp>();
    if (!flatten)
      return rewriter.notifyMatchFailure(op, "no flattening of another layout");
    SmallVector<ReassociationIndices> groups =
        flatten.getReassociationIndices();
    if (!llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
          return canExpand(operand.get(), groups);
        }))
      return rewriter.notifyMatchFailure(op, "an operand is not expandable");
    linalg::GenericOp expanded = expand(rewriter, op, flatten);
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(
        op, op->getResultTypes()[0], expanded.getResult(0), groups);
    return success();
  }

  /// Constants and inits, and other flattenings of the same kind.
  static bool canExpand(Value value, ArrayRef<ReassociationIndices> groups) {
    if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>())
      return llvm::equal(collapse.getReassociationIndices(), groups);
    Operation *def = value.getDefiningOp();
    return def && (isa<tensor::EmptyOp, linalg::FillOp>(def) ||
                   matchPattern(def, m_Constant()));
  }

  static linalg::GenericOp expand(PatternRewriter &rewriter,
                                  linalg::GenericOp op,
                                  tensor::CollapseShapeOp flatten) {
    SmallVector<ReassociationIndices> groups =
        flatten.getReassociationIndices();
    RankedTensorType type = flatten.getSrcType();
    SmallVector<Value> operands;
    SmallVector<AffineMap> maps;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      SmallVector<unsigned> loops;
      SmallVector<int64_t> shape;
      for (unsigned i = 0; i < map.getNumResults(); ++i)
        for (int64_t dim : groups[map.getDimPosition(i)]) {
          loops.push_back(dim);
          shape.push_back(type.getDimSize(dim));
        }
      maps.push_back(AffineMap::getMultiDimMapWithTargets(type.getRank(), loops,
                                                          op.getContext()));
      operands.push_back(
          createReshape(rewriter, op.getLoc(), operand.get(), shape));
    }
    SmallVector<utils::IteratorType> iterators(type.getRank(),
                                               utils::IteratorType::parallel);
    auto expanded = linalg::GenericOp::create(
        rewriter, op.getLoc(), operands.back().getType(),
        ArrayRef(operands).drop_back(), operands.back(), maps, iterators);
    rewriter.cloneRegionBefore(op.getRegion(), expanded.getRegion(),
                               expanded.getRegion().begin());
    expanded->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    return expanded;
  }
};

/// matmul(flatten(transpose(x)), W) -> matmul(flatten(x), W'), where the rows
/// of W' are those of W in the order of x's elements. The products of a sum
/// are added in another order.
struct MatmulAbsorbFlatten : OpRewritePattern<linalg::MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::MatmulOp op,
                                PatternRewriter &rewriter) const override {
    Value lhs = op.getInputs()[0], weights = op.getInputs()[1];
    DenseElementsAttr elements;
    if (op.hasUserDefinedMaps() || !isLayoutFlatten(lhs) ||
        !matchPattern(weights, m_Constant(&elements)))
      return rewriter.notifyMatchFailure(op, "no flattening of another layout, "
                                             "or weights that vary");
    auto flatten = lhs.getDefiningOp<tensor::CollapseShapeOp>();
    linalg::TransposeOp transpose = getTranspose(flatten.getSrc());
    ReassociationIndices rows = flatten.getReassociationIndices()[1];
    if (!keepsSamples(transpose, rows.front()))
      return rewriter.notifyMatchFailure(op, "the samples move, too");

    // W as [rows in the order of the flattening..., columns].
    SmallVector<int64_t> rowShape;
    for (int64_t dim : rows)
      rowShape.push_back(flatten.getSrcType().getDimSize(dim));
    int64_t columns = elements.getType().getShape()[1];
    rowShape.push_back(columns);
    // The same rows in the order of x.
    SmallVector<int64_t> order;
    for (int64_t dim : invertPermutationVector(transpose.getPermutation()))
      if (dim >= rows.front())
        order.push_back(dim - rows.front());
    order.push_back(rows.size());
    Value moved = createReshape(rewriter, op.getLoc(), weights, rowShape);
    moved = createTranspose(rewriter, op.getLoc(), moved, order);
    moved = createReshape(rewriter, op.getLoc(), moved,
                          elements.getType().getShape());
    Value flat = createReshape(rewriter, flatten.getLoc(), transpose.getInput(),
                               flatten.getResultType().getShape());
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputsMutable()[0].set(flat);
      op.getInputsMutable()[1].set(moved);
    });
    return success();
  }

  /// Whether the dimensions before `firstRow`, those of the samples, lead x in
  /// the same order, units apart.
  static bool keepsSamples(linalg::TransposeOp transpose, int64_t firstRow) {
    auto type = cast<RankedTensorType>(transpose->getResult(0).getType());
    SmallVector<int64_t> inverse =
        invertPermutationVector(transpose.getPermutation());
    int64_t last = -1;
    for (int64_t dim : inverse) {
      if (type.getDimSize(dim) == 1)
        continue;
      if (dim < firstRow && dim < last)
        return false;
      last = std::max(last, dim);
    }
    return true;
  }
};
} // namespace

void populateSinkTransposeIntoMovementPatterns(RewritePatternSet &patterns) {
  patterns.add<TransposeSimplify, PadSinkTranspose, ConcatSinkTranspose,
               SliceSinkTranspose, SoftmaxSinkTranspose, ExpandSinkTranspose,
               CollapseSinkTranspose, CollapseSplitTranspose,
               ElementwiseHoistAboveFlatten, MatmulAbsorbFlatten>(
      patterns.getContext());
}

} // namespace qopt
