//===- Resize.cpp - Nearest-neighbour resizing ----------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each resized dimension becomes a table of source positions, computed here in
// f32 as ONNX's formulas are written.
//
//===----------------------------------------------------------------------===//

#include "GraphOps.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;

namespace {

/// How an output position maps to a source position.
struct NearestRule {
  std::string coordinates, rounding;
};

/// One resized dimension.
struct ResizedDim {
  int64_t size, newSize;
  float scale;
};

} // namespace

static float sourceCoordinate(const NearestRule &rule, const ResizedDim &dim,
                              int64_t position) {
  float x = float(position);
  if (rule.coordinates == "asymmetric")
    return x / dim.scale;
  if (rule.coordinates == "align_corners")
    return dim.newSize == 1 ? 0.0f
                            : x * float(dim.size - 1) / float(dim.newSize - 1);
  if (rule.coordinates == "tf_half_pixel_for_nn")
    return (x + 0.5f) / dim.scale;
  if (rule.coordinates == "pytorch_half_pixel" && dim.newSize == 1)
    return 0.0f;
  if (rule.coordinates == "half_pixel_symmetric") {
    // The size that is left of scale * size; its centre stays where it was.
    float kept = float(dim.newSize) / (dim.scale * float(dim.size));
    float offset = float(dim.size) / 2 * (1 - kept);
    return offset + (x + 0.5f) / dim.scale - 0.5f;
  }
  return (x + 0.5f) / dim.scale - 0.5f;
}

static int64_t roundCoordinate(const NearestRule &rule, float x) {
  if (rule.rounding == "floor")
    return int64_t(std::floor(x));
  if (rule.rounding == "ceil")
    return int64_t(std::ceil(x));
  if (rule.rounding == "round_prefer_ceil")
    return int64_t(std::floor(x + 0.5f));
  return int64_t(std::ceil(x - 0.5f));
}

/// The source position of every output position along one dimension.
static SmallVector<int64_t> sourcePositions(const NearestRule &rule,
                                            const ResizedDim &dim) {
  SmallVector<int64_t> positions;
  for (int64_t i = 0; i < dim.newSize; ++i) {
    int64_t source = roundCoordinate(rule, sourceCoordinate(rule, dim, i));
    positions.push_back(std::clamp<int64_t>(source, 0, dim.size - 1));
  }
  return positions;
}

/// The factor f if position i reads i / f, else 0.
static int64_t repeatFactor(ArrayRef<int64_t> positions, int64_t size) {
  int64_t factor = int64_t(positions.size()) / size;
  if (factor * size != int64_t(positions.size()))
    return 0;
  for (auto [i, source] : llvm::enumerate(positions)) {
    if (source != int64_t(i) / factor)
      return 0;
  }
  return factor;
}

/// Repeats each element along `dims`: a broadcast into (..., s, f, ...), then a
/// collapse of s and f.
static Value createRepeat(NodeContext &context, Value input,
                          ArrayRef<int64_t> dims, ArrayRef<int64_t> factors) {
  ArrayRef<int64_t> from = shapeOf(input);
  SmallVector<int64_t> expanded, collapsed;
  ElementwiseOperand operand{input, {}};
  for (int64_t dim = 0; dim < int64_t(from.size()); ++dim) {
    operand.dims.push_back(int64_t(expanded.size()));
    expanded.push_back(from[dim]);
    collapsed.push_back(from[dim]);
    const auto *found = llvm::find(dims, dim);
    if (found == dims.end())
      continue;
    expanded.push_back(factors[found - dims.begin()]);
    collapsed.back() *= expanded.back();
  }
  Value repeated = createElementwise(
      context.builder, context.loc, expanded, operand,
      [](OpBuilder &, Location, ValueRange args) { return args[0]; });
  return createReshape(context.builder, context.loc, repeated, collapsed);
}

static LogicalResult buildNearest(NodeContext &context,
                                  ArrayRef<ResizedDim> resized,
                                  const NearestRule &rule) {
  FailureOr<Value> x = context.tensor(0);
  if (failed(x))
    return failure();
  SmallVector<int64_t> dims, factors;
  SmallVector<SmallVector<int64_t>> tables;
  bool repeats = true;
  for (auto [dim, size] : llvm::enumerate(resized)) {
    if (failed(context.checkMade(size.newSize, DType::I64)))
      return failure();
    SmallVector<int64_t> positions = sourcePositions(rule, size);
    if (llvm::equal(positions, llvm::seq<int64_t>(0, size.size)))
      continue;
    int64_t factor = repeatFactor(positions, size.size);
    repeats &= factor != 0;
    dims.push_back(int64_t(dim));
    factors.push_back(factor);
    tables.push_back(std::move(positions));
  }
  if (dims.empty())
    return context.setOutput(*x);
  // Images are resized channels last, everything else as it is.
  bool isImage = resized.size() >= 3 && dims.front() >= 2;
  if (isImage)
    for (int64_t &dim : dims)
      --dim;
  Value input = isImage ? toChannelsLast(context, *x) : *x;
  Value result =
      repeats ? createRepeat(context, input, dims, factors)
              : createGather(context.builder, context.loc, input, dims, tables);
  return context.setOutput(isImage ? toChannelsFirst(context, result) : result);
}

//===----------------------------------------------------------------------===//
// Scales and sizes
//===----------------------------------------------------------------------===//

static FailureOr<SmallVector<ResizedDim>>
resizeByScales(NodeContext &context, ArrayRef<float> scales,
               ArrayRef<int64_t> axes) {
  ArrayRef<int64_t> shape = context.input(0).shape();
  if (scales.size() != axes.size())
    return context.error("expected " + Twine(axes.size()) + " scales, got " +
                         Twine(scales.size()));
  SmallVector<ResizedDim> resized;
  SmallVector<int64_t> newShape(shape);
  for (int64_t size : shape)
    resized.push_back({size, size, 1.0f});
  for (auto [axis, scale] : llvm::zip_equal(axes, scales)) {
    double size = std::floor(double(shape[axis]) * double(scale));
    if (!(scale > 0) || !(size >= 1) || !(size < double(kMaxElements)))
      return context.error("expected scales that leave between 1 and 2^31 "
                           "elements, got " +
                           std::to_string(scale) + " for axis " + Twine(axis));
    resized[axis].newSize = newShape[axis] = int64_t(size);
    resized[axis].scale = scale;
  }
  if (failed(context.checkShape(newShape, "the result")))
    return failure();
  return resized;
}

static FailureOr<SmallVector<ResizedDim>>
resizeToSizes(NodeContext &context, ArrayRef<int64_t> sizes,
              ArrayRef<int64_t> axes) {
  ArrayRef<int64_t> shape = context.input(0).shape();
  if (sizes.size() != axes.size())
    return context.error("expected " + Twine(axes.size()) + " sizes, got " +
                         Twine(sizes.size()));
  SmallVector<ResizedDim> resized;
  SmallVector<int64_t> newShape(shape);
  for (int64_t size : shape)
    resized.push_back({size, size, 1.0f});
  for (auto [axis, size] : llvm::zip_equal(axes, sizes))
    newShape[axis] = size;
  if (failed(context.checkShape(newShape, "the result")))
    return failure();
  for (int64_t axis : axes) {
    resized[axis].newSize = newShape[axis];
    resized[axis].scale = float(newShape[axis]) / float(shape[axis]);
  }
  return resized;
}

static LogicalResult checkMode(NodeContext &context) {
  std::string mode = context.stringAttr("mode", "nearest");
  if (mode == "nearest")
    return success();
  return context.error("expected mode 'nearest', got '" + printable(mode) +
                       "'");
}

static FailureOr<NearestRule> readRule(NodeContext &context) {
  NearestRule rule = {
      context.stringAttr("coordinate_transformation_mode", "half_pixel"),
      context.stringAttr("nearest_mode", "round_prefer_floor")};
  SmallVector<StringRef> known = {"asymmetric", "align_corners", "half_pixel",
                                  "pytorch_half_pixel", "tf_half_pixel_for_nn"};
  constexpr int64_t kSymmetricSince = 19;
  if (context.getOpset() >= kSymmetricSince)
    known.push_back("half_pixel_symmetric");
  if (!is_contained(known, StringRef(rule.coordinates)))
    return context.error("expected coordinate_transformation_mode " +
                         llvm::join(known, ", ") + ", got '" +
                         printable(rule.coordinates) + "'");
  if (!is_contained(
          {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"},
          StringRef(rule.rounding)))
    return context.error("expected nearest_mode floor, ceil, "
                         "round_prefer_floor or round_prefer_ceil, got '" +
                         printable(rule.rounding) + "'");
  return rule;
}

//===----------------------------------------------------------------------===//
// The operators
//===----------------------------------------------------------------------===//

static LogicalResult importResize(NodeContext &context) {
  if (failed(checkMode(context)))
    return failure();
  FailureOr<NearestRule> rule = readRule(context);
  if (failed(rule))
    return failure();
  std::string policy =
      context.stringAttr("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch")
    return context.error("expected keep_aspect_ratio_policy 'stretch', got '" +
                         printable(policy) + "'");
  int64_t rank = context.input(0).rank();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (context.hasAttr("axes")) {
    axes = context.intsAttr("axes");
    if (failed(context.normalizeAxes(axes, rank)))
      return failure();
    for (int64_t &axis : axes)
      axis = axis < 0 ? axis + rank : axis;
  }
  // Without sizes, exporters leave them out or give an empty tensor; with
  // sizes, the same goes for scales.
  bool hasSizes = context.hasInput(3) && !context.input(3).shape().empty() &&
                  context.input(3).shape()[0] != 0;
  FailureOr<SmallVector<ResizedDim>> resized;
  if (hasSizes) {
    FailureOr<SmallVector<int64_t>> sizes = context.intConstants(3, "sizes");
    if (failed(sizes))
      return failure();
    resized = resizeToSizes(context, *sizes, axes);
  } else {
    FailureOr<const HostTensor *> scales = context.floatConstant(2, "scales");
    if (failed(scales))
      return failure();
    resized = resizeByScales(context, (*scales)->data<float>(), axes);
  }
  if (failed(resized))
    return failure();
  return buildNearest(context, *resized, *rule);
}

/// Upsample, and Resize of opset 10: scales as the second input or an
/// attribute, position i reads floor(i / scale).
static LogicalResult importUpsample(NodeContext &context) {
  if (failed(checkMode(context)))
    return failure();
  SmallVector<float> scales = context.floatsAttr("scales");
  if (context.numInputs() > 1) {
    FailureOr<const HostTensor *> input = context.floatConstant(1, "scales");
    if (failed(input))
      return failure();
    scales = llvm::to_vector((*input)->data<float>());
  }
  auto axes = llvm::to_vector(llvm::seq<int64_t>(0, context.input(0).rank()));
  FailureOr<SmallVector<ResizedDim>> resized =
      resizeByScales(context, scales, axes);
  if (failed(resized))
    return failure();
  return buildNearest(context, *resized, {"asymmetric", "floor"});
}

ArrayRef<OpRow> onnximport::resizeOps() {
  static const OpRow rows[] = {
      {"Resize", 10, 10, 2, 2, 1, importUpsample, "mode:s"},
      {"Resize", 11, 17, 1, 4, 1, importResize,
       "coordinate_transformation_mode:s -cubic_coeff_a:f -exclude_outside:i "
       "-extrapolation_value:f mode:s nearest_mode:s"},
      {"Resize", 18, kMaxOpset, 1, 4, 1, importResize,
       "-antialias:i axes:I coordinate_transformation_mode:s "
       "-cubic_coeff_a:f -exclude_outside:i -extrapolation_value:f "
       "keep_aspect_ratio_policy:s mode:s nearest_mode:s"},
      {"Upsample", 7, 8, 1, 1, 1, importUpsample, "mode:s scales:F"},
      {"Upsample", 9, 9, 2, 2, 1, importUpsample, "mode:s"},
  };
  return rows;
}
