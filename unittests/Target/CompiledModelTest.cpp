//===- CompiledModelTest.cpp - Compile in process and run -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/CompiledModel.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Target/Lowering.h"
#include "qopt/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <map>
#include <thread>

using namespace qopt;
using llvm::cantFail;

namespace {

// A convolution with observers before and after, then a residual addition.
constexpr const char *kConvolution = R"(
#id = affine_map<(a, b, c, d) -> (a, b, c, d)>
func.func @conv(%x: tensor<1x4x5x2xf32> {qopt.name = "x"})
    -> (tensor<1x2x3x2xf32> {qopt.name = "y"}) {
  %w = arith.constant dense<[
    [[[1.0, 0.5], [0.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]],
     [[0.0, -1.0], [0.0, 0.0], [0.25, 0.0]]],
    [[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [3.0, 0.0], [0.0, 0.0]],
     [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]]]> : tensor<2x3x3x2xf32>
  %zero = arith.constant 0.0 : f32
  %o = qopt.observe %x {edge = "x"} : tensor<1x4x5x2xf32> -> tensor<1x4x5x2xf32>
  %e = tensor.empty() : tensor<1x2x3x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x3x2xf32>) -> tensor<1x2x3x2xf32>
  %c = linalg.conv_2d_nhwc_fhwc ins(%o, %w : tensor<1x4x5x2xf32>, tensor<2x3x3x2xf32>)
      outs(%f : tensor<1x2x3x2xf32>) -> tensor<1x2x3x2xf32>
  %co = qopt.observe %c {edge = "conv"} : tensor<1x2x3x2xf32> -> tensor<1x2x3x2xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%co, %co : tensor<1x2x3x2xf32>, tensor<1x2x3x2xf32>) outs(%e : tensor<1x2x3x2xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x2x3x2xf32>
  return %r : tensor<1x2x3x2xf32>
}
)";

/// What kConvolution computes, in plain C++.
std::vector<float> convolve(llvm::ArrayRef<float> x) {
  auto at = [&](int h, int w, int c) { return x[(h * 5 + w) * 2 + c]; };
  std::vector<float> y;
  for (int h = 0; h < 2; ++h)
    for (int w = 0; w < 3; ++w) {
      float first = at(h, w, 0) + 0.5f * at(h, w, 1);
      first += 2.0f * at(h, w + 2, 0);
      first += at(h + 1, w + 1, 1);
      first -= at(h + 2, w, 1);
      first += 0.25f * at(h + 2, w + 2, 0);
      y.push_back(first + first);
      float second = 3.0f * at(h + 1, w + 1, 0);
      y.push_back(second + second);
    }
  return y;
}

class CompiledModelTest : public testing::Test {
protected:
  CompiledModelTest() {
    mlir::DialectRegistry registry;
    registerLoweringInterfaces(registry);
    context.appendDialectRegistry(registry);
    options.target = cantFail(TargetInfo::get("native"));
  }

  llvm::Expected<std::unique_ptr<CompiledModel>> compile(llvm::StringRef text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      return llvm::createStringError("does not parse");
    return CompiledModel::compile(*module, options);
  }

  mlir::MLIRContext context;
  EmitOptions options;
};

HostTensor makeInput() {
  HostTensor x(DType::F32, {1, 4, 5, 2});
  for (auto [i, value] : llvm::enumerate(x.data<float>()))
    value = 0.37f * static_cast<float>(i) - 5.0f;
  return x;
}

TEST_F(CompiledModelTest, EveryLevelComputesTheSameBits) {
  HostTensor x = makeInput();
  for (unsigned level : {0, 1, 2, 3}) {
    options.optLevel = level;
    auto model = compile(kConvolution);
    ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
    auto outputs = (*model)->run(x);
    ASSERT_TRUE(!!outputs) << llvm::toString(outputs.takeError());
    ASSERT_EQ(outputs->size(), 1u);
    EXPECT_EQ(outputs->front().data<float>().vec(),
              convolve(std::as_const(x).data<float>()));
  }
}

// The nests of kConvolution as functions of their own: the same answer, and the
// same bytes on one core as on several.
TEST_F(CompiledModelTest, NestsAreCompiledSideBySide) {
  std::string objects[2];
  for (bool parallel : {false, true}) {
    context.disableMultithreading(!parallel);
    auto module =
        mlir::parseSourceString<mlir::ModuleOp>(kConvolution, &context);
    mlir::PassManager pm(&context);
    buildPlannedPipeline(pm);
    pm.addPass(createOutlineNestsPass());
    buildLlvmPipeline(pm, options.target);
    ASSERT_TRUE(succeeded(pm.run(*module)));
    ModelVersion version{*module, options.target};
    EXPECT_GT(cantFail(emitObjects(version, options)).size(), 2u);
    objects[parallel] = cantFail(emitCode(version, CodeKind::Object, options));
    ModelInfo info = cantFail(getModelInfo(*module, options));
    auto model = CompiledModel::loadObject(objects[parallel], info);
    ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
    HostTensor x = makeInput();
    auto outputs = (*model)->run(x);
    ASSERT_TRUE(!!outputs) << llvm::toString(outputs.takeError());
    EXPECT_EQ(outputs->front().data<float>().vec(),
              convolve(std::as_const(x).data<float>()));
  }
  EXPECT_EQ(objects[0], objects[1]);
}

TEST_F(CompiledModelTest, ObserversSeeTheirEdges) {
  auto model = compile(kConvolution);
  ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
  std::map<std::string, std::vector<float>> seen;
  HostTensor x = makeInput();
  auto outputs = (*model)->run(x, [&](int64_t edge, llvm::ArrayRef<float> v) {
    seen[(*model)->info().edges[edge].name] = v.vec();
  });
  ASSERT_TRUE(!!outputs) << llvm::toString(outputs.takeError());
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen["x"], x.data<float>().vec());
  // The values before the addition, which may happen in the same buffer.
  std::vector<float> expected = convolve(x.data<float>());
  for (float &value : expected)
    value /= 2;
  EXPECT_EQ(seen["conv"], expected);
}

TEST_F(CompiledModelTest, InfoDescribesTheModel) {
  options.name = "my_model";
  auto model = compile(kConvolution);
  ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
  const ModelInfo &info = (*model)->info();
  EXPECT_EQ(info.name, "my_model");
  EXPECT_EQ(info.inputs[0].name, "x");
  EXPECT_EQ(info.outputs[0].name, "y");
  EXPECT_EQ(info.weightBytes, 2 * 3 * 3 * 2 * 4);
}

TEST_F(CompiledModelTest, RunsGoOnInParallel) {
  auto model = compile(kConvolution);
  ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      HostTensor x = makeInput();
      x.data<float>()[t] = 100.0f;
      for (int i = 0; i < 100; ++i) {
        auto outputs = cantFail((*model)->run(x));
        wrong[t] += outputs[0].data<float>().vec() != convolve(x.data<float>());
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST_F(CompiledModelTest, BadArgumentsGiveCodes) {
  auto model = compile(kConvolution);
  ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
  HostTensor x = makeInput(), y(DType::F32, {1, 2, 3, 2});
  CompiledModel::Arena arena((*model)->info());
  const void *inputs[] = {x.bytes.data()};
  void *outputs[] = {y.bytes.data()};
  const void *noInput[] = {nullptr};
  auto *odd = static_cast<char *>(arena.data()) + 4;
  EXPECT_EQ((*model)->runRaw(inputs, outputs, arena.data()), 0);
  EXPECT_EQ((*model)->runRaw(noInput, outputs, arena.data()), 1);
  EXPECT_EQ((*model)->runRaw(inputs, nullptr, arena.data()), 1);
  EXPECT_EQ((*model)->runRaw(inputs, outputs, nullptr), 1);
  EXPECT_EQ((*model)->runRaw(inputs, outputs, odd), 2);
}

TEST_F(CompiledModelTest, WrongInputsAreNamed) {
  auto model = compile(kConvolution);
  ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
  auto outputs = (*model)->run(HostTensor(DType::U8, {4, 5, 2}));
  ASSERT_FALSE(!!outputs);
  EXPECT_EQ(llvm::toString(outputs.takeError()),
            "input 'x': expected f32[1x4x5x2], got u8[4x5x2] of 40 bytes");
}

TEST_F(CompiledModelTest, LibraryCallsAreRefused) {
  auto model = compile(R"(
func.func @sin(%x: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>],
      iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = math.sin %a : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
})");
  ASSERT_FALSE(!!model);
  llvm::Error error = model.takeError();
  EXPECT_TRUE(error.isA<InternalError>());
  EXPECT_EQ(llvm::toString(std::move(error)),
            "expected code that calls only memcpy and memset, got a call of "
            "'sinf'");
}

TEST_F(CompiledModelTest, NamesMustBeIdentifiers) {
  options.name = "2fast";
  auto model = compile(kConvolution);
  ASSERT_FALSE(!!model);
  EXPECT_EQ(llvm::toString(model.takeError()),
            "expected a C identifier as the model's name, got '2fast'");
}

TEST(CIdentifier, IsMadeFromAnyName) {
  EXPECT_EQ(makeCIdentifier("my-model.v2"), "my_model_v2");
  EXPECT_EQ(makeCIdentifier("2fast"), "model_2fast");
  EXPECT_EQ(makeCIdentifier("int"), "model_int");
  EXPECT_EQ(makeCIdentifier(""), "model_");
  EXPECT_TRUE(isCIdentifier(makeCIdentifier("\xc3\xa4")));
}

TEST_F(CompiledModelTest, SharedObjectRoundTrip) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(kConvolution, &context);
  // Observers need a host that provides their hook.
  llvm::SmallVector<mlir::Operation *> observers;
  module->walk([&](mlir::Operation *op) {
    if (op->getName().getStringRef() == "qopt.observe")
      observers.push_back(op);
  });
  for (mlir::Operation *op : observers) {
    op->replaceAllUsesWith(op->getOperands());
    op->erase();
  }
  mlir::PassManager pm(&context);
  buildPlannedPipeline(pm);
  buildLlvmPipeline(pm, options.target);
  ASSERT_TRUE(succeeded(pm.run(*module)));
  ModelInfo info = cantFail(getModelInfo(*module, options));
  auto object = cantFail(emitCode(*module, CodeKind::Object, options));
  EXPECT_EQ(object, cantFail(emitCode(*module, CodeKind::Object, options)));
  auto library = linkSharedObject(object, info, options.target);
  ASSERT_TRUE(!!library) << llvm::toString(library.takeError());

  llvm::SmallString<128> path;
  int descriptor;
  ASSERT_FALSE(
      llvm::sys::fs::createTemporaryFile("qopt-test", "so", descriptor, path));
  llvm::FileRemover remover(path);
  llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true) << *library;
  auto model = CompiledModel::loadSharedObject(path);
  ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
  EXPECT_EQ((*model)->info().name, "conv");
  EXPECT_EQ((*model)->info().arenaBytes, info.arenaBytes);
  EXPECT_EQ((*model)->info().target, options.target.name);
  HostTensor x = makeInput();
  auto outputs = (*model)->run(x);
  ASSERT_TRUE(!!outputs) << llvm::toString(outputs.takeError());
  EXPECT_EQ(outputs->front().data<float>().vec(), convolve(x.data<float>()));
}

TEST(CompiledModel, OtherFilesAreNoModels) {
  auto model = CompiledModel::loadSharedObject("/nonexistent.so");
  ASSERT_FALSE(!!model);
  EXPECT_EQ(llvm::toString(model.takeError()).rfind("/nonexistent.so: ", 0),
            0u);
}

} // namespace
