//===- MatMul.cpp - Gemm and MatMul ---------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constant right sides become linalg.matmul on rows, with weights as [K, N].
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

/// a [M, K] times b [K, N], added to `init`.
static Value createMatmul(NodeContext &context, Value a, Value b, Value init) {
  return linalg::MatmulOp::create(context.builder, context.loc,
                                  TypeRange{init.getType()}, ValueRange{a, b},
                                  ValueRange{init})
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Gemm
//===----------------------------------------------------------------------===//

/// factor * input: at once for a constant.
static FailureOr<GraphValue> scale(NodeContext &context,
                                   const GraphValue &input, float factor,
                                   StringRef what) {
  if (factor == 1.0f)
    return input;
  if (!input.isConstant()) {
    FailureOr<Value> tensor = context.materialize(input, what);
    if (failed(tensor))
      return failure();
    return GraphValue(
        createScale(context.builder, context.loc, *tensor, factor));
  }
  if (input.dtype() != DType::F32)
    return context.error("expected " + what + " to be f32, got " +
                         dtypeName(input.dtype()));
  HostTensor scaled = *input.constant;
  for (float &element : scaled.data<float>())
    element *= factor;
  return GraphValue(std::move(scaled));
}

/// The init of a matmul: C along the columns where it is a bias, else 0.
static FailureOr<Value> createInit(NodeContext &context, const GraphValue &c,
                                   ArrayRef<int64_t> shape, bool &isBias) {
  isBias = false;
  int64_t columns = shape[1];
  if (c && c.isConstant() && c.dtype() == DType::F32) {
    int64_t count = c.constant->numElements();
    isBias = count == 1 ||
             (count == columns && c.rank() >= 1 && c.shape().back() == columns);
  }
  if (!isBias)
    return createFill(context.builder, context.loc, shape, 0);
  HostTensor bias = hostReshape(*c.constant, {c.constant->numElements()});
  Value constant = createConstant(context.builder, context.loc,
                                  hostBroadcast(bias, {columns}));
  return createBroadcast(context.builder, context.loc, constant, shape, {0});
}

// Y = alpha * A' * B' + beta * C. Alpha goes into constant weights; where
// there are none, into the product, before C.
static LogicalResult importGemm(NodeContext &context) {
  GraphValue a = context.input(0), b = context.input(1), c;
  if (a.rank() != 2 || b.rank() != 2)
    return context.error("expected A and B of rank 2, got shapes " +
                         shapeString(a.shape()) + " and " +
                         shapeString(b.shape()));
  if (context.intAttr("transA", 0))
    a = transpose(context, a, {1, 0});
  if (context.intAttr("transB", 0))
    b = transpose(context, b, {1, 0});
  if (a.shape()[1] != b.shape()[0])
    return context.error("expected A and B to agree in the reduced dimension, "
                         "got " +
                         Twine(a.shape()[1]) + " and " + Twine(b.shape()[0]));
  int64_t shape[] = {a.shape()[0], b.shape()[1]};
  if (failed(context.checkShape(shape, "Y")))
    return failure();
  float alpha = context.floatAttr("alpha", 1),
        beta = context.floatAttr("beta", 1);
  if (context.hasInput(2) && beta != 0) {
    FailureOr<GraphValue> scaled = scale(context, context.input(2), beta, "C");
    if (failed(scaled))
      return failure();
    c = *scaled;
    auto joined = broadcastShapes(c.shape(), shape);
    if (!joined || ArrayRef(*joined) != ArrayRef(shape))
      return context.error("expected C to broadcast to " + shapeString(shape) +
                           ", got " + shapeString(c.shape()));
  }
  if (b.isConstant()) {
    FailureOr<GraphValue> scaled = scale(context, b, alpha, "B");
    if (failed(scaled))
      return failure();
    b = *scaled;
    alpha = 1;
  }
  FailureOr<Value> left = context.materialize(a, "A");
  FailureOr<Value> right = failed(left) ? left : context.materialize(b, "B");
  if (failed(right))
    return failure();
  bool isBias = false;
  FailureOr<Value> init =
      createInit(context, alpha == 1 ? c : GraphValue(), shape, isBias);
  if (failed(init))
    return failure();
  Value product = createMatmul(context, *left, *right, *init);
  if (alpha != 1)
    product = createScale(context.builder, context.loc, product, alpha);
  if (!c || isBias)
    return context.setOutput(product);
  return combine(
      context, {product, c}, [](ArrayRef<double> x) { return x[0] + x[1]; },
      [](ArrayRef<int64_t> x) { return std::optional<int64_t>(); },
      [](OpBuilder &builder, Location loc, ValueRange x) -> Value {
        return arith::AddFOp::create(builder, loc, x);
      });
}

//===----------------------------------------------------------------------===//
// MatMul
//===----------------------------------------------------------------------===//

/// The matrices of `input`, one for each index of `batch`: [prod(batch), R, C].
static Value broadcastBatch(NodeContext &context, Value input,
                            ArrayRef<int64_t> batch) {
  ArrayRef<int64_t> shape = shapeOf(input);
  SmallVector<int64_t> target(batch), kept, added;
  target.append(shape.end() - 2, shape.end());
  int64_t offset = int64_t(target.size() - shape.size());
  for (int64_t dim = 0; dim < int64_t(target.size()); ++dim) {
    bool present = dim >= offset && shape[dim - offset] == target[dim];
    if (present)
      kept.push_back(target[dim]);
    else
      added.push_back(dim);
  }
  Value result = input;
  if (!added.empty()) {
    result = createReshape(context.builder, context.loc, result, kept);
    result =
        createBroadcast(context.builder, context.loc, result, target, added);
  }
  int64_t count = 1;
  for (int64_t size : batch)
    count *= size;
  return createReshape(context.builder, context.loc, result,
                       {count, target.end()[-2], target.end()[-1]});
}

namespace {
/// Shapes of A, B and Y, as numpy.matmul has them; vectors count as matrices.
struct MatmulShapes {
  SmallVector<int64_t> a, b, batch, result;
  int64_t rows, depth, columns;
};
} // namespace

static FailureOr<MatmulShapes> inferMatmul(NodeContext &context) {
  MatmulShapes shapes;
  shapes.a.assign(context.input(0).shape().begin(),
                  context.input(0).shape().end());
  shapes.b.assign(context.input(1).shape().begin(),
                  context.input(1).shape().end());
  std::string got =
      ", got shapes " + shapeString(shapes.a) + " and " + shapeString(shapes.b);
  if (shapes.a.empty() || shapes.b.empty())
    return context.error("expected A and B of rank 1 or more" + got);
  bool leftVector = shapes.a.size() == 1, rightVector = shapes.b.size() == 1;
  if (leftVector)
    shapes.a.insert(shapes.a.begin(), 1);
  if (rightVector)
    shapes.b.push_back(1);
  shapes.rows = shapes.a.end()[-2];
  shapes.depth = shapes.a.back();
  shapes.columns = shapes.b.back();
  if (shapes.depth != shapes.b.end()[-2])
    return context.error("expected A and B to agree in the reduced dimension" +
                         got);
  auto batch = broadcastShapes(ArrayRef(shapes.a).drop_back(2),
                               ArrayRef(shapes.b).drop_back(2));
  if (!batch)
    return context.error("expected batch dimensions that broadcast" + got);
  shapes.batch = *batch;
  shapes.result = *batch;
  if (!leftVector)
    shapes.result.push_back(shapes.rows);
  if (!rightVector)
    shapes.result.push_back(shapes.columns);
  if (failed(context.checkShape(shapes.result, "Y")))
    return failure();
  return shapes;
}

static LogicalResult importMatMul(NodeContext &context) {
  FailureOr<MatmulShapes> inferred = inferMatmul(context);
  if (failed(inferred))
    return failure();
  const MatmulShapes &shapes = *inferred;
  FailureOr<Value> a =
      context.materialize(reshape(context, context.input(0), shapes.a), "A");
  FailureOr<Value> b =
      failed(a) ? a
                : context.materialize(
                      reshape(context, context.input(1), shapes.b), "B");
  if (failed(b))
    return failure();
  OpBuilder &builder = context.builder;
  Location loc = context.loc;
  Value product;
  int64_t rightMatrices = *countElements(ArrayRef(shapes.b).drop_back(2));
  if (rightMatrices == 1) {
    // One right side for every row: the batch is more rows.
    int64_t rows =
        *countElements(ArrayRef(shapes.a).drop_back(2)) * shapes.rows;
    Value left = createReshape(builder, loc, *a, {rows, shapes.depth});
    Value right =
        createReshape(builder, loc, *b, {shapes.depth, shapes.columns});
    Value init = createFill(builder, loc, {rows, shapes.columns}, 0);
    product = createMatmul(context, left, right, init);
  } else {
    Value left = broadcastBatch(context, *a, shapes.batch);
    Value right = broadcastBatch(context, *b, shapes.batch);
    Value init = createFill(builder, loc,
                            {shapeOf(left)[0], shapes.rows, shapes.columns}, 0);
    product =
        linalg::BatchMatmulOp::create(builder, loc, TypeRange{init.getType()},
                                      ValueRange{left, right}, ValueRange{init})
            .getResult(0);
  }
  return context.setOutput(createReshape(builder, loc, product, shapes.result));
}

ArrayRef<OpRow> onnximport::matmulOps() {
  static const OpRow rows[] = {
      {"Gemm", 7, 10, 3, 3, 1, importGemm, "alpha:f beta:f transA:i transB:i"},
      {"Gemm", 11, kMaxOpset, 2, 3, 1, importGemm,
       "alpha:f beta:f transA:i transB:i"},
      {"MatMul", 7, kMaxOpset, 2, 2, 1, importMatMul, ""},
  };
  return rows;
}
