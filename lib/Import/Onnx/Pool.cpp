//===- Pool.cpp - Pooling -------------------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Windows of pooling on NHWC, and pooling over the whole image.
//
//===----------------------------------------------------------------------===//

#include "Window.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

/// The window of a pooling node, with every window meeting the input.
static FailureOr<Window> readPoolWindow(NodeContext &context, Value input) {
  ArrayRef<int64_t> shape = shapeOf(input);
  if (shape.size() != 3 && shape.size() != 4)
    return context.error("expected X of rank 3 or 4 (1-D or 2-D), got shape " +
                         shapeString(shape));
  if (!context.hasAttr("kernel_shape"))
    return context.error("expected an attribute 'kernel_shape', got none");
  FailureOr<Window> window =
      readWindow(context, shape, context.intsAttr("kernel_shape"));
  if (failed(window))
    return failure();
  for (size_t dim = 0; dim < 2; ++dim) {
    if (window->padLow[dim] >= window->extent(dim) ||
        window->padHigh[dim] >= window->extent(dim))
      return context.error("expected pads smaller than the window, got " +
                           Twine(window->padLow[dim]) + " and " +
                           Twine(window->padHigh[dim]) + " for " +
                           Twine(window->extent(dim)));
  }
  return window;
}

template <typename Op>
static Value createPool(NodeContext &context, const Window &window, Value input,
                        float start) {
  OpBuilder &builder = context.builder;
  ArrayRef<int64_t> shape = shapeOf(input);
  Value init = createFill(
      builder, context.loc,
      {shape[0], window.output[0], window.output[1], shape[3]}, start);
  Value kernel = createEmpty(builder, context.loc, window.kernel);
  return Op::create(builder, context.loc, TypeRange{init.getType()},
                    ValueRange{input, kernel}, ValueRange{init},
                    window.stridesAttr(builder), window.dilationsAttr(builder))
      .getResult(0);
}

/// How many of a window's elements count along `dim`, for each output.
static SmallVector<int64_t> countAlong(const Window &window, size_t dim,
                                       bool includePads) {
  int64_t begin = includePads ? -window.padLow[dim] : 0;
  int64_t end = window.input[dim] + (includePads ? window.padHigh[dim] : 0);
  SmallVector<int64_t> counts;
  for (int64_t out = 0; out < window.output[dim]; ++out) {
    // begin <= start + k * dilation < end, solved for k.
    int64_t start = out * window.strides[dim] - window.padLow[dim];
    int64_t dilation = window.dilations[dim];
    int64_t first =
        std::max<int64_t>(llvm::divideCeilSigned(begin - start, dilation), 0);
    int64_t last = std::min(window.kernel[dim],
                            llvm::divideCeilSigned(end - start, dilation));
    counts.push_back(std::max<int64_t>(last - first, 0));
  }
  return counts;
}

static LogicalResult checkWindowsMeetInput(NodeContext &context,
                                           const Window &window) {
  for (size_t dim = 0; dim < 2; ++dim) {
    if (is_contained(countAlong(window, dim, /*includePads=*/false), 0))
      return context.error("expected every window to meet the input, got one "
                           "that lies in the padding");
  }
  return success();
}

static LogicalResult importMaxPool(NodeContext &context) {
  if (context.intAttr("storage_order", 0) != 0)
    return context.error("expected storage_order 0, got 1");
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  FailureOr<Window> window = readPoolWindow(context, *x);
  if (failed(window) || failed(checkWindowsMeetInput(context, *window)))
    return failure();
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Value input = enterWindow(context, *window, *x, kLowest);
  Value result =
      createPool<linalg::PoolingNhwcMaxOp>(context, *window, input, kLowest);
  return context.setOutput(leaveWindow(context, *window, result));
}

// sum over the window * (1 / count); where border windows count fewer
// elements, 1 / count is a constant [OH, OW].
static LogicalResult importAveragePool(NodeContext &context) {
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  FailureOr<Window> window = readPoolWindow(context, *x);
  if (failed(window) || failed(checkWindowsMeetInput(context, *window)))
    return failure();
  bool includePads = context.intAttr("count_include_pad", 0) != 0;
  Value input = enterWindow(context, *window, *x, 0);
  Value sum = createPool<linalg::PoolingNhwcSumOp>(context, *window, input, 0);

  SmallVector<int64_t> rows = countAlong(*window, 0, includePads);
  SmallVector<int64_t> columns = countAlong(*window, 1, includePads);
  ElementwiseOperand factor;
  factor.scalar = float(1.0 / double(rows[0] * columns[0]));
  if (!llvm::all_equal(rows) || !llvm::all_equal(columns)) {
    SmallVector<float> factors;
    for (int64_t row : rows)
      for (int64_t column : columns)
        factors.push_back(float(1.0 / double(row * column)));
    factor.tensor = createConstant(context.builder, context.loc,
                                   makeFloatTensor(window->output, factors));
    factor.dims = {1, 2};
  }
  ElementwiseOperand total{sum, {0, 1, 2, 3}};
  Value mean = createElementwise(
      context.builder, context.loc, shapeOf(sum), {total, factor},
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(b, l, args);
      });
  return context.setOutput(leaveWindow(context, *window, mean));
}

/// [N, C, S...] reduced over S to [N, C, 1...].
static LogicalResult importGlobalPool(NodeContext &context, Reduction kind) {
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  SmallVector<int64_t> shape(shapeOf(*x));
  if (shape.size() < 3)
    return context.error("expected X of rank 3 or more, got shape " +
                         shapeString(shape));
  Value input = toChannelsLast(context, *x);
  auto dims = llvm::to_vector(llvm::seq<int64_t>(1, shape.size() - 1));
  Value result =
      createReduction(context.builder, context.loc, input, dims, kind);
  if (kind == Reduction::Sum) {
    int64_t count = *countElements(ArrayRef(shape).drop_front(2));
    result = createScale(context.builder, context.loc, result,
                         float(1.0 / double(count)));
  }
  std::fill(shape.begin() + 2, shape.end(), 1);
  return context.setOutput(
      createReshape(context.builder, context.loc, result, shape));
}

static LogicalResult importGlobalAveragePool(NodeContext &context) {
  return importGlobalPool(context, Reduction::Sum);
}

static LogicalResult importGlobalMaxPool(NodeContext &context) {
  return importGlobalPool(context, Reduction::Max);
}

ArrayRef<OpRow> onnximport::poolOps() {
  static const OpRow rows[] = {
      {"AveragePool", 7, 9, 1, 1, 1, importAveragePool,
       "auto_pad:s count_include_pad:i kernel_shape:I pads:I strides:I"},
      {"AveragePool", 10, 18, 1, 1, 1, importAveragePool,
       "auto_pad:s ceil_mode:i count_include_pad:i kernel_shape:I pads:I "
       "strides:I"},
      {"AveragePool", 19, kMaxOpset, 1, 1, 1, importAveragePool,
       "auto_pad:s ceil_mode:i count_include_pad:i dilations:I "
       "kernel_shape:I pads:I strides:I"},
      {"GlobalAveragePool", 7, kMaxOpset, 1, 1, 1, importGlobalAveragePool, ""},
      {"GlobalMaxPool", 7, kMaxOpset, 1, 1, 1, importGlobalMaxPool, ""},
      {"MaxPool", 7, 7, 1, 1, 2, importMaxPool,
       "auto_pad:s kernel_shape:I pads:I strides:I"},
      {"MaxPool", 8, 9, 1, 1, 2, importMaxPool,
       "auto_pad:s kernel_shape:I pads:I storage_order:i strides:I"},
      {"MaxPool", 10, kMaxOpset, 1, 1, 2, importMaxPool,
       "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I "
       "storage_order:i strides:I"},
  };
  return rows;
}
