//===- TensorOps.cpp - Movement of elements -------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every operation here is one or more strided copies of elements as bytes;
// their type does not matter.
//
//===----------------------------------------------------------------------===//

#include "TensorOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "qopt/Support/FloatMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::reference;

/// Copies a box of `sizes` elements between two strided places.
static void copyBox(const HostTensor &from, int64_t fromOffset,
                    ArrayRef<int64_t> fromStrides, HostTensor &to,
                    int64_t toOffset, ArrayRef<int64_t> toStrides,
                    ArrayRef<int64_t> sizes) {
  int64_t bytes = dtypeSize(from.dtype);
  if (sizes.empty()) {
    std::copy_n(&from.bytes[fromOffset * bytes], bytes,
                &to.bytes[toOffset * bytes]);
    return;
  }
  if (sizes.size() == 1 && fromStrides[0] == 1 && toStrides[0] == 1) {
    if (sizes[0] != 0)
      std::copy_n(&from.bytes[fromOffset * bytes], sizes[0] * bytes,
                  &to.bytes[toOffset * bytes]);
    return;
  }
  for (int64_t i = 0; i != sizes[0]; ++i)
    copyBox(from, fromOffset + i * fromStrides[0], fromStrides.drop_front(), to,
            toOffset + i * toStrides[0], toStrides.drop_front(),
            sizes.drop_front());
}

/// Offsets, sizes and strides of a slice: static numbers, or scalars.
static Expected<SmallVector<int64_t>> resolve(ArrayRef<OpFoldResult> values,
                                              ScalarLookup lookup) {
  SmallVector<int64_t> result;
  for (OpFoldResult value : values) {
    if (std::optional<int64_t> constant = getConstantIntValue(value)) {
      result.push_back(*constant);
      continue;
    }
    Expected<TensorRef> scalar = lookup(cast<Value>(value));
    if (!scalar)
      return scalar.takeError();
    result.push_back((*scalar)->data<int64_t>()[0]);
  }
  return result;
}

namespace {
/// A slice of a tensor: where it starts, its steps and its sizes, in elements.
struct Slice {
  int64_t offset = 0;
  SmallVector<int64_t> strides, sizes;
};
} // namespace

template <typename SliceOp>
static Expected<Slice> resolveSlice(SliceOp op, ArrayRef<int64_t> shape,
                                    ScalarLookup lookup) {
  Expected<SmallVector<int64_t>> offsets =
      resolve(op.getMixedOffsets(), lookup);
  if (!offsets)
    return offsets.takeError();
  Expected<SmallVector<int64_t>> sizes = resolve(op.getMixedSizes(), lookup);
  if (!sizes)
    return sizes.takeError();
  Expected<SmallVector<int64_t>> steps = resolve(op.getMixedStrides(), lookup);
  if (!steps)
    return steps.takeError();
  Slice slice;
  slice.sizes = *sizes;
  for (auto [d, stride] : llvm::enumerate(rowMajorStrides(shape))) {
    int64_t first = (*offsets)[d];
    int64_t last = first + ((*sizes)[d] - 1) * (*steps)[d];
    if ((*sizes)[d] != 0 &&
        (first < 0 || last < 0 || first >= shape[d] || last >= shape[d]))
      return errorAt(op.getLoc(), "slice out of bounds");
    slice.offset += first * stride;
    slice.strides.push_back((*steps)[d] * stride);
  }
  return slice;
}

static Expected<std::optional<TensorRef>> runPad(tensor::PadOp op,
                                                 const TensorRef &source,
                                                 ScalarLookup lookup,
                                                 const HostTensor *padding) {
  Value value = op.getConstantPaddingValue();
  if (!value)
    return errorAt(op.getLoc(), "expects a constant padding value");
  Expected<SmallVector<int64_t>> low = resolve(op.getMixedLowPad(), lookup);
  if (!low)
    return low.takeError();
  Expected<HostTensor> made = makeTensor(op.getType(), op.getLoc());
  if (!made)
    return made.takeError();
  auto result = std::make_shared<HostTensor>(std::move(*made));
  TensorRef fill;
  if (!padding) {
    Expected<TensorRef> found = lookup(value);
    if (!found)
      return found.takeError();
    fill = *found;
    padding = fill.get();
  }
  result->dtype = source->dtype;
  SmallVector<int64_t> strides = rowMajorStrides(result->shape);
  SmallVector<int64_t> none(strides.size(), 0);
  copyBox(*padding, 0, none, *result, 0, strides, result->shape);
  int64_t offset = 0;
  for (auto [stride, start] : llvm::zip(strides, *low)) {
    if (start < 0)
      return errorAt(op.getLoc(),
                     "expects low padding of at least 0, got " + Twine(start));
    offset += stride * start;
  }
  copyBox(*source, 0, rowMajorStrides(source->shape), *result, offset, strides,
          source->shape);
  return result;
}

static TensorRef runConcat(tensor::ConcatOp op, ArrayRef<TensorRef> operands) {
  SmallVector<int64_t> shape = llvm::to_vector<6>(operands[0]->shape);
  int64_t dim = op.getDim();
  shape[dim] = 0;
  for (const TensorRef &operand : operands)
    shape[dim] += operand->shape[dim];
  auto result = std::make_shared<HostTensor>(operands[0]->dtype, shape);
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  int64_t offset = 0;
  for (const TensorRef &operand : operands) {
    copyBox(*operand, 0, rowMajorStrides(operand->shape), *result, offset,
            strides, operand->shape);
    offset += operand->shape[dim] * strides[dim];
  }
  return result;
}

/// The sum of `count` numbers, `step` apart, as a softmax adds up a row.
static float sumOfRow(const float *row, int64_t count, int64_t step) {
  constexpr int64_t kParts = kSoftmaxPartialSums;
  int64_t inParts = count > kParts ? count - count % kParts : 0;
  float sum = 0.0f;
  for (int64_t i = inParts; i < count; ++i)
    sum += row[i * step];
  for (int64_t part = 0; part < std::min(kParts, inParts); ++part) {
    float partial = 0.0f;
    for (int64_t i = part; i < inParts; i += kParts)
      partial += row[i * step];
    sum += partial;
  }
  return sum;
}

/// linalg.softmax: e * (1 / sum e), e = exp(x - max).
static TensorRef runSoftmax(linalg::SoftmaxOp op, const TensorRef &input) {
  auto result = std::make_shared<HostTensor>(*input);
  int64_t dim = op.getDimension();
  int64_t size = input->shape[dim];
  MutableArrayRef<float> values = result->data<float>();
  ScalarArith arith;
  forEachRowAlong(input->shape, dim, [&](int64_t first, int64_t step) {
    float largest = values[first];
    for (int64_t i = 1; i < size; ++i)
      largest = std::max(largest, values[first + i * step]);
    for (int64_t i = 0; i != size; ++i) {
      float &value = values[first + i * step];
      value = expApprox(arith, value - largest);
    }
    float inverse = 1.0f / sumOfRow(&values[first], size, step);
    for (int64_t i = 0; i != size; ++i)
      values[first + i * step] *= inverse;
  });
  return result;
}

static Expected<TensorRef> runExtractSlice(tensor::ExtractSliceOp slice,
                                           const TensorRef &input,
                                           ScalarLookup lookup) {
  Expected<Slice> box = resolveSlice(slice, input->shape, lookup);
  if (!box)
    return box.takeError();
  HostTensor result(input->dtype, box->sizes);
  copyBox(*input, box->offset, box->strides, result, 0,
          rowMajorStrides(box->sizes), box->sizes);
  return withShape(std::make_shared<HostTensor>(std::move(result)),
                   slice.getType().getShape());
}

static Expected<TensorRef> runInsertSlice(tensor::InsertSliceOp slice,
                                          ArrayRef<TensorRef> operands,
                                          ScalarLookup lookup) {
  Expected<Slice> box = resolveSlice(slice, operands[1]->shape, lookup);
  if (!box)
    return box.takeError();
  auto result = std::make_shared<HostTensor>(*operands[1]);
  copyBox(*operands[0], 0, rowMajorStrides(box->sizes), *result, box->offset,
          box->strides, box->sizes);
  return TensorRef(result);
}

static Expected<TensorRef> runExtract(tensor::ExtractOp extract,
                                      ArrayRef<TensorRef> operands) {
  auto result =
      std::make_shared<HostTensor>(operands[0]->dtype, ArrayRef<int64_t>());
  int64_t offset = 0;
  for (auto [d, stride] :
       llvm::enumerate(rowMajorStrides(operands[0]->shape))) {
    int64_t index = operands[d + 1]->data<int64_t>()[0];
    if (index < 0 || index >= operands[0]->shape[d])
      return errorAt(extract.getLoc(), "tensor index out of bounds");
    offset += index * stride;
  }
  copyBox(*operands[0], offset, {}, *result, 0, {}, {});
  return TensorRef(result);
}

/// tensor.splat and tensor.from_elements.
static TensorRef runFromScalars(Operation *op, ArrayRef<TensorRef> operands) {
  auto shape = cast<ShapedType>(op->getResult(0).getType()).getShape();
  auto result = std::make_shared<HostTensor>(operands[0]->dtype, shape);
  if (isa<tensor::SplatOp>(op)) {
    SmallVector<int64_t> none(shape.size(), 0);
    copyBox(*operands[0], 0, none, *result, 0, rowMajorStrides(shape), shape);
    return result;
  }
  for (auto [i, element] : llvm::enumerate(operands))
    copyBox(*element, 0, {}, *result, i, {}, {});
  return result;
}

Expected<std::optional<TensorRef>>
reference::runTensorOp(Operation *op, ArrayRef<TensorRef> operands,
                       ScalarLookup lookup, const HostTensor *padding) {
  using Result = Expected<std::optional<TensorRef>>;
  auto resultShape = [&] {
    return cast<ShapedType>(op->getResult(0).getType()).getShape();
  };
  if (op->getNumResults() == 1)
    if (auto type = dyn_cast<ShapedType>(op->getResult(0).getType()))
      if (!type.hasStaticShape())
        return errorAt(op->getLoc(), "expects static shapes");
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<tensor::EmptyOp>([&](auto) -> Result {
        Expected<HostTensor> made =
            makeTensor(op->getResult(0).getType(), op->getLoc());
        if (!made)
          return made.takeError();
        return TensorRef(std::make_shared<HostTensor>(std::move(*made)));
      })
      .Case<tensor::SplatOp, tensor::FromElementsOp>(
          [&](auto) -> Result { return runFromScalars(op, operands); })
      .Case<tensor::CastOp>([&](auto) -> Result {
        if (operands[0]->shape != SmallVector<int64_t, 4>(resultShape()))
          return errorAt(op->getLoc(),
                         "cast to a shape that the value has not");
        return operands[0];
      })
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ReshapeOp>(
          [&](auto) -> Result { return withShape(operands[0], resultShape()); })
      .Case<tensor::ExtractSliceOp>([&](auto slice) -> Result {
        return runExtractSlice(slice, operands[0], lookup);
      })
      .Case<tensor::InsertSliceOp>([&](auto slice) -> Result {
        return runInsertSlice(slice, operands, lookup);
      })
      .Case<tensor::ExtractOp>(
          [&](auto extract) -> Result { return runExtract(extract, operands); })
      .Case<tensor::PadOp>([&](tensor::PadOp pad) -> Result {
        return runPad(pad, operands[0], lookup, padding);
      })
      .Case<tensor::ConcatOp>([&](tensor::ConcatOp concat) -> Result {
        return runConcat(concat, operands);
      })
      .Case<linalg::SoftmaxOp>([&](linalg::SoftmaxOp softmax) -> Result {
        if (operands[0]->dtype != DType::F32)
          return errorAt(op->getLoc(), "expects an f32 input");
        return runSoftmax(softmax, operands[0]);
      })
      .Default(
          [](Operation *) -> Result { return std::optional<TensorRef>(); });
}
