//===- LinearFormTest.cpp - The rules of linear forms, one test each ------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every case has inputs for which the right answer differs from that of naive
// float evaluation, or from another reading of the rule, so a rule that is not
// applied is seen.
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"
#include "qopt/Support/QuantMath.h"

using namespace qopt;
using namespace qopt::test;

namespace {

/// A function body on `%q: tensor<1x4xi8>` and others, with the definitions
/// that all cases share; `signature` is "(arguments) -> results".
std::string linear(llvm::StringRef signature, llvm::StringRef body) {
  return ("#id = affine_map<(d0, d1) -> (d0, d1)>\n"
          "#one = affine_map<(d0, d1) -> ()>\n"
          "#col = affine_map<(d0, d1) -> (d1)>\n"
          "func.func @f" +
          signature + " attributes {qopt.linear_forms} {\n" + R"(
      %z0 = arith.constant dense<0> : tensor<i32>
      %z3 = arith.constant dense<3> : tensor<i32>
      %tenth = arith.constant dense<0.1> : tensor<f32>
      %third = arith.constant dense<0.333333343> : tensor<f32>
      %zero = arith.constant 0.0 : f32
      %e4 = tensor.empty() : tensor<1x4xf32>
      %e4q = tensor.empty() : tensor<1x4xi8>
      )" + body +
          "\n}")
      .str();
}

/// f(I) = value of a form with one term, as the contract says.
float materialized(int32_t integer, double scale) {
  return float(integer) * float(scale);
}

HostTensor naive(TestModule &module, llvm::ArrayRef<HostTensor> inputs) {
  InterpretOptions options;
  options.linearForms = false;
  return module.run(inputs, options);
}

/// All u8 values, four at a time, as inputs of shape 1x4.
std::vector<HostTensor> allBytes() {
  std::vector<HostTensor> inputs;
  for (int first = 0; first != 256; first += 4)
    inputs.push_back(bytes({1, 4}, {uint8_t(first), uint8_t(first + 1),
                                    uint8_t(first + 2), uint8_t(first + 3)}));
  return inputs;
}

} // namespace

// (a * b) * c with scalar constants: the scales multiply in double and are
// rounded once, where float evaluation rounds after each product.
TEST(LinearForm, ScalesMultiplyInDouble) {
  TestModule module(linear("(%q: tensor<1x4xi8>) -> tensor<1x4xf32>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<1x4xf32>) outs(%e4 : tensor<1x4xf32>) {
      ^bb0(%a: f32, %o: f32):
        %c = arith.constant 0.142857149 : f32
        %p = arith.mulf %a, %c : f32
        linalg.yield %p : f32
      } -> tensor<1x4xf32>
      return %y : tensor<1x4xf32>)"));
  bool differs = false;
  for (const HostTensor &q : allBytes()) {
    HostTensor got = module.run(q), plain = naive(module, q);
    for (int i = 0; i != 4; ++i) {
      EXPECT_EQ(got.data<float>()[i],
                materialized(q.bytes[i] - 3, double(0.1f) * 0.142857149f));
      differs |= got.data<float>()[i] != plain.data<float>()[i];
    }
  }
  EXPECT_TRUE(differs);
}

// x + y - x: three terms, summed in order; subtraction negates scales.
TEST(LinearForm, AdditionJoinsTermsInOrder) {
  TestModule module(
      linear("(%q: tensor<1x4xi8>, %r: tensor<1x4xi8>) -> tensor<1x4xi8>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %y = qopt.dequantize ins(%r, %third, %z0 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) params #one -> tensor<1x4xf32>
      %d = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x, %y : tensor<1x4xf32>, tensor<1x4xf32>) outs(%e4 : tensor<1x4xf32>) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %s = arith.subf %a, %b : f32
        linalg.yield %s : f32
      } -> tensor<1x4xf32>
      %s = arith.constant dense<0.2> : tensor<f32>
      %o = qopt.quantize ins(%d, %s, %z3 : tensor<1x4xf32>, tensor<f32>, tensor<i32>)
             outs(%e4q : tensor<1x4xi8>) range [0, 255] params #one -> tensor<1x4xi8>
      return %o : tensor<1x4xi8>)"));
  bool differs = false;
  for (const HostTensor &q : allBytes())
    for (int shift = 0; shift < 256; shift += 5) {
      HostTensor r = q;
      for (uint8_t &byte : r.bytes)
        byte = uint8_t(byte * 7 + shift);
      HostTensor got = module.run({q, r}), plain = naive(module, {q, r});
      float m0 = requantizeMultiplier(0.1f, 0.2f);
      float m1 = requantizeMultiplier(-double(0.333333343f), 0.2f);
      for (int i = 0; i != 4; ++i) {
        float real = float(q.bytes[i] - 3) * m0;
        real = real + float(int8_t(r.bytes[i])) * m1;
        EXPECT_EQ(got.bytes[i], roundToStorage(real, 3, 0, 255));
        differs |= got.bytes[i] != plain.bytes[i];
      }
    }
  EXPECT_TRUE(differs);
}

// A product of two activations is one i32 product with one scale.
TEST(LinearForm, MultiplicationOfForms) {
  TestModule module(
      linear("(%q: tensor<1x4xi8>, %c: tensor<4xi8>) -> tensor<1x4xf32>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %e = tensor.empty() : tensor<4xf32>
      %sw = arith.constant dense<[0.1, 0.2, 0.3, 0.7]> : tensor<4xf32>
      %zw = arith.constant dense<0> : tensor<4xi32>
      %w = qopt.dequantize ins(%c, %sw, %zw : tensor<4xi8>, tensor<4xf32>, tensor<4xi32>)
             outs(%e : tensor<4xf32>) params affine_map<(d0) -> (d0)> -> tensor<4xf32>
      %p = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x, %w : tensor<1x4xf32>, tensor<4xf32>) outs(%e4 : tensor<1x4xf32>) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %s = arith.mulf %a, %b : f32
        linalg.yield %s : f32
      } -> tensor<1x4xf32>
      return %p : tensor<1x4xf32>)"));
  HostTensor c = tensorOf<int8_t>(DType::I8, {4}, {-127, 127, 55, 3});
  float scales[] = {0.1f, 0.2f, 0.3f, 0.7f};
  bool differs = false;
  for (const HostTensor &q : allBytes()) {
    HostTensor got = module.run({q, c}), plain = naive(module, {q, c});
    for (int i = 0; i != 4; ++i) {
      EXPECT_EQ(got.data<float>()[i],
                materialized((q.bytes[i] - 3) * c.data<int8_t>()[i],
                             double(0.1f) * scales[i]));
      differs |= got.data<float>()[i] != plain.data<float>()[i];
    }
  }
  EXPECT_TRUE(differs);
}

// A contraction accumulates in i32 from the bias, and the clamp that follows is
// one of integers. The bias has the product's scale, rounded to f32.
TEST(LinearForm, ContractionBiasClampQuantize) {
  TestModule module(
      linear("(%q: tensor<1x4xi8>, %w: tensor<4x2xi8>) -> tensor<1x2xi8>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %ew = tensor.empty() : tensor<4x2xf32>
      %sw = arith.constant dense<[0.037, 0.0031]> : tensor<2xf32>
      %zw = arith.constant dense<0> : tensor<2xi32>
      %wf = qopt.dequantize ins(%w, %sw, %zw : tensor<4x2xi8>, tensor<2xf32>, tensor<2xi32>)
             outs(%ew : tensor<4x2xf32>) params #col -> tensor<4x2xf32>
      %b = arith.constant dense<[123456, -777]> : tensor<2xi32>
      %sb = arith.constant dense<[0.0037, 3.1e-4]> : tensor<2xf32>
      %eb = tensor.empty() : tensor<2xf32>
      %bf = qopt.dequantize ins(%b, %sb, %zw : tensor<2xi32>, tensor<2xf32>, tensor<2xi32>)
             outs(%eb : tensor<2xf32>) params affine_map<(d0) -> (d0)> -> tensor<2xf32>
      %e2 = tensor.empty() : tensor<1x2xf32>
      %init = linalg.broadcast ins(%bf : tensor<2xf32>) outs(%e2 : tensor<1x2xf32>) dimensions = [0]
      %y = linalg.matmul ins(%x, %wf : tensor<1x4xf32>, tensor<4x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
      %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%y : tensor<1x2xf32>) outs(%e2 : tensor<1x2xf32>) {
      ^bb0(%a: f32, %o: f32):
        %six = arith.constant 460.0 : f32
        %lo = arith.maximumf %a, %zero : f32
        %hi = arith.minimumf %lo, %six : f32
        linalg.yield %hi : f32
      } -> tensor<1x2xf32>
      %s = arith.constant dense<2.0> : tensor<f32>
      %e2q = tensor.empty() : tensor<1x2xi8>
      %o = qopt.quantize ins(%r, %s, %z3 : tensor<1x2xf32>, tensor<f32>, tensor<i32>)
             outs(%e2q : tensor<1x2xi8>) range [0, 255] params #one -> tensor<1x2xi8>
      return %o : tensor<1x2xi8>)"));
  // The constants below must be what the rule compares.
  ASSERT_TRUE(isBiasScale(0.0037f, double(0.1f) * double(0.037f)));
  ASSERT_TRUE(isBiasScale(3.1e-4f, double(0.1f) * double(0.0031f)));
  HostTensor w =
      tensorOf<int8_t>(DType::I8, {4, 2}, {127, -1, -127, 90, 5, 127, 2, -127});
  float weightScales[] = {0.037f, 0.0031f};
  int32_t bias[] = {123456, -777};
  for (const HostTensor &q : allBytes()) {
    HostTensor got = module.run({q, w});
    for (int c = 0; c != 2; ++c) {
      int32_t acc = bias[c];
      for (int k = 0; k != 4; ++k)
        acc += (q.bytes[k] - 3) * w.data<int8_t>()[2 * k + c];
      float m = requantizeMultiplier(double(0.1f) * weightScales[c], 2.0);
      // relu gives the zero point, the upper clamp 460 / 2 + 3.
      EXPECT_EQ(got.bytes[c], roundToStorage(float(acc) * m, 3, 3, 233));
    }
  }
}

// Two activations, of which neither is a weight, are multiplied in float.
TEST(LinearForm, ProductOfActivationsMaterializes) {
  TestModule module(linear("(%q: tensor<1x4xi8>) -> tensor<1x1xf32>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z0 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %et = tensor.empty() : tensor<4x1xf32>
      %t = linalg.transpose ins(%x : tensor<1x4xf32>) outs(%et : tensor<4x1xf32>) permutation = [1, 0]
      %e1 = tensor.empty() : tensor<1x1xf32>
      %init = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x1xf32>) -> tensor<1x1xf32>
      %y = linalg.matmul ins(%x, %t : tensor<1x4xf32>, tensor<4x1xf32>) outs(%init : tensor<1x1xf32>) -> tensor<1x1xf32>
      return %y : tensor<1x1xf32>)"));
  for (const HostTensor &q : allBytes())
    EXPECT_EQ(module.run({q}).data<float>()[0],
              naive(module, {q}).data<float>()[0]);
}

// A bias in another scale does not start the accumulator: everything is float.
TEST(LinearForm, ForeignBiasMaterializes) {
  TestModule module(
      linear("(%q: tensor<1x4xi8>, %w: tensor<4x1xi8>) -> tensor<1x1xf32>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %ew = tensor.empty() : tensor<4x1xf32>
      %wf = qopt.dequantize ins(%w, %third, %z0 : tensor<4x1xi8>, tensor<f32>, tensor<i32>)
             outs(%ew : tensor<4x1xf32>) params #one -> tensor<4x1xf32>
      %init = arith.constant dense<0.3> : tensor<1x1xf32>
      %y = linalg.matmul ins(%x, %wf : tensor<1x4xf32>, tensor<4x1xf32>) outs(%init : tensor<1x1xf32>) -> tensor<1x1xf32>
      return %y : tensor<1x1xf32>)"));
  HostTensor w = tensorOf<int8_t>(DType::I8, {4, 1}, {127, -127, 5, 2});
  for (const HostTensor &q : allBytes())
    EXPECT_EQ(module.run({q, w}).data<float>()[0],
              naive(module, {q, w}).data<float>()[0]);
}

// Weights with a scale per group of two along k: an i32 sum per group, summed
// in float from the first group's product, then the bias.
TEST(LinearForm, GroupedWeights) {
  TestModule module(
      linear("(%q: tensor<1x4xi8>, %w: tensor<4x2xi8>) -> tensor<1x2xf32>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %ew = tensor.empty() : tensor<4x2xf32>
      %sw = arith.constant dense<[[0.037, 0.0031], [0.41, 0.53]]> : tensor<2x2xf32>
      %zw = arith.constant dense<0> : tensor<2x2xi32>
      %wf = qopt.dequantize ins(%w, %sw, %zw : tensor<4x2xi8>, tensor<2x2xf32>, tensor<2x2xi32>)
             outs(%ew : tensor<4x2xf32>) params affine_map<(d0, d1) -> (d0 floordiv 2, d1)> -> tensor<4x2xf32>
      %init = arith.constant dense<[[0.7, -0.9]]> : tensor<1x2xf32>
      %y = linalg.matmul ins(%x, %wf : tensor<1x4xf32>, tensor<4x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
      return %y : tensor<1x2xf32>)"));
  HostTensor w =
      tensorOf<int8_t>(DType::I8, {4, 2}, {7, -1, -7, 5, 5, 3, 2, -7});
  float scales[2][2] = {{0.037f, 0.0031f}, {0.41f, 0.53f}};
  float bias[] = {0.7f, -0.9f};
  bool differs = false;
  for (const HostTensor &q : allBytes()) {
    HostTensor got = module.run({q, w}), plain = naive(module, {q, w});
    for (int c = 0; c != 2; ++c) {
      float sum = 0;
      for (int g = 0; g != 2; ++g) {
        int32_t acc = 0;
        for (int k = 2 * g; k != 2 * g + 2; ++k)
          acc += (q.bytes[k] - 3) * w.data<int8_t>()[2 * k + c];
        float product = float(acc) * float(double(0.1f) * scales[g][c]);
        sum = g == 0 ? product : sum + product;
      }
      EXPECT_EQ(got.data<float>()[c], sum + bias[c]);
      differs |= got.data<float>()[c] != plain.data<float>()[c];
    }
  }
  EXPECT_TRUE(differs);
}

// An average is an integer sum with the scale times 1/count.
TEST(LinearForm, SumThenScale) {
  TestModule module(linear("(%q: tensor<1x4xi8>) -> tensor<1xi8>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %e1 = tensor.empty() : tensor<1xf32>
      %i = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1xf32>) -> tensor<1xf32>
      %s = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
          ins(%x : tensor<1x4xf32>) outs(%i : tensor<1xf32>) {
      ^bb0(%a: f32, %o: f32):
        %t = arith.addf %o, %a : f32
        linalg.yield %t : f32
      } -> tensor<1xf32>
      %m = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
          ins(%s : tensor<1xf32>) outs(%e1 : tensor<1xf32>) {
      ^bb0(%a: f32, %o: f32):
        %c = arith.constant 0.25 : f32
        %t = arith.mulf %a, %c : f32
        linalg.yield %t : f32
      } -> tensor<1xf32>
      %e1q = tensor.empty() : tensor<1xi8>
      %o = qopt.quantize ins(%m, %tenth, %z3 : tensor<1xf32>, tensor<f32>, tensor<i32>)
             outs(%e1q : tensor<1xi8>) range [0, 255] params affine_map<(d0) -> ()> -> tensor<1xi8>
      return %o : tensor<1xi8>)"));
  // 0 + 1 + 0 + 1 over 4 is exactly 0.5, which rounds to even; in float,
  // 0.1 + 0.1 over 0.1 is, too, but (12 + 0 + 2 + 4 - 4*3) / 4 = 1.5 is not.
  bool differs = false;
  for (int a = 0; a < 256; a += 3)
    for (int b = 0; b < 256; b += 17) {
      HostTensor q = bytes({1, 4}, {uint8_t(a), uint8_t(b), 3, 5});
      int32_t sum = a + b + 8 - 12;
      HostTensor got = module.run(q);
      EXPECT_EQ(got.bytes[0], roundToStorage(float(sum) * 0.25f, 3, 0, 255));
      differs |= got.bytes[0] != naive(module, q).bytes[0];
    }
  EXPECT_TRUE(differs);
}

// Max pooling over padding by -inf keeps integers; a slice, a transposition and
// a concatenation move them.
TEST(LinearForm, MaxPoolingAndMovementKeepIntegers) {
  TestModule module(R"(
    func.func @f(%q: tensor<1x2x2x1xi8>) -> tensor<1x6x3x1xi8> attributes {qopt.linear_forms} {
      %s = arith.constant dense<0.1> : tensor<f32>
      %z = arith.constant dense<200> : tensor<i32>
      %low = arith.constant 0xFF800000 : f32
      %e = tensor.empty() : tensor<1x2x2x1xf32>
      %x = qopt.dequantize ins(%q, %s, %z : tensor<1x2x2x1xi8>, tensor<f32>, tensor<i32>)
             outs(%e : tensor<1x2x2x1xf32>) unsigned params affine_map<(d0, d1, d2, d3) -> ()> -> tensor<1x2x2x1xf32>
      %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
      ^bb0(%a: index, %b: index, %c: index, %d: index):
        tensor.yield %low : f32
      } : tensor<1x2x2x1xf32> to tensor<1x4x4x1xf32>
      %w = tensor.empty() : tensor<2x2xf32>
      %e3 = tensor.empty() : tensor<1x3x3x1xf32>
      %i = linalg.fill ins(%low : f32) outs(%e3 : tensor<1x3x3x1xf32>) -> tensor<1x3x3x1xf32>
      %m = linalg.pooling_nhwc_max ins(%p, %w : tensor<1x4x4x1xf32>, tensor<2x2xf32>)
             outs(%i : tensor<1x3x3x1xf32>) -> tensor<1x3x3x1xf32>
      %t = linalg.transpose ins(%m : tensor<1x3x3x1xf32>) outs(%e3 : tensor<1x3x3x1xf32>) permutation = [0, 2, 1, 3]
      %k = tensor.concat dim(1) %m, %t : (tensor<1x3x3x1xf32>, tensor<1x3x3x1xf32>) -> tensor<1x6x3x1xf32>
      %eq = tensor.empty() : tensor<1x6x3x1xi8>
      %o = qopt.quantize ins(%k, %s, %z : tensor<1x6x3x1xf32>, tensor<f32>, tensor<i32>)
             outs(%eq : tensor<1x6x3x1xi8>) range [0, 255] params affine_map<(d0, d1, d2, d3) -> ()> -> tensor<1x6x3x1xi8>
      return %o : tensor<1x6x3x1xi8>
    })");
  EXPECT_EQ(elements<uint8_t>(module.run(bytes({1, 2, 2, 1}, {1, 255, 7, 0}))),
            (std::vector<uint8_t>{1, 255, 255, 7, 255, 255, 7, 7, 0, //
                                  1, 7, 7, 255, 255, 7, 255, 255, 0}));
}

// In fixed point the softmax of an edge is integers in steps of 2^-16; without
// it, or where more than 8 bits come in, it is that of floats.
TEST(LinearForm, SoftmaxInFixedPoint) {
  auto source = [](llvm::StringRef operations) {
    return linear("(%q: tensor<1x4xi8>) -> tensor<1x4xf32>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>) outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      )" + operations.str());
  };
  std::string softmax = source(R"(
      %y = linalg.softmax dimension(1) ins(%x : tensor<1x4xf32>) outs(%e4 : tensor<1x4xf32>) -> tensor<1x4xf32>
      return %y : tensor<1x4xf32>)");
  std::string summed = source(R"(
      %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %x : tensor<1x4xf32>, tensor<1x4xf32>) outs(%e4 : tensor<1x4xf32>) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %p = arith.mulf %a, %b : f32
        linalg.yield %p : f32
      } -> tensor<1x4xf32>
      %y = linalg.softmax dimension(1) ins(%s : tensor<1x4xf32>) outs(%e4 : tensor<1x4xf32>) -> tensor<1x4xf32>
      return %y : tensor<1x4xf32>)");
  auto inFixedPoint = [](std::string text) {
    size_t at = text.find("qopt.linear_forms");
    return text.insert(at, "qopt.fixed_point, ");
  };
  HostTensor codes = bytes({1, 4}, {50, 53, 51, 52});
  std::vector<int32_t> table = softmaxTable(0.1f, 4);
  int32_t sum = table[3] + table[0] + table[2] + table[1];

  TestModule fixed(inFixedPoint(softmax));
  HostTensor got = fixed.run({codes});
  llvm::ArrayRef<float> values = got.data<float>();
  const int distances[] = {3, 0, 2, 1};
  for (int i = 0; i != 4; ++i)
    EXPECT_EQ(values[i],
              materialized(softmaxQuotient(table[distances[i]], sum), 0x1p-16));

  for (const std::string &text : {softmax, inFixedPoint(summed)}) {
    TestModule module(text);
    HostTensor real = module.run({codes});
    float last = real.data<float>()[3];
    EXPECT_NE(std::ldexp(last, 16), std::floor(std::ldexp(last, 16)));
  }
}

// Integers of different zero points, 510 apart, are joined; their softmax is
// that of reals.
TEST(LinearForm, SoftmaxOfSeveralZeroPoints) {
  std::string text = linear("(%q: tensor<1x4xi8>) -> tensor<1x8xf32>", R"(
      %z255 = arith.constant dense<255> : tensor<i32>
      %e8 = tensor.empty() : tensor<1x8xf32>
      %x = qopt.dequantize ins(%q, %tenth, %z0 : tensor<1x4xi8>, tensor<f32>, tensor<i32>) outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %y = qopt.dequantize ins(%q, %tenth, %z255 : tensor<1x4xi8>, tensor<f32>, tensor<i32>) outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %c = tensor.concat dim(1) %x, %y : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
      %r = linalg.softmax dimension(1) ins(%c : tensor<1x8xf32>) outs(%e8 : tensor<1x8xf32>) -> tensor<1x8xf32>
      return %r : tensor<1x8xf32>)");
  HostTensor codes = bytes({1, 4}, {0, 255, 254, 253});
  TestModule real(text);
  text.insert(text.find("qopt.linear_forms"), "qopt.fixed_point, ");
  TestModule fixed(text);
  EXPECT_EQ(elements<float>(fixed.run({codes})),
            elements<float>(real.run({codes})));
}

// A unary chain runs in float on the materialized value.
TEST(LinearForm, UnaryChainMaterializesFirst) {
  TestModule module(linear("(%q: tensor<1x4xi8>) -> tensor<1x4xf32>", R"(
      %x = qopt.dequantize ins(%q, %tenth, %z3 : tensor<1x4xi8>, tensor<f32>, tensor<i32>)
             outs(%e4 : tensor<1x4xf32>) unsigned params #one -> tensor<1x4xf32>
      %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<1x4xf32>) outs(%e4 : tensor<1x4xf32>) {
      ^bb0(%a: f32, %o: f32):
        %t = math.tanh %a : f32
        %u = arith.mulf %t, %a : f32
        linalg.yield %u : f32
      } -> tensor<1x4xf32>
      return %y : tensor<1x4xf32>)"));
  for (const HostTensor &q : allBytes())
    EXPECT_EQ(elements<float>(module.run(q)),
              elements<float>(naive(module, q)));
}

// Scales per channel follow their dimension through a transposition, and a
// quantize then sees one multiplier per channel.
TEST(LinearForm, ChannelScalesFollowTransposition) {
  TestModule module(linear("(%q: tensor<2x4xi8>) -> tensor<4x2xi8>", R"(
      %e = tensor.empty() : tensor<2x4xf32>
      %sc = arith.constant dense<[0.1, 0.2, 0.3, 0.7]> : tensor<4xf32>
      %zc = arith.constant dense<0> : tensor<4xi32>
      %x = qopt.dequantize ins(%q, %sc, %zc : tensor<2x4xi8>, tensor<4xf32>, tensor<4xi32>)
             outs(%e : tensor<2x4xf32>) params #col -> tensor<2x4xf32>
      %et = tensor.empty() : tensor<4x2xf32>
      %t = linalg.transpose ins(%x : tensor<2x4xf32>) outs(%et : tensor<4x2xf32>) permutation = [1, 0]
      %eq = tensor.empty() : tensor<4x2xi8>
      %o = qopt.quantize ins(%t, %third, %z0 : tensor<4x2xf32>, tensor<f32>, tensor<i32>)
             outs(%eq : tensor<4x2xi8>) range [-128, 127] params #one -> tensor<4x2xi8>
      return %o : tensor<4x2xi8>)"));
  float scales[] = {0.1f, 0.2f, 0.3f, 0.7f};
  for (int v = -128; v != 128; ++v) {
    HostTensor q(DType::I8, {2, 4});
    for (int i = 0; i != 8; ++i)
      q.data<int8_t>()[i] = int8_t(v + i);
    HostTensor got = module.run(q);
    for (int c = 0; c != 4; ++c)
      for (int r = 0; r != 2; ++r)
        EXPECT_EQ(
            got.data<int8_t>()[c * 2 + r],
            roundToStorage(float(q.data<int8_t>()[r * 4 + c]) *
                               requantizeMultiplier(scales[c], 0.333333343f),
                           0, -128, 127));
  }
}
