//===- CompiledRunner.cpp - Calibration on compiled code ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/CompiledRunner.h"
#include "qopt/Target/CompiledModel.h"

using namespace qopt;

namespace {
class CompiledRunner : public ModelRunner {
public:
  explicit CompiledRunner(std::unique_ptr<CompiledModel> compiled)
      : model(std::move(compiled)) {
    for (const TensorInfo &input : model->info().inputs)
      inputSpecs.push_back({input.name, input.dtype, input.shape});
    for (const ObservedEdge &edge : model->info().edges) {
      EdgeInfo &info = edgeInfos.emplace_back();
      info.name = edge.name;
      info.shape = edge.shape;
      if (edge.axis >= 0)
        info.axis = edge.axis;
    }
  }

  llvm::ArrayRef<TensorSpec> inputs() const override { return inputSpecs; }
  llvm::ArrayRef<EdgeInfo> edges() const override { return edgeInfos; }

  llvm::Error run(llvm::ArrayRef<HostTensor> inputs, EdgeSink sink) override {
    auto outputs =
        model->run(inputs, [&](int64_t edge, llvm::ArrayRef<float> values) {
          sink(edge, values.data(), static_cast<int64_t>(values.size()));
        });
    return outputs.takeError();
  }

private:
  std::unique_ptr<CompiledModel> model;
  std::vector<TensorSpec> inputSpecs;
  std::vector<EdgeInfo> edgeInfos;
};
} // namespace

llvm::Expected<std::unique_ptr<ModelRunner>>
qopt::createCompiledRunner(mlir::ModuleOp observed,
                           const EmitOptions &options) {
  mlir::OwningOpRef<mlir::ModuleOp> copy(observed.clone());
  auto model = CompiledModel::compile(*copy, options);
  if (!model)
    return model.takeError();
  return std::make_unique<CompiledRunner>(std::move(*model));
}
