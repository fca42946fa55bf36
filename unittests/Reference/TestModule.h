//===- TestModule.h - Run MLIR text through the interpreter ---*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_UNITTESTS_REFERENCE_TESTMODULE_H
#define QOPT_UNITTESTS_REFERENCE_TESTMODULE_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Reference/Interpreter.h"
#include <gtest/gtest.h>

namespace qopt::test {

/// A parsed module with one function.
class TestModule {
public:
  explicit TestModule(llvm::StringRef text) {
    context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                        mlir::linalg::LinalgDialect, mlir::math::MathDialect,
                        mlir::tensor::TensorDialect, QoptDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
  }

  mlir::func::FuncOp function() {
    return *module->getOps<mlir::func::FuncOp>().begin();
  }

  /// The first result, which must exist.
  HostTensor run(llvm::ArrayRef<HostTensor> inputs,
                 const InterpretOptions &options = {}) {
    auto results = interpret(function(), inputs, options);
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      return HostTensor(DType::F32, {0});
    }
    return (*results)[0];
  }

  /// The message of a run that must fail.
  std::string error(llvm::ArrayRef<HostTensor> inputs) {
    auto results = interpret(function(), inputs);
    if (results)
      return "no error";
    return llvm::toString(results.takeError());
  }

private:
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

template <typename T>
HostTensor tensorOf(DType dtype, llvm::ArrayRef<int64_t> shape,
                    std::initializer_list<T> values) {
  HostTensor tensor(dtype, shape);
  EXPECT_EQ(tensor.numElements(), int64_t(values.size()));
  std::copy(values.begin(), values.end(), tensor.data<T>().begin());
  return tensor;
}

inline HostTensor floats(llvm::ArrayRef<int64_t> shape,
                         std::initializer_list<float> values) {
  return tensorOf<float>(DType::F32, shape, values);
}
inline HostTensor bytes(llvm::ArrayRef<int64_t> shape,
                        std::initializer_list<uint8_t> values) {
  return tensorOf<uint8_t>(DType::U8, shape, values);
}

template <typename T>
std::vector<T> elements(const HostTensor &tensor) {
  return tensor.data<T>().vec();
}

} // namespace qopt::test

#endif // QOPT_UNITTESTS_REFERENCE_TESTMODULE_H
