//===- NestShapesTest.cpp - Loop nests of many shapes, bit for bit --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantized convolution with what follows it, over shapes whose tails differ
// in kind: compiled through the schedule for this host, for a target without
// dot instructions, and with the tiles of others that plain dots compute, and
// compared with the reference interpreter.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "qopt/Pipelines/Pipelines.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Target/CompiledModel.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"
#include <random>

using namespace qopt;
using llvm::cantFail;
using llvm::formatv;

namespace {

enum class After { Nothing, Residual, Concat, Pool, OverlappingPool, Table };

struct Shape {
  const char *name;
  int64_t height, width, in, out, kernel, stride = 1, dilation = 1;
  bool depthwise = false;
  int64_t bits = 8;
  After after = After::Nothing;
  /// What the multipliers are multiples of; large ones leave the range of i32.
  const char *step = "e-5";
  /// Whether the input is what is padded: no producer writes into a halo.
  bool ofBytes = false;
  int64_t batch = 1;
};

void PrintTo(const Shape &shape, std::ostream *os) { *os << shape.name; }

constexpr Shape kShapes[] = {
    {"OneByOne", 5, 7, 16, 32, 1},
    {"WholeTiles", 6, 16, 16, 16, 3},
    {"OddChannels", 5, 7, 5, 33, 3},
    {"OneInput", 6, 9, 1, 20, 3},
    {"OneInputWholeLines", 7, 12, 1, 16, 3},
    {"OneInputManyColumns", 4, 67, 1, 16, 3},
    {"OneInputTwoColumns", 5, 9, 1, 16, 2, 2},
    {"OneInputNarrow", 4, 1, 1, 16, 3},
    {"TwoInputsOneColumn", 6, 9, 2, 8, 1},
    {"ThreeInputs", 8, 11, 3, 16, 3, 2},
    {"OneOutput", 6, 9, 24, 1, 3},
    {"SixteenOutputs", 5, 11, 8, 16, 3},
    {"SharedTaps", 7, 19, 16, 16, 3},
    {"SharedTapsOfOneStep", 5, 7, 4, 16, 3},
    {"SharedTapsStride", 9, 21, 16, 40, 3, 2},
    {"SharedTapsFive", 9, 17, 12, 24, 5},
    {"SharedTapsSevenStride", 12, 26, 8, 32, 7, 2},
    {"SharedTapsBatch", 5, 9, 16, 16, 3, 1, 1, false, 8, After::Nothing, "e-5",
     false, 2},
    {"ThirtyTwoOutputs", 5, 11, 8, 32, 3},
    {"EightOutputs", 5, 11, 8, 8, 3},
    {"SixteenOutputsConcat", 5, 9, 8, 16, 3, 1, 1, false, 8, After::Concat},
    {"Stride", 9, 13, 12, 24, 3, 2},
    {"Dilation", 9, 9, 7, 17, 3, 1, 2},
    {"ManyChannels", 3, 3, 130, 70, 1},
    {"Depthwise", 7, 9, 20, 20, 3, 1, 1, true},
    {"DepthwiseStride", 8, 9, 33, 33, 3, 2, 1, true},
    {"Overflow", 5, 9, 16, 70, 3, 1, 1, false, 8, After::Nothing, "e9"},
    {"DepthwiseOverflow", 5, 9, 70, 70, 3, 1, 1, true, 8, After::Nothing, "e9"},
    {"DepthwiseGroups", 9, 13, 96, 96, 3, 1, 1, true},
    {"DepthwiseMovedBack", 6, 7, 72, 72, 3, 1, 1, true},
    {"DepthwiseOneGroup", 5, 6, 64, 64, 3, 1, 1, true},
    {"DepthwiseManyGroups", 4, 17, 208, 208, 3, 1, 1, true},
    {"DepthwiseFewChannels", 7, 5, 10, 10, 3, 1, 1, true},
    {"DepthwiseOneChannel", 7, 5, 1, 1, 3, 1, 1, true},
    {"DepthwiseFive", 9, 11, 40, 40, 5, 1, 1, true},
    {"DepthwiseFiveStride", 9, 11, 64, 64, 5, 2, 1, true},
    {"DepthwiseSeven", 8, 9, 130, 130, 7, 1, 1, true},
    {"DepthwiseDilation", 9, 10, 48, 48, 3, 1, 2, true},
    {"DepthwiseStrideDilation", 11, 12, 20, 20, 3, 2, 3, true},
    {"DepthwiseResidual", 6, 9, 80, 80, 3, 1, 1, true, 8, After::Residual},
    {"DepthwiseResidualFew", 6, 9, 12, 12, 3, 1, 1, true, 8, After::Residual},
    {"DepthwiseConcat", 5, 6, 24, 24, 3, 1, 1, true, 8, After::Concat},
    {"AroundRowsAndColumns", 9, 21, 64, 64, 3, 1, 1, true, 8, After::Nothing,
     "e-5", true},
    {"AroundTwoImages", 6, 9, 64, 64, 3, 1, 1, true, 8, After::Nothing, "e-5",
     true, 2},
    {"AroundStride", 9, 12, 72, 72, 3, 2, 1, true, 8, After::Nothing, "e-5",
     true},
    {"AroundDilation", 12, 13, 16, 16, 3, 1, 2, true, 8, After::Nothing, "e-5",
     true},
    {"AroundStrideDilation", 15, 23, 20, 20, 3, 2, 3, true, 8, After::Nothing,
     "e-5", true},
    {"AroundFive", 11, 26, 40, 40, 5, 1, 1, true, 8, After::Nothing, "e-5",
     true},
    {"AroundEven", 9, 10, 64, 64, 2, 1, 1, true, 8, After::Nothing, "e-5",
     true},
    {"AroundSmall", 2, 2, 64, 64, 3, 1, 1, true, 8, After::Nothing, "e-5",
     true},
    {"AroundAllPadding", 3, 3, 64, 64, 5, 1, 2, true, 8, After::Nothing, "e-5",
     true},
    {"AroundLine", 1, 40, 64, 64, 3, 1, 1, true, 8, After::Nothing, "e-5",
     true},
    {"AroundColumn", 40, 1, 64, 64, 3, 1, 1, true, 8, After::Nothing, "e-5",
     true},
    {"AroundResidual", 7, 9, 64, 64, 3, 1, 1, true, 8, After::Residual, "e-5",
     true},
    {"AroundConcat", 7, 9, 64, 64, 3, 1, 1, true, 8, After::Concat, "e-5",
     true},
    {"AroundFewChannels", 9, 17, 10, 10, 3, 1, 1, true, 8, After::Nothing,
     "e-5", true},
    {"DensePaddedInput", 9, 17, 10, 24, 3, 1, 1, false, 8, After::Nothing,
     "e-5", true},
    {"DepthwisePool", 8, 8, 70, 70, 3, 1, 1, true, 8, After::Pool},
    {"DepthwiseTable", 6, 7, 36, 36, 3, 1, 1, true, 8, After::Table},
    {"DepthwiseFourBits", 6, 7, 36, 36, 3, 1, 1, true, 4},
    {"FourBits", 6, 7, 9, 19, 3, 1, 1, false, 4},
    {"FourBitsOddSteps", 5, 5, 20, 16, 1, 1, 1, false, 4},
    {"Residual", 6, 7, 18, 18, 3, 1, 1, false, 8, After::Residual},
    {"Concat", 5, 6, 10, 21, 3, 1, 1, false, 8, After::Concat},
    {"Pool", 8, 8, 8, 24, 3, 1, 1, false, 8, After::Pool},
    {"OverlappingPool", 9, 9, 8, 70, 3, 1, 1, false, 8, After::OverlappingPool},
    {"Table", 6, 7, 8, 18, 3, 1, 1, false, 8, After::Table},
    {"TilesOfPoints", 8, 20, 64, 40, 1},
    {"TilesAcrossLines", 9, 7, 64, 32, 3},
    {"TilesOfWholeLines", 6, 16, 128, 64, 3},
    {"TilesMovedBack", 5, 19, 24, 80, 3},
    {"TilesOfShortRows", 5, 17, 16, 48, 3},
    {"TilesStride", 17, 21, 32, 48, 3, 2},
    {"TilesDilation", 9, 18, 64, 33, 3, 1, 2},
    {"TilesResidual", 6, 18, 64, 64, 3, 1, 1, false, 8, After::Residual},
    {"TilesConcat", 6, 18, 64, 48, 3, 1, 1, false, 8, After::Concat},
    {"TilesPool", 8, 16, 64, 32, 3, 1, 1, false, 8, After::Pool},
    {"TilesTable", 6, 18, 64, 32, 1, 1, 1, false, 8, After::Table},
    {"TilesFewRows", 1, 9, 320, 64, 1},
    {"TilesFourBits", 9, 18, 64, 48, 3, 1, 1, false, 4},
    {"TilesFourBitsMovedBack", 5, 19, 24, 80, 3, 1, 1, false, 4},
    {"TilesFourBitsOddRows", 6, 18, 12, 48, 3, 1, 1, false, 4},
};

/// Writes the module of one shape.
class ModuleText {
public:
  explicit ModuleText(const Shape &shape) : shape(shape) {}

  std::string str() {
    int64_t reach = (shape.kernel - 1) * shape.dilation;
    int64_t low = reach / 2, high = reach - low;
    std::string x = type(shape.height, shape.width, shape.in, "i8");
    std::string padded =
        type(shape.height + reach, shape.width + reach, shape.in, "i8");
    quantizeInput(x);
    line(formatv(
        "%p = tensor.pad %q low[0, {0}, {0}, 0] high[0, {1}, {1}, 0] {{\n"
        "^bb0(%a: index, %b: index, %c: index, %d: index):\n"
        "tensor.yield %z8 : i8\n} : {2} to {3}",
        low, high, x, padded));
    height = (shape.height - 1) / shape.stride + 1;
    width = (shape.width - 1) / shape.stride + 1;
    convolution(padded);
    requantize(x);
    follow(x);
    std::string result = type(height, width, channels, "i8");
    return formatv(
        "func.func @m(%{0}: {1}) -> {2} {{\n{3}return %r : {2}\n}\n",
        shape.ofBytes ? "q" : "x",
        type(shape.height, shape.width, shape.in, shape.ofBytes ? "i8" : "f32"),
        result, body);
  }

private:
  std::string type(int64_t h, int64_t w, int64_t c, const char *element) {
    return formatv("tensor<{0}x{1}x{2}x{3}x{4}>", shape.batch, h, w, c,
                   element);
  }
  void line(const llvm::formatv_object_base &text) {
    body += text.str() + "\n";
  }
  std::string values(int64_t count, int64_t lo, int64_t hi) {
    std::string list;
    for (int64_t i = 0; i < count; ++i)
      list += (i ? ", " : "") +
              std::to_string(lo + int64_t(random() % uint64_t(hi - lo + 1)));
    return list;
  }

  void quantizeInput(const std::string &x) {
    line(formatv("%s = arith.constant dense<0.03> : tensor<f32>"));
    line(formatv("%z = arith.constant dense<121> : tensor<i32>"));
    line(formatv("%z8 = arith.constant 121 : i8"));
    if (shape.ofBytes)
      return;
    line(formatv("%e = tensor.empty() : {0}", x));
    line(formatv("%q = qopt.quantize ins(%x, %s, %z : {0}, tensor<f32>, "
                 "tensor<i32>) outs(%e : {1}) range [0, 255] params {2} -> {1}",
                 type(shape.height, shape.width, shape.in, "f32"), x, kAll));
  }

  void convolution(const std::string &padded) {
    std::string acc = type(height, width, shape.out, "i32");
    int64_t limit = shape.bits == 4 ? 7 : 127, k = shape.kernel;
    int64_t depth = shape.depthwise ? 1 : shape.in;
    line(formatv("%wf = arith.constant dense<[{0}]> : tensor<{1}xi{2}>",
                 values(shape.out * k * k * depth, -limit, limit),
                 shape.out * k * k * depth, shape.bits));
    std::string weights =
        shape.depthwise
            ? formatv("tensor<{0}x{0}x{1}xi{2}>", k, shape.out, shape.bits)
                  .str()
            : formatv("tensor<{0}x{1}x{1}x{2}xi{3}>", shape.out, k, shape.in,
                      shape.bits)
                  .str();
    line(formatv(
        "%w = tensor.expand_shape %wf [[{0}]] output_shape [{1}] : "
        "tensor<{2}xi{3}> into {4}",
        shape.depthwise ? "0, 1, 2" : "0, 1, 2, 3",
        shape.depthwise
            ? formatv("{0}, {0}, {1}", k, shape.out).str()
            : formatv("{0}, {1}, {1}, {2}", shape.out, k, shape.in).str(),
        shape.out * k * k * depth, shape.bits, weights));
    line(formatv("%b = arith.constant dense<[{0}]> : tensor<{1}xi32>",
                 values(shape.out, -3000, 3000), shape.out));
    line(formatv("%ea = tensor.empty() : {0}", acc));
    line(formatv("%i = linalg.broadcast ins(%b : tensor<{0}xi32>) outs(%ea : "
                 "{1}) dimensions = [0, 1, 2]",
                 shape.out, acc));
    std::string loops =
        shape.depthwise ? "n, h, w, o, i, j" : "n, h, w, o, i, j, c";
    line(formatv(
        "%acc = linalg.generic {{indexing_maps = [affine_map<({0}) -> (n, h * "
        "{1} + i * {2}, w * {1} + j * {2}, {3})>, affine_map<({0}) -> ({4})>, "
        "affine_map<({0}) -> (n, h, w, o)>], iterator_types = [\"parallel\", "
        "\"parallel\", \"parallel\", \"parallel\", \"reduction\", "
        "\"reduction\"{5}]} ins(%p, %w : {6}, {7}) outs(%i : {8}) {{\n"
        "^bb0(%a: i8, %k: i{9}, %o: i32):\n%0 = arith.extui %a : i8 to i32\n"
        "%1 = arith.extsi %k : i{9} to i32\n%2 = arith.muli %0, %1 : i32\n"
        "%3 = arith.addi %o, %2 : i32\nlinalg.yield %3 : i32\n} -> {8}",
        loops, shape.stride, shape.dilation, shape.depthwise ? "o" : "c",
        shape.depthwise ? "i, j, o" : "o, i, j, c",
        shape.depthwise ? "" : ", \"reduction\"", padded, weights, acc,
        shape.bits));
  }

  void requantize(const std::string &x) {
    bool residual = shape.after == After::Residual;
    std::string multipliers;
    for (int64_t i = 0; i < shape.out; ++i)
      multipliers +=
          formatv("{0}{1}.0{2}", i ? ", " : "", 1 + random() % 300, shape.step);
    line(formatv("%m = arith.constant dense<[{0}]> : tensor<{1}xf32>",
                 multipliers, shape.out));
    line(formatv("%mr = arith.constant dense<0.7> : tensor<f32>"));
    channels = shape.out;
    std::string y = type(height, width, channels, "i8");
    line(formatv("%ey = tensor.empty() : {0}", y));
    line(formatv(
        "%y = qopt.requantize ins(%acc{0} : {1}{2}) multipliers(%m{3} : "
        "tensor<{4}xf32>{5}) outs(%ey : {6}) range [0, 255] zero_point 9 "
        "{{input_zero_points = array<i32: 0{7}>, unsigned_inputs = array<i1: "
        "false{8}>, params = [affine_map<(n, h, w, c) -> (c)>{9}]} -> {6}",
        residual ? ", %q" : "", type(height, width, channels, "i32"),
        residual ? ", " + x : "", residual ? ", %mr" : "", channels,
        residual ? ", tensor<f32>" : "", y, residual ? ", 121" : "",
        residual ? ", true" : "",
        residual ? std::string(", ") + kAll : std::string()));
  }

  void follow(const std::string &x) {
    std::string y = type(height, width, channels, "i8");
    if (shape.after == After::Concat) {
      std::string joined = type(height, width, channels + shape.in, "i8");
      line(formatv("%r = tensor.concat dim(3) %q, %y : ({0}, {1}) -> {2}", x, y,
                   joined));
      channels += shape.in;
    } else if (shape.after == After::Table) {
      line(formatv("%t = arith.constant dense<[{0}]> : tensor<256xi8>",
                   values(256, -128, 127)));
      line(formatv("%r = qopt.lookup ins(%y, %t : {0}, tensor<256xi8>) "
                   "outs(%ey : {0}) unsigned params {1} -> {0}",
                   y, kAll));
    } else if (shape.after == After::Pool ||
               shape.after == After::OverlappingPool) {
      pool(y, shape.after == After::Pool ? 2 : 3);
    } else {
      line(formatv("%r = tensor.cast %y : {0} to {0}", y));
    }
  }

  void pool(const std::string &y, int64_t window) {
    height = (height - window) / 2 + 1;
    width = (width - window) / 2 + 1;
    std::string r = type(height, width, channels, "i8");
    line(formatv("%zero = arith.constant 0 : i8"));
    line(formatv("%er = tensor.empty() : {0}", r));
    line(formatv("%f = linalg.fill ins(%zero : i8) outs(%er : {0}) -> {0}", r));
    line(formatv("%win = tensor.empty() : tensor<{0}x{0}xi8>", window));
    line(formatv(
        "%r = linalg.generic {{indexing_maps = [affine_map<(n, h, w, c, i, j) "
        "-> (n, h * 2 + i, w * 2 + j, c)>, affine_map<(n, h, w, c, i, j) -> "
        "(i, "
        "j)>, affine_map<(n, h, w, c, i, j) -> (n, h, w, c)>], iterator_types "
        "= "
        "[\"parallel\", \"parallel\", \"parallel\", \"parallel\", "
        "\"reduction\", \"reduction\"]} ins(%y, %win : {0}, "
        "tensor<{1}x{1}xi8>) outs(%f : {2}) {{\n^bb0(%a: i8, %k: i8, %o: i8):\n"
        "%0 = arith.maxui %a, %o : i8\nlinalg.yield %0 : i8\n} -> {2}",
        y, window, r));
  }

  static constexpr const char *kAll = "affine_map<(n, h, w, c) -> ()>";

  const Shape &shape;
  std::mt19937 random{7};
  std::string body;
  int64_t height = 0, width = 0, channels = 0;
};

class Nests : public testing::Test {
protected:
  Nests() {
    mlir::DialectRegistry registry;
    registerQoptDialects(registry);
    context.appendDialectRegistry(registry);
  }

  llvm::Expected<std::unique_ptr<CompiledModel>>
  compile(llvm::StringRef text, const TargetInfo &target,
          const TargetInfo &schedule) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    mlir::PassManager pm(&context);
    PhaseOptions phase;
    phase.target = schedule;
    buildPhase(pm, Phase::Scheduled, phase);
    buildPhase(pm, Phase::Planned, phase);
    phase.target = target;
    buildPhase(pm, Phase::Llvm, phase);
    if (failed(pm.run(*module)))
      return llvm::createStringError("the pipeline failed");
    EmitOptions options;
    options.target = target;
    options.optLevel = 1;
    ModelInfo info = cantFail(getModelInfo(*module, options));
    auto object = emitCode(*module, CodeKind::Object, options);
    if (!object)
      return object.takeError();
    return CompiledModel::loadObject(*object, info);
  }

  mlir::MLIRContext context;
};

class NestShapes : public Nests, public testing::WithParamInterface<Shape> {};

TEST_P(NestShapes, EqualReference) {
  std::string text = ModuleText(GetParam()).str();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(module) << text;
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  std::mt19937 random(3);
  bool ofBytes = GetParam().ofBytes;
  HostTensor input(
      ofBytes ? DType::I8 : DType::F32,
      llvm::cast<mlir::RankedTensorType>(function.getArgumentTypes().front())
          .getShape());
  if (ofBytes)
    for (int8_t &value : input.data<int8_t>())
      value = static_cast<int8_t>(random() % 256);
  else
    for (float &value : input.data<float>())
      value = (static_cast<float>(random() % 4096) - 2048.0f) / 512.0f;
  auto expected = interpret(function, {input});
  ASSERT_TRUE(!!expected) << llvm::toString(expected.takeError());
  // The schedules of machines with long vectors, and with tiles, computed
  // without them, too.
  for (auto [name, schedule] :
       {std::pair("native", "native"), std::pair("x86-64-v3", "x86-64-v3"),
        std::pair("x86-64-v3", "x86-64-v4-vnni"),
        std::pair("x86-64-v3", "x86-64-v4-amx")}) {
    TargetInfo target = cantFail(TargetInfo::get(name));
    if (target.arch != cantFail(TargetInfo::get("native")).arch)
      continue;
    auto model = compile(text, target, cantFail(TargetInfo::get(schedule)));
    ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
    auto outputs = (*model)->run({input});
    ASSERT_TRUE(!!outputs) << llvm::toString(outputs.takeError());
    EXPECT_EQ(outputs->front().bytes, expected->front().bytes)
        << name << ", scheduled for " << schedule;
  }
}

// Nests of a single function, on a prime stride of all f32 patterns: vectors of
// some widths have instructions of their own for parts of it.
TEST_F(Nests, FunctionsEqualReference) {
  constexpr int64_t kCount = 1 << 17;
  HostTensor input(DType::F32, {kCount});
  for (int64_t i = 0; i < kCount; ++i)
    input.data<uint32_t>()[i] = uint32_t(i * 32771);
  for (llvm::StringRef name : {"exp", "tanh", "erf"}) {
    std::string text = formatv(
        R"(func.func @f(%x: tensor<131072xf32> {{qopt.name = "x"}) -> (tensor<131072xf32> {{qopt.name = "y"}) {{
  %e = tensor.empty() : tensor<131072xf32>
  %r = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<131072xf32>) outs(%e : tensor<131072xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %0 = math.{0} %a : f32
    linalg.yield %0 : f32
  } -> tensor<131072xf32>
  return %r : tensor<131072xf32>
})",
        name);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module) << text;
    auto function = *module->getOps<mlir::func::FuncOp>().begin();
    auto expected = interpret(function, {input});
    ASSERT_TRUE(!!expected) << llvm::toString(expected.takeError());
    for (const char *target : {"native", "x86-64-v3"}) {
      TargetInfo info = cantFail(TargetInfo::get(target));
      if (info.arch != cantFail(TargetInfo::get("native")).arch)
        continue;
      auto model = compile(text, info, info);
      ASSERT_TRUE(!!model) << llvm::toString(model.takeError());
      auto outputs = (*model)->run({input});
      ASSERT_TRUE(!!outputs) << llvm::toString(outputs.takeError());
      EXPECT_EQ(outputs->front().bytes, expected->front().bytes)
          << name.str() << " on " << target;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, NestShapes, testing::ValuesIn(kShapes),
                         [](const testing::TestParamInfo<Shape> &info) {
                           return info.param.name;
                         });

} // namespace
