//===- WeightRewriter.cpp - Integer weights and biases --------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the layout of scales over weights, the choice of
// scales that leave room for the bias, and the proof that no accumulator wraps.
//
//===----------------------------------------------------------------------===//

#include "WeightRewriter.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace qopt;

//===----------------------------------------------------------------------===//
// Layout of scales
//===----------------------------------------------------------------------===//

namespace {
/// Which scale each weight has, and which output channel each scale serves.
struct ScaleLayout {
  SmallVector<int64_t> shape;
  AffineMap map;                   // weight's dimensions -> scale's
  std::vector<uint32_t> scaleOf;   // by weight
  std::vector<uint32_t> channelOf; // by weight
  int64_t numChannels = 1;
  bool isGrouped = false;
};
} // namespace

/// The dimension of the weights that runs along the input channels, the
/// innermost dimension of the left operand.
static std::optional<unsigned> inputChannelDim(const Contraction &match) {
  auto expr = dyn_cast<AffineDimExpr>(match.lhsMap.getResults().back());
  if (!expr || !llvm::is_contained(match.reductionLoops, expr.getPosition()))
    return std::nullopt;
  return match.rhsMap.getResultPosition(expr);
}

/// The largest divisor of `size` that is not above `limit`.
static int64_t largestDivisor(int64_t size, int64_t limit) {
  for (int64_t divisor = std::min(size, limit); divisor > 1; --divisor)
    if (size % divisor == 0)
      return divisor;
  return 1;
}

// Fewer input channels than this are not worth a scale each group.
static constexpr int64_t kMinGroupedChannels = 8;

static AffineMap scaleMap(const Contraction &match, RankedTensorType type,
                          const WeightScheme &scheme, ScaleLayout &layout) {
  MLIRContext *context = type.getContext();
  if (scheme.granularity == Granularity::Tensor)
    return AffineMap::get(type.getRank(), 0, context);
  SmallVector<AffineExpr> exprs;
  if (scheme.granularity == Granularity::Group)
    if (std::optional<unsigned> dim = inputChannelDim(match)) {
      int64_t channels = type.getDimSize(*dim);
      int64_t group = largestDivisor(channels, scheme.groupSize);
      if (channels >= kMinGroupedChannels && group > 1 && group < channels) {
        exprs.push_back(getAffineDimExpr(*dim, context).floorDiv(group));
        layout.shape.push_back(channels / group);
        layout.isGrouped = true;
      }
    }
  for (unsigned dim : match.rhsChannelDims) {
    exprs.push_back(getAffineDimExpr(dim, context));
    layout.shape.push_back(type.getDimSize(dim));
  }
  return AffineMap::get(type.getRank(), 0, exprs, context);
}

static uint32_t linearIndex(ArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  int64_t linear = 0;
  for (auto [position, size] : llvm::zip_equal(index, shape))
    linear = linear * size + position;
  return static_cast<uint32_t>(linear);
}

/// For each element of a tensor of `shape`, the place in a tensor of
/// `targetShape` that `map` gives. Each result of the map is a function of one
/// dimension and 0 at 0, so that a place is the sum of what the dimensions add.
static std::vector<uint32_t> linearPlaces(ArrayRef<int64_t> shape,
                                          AffineMap map,
                                          ArrayRef<int64_t> targetShape) {
  std::vector<uint32_t> places = {0};
  for (auto [dim, size] : llvm::enumerate(shape)) {
    SmallVector<int64_t> index(shape.size(), 0);
    std::vector<uint32_t> steps;
    for (index[dim] = 0; index[dim] < size; ++index[dim])
      steps.push_back(linearIndex(map.compose(index), targetShape));
    std::vector<uint32_t> next;
    next.reserve(places.size() * size);
    for (uint32_t place : places)
      for (uint32_t step : steps)
        next.push_back(place + step);
    places = std::move(next);
  }
  return places;
}

static ScaleLayout makeLayout(const Contraction &match,
                              const WeightScheme &scheme) {
  auto type = cast<RankedTensorType>(match.rhs.getType());
  ScaleLayout layout;
  layout.map = scaleMap(match, type, scheme, layout);

  SmallVector<int64_t> channelShape;
  for (unsigned dim : match.rhsChannelDims)
    channelShape.push_back(type.getDimSize(dim));
  layout.numChannels = llvm::product_of(channelShape);

  SmallVector<AffineExpr> channel;
  for (unsigned dim : match.rhsChannelDims)
    channel.push_back(getAffineDimExpr(dim, type.getContext()));
  auto channelMap =
      AffineMap::get(type.getRank(), 0, channel, type.getContext());
  layout.scaleOf = linearPlaces(type.getShape(), layout.map, layout.shape);
  layout.channelOf = linearPlaces(type.getShape(), channelMap, channelShape);
  return layout;
}

//===----------------------------------------------------------------------===//
// Scales, bias, overflow
//===----------------------------------------------------------------------===//

// A bias of at most 2^30 steps leaves half of the accumulator's range to the
// products.
static constexpr double kMaxBiasSteps = 1073741824.0;

/// The least weight scales with which the products' scale s_x * s_w is a normal
/// float, as a bias has it, and the bias at most kMaxBiasSteps of it. 0 where
/// there is neither weight nor bias.
static std::vector<double> minScales(const ScaleLayout &layout,
                                     ArrayRef<float> weights,
                                     ArrayRef<float> bias,
                                     std::optional<ActivationParams> input) {
  std::vector<double> result(llvm::product_of(layout.shape), 0.0);
  if (!input)
    return result;
  double least = std::numeric_limits<float>::min() / double(input->scale);
  for (auto [weight, scale, channel] :
       llvm::zip_equal(weights, layout.scaleOf, layout.channelOf)) {
    // A grouped layer adds its bias in float.
    double start = layout.isGrouped ? 0 : std::fabs(double(bias[channel]));
    if (weight == 0 && start == 0)
      continue;
    result[scale] = std::max(
        {result[scale], least, start / (double(input->scale) * kMaxBiasSteps)});
  }
  return result;
}

/// What minScales cannot help: products, or a bias, that are too large.
static llvm::Error checkProductScales(ArrayRef<float> scales,
                                      const ActivationParams &input) {
  for (float scale : scales)
    if (!std::isfinite(static_cast<float>(double(input.scale) * double(scale))))
      return llvm::createStringError(
          "the scale of its products exceeds a float: expected s_x * s_w below "
          "3.4e38, got %g * %g",
          double(input.scale), double(scale));
  return llvm::Error::success();
}

/// |bias| + sum |w| * max|a - z| < 2^31 for every accumulator: one per channel,
/// or one per channel and group.
static llvm::Error proveNoWrap(const LayerConstants &constants,
                               const ScaleLayout &layout,
                               const ActivationParams &input) {
  const std::vector<uint32_t> &accumulatorOf =
      layout.isGrouped ? layout.scaleOf : layout.channelOf;
  std::vector<int64_t> magnitudes(
      layout.isGrouped ? llvm::product_of(layout.shape) : layout.numChannels);
  for (auto [i, value] : llvm::enumerate(constants.weights.values))
    magnitudes[accumulatorOf[i]] += std::abs(int64_t(value));
  int64_t largestInput = std::max(input.zeroPoint, 255 - input.zeroPoint);
  for (auto [i, magnitude] : llvm::enumerate(magnitudes)) {
    int64_t bias =
        constants.bias.empty() ? 0 : std::abs(int64_t(constants.bias[i]));
    // The zero point's share is folded into the start value of the sum, which
    // then may reach twice as far.
    if (bias + magnitude * largestInput >= (int64_t(1) << 31))
      return llvm::createStringError(
          "the sums of output channel " + Twine(i % layout.numChannels) +
          " could exceed 32 bits: expected |bias| + sum|w| * max|x| below "
          "2147483648, got " +
          Twine(bias + magnitude * largestInput));
  }
  return llvm::Error::success();
}

/// Bias in steps of s_x * s_w, the scale that the products have.
static void quantizeBias(const Contraction &match, ArrayRef<float> bias,
                         const ActivationParams &input,
                         const ScaleLayout &layout, LayerConstants &constants) {
  auto type = cast<RankedTensorType>(match.rhs.getType());
  ScaleTable &scales = constants.biasScales;
  SmallVector<int64_t> channelShape;
  for (unsigned dim : match.rhsChannelDims)
    channelShape.push_back(type.getDimSize(dim));
  bool perTensor = layout.shape.empty();
  MLIRContext *context = type.getContext();
  unsigned rank = channelShape.size();
  scales.map = perTensor ? AffineMap::get(rank, 0, context)
                         : AffineMap::getMultiDimIdentityMap(rank, context);
  if (!perTensor)
    scales.shape = channelShape;
  for (float scale : constants.weights.scales)
    scales.values.push_back(
        static_cast<float>(double(input.scale) * double(scale)));
  for (auto [channel, value] : llvm::enumerate(bias)) {
    double scale = scales.values[perTensor ? 0 : channel];
    constants.bias.push_back(
        static_cast<int32_t>(std::nearbyint(double(value) / scale)));
  }
}

llvm::Expected<LayerConstants>
qopt::quantizeLayer(const Contraction &match, const WeightScheme &scheme,
                    std::optional<ActivationParams> input) {
  std::optional<ContractionConstants> real = readConstants(match);
  if (!real)
    return llvm::createStringError("the weights are not constant");
  for (float bias : real->bias)
    if (!std::isfinite(bias))
      return llvm::createStringError("the bias is not finite");
  ScaleLayout layout = makeLayout(match, scheme);
  std::vector<float> weights(real->weights.value_begin<float>(),
                             real->weights.value_end<float>());
  for (float weight : weights)
    if (!std::isfinite(weight))
      return llvm::createStringError("a weight is not finite");

  LayerConstants constants;
  constants.bits = scheme.bits;
  constants.isGrouped = layout.isGrouped;
  constants.weights = quantizeWeights(
      weights, layout.scaleOf, minScales(layout, weights, real->bias, input),
      scheme.bits, scheme.range);
  constants.scales = {layout.shape, {}, layout.map};
  constants.scales.values.assign(constants.weights.scales.begin(),
                                 constants.weights.scales.end());
  if (!input)
    return constants;
  if (llvm::Error error = checkProductScales(constants.weights.scales, *input))
    return std::move(error);
  bool hasBias = llvm::any_of(real->bias, [](float b) { return b != 0; });
  if (hasBias && !layout.isGrouped)
    quantizeBias(match, real->bias, *input, layout, constants);
  if (llvm::Error error = proveNoWrap(constants, layout, *input))
    return std::move(error);
  return constants;
}

//===----------------------------------------------------------------------===//
// Into the IR
//===----------------------------------------------------------------------===//

void qopt::rewriteLayer(OpBuilder &builder, const Contraction &match,
                        const LayerConstants &constants) {
  linalg::LinalgOp op = match.op;
  Location loc = op->getLoc();
  builder.setInsertionPoint(op);
  auto type = cast<RankedTensorType>(match.rhs.getType());
  SmallVector<int32_t> integers(constants.weights.values.begin(),
                                constants.weights.values.end());
  Value weights = createIntConstant(builder, loc, type.getShape(), integers,
                                    constants.bits);
  op.getDpsInputOperand(1)->set(
      createDequantize(builder, loc, weights, constants.scales, 0, false));
  if (constants.bias.empty())
    return;

  auto initType = cast<RankedTensorType>(match.init.getType());
  SmallVector<int64_t> channelShape, added;
  for (unsigned dim : match.outChannelDims)
    channelShape.push_back(initType.getDimSize(dim));
  for (int64_t dim = 0; dim < initType.getRank(); ++dim)
    if (!llvm::is_contained(match.outChannelDims, dim))
      added.push_back(dim);
  Value bias =
      createIntConstant(builder, loc, channelShape, constants.bias, 32);
  Value real =
      createDequantize(builder, loc, bias, constants.biasScales, 0, false);
  Value empty =
      createEmpty(builder, loc, initType.getShape(), initType.getElementType());
  Value init = linalg::BroadcastOp::create(builder, loc, real, empty, added)
                   ->getResult(0);
  op.setDpsInitOperand(0, init);
}
