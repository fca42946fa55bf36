//===- ConvTranspose.cpp - Transposed convolution -------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Along one dimension, with stride s and pads in front l,
//   y[o] = sum of x[i] w[k] over i s + k = o + l.
// With o = s t + a, the phase a in [0, s), that is
//   y[s t + a] = sum over j of x[t + j] w[a + l - s j]:
// for each phase a convolution of stride 1 over the input itself, no zeros put
// between its elements. One convolution computes all phases as channels, and a
// transpose puts them next to each other (sub-pixel convolution, Shi et al.,
// "Is the deconvolution layer the same as a convolutional layer?", 2016).
//
//===----------------------------------------------------------------------===//

#include "Conv.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

namespace {

/// One spatial dimension.
struct Phases {
  int64_t input = 1, kernel = 1, stride = 1, dilation = 1, low = 0, output = 1;

  int64_t extent() const { return (kernel - 1) * dilation + 1; }
  /// The least and the largest j for which some phase has a weight.
  int64_t first() const {
    return llvm::divideCeilSigned(low - (extent() - 1), stride);
  }
  int64_t last() const { return (stride - 1 + low) / stride; }
  int64_t taps() const { return last() - first() + 1; }
  /// How many t there are.
  int64_t steps() const { return llvm::divideCeil(output, stride); }
  /// The weight of `phase` at its tap `u`, -1 if that is none.
  int64_t weightAt(int64_t phase, int64_t u) const {
    int64_t k = phase + low - stride * (first() + u);
    return k >= 0 && k < extent() && k % dilation == 0 ? k / dilation : -1;
  }
};

struct TransposedConv {
  ConvShape shape;
  Phases dims[2];
  bool is1D;

  int64_t numPhases() const { return dims[0].stride * dims[1].stride; }
  int64_t inDepth() const { return shape.inChannels / shape.groups; }
  int64_t outDepth() const { return shape.outChannels / shape.groups; }
};

} // namespace

static FailureOr<ConvShape> readShape(NodeContext &context,
                                      ArrayRef<int64_t> input,
                                      ArrayRef<int64_t> weights) {
  if (failed(checkInChannels(context, weights, 0, input[1])))
    return failure();
  FailureOr<int64_t> groups = readGroups(context, input[1]);
  if (failed(groups))
    return failure();
  return ConvShape{input[0], input[1], weights[1] * *groups, *groups};
}

/// Pads and size of the result, along all of `dims`.
static LogicalResult readOutput(NodeContext &context,
                                MutableArrayRef<Phases> dims) {
  size_t rank = dims.size();
  auto pads = readNumbers(context, "pads", 2 * rank, 0);
  auto more = readNumbers(context, "output_padding", rank, 0);
  auto sizes = readNumbers(context, "output_shape", rank, 1);
  if (failed(pads) || failed(more) || failed(sizes))
    return failure();
  std::string mode = context.stringAttr("auto_pad", "NOTSET");
  bool isSame = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (mode != "NOTSET" && mode != "VALID" && !isSame)
    return context.error("expected auto_pad NOTSET, VALID, SAME_UPPER or "
                         "SAME_LOWER, got '" +
                         printable(mode) + "'");
  for (auto [i, dim] : llvm::enumerate(dims)) {
    if ((*more)[i] >= std::max(dim.stride, dim.dilation))
      return context.error("expected output_padding below the stride or the "
                           "dilation, got " +
                           shapeString(*more));
    int64_t whole = (dim.input - 1) * dim.stride + (*more)[i] + dim.extent();
    dim.low = (*pads)[i];
    dim.output = whole - dim.low - (*pads)[rank + i];
    bool isGiven = context.hasAttr("output_shape");
    if (!isGiven && !isSame)
      continue;
    dim.output = isGiven ? (*sizes)[i] : dim.input * dim.stride;
    int64_t total = whole - dim.output;
    if (total < 0)
      return context.error("expected a Y of at most " + Twine(whole) +
                           " in spatial dimension " + Twine(i) + ", got " +
                           Twine(dim.output) + " by " +
                           (isGiven ? "output_shape" : "auto_pad"));
    dim.low = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
  }
  return success();
}

static FailureOr<TransposedConv> readConv(NodeContext &context,
                                          ArrayRef<int64_t> input,
                                          ArrayRef<int64_t> weights) {
  FailureOr<ConvShape> shape = readShape(context, input, weights);
  size_t rank = input.size() - 2;
  auto strides = readNumbers(context, "strides", rank, 1);
  auto dilations = readNumbers(context, "dilations", rank, 1);
  if (failed(shape) || failed(strides) || failed(dilations))
    return failure();
  // A 1-D convolution has height 1.
  TransposedConv conv{*shape, {}, rank == 1};
  MutableArrayRef<Phases> dims = MutableArrayRef(conv.dims).take_back(rank);
  for (auto [i, dim] : llvm::enumerate(dims)) {
    dim.input = input[2 + i];
    dim.kernel = weights[2 + i];
    dim.stride = (*strides)[i];
    dim.dilation = (*dilations)[i];
  }
  if (failed(readOutput(context, dims)) ||
      failed(context.checkShape(*strides, "the phases of Y")))
    return failure();
  SmallVector<int64_t> output{shape->batch, shape->outChannels};
  for (Phases &dim : dims)
    output.push_back(dim.output);
  if (failed(context.checkShape(output, "Y")))
    return failure();
  for (Phases &dim : dims)
    if (dim.first() >= dim.input || dim.steps() + dim.last() <= 0)
      return context.error("expected pads that let some of X reach Y, got none "
                           "for shape " +
                           shapeString(output));
  return conv;
}

/// [C, F, KH, KW] -> [G * phases * F, C / G, taps, taps], 0 where a phase has
/// no weight.
static HostTensor phaseFilters(const TransposedConv &conv,
                               const HostTensor &weights) {
  auto [height, width] = conv.dims;
  int64_t inDepth = conv.inDepth(), outDepth = conv.outDepth();
  HostTensor filters(DType::F32,
                     {conv.shape.groups * conv.numPhases() * outDepth, inDepth,
                      height.taps(), width.taps()});
  float *next = filters.data<float>().data();
  ArrayRef<float> from = weights.data<float>();
  for (int64_t g = 0; g < conv.shape.groups; ++g)
    for (int64_t phase = 0; phase < conv.numPhases(); ++phase)
      for (int64_t f = 0; f < outDepth; ++f)
        for (int64_t c = 0; c < inDepth; ++c)
          for (int64_t u = 0; u < height.taps(); ++u)
            for (int64_t v = 0; v < width.taps(); ++v) {
              int64_t kh = height.weightAt(phase / width.stride, u);
              int64_t kw = width.weightAt(phase % width.stride, v);
              int64_t filter = (g * inDepth + c) * outDepth + f;
              *next++ =
                  kh < 0 || kw < 0
                      ? 0.0f
                      : from[(filter * height.kernel + kh) * width.kernel + kw];
            }
  return filters;
}

/// [G * F] -> [G * phases * F]
static HostTensor phaseBias(const TransposedConv &conv,
                            const HostTensor &bias) {
  HostTensor repeated =
      hostBroadcast(hostReshape(bias, {conv.shape.groups, 1, conv.outDepth()}),
                    {conv.shape.groups, conv.numPhases(), conv.outDepth()});
  return hostReshape(repeated, repeated.numElements());
}

/// The convolution of stride 1 that computes all phases.
static Window phaseWindow(const TransposedConv &conv) {
  Window window;
  window.is1D = conv.is1D;
  window.strides = window.dilations = {1, 1};
  for (const Phases &dim : conv.dims) {
    window.input.push_back(dim.input);
    window.kernel.push_back(dim.taps());
    window.padLow.push_back(std::max<int64_t>(-dim.first(), 0));
    window.padHigh.push_back(
        std::max<int64_t>(dim.steps() + dim.last() - dim.input, 0));
    window.output.push_back(dim.steps());
  }
  return window;
}

/// [N, C, (H,) W] -> [N, H, W, C], padded, and without what no output reads.
static Value enterPhases(NodeContext &context, const TransposedConv &conv,
                         const Window &window, Value x) {
  Value input = enterWindow(context, window, x, 0);
  SmallVector<int64_t> offsets(4, 0), sizes(shapeOf(input)), steps(4, 1);
  for (auto [i, dim] : llvm::enumerate(conv.dims)) {
    offsets[1 + i] = std::max<int64_t>(dim.first(), 0);
    sizes[1 + i] = dim.steps() + dim.taps() - 1;
  }
  if (ArrayRef<int64_t>(sizes) == shapeOf(input))
    return input;
  return createSlice(context.builder, context.loc, input, offsets, sizes,
                     steps);
}

/// [N, H, W, G * phases * F] -> [N, H * s, W * s, G * F], and of that the size
/// of the result.
static Value interleavePhases(NodeContext &context, const TransposedConv &conv,
                              Value phases) {
  OpBuilder &builder = context.builder;
  auto [height, width] = conv.dims;
  Value result = phases;
  if (conv.numPhases() > 1) {
    result = createReshape(builder, context.loc, result,
                           {conv.shape.batch, height.steps(), width.steps(),
                            conv.shape.groups, height.stride, width.stride,
                            conv.outDepth()});
    result =
        createTranspose(builder, context.loc, result, {0, 1, 4, 2, 5, 3, 6});
    result =
        createReshape(builder, context.loc, result,
                      {conv.shape.batch, height.steps() * height.stride,
                       width.steps() * width.stride, conv.shape.outChannels});
  }
  SmallVector<int64_t> sizes{conv.shape.batch, height.output, width.output,
                             conv.shape.outChannels};
  if (ArrayRef<int64_t>(sizes) == shapeOf(result))
    return result;
  return createSlice(builder, context.loc, result, {0, 0, 0, 0}, sizes,
                     {1, 1, 1, 1});
}

LogicalResult onnximport::importConvTranspose(NodeContext &context) {
  auto operands = readOperands(context);
  if (failed(operands))
    return failure();
  auto [x, w] = *operands;
  FailureOr<TransposedConv> conv = readConv(context, shapeOf(x), w->shape);
  if (failed(conv))
    return failure();
  FailureOr<const HostTensor *> bias =
      readBias(context, conv->shape.outChannels);
  if (failed(bias))
    return failure();
  Window window = phaseWindow(*conv);
  ConvShape shape = conv->shape;
  shape.outChannels *= conv->numPhases();
  SmallVector<int64_t> filters{shape.outChannels, conv->inDepth(),
                               window.kernel[0], window.kernel[1]};
  SmallVector<int64_t> padded{shape.batch, shape.inChannels};
  for (size_t i = 0; i < 2; ++i)
    padded.push_back(window.input[i] + window.padLow[i] + window.padHigh[i]);
  if (failed(context.checkShape(filters, "the filters of all phases")) ||
      failed(context.checkShape(padded, "the padded input")) ||
      failed(context.checkShape(
          {shape.batch, window.output[0], window.output[1], shape.outChannels},
          "all phases of Y")) ||
      failed(
          context.checkMade(ShapedType::getNumElements(filters), DType::F32)))
    return failure();

  std::optional<HostTensor> phasesBias;
  if (*bias)
    phasesBias = phaseBias(*conv, **bias);
  Value phases =
      createConv(context, shape, window, enterPhases(context, *conv, window, x),
                 phaseFilters(*conv, *w), phasesBias ? &*phasesBias : nullptr);
  return context.setOutput(
      leaveWindow(context, window, interleavePhases(context, *conv, phases)));
}
