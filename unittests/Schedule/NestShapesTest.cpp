//===- NestShapesTest.cpp - Loop nests of many shapes, bit for bit --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantized convolution or matrix product with what follows it, over shapes
// whose tails differ in kind, and elementary functions in float: compiled
// through the schedule for every target that this host runs, and with the
// schedules of others that plain dots compute, and compared with the reference
// interpreter.
//
//===----------------------------------------------------------------------===//

#include "ShapeModule.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Pipelines/Pipelines.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Target/CompiledModel.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"
#include <random>

using namespace qopt;
using namespace qopt::test;
using llvm::cantFail;
using llvm::formatv;

namespace {

constexpr DotForm::Kind kPairs = DotForm::Kind::Pairs;
constexpr DotForm::Kind kPairSums = DotForm::Kind::PairSums;

constexpr Shape kShapes[] = {
    dense("OneByOne", 5, 7, 16, 32, 1),
    dense("WholeTiles", 6, 16, 16, 16, 3),
    dense("OddChannels", 5, 7, 5, 33, 3),
    dense("OneInput", 6, 9, 1, 20, 3),
    dense("OneInputWholeLines", 7, 12, 1, 16, 3),
    dense("OneInputManyColumns", 4, 67, 1, 16, 3),
    dense("OneInputTwoColumns", 5, 9, 1, 16, 2, 2),
    dense("OneInputNarrow", 4, 1, 1, 16, 3),
    dense("TwoInputsOneColumn", 6, 9, 2, 8, 1),
    dense("ThreeInputs", 8, 11, 3, 16, 3, 2),
    dense("OneOutput", 6, 9, 24, 1, 3),
    dense("SixteenOutputs", 5, 11, 8, 16, 3),
    dense("SharedTaps", 7, 19, 16, 16, 3),
    dense("SharedTapsOfOneStep", 5, 7, 4, 16, 3),
    dense("SharedTapsStride", 9, 21, 16, 40, 3, 2),
    dense("SharedTapsFive", 9, 17, 12, 24, 5),
    dense("SharedTapsSevenStride", 12, 26, 8, 32, 7, 2),
    dense("SharedTapsBatch", 5, 9, 16, 16, 3).images(2),
    dense("ThirtyTwoOutputs", 5, 11, 8, 32, 3),
    dense("EightOutputs", 5, 11, 8, 8, 3),
    dense("SixteenOutputsConcat", 5, 9, 8, 16, 3).then(After::Concat),
    dense("Stride", 9, 13, 12, 24, 3, 2),
    dense("Dilation", 9, 9, 7, 17, 3, 1, 2),
    dense("ManyChannels", 3, 3, 130, 70, 1),
    depthwise("Depthwise", 7, 9, 20, 3),
    depthwise("DepthwiseStride", 8, 9, 33, 3, 2),
    dense("Overflow", 5, 9, 16, 70, 3).multipliersOf("e9"),
    depthwise("DepthwiseOverflow", 5, 9, 70, 3).multipliersOf("e9"),
    depthwise("DepthwiseGroups", 9, 13, 96, 3),
    depthwise("DepthwiseMovedBack", 6, 7, 72, 3),
    depthwise("DepthwiseOneGroup", 5, 6, 64, 3),
    depthwise("DepthwiseManyGroups", 4, 17, 208, 3),
    depthwise("DepthwiseFewChannels", 7, 5, 10, 3),
    depthwise("DepthwiseOneChannel", 7, 5, 1, 3),
    depthwise("DepthwiseFive", 9, 11, 40, 5),
    depthwise("DepthwiseFiveStride", 9, 11, 64, 5, 2),
    depthwise("DepthwiseSeven", 8, 9, 130, 7),
    depthwise("DepthwiseDilation", 9, 10, 48, 3, 1, 2),
    depthwise("DepthwiseStrideDilation", 11, 12, 20, 3, 2, 3),
    depthwise("DepthwiseResidual", 6, 9, 80, 3).then(After::Residual),
    depthwise("DepthwiseResidualFew", 6, 9, 12, 3).then(After::Residual),
    depthwise("DepthwiseConcat", 5, 6, 24, 3).then(After::Concat),
    depthwise("AroundRowsAndColumns", 9, 21, 64, 3).takesBytes(),
    depthwise("AroundTwoImages", 6, 9, 64, 3).images(2).takesBytes(),
    depthwise("AroundStride", 9, 12, 72, 3, 2).takesBytes(),
    depthwise("AroundDilation", 12, 13, 16, 3, 1, 2).takesBytes(),
    depthwise("AroundStrideDilation", 15, 23, 20, 3, 2, 3).takesBytes(),
    depthwise("AroundFive", 11, 26, 40, 5).takesBytes(),
    depthwise("AroundEven", 9, 10, 64, 2).takesBytes(),
    depthwise("AroundSmall", 2, 2, 64, 3).takesBytes(),
    depthwise("AroundAllPadding", 3, 3, 64, 5, 1, 2).takesBytes(),
    depthwise("AroundLine", 1, 40, 64, 3).takesBytes(),
    depthwise("AroundColumn", 40, 1, 64, 3).takesBytes(),
    depthwise("AroundResidual", 7, 9, 64, 3).takesBytes().then(After::Residual),
    depthwise("AroundConcat", 7, 9, 64, 3).takesBytes().then(After::Concat),
    depthwise("AroundFewChannels", 9, 17, 10, 3).takesBytes(),
    dense("DensePaddedInput", 9, 17, 10, 24, 3).takesBytes(),
    depthwise("DepthwisePool", 8, 8, 70, 3).then(After::Pool),
    depthwise("DepthwiseTable", 6, 7, 36, 3).then(After::Table),
    depthwise("DepthwiseFourBits", 6, 7, 36, 3).fourBits(),
    dense("FourBits", 6, 7, 9, 19, 3).fourBits(),
    dense("FourBitsOddSteps", 5, 5, 20, 16, 1).fourBits(),
    dense("Residual", 6, 7, 18, 18, 3).then(After::Residual),
    dense("Concat", 5, 6, 10, 21, 3).then(After::Concat),
    dense("Pool", 8, 8, 8, 24, 3).then(After::Pool),
    dense("OverlappingPool", 9, 9, 8, 70, 3).then(After::OverlappingPool),
    dense("Table", 6, 7, 8, 18, 3).then(After::Table),
    dense("TilesOfPoints", 8, 20, 64, 40, 1),
    dense("TilesAcrossLines", 9, 7, 64, 32, 3),
    dense("TilesOfWholeLines", 6, 16, 128, 64, 3),
    dense("TilesMovedBack", 5, 19, 24, 80, 3),
    dense("TilesOfShortRows", 5, 17, 16, 48, 3),
    dense("TilesStride", 17, 21, 32, 48, 3, 2),
    dense("TilesDilation", 9, 18, 64, 33, 3, 1, 2),
    dense("TilesResidual", 6, 18, 64, 64, 3).then(After::Residual),
    dense("TilesConcat", 6, 18, 64, 48, 3).then(After::Concat),
    dense("TilesPool", 8, 16, 64, 32, 3).then(After::Pool),
    dense("TilesTable", 6, 18, 64, 32, 1).then(After::Table),
    dense("TilesFewRows", 1, 9, 320, 64, 1),
    dense("TilesFourBits", 9, 18, 64, 48, 3).fourBits(),
    dense("TilesFourBitsMovedBack", 5, 19, 24, 80, 3).fourBits(),
    dense("TilesFourBitsOddRows", 6, 18, 12, 48, 3).fourBits(),

    // 255 * (64 + 64) is within 16 bits, one more is not; half of it allows two
    // steps in a sum, and so does 255 * 2 * (31 + 31).
    dense("TwoStepsOfPairs", 5, 11, 16, 32, 3)
        .weightsIn(-31, 31)
        .multipliesBy(kPairSums),
    dense("TwoStepsOfPairsOddSteps", 5, 7, 9, 21, 3).weightsIn(-31, 31),
    dense("TwoStepsOfPairsOneByOne", 5, 9, 20, 33, 1).weightsIn(-31, 31),
    dense("OneStepOfPairs", 5, 11, 16, 32, 3)
        .weightsIn(-63, 63)
        .multipliesBy(kPairSums),
    dense("Pairs", 5, 11, 16, 32, 3).weightsIn(-128, 127).multipliesBy(kPairs),
    dense("BrightTwoStepsAbove", 5, 9, 8, 16, 3)
        .extreme(32)
        .multipliesBy(kPairSums),
    dense("BrightTwoStepsBelow", 5, 9, 8, 16, 3)
        .extreme(-32)
        .multipliesBy(kPairSums),
    dense("BrightOneStepAbove", 5, 9, 8, 16, 3)
        .extreme(64)
        .multipliesBy(kPairSums),
    dense("BrightOneStepBelow", 5, 9, 8, 16, 3)
        .extreme(-64)
        .multipliesBy(kPairSums),
    dense("BrightBeyondSums", 5, 9, 8, 16, 3).extreme(65).multipliesBy(kPairs),
    dense("BrightHighest", 5, 9, 8, 16, 3).extreme(127).multipliesBy(kPairs),
    dense("BrightLowest", 5, 9, 8, 16, 3).extreme(-128).multipliesBy(kPairs),
    dense("BrightTiles", 6, 16, 64, 32, 1).extreme(127),
    depthwise("BrightDepthwise", 6, 9, 40, 3).extreme(127),
    depthwise("BrightDepthwiseLowest", 6, 9, 40, 3).extreme(-128),
    depthwise("SmallDepthwise", 6, 9, 40, 3).weightsIn(-31, 31),
    grouped("Grouped", 5, 7, 2, 16, 32, 3),
    grouped("GroupedOddChannels", 6, 7, 3, 15, 21, 3),
    grouped("GroupedStride", 9, 11, 4, 32, 64, 3, 2),
    grouped("GroupedOneByOne", 4, 9, 2, 34, 34, 1).then(After::Residual),
    grouped("GroupedConcat", 5, 6, 2, 8, 16, 3).then(After::Concat),
    gemm("GemvOdd", 1, 37, 45),
    gemm("GemvWhole", 1, 64, 64),
    gemm("GemvOneColumn", 1, 129, 1),
    gemm("GemvLong", 1, 515, 17),
    gemm("GemvFourBits", 1, 67, 33).fourBits(),
    gemm("GemmThreeRows", 3, 37, 45),
    gemm("GemmManyRows", 64, 33, 19),
    gemm("GemmWhole", 64, 64, 32),
    gemm("GemmOneDeep", 3, 1, 21),
    gemm("GemmResidual", 3, 35, 35).then(After::Residual),
    gemm("GemmTable", 3, 20, 16).then(After::Table),
    gemm("GemmFourBits", 3, 37, 45).fourBits(),
    gemm("GemmSmallWeights", 3, 36, 48)
        .weightsIn(-31, 31)
        .multipliesBy(kPairSums),
    gemm("GemmHighest", 3, 36, 48).extreme(127).multipliesBy(kPairs),
    gemm("GemmLowest", 64, 36, 48).extreme(-128).multipliesBy(kPairs),
    batched("Batched", 2, 3, 37, 45),
    batched("BatchedVectors", 3, 1, 64, 32),
    batched("BatchedManyRows", 2, 64, 17, 19),
};

/// What code is generated for, and whose schedule it computes.
struct Version {
  TargetInfo code, schedule;

  std::string name() const {
    return code.name + ", scheduled for " + schedule.name;
  }
};

/// Every level of the host's architecture that the host runs, if only in
/// another encoding of the same instructions.
std::vector<Version> hostVersions() {
  std::vector<Version> versions;
  TargetInfo::Arch host = cantFail(TargetInfo::get("native")).arch;
  for (llvm::StringRef name : TargetInfo::knownNames()) {
    TargetInfo target = cantFail(TargetInfo::get(name));
    if (name == "native" || target.arch != host)
      continue;
    if (std::optional<TargetInfo> form = target.formForHost())
      versions.push_back({*form, target});
  }
  return versions;
}

/// And the schedules of machines with long vectors, and with tiles, computed
/// without them.
std::vector<Version> shapeVersions() {
  std::vector<Version> versions = hostVersions();
  TargetInfo plain = cantFail(TargetInfo::get("x86-64-v3"));
  if (plain.runsOnHost())
    for (const char *name : {"x86-64-v4-vnni", "x86-64-v4-amx"})
      versions.push_back({plain, cantFail(TargetInfo::get(name))});
  return versions;
}

class Nests : public testing::Test {
protected:
  Nests() {
    mlir::DialectRegistry registry;
    registerQoptDialects(registry);
    context.appendDialectRegistry(registry);
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  llvm::Expected<std::unique_ptr<CompiledModel>>
  compile(llvm::StringRef text, const Version &version) {
    auto module = parse(text);
    mlir::PassManager pm(&context);
    PhaseOptions phase;
    phase.target = version.schedule;
    buildPhase(pm, Phase::Scheduled, phase);
    buildPhase(pm, Phase::Planned, phase);
    phase.target = version.code;
    buildPhase(pm, Phase::Llvm, phase);
    if (failed(pm.run(*module)))
      return llvm::createStringError("the pipeline failed");
    noteInstructions(*module);
    EmitOptions options;
    options.target = version.code;
    options.optLevel = 1;
    ModelInfo info = cantFail(getModelInfo(*module, options));
    auto object = emitCode(*module, CodeKind::Object, options);
    if (!object)
      return object.takeError();
    return CompiledModel::loadObject(*object, info);
  }

  /// Expects of each version the interpreter's bits; `alsoExpect` is called
  /// after each was compiled.
  void expectReference(
      llvm::StringRef text, llvm::ArrayRef<Version> versions,
      llvm::function_ref<HostTensor(llvm::ArrayRef<int64_t>)> makeInput,
      llvm::function_ref<void(const Version &)> alsoExpect = {}) {
    ASSERT_FALSE(versions.empty());
    auto module = parse(text);
    ASSERT_TRUE(module) << text.str();
    auto function = *module->getOps<mlir::func::FuncOp>().begin();
    std::vector<HostTensor> inputs;
    for (mlir::Type type : function.getArgumentTypes())
      inputs.push_back(
          makeInput(llvm::cast<mlir::RankedTensorType>(type).getShape()));
    auto expected = interpret(function, inputs);
    ASSERT_TRUE(!!expected) << llvm::toString(expected.takeError());
    for (const Version &version : versions) {
      auto model = compile(text, version);
      ASSERT_TRUE(!!model) << version.name() << ": "
                           << llvm::toString(model.takeError());
      if (alsoExpect)
        alsoExpect(version);
      auto outputs = (*model)->run(inputs);
      ASSERT_TRUE(!!outputs) << llvm::toString(outputs.takeError());
      EXPECT_EQ(outputs->front().bytes, expected->front().bytes)
          << version.name();
    }
  }

  mlir::MLIRContext context;
  /// Of the model compiled last.
  bool hasPairSums = false, hasPairs = false, hasQuads = false,
       hasTiles = false;

private:
  void noteInstructions(mlir::ModuleOp module) {
    hasPairSums = hasPairs = hasQuads = hasTiles = false;
    module.walk([&](mlir::LLVM::CallIntrinsicOp call) {
      llvm::StringRef name = call.getIntrin();
      hasPairSums |= name.contains("pmadd.ub.sw") || name.contains("pmaddubs");
      hasPairs |= name.contains("pmadd.wd") || name.contains("pmaddw.d");
      hasQuads |= name.contains("vpdpbusd");
      hasTiles |= name.contains("tdpb");
    });
  }
};

class NestShapes : public Nests, public testing::WithParamInterface<Shape> {
protected:
  HostTensor makeInput(llvm::ArrayRef<int64_t> sizes) {
    const Shape &shape = GetParam();
    HostTensor input(shape.ofBytes ? DType::I8 : DType::F32, sizes);
    if (shape.ofBytes)
      for (int8_t &value : input.data<int8_t>())
        value = static_cast<int8_t>(shape.isBright ? 255 : random() % 256);
    else
      for (float &value : input.data<float>())
        value = shape.isBright ? 1e3f : multipleOf512th();
    return input;
  }

  /// Other schedules have vectors that no instruction of `code` multiplies.
  void expectForm(DotForm::Kind form, const Version &version) {
    if (version.code.arch != TargetInfo::Arch::X86_64 ||
        version.code.name != version.schedule.name)
      return;
    if (version.code.hasVnni256 || version.code.hasVnni512) {
      EXPECT_TRUE(hasQuads || hasTiles) << version.name();
      EXPECT_FALSE(hasPairSums) << version.name();
      return;
    }
    EXPECT_FALSE(hasQuads || hasTiles) << version.name();
    EXPECT_EQ(hasPairSums, form == DotForm::Kind::PairSums) << version.name();
    EXPECT_TRUE(hasPairs) << version.name();
  }

private:
  float multipleOf512th() {
    return (static_cast<float>(random() % 4096) - 2048.0f) / 512.0f;
  }
  std::mt19937 random{3};
};

TEST_P(NestShapes, EqualReference) {
  expectReference(
      ModuleText(GetParam()).str(), shapeVersions(),
      [&](llvm::ArrayRef<int64_t> sizes) { return makeInput(sizes); },
      [&](const Version &version) {
        if (GetParam().form)
          expectForm(*GetParam().form, version);
      });
}

INSTANTIATE_TEST_SUITE_P(Shapes, NestShapes, testing::ValuesIn(kShapes),
                         [](const testing::TestParamInfo<Shape> &info) {
                           return info.param.name;
                         });

//===----------------------------------------------------------------------===//
// Elementary functions
//===----------------------------------------------------------------------===//

/// A prime stride of all f32 patterns; a short one is of small numbers, too.
HostTensor allKindsOfFloats(llvm::ArrayRef<int64_t> sizes) {
  HostTensor input(DType::F32, sizes);
  for (auto [i, bits] : llvm::enumerate(input.data<uint32_t>()))
    bits = uint32_t(i) * 32771;
  return input;
}

/// Numbers whose exponentials are neither 0 nor infinite.
HostTensor smallFloats(llvm::ArrayRef<int64_t> sizes) {
  HostTensor input(DType::F32, sizes);
  std::mt19937 random(5);
  for (float &value : input.data<float>())
    value = (static_cast<float>(random() % 4096) - 2048.0f) / 256.0f;
  return input;
}

struct FunctionCase {
  const char *function;
  /// "1003x5"
  const char *sizes;
};

void PrintTo(const FunctionCase &param, std::ostream *os) {
  *os << param.function << " of " << param.sizes;
}

class FunctionNests : public Nests,
                      public testing::WithParamInterface<FunctionCase> {};

// Vectors of some widths have instructions of their own for parts of a
// function, and several vectors are computed side by side: odd sizes leave
// fewer of them, and fewer lanes.
TEST_P(FunctionNests, EqualReference) {
  std::string type = formatv("tensor<{0}xf32>", GetParam().sizes);
  bool isLong = !llvm::StringRef(GetParam().sizes).contains('x');
  std::string text = formatv(
      R"(func.func @f(%x: {0}) -> {0} {{
  %e = tensor.empty() : {0}
  %r = linalg.generic {{indexing_maps = [affine_map<({1}) -> ({1})>, affine_map<({1}) -> ({1})>], iterator_types = [{2}]}
      ins(%x : {0}) outs(%e : {0}) {{
  ^bb0(%a: f32, %o: f32):
    %0 = math.{3} %a : f32
    linalg.yield %0 : f32
  } -> {0}
  return %r : {0}
})",
      type, isLong ? "i" : "i, j",
      isLong ? "\"parallel\"" : "\"parallel\", \"parallel\"",
      GetParam().function);
  expectReference(text, hostVersions(),
                  isLong ? allKindsOfFloats : smallFloats);
}

constexpr FunctionCase kFunctionCases[] = {
    {"exp", "131072"}, {"tanh", "131072"}, {"erf", "131072"}, {"log", "131072"},
    {"exp", "1003x5"}, {"tanh", "1003x5"}, {"erf", "1003x5"}, {"log", "1003x5"},
    {"exp", "7x3"},    {"tanh", "7x3"},    {"erf", "7x3"},    {"log", "7x3"}};

INSTANTIATE_TEST_SUITE_P(Functions, FunctionNests,
                         testing::ValuesIn(kFunctionCases),
                         [](const testing::TestParamInfo<FunctionCase> &info) {
                           return std::string(info.param.function) + "_" +
                                  info.param.sizes;
                         });

class SoftmaxNests : public Nests,
                     public testing::WithParamInterface<const char *> {};

TEST_P(SoftmaxNests, EqualReference) {
  std::string text = formatv(
      R"(func.func @f(%x: tensor<{0}xf32>) -> tensor<{0}xf32> {{
  %e = tensor.empty() : tensor<{0}xf32>
  %r = linalg.softmax dimension(1) ins(%x : tensor<{0}xf32>) outs(%e : tensor<{0}xf32>) -> tensor<{0}xf32>
  return %r : tensor<{0}xf32>
})",
      GetParam());
  expectReference(text, hostVersions(), smallFloats);
}

// The last four are large enough to go in blocks of rows: of 48, of 59 out of
// 118, of four whose elements are not neighbours, and all at once.
INSTANTIATE_TEST_SUITE_P(Sizes, SoftmaxNests,
                         testing::Values("9x5", "6x33", "19x10", "21x8", "5x48",
                                         "35x32", "96x48", "118x37", "12x20x24",
                                         "131x33"),
                         [](const testing::TestParamInfo<const char *> &info) {
                           return std::string(info.param);
                         });

// Rows in blocks out of a larger tensor, out of what a product has computed,
// and into a part of what is joined.
TEST_F(Nests, SoftmaxInPlacesEqualsReference) {
  expectReference(R"(
func.func @f(%x: tensor<52x3x100xf32>, %a: tensor<52x7xf32>, %b: tensor<7x100xf32>) -> tensor<52x200xf32> {
  %zero = arith.constant 0.0 : f32
  %s = tensor.extract_slice %x[0, 1, 0] [52, 1, 100] [1, 1, 1] : tensor<52x3x100xf32> to tensor<52x100xf32>
  %e = tensor.empty() : tensor<52x100xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<52x100xf32>) -> tensor<52x100xf32>
  %m = linalg.matmul ins(%a, %b : tensor<52x7xf32>, tensor<7x100xf32>) outs(%f : tensor<52x100xf32>) -> tensor<52x100xf32>
  %p = linalg.softmax dimension(1) ins(%s : tensor<52x100xf32>) outs(%e : tensor<52x100xf32>) -> tensor<52x100xf32>
  %q = linalg.softmax dimension(1) ins(%m : tensor<52x100xf32>) outs(%e : tensor<52x100xf32>) -> tensor<52x100xf32>
  %r = linalg.softmax dimension(1) ins(%q : tensor<52x100xf32>) outs(%e : tensor<52x100xf32>) -> tensor<52x100xf32>
  %c = tensor.concat dim(1) %p, %r : (tensor<52x100xf32>, tensor<52x100xf32>) -> tensor<52x200xf32>
  return %c : tensor<52x200xf32>
})",
                  hostVersions(), smallFloats);
}

// What is rounded ends in bytes, what is read begins with them; the rows of a
// block are along two dimensions.
TEST_F(Nests, SoftmaxOfBytesEqualsReference) {
  expectReference(R"(
func.func @f(%x: tensor<6x16x57xf32>) -> tensor<6x16x57xi8> {
  %s = arith.constant dense<0.0625> : tensor<f32>
  %t = arith.constant dense<0.00390625> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i32>
  %eq = tensor.empty() : tensor<6x16x57xi8>
  %e = tensor.empty() : tensor<6x16x57xf32>
  %q = qopt.quantize ins(%x, %s, %z : tensor<6x16x57xf32>, tensor<f32>, tensor<i32>)
         outs(%eq : tensor<6x16x57xi8>) range [-128, 127] params affine_map<(i, j, k) -> ()> -> tensor<6x16x57xi8>
  %d = qopt.dequantize ins(%q, %s, %z : tensor<6x16x57xi8>, tensor<f32>, tensor<i32>)
         outs(%e : tensor<6x16x57xf32>) params affine_map<(i, j, k) -> ()> -> tensor<6x16x57xf32>
  %p = linalg.softmax dimension(2) ins(%d : tensor<6x16x57xf32>) outs(%e : tensor<6x16x57xf32>) -> tensor<6x16x57xf32>
  %r = qopt.quantize ins(%p, %t, %z : tensor<6x16x57xf32>, tensor<f32>, tensor<i32>)
         outs(%eq : tensor<6x16x57xi8>) range [0, 255] params affine_map<(i, j, k) -> ()> -> tensor<6x16x57xi8>
  return %r : tensor<6x16x57xi8>
})",
                  hostVersions(), smallFloats);
}

// The function is in the reduction's own body: the sums that it joins are side
// by side as well.
TEST_F(Nests, SumsOfFunctionsEqualReference) {
  for (auto [kept, size, kinds] :
       {std::tuple("i", 9, "\"parallel\", \"reduction\""),
        std::tuple("j", 13, "\"reduction\", \"parallel\"")})
    for (const char *function : {"exp", "log"})
      expectReference(
          formatv(R"(func.func @f(%x: tensor<9x13xf32>) -> tensor<{1}xf32> {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{1}xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<{1}xf32>) -> tensor<{1}xf32>
  %r = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ({0})>], iterator_types = [{2}]}
      ins(%x : tensor<9x13xf32>) outs(%f : tensor<{1}xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %0 = math.absf %a : f32
    %1 = math.{3} %0 : f32
    %2 = arith.addf %o, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<{1}xf32>
  return %r : tensor<{1}xf32>
})",
                  kept, size, kinds, function)
              .str(),
          hostVersions(), smallFloats);
}

// Products of activations are in float.
TEST_F(Nests, AttentionEqualsReference) {
  expectReference(R"(
func.func @f(%q: tensor<2x5x7xf32>, %k: tensor<2x7x9xf32>, %v: tensor<2x9x7xf32>) -> tensor<2x5x7xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x5x9xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x5x9xf32>) -> tensor<2x5x9xf32>
  %s = linalg.batch_matmul ins(%q, %k : tensor<2x5x7xf32>, tensor<2x7x9xf32>) outs(%f : tensor<2x5x9xf32>) -> tensor<2x5x9xf32>
  %p = linalg.softmax dimension(2) ins(%s : tensor<2x5x9xf32>) outs(%e : tensor<2x5x9xf32>) -> tensor<2x5x9xf32>
  %er = tensor.empty() : tensor<2x5x7xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<2x5x7xf32>) -> tensor<2x5x7xf32>
  %r = linalg.batch_matmul ins(%p, %v : tensor<2x5x9xf32>, tensor<2x9x7xf32>) outs(%fr : tensor<2x5x7xf32>) -> tensor<2x5x7xf32>
  return %r : tensor<2x5x7xf32>
})",
                  hostVersions(), smallFloats);
}

} // namespace
