//===- InputMeans.h - What the layers of a model see on average -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution or matrix product is linear: the mean of its results is its
// result on the mean of the elements that meet each weight. Bias correction
// needs no more than these means, and they come with the calibration.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CALIBRATION_INPUTMEANS_H
#define QOPT_CALIBRATION_INPUTMEANS_H

#include "qopt/Calibration/ModelRunner.h"
#include <mutex>
#include <vector>

namespace qopt {

/// A loop over the elements of a tensor, `step` apart.
struct InputLoop {
  int64_t size;
  int64_t step;
};

/// How a layer reads its input: the element at (weight, position) meets that
/// weight. Without loops over weights, nothing is known of the layer.
struct LayerInput {
  /// The last one is the innermost.
  llvm::SmallVector<InputLoop, 4> weights, positions;

  int64_t numWeights() const;
  int64_t numPositions() const;
};

/// The name of the edge that reports the input of layer `index`.
std::string layerEdgeName(size_t index);

class InputMeans {
public:
  explicit InputMeans(std::vector<LayerInput> layers);

  llvm::ArrayRef<LayerInput> getLayers() const { return layers; }

  /// Adds the input of one layer in one run. Several threads may call it: the
  /// sums do not depend on the order.
  void add(size_t layer, llvm::ArrayRef<float> values);

  /// One mean for each weight of `getLayers()[layer]`; empty if nothing was
  /// added.
  std::vector<double> means(size_t layer) const;

private:
  /// In units of 2^-60.
  __extension__ using Fixed = __int128;

  std::vector<LayerInput> layers;
  std::vector<std::vector<Fixed>> totals;
  std::vector<int64_t> numRuns;
  std::mutex mutex;
};

/// A runner that keeps the edges of layer inputs to itself and adds them to
/// means; the other edges are those of the model.
class InputMeansRunner : public ModelRunner {
public:
  /// Both outlive the runner.
  InputMeansRunner(ModelRunner &runner, InputMeans &means);

  llvm::ArrayRef<TensorSpec> inputs() const override { return runner.inputs(); }
  llvm::ArrayRef<EdgeInfo> edges() const override { return modelEdges; }
  llvm::Error run(llvm::ArrayRef<HostTensor> inputs, EdgeSink sink) override;

private:
  ModelRunner &runner;
  InputMeans &means;
  std::vector<EdgeInfo> modelEdges;
  /// Of each edge of `runner`: its layer, or its place in `modelEdges`.
  struct Target {
    bool isLayer;
    int64_t index;
  };
  std::vector<Target> targets;
};

} // namespace qopt

#endif // QOPT_CALIBRATION_INPUTMEANS_H
