//===- ContractionNodes.cpp - Nodes that sum ------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Convolutions, products, pooling and reductions.
//
//===----------------------------------------------------------------------===//

#include "GraphGrower.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;
using namespace qopt::randomgraphs;

/// What one node may cost, in multiply-adds, and hold, in elements: the
/// interpreter runs it a dozen times.
static constexpr int64_t kMaxMacs = 600'000;
static constexpr int64_t kMaxGraphElements = 12'000;

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

Value GraphGrower::pickValue(int64_t rank) {
  SmallVector<Value> candidates;
  for (Value value : values)
    if (int64_t(shapeOf(value).size()) == rank)
      candidates.push_back(value);
  if (candidates.empty())
    return nullptr;
  return random.chance(60) ? candidates.back() : random.pickFrom(candidates);
}

Value GraphGrower::pickAnyValue() {
  return random.chance(60) ? values.back() : random.pickFrom(values);
}

bool GraphGrower::push(Value value) {
  if (numElements(shapeOf(value)) > kMaxGraphElements)
    return false;
  values.push_back(value);
  return true;
}

int64_t GraphGrower::pickChannels() {
  if (random.chance(50))
    return random.pick<int64_t>({1, 3, 4, 8, 16, 32});
  return random.between(1, 40);
}

/// A window that fits; poolings get none that lies in the padding.
std::optional<WindowShape> GraphGrower::pickWindow(Value input, bool isPool) {
  ArrayRef<int64_t> size = shapeOf(input).slice(1, 2);
  WindowShape window;
  for (int dim : {0, 1}) {
    int64_t kernel = size[dim] == 1 && random.chance(90)
                         ? 1
                         : random.pick<int64_t>({1, 2, 3, 3, 3, 4, 5});
    int64_t dilation = random.chance(80) ? 1 : random.between(2, 3);
    int64_t extent = (kernel - 1) * dilation + 1;
    int64_t maxPad = isPool ? (dilation == 1 ? kernel - 1 : 0) : extent - 1;
    bool isPadded = random.chance(60);
    window.kernel[dim] = kernel;
    window.dilations[dim] = dilation;
    window.strides[dim] = random.chance(60) ? 1 : random.between(1, 3);
    window.low[dim] = isPadded ? random.between(0, maxPad) : 0;
    window.high[dim] = isPadded ? random.between(0, maxPad) : 0;
    int64_t slack = size[dim] + window.low[dim] + window.high[dim] - extent;
    if (slack < 0)
      return std::nullopt;
    window.output[dim] = slack / window.strides[dim] + 1;
  }
  return window;
}

Value GraphGrower::constant(ArrayRef<int64_t> shape, float magnitude) {
  HostTensor tensor(DType::F32, shape);
  for (float &value : tensor.data<float>())
    value = random.uniform(-magnitude, magnitude);
  return createConstant(builder, loc, tensor);
}

/// Weights for sums of `depth` products. Besides ordinary ones: channels of
/// very different scales, channels of zeros, all weights at the same end.
Value GraphGrower::weights(ArrayRef<int64_t> shape, int64_t depth,
                           ArrayRef<int64_t> channelDims) {
  int64_t style = random.between(0, 9);
  float magnitude = 2.0f / std::sqrt(float(depth));
  int64_t channels = 1;
  for (int64_t dim : channelDims)
    channels *= shape[dim];
  SmallVector<float> factors(channels, 1.0f);
  if (style < 4)
    for (float &factor : factors)
      factor = random.chance(10) ? 0.0f
                                 : std::ldexp(1.0f, int(random.between(-4, 2)));
  HostTensor tensor(DType::F32, shape);
  MutableArrayRef<float> data = tensor.data<float>();
  for (auto [i, value] : llvm::enumerate(data)) {
    int64_t channel = 0, rest = int64_t(i);
    SmallVector<int64_t> index(shape.size());
    for (int64_t dim = int64_t(shape.size()) - 1; dim >= 0; --dim) {
      index[dim] = rest % shape[dim];
      rest /= shape[dim];
    }
    for (int64_t dim : channelDims)
      channel = channel * shape[dim] + index[dim];
    value = random.uniform(-magnitude, magnitude) * factors[channel];
    if (style == 8)
      value = magnitude;
    if (style == 9)
      value = -magnitude;
  }
  return createConstant(builder, loc, tensor);
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// Zero, or a bias along the last `channelDims` dimensions.
Value GraphGrower::biasInit(ArrayRef<int64_t> shape, size_t channelDims) {
  if (random.chance(30))
    return createFill(builder, loc, shape, 0);
  float magnitude = random.pick({0.1f, 1.0f, 1.0f, 20.0f});
  Value bias = constant(shape.take_back(channelDims), magnitude);
  auto added =
      llvm::to_vector(llvm::seq<int64_t>(0, shape.size() - channelDims));
  return createBroadcast(builder, loc, bias, shape, added);
}

Value GraphGrower::pad(Value input, const WindowShape &window, float value) {
  return createPad(builder, loc, input, {0, window.low[0], window.low[1], 0},
                   {0, window.high[0], window.high[1], 0}, value);
}

template <typename Op>
Value GraphGrower::windowed(Value input, Value other, Value init,
                            const WindowShape &window) {
  return Op::create(builder, loc, TypeRange{init.getType()},
                    ValueRange{input, other}, ValueRange{init},
                    builder.getI64TensorAttr(window.strides),
                    builder.getI64TensorAttr(window.dilations))
      .getResult(0);
}

/// Null if it would cost too much.
Value GraphGrower::conv(Value input, int64_t channels,
                        const WindowShape &window) {
  ArrayRef<int64_t> shape = shapeOf(input);
  int64_t depth = window.taps() * shape[3];
  SmallVector<int64_t> result = {shape[0], window.output[0], window.output[1],
                                 channels};
  if (numElements(result) * depth > kMaxMacs)
    return nullptr;
  Value padded = pad(input, window, 0);
  Value filters = weights(
      {channels, window.kernel[0], window.kernel[1], shape[3]}, depth, {0});
  return windowed<linalg::Conv2DNhwcFhwcOp>(padded, filters,
                                            biasInit(result, 1), window);
}

bool GraphGrower::appendConv() {
  Value input = pickValue(4);
  std::optional<WindowShape> window =
      input ? pickWindow(input, /*isPool=*/false) : std::nullopt;
  Value result = window ? conv(input, pickChannels(), *window) : nullptr;
  return result && push(result);
}

bool GraphGrower::appendPointwiseConv() {
  Value input = pickValue(4);
  Value result =
      input ? conv(input, pickChannels(), pointwiseWindow(shapeOf(input)))
            : nullptr;
  return result && push(result);
}

bool GraphGrower::appendDepthwiseConv() {
  Value input = pickValue(4);
  std::optional<WindowShape> window =
      input ? pickWindow(input, /*isPool=*/false) : std::nullopt;
  if (!window)
    return false;
  int64_t batch = shapeOf(input)[0], channels = shapeOf(input)[3];
  Value padded = pad(input, *window, 0);
  Value filters = weights({window->kernel[0], window->kernel[1], channels},
                          window->taps(), {2});
  Value init =
      biasInit({batch, window->output[0], window->output[1], channels}, 1);
  return push(windowed<linalg::DepthwiseConv2DNhwcHwcOp>(padded, filters, init,
                                                         *window));
}

bool GraphGrower::appendGroupedConv() {
  Value input = pickValue(4);
  std::optional<WindowShape> window =
      input ? pickWindow(input, /*isPool=*/false) : std::nullopt;
  if (!window)
    return false;
  int64_t channels = shapeOf(input)[3];
  SmallVector<int64_t> divisors;
  for (int64_t groups = 2; groups <= channels; ++groups)
    if (channels % groups == 0)
      divisors.push_back(groups);
  if (divisors.empty())
    return false;
  int64_t groups = random.pickFrom(divisors), depth = channels / groups;
  int64_t width = random.between(1, std::max<int64_t>(40 / groups, 1));
  SmallVector<int64_t> result = {shapeOf(input)[0], window->output[0],
                                 window->output[1], groups, width};
  if (numElements(result) * depth * window->taps() > kMaxMacs)
    return false;
  Value padded = pad(input, *window, 0);
  SmallVector<int64_t> grouped(shapeOf(padded).drop_back());
  grouped.append({groups, depth});
  padded = createReshape(builder, loc, padded, grouped);
  Value filters =
      weights({groups, width, window->kernel[0], window->kernel[1], depth},
              depth * window->taps(), {0, 1});
  Value sums = windowed<linalg::Conv2DNhwgcGfhwcOp>(
      padded, filters, biasInit(result, 2), *window);
  return push(createReshape(builder, loc, sums,
                            {result[0], result[1], result[2], groups * width}));
}

bool GraphGrower::appendMatmul() {
  Value input = pickValue(2);
  if (!input)
    return false;
  int64_t rows = shapeOf(input)[0], depth = shapeOf(input)[1];
  int64_t columns = pickChannels();
  if (rows * depth * columns > kMaxMacs)
    return false;
  Value right = weights({depth, columns}, depth, {1});
  Value init = biasInit({rows, columns}, 1);
  return push(linalg::MatmulOp::create(builder, loc, TypeRange{init.getType()},
                                       ValueRange{input, right},
                                       ValueRange{init})
                  .getResult(0));
}

/// One activation times another, as in attention.
bool GraphGrower::appendBatchMatmul() {
  Value input = pickValue(4);
  if (!input)
    return false;
  ArrayRef<int64_t> shape = shapeOf(input);
  int64_t batch = shape[0], rows = shape[1] * shape[2], depth = shape[3];
  if (rows > 64)
    return false;
  Value left = createReshape(builder, loc, input, {batch, rows, depth});
  Value right = createTranspose(builder, loc, left, {0, 2, 1});
  Value init = createFill(builder, loc, {batch, rows, rows}, 0);
  Value product =
      linalg::BatchMatmulOp::create(builder, loc, TypeRange{init.getType()},
                                    ValueRange{left, right}, ValueRange{init})
          .getResult(0);
  return push(
      createReshape(builder, loc, product, {batch, shape[1], shape[2], rows}));
}

//===----------------------------------------------------------------------===//
// Windows and reductions
//===----------------------------------------------------------------------===//

bool GraphGrower::appendMaxPool() {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Value input = pickValue(4);
  std::optional<WindowShape> window =
      input ? pickWindow(input, /*isPool=*/true) : std::nullopt;
  if (!window)
    return false;
  SmallVector<int64_t> shape = {shapeOf(input)[0], window->output[0],
                                window->output[1], shapeOf(input)[3]};
  Value padded = pad(input, *window, kLowest);
  Value kernel = createEmpty(builder, loc, window->kernel);
  Value init = createFill(builder, loc, shape, kLowest);
  return push(
      windowed<linalg::PoolingNhwcMaxOp>(padded, kernel, init, *window));
}

/// How many places of the input the windows along `dim` cover.
static SmallVector<int64_t> countAlong(const WindowShape &window, int dim,
                                       int64_t size) {
  SmallVector<int64_t> result;
  for (int64_t out = 0; out < window.output[dim]; ++out) {
    int64_t count = 0;
    for (int64_t tap = 0; tap < window.kernel[dim]; ++tap) {
      int64_t place = out * window.strides[dim] - window.low[dim] +
                      tap * window.dilations[dim];
      count += place >= 0 && place < size;
    }
    result.push_back(count);
  }
  return result;
}

bool GraphGrower::appendAveragePool() {
  Value input = pickValue(4);
  std::optional<WindowShape> window =
      input ? pickWindow(input, /*isPool=*/true) : std::nullopt;
  if (!window)
    return false;
  ArrayRef<int64_t> from = shapeOf(input);
  SmallVector<int64_t> shape = {from[0], window->output[0], window->output[1],
                                from[3]};
  Value padded = pad(input, *window, 0);
  Value kernel = createEmpty(builder, loc, window->kernel);
  Value sum = windowed<linalg::PoolingNhwcSumOp>(
      padded, kernel, createFill(builder, loc, shape, 0), *window);
  SmallVector<int64_t> rows = countAlong(*window, 0, from[1]);
  SmallVector<int64_t> columns = countAlong(*window, 1, from[2]);
  bool isUniform = llvm::all_equal(rows) && llvm::all_equal(columns);
  if (isUniform || random.chance(50))
    return push(
        createScale(builder, loc, sum, float(1.0 / double(window->taps()))));
  HostTensor factors(DType::F32, {window->output[0], window->output[1]});
  MutableArrayRef<float> data = factors.data<float>();
  for (auto [i, row] : llvm::enumerate(rows))
    for (auto [j, column] : llvm::enumerate(columns))
      data[i * columns.size() + j] = float(1.0 / double(row * column));
  Value factor = createConstant(builder, loc, factors);
  return push(createElementwise(
      builder, loc, shape, {{sum, {0, 1, 2, 3}, 0}, {factor, {1, 2}, 0}},
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(b, l, args);
      }));
}

bool GraphGrower::appendGlobalMean() {
  Value input = pickValue(4);
  if (!input)
    return false;
  ArrayRef<int64_t> shape = shapeOf(input);
  Value sum = createReduction(builder, loc, input, {1, 2}, Reduction::Sum);
  Value mean =
      createScale(builder, loc, sum, float(1.0 / double(shape[1] * shape[2])));
  if (random.chance(30))
    mean = createReshape(builder, loc, mean, {shape[0], 1, 1, shape[3]});
  return push(mean);
}

bool GraphGrower::appendReduction() {
  Value input = pickAnyValue();
  ArrayRef<int64_t> shape = shapeOf(input);
  if (shape.size() < 3)
    return false;
  auto kind = random.pick({Reduction::Sum, Reduction::Max, Reduction::Min});
  int64_t last = int64_t(shape.size()) - 1;
  if (random.chance(50))
    return push(createReduction(builder, loc, input, {1, 2}, kind));
  return push(createReduction(builder, loc, input, {last - 1, last}, kind));
}

bool GraphGrower::appendSoftmax() {
  Value input = pickAnyValue();
  ArrayRef<int64_t> shape = shapeOf(input);
  auto type = cast<RankedTensorType>(input.getType());
  Value init =
      tensor::EmptyOp::create(builder, loc, shape, builder.getF32Type());
  int64_t dim = random.chance(50)
                    ? int64_t(shape.size()) - 1
                    : random.between(0, int64_t(shape.size()) - 1);
  return push(linalg::SoftmaxOp::create(builder, loc, type, input, init, dim)
                  .getResult()[0]);
}
