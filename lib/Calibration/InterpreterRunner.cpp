//===- InterpreterRunner.cpp - Calibration runs by interpretation ---------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Runners.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Transforms/Observers.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace qopt;

namespace {
class InterpreterRunner : public ModelRunner {
public:
  explicit InterpreterRunner(func::FuncOp function)
      : function(function), infos(collectObservedEdges(function)) {
    for (auto [i, edge] : llvm::enumerate(infos))
      indices[edge.name] = i;
  }

  ArrayRef<TensorSpec> inputs() const override { return specs; }
  ArrayRef<EdgeInfo> edges() const override { return infos; }

  llvm::Error readInputs() {
    for (BlockArgument argument : function.getArguments()) {
      auto type = cast<RankedTensorType>(argument.getType());
      FailureOr<DType> dtype =
          dtypeOf(type.getElementType(), /*isUnsigned=*/false);
      if (failed(dtype))
        return llvm::createStringError(
            "input " + Twine(argument.getArgNumber()) +
            ": expected an element type that data can have");
      auto name = function.getArgAttrOfType<StringAttr>(
          argument.getArgNumber(), QoptDialect::kNameAttrName);
      specs.push_back(
          {name ? name.str() : ("input" + Twine(argument.getArgNumber())).str(),
           *dtype, SmallVector<int64_t, 4>(type.getShape())});
    }
    return llvm::Error::success();
  }

  llvm::Error run(ArrayRef<HostTensor> inputs, EdgeSink sink) override {
    InterpretOptions options;
    options.observe = [&](StringRef edge, std::optional<int64_t>,
                          const HostTensor &value) {
      ArrayRef<float> values = value.data<float>();
      sink(indices.lookup(edge), values.data(), values.size());
    };
    return interpret(function, inputs, options).takeError();
  }

private:
  func::FuncOp function;
  std::vector<TensorSpec> specs;
  std::vector<EdgeInfo> infos;
  llvm::StringMap<int64_t> indices;
};
} // namespace

llvm::Expected<std::unique_ptr<ModelRunner>>
qopt::createInterpreterRunner(ModuleOp observed) {
  for (auto function : observed.getOps<func::FuncOp>()) {
    if (!function.isPublic())
      continue;
    auto runner = std::make_unique<InterpreterRunner>(function);
    if (llvm::Error error = runner->readInputs())
      return std::move(error);
    return runner;
  }
  return llvm::createStringError("expected a public function, got none");
}
