//===- Interpreter.cpp - The meaning of a qopt module, executed -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks the one block of a function. Values live from their definition to their
// last use, so the peak is that of the widest cut of the graph.
//
//===----------------------------------------------------------------------===//

#include "qopt/Reference/Interpreter.h"

#include "LinearForms.h"
#include "StructuredOps.h"
#include "TensorOps.h"

#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::reference;

namespace {

class Interpreter {
public:
  Interpreter(func::FuncOp function, const InterpretOptions &options)
      : function(function), options(options),
        linearForms(options.linearForms.value_or(
            function->hasAttr(QoptDialect::kLinearFormsAttrName))) {}

  Expected<SmallVector<HostTensor>> run(ArrayRef<HostTensor> inputs);

private:
  Error bindArguments(ArrayRef<HostTensor> inputs);
  void countUses();
  Error execute(Operation *op);
  Expected<SmallVector<RuntimeValue>> evaluate(Operation *op);
  Expected<SmallVector<RuntimeValue>> evaluatePlain(Operation *op);
  Expected<TensorRef> tensorOf(Value value);
  void release(Operation *op);

  func::FuncOp function;
  const InterpretOptions &options;
  bool linearForms;
  llvm::DenseMap<Value, RuntimeValue> values;
  /// Operations of the block that still have to read a value, itself or in
  /// their regions.
  llvm::DenseMap<Value, unsigned> remainingReaders;
};

} // namespace

/// The values that `op` reads, each once, those of its regions included.
static llvm::SetVector<Value> readValues(Operation *op) {
  llvm::SetVector<Value> read;
  op->walk([&](Operation *inner) {
    read.insert(inner->operand_begin(), inner->operand_end());
  });
  return read;
}

void Interpreter::countUses() {
  for (Operation &op : function.front())
    for (Value value : readValues(&op))
      ++remainingReaders[value];
}

void Interpreter::release(Operation *op) {
  for (Value value : readValues(op))
    if (--remainingReaders[value] == 0)
      values.erase(value);
  for (Value result : op->getResults())
    if (remainingReaders.lookup(result) == 0)
      values.erase(result);
}

Expected<TensorRef> Interpreter::tensorOf(Value value) {
  auto found = values.find(value);
  if (found == values.end())
    return errorAt(value.getLoc(), "expects a value of the function's block");
  RuntimeValue &known = found->second;
  if (!known.tensor)
    known.tensor = materialize(*known.form);
  return known.tensor;
}

/// "8x16xf32", for messages.
static std::string describe(ArrayRef<int64_t> shape, StringRef element) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (int64_t size : shape)
    os << size << 'x';
  os << element;
  return text;
}

Error Interpreter::bindArguments(ArrayRef<HostTensor> inputs) {
  Location loc = function.getLoc();
  if (inputs.size() != function.getNumArguments())
    return errorAt(loc, "expects " + Twine(function.getNumArguments()) +
                            " inputs, got " + Twine(inputs.size()));
  for (auto [argument, input] : llvm::zip(function.getArguments(), inputs)) {
    Expected<HostTensor> expected = makeTensor(argument.getType(), loc);
    if (!expected)
      return expected.takeError();
    DType wanted = expected->dtype;
    bool matches = input.dtype == wanted ||
                   (wanted == DType::I8 && input.dtype == DType::U8) ||
                   (wanted == DType::I16 && input.dtype == DType::U16);
    if (!matches || input.shape != expected->shape)
      return errorAt(
          loc, "input " + Twine(argument.getArgNumber()) + ": expected " +
                   describe(expected->shape, dtypeName(wanted)) + ", got " +
                   describe(input.shape, dtypeName(input.dtype)));
    auto tensor = std::make_shared<HostTensor>(input);
    tensor->dtype = wanted;
    values[argument] = {tensor, nullptr};
  }
  return Error::success();
}

Expected<SmallVector<RuntimeValue>> Interpreter::evaluate(Operation *op) {
  if (linearForms && op->getNumResults() == 1) {
    auto form = [&](Value value) -> const LinearForm * {
      return values.lookup(value).form.get();
    };
    auto tensor = [&](Value value) { return tensorOf(value); };
    auto ruled = applyLinearRules(
        op,
        {form, tensor, function->hasAttr(QoptDialect::kFixedPointAttrName)});
    if (!ruled)
      return ruled.takeError();
    if (*ruled)
      return SmallVector<RuntimeValue>{**ruled};
  }
  return evaluatePlain(op);
}

static bool isScalarDialect(Operation *op) {
  return isa<arith::ArithDialect, math::MathDialect>(op->getDialect());
}

Expected<SmallVector<RuntimeValue>> Interpreter::evaluatePlain(Operation *op) {
  auto single = [](TensorRef tensor) {
    return SmallVector<RuntimeValue>{{std::move(tensor), nullptr}};
  };
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    Expected<HostTensor> value = hostTensorFromAttribute(constant.getValue());
    if (!value)
      return value.takeError();
    return single(std::make_shared<HostTensor>(std::move(*value)));
  }
  SmallVector<TensorRef> operands;
  for (Value operand : op->getOperands()) {
    Expected<TensorRef> tensor = tensorOf(operand);
    if (!tensor)
      return tensor.takeError();
    operands.push_back(*tensor);
  }
  if (auto observe = dyn_cast<ObserveOp>(op)) {
    if (options.observe)
      options.observe(observe.getEdge(), observe.getAxis(), *operands[0]);
    return single(operands[0]);
  }
  auto lookup = [&](Value value) { return tensorOf(value); };
  Expected<SmallVector<TensorRef>> results = SmallVector<TensorRef>();
  if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
    results = runStructured(structured, operands, lookup);
  } else if (isScalarDialect(op)) {
    results = runElementwise(op, operands);
  } else {
    auto result = runQoptOp(op, operands);
    if (result && !*result)
      result = runTensorOp(op, operands, lookup);
    if (!result)
      return result.takeError();
    if (!*result)
      return errorAt(op->getLoc(), "the reference interpreter does not know '" +
                                       op->getName().getStringRef() + "'");
    return single(**result);
  }
  if (!results)
    return results.takeError();
  SmallVector<RuntimeValue> bound;
  for (TensorRef &result : *results)
    bound.push_back({std::move(result), nullptr});
  return bound;
}

Error Interpreter::execute(Operation *op) {
  Expected<SmallVector<RuntimeValue>> results = evaluate(op);
  if (!results)
    return results.takeError();
  for (auto [value, result] : llvm::zip(op->getResults(), *results))
    values[value] = result;
  if (options.trace && op->getNumResults() != 0) {
    Expected<TensorRef> tensor = tensorOf(op->getResult(0));
    if (!tensor)
      return tensor.takeError();
    options.trace(op, **tensor);
  }
  release(op);
  return Error::success();
}

Expected<SmallVector<HostTensor>>
Interpreter::run(ArrayRef<HostTensor> inputs) {
  if (!function.getBody().hasOneBlock())
    return errorAt(function.getLoc(), "expects a function with one block");
  if (Error error = bindArguments(inputs))
    return std::move(error);
  countUses();
  for (Operation &op : function.front().without_terminator())
    if (Error error = execute(&op))
      return std::move(error);
  SmallVector<HostTensor> outputs;
  for (auto [i, result] :
       llvm::enumerate(function.front().getTerminator()->getOperands())) {
    Expected<TensorRef> tensor = tensorOf(result);
    if (!tensor)
      return tensor.takeError();
    outputs.push_back(**tensor);
    if (outputs.back().dtype == DType::I8 &&
        function.getResultAttr(i, QoptDialect::kUnsignedAttrName))
      outputs.back().dtype = DType::U8;
  }
  return outputs;
}

Expected<SmallVector<HostTensor>>
qopt::interpret(func::FuncOp function, ArrayRef<HostTensor> inputs,
                const InterpretOptions &options) {
  return Interpreter(function, options).run(inputs);
}
