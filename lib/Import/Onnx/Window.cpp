//===- Window.cpp - Geometry of convolution and pooling -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All numbers come from the model and are bounded before they are used.
//
//===----------------------------------------------------------------------===//

#include "Window.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

FailureOr<Window::Pair> onnximport::readNumbers(NodeContext &context,
                                                StringRef name, size_t count,
                                                int64_t least) {
  if (!context.hasAttr(name))
    return Window::Pair(count, least);
  SmallVector<int64_t> numbers = context.intsAttr(name);
  bool inRange = all_of(numbers, [&](int64_t number) {
    return number >= least && number < kMaxElements;
  });
  if (numbers.size() != count || !inRange)
    return context.error("expected " + Twine(count) + " " + name +
                         " >= " + Twine(least) + " (and < 2^31), got " +
                         shapeString(numbers));
  return Window::Pair(numbers.begin(), numbers.end());
}

static LogicalResult readPads(NodeContext &context, Window &window) {
  size_t rank = window.kernel.size();
  FailureOr<Window::Pair> pads = readNumbers(context, "pads", 2 * rank, 0);
  if (failed(pads))
    return failure();
  window.padLow.assign(pads->begin(), pads->begin() + rank);
  window.padHigh.assign(pads->begin() + rank, pads->end());

  std::string mode = context.stringAttr("auto_pad", "NOTSET");
  if (mode == "NOTSET")
    return success();
  if (any_of(*pads, [](int64_t pad) { return pad != 0; }))
    return context.error("expected either pads or auto_pad, got both");
  if (mode == "VALID")
    return success();
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER")
    return context.error("expected auto_pad NOTSET, VALID, SAME_UPPER or "
                         "SAME_LOWER, got '" +
                         printable(mode) + "'");
  for (size_t dim = 0; dim < rank; ++dim) {
    int64_t size = window.input[dim], stride = window.strides[dim];
    int64_t output = llvm::divideCeil(size, stride);
    int64_t total =
        std::max<int64_t>((output - 1) * stride + window.extent(dim) - size, 0);
    int64_t less = total / 2, more = total - less;
    window.padLow[dim] = mode == "SAME_UPPER" ? less : more;
    window.padHigh[dim] = mode == "SAME_UPPER" ? more : less;
  }
  return success();
}

static LogicalResult inferOutput(NodeContext &context, Window &window) {
  bool ceilMode = context.intAttr("ceil_mode", 0) != 0;
  for (size_t dim = 0; dim < window.kernel.size(); ++dim) {
    int64_t stride = window.strides[dim];
    int64_t padded =
        window.input[dim] + window.padLow[dim] + window.padHigh[dim];
    int64_t room = padded - window.extent(dim);
    if (room < 0)
      return context.error("expected a window no larger than the padded "
                           "input, got " +
                           Twine(window.extent(dim)) + " over " +
                           Twine(padded) + " in spatial dimension " +
                           Twine(dim));
    int64_t output = room / stride + 1;
    // In ceil mode a window may hang over, but it starts on the input.
    if (ceilMode && room % stride != 0 &&
        output * stride < window.input[dim] + window.padLow[dim])
      ++output;
    window.output.push_back(output);
    window.overhang[dim] = std::max<int64_t>(
        (output - 1) * stride + window.extent(dim) - padded, 0);
  }
  return success();
}

/// Height 1 in front of the width.
static void makeTwoDimensional(Window &window) {
  window.is1D = true;
  for (Window::Pair *pair : {&window.input, &window.kernel, &window.strides,
                             &window.dilations, &window.output})
    pair->insert(pair->begin(), 1);
  for (Window::Pair *pair : {&window.padLow, &window.padHigh})
    pair->insert(pair->begin(), 0);
  std::swap(window.overhang[0], window.overhang[1]);
}

FailureOr<Window> onnximport::readWindow(NodeContext &context,
                                         ArrayRef<int64_t> inputShape,
                                         ArrayRef<int64_t> kernel) {
  Window window;
  size_t rank = inputShape.size() - 2;
  window.input.assign(inputShape.begin() + 2, inputShape.end());
  window.kernel.assign(kernel.begin(), kernel.end());
  if (kernel.size() != rank)
    return context.error("expected a kernel of " + Twine(rank) +
                         " dimensions, got " + shapeString(kernel));
  if (any_of(kernel,
             [](int64_t size) { return size < 1 || size >= kMaxElements; }))
    return context.error("expected kernel sizes >= 1 (and < 2^31), got " +
                         shapeString(kernel));
  FailureOr<Window::Pair> strides = readNumbers(context, "strides", rank, 1);
  if (failed(strides))
    return failure();
  FailureOr<Window::Pair> dilations =
      readNumbers(context, "dilations", rank, 1);
  if (failed(dilations))
    return failure();
  window.strides = *strides;
  window.dilations = *dilations;
  if (failed(readPads(context, window)) || failed(inferOutput(context, window)))
    return failure();
  if (rank == 1)
    makeTwoDimensional(window);

  SmallVector<int64_t> padded(inputShape.take_front(2));
  for (size_t dim = 0; dim < 2; ++dim)
    padded.push_back(window.input[dim] + window.padLow[dim] +
                     window.padHigh[dim] + window.overhang[dim]);
  if (failed(context.checkShape(padded, "the padded input")))
    return failure();
  return window;
}

Value onnximport::enterWindow(NodeContext &context, const Window &window,
                              Value input, float padding) {
  OpBuilder &builder = context.builder;
  Value result = toChannelsLast(context, input);
  if (window.is1D) {
    ArrayRef<int64_t> shape = shapeOf(result);
    result = createReshape(builder, context.loc, result,
                           {shape[0], 1, shape[1], shape[2]});
  }
  int64_t low[] = {0, window.padLow[0], window.padLow[1], 0};
  int64_t high[] = {0, window.padHigh[0] + window.overhang[0],
                    window.padHigh[1] + window.overhang[1], 0};
  return createPad(builder, context.loc, result, low, high, padding);
}

Value onnximport::leaveWindow(NodeContext &context, const Window &window,
                              Value result) {
  if (window.is1D) {
    ArrayRef<int64_t> shape = shapeOf(result);
    result = createReshape(context.builder, context.loc, result,
                           {shape[0], shape[2], shape[3]});
  }
  return toChannelsFirst(context, result);
}
