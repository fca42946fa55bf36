//===- Reduction.cpp - Reductions and softmax -----------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums and maxima over axes, and what is built on them.
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

/// The reduced axes, from the attribute or the second input. No axes are all
/// axes, or with noop_with_empty_axes none.
static FailureOr<SmallVector<int64_t>> readAxes(NodeContext &context,
                                                int64_t rank) {
  SmallVector<int64_t> axes = context.intsAttr("axes");
  if (context.hasInput(1)) {
    FailureOr<SmallVector<int64_t>> input = context.intConstants(1, "axes");
    if (failed(input))
      return failure();
    axes = *input;
  }
  if (axes.empty() && !context.intAttr("noop_with_empty_axes", 0))
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  return context.normalizeAxes(axes, rank);
}

/// A mean over the image takes the same form as GlobalAveragePool, so that
/// its sum runs over NHWC.
static Value reduce(NodeContext &context, Value input, ArrayRef<int64_t> axes,
                    Reduction kind) {
  if (shapeOf(input).size() == 4 && axes == ArrayRef<int64_t>{2, 3})
    return createReduction(context.builder, context.loc,
                           toChannelsLast(context, input), {1, 2}, kind);
  return createReduction(context.builder, context.loc, input, axes, kind);
}

static LogicalResult importReduce(NodeContext &context, Reduction kind,
                                  bool isMean) {
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  SmallVector<int64_t> shape(shapeOf(*x));
  FailureOr<SmallVector<int64_t>> axes =
      readAxes(context, int64_t(shape.size()));
  if (failed(axes))
    return failure();
  if (axes->empty())
    return context.setOutput(*x);
  Value result = reduce(context, *x, *axes, kind);
  int64_t count = 1;
  for (int64_t axis : *axes) {
    count *= shape[axis];
    shape[axis] = 1;
  }
  if (isMean)
    result = createScale(context.builder, context.loc, result,
                         float(1.0 / double(count)));
  if (context.intAttr("keepdims", 1))
    result = createReshape(context.builder, context.loc, result, shape);
  return context.setOutput(result);
}

static LogicalResult importReduceMax(NodeContext &context) {
  return importReduce(context, Reduction::Max, /*isMean=*/false);
}
static LogicalResult importReduceMean(NodeContext &context) {
  return importReduce(context, Reduction::Sum, /*isMean=*/true);
}
static LogicalResult importReduceMin(NodeContext &context) {
  return importReduce(context, Reduction::Min, /*isMean=*/false);
}
static LogicalResult importReduceSum(NodeContext &context) {
  return importReduce(context, Reduction::Sum, /*isMean=*/false);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

// softmax over the dimensions [first, end), which become one for it.
static Value createSoftmax(NodeContext &context, Value x, int64_t first,
                           int64_t end) {
  OpBuilder &builder = context.builder;
  Location loc = context.loc;
  SmallVector<int64_t> shape(shapeOf(x));
  SmallVector<int64_t> flat(ArrayRef(shape).take_front(first));
  flat.push_back(llvm::product_of(ArrayRef(shape).slice(first, end - first)));
  llvm::append_range(flat, ArrayRef(shape).drop_front(end));
  Value rows = createReshape(builder, loc, x, flat);
  Value init = createEmpty(builder, loc, flat);
  Value result =
      linalg::SoftmaxOp::create(builder, loc, rows.getType(), rows, init, first)
          .getResult()[0];
  return createReshape(builder, loc, result, shape);
}

static LogicalResult importSoftmax(NodeContext &context) {
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  // Until opset 12 everything from `axis` on was one dimension.
  bool flattens = context.getOpset() < 13;
  int64_t rank = int64_t(shapeOf(*x).size());
  FailureOr<int64_t> axis =
      context.normalizeAxis(context.intAttr("axis", flattens ? 1 : -1), rank);
  if (failed(axis))
    return failure();
  return context.setOutput(
      createSoftmax(context, *x, *axis, flattens ? rank : *axis + 1));
}

ArrayRef<OpRow> onnximport::reductionOps() {
  constexpr StringLiteral kAttr = "axes:I keepdims:i";
  constexpr StringLiteral kInput = "keepdims:i noop_with_empty_axes:i";
  static const OpRow rows[] = {
      {"ReduceMax", 7, 17, 1, 1, 1, importReduceMax, kAttr},
      {"ReduceMax", 18, kMaxOpset, 1, 2, 1, importReduceMax, kInput},
      {"ReduceMean", 7, 17, 1, 1, 1, importReduceMean, kAttr},
      {"ReduceMean", 18, kMaxOpset, 1, 2, 1, importReduceMean, kInput},
      {"ReduceMin", 7, 17, 1, 1, 1, importReduceMin, kAttr},
      {"ReduceMin", 18, kMaxOpset, 1, 2, 1, importReduceMin, kInput},
      {"ReduceSum", 7, 12, 1, 1, 1, importReduceSum, kAttr},
      {"ReduceSum", 13, kMaxOpset, 1, 2, 1, importReduceSum, kInput},
      {"Softmax", 7, kMaxOpset, 1, 1, 1, importSoftmax, "axis:i"},
  };
  return rows;
}
