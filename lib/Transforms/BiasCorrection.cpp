//===- BiasCorrection.cpp - Means that quantization moved -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One run of the float module in the reference interpreter, with a twin of each
// contraction that has the quantized weights. Both see the same input, so a
// layer answers for its own error only: correcting what earlier layers do, too,
// would count their error once per layer (residual networks then diverge).
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/BiasCorrection.h"
#include "QuantizationPlan.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/QuantBuilders.h"
#include <atomic>
#include <mutex>
#include <thread>

using namespace mlir;
using namespace qopt;

/// Per layer, per output channel.
using Means = std::vector<std::vector<double>>;

static SmallVector<Contraction> layersOf(func::FuncOp func) {
  SmallVector<Contraction> layers;
  for (Operation &op : func.getBody().front())
    if (auto contraction = matchContraction(&op))
      layers.push_back(*contraction);
  return layers;
}

static func::FuncOp modelFunction(ModuleOp module) {
  for (auto func : module.getOps<func::FuncOp>())
    if (!func.isExternal())
      return func;
  return {};
}

/// The mean of each channel of one contraction's result.
static std::vector<double> channelMeans(const Contraction &layer,
                                        const HostTensor &value) {
  SmallVector<int64_t> strides(value.shape.size(), 0);
  int64_t channels = 1;
  for (unsigned dim : llvm::reverse(layer.outChannelDims)) {
    strides[dim] = channels;
    channels *= value.shape[dim];
  }
  std::vector<double> sums(channels, 0.0);
  SmallVector<int64_t> index(value.shape.size(), 0);
  for (float element : value.data<float>()) {
    int64_t channel = 0;
    for (auto [position, stride] : llvm::zip_equal(index, strides))
      channel += position * stride;
    sums[channel] += element;
    for (int64_t dim = int64_t(index.size()) - 1; dim >= 0; --dim) {
      if (++index[dim] < value.shape[dim])
        break;
      index[dim] = 0;
    }
  }
  for (double &sum : sums)
    sum /= double(value.numElements() / channels);
  return sums;
}

static llvm::Expected<Means>
meansOfSample(func::FuncOp func, ArrayRef<Contraction> layers,
              const std::vector<HostTensor> &inputs) {
  DenseMap<Operation *, size_t> indexOf;
  for (auto [i, layer] : llvm::enumerate(layers))
    indexOf[layer.op] = i;
  Means means(layers.size());
  InterpretOptions options;
  options.trace = [&](Operation *op, const HostTensor &value) {
    if (auto it = indexOf.find(op); it != indexOf.end())
      means[it->second] = channelMeans(layers[it->second], value);
  };
  auto results = interpret(func, inputs, options);
  if (!results)
    return results.takeError();
  return means;
}

/// The means over all samples, summed in the order of the samples.
static llvm::Expected<Means> meansOf(func::FuncOp func,
                                     ArrayRef<Contraction> layers,
                                     ArrayRef<std::vector<HostTensor>> samples,
                                     unsigned threads) {
  std::vector<Means> perSample(samples.size());
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  llvm::Error failure = llvm::Error::success();
  auto work = [&] {
    for (size_t i = next++; i < samples.size(); i = next++) {
      llvm::Expected<Means> means = meansOfSample(func, layers, samples[i]);
      if (means) {
        perSample[i] = std::move(*means);
        continue;
      }
      std::lock_guard<std::mutex> lock(mutex);
      failure = llvm::joinErrors(std::move(failure), means.takeError());
      next = samples.size();
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back(work);
  work();
  for (std::thread &worker : workers)
    worker.join();
  if (failure)
    return std::move(failure);

  Means total = perSample.front();
  for (const Means &means : ArrayRef<Means>(perSample).drop_front())
    for (size_t layer = 0; layer < total.size(); ++layer)
      for (size_t channel = 0; channel < total[layer].size(); ++channel)
        total[layer][channel] += means[layer][channel];
  for (std::vector<double> &layer : total)
    for (double &mean : layer)
      mean /= double(samples.size());
  return total;
}

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

/// The dequantized weights in another function.
static Value cloneWeights(OpBuilder &builder, DequantizeOp weights) {
  IRMapping mapping;
  for (Value operand : weights->getOperands())
    if (!mapping.contains(operand))
      mapping.map(operand,
                  builder.clone(*operand.getDefiningOp())->getResult(0));
  return builder.clone(*weights, mapping)->getResult(0);
}

/// A second contraction beside each quantized layer: the same float input, the
/// quantized weights. Its result goes nowhere. Entry i belongs to layer i of
/// `func`; the entry of a layer that stays in float is empty.
static SmallVector<std::optional<Contraction>>
addQuantizedTwins(func::FuncOp func, func::FuncOp quantizedFunc) {
  SmallVector<std::optional<Contraction>> twins;
  for (auto [layer, rounded] :
       llvm::zip_equal(layersOf(func), layersOf(quantizedFunc))) {
    auto weights = rounded.rhs.getDefiningOp<DequantizeOp>();
    twins.emplace_back();
    if (!weights || !llvm::is_sorted(layer.outChannelDims))
      continue;
    OpBuilder builder(layer.op);
    auto twin = cast<linalg::LinalgOp>(builder.clone(*layer.op));
    builder.setInsertionPoint(twin);
    twin.getDpsInputOperand(1)->set(cloneWeights(builder, weights));
    twins.back() = matchContraction(twin);
  }
  return twins;
}

llvm::Error qopt::correctBiases(ModuleOp calibrated,
                                ArrayRef<std::vector<HostTensor>> samples,
                                const BiasCorrectionOptions &options) {
  func::FuncOp func = modelFunction(calibrated);
  if (!func || samples.empty())
    return llvm::createStringError(
        "bias correction: expected a function and at least one sample");
  auto copy = quantized(calibrated, options.recipe);
  if (!copy)
    return copy.takeError();
  OwningOpRef<ModuleOp> doubled(calibrated.clone());
  func::FuncOp both = modelFunction(*doubled);
  SmallVector<Contraction> originals = layersOf(both);
  SmallVector<std::optional<Contraction>> twins =
      addQuantizedTwins(both, modelFunction(**copy));
  SmallVector<Contraction> watched = originals;
  for (const std::optional<Contraction> &twin : twins)
    if (twin)
      watched.push_back(*twin);
  llvm::Expected<Means> means =
      meansOf(both, watched, samples, options.threads);
  if (!means)
    return means.takeError();

  size_t next = originals.size();
  for (auto [i, layer] : llvm::enumerate(layersOf(func))) {
    if (!twins[i])
      continue;
    const std::vector<double> &real = (*means)[i], &rounded = (*means)[next++];
    std::vector<float> bias = readConstants(layer)->bias;
    for (size_t channel = 0; channel < bias.size(); ++channel)
      bias[channel] = static_cast<float>(double(bias[channel]) +
                                         (real[channel] - rounded[channel]));
    setBias(layer, bias);
  }
  return llvm::Error::success();
}
