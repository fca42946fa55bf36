//===- Reshape.cpp - Operators that keep the order of the elements --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reshape, its special cases, and the identities.
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

static LogicalResult importReshape(NodeContext &context) {
  const GraphValue &x = context.input(0);
  FailureOr<SmallVector<int64_t>> target = context.intConstants(1, "shape");
  if (failed(target))
    return failure();
  SmallVector<int64_t> shape(*target);
  bool zeroIsZero = context.intAttr("allowzero", 0) != 0;
  int64_t *inferred = nullptr;
  for (auto [dim, size] : llvm::enumerate(shape)) {
    if (size == 0 && !zeroIsZero && int64_t(dim) < x.rank())
      size = x.shape()[dim];
    if (size == -1 && !inferred)
      inferred = &shape[dim];
    else if (size < 0)
      return context.error("expected a shape with at most one -1, got " +
                           shapeString(*target));
  }
  int64_t count = *countElements(x.shape());
  if (inferred) {
    *inferred = 1;
    std::optional<int64_t> rest = countElements(shape);
    *inferred = rest && *rest > 0 && count % *rest == 0 ? count / *rest : -1;
  }
  if (is_contained(shape, -1) || countElements(shape) != count)
    return context.error("expected a shape of " + Twine(count) +
                         " elements for input " + shapeString(x.shape()) +
                         ", got " + shapeString(*target));
  return context.setOutput(reshape(context, x, shape));
}

static LogicalResult importFlatten(NodeContext &context) {
  const GraphValue &x = context.input(0);
  int64_t axis = context.intAttr("axis", 1);
  if (axis < -x.rank() || axis > x.rank())
    return context.error("expected an axis in [" + Twine(-x.rank()) + ", " +
                         Twine(x.rank()) + "], got " + Twine(axis));
  axis = axis < 0 ? axis + x.rank() : axis;
  int64_t shape[] = {*countElements(x.shape().take_front(axis)),
                     *countElements(x.shape().drop_front(axis))};
  return context.setOutput(reshape(context, x, shape));
}

/// The axes of Squeeze and Unsqueeze: an attribute until opset 12, then the
/// second input.
static FailureOr<SmallVector<int64_t>> readAxes(NodeContext &context,
                                                int64_t rank) {
  SmallVector<int64_t> axes = context.intsAttr("axes");
  if (context.hasInput(1)) {
    FailureOr<SmallVector<int64_t>> input = context.intConstants(1, "axes");
    if (failed(input))
      return failure();
    axes = *input;
  }
  // For Unsqueeze `rank` is less the axes, whose number is known only here.
  if (context.opType() == "Unsqueeze")
    rank += int64_t(axes.size());
  return context.normalizeAxes(axes, rank);
}

static LogicalResult importSqueeze(NodeContext &context) {
  const GraphValue &x = context.input(0);
  FailureOr<SmallVector<int64_t>> axes = readAxes(context, x.rank());
  if (failed(axes))
    return failure();
  bool all = !context.hasAttr("axes") && !context.hasInput(1);
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(x.shape())) {
    bool listed = is_contained(*axes, int64_t(dim));
    if (listed && size != 1)
      return context.error("expected axes of size 1, got axis " + Twine(dim) +
                           " of shape " + shapeString(x.shape()));
    if (!(listed || (all && size == 1)))
      shape.push_back(size);
  }
  return context.setOutput(reshape(context, x, shape));
}

static LogicalResult importUnsqueeze(NodeContext &context) {
  const GraphValue &x = context.input(0);
  FailureOr<SmallVector<int64_t>> axes = readAxes(context, x.rank());
  if (failed(axes))
    return failure();
  SmallVector<int64_t> shape(x.shape());
  for (int64_t axis : *axes)
    shape.insert(shape.begin() + axis, 1);
  return context.setOutput(reshape(context, x, shape));
}

static LogicalResult importIdentity(NodeContext &context) {
  return context.setOutput(context.input(0));
}

static LogicalResult importDropout(NodeContext &context) {
  if (context.hasInput(2)) {
    const GraphValue &training = context.input(2);
    if (!training.isConstant() || training.constant->bytes.size() != 1 ||
        training.constant->bytes[0] != 0)
      return context.error("expected training_mode to be constant false, got "
                           "another value");
  }
  return context.setOutput(context.input(0));
}

ArrayRef<OpRow> onnximport::reshapeOps() {
  static const OpRow rows[] = {
      {"Dropout", 7, 11, 1, 1, 2, importDropout, "-ratio:f"},
      {"Dropout", 12, kMaxOpset, 1, 3, 2, importDropout, "-seed:i"},
      {"Flatten", 7, kMaxOpset, 1, 1, 1, importFlatten, "axis:i"},
      {"Identity", 7, kMaxOpset, 1, 1, 1, importIdentity, ""},
      {"Reshape", 7, 13, 2, 2, 1, importReshape, ""},
      {"Reshape", 14, kMaxOpset, 2, 2, 1, importReshape, "allowzero:i"},
      {"Squeeze", 7, 12, 1, 1, 1, importSqueeze, "axes:I"},
      {"Squeeze", 13, kMaxOpset, 1, 2, 1, importSqueeze, ""},
      {"Unsqueeze", 7, 12, 1, 1, 1, importUnsqueeze, "axes:I"},
      {"Unsqueeze", 13, kMaxOpset, 2, 2, 1, importUnsqueeze, ""},
  };
  return rows;
}
