//===- RunnersTest.cpp - Compiled and interpreted calibration runs --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/Runners.h"
#include "qopt/Calibration/Calibrate.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Target/Lowering.h"
#include "gtest/gtest.h"

using namespace qopt;
using llvm::cantFail;

namespace {

// y = relu(x * x - 2), its edges per tensor and per channel.
constexpr const char *kModel = R"(
#id = affine_map<(a, b) -> (a, b)>
func.func @model(%x: tensor<3x4xf32> {qopt.name = "x"})
    -> (tensor<3x4xf32> {qopt.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %o = qopt.observe %x {edge = "x"} : tensor<3x4xf32> -> tensor<3x4xf32>
  %e = tensor.empty() : tensor<3x4xf32>
  %s = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel"]}
      ins(%o : tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.mulf %a, %a : f32
    %d = arith.subf %m, %two : f32
    linalg.yield %d : f32
  } -> tensor<3x4xf32>
  %so = qopt.observe %s {edge = "square", axis = 1 : i64} : tensor<3x4xf32> -> tensor<3x4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel"]}
      ins(%so : tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<3x4xf32>
  %ro = qopt.observe %r {edge = "relu"} : tensor<3x4xf32> -> tensor<3x4xf32>
  return %ro : tensor<3x4xf32>
}
)";

class RunnersTest : public testing::Test {
protected:
  void SetUp() override {
    mlir::DialectRegistry registry;
    registerLoweringInterfaces(registry);
    context.appendDialectRegistry(registry);
    module = mlir::parseSourceString<mlir::ModuleOp>(kModel, &context);
    ASSERT_TRUE(!!module);
  }

  std::string calibrateWith(ModelRunner &runner, ObserverKind kind) {
    HostTensor samples(DType::F32, {50, 3, 4});
    for (auto [i, value] : llvm::enumerate(samples.data<float>()))
      value = float(int(i * 7919 % 1000)) / 250.0f - 2.0f;
    DataSet data = cantFail(DataSet::fromTensors({{"x", std::move(samples)}}));
    cantFail(data.bind(runner.inputs()));
    CalibrationOptions options;
    options.observer.kind = kind;
    CalibrationTable table = cantFail(calibrate(runner, data, options));
    std::string text;
    llvm::raw_string_ostream os(text);
    table.print(os, /*withHistograms=*/true);
    return text;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(RunnersTest, CompiledCodeAndInterpreterGiveTheSameFile) {
  EmitOptions options;
  options.target = cantFail(TargetInfo::get("native"));
  auto compiled = createCompiledRunner(*module, options);
  ASSERT_TRUE(!!compiled) << llvm::toString(compiled.takeError());
  auto interpreted = createInterpreterRunner(*module);
  ASSERT_TRUE(!!interpreted) << llvm::toString(interpreted.takeError());
  ASSERT_EQ((*compiled)->edges().size(), 3u);
  EXPECT_EQ((*compiled)->edges()[1].name, "square");
  EXPECT_EQ((*compiled)->edges()[1].axis, 1);
  EXPECT_EQ((*compiled)->inputs()[0].name, "x");
  for (ObserverKind kind :
       {ObserverKind::MinMax, ObserverKind::MovingAverage,
        ObserverKind::Percentile, ObserverKind::Entropy, ObserverKind::Mse}) {
    std::string text = calibrateWith(**compiled, kind);
    EXPECT_EQ(text, calibrateWith(**interpreted, kind));
    EXPECT_NE(text.find("\"samples\": 50"), std::string::npos);
  }
}

TEST_F(RunnersTest, SchedulingMayFail) {
  EmitOptions options;
  options.target = cantFail(TargetInfo::get("native"));
  auto runner = createCompiledRunner(
      *module, options, [](mlir::ModuleOp) { return mlir::failure(); });
  ASSERT_FALSE(!!runner);
  EXPECT_EQ(llvm::toString(runner.takeError()),
            "the observed model cannot be scheduled");
}

} // namespace
