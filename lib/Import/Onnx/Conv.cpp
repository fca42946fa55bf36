//===- Conv.cpp - Convolution ---------------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 1-D and 2-D convolution as one of three named operations on NHWC: ordinary,
// depthwise (one filter per channel), grouped.
//
//===----------------------------------------------------------------------===//

#include "Window.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

namespace {

struct ConvShape {
  int64_t batch, inChannels, outChannels, groups;

  bool isDepthwise() const {
    return groups > 1 && groups == inChannels && groups == outChannels;
  }
};

} // namespace

static FailureOr<ConvShape> readShape(NodeContext &context,
                                      ArrayRef<int64_t> input,
                                      ArrayRef<int64_t> weights) {
  if (input.size() != 3 && input.size() != 4)
    return context.error("expected X of rank 3 or 4 (1-D or 2-D), got shape " +
                         shapeString(input));
  if (weights.size() != input.size())
    return context.error("expected W of rank " + Twine(input.size()) +
                         ", got shape " + shapeString(weights));
  ConvShape shape{input[0], input[1], weights[0], context.intAttr("group", 1)};
  if (shape.groups < 1 || shape.inChannels % shape.groups ||
      shape.outChannels % shape.groups)
    return context.error("expected group to divide the channels, got " +
                         Twine(shape.groups) + " for " +
                         Twine(shape.inChannels) + " in and " +
                         Twine(shape.outChannels) + " out");
  if (weights[1] != shape.inChannels / shape.groups)
    return context.error(
        "expected W with " + Twine(shape.inChannels / shape.groups) +
        " input channels (" + Twine(shape.inChannels) + " / group " +
        Twine(shape.groups) + "), got shape " + shapeString(weights));
  return shape;
}

/// The init: B along the channels, or 0. `channelDims` are the last dimensions
/// of `shape` that make up the channel.
static FailureOr<Value> createInit(NodeContext &context, const ConvShape &conv,
                                   ArrayRef<int64_t> shape,
                                   size_t channelDims) {
  if (!context.hasInput(2))
    return createFill(context.builder, context.loc, shape, 0);
  FailureOr<const HostTensor *> bias = context.floatConstant(2, "B");
  if (failed(bias))
    return failure();
  if (ArrayRef<int64_t>((*bias)->shape) != ArrayRef<int64_t>{conv.outChannels})
    return context.error("expected B of shape [" + Twine(conv.outChannels) +
                         "], got " + shapeString((*bias)->shape));
  Value constant =
      createConstant(context.builder, context.loc,
                     hostReshape(**bias, shape.take_back(channelDims)));
  auto added =
      llvm::to_vector(llvm::seq<int64_t>(0, shape.size() - channelDims));
  return createBroadcast(context.builder, context.loc, constant, shape, added);
}

/// `Op` on input and weights in its own layout, added to the bias.
template <typename Op>
static FailureOr<Value>
createConv(NodeContext &context, const ConvShape &conv, const Window &window,
           Value input, const HostTensor &weights, ArrayRef<int64_t> shape,
           size_t channelDims) {
  FailureOr<Value> init = createInit(context, conv, shape, channelDims);
  if (failed(init))
    return failure();
  OpBuilder &builder = context.builder;
  Value constant = createConstant(builder, context.loc, weights);
  return Op::create(builder, context.loc, TypeRange{init->getType()},
                    ValueRange{input, constant}, ValueRange{*init},
                    window.stridesAttr(builder), window.dilationsAttr(builder))
      .getResult(0);
}

/// Groups are a dimension of their own: [N, H, W, G, C / G].
static FailureOr<Value> createGroupedConv(NodeContext &context,
                                          const ConvShape &conv,
                                          const Window &window, Value input,
                                          const HostTensor &weights) {
  int64_t inDepth = conv.inChannels / conv.groups;
  int64_t outDepth = conv.outChannels / conv.groups;
  ArrayRef<int64_t> shape = shapeOf(input);
  Value grouped =
      createReshape(context.builder, context.loc, input,
                    {shape[0], shape[1], shape[2], conv.groups, inDepth});
  // [G * F, C, KH, KW] -> [G, F, KH, KW, C]
  HostTensor filters =
      hostTranspose(hostReshape(weights, {conv.groups, outDepth, inDepth,
                                          window.kernel[0], window.kernel[1]}),
                    {0, 1, 3, 4, 2});
  FailureOr<Value> result = createConv<linalg::Conv2DNhwgcGfhwcOp>(
      context, conv, window, grouped, filters,
      {conv.batch, window.output[0], window.output[1], conv.groups, outDepth},
      /*channelDims=*/2);
  if (failed(result))
    return failure();
  return createReshape(
      context.builder, context.loc, *result,
      {conv.batch, window.output[0], window.output[1], conv.outChannels});
}

static LogicalResult importConv(NodeContext &context) {
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  FailureOr<const HostTensor *> w = context.floatConstant(1, "W");
  if (failed(w) || failed(context.checkShape((*w)->shape, "W")))
    return failure();
  ArrayRef<int64_t> weightShape = (*w)->shape;
  FailureOr<ConvShape> conv = readShape(context, shapeOf(*x), weightShape);
  if (failed(conv))
    return failure();
  ArrayRef<int64_t> kernel = weightShape.drop_front(2);
  if (context.hasAttr("kernel_shape") &&
      ArrayRef(context.intsAttr("kernel_shape")) != kernel)
    return context.error("expected kernel_shape " + shapeString(kernel) +
                         " as in W, got " +
                         shapeString(context.intsAttr("kernel_shape")));
  FailureOr<Window> window = readWindow(context, shapeOf(*x), kernel);
  if (failed(window))
    return failure();
  int64_t height = window->output[0], width = window->output[1];
  SmallVector<int64_t> shape = {conv->batch, height, width, conv->outChannels};
  if (failed(context.checkShape(shape, "Y")))
    return failure();

  Value input = enterWindow(context, *window, *x, 0);
  int64_t kh = window->kernel[0], kw = window->kernel[1];
  FailureOr<Value> result;
  if (conv->groups == 1) {
    // [F, C, KH, KW] -> [F, KH, KW, C]
    HostTensor filters = hostTranspose(
        hostReshape(**w, {weightShape[0], weightShape[1], kh, kw}),
        {0, 2, 3, 1});
    result = createConv<linalg::Conv2DNhwcFhwcOp>(
        context, *conv, *window, input, filters, shape, /*channelDims=*/1);
  } else if (conv->isDepthwise()) {
    // [C, 1, KH, KW] -> [KH, KW, C]
    HostTensor filters =
        hostTranspose(hostReshape(**w, {conv->outChannels, kh, kw}), {1, 2, 0});
    result = createConv<linalg::DepthwiseConv2DNhwcHwcOp>(
        context, *conv, *window, input, filters, shape, /*channelDims=*/1);
  } else {
    result = createGroupedConv(context, *conv, *window, input, **w);
  }
  if (failed(result))
    return failure();
  return context.setOutput(leaveWindow(context, *window, *result));
}

ArrayRef<OpRow> onnximport::convOps() {
  static const OpRow rows[] = {
      {"Conv", 7, kMaxOpset, 2, 3, 1, importConv,
       "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"},
  };
  return rows;
}
