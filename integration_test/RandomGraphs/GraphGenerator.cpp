//===- GraphGenerator.cpp - Random float models ---------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A graph grows node by node. Every kind of node is a function that looks for
// operands among the values there are and appends itself, or says that it found
// none. What nobody reads at the end is a result of the model.
//
//===----------------------------------------------------------------------===//

#include "GraphGenerator.h"
#include "LinalgBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;
using namespace qopt::randomgraphs;

/// What one node may cost, in multiply-adds, and hold, in elements: the
/// interpreter runs it a dozen times.
static constexpr int64_t kMaxMacs = 600'000;
static constexpr int64_t kMaxElements = 12'000;

namespace {

/// Where a window of a convolution or a pooling lies: rows, then columns.
struct WindowShape {
  int64_t kernel[2], strides[2], dilations[2], low[2], high[2], output[2];

  int64_t taps() const { return kernel[0] * kernel[1]; }
};

class GraphGenerator {
public:
  GraphGenerator(MLIRContext &context, Random &random, NodeCounts &counts)
      : builder(&context), random(random), counts(counts) {}

  OwningOpRef<ModuleOp> run();

private:
  /// One kind of node; `weight` says how often it is tried.
  struct Kind {
    const char *name;
    int64_t weight;
    bool (GraphGenerator::*append)();
  };
  static ArrayRef<Kind> kinds();

  void addInputs(func::FuncOp function);
  void addResults(func::FuncOp function);
  void appendRandomNode();

  // Contractions.
  bool appendConv();
  bool appendPointwiseConv();
  bool appendDepthwiseConv();
  bool appendGroupedConv();
  bool appendMatmul();
  bool appendBatchMatmul();
  // Windows and reductions.
  bool appendMaxPool();
  bool appendAveragePool();
  bool appendGlobalMean();
  bool appendReduction();
  bool appendSoftmax();
  // Elementwise.
  bool appendRelu();
  bool appendUnary();
  bool appendScale();
  bool appendBinary();
  bool appendResidual();
  bool appendGate();
  bool appendAffine();
  // Movement.
  bool appendConcat();
  bool appendPad();
  bool appendSlice();
  bool appendShuffle();
  bool appendTranspose();
  bool appendResize();
  bool appendGather();
  bool appendReshape();

  Location nextLoc() {
    return NameLoc::get(
        builder.getStringAttr("node_" + std::to_string(numNodes++)));
  }
  /// Null if there is no value of that rank; the newest more often.
  Value pickValue(int64_t rank);
  Value pickAnyValue();
  /// Takes `value` into the graph, unless it is too large.
  bool push(Value value);

  int64_t pickChannels();
  std::optional<WindowShape> pickWindow(Value input, bool isPool);
  Value constant(ArrayRef<int64_t> shape, float magnitude);
  Value weights(ArrayRef<int64_t> shape, int64_t depth,
                ArrayRef<int64_t> channelDims);
  Value biasInit(ArrayRef<int64_t> shape, size_t channelDims);
  Value pad(Value input, const WindowShape &window, float value);
  template <typename Op>
  Value windowed(Value input, Value other, Value init,
                 const WindowShape &window);
  Value conv(Value input, int64_t channels, const WindowShape &window);
  Value unary(Value input);
  Value binary(Value a, ArrayRef<int64_t> aDims, Value b,
               ArrayRef<int64_t> bDims, ArrayRef<int64_t> shape);

  OpBuilder builder;
  Random &random;
  NodeCounts &counts;
  Location loc = builder.getUnknownLoc();
  SmallVector<Value> values;
  int64_t numNodes = 0;
  bool isChannelsFirst = false;
};

} // namespace

static int64_t numElements(ArrayRef<int64_t> shape) {
  return computeProduct(shape);
}

static SmallVector<int64_t> allDims(ArrayRef<int64_t> shape) {
  return llvm::to_vector(llvm::seq<int64_t>(0, int64_t(shape.size())));
}

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

Value GraphGenerator::pickValue(int64_t rank) {
  SmallVector<Value> candidates;
  for (Value value : values)
    if (int64_t(shapeOf(value).size()) == rank)
      candidates.push_back(value);
  if (candidates.empty())
    return nullptr;
  return random.chance(60) ? candidates.back() : random.pickFrom(candidates);
}

Value GraphGenerator::pickAnyValue() {
  return random.chance(60) ? values.back() : random.pickFrom(values);
}

bool GraphGenerator::push(Value value) {
  if (numElements(shapeOf(value)) > kMaxElements)
    return false;
  values.push_back(value);
  return true;
}

int64_t GraphGenerator::pickChannels() {
  if (random.chance(50))
    return random.pick<int64_t>({1, 3, 4, 8, 16, 32});
  return random.between(1, 40);
}

/// A window that fits; poolings get none that lies in the padding.
std::optional<WindowShape> GraphGenerator::pickWindow(Value input,
                                                      bool isPool) {
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

Value GraphGenerator::constant(ArrayRef<int64_t> shape, float magnitude) {
  HostTensor tensor(DType::F32, shape);
  for (float &value : tensor.data<float>())
    value = random.uniform(-magnitude, magnitude);
  return createConstant(builder, loc, tensor);
}

/// Weights for sums of `depth` products. Besides ordinary ones: channels of
/// very different scales, channels of zeros, all weights at the same end.
Value GraphGenerator::weights(ArrayRef<int64_t> shape, int64_t depth,
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
Value GraphGenerator::biasInit(ArrayRef<int64_t> shape, size_t channelDims) {
  if (random.chance(30))
    return createFill(builder, loc, shape, 0);
  float magnitude = random.pick({0.1f, 1.0f, 1.0f, 20.0f});
  Value bias = constant(shape.take_back(channelDims), magnitude);
  auto added =
      llvm::to_vector(llvm::seq<int64_t>(0, shape.size() - channelDims));
  return createBroadcast(builder, loc, bias, shape, added);
}

Value GraphGenerator::pad(Value input, const WindowShape &window, float value) {
  return createPad(builder, loc, input, {0, window.low[0], window.low[1], 0},
                   {0, window.high[0], window.high[1], 0}, value);
}

template <typename Op>
Value GraphGenerator::windowed(Value input, Value other, Value init,
                               const WindowShape &window) {
  return Op::create(builder, loc, TypeRange{init.getType()},
                    ValueRange{input, other}, ValueRange{init},
                    builder.getI64TensorAttr(window.strides),
                    builder.getI64TensorAttr(window.dilations))
      .getResult(0);
}

/// Null if it would cost too much.
Value GraphGenerator::conv(Value input, int64_t channels,
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

bool GraphGenerator::appendConv() {
  Value input = pickValue(4);
  std::optional<WindowShape> window =
      input ? pickWindow(input, /*isPool=*/false) : std::nullopt;
  Value result = window ? conv(input, pickChannels(), *window) : nullptr;
  return result && push(result);
}

static WindowShape pointwiseWindow(ArrayRef<int64_t> shape) {
  return {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {shape[1], shape[2]}};
}

bool GraphGenerator::appendPointwiseConv() {
  Value input = pickValue(4);
  Value result =
      input ? conv(input, pickChannels(), pointwiseWindow(shapeOf(input)))
            : nullptr;
  return result && push(result);
}

bool GraphGenerator::appendDepthwiseConv() {
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

bool GraphGenerator::appendGroupedConv() {
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

bool GraphGenerator::appendMatmul() {
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
bool GraphGenerator::appendBatchMatmul() {
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

bool GraphGenerator::appendMaxPool() {
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

bool GraphGenerator::appendAveragePool() {
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

bool GraphGenerator::appendGlobalMean() {
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

bool GraphGenerator::appendReduction() {
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

bool GraphGenerator::appendSoftmax() {
  Value input = pickAnyValue();
  SmallVector<int64_t> shape(shapeOf(input));
  SmallVector<int64_t> dims = allDims(shape);
  ElementwiseOperand whole{input, dims, 0}, reduced{nullptr, dims, 0};
  reduced.dims.pop_back();
  int64_t last = dims.back();
  reduced.tensor = createReduction(builder, loc, input, last, Reduction::Max);
  whole.tensor =
      createElementwise(builder, loc, shape, {whole, reduced},
                        [](OpBuilder &b, Location l, ValueRange args) -> Value {
                          Value shifted = arith::SubFOp::create(b, l, args);
                          return math::ExpOp::create(b, l, shifted);
                        });
  reduced.tensor =
      createReduction(builder, loc, whole.tensor, last, Reduction::Sum);
  return push(
      createElementwise(builder, loc, shape, {whole, reduced},
                        [](OpBuilder &b, Location l, ValueRange args) -> Value {
                          return arith::DivFOp::create(b, l, args);
                        }));
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

static Value clampTo(OpBuilder &b, Location l, Value x, float lo, float hi) {
  Value y = arith::MaximumFOp::create(b, l, x, createScalar(b, l, lo));
  return arith::MinimumFOp::create(b, l, y, createScalar(b, l, hi));
}

static Value logistic(OpBuilder &b, Location l, Value x) {
  Value power = math::ExpOp::create(b, l, arith::NegFOp::create(b, l, x));
  Value one = createScalar(b, l, 1);
  Value sum = arith::AddFOp::create(b, l, one, power);
  return arith::DivFOp::create(b, l, one, sum);
}

static Value hardSigmoid(OpBuilder &b, Location l, Value x) {
  Value y = arith::MulFOp::create(b, l, x, createScalar(b, l, 1.0f / 6.0f));
  y = arith::AddFOp::create(b, l, y, createScalar(b, l, 0.5f));
  return clampTo(b, l, y, 0.0f, 1.0f);
}

static Value leakyRelu(OpBuilder &b, Location l, Value x, float slope) {
  Value isPositive = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OGE, x,
                                           createScalar(b, l, 0));
  Value scaled = arith::MulFOp::create(b, l, x, createScalar(b, l, slope));
  return arith::SelectOp::create(b, l, isPositive, x, scaled);
}

/// x / 2 * (1 + erf(x / sqrt 2))
static Value gelu(OpBuilder &b, Location l, Value x) {
  Value y = arith::MulFOp::create(b, l, x, createScalar(b, l, 0.70710678f));
  y = math::ErfOp::create(b, l, y);
  y = arith::AddFOp::create(b, l, y, createScalar(b, l, 1.0f));
  Value half = arith::MulFOp::create(b, l, x, createScalar(b, l, 0.5f));
  return arith::MulFOp::create(b, l, half, y);
}

bool GraphGenerator::appendRelu() {
  Value input = pickAnyValue();
  float hi = random.pick({6.0f, 1.0f, 0.0f});
  return push(createUnary(
      builder, loc, input,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        if (hi != 0.0f)
          return clampTo(b, l, args[0], 0.0f, hi);
        return arith::MaximumFOp::create(b, l, args[0], createScalar(b, l, 0));
      }));
}

Value GraphGenerator::unary(Value input) {
  int64_t kind = random.between(0, 9);
  float a = random.uniform(-1.5f, 1.5f), c = random.uniform(0.0f, 3.0f);
  return createUnary(
      builder, loc, input,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value x = args[0];
        switch (kind) {
        case 0:
          return leakyRelu(b, l, x, a);
        case 1:
          return logistic(b, l, x);
        case 2:
          return math::TanhOp::create(b, l, x);
        case 3:
          return hardSigmoid(b, l, x);
        case 4:
          return arith::MulFOp::create(b, l, x, hardSigmoid(b, l, x));
        case 5:
          return gelu(b, l, x);
        case 6:
          return arith::MulFOp::create(b, l, x, logistic(b, l, x));
        case 7:
          return math::AbsFOp::create(b, l, x);
        case 8:
          return arith::NegFOp::create(b, l, x);
        default:
          return clampTo(b, l, x, a, a + c);
        }
      });
}

bool GraphGenerator::appendUnary() {
  Value result = unary(pickAnyValue());
  for (int64_t more = random.chance(30) ? random.between(1, 2) : 0; more > 0;
       --more) {
    loc = nextLoc();
    result = unary(result);
  }
  return push(result);
}

bool GraphGenerator::appendScale() {
  float factor = random.chance(50) ? random.uniform(0.1f, 3.0f)
                                   : random.pick({0.5f, 2.0f, -1.0f, -0.3f});
  return push(createScale(builder, loc, pickAnyValue(), factor));
}

/// a + b mostly, or another of the four; the operands read the dimensions
/// given.
Value GraphGenerator::binary(Value a, ArrayRef<int64_t> aDims, Value b,
                             ArrayRef<int64_t> bDims, ArrayRef<int64_t> shape) {
  int64_t kind = random.between(0, 9);
  return createElementwise(
      builder, loc, shape,
      {{a, SmallVector<int64_t>(aDims), 0},
       {b, SmallVector<int64_t>(bDims), 0}},
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        if (kind == 0)
          return arith::DivFOp::create(b, l, args);
        if (kind <= 2)
          return arith::MulFOp::create(b, l, args);
        if (kind <= 4)
          return arith::SubFOp::create(b, l, args);
        return arith::AddFOp::create(b, l, args);
      });
}

/// Of two values of one shape, or of a value and itself.
bool GraphGenerator::appendBinary() {
  Value a = pickAnyValue();
  SmallVector<int64_t> shape(shapeOf(a));
  SmallVector<Value> candidates;
  for (Value value : values)
    if (shapeOf(value) == ArrayRef(shape))
      candidates.push_back(value);
  Value b = random.pickFrom(candidates);
  SmallVector<int64_t> dims = allDims(shape);
  return push(binary(a, dims, b, dims, shape));
}

/// A convolution whose result is added to its input, or to another one's.
bool GraphGenerator::appendResidual() {
  Value input = pickValue(4);
  if (!input)
    return false;
  SmallVector<int64_t> shape(shapeOf(input));
  WindowShape window = pointwiseWindow(shape);
  if (random.chance(70)) {
    window.kernel[0] = window.kernel[1] = 3;
    window.low[0] = window.low[1] = window.high[0] = window.high[1] = 1;
  }
  Value branch = conv(input, shape[3], window);
  if (!branch)
    return false;
  Value other = input;
  if (random.chance(30)) {
    loc = nextLoc();
    other = conv(input, shape[3], pointwiseWindow(shape));
    if (!other)
      return false;
  }
  loc = nextLoc();
  bool isSwapped = random.chance(50);
  ElementwiseOperand left{isSwapped ? other : branch, {0, 1, 2, 3}, 0};
  ElementwiseOperand right{isSwapped ? branch : other, {0, 1, 2, 3}, 0};
  bool isActivated = random.chance(60);
  Value sum =
      createElementwise(builder, loc, shape, {left, right},
                        [](OpBuilder &b, Location l, ValueRange args) -> Value {
                          return arith::AddFOp::create(b, l, args);
                        });
  if (!isActivated)
    return push(sum);
  loc = nextLoc();
  return push(createUnary(
      builder, loc, sum,
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        return arith::MaximumFOp::create(b, l, args[0], createScalar(b, l, 0));
      }));
}

/// x times, plus, ... one number per channel that the model computes.
bool GraphGenerator::appendGate() {
  Value input = pickValue(4);
  if (!input)
    return false;
  SmallVector<int64_t> shape(shapeOf(input));
  for (Value gate : llvm::reverse(values)) {
    ArrayRef<int64_t> gateShape = shapeOf(gate);
    if (gateShape == ArrayRef<int64_t>{shape[0], shape[3]})
      return push(binary(input, {0, 1, 2, 3}, gate, {0, 3}, shape));
  }
  Value mean = createReduction(builder, loc, input, {1, 2}, Reduction::Sum);
  mean =
      createScale(builder, loc, mean, float(1.0 / double(shape[1] * shape[2])));
  loc = nextLoc();
  Value gate = unary(mean);
  loc = nextLoc();
  return push(binary(input, {0, 1, 2, 3}, gate, {0, 3}, shape));
}

/// A batch normalization: x * a[c] + b[c].
bool GraphGenerator::appendAffine() {
  Value input = pickAnyValue();
  SmallVector<int64_t> shape(shapeOf(input));
  int64_t last = int64_t(shape.size()) - 1;
  ElementwiseOperand x{input, allDims(shape), 0};
  ElementwiseOperand a{constant(shape.back(), 2.0f), {last}, 0};
  ElementwiseOperand b{constant(shape.back(), 1.0f), {last}, 0};
  return push(createElementwise(
      builder, loc, shape, {x, a, b},
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value scaled = arith::MulFOp::create(b, l, args[0], args[1]);
        return arith::AddFOp::create(b, l, scaled, args[2]);
      }));
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

/// Whether the two shapes agree but for dimension `dim`.
static bool agreeBut(ArrayRef<int64_t> a, ArrayRef<int64_t> b, int64_t dim) {
  if (a.size() != b.size())
    return false;
  for (int64_t i = 0; i < int64_t(a.size()); ++i)
    if (i != dim && a[i] != b[i])
      return false;
  return true;
}

bool GraphGenerator::appendConcat() {
  Value first = pickAnyValue();
  int64_t rank = int64_t(shapeOf(first).size());
  int64_t dim = random.chance(70) ? rank - 1 : random.between(0, rank - 1);
  SmallVector<Value> candidates, parts = {first};
  for (Value value : values)
    if (agreeBut(shapeOf(value), shapeOf(first), dim))
      candidates.push_back(value);
  for (int64_t more = random.between(1, 2); more > 0; --more)
    parts.push_back(random.pickFrom(candidates));
  return push(tensor::ConcatOp::create(builder, loc, dim, parts));
}

bool GraphGenerator::appendPad() {
  Value input = pickAnyValue();
  SmallVector<int64_t> low, high;
  for (size_t i = 0; i < shapeOf(input).size(); ++i) {
    low.push_back(random.chance(40) ? random.between(0, 3) : 0);
    high.push_back(random.chance(40) ? random.between(0, 3) : 0);
  }
  float value = random.chance(70) ? 0.0f : random.uniform(-2.0f, 2.0f);
  Value result = createPad(builder, loc, input, low, high, value);
  return result != input && push(result);
}

bool GraphGenerator::appendSlice() {
  Value input = pickAnyValue();
  SmallVector<int64_t> offsets, sizes, strides;
  for (int64_t size : shapeOf(input)) {
    bool isWhole = random.chance(50);
    int64_t offset = isWhole ? 0 : random.between(0, size - 1);
    int64_t stride = isWhole ? 1 : random.pick<int64_t>({1, 1, 2, 3});
    int64_t most = (size - 1 - offset) / stride + 1;
    offsets.push_back(offset);
    strides.push_back(stride);
    sizes.push_back(isWhole ? size : random.between(1, most));
  }
  return push(createSlice(builder, loc, input, offsets, sizes, strides));
}

/// Channels (g, c) -> (c, g).
bool GraphGenerator::appendShuffle() {
  Value input = pickValue(4);
  if (!input)
    return false;
  SmallVector<int64_t> shape(shapeOf(input));
  int64_t groups = random.between(2, 4);
  if (shape[3] % groups)
    return false;
  Value split =
      createReshape(builder, loc, input,
                    {shape[0], shape[1], shape[2], groups, shape[3] / groups});
  Value swapped = createTranspose(builder, loc, split, {0, 1, 2, 4, 3});
  return push(createReshape(builder, loc, swapped, shape));
}

bool GraphGenerator::appendTranspose() {
  Value input = pickAnyValue();
  switch (shapeOf(input).size()) {
  case 2:
    return push(createTranspose(builder, loc, input, {1, 0}));
  case 4:
    return push(createTranspose(builder, loc, input,
                                random.chance(50)
                                    ? ArrayRef<int64_t>{0, 2, 1, 3}
                                    : ArrayRef<int64_t>{0, 3, 1, 2}));
  default:
    return false;
  }
}

/// Nearest neighbour by integer factors.
bool GraphGenerator::appendResize() {
  Value input = pickValue(4);
  if (!input)
    return false;
  SmallVector<int64_t> shape(shapeOf(input));
  int64_t rows = random.between(1, 3), columns = random.between(1, 3);
  Value repeated = createElementwise(
      builder, loc, {shape[0], shape[1], rows, shape[2], columns, shape[3]},
      {{input, {0, 1, 3, 5}, 0}},
      [](OpBuilder &, Location, ValueRange args) { return args[0]; });
  return push(
      createReshape(builder, loc, repeated,
                    {shape[0], shape[1] * rows, shape[2] * columns, shape[3]}));
}

/// Nearest neighbour by any table of positions.
bool GraphGenerator::appendGather() {
  Value input = pickValue(4);
  if (!input)
    return false;
  SmallVector<SmallVector<int64_t>> tables(2);
  for (int dim : {0, 1})
    for (int64_t n = random.between(1, 17); n > 0; --n)
      tables[dim].push_back(random.between(0, shapeOf(input)[dim + 1] - 1));
  return push(createGather(builder, loc, input, {1, 2}, tables));
}

/// Images flattened, vectors made images.
bool GraphGenerator::appendReshape() {
  Value input = pickAnyValue();
  ArrayRef<int64_t> shape = shapeOf(input);
  if (shape.size() == 4)
    return push(createReshape(builder, loc, input,
                              {shape[0], numElements(shape) / shape[0]}));
  if (shape.size() != 2)
    return false;
  for (int64_t columns : {4, 3, 2})
    if (shape[1] % columns == 0)
      return push(createReshape(builder, loc, input,
                                {shape[0], 1, columns, shape[1] / columns}));
  return push(createReshape(builder, loc, input, {shape[0], 1, 1, shape[1]}));
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

ArrayRef<GraphGenerator::Kind> GraphGenerator::kinds() {
  static const Kind table[] = {
      {"conv", 12, &GraphGenerator::appendConv},
      {"pointwise-conv", 6, &GraphGenerator::appendPointwiseConv},
      {"depthwise-conv", 6, &GraphGenerator::appendDepthwiseConv},
      {"grouped-conv", 4, &GraphGenerator::appendGroupedConv},
      {"matmul", 8, &GraphGenerator::appendMatmul},
      {"batch-matmul", 1, &GraphGenerator::appendBatchMatmul},
      {"max-pool", 4, &GraphGenerator::appendMaxPool},
      {"average-pool", 4, &GraphGenerator::appendAveragePool},
      {"global-mean", 3, &GraphGenerator::appendGlobalMean},
      {"reduction", 1, &GraphGenerator::appendReduction},
      {"softmax", 1, &GraphGenerator::appendSoftmax},
      {"relu", 8, &GraphGenerator::appendRelu},
      {"unary", 6, &GraphGenerator::appendUnary},
      {"scale", 2, &GraphGenerator::appendScale},
      {"binary", 5, &GraphGenerator::appendBinary},
      {"residual", 7, &GraphGenerator::appendResidual},
      {"gate", 3, &GraphGenerator::appendGate},
      {"affine", 2, &GraphGenerator::appendAffine},
      {"concat", 5, &GraphGenerator::appendConcat},
      {"pad", 2, &GraphGenerator::appendPad},
      {"slice", 2, &GraphGenerator::appendSlice},
      {"shuffle", 1, &GraphGenerator::appendShuffle},
      {"transpose", 1, &GraphGenerator::appendTranspose},
      {"resize", 3, &GraphGenerator::appendResize},
      {"gather", 1, &GraphGenerator::appendGather},
      {"reshape", 5, &GraphGenerator::appendReshape},
  };
  return table;
}

/// Tries kinds until one finds its operands; relu always does.
void GraphGenerator::appendRandomNode() {
  int64_t total = 0;
  for (const Kind &kind : kinds())
    total += kind.weight;
  while (true) {
    int64_t ticket = random.between(0, total - 1);
    const Kind *kind = kinds().begin();
    for (; ticket >= kind->weight; ++kind)
      ticket -= kind->weight;
    loc = nextLoc();
    Block *block = builder.getInsertionBlock();
    size_t before = block->getOperations().size();
    if (!(this->*kind->append)()) {
      while (block->getOperations().size() > before)
        block->back().erase();
      continue;
    }
    ++counts[kind->name];
    return;
  }
}

void GraphGenerator::addInputs(func::FuncOp function) {
  Block &block = function.getBody().front();
  for (int64_t i = random.chance(80) ? 1 : 2; i > 0; --i) {
    int64_t batch = random.chance(85) ? 1 : random.between(2, 3);
    SmallVector<int64_t> shape = {batch, pickChannels() * pickChannels()};
    if (random.chance(85)) {
      int64_t height = random.chance(15) ? 1 : random.between(1, 17);
      shape = {batch, height, random.between(1, 17), pickChannels()};
    }
    bool isMoved = isChannelsFirst && shape.size() == 4;
    SmallVector<int64_t> border = shape;
    if (isMoved)
      border = {shape[0], shape[3], shape[1], shape[2]};
    loc = nextLoc();
    Value input = block.addArgument(floatTensorType(builder, border), loc);
    values.push_back(
        isMoved ? createTranspose(builder, loc, input, {0, 2, 3, 1}) : input);
  }
}

void GraphGenerator::addResults(func::FuncOp function) {
  SmallVector<Value> results;
  for (Value value : values)
    if (value.use_empty() || random.chance(3))
      results.push_back(value);
  if (random.chance(3))
    results.push_back(results.front());
  for (Value &value : results) {
    loc = nextLoc();
    if (isChannelsFirst && shapeOf(value).size() == 4)
      value = createTranspose(builder, loc, value, {0, 3, 1, 2});
  }
  func::ReturnOp::create(builder, loc, results);
  function.setType(builder.getFunctionType(
      function.getBody().getArgumentTypes(), TypeRange(ValueRange(results))));
}

OwningOpRef<ModuleOp> GraphGenerator::run() {
  loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToStart(module->getBody());
  auto function = func::FuncOp::create(builder, loc, "model",
                                       builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  isChannelsFirst = random.chance(40);
  addInputs(function);
  for (int64_t n = random.between(1, 10); n > 0; --n)
    appendRandomNode();
  addResults(function);
  return module;
}

OwningOpRef<ModuleOp> qopt::randomgraphs::generateGraph(MLIRContext &context,
                                                        Random &random,
                                                        NodeCounts &counts) {
  return GraphGenerator(context, random, counts).run();
}
