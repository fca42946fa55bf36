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

using namespace mlir;

namespace qopt::cli {

std::vector<TensorSpec> Executor::inputSpecs() const {
  std::vector<TensorSpec> specs;
  for (const TensorInfo &input : info.inputs)
    specs.push_back({input.name, input.dtype, input.shape});
  return specs;
}

namespace {
class InterpreterExecutor : public Executor {
public:
  llvm::Error initialize(OwningOpRef<ModuleOp> owned);

  llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) override {
    auto results = interpret(function, inputs);
    if (!results)
      return results.takeError();
    return std::vector<HostTensor>(std::make_move_iterator(results->begin()),
                                   std::make_move_iterator(results->end()));
  }

private:
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
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

static llvm::Expected<std::unique_ptr<Executor>>
createInterpreter(OwningOpRef<ModuleOp> module) {
  auto executor = std::make_unique<InterpreterExecutor>();
  if (llvm::Error error = executor->initialize(std::move(module)))
    return std::move(error);
  return executor;
}

llvm::Expected<std::unique_ptr<Executor>>
createReference(Session &session, const ModelOptions &model,
                const BuildOptions &build) {
  auto module = buildModel(session, model, build, Phase::Float);
  if (!module)
    return module.takeError();
  return createInterpreter(std::move(*module));
}

llvm::Expected<std::unique_ptr<Executor>>
createExecutor(Session &session, const ModelOptions &model,
               const BuildOptions &build) {
  return createReference(session, model, build);
}

} // namespace qopt::cli
