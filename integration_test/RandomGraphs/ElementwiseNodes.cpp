//===- ElementwiseNodes.cpp - Nodes that map and move ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphGrower.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;
using namespace qopt::randomgraphs;

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

bool GraphGrower::appendRelu() {
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

Value GraphGrower::unary(Value input) {
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

bool GraphGrower::appendUnary() {
  Value result = unary(pickAnyValue());
  for (int64_t more = random.chance(30) ? random.between(1, 2) : 0; more > 0;
       --more) {
    loc = nextLoc();
    result = unary(result);
  }
  return push(result);
}

bool GraphGrower::appendScale() {
  float factor = random.chance(50) ? random.uniform(0.1f, 3.0f)
                                   : random.pick({0.5f, 2.0f, -1.0f, -0.3f});
  return push(createScale(builder, loc, pickAnyValue(), factor));
}

/// a + b mostly, or another of the four; the operands read the dimensions
/// given.
Value GraphGrower::binary(Value a, ArrayRef<int64_t> aDims, Value b,
                          ArrayRef<int64_t> bDims, ArrayRef<int64_t> shape) {
  bool isGate = aDims.size() != bDims.size() && random.chance(60);
  int64_t kind = isGate ? 1 : random.between(0, 9);
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
bool GraphGrower::appendBinary() {
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
bool GraphGrower::appendResidual() {
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
bool GraphGrower::appendGate() {
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

/// x * f(x) or x - f(g(x)): several nodes, one table.
bool GraphGrower::appendSelfGate() {
  Value input = pickAnyValue(), gate = unary(input);
  if (random.chance(40)) {
    loc = nextLoc();
    gate = unary(gate);
  }
  SmallVector<int64_t> shape(shapeOf(input));
  SmallVector<int64_t> dims = allDims(shape);
  bool isProduct = random.chance(70);
  loc = nextLoc();
  return push(createElementwise(
      builder, loc, shape, {{input, dims, 0}, {gate, dims, 0}},
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        if (isProduct)
          return arith::MulFOp::create(b, l, args);
        return arith::SubFOp::create(b, l, args);
      }));
}

/// A batch normalization: x * a[c] + b[c].
bool GraphGrower::appendAffine() {
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

/// x times, or plus, a constant map, of images all channels alike at times.
/// What it reads has another reader more often than not, so that it is rounded
/// whether the map's result is or not.
bool GraphGrower::appendMap() {
  Value input = pickAnyValue();
  SmallVector<int64_t> shape(shapeOf(input)), dims = allDims(shape);
  if (shape.size() == 4)
    dims = random.chance(50) ? SmallVector<int64_t>{1, 2}
                             : SmallVector<int64_t>{1, 2, 3};
  SmallVector<int64_t> mapShape;
  for (int64_t dim : dims)
    mapShape.push_back(shape[dim]);
  bool isProduct = random.chance(60);
  Value result = createElementwise(
      builder, loc, shape,
      {{input, allDims(shape), 0}, {constant(mapShape, 2.0f), dims, 0}},
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        if (isProduct)
          return arith::MulFOp::create(b, l, args);
        return arith::AddFOp::create(b, l, args);
      });
  if (!push(result))
    return false;
  if (shape.size() == 4 && random.chance(60)) {
    loc = nextLoc();
    if (Value reader = conv(input, pickChannels(), pointwiseWindow(shape)))
      push(reader);
  }
  return true;
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

bool GraphGrower::appendConcat() {
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

bool GraphGrower::appendPad() {
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

bool GraphGrower::appendSlice() {
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
bool GraphGrower::appendShuffle() {
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

bool GraphGrower::appendTranspose() {
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
bool GraphGrower::appendResize() {
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
bool GraphGrower::appendGather() {
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
bool GraphGrower::appendReshape() {
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
