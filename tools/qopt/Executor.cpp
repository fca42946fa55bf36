//===- Executor.cpp - Anything that computes a model ----------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Executor.h"
#include "Cli.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Support/Recipe.h"

using namespace mlir;

namespace qopt::cli {

std::vector<TensorSpec> Executor::inputSpecs() const {
  std::vector<TensorSpec> specs;
  for (const TensorInfo &input : getInfo().inputs)
    specs.push_back({input.name, input.dtype, input.shape});
  return specs;
}

namespace {
class CompiledExecutor : public Executor {
public:
  explicit CompiledExecutor(std::unique_ptr<CompiledModel> compiled)
      : model(std::move(compiled)) {}
  llvm::Expected<llvm::SmallVector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) override {
    return model->run(inputs);
  }
  const ModelInfo &getInfo() const override { return model->info(); }

private:
  std::unique_ptr<CompiledModel> model;
};

class InterpreterExecutor : public Executor {
public:
  llvm::Error initialize(OwningOpRef<ModuleOp> owned);
  llvm::Expected<llvm::SmallVector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) override {
    return interpret(function, inputs);
  }
  const ModelInfo &getInfo() const override { return info; }

private:
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  ModelInfo info;
};
} // namespace

static llvm::Expected<TensorInfo> tensorInfo(Type type, StringAttr name,
                                             StringRef fallback) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  FailureOr<DType> dtype =
      tensor ? dtypeOf(tensor.getElementType(), /*isUnsigned=*/false)
             : FailureOr<DType>(failure());
  if (failed(dtype))
    return inputError("expected tensors of numbers at the border of the model");
  TensorInfo info;
  info.name = name ? name.str() : fallback.str();
  info.dtype = *dtype;
  info.shape = llvm::to_vector<4>(tensor.getShape());
  return info;
}

llvm::Error InterpreterExecutor::initialize(OwningOpRef<ModuleOp> owned) {
  module = std::move(owned);
  for (auto candidate : module->getOps<func::FuncOp>())
    if (candidate.isPublic())
      function = candidate;
  info.name = function.getName().str();
  info.target = "reference interpreter";
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto tensor = tensorInfo(
        type,
        function.getArgAttrOfType<StringAttr>(i, QoptDialect::kNameAttrName),
        "input" + std::to_string(i));
    if (!tensor)
      return tensor.takeError();
    info.inputs.push_back(std::move(*tensor));
  }
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    auto tensor = tensorInfo(
        type,
        function.getResultAttrOfType<StringAttr>(i, QoptDialect::kNameAttrName),
        "output" + std::to_string(i));
    if (!tensor)
      return tensor.takeError();
    info.outputs.push_back(std::move(*tensor));
  }
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<CompiledModel>>
createCompiledModel(Session &session, const ModelOptions &model,
                    const BuildOptions &build) {
  StringRef path = model.path;
  if (path.ends_with(".so"))
    return CompiledModel::loadSharedObject(path, model.name);
  auto module = buildModel(session, model, build, Phase::Llvm, nullptr);
  if (!module)
    return module.takeError();
  auto loadOptions = model.loadOptions();
  if (!loadOptions)
    return loadOptions.takeError();
  auto options = build.emitOptions(loadOptions->name);
  if (!options)
    return options.takeError();
  auto info = getModelInfo(**module, *options);
  if (!info)
    return info.takeError();
  auto object = emitCode(**module, CodeKind::Object, *options);
  if (!object)
    return object.takeError();
  return CompiledModel::loadObject(*object, *info);
}

llvm::Expected<std::unique_ptr<Executor>>
createExecutor(Session &session, const ModelOptions &model,
               const BuildOptions &build) {
  auto compiled = createCompiledModel(session, model, build);
  if (!compiled)
    return compiled.takeError();
  return std::make_unique<CompiledExecutor>(std::move(*compiled));
}

llvm::Expected<std::unique_ptr<Executor>>
createReference(Session &session, const ModelOptions &model,
                const BuildOptions &build) {
  if (StringRef(model.path).ends_with(".so"))
    return usageError("the reference interpreter needs a model file, got '" +
                      model.path + "'");
  auto recipe = loadRecipe(build.recipe);
  if (!recipe)
    return recipe.takeError();
  auto module =
      buildModel(session, model, build,
                 recipe->quantize ? Phase::Qdq : Phase::Float, nullptr);
  if (!module)
    return module.takeError();
  auto executor = std::make_unique<InterpreterExecutor>();
  if (llvm::Error error = executor->initialize(std::move(*module)))
    return std::move(error);
  return executor;
}

} // namespace qopt::cli
