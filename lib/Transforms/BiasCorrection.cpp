//===- BiasCorrection.cpp - Means that quantization moved -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/BiasCorrection.h"
#include "QuantizationPlan.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/PassManager.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/QuantBuilders.h"

using namespace mlir;
using namespace qopt;

static SmallVector<Contraction> layersOf(ModuleOp module) {
  SmallVector<Contraction> layers;
  for (auto func : module.getOps<func::FuncOp>())
    if (func.isPublic() && !func.isExternal())
      for (Operation &op : func.getBody().front())
        if (auto contraction = matchContraction(&op))
          layers.push_back(*contraction);
  return layers;
}

//===----------------------------------------------------------------------===//
// Inputs of layers
//===----------------------------------------------------------------------===//

namespace {
/// A loop that the weights and the input of a layer have in common.
struct WeightLoop {
  unsigned loop;
  InputLoop input;
};
} // namespace

/// d(expr) / d(loop) of a linear expression.
static std::optional<int64_t> coefficient(AffineExpr expr, unsigned loop) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dim.getPosition() == loop;
  if (isa<AffineConstantExpr>(expr))
    return 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  std::optional<int64_t> lhs = coefficient(binary.getLHS(), loop);
  if (binary.getKind() == AffineExprKind::Add) {
    std::optional<int64_t> rhs = coefficient(binary.getRHS(), loop);
    return lhs && rhs ? std::optional(*lhs + *rhs) : std::nullopt;
  }
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (binary.getKind() != AffineExprKind::Mul || !factor || !lhs)
    return std::nullopt;
  return *lhs * factor.getValue();
}

/// How far the element moves that the layer reads, per step of the loop.
static std::optional<int64_t> stepOf(const Contraction &layer, unsigned loop) {
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(layer.lhs.getType()).getShape();
  int64_t stride = 1, step = 0;
  for (int64_t dim = int64_t(shape.size()) - 1; dim >= 0; --dim) {
    std::optional<int64_t> part =
        coefficient(layer.lhsMap.getResult(dim), loop);
    if (!part)
      return std::nullopt;
    step += *part * stride;
    stride *= shape[dim];
  }
  return step;
}

/// The loops over the weights that a layer's input has, too, the one with the
/// smallest steps last; and those over its positions. Nothing if the weights
/// are not constant or an index is not linear.
static std::optional<SmallVector<WeightLoop>>
describeLayer(const Contraction &layer, LayerInput &input) {
  if (!matchPattern(layer.rhs, m_Constant()) ||
      !llvm::is_sorted(layer.outChannelDims))
    return std::nullopt;
  SmallVector<WeightLoop> weights;
  linalg::LinalgOp op = layer.op;
  for (auto [loop, size] : llvm::enumerate(op.getStaticLoopRanges())) {
    std::optional<int64_t> step = stepOf(layer, loop);
    bool isOfWeight = layer.rhsMap.isFunctionOfDim(loop);
    bool isReduced = llvm::is_contained(layer.reductionLoops, loop);
    if (!step || (isReduced && !isOfWeight))
      return std::nullopt;
    if (isOfWeight && (*step != 0 || isReduced))
      weights.push_back({unsigned(loop), {size, *step}});
    else if (*step != 0)
      input.positions.push_back({size, *step});
  }
  llvm::sort(weights, [](const WeightLoop &a, const WeightLoop &b) {
    return std::make_pair(-a.input.step, a.loop) <
           std::make_pair(-b.input.step, b.loop);
  });
  for (const WeightLoop &weight : weights)
    input.weights.push_back(weight.input);
  return weights;
}

std::vector<LayerInput> qopt::describeLayerInputs(ModuleOp module) {
  std::vector<LayerInput> inputs;
  for (const Contraction &layer : layersOf(module)) {
    LayerInput input;
    inputs.push_back(describeLayer(layer, input) ? input : LayerInput());
  }
  return inputs;
}

void qopt::observeLayerInputs(ModuleOp module) {
  for (auto [i, layer] : llvm::enumerate(layersOf(module))) {
    LayerInput input;
    if (!describeLayer(layer, input))
      continue;
    OpBuilder builder(layer.op);
    auto observe = ObserveOp::create(
        builder, layer.op.getLoc(), layer.lhs.getType(), layer.lhs,
        builder.getStringAttr(layerEdgeName(i)), /*axis=*/IntegerAttr(),
        /*min=*/nullptr, /*max=*/nullptr);
    layer.op.getDpsInputOperand(0)->set(observe.getResult());
  }
}

//===----------------------------------------------------------------------===//
// Weights and biases
//===----------------------------------------------------------------------===//

/// Replaces the bias of a float contraction.
static void setBias(const Contraction &layer, ArrayRef<float> bias) {
  linalg::LinalgOp op = layer.op;
  OpBuilder builder(op);
  auto type = cast<RankedTensorType>(layer.init.getType());
  SmallVector<int64_t> shape, added;
  for (unsigned dim : layer.outChannelDims)
    shape.push_back(type.getDimSize(dim));
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!llvm::is_contained(layer.outChannelDims, dim))
      added.push_back(dim);
  Location loc = op.getLoc();
  Value constant = createFloatConstant(builder, loc, shape, bias);
  Value empty =
      createEmpty(builder, loc, type.getShape(), type.getElementType());
  op.setDpsInitOperand(
      0, linalg::BroadcastOp::create(builder, loc, constant, empty, added)
             ->getResult(0));
}

static llvm::Expected<OwningOpRef<ModuleOp>> quantized(ModuleOp calibrated,
                                                       StringRef recipe) {
  OwningOpRef<ModuleOp> copy(calibrated.clone());
  PassManager pm(calibrated.getContext());
  pm.addPass(createQuantizePass({recipe.str(), "float"}));
  if (failed(pm.run(*copy)))
    return llvm::createStringError(
        "bias correction: the module cannot be quantized");
  return copy;
}

/// Clones dequantized weights into another function.
static Value cloneWeights(OpBuilder &builder, DequantizeOp weights) {
  IRMapping mapping;
  for (Value operand : weights->getOperands())
    if (!mapping.contains(operand))
      mapping.map(operand,
                  builder.clone(*operand.getDefiningOp())->getResult(0));
  return builder.clone(*weights, mapping)->getResult(0);
}

/// The real values of quantized weights.
static llvm::Expected<HostTensor> evaluateWeights(DequantizeOp weights) {
  Location loc = weights.getLoc();
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(loc);
  OpBuilder builder = OpBuilder::atBlockBegin(scratch->getBody());
  auto func = func::FuncOp::create(
      builder, loc, "weights",
      builder.getFunctionType({}, weights.getResult().getType()));
  builder.setInsertionPointToStart(func.addEntryBlock());
  func::ReturnOp::create(builder, loc, cloneWeights(builder, weights));
  auto results = interpret(func, {});
  if (!results)
    return results.takeError();
  return std::move(results->front());
}

/// bias[channel] += sum (w - rounded w) * mean of the elements that w meets
static std::vector<float> correctedBias(const Contraction &layer,
                                        ArrayRef<WeightLoop> loops,
                                        ArrayRef<double> means,
                                        const ContractionConstants &constants,
                                        const HostTensor &rounded) {
  linalg::LinalgOp op = layer.op;
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  SmallVector<int64_t> channelStrides(sizes.size(), 0);
  SmallVector<int64_t> meanStrides(sizes.size(), 0);
  int64_t stride = 1;
  for (unsigned loop : llvm::reverse(layer.channelLoops)) {
    channelStrides[loop] = stride;
    stride *= sizes[loop];
  }
  stride = 1;
  for (const WeightLoop &weight : llvm::reverse(loops)) {
    meanStrides[weight.loop] = stride;
    stride *= sizes[weight.loop];
  }
  // By dimension of the weights.
  ArrayRef<int64_t> shape = rounded.shape;
  SmallVector<int64_t> channelSteps, meanSteps;
  for (AffineExpr expr : layer.rhsMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    channelSteps.push_back(channelStrides[loop]);
    meanSteps.push_back(meanStrides[loop]);
  }
  std::vector<double> change(constants.bias.size(), 0.0);
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t channel = 0, mean = 0;
  for (auto [weight, other] : llvm::zip_equal(
           constants.weights.getValues<float>(), rounded.data<float>())) {
    change[channel] += (double(weight) - double(other)) * means[mean];
    for (int64_t dim = int64_t(index.size()) - 1; dim >= 0; --dim) {
      channel += channelSteps[dim];
      mean += meanSteps[dim];
      if (++index[dim] < shape[dim])
        break;
      channel -= channelSteps[dim] * shape[dim];
      mean -= meanSteps[dim] * shape[dim];
      index[dim] = 0;
    }
  }
  std::vector<float> bias = constants.bias;
  for (auto [value, difference] : llvm::zip_equal(bias, change))
    value = static_cast<float>(double(value) + difference);
  return bias;
}

llvm::Error qopt::correctBiases(ModuleOp calibrated, const InputMeans &means,
                                StringRef recipe) {
  auto copy = quantized(calibrated, recipe);
  if (!copy)
    return copy.takeError();
  SmallVector<Contraction> layers = layersOf(calibrated);
  if (layers.size() != means.getLayers().size())
    return llvm::createStringError("bias correction: expected means of " +
                                   Twine(layers.size()) + " layers, got " +
                                   Twine(means.getLayers().size()));
  for (auto [i, layer, twin] : llvm::enumerate(layers, layersOf(**copy))) {
    LayerInput input;
    std::optional<SmallVector<WeightLoop>> loops = describeLayer(layer, input);
    auto weights = twin.rhs.getDefiningOp<DequantizeOp>();
    std::vector<double> mean = means.means(i);
    std::optional<ContractionConstants> constants = readConstants(layer);
    if (!loops || !weights || mean.empty() || !constants)
      continue;
    llvm::Expected<HostTensor> rounded = evaluateWeights(weights);
    if (!rounded)
      return rounded.takeError();
    setBias(layer, correctedBias(layer, *loops, mean, *constants, *rounded));
  }
  return llvm::Error::success();
}
