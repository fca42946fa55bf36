//===- NormalizeContraction.cpp - Contractions in the float phase's form --===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements one rewrite for all layouts: the role of every loop is
// read off the maps, the operands are transposed and reshaped to the order that
// the canonical operation wants, and the result back.
//
//===----------------------------------------------------------------------===//

#include "NormalizePatterns.h"
#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Roles of loops
//===----------------------------------------------------------------------===//

namespace {
/// An index `out * stride + filter * dilation` of the input.
struct Window {
  unsigned outLoop, filterLoop;
  int64_t stride, dilation;
};

/// What every loop of a contraction is for. A product of matrices is a
/// convolution without windows.
struct Roles {
  SmallVector<Window, 2> windows;
  /// In input and result; in all three; in weights and result; in input and
  /// weights.
  SmallVector<unsigned> batch, group, out, in;
  int64_t groups = 1, outs = 1, ins = 1;

  SmallVector<unsigned> outLoops() const {
    SmallVector<unsigned> loops;
    for (const Window &window : windows)
      loops.push_back(window.outLoop);
    return loops;
  }
  SmallVector<unsigned> filterLoops() const {
    SmallVector<unsigned> loops;
    for (const Window &window : windows)
      loops.push_back(window.filterLoop);
    return loops;
  }
};
} // namespace

static std::optional<Window> matchWindow(AffineExpr expr, AffineMap outMap) {
  SmallVector<int64_t> coefficients;
  unsigned loops = outMap.getNumDims();
  if (failed(getFlattenedAffineExpr(expr, loops, 0, &coefficients)) ||
      coefficients.size() != loops + 1 || coefficients.back() != 0)
    return std::nullopt;
  Window window = {~0u, ~0u, 0, 0};
  for (unsigned loop = 0; loop < loops; ++loop) {
    if (coefficients[loop] == 0)
      continue;
    bool isOut = outMap.isFunctionOfDim(loop);
    unsigned &slot = isOut ? window.outLoop : window.filterLoop;
    if (slot != ~0u || coefficients[loop] < 0)
      return std::nullopt;
    slot = loop;
    (isOut ? window.stride : window.dilation) = coefficients[loop];
  }
  if (window.outLoop == ~0u || window.filterLoop == ~0u)
    return std::nullopt;
  return window;
}

/// The roles of the loops that are no window's; false if one has none.
static bool assignRoles(const Contraction &op, Roles &roles) {
  SmallVector<int64_t, 4> ranges =
      linalg::LinalgOp(op.op).getStaticLoopRanges();
  SmallVector<unsigned> windowed = roles.outLoops();
  llvm::append_range(windowed, roles.filterLoops());
  // Loops of the result in the order of its dimensions, then the reductions.
  SmallVector<unsigned> loops;
  for (AffineExpr expr : op.outMap.getResults())
    loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  llvm::append_range(loops, op.reductionLoops);
  for (unsigned loop : loops) {
    if (llvm::is_contained(windowed, loop))
      continue;
    bool lhs = op.lhsMap.isFunctionOfDim(loop);
    bool rhs = op.rhsMap.isFunctionOfDim(loop);
    bool out = op.outMap.isFunctionOfDim(loop);
    if (lhs && rhs && out) {
      roles.group.push_back(loop);
      roles.groups *= ranges[loop];
    } else if (lhs && out) {
      roles.batch.push_back(loop);
    } else if (rhs && out) {
      roles.out.push_back(loop);
      roles.outs *= ranges[loop];
    } else if (lhs && rhs) {
      roles.in.push_back(loop);
      roles.ins *= ranges[loop];
    } else {
      return false;
    }
  }
  return true;
}

static std::optional<Roles> inferRoles(const Contraction &op) {
  Roles roles;
  for (AffineExpr expr : op.lhsMap.getResults()) {
    if (isa<AffineDimExpr>(expr))
      continue;
    std::optional<Window> window = matchWindow(expr, op.outMap);
    if (!window || !op.rhsMap.isFunctionOfDim(window->filterLoop) ||
        op.rhsMap.isFunctionOfDim(window->outLoop))
      return std::nullopt;
    roles.windows.push_back(*window);
  }
  if (roles.windows.size() > 2 || !assignRoles(op, roles))
    return std::nullopt;
  return roles;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// The permutation that gives the dimensions of an operand the order of
/// `loops`; a window counts as the loop of its output.
static std::optional<SmallVector<int64_t>>
orderDims(AffineMap map, const Roles &roles, ArrayRef<unsigned> loops) {
  SmallVector<int64_t> perm;
  for (unsigned loop : loops)
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      bool windowOf = !isa<AffineDimExpr>(expr) && expr.isFunctionOfDim(loop) &&
                      llvm::is_contained(roles.outLoops(), loop);
      if (windowOf || expr == getAffineDimExpr(loop, map.getContext()))
        perm.push_back(dim);
    }
  if (perm.size() != map.getNumResults())
    return std::nullopt;
  return perm;
}

namespace {
/// An operation to be built: the order of loops of each operand, how many of
/// them make one dimension of the canonical operand, and which one it is.
struct Target {
  enum Kind { Conv, DepthwiseConv, GroupedConv, Matmul, BatchMatmul } kind;
  /// Per operand (input, weights, result), the loops of each new dimension.
  SmallVector<SmallVector<unsigned>> dims[3];
};
} // namespace

static Target::Kind kindOf(const Roles &roles) {
  if (roles.windows.empty())
    return roles.groups > 1 ? Target::BatchMatmul : Target::Matmul;
  if (roles.groups == 1)
    return Target::Conv;
  return roles.ins == 1 && roles.outs == 1 ? Target::DepthwiseConv
                                           : Target::GroupedConv;
}

static Target planTarget(const Roles &roles) {
  Target target;
  target.kind = kindOf(roles);
  auto join = [](ArrayRef<unsigned> a, ArrayRef<unsigned> b) {
    SmallVector<unsigned> result(a);
    llvm::append_range(result, b);
    return result;
  };
  const SmallVector<unsigned> &batch = roles.batch, &group = roles.group,
                              &out = roles.out, &in = roles.in;
  auto &[lhs, rhs, result] = target.dims;
  if (roles.windows.empty()) {
    // A single group is one more dimension of the rows.
    if (target.kind == Target::Matmul) {
      lhs = {join(group, batch), in};
      rhs = {in, join(group, out)};
      result = {join(group, batch), out};
      return target;
    }
    lhs = {group, batch, in};
    rhs = {group, in, out};
    result = {group, batch, out};
    return target;
  }

  SmallVector<SmallVector<unsigned>> image, filter;
  if (roles.windows.size() == 1) {
    image.emplace_back();
    filter.emplace_back();
  }
  for (const Window &window : roles.windows) {
    image.push_back({window.outLoop});
    filter.push_back({window.filterLoop});
  }
  lhs = {batch, image[0], image[1]};
  result = lhs;
  switch (target.kind) {
  case Target::Conv:
    lhs.push_back(join(group, in));
    rhs = {join(group, out), filter[0], filter[1], in};
    result.push_back(join(group, out));
    break;
  case Target::DepthwiseConv:
    lhs.push_back(join(group, in));
    rhs = {filter[0], filter[1], join(join(group, out), in)};
    result.push_back(join(group, out));
    break;
  default:
    lhs.append({group, in});
    rhs = {group, out, filter[0], filter[1], in};
    result.append({group, out});
    break;
  }
  return target;
}

namespace {
/// One operand on its way to its canonical form, and back.
struct Operand {
  SmallVector<int64_t> perm, transposedShape, shape;

  static std::optional<Operand> plan(RankedTensorType type, AffineMap map,
                                     const Roles &roles,
                                     ArrayRef<SmallVector<unsigned>> dims) {
    SmallVector<unsigned> loops;
    for (ArrayRef<unsigned> dim : dims)
      llvm::append_range(loops, dim);
    auto perm = orderDims(map, roles, loops);
    if (!perm)
      return std::nullopt;
    Operand result;
    result.perm = std::move(*perm);
    result.transposedShape = applyPermutation(type.getShape(), result.perm);
    // Every loop of `dims` that the operand has is one dimension, in order.
    size_t next = 0;
    for (ArrayRef<unsigned> dim : dims) {
      int64_t size = 1;
      for (unsigned loop : dim)
        if (map.isFunctionOfDim(loop))
          size *= result.transposedShape[next++];
      result.shape.push_back(size);
    }
    return result;
  }

  Value forward(OpBuilder &builder, Location loc, Value value) const {
    return createReshape(builder, loc,
                         createTranspose(builder, loc, value, perm), shape);
  }
  Value back(OpBuilder &builder, Location loc, Value value) const {
    return createTranspose(builder, loc,
                           createReshape(builder, loc, value, transposedShape),
                           invertPermutationVector(perm));
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// Two numbers, height first; a one-dimensional convolution has height 1.
static DenseIntElementsAttr windowAttr(Builder &builder, const Roles &roles,
                                       int64_t Window::*member) {
  SmallVector<int64_t> values;
  if (roles.windows.size() == 1)
    values.push_back(1);
  for (const Window &window : roles.windows)
    values.push_back(window.*member);
  return builder.getI64TensorAttr(values);
}

static Value createTarget(OpBuilder &builder, Location loc, Target::Kind kind,
                          const Roles &roles, ValueRange inputs, Value init) {
  SmallVector<Type, 1> type = {init.getType()};
  auto strides = windowAttr(builder, roles, &Window::stride);
  auto dilations = windowAttr(builder, roles, &Window::dilation);
  switch (kind) {
  case Target::Conv:
    return linalg::Conv2DNhwcFhwcOp::create(builder, loc, type, inputs, init,
                                            strides, dilations)
        .getResult(0);
  case Target::DepthwiseConv:
    return linalg::DepthwiseConv2DNhwcHwcOp::create(builder, loc, type, inputs,
                                                    init, strides, dilations)
        .getResult(0);
  case Target::GroupedConv:
    return linalg::Conv2DNhwgcGfhwcOp::create(builder, loc, type, inputs, init,
                                              strides, dilations)
        .getResult(0);
  case Target::Matmul:
    return linalg::MatmulOp::create(builder, loc, type, inputs, init)
        .getResult(0);
  case Target::BatchMatmul:
    return linalg::BatchMatmulOp::create(builder, loc, type, inputs, init)
        .getResult(0);
  }
  llvm_unreachable("unknown kind of contraction");
}

/// Whether `op` is the operation that its roles ask for already.
static bool isCanonical(Operation *op, Target::Kind kind) {
  switch (kind) {
  case Target::Conv:
    return isa<linalg::Conv2DNhwcFhwcOp>(op);
  case Target::DepthwiseConv:
    return isa<linalg::DepthwiseConv2DNhwcHwcOp>(op);
  case Target::GroupedConv:
    return isa<linalg::Conv2DNhwgcGfhwcOp>(op);
  case Target::Matmul: {
    auto matmul = dyn_cast<linalg::MatmulOp>(op);
    return matmul && !matmul.hasUserDefinedMaps();
  }
  case Target::BatchMatmul: {
    auto matmul = dyn_cast<linalg::BatchMatmulOp>(op);
    return matmul && !matmul.hasUserDefinedMaps();
  }
  }
  llvm_unreachable("unknown kind of contraction");
}

namespace {
/// contract(x, w) -> back(canonical contract(forth(x), forth(w)))
struct ContractionNormalize : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<Contraction> contraction = matchContraction(op);
    if (!contraction || !op.hasPureTensorSemantics() || op.hasDynamicShape() ||
        !getElementTypeOrSelf(op->getResult(0)).isF32())
      return rewriter.notifyMatchFailure(op, "not a static f32 contraction");
    bool swapped = swapWeights(*contraction);
    std::optional<Roles> roles = inferRoles(*contraction);
    if (!roles)
      return rewriter.notifyMatchFailure(op, "loops without a known role");
    Target target = planTarget(*roles);
    if (!swapped && isCanonical(op, target.kind))
      return rewriter.notifyMatchFailure(op, "in form already");

    Value values[] = {contraction->lhs, contraction->rhs, contraction->init};
    AffineMap maps[] = {contraction->lhsMap, contraction->rhsMap,
                        contraction->outMap};
    SmallVector<Operand> operands;
    for (unsigned i = 0; i < 3; ++i) {
      auto operand = Operand::plan(cast<RankedTensorType>(values[i].getType()),
                                   maps[i], *roles, target.dims[i]);
      if (!operand)
        return rewriter.notifyMatchFailure(op, "a dimension without a role");
      operands.push_back(std::move(*operand));
    }
    Location loc = op.getLoc();
    for (unsigned i = 0; i < 3; ++i)
      values[i] = operands[i].forward(rewriter, loc, values[i]);
    Value result = createTarget(rewriter, loc, target.kind, *roles,
                                {values[0], values[1]}, values[2]);
    rewriter.replaceOp(op, operands[2].back(rewriter, loc, result));
    return success();
  }

  /// Puts the constant side of a product on the right, where weights are.
  static bool swapWeights(Contraction &op) {
    if (!op.lhsMap.isProjectedPermutation() ||
        !matchPattern(op.lhs, m_Constant()) ||
        matchPattern(op.rhs, m_Constant()))
      return false;
    std::swap(op.lhs, op.rhs);
    std::swap(op.lhsMap, op.rhsMap);
    return true;
  }
};

/// Pooling over NCHW, NCW or NWC -> pooling over NHWC.
struct PoolingNormalize : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<PoolingKind> kind = matchPooling(op);
    if (!kind || op.hasDynamicShape() || !op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "not static pooling");
    bool channelsFirst =
        isa<linalg::PoolingNchwMaxOp, linalg::PoolingNchwSumOp,
            linalg::PoolingNcwMaxOp, linalg::PoolingNcwSumOp>(op);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    bool flat = type.getRank() == 3;
    if ((!channelsFirst && !flat) || type.getRank() > 4)
      return rewriter.notifyMatchFailure(op, "in form already, or volumetric");

    Location loc = op.getLoc();
    auto forward = [&](Value value) {
      SmallVector<int64_t> perm = channelsLast(type.getRank(), channelsFirst);
      value = createTranspose(rewriter, loc, value, perm);
      SmallVector<int64_t> shape(
          cast<RankedTensorType>(value.getType()).getShape());
      if (flat)
        shape.insert(shape.begin() + 1, 1);
      return createReshape(rewriter, loc, value, shape);
    };
    Value input = forward(op.getDpsInputs()[0]);
    Value init = forward(op.getDpsInits()[0]);
    Value result = createPooling(rewriter, op, *kind, input, init, flat);
    SmallVector<int64_t> perm = channelsLast(type.getRank(), channelsFirst);
    result = createReshape(rewriter, loc, result,
                           applyPermutation(type.getShape(), perm));
    rewriter.replaceOp(op, createTranspose(rewriter, loc, result,
                                           invertPermutationVector(perm)));
    return success();
  }

  static SmallVector<int64_t> channelsLast(int64_t rank, bool channelsFirst) {
    auto perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    if (channelsFirst)
      std::rotate(perm.begin() + 1, perm.begin() + 2, perm.end());
    return perm;
  }

  static Value createPooling(PatternRewriter &rewriter, linalg::LinalgOp op,
                             PoolingKind kind, Value input, Value init,
                             bool flat) {
    auto window = cast<RankedTensorType>(op.getDpsInputs()[1].getType());
    auto sizes = [&](StringRef name) {
      SmallVector<int64_t> values;
      if (flat)
        values.push_back(1);
      if (auto attr = op->getAttrOfType<DenseIntElementsAttr>(name))
        llvm::append_range(values, attr.getValues<int64_t>());
      else
        values.append(window.getRank(), 1);
      return rewriter.getI64TensorAttr(values);
    };
    Location loc = op.getLoc();
    SmallVector<int64_t> windowShape(window.getShape());
    if (flat)
      windowShape.insert(windowShape.begin(), 1);
    Value windowInit = tensor::EmptyOp::create(rewriter, loc, windowShape,
                                               window.getElementType());
    SmallVector<Value> inputs = {input, windowInit};
    SmallVector<Type, 1> type = {init.getType()};
    auto strides = sizes("strides"), dilations = sizes("dilations");
    switch (kind) {
    case PoolingKind::Max:
      return linalg::PoolingNhwcMaxOp::create(rewriter, loc, type, inputs, init,
                                              strides, dilations)
          .getResult(0);
    case PoolingKind::Min:
      return linalg::PoolingNhwcMinOp::create(rewriter, loc, type, inputs, init,
                                              strides, dilations)
          .getResult(0);
    case PoolingKind::Sum:
      return linalg::PoolingNhwcSumOp::create(rewriter, loc, type, inputs, init,
                                              strides, dilations)
          .getResult(0);
    }
    llvm_unreachable("unknown kind of pooling");
  }
};
} // namespace

void populateNormalizeContractionPatterns(RewritePatternSet &patterns) {
  patterns.add<ContractionNormalize, PoolingNormalize>(patterns.getContext());
}

} // namespace qopt
