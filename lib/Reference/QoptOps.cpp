//===- QoptOps.cpp - Operations of the qopt dialect on plain values -------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element by element, the table of docs/Numerics.md section 1.
//
//===----------------------------------------------------------------------===//

#include "Scalars.h"
#include "StructuredOps.h"
#include "TensorOps.h"

#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Support/QuantMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::reference;

/// The only dimension that an expression depends on; one past the last for a
/// constant, nothing if there are several.
static std::optional<unsigned> onlyDim(AffineExpr expr, unsigned numDims) {
  unsigned found = numDims;
  for (unsigned dim = 0; dim != numDims; ++dim) {
    if (!expr.isFunctionOfDim(dim))
      continue;
    if (found != numDims)
      return std::nullopt;
    found = dim;
  }
  return found;
}

/// steps[dim][index]: what an index adds to the place of a parameter. Nothing
/// if they do not just add up.
static std::optional<std::vector<std::vector<int64_t>>>
placeSteps(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) {
  std::vector<std::vector<int64_t>> steps;
  for (int64_t size : shape)
    steps.emplace_back(size, 0);
  for (auto [expr, stride] : llvm::zip_equal(map.getResults(), strides)) {
    std::optional<unsigned> dim = onlyDim(expr, shape.size());
    if (!dim || *dim == shape.size())
      return std::nullopt;
    AffineMap one = AffineMap::get(map.getNumDims(), 0, expr);
    SmallVector<int64_t> point(shape.size(), 0);
    for (point[*dim] = 0; point[*dim] != shape[*dim]; ++point[*dim])
      steps[*dim][point[*dim]] += stride * one.compose(point).front();
  }
  return steps;
}

void reference::forEachParameter(
    AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> paramShape,
    llvm::function_ref<void(int64_t, int64_t)> visit) {
  SmallVector<int64_t> strides = rowMajorStrides(paramShape);
  auto steps = placeSteps(map, shape, strides);
  SmallVector<int64_t> point(shape.size(), 0);
  int64_t row = steps && !shape.empty() ? shape.back() : 1;
  int64_t count = llvm::product_of(shape);
  for (int64_t start = 0; start != count; start += row) {
    int64_t place = 0;
    if (steps)
      for (auto [step, index] : llvm::zip_equal(*steps, point))
        place += step[index];
    else
      for (auto [index, stride] : llvm::zip_equal(map.compose(point), strides))
        place += index * stride;
    visit(start, place);
    for (int64_t i = 1; i != row; ++i)
      visit(start + i, place + steps->back()[i] - steps->back()[0]);
    int64_t dims = shape.size();
    for (int64_t d = row == 1 ? dims - 1 : dims - 2; d >= 0; --d) {
      if (++point[d] != shape[d])
        break;
      point[d] = 0;
    }
  }
}

/// Integers, read back as the storage type holds them, into an I8, I16 or I32
/// tensor of i2 to i32 elements.
static TensorRef toStorage(const HostTensor &values, Type type) {
  auto result = std::make_shared<HostTensor>(
      llvm::cantFail(storageType(type, UnknownLoc::get(type.getContext()))),
      values.shape);
  Register row;
  ArrayRef<int32_t> from = values.data<int32_t>();
  for (int64_t start = 0, e = from.size(); start < e; start += kRowLength) {
    int64_t count = std::min(kRowLength, e - start);
    for (int64_t i = 0; i != count; ++i)
      row.ints()[i] = wrap(from[start + i], bitWidth(type));
    storeRow(row, count, *result, start, 1);
  }
  return result;
}

static TensorRef runQuantize(QuantizeOp op, ArrayRef<TensorRef> operands) {
  HostTensor integers(DType::I32, operands[0]->shape);
  ArrayRef<float> input = operands[0]->data<float>();
  ArrayRef<float> scale = operands[1]->data<float>();
  ArrayRef<int32_t> zeroPoint = operands[2]->data<int32_t>();
  MutableArrayRef<int32_t> output = integers.data<int32_t>();
  int32_t lo = op.getRange()[0], hi = op.getRange()[1];
  forEachParameter(op.getParams(), integers.shape, operands[1]->shape,
                   [&](int64_t i, int64_t p) {
                     output[i] =
                         quantize(input[i], scale[p], zeroPoint[p], lo, hi);
                   });
  return toStorage(integers, getElementTypeOrSelf(op.getResult()));
}

static TensorRef runDequantize(DequantizeOp op, ArrayRef<TensorRef> operands) {
  unsigned width = bitWidth(getElementTypeOrSelf(op.getInput()));
  TensorRef integers = toInt32(operands[0], op.getUnsignedInput(), width);
  auto result = std::make_shared<HostTensor>(DType::F32, operands[0]->shape);
  ArrayRef<int32_t> input = integers->data<int32_t>();
  ArrayRef<float> scale = operands[1]->data<float>();
  ArrayRef<int32_t> zeroPoint = operands[2]->data<int32_t>();
  MutableArrayRef<float> output = result->data<float>();
  forEachParameter(op.getParams(), result->shape, operands[1]->shape,
                   [&](int64_t i, int64_t p) {
                     output[i] = dequantize(input[i], scale[p], zeroPoint[p]);
                   });
  return result;
}

static TensorRef runFakeQuantize(FakeQuantizeOp op,
                                 ArrayRef<TensorRef> operands) {
  auto result = std::make_shared<HostTensor>(DType::F32, operands[0]->shape);
  ArrayRef<float> input = operands[0]->data<float>();
  ArrayRef<float> scale = operands[1]->data<float>();
  ArrayRef<int32_t> zeroPoint = operands[2]->data<int32_t>();
  MutableArrayRef<float> output = result->data<float>();
  int32_t lo = op.getRange()[0], hi = op.getRange()[1];
  forEachParameter(op.getParams(), result->shape, operands[1]->shape,
                   [&](int64_t i, int64_t p) {
                     int32_t q =
                         quantize(input[i], scale[p], zeroPoint[p], lo, hi);
                     output[i] = dequantize(q, scale[p], zeroPoint[p]);
                   });
  return result;
}

/// The sum of products in fixed point, rounded.
static TensorRef runRequantizeFixedPoint(RequantizeOp op,
                                         ArrayRef<TensorRef> operands) {
  size_t numTerms = op.getInputs().size();
  ArrayRef<int64_t> shape = operands[0]->shape;
  std::vector<uint64_t> sum(operands[0]->numElements());
  for (size_t k = 0; k != numTerms; ++k) {
    unsigned width = bitWidth(getElementTypeOrSelf(op.getInputs()[k]));
    TensorRef integers = toInt32(operands[k], op.getUnsignedInputs()[k], width);
    const TensorRef &multipliers = operands[numTerms + k];
    ArrayRef<int32_t> input = integers->data<int32_t>();
    ArrayRef<int32_t> multiplier = multipliers->data<int32_t>();
    uint32_t zeroPoint = op.getInputZeroPoints()[k];
    AffineMap map = cast<AffineMapAttr>(op.getParams()[k]).getValue();
    forEachParameter(map, shape, multipliers->shape, [&](int64_t i, int64_t p) {
      int32_t centered = int32_t(uint32_t(input[i]) - zeroPoint);
      sum[i] += uint64_t(int64_t(centered) * multiplier[p]);
    });
  }
  HostTensor integers(DType::I32, shape);
  MutableArrayRef<int32_t> output = integers.data<int32_t>();
  for (size_t i = 0; i != sum.size(); ++i)
    output[i] = roundFixedPoint(int64_t(sum[i]), int(*op.getShift()),
                                int32_t(op.getZeroPoint()), op.getRange()[0],
                                op.getRange()[1]);
  return toStorage(integers, getElementTypeOrSelf(op.getResult()));
}

static TensorRef runRequantize(RequantizeOp op, ArrayRef<TensorRef> operands) {
  if (op.getShift())
    return runRequantizeFixedPoint(op, operands);
  size_t numTerms = op.getInputs().size();
  ArrayRef<int64_t> shape = operands[0]->shape;
  // The sum so far, in steps of the output; the first product starts it.
  std::vector<float> real(operands[0]->numElements());
  for (size_t k = 0; k != numTerms; ++k) {
    unsigned width = bitWidth(getElementTypeOrSelf(op.getInputs()[k]));
    TensorRef integers = toInt32(operands[k], op.getUnsignedInputs()[k], width);
    const TensorRef &multipliers = operands[numTerms + k];
    ArrayRef<int32_t> input = integers->data<int32_t>();
    ArrayRef<float> multiplier = multipliers->data<float>();
    int32_t zeroPoint = op.getInputZeroPoints()[k];
    AffineMap map = cast<AffineMapAttr>(op.getParams()[k]).getValue();
    forEachParameter(map, shape, multipliers->shape, [&](int64_t i, int64_t p) {
      float term = dequantize(input[i], multiplier[p], zeroPoint);
      real[i] = k == 0 ? term : real[i] + term;
    });
  }
  HostTensor integers(DType::I32, shape);
  MutableArrayRef<int32_t> output = integers.data<int32_t>();
  for (size_t i = 0; i != real.size(); ++i)
    output[i] = roundToStorage(real[i], int32_t(op.getZeroPoint()),
                               op.getRange()[0], op.getRange()[1]);
  return toStorage(integers, getElementTypeOrSelf(op.getResult()));
}

static TensorRef runLookup(LookupOp op, ArrayRef<TensorRef> operands) {
  unsigned width = bitWidth(getElementTypeOrSelf(op.getInput()));
  bool isUnsigned = op.getUnsignedInput();
  TensorRef index = toInt32(operands[0], isUnsigned, width);
  const TensorRef &table = operands[1];
  int64_t length = table->shape.back();
  int64_t bias = isUnsigned ? 0 : length / 2;
  auto result = std::make_shared<HostTensor>(table->dtype, operands[0]->shape);
  int64_t bytes = dtypeSize(table->dtype);
  ArrayRef<int32_t> input = index->data<int32_t>();
  forEachParameter(op.getParams(), result->shape,
                   ArrayRef(table->shape).drop_back(),
                   [&](int64_t i, int64_t p) {
                     int64_t at = p * length + input[i] + bias;
                     std::copy_n(&table->bytes[at * bytes], bytes,
                                 &result->bytes[i * bytes]);
                   });
  return result;
}

/// pack and unpack: the lowest index in the lowest bits of a byte.
static TensorRef runPack(PackOp op, const TensorRef &input) {
  unsigned bits = bitWidth(getElementTypeOrSelf(op.getInput()));
  auto result = std::make_shared<HostTensor>(
      DType::I8, cast<ShapedType>(op.getResult().getType()).getShape());
  for (auto [i, value] : llvm::enumerate(input->bytes)) {
    unsigned shift = (i % (8 / bits)) * bits;
    result->bytes[i / (8 / bits)] |= asUnsigned(value, bits) << shift;
  }
  return result;
}

static TensorRef runUnpack(UnpackOp op, const TensorRef &input) {
  unsigned bits = bitWidth(getElementTypeOrSelf(op.getResult()));
  auto result = std::make_shared<HostTensor>(
      DType::I8, cast<ShapedType>(op.getResult().getType()).getShape());
  for (auto [i, value] : llvm::enumerate(result->bytes)) {
    unsigned shift = (i % (8 / bits)) * bits;
    value = uint8_t(wrap(input->bytes[i / (8 / bits)] >> shift, bits));
  }
  return result;
}

Expected<std::optional<TensorRef>>
reference::runQoptOp(Operation *op, ArrayRef<TensorRef> operands) {
  using Result = std::optional<TensorRef>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<QuantizeOp>([&](auto q) { return runQuantize(q, operands); })
      .Case<DequantizeOp>([&](auto q) { return runDequantize(q, operands); })
      .Case<FakeQuantizeOp>(
          [&](auto q) { return runFakeQuantize(q, operands); })
      .Case<RequantizeOp>([&](auto q) { return runRequantize(q, operands); })
      .Case<LookupOp>([&](auto q) { return runLookup(q, operands); })
      .Case<PackOp>([&](auto q) { return runPack(q, operands[0]); })
      .Case<UnpackOp>([&](auto q) { return runUnpack(q, operands[0]); })
      .Default([](Operation *) { return std::nullopt; });
}
