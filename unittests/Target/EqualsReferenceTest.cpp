//===- EqualsReferenceTest.cpp - Compiled code against the oracle ---------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every model here is compiled with and without a schedule, at -O0 and -O3, for
// every target that this host runs, and must give the bits of the reference
// interpreter.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Pipelines/Pipelines.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Target/CompiledModel.h"
#include "qopt/Target/Lowering.h"
#include "gtest/gtest.h"
#include <random>

using namespace qopt;
using llvm::cantFail;

namespace {

struct Model {
  const char *name;
  const char *text;
};

/// How gtest prints the parameter.
void PrintTo(const Model &model, std::ostream *os) { *os << model.name; }

constexpr Model kModels[] = {{"FloatConvolution", R"(
#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
func.func @m(%x: tensor<1x7x9x3xf32>) -> tensor<1x7x9x5xf32> {
  %w = arith.constant dense<0.37> : tensor<5x3x3x3xf32>
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x7x9x3xf32> to tensor<1x9x11x3xf32>
  %e = tensor.empty() : tensor<1x7x9x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x7x9x5xf32>) -> tensor<1x7x9x5xf32>
  %y = linalg.conv_2d_nhwc_fhwc ins(%p, %w : tensor<1x9x11x3xf32>, tensor<5x3x3x3xf32>)
      outs(%f : tensor<1x7x9x5xf32>) -> tensor<1x7x9x5xf32>
  %r = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%y : tensor<1x7x9x5xf32>) outs(%e : tensor<1x7x9x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x7x9x5xf32>
  return %r : tensor<1x7x9x5xf32>
})"},
                             {"IntegerResidual", R"(
#x = affine_map<(n, h, w, k, i, j, c) -> (n, h + i, w + j, c)>
#w = affine_map<(n, h, w, k, i, j, c) -> (k, i, j, c)>
#y = affine_map<(n, h, w, k, i, j, c) -> (n, h, w, k)>
#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
#channel = affine_map<(n, h, w, c) -> (c)>
#all = affine_map<(n, h, w, c) -> ()>
func.func @m(%x: tensor<1x5x6x6xf32>) -> (tensor<1x5x6x6xf32>, tensor<1x5x6x6xi8>) {
  %s = arith.constant dense<0.02> : tensor<f32>
  %z = arith.constant dense<117> : tensor<i32>
  %eq = tensor.empty() : tensor<1x5x6x6xi8>
  %q = qopt.quantize ins(%x, %s, %z : tensor<1x5x6x6xf32>, tensor<f32>, tensor<i32>)
      outs(%eq : tensor<1x5x6x6xi8>) range [0, 255] params #all -> tensor<1x5x6x6xi8>
  %zp = arith.constant 117 : i8
  %p = tensor.pad %q low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zp : i8
  } : tensor<1x5x6x6xi8> to tensor<1x7x8x6xi8>
  %w = arith.constant dense<-3> : tensor<6x3x3x6xi8>
  %bias = arith.constant dense<[9, -1000, 20000, 18954, 7, -3]> : tensor<6xi32>
  %ea = tensor.empty() : tensor<1x5x6x6xi32>
  %init = linalg.broadcast ins(%bias : tensor<6xi32>) outs(%ea : tensor<1x5x6x6xi32>) dimensions = [0, 1, 2]
  %acc = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %w : tensor<1x7x8x6xi8>, tensor<6x3x3x6xi8>) outs(%init : tensor<1x5x6x6xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %m = arith.muli %ax, %bx : i32
    %t = arith.addi %o, %m : i32
    linalg.yield %t : i32
  } -> tensor<1x5x6x6xi32>
  %m0 = arith.constant dense<[0.01, 0.013, 0.0007, 0.02, 0.011, 0.3]> : tensor<6xf32>
  %m1 = arith.constant dense<0.8> : tensor<f32>
  %er = tensor.empty() : tensor<1x5x6x6xi8>
  %r = qopt.requantize ins(%acc, %q : tensor<1x5x6x6xi32>, tensor<1x5x6x6xi8>)
      multipliers(%m0, %m1 : tensor<6xf32>, tensor<f32>) outs(%er : tensor<1x5x6x6xi8>)
      range [0, 255] zero_point 3
      {input_zero_points = array<i32: 0, 117>, unsigned_inputs = array<i1: false, true>,
       params = [#channel, #all]} -> tensor<1x5x6x6xi8>
  %sr = arith.constant dense<0.05> : tensor<f32>
  %zr = arith.constant dense<3> : tensor<i32>
  %ed = tensor.empty() : tensor<1x5x6x6xf32>
  %d = qopt.dequantize ins(%r, %sr, %zr : tensor<1x5x6x6xi8>, tensor<f32>, tensor<i32>)
      outs(%ed : tensor<1x5x6x6xf32>) unsigned params #all -> tensor<1x5x6x6xf32>
  return %d, %r : tensor<1x5x6x6xf32>, tensor<1x5x6x6xi8>
})"},
                             {"Softmax", R"(
func.func @m(%x: tensor<3x7xf32>) -> tensor<3x7xf32> {
  %e = tensor.empty() : tensor<3x7xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<3x7xf32>) outs(%e : tensor<3x7xf32>) -> tensor<3x7xf32>
  return %y : tensor<3x7xf32>
})"},
                             {"TablesAndMovement", R"(
#all = affine_map<(a, b) -> ()>
func.func @m(%x: tensor<3x5xf32>) -> (tensor<6x5xi8>, tensor<5x3xi8>, tensor<3x5xf32>) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<-128> : tensor<i32>
  %e = tensor.empty() : tensor<3x5xi8>
  %q = qopt.quantize ins(%x, %s, %z : tensor<3x5xf32>, tensor<f32>, tensor<i32>)
      outs(%e : tensor<3x5xi8>) range [-128, 127] params #all -> tensor<3x5xi8>
  %i = tensor.empty() : tensor<256xi8>
  %t = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>], iterator_types = ["parallel"]}
      outs(%i : tensor<256xi8>) {
  ^bb0(%o: i8):
    %j = linalg.index 0 : index
    %k = arith.index_cast %j : index to i8
    %l = arith.muli %k, %k : i8
    linalg.yield %l : i8
  } -> tensor<256xi8>
  %y = qopt.lookup ins(%q, %t : tensor<3x5xi8>, tensor<256xi8>) outs(%e : tensor<3x5xi8>)
      params #all -> tensor<3x5xi8>
  %c = tensor.concat dim(0) %y, %q : (tensor<3x5xi8>, tensor<3x5xi8>) -> tensor<6x5xi8>
  %et = tensor.empty() : tensor<5x3xi8>
  %tr = linalg.transpose ins(%y : tensor<3x5xi8>) outs(%et : tensor<5x3xi8>) permutation = [1, 0]
  return %c, %tr, %x : tensor<6x5xi8>, tensor<5x3xi8>, tensor<3x5xf32>
})"}};

class EqualsReference : public testing::TestWithParam<Model> {
protected:
  EqualsReference() {
    mlir::DialectRegistry registry;
    registerQoptDialects(registry);
    context.appendDialectRegistry(registry);
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse() {
    return mlir::parseSourceString<mlir::ModuleOp>(GetParam().text, &context);
  }

  /// Multiples of 1/256: some beyond every range, some ties.
  std::vector<HostTensor> makeInputs(mlir::func::FuncOp function) {
    std::mt19937 random(11);
    std::vector<HostTensor> inputs;
    for (mlir::Type type : function.getArgumentTypes()) {
      auto tensor = llvm::cast<mlir::RankedTensorType>(type);
      HostTensor &input = inputs.emplace_back(DType::F32, tensor.getShape());
      for (float &value : input.data<float>())
        value = (static_cast<float>(random() % 4096) - 2048.0f) / 256.0f;
    }
    return inputs;
  }

  llvm::Expected<std::unique_ptr<CompiledModel>>
  compile(bool scheduled, const EmitOptions &options) {
    mlir::OwningOpRef<mlir::ModuleOp> module = parse();
    mlir::PassManager pm(&context);
    if (scheduled) {
      PhaseOptions phase;
      phase.target = options.target;
      buildPhase(pm, Phase::Scheduled, phase);
      buildPhase(pm, Phase::Planned, phase);
      buildPhase(pm, Phase::Llvm, phase);
    } else {
      pm.addPass(createConvertQoptToLinalgPass());
      buildPlannedPipeline(pm);
      buildLlvmPipeline(pm, options.target);
    }
    if (failed(pm.run(*module)))
      return llvm::createStringError("the pipeline failed");
    ModelInfo info = cantFail(getModelInfo(*module, options));
    auto object = emitCode(*module, CodeKind::Object, options);
    if (!object)
      return object.takeError();
    return CompiledModel::loadObject(*object, info);
  }

  mlir::MLIRContext context;
};

/// All targets whose code this host can run; kernels run on the emulated driver
/// unless the environment names another one.
std::vector<TargetInfo> runnableTargets() {
  setenv("QOPT_LIBCUDA", QOPT_EMULATED_CUDA, /*overwrite=*/0);
  std::vector<TargetInfo> targets;
  for (llvm::StringRef name : TargetInfo::knownNames())
    if (name != "native")
      if (auto form = cantFail(TargetInfo::get(name)).formForHost())
        targets.push_back(*form);
  return targets;
}

TEST_P(EqualsReference, BitForBit) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse();
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  std::vector<HostTensor> inputs = makeInputs(function);
  auto expected = interpret(function, inputs);
  ASSERT_TRUE(!!expected) << llvm::toString(expected.takeError());
  for (const TargetInfo &target : runnableTargets())
    for (bool scheduled : {false, true})
      for (unsigned level : {0u, 3u}) {
        EmitOptions options;
        options.target = target;
        options.optLevel = level;
        auto model = compile(scheduled, options);
        std::string what = target.name +
                           (scheduled ? ", scheduled" : ", plain") + ", -O" +
                           std::to_string(level);
        ASSERT_TRUE(!!model)
            << what << ": " << llvm::toString(model.takeError());
        auto outputs = (*model)->run(inputs);
        ASSERT_TRUE(!!outputs) << llvm::toString(outputs.takeError());
        ASSERT_EQ(outputs->size(), expected->size());
        for (auto [got, want] : llvm::zip_equal(*outputs, *expected))
          EXPECT_EQ(got.bytes, want.bytes) << what;
      }
}

INSTANTIATE_TEST_SUITE_P(Models, EqualsReference, testing::ValuesIn(kModels),
                         [](const testing::TestParamInfo<Model> &info) {
                           return info.param.name;
                         });

} // namespace
