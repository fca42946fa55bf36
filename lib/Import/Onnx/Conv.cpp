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

#include "Conv.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

FailureOr<std::pair<Value, const HostTensor *>>
onnximport::readOperands(NodeContext &context) {
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  FailureOr<const HostTensor *> w = context.floatConstant(1, "W");
  if (failed(w) || failed(context.checkShape((*w)->shape, "W")))
    return failure();
  ArrayRef<int64_t> input = shapeOf(*x), weights = (*w)->shape;
  if (input.size() != 3 && input.size() != 4)
    return context.error("expected X of rank 3 or 4 (1-D or 2-D), got shape " +
                         shapeString(input));
  if (weights.size() != input.size())
    return context.error("expected W of rank " + Twine(input.size()) +
                         ", got shape " + shapeString(weights));
  ArrayRef<int64_t> kernel = weights.drop_front(2);
  if (context.hasAttr("kernel_shape") &&
      ArrayRef(context.intsAttr("kernel_shape")) != kernel)
    return context.error("expected kernel_shape " + shapeString(kernel) +
                         " as in W, got " +
                         shapeString(context.intsAttr("kernel_shape")));
  return std::pair(*x, *w);
}

FailureOr<int64_t> onnximport::readGroups(NodeContext &context,
                                          int64_t inChannels,
                                          std::optional<int64_t> outChannels) {
  int64_t groups = context.intAttr("group", 1);
  if (groups >= 1 && groups < kMaxElements && inChannels % groups == 0 &&
      outChannels.value_or(0) % groups == 0)
    return groups;
  std::string channels = std::to_string(inChannels) + " in";
  if (outChannels)
    channels += " and " + std::to_string(*outChannels) + " out";
  return context.error("expected group to divide the channels, got " +
                       Twine(groups) + " for " + channels);
}

LogicalResult onnximport::checkInChannels(NodeContext &context,
                                          ArrayRef<int64_t> weights, size_t dim,
                                          int64_t inChannels,
                                          const Twine &origin) {
  if (weights[dim] == inChannels)
    return success();
  return context.error("expected W with " + Twine(inChannels) +
                       " input channels" + origin + ", got shape " +
                       shapeString(weights));
}

FailureOr<const HostTensor *> onnximport::readBias(NodeContext &context,
                                                   int64_t outChannels) {
  if (!context.hasInput(2))
    return static_cast<const HostTensor *>(nullptr);
  FailureOr<const HostTensor *> bias = context.floatConstant(2, "B");
  if (failed(bias))
    return failure();
  if (ArrayRef<int64_t>((*bias)->shape) != ArrayRef<int64_t>{outChannels})
    return context.error("expected B of shape [" + Twine(outChannels) +
                         "], got " + shapeString((*bias)->shape));
  return bias;
}

static FailureOr<ConvShape> readShape(NodeContext &context,
                                      ArrayRef<int64_t> input,
                                      ArrayRef<int64_t> weights) {
  FailureOr<int64_t> groups = readGroups(context, input[1], weights[0]);
  if (failed(groups) ||
      failed(checkInChannels(context, weights, 1, input[1] / *groups,
                             " (" + Twine(input[1]) + " / group " +
                                 Twine(*groups) + ")")))
    return failure();
  return ConvShape{input[0], input[1], weights[0], *groups};
}

/// The init: the bias along the channels, or 0. `channelDims` are the last
/// dimensions of `shape` that make up the channel.
static Value createInit(NodeContext &context, const HostTensor *bias,
                        ArrayRef<int64_t> shape, size_t channelDims) {
  if (!bias)
    return createFill(context.builder, context.loc, shape, 0);
  Value constant =
      createConstant(context.builder, context.loc,
                     hostReshape(*bias, shape.take_back(channelDims)));
  auto added =
      llvm::to_vector(llvm::seq<int64_t>(0, shape.size() - channelDims));
  return createBroadcast(context.builder, context.loc, constant, shape, added);
}

/// `Op` on input and weights in its own layout.
template <typename Op>
static Value createOp(NodeContext &context, const Window &window, Value input,
                      const HostTensor &weights, Value init) {
  OpBuilder &builder = context.builder;
  Value constant = createConstant(builder, context.loc, weights);
  return Op::create(builder, context.loc, TypeRange{init.getType()},
                    ValueRange{input, constant}, ValueRange{init},
                    window.stridesAttr(builder), window.dilationsAttr(builder))
      .getResult(0);
}

/// Groups are a dimension of their own: [N, H, W, G, C / G].
static Value createGroupedConv(NodeContext &context, const ConvShape &conv,
                               const Window &window, Value input,
                               const HostTensor &weights,
                               const HostTensor *bias) {
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
  Value init = createInit(
      context, bias,
      {conv.batch, window.output[0], window.output[1], conv.groups, outDepth},
      /*channelDims=*/2);
  Value result = createOp<linalg::Conv2DNhwgcGfhwcOp>(context, window, grouped,
                                                      filters, init);
  return createReshape(
      context.builder, context.loc, result,
      {conv.batch, window.output[0], window.output[1], conv.outChannels});
}

Value onnximport::createConv(NodeContext &context, const ConvShape &conv,
                             const Window &window, Value input,
                             const HostTensor &weights,
                             const HostTensor *bias) {
  if (conv.groups > 1 && !conv.isDepthwise())
    return createGroupedConv(context, conv, window, input, weights, bias);
  Value init = createInit(
      context, bias,
      {conv.batch, window.output[0], window.output[1], conv.outChannels},
      /*channelDims=*/1);
  int64_t kh = window.kernel[0], kw = window.kernel[1];
  if (conv.isDepthwise())
    // [C, 1, KH, KW] -> [KH, KW, C]
    return createOp<linalg::DepthwiseConv2DNhwcHwcOp>(
        context, window, input,
        hostTranspose(hostReshape(weights, {conv.outChannels, kh, kw}),
                      {1, 2, 0}),
        init);
  // [F, C, KH, KW] -> [F, KH, KW, C]
  return createOp<linalg::Conv2DNhwcFhwcOp>(
      context, window, input,
      hostTranspose(
          hostReshape(weights, {conv.outChannels, conv.inChannels, kh, kw}),
          {0, 2, 3, 1}),
      init);
}

static LogicalResult importConv(NodeContext &context) {
  auto operands = readOperands(context);
  if (failed(operands))
    return failure();
  auto [x, w] = *operands;
  FailureOr<ConvShape> conv = readShape(context, shapeOf(x), w->shape);
  if (failed(conv))
    return failure();
  FailureOr<Window> window =
      readWindow(context, shapeOf(x), ArrayRef(w->shape).drop_front(2));
  if (failed(window))
    return failure();
  if (failed(context.checkShape({conv->batch, window->output[0],
                                 window->output[1], conv->outChannels},
                                "Y")))
    return failure();
  FailureOr<const HostTensor *> bias = readBias(context, conv->outChannels);
  if (failed(bias))
    return failure();
  Value input = enterWindow(context, *window, x, 0);
  Value result = createConv(context, *conv, *window, input, *w, *bias);
  return context.setOutput(leaveWindow(context, *window, result));
}

ArrayRef<OpRow> onnximport::convOps() {
  static const OpRow rows[] = {
      {"Conv", 7, kMaxOpset, 2, 3, 1, importConv,
       "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"},
      {"ConvTranspose", 7, kMaxOpset, 2, 3, 1, importConvTranspose,
       "auto_pad:s dilations:I group:i kernel_shape:I output_padding:I "
       "output_shape:I pads:I strides:I"},
  };
  return rows;
}
