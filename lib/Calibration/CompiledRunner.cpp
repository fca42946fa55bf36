//===- CompiledRunner.cpp - Calibration runs as compiled code -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Runners.h"
#include "qopt/Target/CompiledModel.h"
#include "qopt/Transforms/Observers.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace qopt;

namespace {
class CompiledRunner : public ModelRunner {
public:
  CompiledRunner(std::unique_ptr<CompiledModel> model,
                 std::vector<EdgeInfo> edges)
      : model(std::move(model)), infos(std::move(edges)) {
    for (const TensorInfo &input : this->model->info().inputs)
      specs.push_back({input.name, input.dtype, input.shape});
  }

  ArrayRef<TensorSpec> inputs() const override { return specs; }
  ArrayRef<EdgeInfo> edges() const override { return infos; }

  /// The code numbers its edges in its own order.
  llvm::Error matchEdges() {
    llvm::StringMap<int64_t> indices;
    for (auto [i, edge] : llvm::enumerate(infos))
      indices[edge.name] = i;
    for (const ObservedEdge &edge : model->info().edges) {
      auto found = indices.find(edge.name);
      if (found == indices.end())
        return llvm::make_error<InternalError>(
            "the compiled model reports an unknown edge '" + edge.name + "'");
      edgeOf.push_back(found->second);
    }
    return llvm::Error::success();
  }

  llvm::Error run(ArrayRef<HostTensor> inputs, EdgeSink sink) override {
    return model
        ->run(inputs,
              [&](int64_t edge, ArrayRef<float> values) {
                sink(edgeOf[edge], values.data(), values.size());
              })
        .takeError();
  }

private:
  std::unique_ptr<CompiledModel> model;
  std::vector<TensorSpec> specs;
  std::vector<EdgeInfo> infos;
  SmallVector<int64_t> edgeOf;
};
} // namespace

llvm::Expected<std::unique_ptr<ModelRunner>> qopt::createCompiledRunner(
    ModuleOp observed, const EmitOptions &options,
    llvm::function_ref<LogicalResult(ModuleOp)> schedule) {
  std::vector<EdgeInfo> edges = collectObservedEdges(observed);
  OwningOpRef<ModuleOp> copy = observed.clone();
  if (schedule && failed(schedule(*copy)))
    return llvm::make_error<InternalError>(
        "the observed model cannot be scheduled");
  auto model = CompiledModel::compile(*copy, options);
  if (!model)
    return model.takeError();
  auto runner =
      std::make_unique<CompiledRunner>(std::move(*model), std::move(edges));
  if (llvm::Error error = runner->matchEdges())
    return std::move(error);
  return runner;
}
