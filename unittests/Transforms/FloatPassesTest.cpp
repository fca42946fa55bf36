//===- FloatPassesTest.cpp - Float preparation keeps the numbers ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs every function of the passes' lit tests through the reference
// interpreter, before and after the pass, on random inputs: the same bits where
// the pass is exact, a stated bound where it is not.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Transforms/FloatPipeline.h"
#include "qopt/Transforms/Passes.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace mlir;
using namespace qopt;

namespace {

/// Differences are relative to the largest element of the result.
struct Bound {
  double relative = 0;
  /// A function that the bound is for; all others must have equal bits.
  std::string only;
};

class FloatPasses : public testing::Test {
protected:
  FloatPasses() {
    context.loadDialect<arith::ArithDialect, func::FuncDialect,
                        linalg::LinalgDialect, math::MathDialect,
                        tensor::TensorDialect>();
  }

  /// Compares every function of test/Transforms/`file` before and after what
  /// `build` appends; returns the number of functions that ran.
  int compareFile(StringRef file, const Bound &bound,
                  llvm::function_ref<void(OpPassManager &)> build) {
    std::string path = (QOPT_TEST_DIR "/Transforms/" + file).str();
    std::string error;
    auto buffer = openInputFile(path, &error);
    EXPECT_TRUE(buffer) << error;
    if (!buffer)
      return 0;
    SmallVector<StringRef> chunks;
    buffer->getBuffer().split(chunks, "// -----\n");
    int count = 0;
    for (StringRef chunk : chunks)
      count += compareChunk(chunk, bound, build);
    return count;
  }

private:
  int compareChunk(StringRef text, const Bound &bound,
                   llvm::function_ref<void(OpPassManager &)> build) {
    auto before = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(before) << text.str();
    if (!before)
      return 0;
    OwningOpRef<ModuleOp> after = before->clone();
    PassManager pm(&context);
    build(pm);
    EXPECT_TRUE(succeeded(pm.run(*after)));
    int count = 0;
    for (auto function : before->getOps<func::FuncOp>()) {
      if (!isRunnable(function))
        continue;
      auto changed = after->lookupSymbol<func::FuncOp>(function.getName());
      compareFunction(function, changed, bound);
      ++count;
    }
    return count;
  }

  static bool isRunnable(func::FuncOp function) {
    return llvm::all_of(function.getArgumentTypes(), [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor && tensor.hasStaticShape() &&
             tensor.getElementType().isF32();
    });
  }

  void compareFunction(func::FuncOp before, func::FuncOp after,
                       const Bound &bound) {
    SCOPED_TRACE(before.getName().str());
    std::normal_distribution<float> normal;
    std::vector<HostTensor> inputs;
    for (Type type : before.getArgumentTypes()) {
      inputs.emplace_back(DType::F32, cast<RankedTensorType>(type).getShape());
      for (float &value : inputs.back().data<float>())
        value = normal(random);
    }
    auto expected = interpret(before, inputs);
    auto actual = interpret(after, inputs);
    ASSERT_TRUE(bool(expected)) << llvm::toString(expected.takeError());
    ASSERT_TRUE(bool(actual)) << llvm::toString(actual.takeError());
    ASSERT_EQ(expected->size(), actual->size());
    bool exact = bound.relative == 0 ||
                 (!bound.only.empty() && before.getName() != bound.only);
    for (auto [want, got] : llvm::zip(*expected, *actual)) {
      ASSERT_EQ(want.shape, got.shape);
      if (want.bytes == got.bytes)
        continue;
      EXPECT_FALSE(exact) << "other bits";
      EXPECT_LE(relativeDifference(want, got), bound.relative);
    }
  }

  static double relativeDifference(const HostTensor &want,
                                   const HostTensor &got) {
    double largest = 0, difference = 0;
    for (auto [a, b] : llvm::zip(want.data<float>(), got.data<float>())) {
      largest = std::max(largest, std::fabs(double(a)));
      difference = std::max(difference, std::fabs(double(a) - double(b)));
    }
    return difference / largest;
  }

  MLIRContext context;
  std::mt19937 random{1};
};

} // namespace

TEST_F(FloatPasses, AssignLayoutIsExact) {
  // Rows of weights that move are summed in another order: 8 products of
  // magnitude 1 differ by a few units in the last place.
  EXPECT_GE(compareFile("assign-layout.mlir", {1e-6, "flatten_into_weights"},
                        [](OpPassManager &pm) {
                          pm.addNestedPass<func::FuncOp>(
                              createAssignLayoutPass());
                        }),
            14);
}

TEST_F(FloatPasses, RemoveIdentitiesIsExact) {
  EXPECT_GE(compareFile("remove-identities.mlir", {},
                        [](OpPassManager &pm) {
                          pm.addNestedPass<func::FuncOp>(
                              createRemoveIdentitiesPass());
                        }),
            5);
}

TEST_F(FloatPasses, FoldConstantsIsExact) {
  EXPECT_GE(compareFile("fold-constants.mlir", {},
                        [](OpPassManager &pm) {
                          pm.addNestedPass<func::FuncOp>(
                              createFoldConstantsPass());
                        }),
            3);
}

TEST_F(FloatPasses, FoldBatchNormRoundsOnce) {
  // A weight and a bias are each rounded once (2^-24); the float chain that
  // they replace rounds a few times.
  EXPECT_GE(compareFile("fold-batch-norm.mlir", {5e-7, ""},
                        [](OpPassManager &pm) {
                          pm.addNestedPass<func::FuncOp>(
                              createFoldBatchNormPass());
                        }),
            8);
}

TEST_F(FloatPasses, NormalizeReordersSumsOnly) {
  EXPECT_GE(compareFile("normalize-linalg.mlir", {1e-6, ""},
                        [](OpPassManager &pm) {
                          pm.addPass(createNormalizeLinalgPass());
                        }),
            14);
}

TEST_F(FloatPasses, Pipeline) {
  for (StringRef file :
       {"assign-layout.mlir", "fold-batch-norm.mlir", "fold-constants.mlir",
        "normalize-linalg.mlir", "remove-identities.mlir"})
    EXPECT_GE(compareFile(file, {1e-6, ""}, buildFloatPipeline), 3);
}
