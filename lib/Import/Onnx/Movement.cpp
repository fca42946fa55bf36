//===- Movement.cpp - Movement of elements --------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators that only select, reorder, join or pad.
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

static LogicalResult importTranspose(NodeContext &context) {
  const GraphValue &x = context.input(0);
  int64_t rank = x.rank();
  SmallVector<int64_t> permutation = context.intsAttr("perm");
  if (!context.hasAttr("perm"))
    permutation = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  FailureOr<SmallVector<int64_t>> sorted =
      context.normalizeAxes(permutation, rank);
  if (failed(sorted))
    return failure();
  if (int64_t(permutation.size()) != rank)
    return context.error("expected perm of " + Twine(rank) +
                         " dimensions, got " + shapeString(permutation));
  for (int64_t &dim : permutation)
    dim = dim < 0 ? dim + rank : dim;
  return context.setOutput(transpose(context, x, permutation));
}

//===----------------------------------------------------------------------===//
// Concat
//===----------------------------------------------------------------------===//

static LogicalResult checkConcat(NodeContext &context, int64_t axis) {
  const GraphValue &first = context.input(0);
  SmallVector<int64_t> shape(first.shape());
  int64_t total = 0;
  for (const GraphValue &input : context.allInputs()) {
    if (!input)
      return context.error("expected all inputs, got an empty one");
    if (input.dtype() != first.dtype())
      return context.error("expected inputs of one element type, got " +
                           dtypeName(first.dtype()) + " and " +
                           dtypeName(input.dtype()));
    bool fits = input.rank() == first.rank();
    for (int64_t dim = 0; fits && dim < first.rank(); ++dim)
      fits = dim == axis || input.shape()[dim] == first.shape()[dim];
    if (!fits)
      return context.error(
          "expected shapes that differ in axis " + Twine(axis) + " only, got " +
          shapeString(first.shape()) + " and " + shapeString(input.shape()));
    total += input.shape()[axis];
  }
  shape[axis] = total;
  if (!countElements(shape))
    return context.error("expected at most 2^31 elements in the result, got " +
                         shapeString(shape));
  return success();
}

static LogicalResult importConcat(NodeContext &context) {
  if (!context.hasAttr("axis"))
    return context.error("expected an attribute 'axis', got none");
  FailureOr<int64_t> axis = context.normalizeAxis(context.intAttr("axis", 0),
                                                  context.input(0).rank());
  if (failed(axis) || failed(checkConcat(context, *axis)))
    return failure();
  if (all_of(context.allInputs(),
             [](const GraphValue &input) { return input.isConstant(); })) {
    SmallVector<const HostTensor *> tensors;
    int64_t elements = 0;
    for (const GraphValue &input : context.allInputs()) {
      tensors.push_back(input.constant.get());
      elements += input.constant->numElements();
    }
    if (failed(context.checkMade(elements, context.input(0).dtype())))
      return failure();
    return context.setOutput(hostConcat(tensors, *axis));
  }
  SmallVector<Value> tensors;
  for (size_t i = 0; i < context.numInputs(); ++i) {
    FailureOr<Value> tensor = context.tensor(i, ("input " + Twine(i)).str());
    if (failed(tensor))
      return failure();
    tensors.push_back(*tensor);
  }
  Value result =
      tensor::ConcatOp::create(context.builder, context.loc, *axis, tensors);
  return context.setOutput(result);
}

//===----------------------------------------------------------------------===//
// Split
//===----------------------------------------------------------------------===//

/// The sizes of the parts: given, or as equal as they get.
static FailureOr<SmallVector<int64_t>> readSplit(NodeContext &context,
                                                 int64_t size) {
  SmallVector<int64_t> parts = context.intsAttr("split");
  int64_t count = int64_t(context.numOutputs());
  if (context.hasInput(1)) {
    FailureOr<SmallVector<int64_t>> input = context.intConstants(1, "split");
    if (failed(input))
      return failure();
    parts = *input;
  }
  if (context.hasAttr("num_outputs") &&
      context.intAttr("num_outputs", 0) != count)
    return context.error("expected num_outputs " + Twine(count) +
                         " as there are outputs, got " +
                         Twine(context.intAttr("num_outputs", 0)));
  if (parts.empty()) {
    int64_t chunk = llvm::divideCeil(size, count);
    if (!context.hasAttr("num_outputs") && size % count != 0)
      return context.error("expected a dimension that splits into " +
                           Twine(count) + " equal parts, got " + Twine(size));
    parts.assign(size_t(count), chunk);
    parts.back() = size - chunk * (count - 1);
  }
  int64_t total = 0;
  for (int64_t part : parts) {
    if (part <= 0 || part > size)
      return context.error("expected parts between 1 and " + Twine(size) +
                           ", got " + shapeString(parts));
    total += part;
  }
  if (total != size || int64_t(parts.size()) != count)
    return context.error("expected " + Twine(count) + " parts that sum to " +
                         Twine(size) + ", got " + shapeString(parts));
  return parts;
}

static LogicalResult importSplit(NodeContext &context) {
  const GraphValue &x = context.input(0);
  FailureOr<int64_t> axis =
      context.normalizeAxis(context.intAttr("axis", 0), x.rank());
  if (failed(axis))
    return failure();
  FailureOr<SmallVector<int64_t>> parts = readSplit(context, x.shape()[*axis]);
  if (failed(parts))
    return failure();
  // Of positions, one for each element of the dimension.
  if (failed(context.checkMade(x.shape()[*axis], DType::I64)))
    return failure();
  int64_t offset = 0;
  for (auto [index, part] : llvm::enumerate(*parts)) {
    auto range = llvm::to_vector(llvm::seq<int64_t>(offset, offset + part));
    if (failed(context.setOutput(gather(context, x, *axis, range), index)))
      return failure();
    offset += part;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Slice
//===----------------------------------------------------------------------===//

/// The positions that start:end:step selects among `size`, as in Python.
static FailureOr<SmallVector<int64_t>> sliceIndices(NodeContext &context,
                                                    int64_t size, int64_t start,
                                                    int64_t end, int64_t step) {
  if (step == 0)
    return context.error("expected steps other than 0, got 0");
  int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
  auto clamp = [&](int64_t position) {
    if (position < 0)
      position += size;
    return std::min(std::max(position, least), most);
  };
  // A longer stride than the dimension selects one element, and cannot
  // overflow.
  step = std::min(std::max(step, -size - 1), size + 1);
  SmallVector<int64_t> indices;
  int64_t last = clamp(end);
  for (int64_t i = clamp(start); step > 0 ? i < last : i > last; i += step)
    indices.push_back(i);
  return indices;
}

static LogicalResult buildSlice(NodeContext &context, ArrayRef<int64_t> starts,
                                ArrayRef<int64_t> ends,
                                ArrayRef<int64_t> axesOrNone,
                                ArrayRef<int64_t> stepsOrNone) {
  GraphValue result = context.input(0);
  SmallVector<int64_t> axes(axesOrNone), steps(stepsOrNone);
  if (axes.empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, int64_t(starts.size())));
  if (steps.empty())
    steps.assign(starts.size(), 1);
  if (starts.size() != ends.size() || starts.size() != axes.size() ||
      starts.size() != steps.size())
    return context.error("expected starts, ends, axes and steps of one length, "
                         "got " +
                         Twine(starts.size()) + ", " + Twine(ends.size()) +
                         ", " + Twine(axes.size()) + " and " +
                         Twine(steps.size()));
  if (failed(context.normalizeAxes(axes, result.rank())))
    return failure();
  for (auto [start, end, axis, step] :
       llvm::zip_equal(starts, ends, axes, steps)) {
    int64_t dim = axis < 0 ? axis + result.rank() : axis;
    if (failed(context.checkMade(result.shape()[dim], DType::I64)))
      return failure();
    FailureOr<SmallVector<int64_t>> indices =
        sliceIndices(context, result.shape()[dim], start, end, step);
    if (failed(indices))
      return failure();
    if (indices->empty() && !result.isConstant())
      return context.error("expected a slice with elements, got none in axis " +
                           Twine(dim) + " of shape " +
                           shapeString(result.shape()));
    result = gather(context, result, dim, *indices);
  }
  return context.setOutput(result);
}

static LogicalResult importSliceWithAttributes(NodeContext &context) {
  if (!context.hasAttr("starts") || !context.hasAttr("ends"))
    return context.error("expected attributes 'starts' and 'ends', got none");
  return buildSlice(context, context.intsAttr("starts"),
                    context.intsAttr("ends"), context.intsAttr("axes"), {});
}

static LogicalResult importSlice(NodeContext &context) {
  SmallVector<int64_t> lists[4];
  constexpr StringLiteral names[] = {"starts", "ends", "axes", "steps"};
  for (auto [i, name] : llvm::enumerate(names)) {
    if (!context.hasInput(i + 1))
      continue;
    FailureOr<SmallVector<int64_t>> list = context.intConstants(i + 1, name);
    if (failed(list))
      return failure();
    lists[i] = *list;
  }
  return buildSlice(context, lists[0], lists[1], lists[2], lists[3]);
}

//===----------------------------------------------------------------------===//
// Pad
//===----------------------------------------------------------------------===//

/// Crops by the negative amounts, then pads by the positive ones.
static LogicalResult buildPad(NodeContext &context, ArrayRef<int64_t> low,
                              ArrayRef<int64_t> high, float value) {
  std::string mode = context.stringAttr("mode", "constant");
  if (mode != "constant")
    return context.error("expected mode 'constant', got '" + printable(mode) +
                         "'");
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  SmallVector<int64_t> shape(shapeOf(*x));
  SmallVector<int64_t> padLow(low), padHigh(high);
  GraphValue cropped = *x;
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    if (failed(context.checkMade(shape[dim], DType::I64)))
      return failure();
    for (int64_t amount : {low[dim], high[dim]}) {
      if (amount <= -kMaxElements || amount >= kMaxElements)
        return context.error("expected pads below 2^31, got " +
                             shapeString(low) + " and " + shapeString(high));
    }
    int64_t first = std::max<int64_t>(-low[dim], 0);
    int64_t last = shape[dim] - std::max<int64_t>(-high[dim], 0);
    if (first >= last)
      return context.error("expected pads that leave elements, got " +
                           Twine(low[dim]) + " and " + Twine(high[dim]) +
                           " for dimension " + Twine(dim) + " of shape " +
                           shapeString(shapeOf(*x)));
    cropped = gather(context, cropped, int64_t(dim),
                     llvm::to_vector(llvm::seq<int64_t>(first, last)));
    padLow[dim] = std::max<int64_t>(low[dim], 0);
    padHigh[dim] = std::max<int64_t>(high[dim], 0);
    shape[dim] = last - first + padLow[dim] + padHigh[dim];
  }
  if (failed(context.checkShape(shape, "the result")))
    return failure();
  return context.setOutput(createPad(context.builder, context.loc,
                                     cropped.value, padLow, padHigh, value));
}

static LogicalResult importPadWithAttributes(NodeContext &context) {
  SmallVector<int64_t> pads = context.intsAttr("pads");
  size_t rank = size_t(context.input(0).rank());
  if (pads.size() != 2 * rank)
    return context.error("expected " + Twine(2 * rank) + " pads, got " +
                         shapeString(pads));
  return buildPad(context, ArrayRef(pads).take_front(rank),
                  ArrayRef(pads).drop_front(rank),
                  context.floatAttr("value", 0));
}

static LogicalResult importPad(NodeContext &context) {
  FailureOr<SmallVector<int64_t>> pads = context.intConstants(1, "pads");
  if (failed(pads))
    return failure();
  float value = 0;
  if (context.hasInput(2)) {
    FailureOr<float> scalar = context.scalarConstant(2, "constant_value");
    if (failed(scalar))
      return failure();
    value = *scalar;
  }
  int64_t rank = context.input(0).rank();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (context.hasInput(3)) {
    FailureOr<SmallVector<int64_t>> input = context.intConstants(3, "axes");
    if (failed(input) || failed(context.normalizeAxes(*input, rank)))
      return failure();
    axes = *input;
  }
  if (pads->size() != 2 * axes.size())
    return context.error("expected " + Twine(2 * axes.size()) + " pads, got " +
                         shapeString(*pads));
  SmallVector<int64_t> low(size_t(rank), 0), high(size_t(rank), 0);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    size_t dim = size_t(axis < 0 ? axis + rank : axis);
    low[dim] = (*pads)[i];
    high[dim] = (*pads)[i + axes.size()];
  }
  return buildPad(context, low, high, value);
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

static LogicalResult importGather(NodeContext &context) {
  const GraphValue &x = context.input(0);
  if (!context.input(1).isConstant())
    return context.error("expected indices to be a constant, got a value "
                         "computed at run time");
  const HostTensor &indices = *context.input(1).constant;
  if (indices.dtype != DType::I64 && indices.dtype != DType::I32)
    return context.error("expected indices to be i64 or i32, got " +
                         dtypeName(indices.dtype));
  FailureOr<int64_t> axis =
      context.normalizeAxis(context.intAttr("axis", 0), x.rank());
  if (failed(axis))
    return failure();
  int64_t size = x.shape()[*axis];
  SmallVector<int64_t> positions =
      llvm::to_vector(hostCast(indices, DType::I64)->data<int64_t>());
  for (int64_t &position : positions) {
    if (position < -size || position >= size)
      return context.error("expected indices in [" + Twine(-size) + ", " +
                           Twine(size) + "), got " + Twine(position));
    position = position < 0 ? position + size : position;
  }
  if (positions.empty() && !x.isConstant())
    return context.error("expected indices, got none");
  SmallVector<int64_t> shape(x.shape().take_front(*axis));
  shape.append(indices.shape.begin(), indices.shape.end());
  llvm::append_range(shape, x.shape().drop_front(*axis + 1));
  if (!countElements(shape))
    return context.error("expected at most 2^31 elements in the result, got " +
                         shapeString(shape));
  if (x.isConstant() &&
      failed(context.checkMade(*countElements(shape), x.dtype())))
    return failure();
  GraphValue selected = gather(context, x, *axis, positions);
  return context.setOutput(reshape(context, selected, shape));
}

ArrayRef<OpRow> onnximport::movementOps() {
  static const OpRow rows[] = {
      {"Concat", 7, kMaxOpset, 1, kVariadic, 1, importConcat, "axis:i"},
      {"Gather", 7, kMaxOpset, 2, 2, 1, importGather, "axis:i"},
      {"Pad", 7, 10, 1, 1, 1, importPadWithAttributes, "mode:s pads:I value:f"},
      {"Pad", 11, 17, 2, 3, 1, importPad, "mode:s"},
      {"Pad", 18, kMaxOpset, 2, 4, 1, importPad, "mode:s"},
      {"Slice", 7, 9, 1, 1, 1, importSliceWithAttributes,
       "axes:I ends:I starts:I"},
      {"Slice", 10, kMaxOpset, 3, 5, 1, importSlice, ""},
      {"Split", 7, 12, 1, 1, kVariadic, importSplit, "axis:i split:I"},
      {"Split", 13, 17, 1, 2, kVariadic, importSplit, "axis:i"},
      {"Split", 18, kMaxOpset, 1, 2, kVariadic, importSplit,
       "axis:i num_outputs:i"},
      {"Transpose", 7, kMaxOpset, 1, 1, 1, importTranspose, "perm:I"},
  };
  return rows;
}
