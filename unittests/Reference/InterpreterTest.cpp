//===- InterpreterTest.cpp - Each operation on numbers done by hand -------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestModule.h"
#include "qopt/Support/FloatMath.h"

#include <cmath>

using namespace qopt;
using namespace qopt::test;

TEST(Interpreter, MatmulSumsInOrderOfK) {
  // 1 + 2^-24 is 1 in f32, so the order of the sum is visible: from the left
  // every small term is lost.
  TestModule module(R"(
    func.func @f(%a: tensor<1x3xf32>, %b: tensor<3x1xf32>) -> tensor<1x1xf32> {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<1x1xf32>
      %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1xf32>) -> tensor<1x1xf32>
      %r = linalg.matmul ins(%a, %b : tensor<1x3xf32>, tensor<3x1xf32>)
             outs(%i : tensor<1x1xf32>) -> tensor<1x1xf32>
      return %r : tensor<1x1xf32>
    })");
  HostTensor a = floats({1, 3}, {1, 1, 1});
  float small = 0x1p-24f;
  EXPECT_EQ(elements<float>(module.run({a, floats({3, 1}, {1, small, small})})),
            std::vector<float>{1.0f});
  EXPECT_EQ(elements<float>(module.run({a, floats({3, 1}, {small, small, 1})})),
            std::vector<float>{1.0f + 0x1p-23f});
}

TEST(Interpreter, ConvolutionNhwc) {
  TestModule module(R"(
    func.func @f(%x: tensor<1x3x3x2xf32>, %w: tensor<2x2x2x2xf32>, %i: tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32> {
      %r = linalg.conv_2d_nhwc_fhwc {strides = dense<[2, 1]> : tensor<2xi64>, dilations = dense<[2, 1]> : tensor<2xi64>}
             ins(%x, %w : tensor<1x3x3x2xf32>, tensor<2x2x2x2xf32>)
             outs(%i : tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
      return %r : tensor<1x1x2x2xf32>
    })");
  HostTensor x(DType::F32, {1, 3, 3, 2}), w(DType::F32, {2, 2, 2, 2});
  for (int i = 0; i != 18; ++i)
    x.data<float>()[i] = float(i);
  // The first channel sums its window; the second picks the last element of it.
  for (int i = 0; i != 8; ++i)
    w.data<float>()[i] = 1;
  w.data<float>()[15] = 1;
  HostTensor init = floats({1, 1, 2, 2}, {100, 0, 0, 10});
  // Rows 0 and 2 (dilation 2), columns 0, 1 then 1, 2.
  EXPECT_EQ(elements<float>(module.run({x, w, init})),
            (std::vector<float>{100 + 0 + 1 + 2 + 3 + 12 + 13 + 14 + 15, 15,
                                2 + 3 + 4 + 5 + 14 + 15 + 16 + 17, 27}));
}

TEST(Interpreter, IntegerDepthwiseWraps) {
  TestModule module(R"(
    #x = affine_map<(n, y, x, c, kx) -> (n, y, x + kx, c)>
    #w = affine_map<(n, y, x, c, kx) -> (kx, c)>
    #o = affine_map<(n, y, x, c, kx) -> (n, y, x, c)>
    func.func @f(%x: tensor<1x1x3x2xi8>, %w: tensor<2x2xi8>, %i: tensor<1x1x2x2xi32>) -> tensor<1x1x2x2xi32> {
      %r = linalg.generic {indexing_maps = [#x, #w, #o],
          iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
          ins(%x, %w : tensor<1x1x3x2xi8>, tensor<2x2xi8>) outs(%i : tensor<1x1x2x2xi32>) {
      ^bb0(%a: i8, %b: i8, %acc: i32):
        %ae = arith.extui %a : i8 to i32
        %be = arith.extsi %b : i8 to i32
        %p = arith.muli %ae, %be : i32
        %s = arith.addi %acc, %p : i32
        linalg.yield %s : i32
      } -> tensor<1x1x2x2xi32>
      return %r : tensor<1x1x2x2xi32>
    })");
  HostTensor x = bytes({1, 1, 3, 2}, {255, 1, 200, 2, 0, 3});
  HostTensor w = tensorOf<int8_t>(DType::I8, {2, 2}, {-128, 127, 1, -1});
  HostTensor init =
      tensorOf<int32_t>(DType::I32, {1, 1, 2, 2}, {0, 1000, INT32_MIN, 0});
  // The third sum wraps: -2^31 - 25600.
  EXPECT_EQ(elements<int32_t>(module.run({x, w, init})),
            (std::vector<int32_t>{255 * -128 + 200, 1000 + 127 - 2,
                                  INT32_MAX - 25600 + 1, 2 * 127 - 3}));
}

TEST(Interpreter, ElementwiseBodyOverBroadcastOperands) {
  TestModule module(R"(
    #id = affine_map<(d0, d1) -> (d0, d1)>
    #col = affine_map<(d0, d1) -> (d1)>
    #row = affine_map<(d0, d1) -> (d0)>
    func.func @f(%x: tensor<2x3xf32>, %c: tensor<3xf32>, %r: tensor<2xf32>) -> tensor<2x3xf32> {
      %e = tensor.empty() : tensor<2x3xf32>
      %half = arith.constant 0.5 : f32
      %y = linalg.generic {indexing_maps = [#id, #col, #row, #id], iterator_types = ["parallel", "parallel"]}
          ins(%x, %c, %r : tensor<2x3xf32>, tensor<3xf32>, tensor<2xf32>) outs(%e : tensor<2x3xf32>) {
      ^bb0(%a: f32, %b: f32, %d: f32, %o: f32):
        %zero = arith.constant 0.0 : f32
        %0 = arith.mulf %a, %b : f32
        %1 = arith.addf %0, %d : f32
        %2 = arith.cmpf olt, %1, %zero : f32
        %3 = arith.mulf %1, %half : f32
        %4 = arith.select %2, %3, %1 : f32
        linalg.yield %4 : f32
      } -> tensor<2x3xf32>
      return %y : tensor<2x3xf32>
    })");
  EXPECT_EQ(elements<float>(
                module.run({floats({2, 3}, {1, 2, 3, -4, -5, -6}),
                            floats({3}, {1, 10, 100}), floats({2}, {7, 8})})),
            (std::vector<float>{8, 27, 307, 4, -21, -296}));
}

TEST(Interpreter, PoolingAndPadding) {
  TestModule module(R"(
    func.func @f(%x: tensor<1x2x2x1xf32>) -> tensor<1x3x3x1xf32> {
      %low = arith.constant 0xFF800000 : f32
      %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
      ^bb0(%a: index, %b: index, %c: index, %d: index):
        tensor.yield %low : f32
      } : tensor<1x2x2x1xf32> to tensor<1x4x4x1xf32>
      %w = tensor.empty() : tensor<2x2xf32>
      %e = tensor.empty() : tensor<1x3x3x1xf32>
      %i = linalg.fill ins(%low : f32) outs(%e : tensor<1x3x3x1xf32>) -> tensor<1x3x3x1xf32>
      %r = linalg.pooling_nhwc_max ins(%p, %w : tensor<1x4x4x1xf32>, tensor<2x2xf32>)
             outs(%i : tensor<1x3x3x1xf32>) -> tensor<1x3x3x1xf32>
      return %r : tensor<1x3x3x1xf32>
    })");
  EXPECT_EQ(elements<float>(module.run({floats({1, 2, 2, 1}, {-1, 2, 3, -4})})),
            (std::vector<float>{-1, 2, 2, 3, 3, 2, 3, 3, -4}));
}

TEST(Interpreter, Movement) {
  TestModule module(R"(
    func.func @f(%x: tensor<2x3xf32>) -> tensor<7x2xf32> {
      %e = tensor.empty() : tensor<3x2xf32>
      %t = linalg.transpose ins(%x : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
      %s = tensor.extract_slice %x[0, 0] [2, 2] [1, 2] : tensor<2x3xf32> to tensor<2x2xf32>
      %c = tensor.collapse_shape %s [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
      %d = tensor.expand_shape %c [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
      %i = tensor.insert_slice %d into %t[1, 0] [2, 2] [1, 1] : tensor<2x2xf32> into tensor<3x2xf32>
      %j = tensor.concat dim(0) %t, %d, %d : (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<7x2xf32>
      %k = tensor.insert_slice %i into %j[4, 0] [3, 2] [1, 1] : tensor<3x2xf32> into tensor<7x2xf32>
      return %k : tensor<7x2xf32>
    })");
  EXPECT_EQ(elements<float>(module.run({floats({2, 3}, {1, 2, 3, 4, 5, 6})})),
            (std::vector<float>{1, 4, 2, 5, 3, 6, 1, 3, 1, 4, 1, 3, 4, 6}));
}

TEST(Interpreter, NearestResizeByIndices) {
  TestModule module(R"(
    func.func @f(%x: tensor<1x3xf32>) -> tensor<1x6xf32> {
      %e = tensor.empty() : tensor<1x6xf32>
      %two = arith.constant 2 : index
      %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
          outs(%e : tensor<1x6xf32>) {
      ^bb0(%o: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %h = arith.divui %j, %two : index
        %v = tensor.extract %x[%i, %h] : tensor<1x3xf32>
        linalg.yield %v : f32
      } -> tensor<1x6xf32>
      return %r : tensor<1x6xf32>
    })");
  EXPECT_EQ(elements<float>(module.run({floats({1, 3}, {7, 8, 9})})),
            (std::vector<float>{7, 7, 8, 8, 9, 9}));
}

TEST(Interpreter, SoftmaxOfRows) {
  TestModule module(R"(
    func.func @f(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
      %e = tensor.empty() : tensor<2x2xf32>
      %r = linalg.softmax dimension(1) ins(%x : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
      return %r : tensor<2x2xf32>
    })");
  EXPECT_EQ(elements<float>(module.run({floats({2, 2}, {3, 3, 0, -1000})})),
            (std::vector<float>{0.5f, 0.5f, 1.0f, 0.0f}));
}

/// The first element of the softmax of `row`, in which it is 0: the inverse of
/// the sum of exponentials.
static float firstOfSoftmax(std::vector<float> row) {
  row[0] = 0;
  auto size = static_cast<int64_t>(row.size());
  TestModule module(llvm::formatv(R"(
    func.func @f(%x: tensor<1x{0}xf32>) -> tensor<1x{0}xf32> {{
      %e = tensor.empty() : tensor<1x{0}xf32>
      %r = linalg.softmax dimension(1) ins(%x : tensor<1x{0}xf32>) outs(%e : tensor<1x{0}xf32>) -> tensor<1x{0}xf32>
      return %r : tensor<1x{0}xf32>
    })",
                                  size)
                        .str());
  HostTensor input(DType::F32, {1, size});
  llvm::copy(row, input.data<float>().begin());
  return elements<float>(module.run({input}))[0];
}

static float smallExponential(float x) {
  ScalarArith arith;
  float small = expApprox(arith, x);
  EXPECT_EQ(1.0f + small, 1.0f);
  return small;
}

// Elements i with the same i mod 16 are added first: one by one, numbers of 0.7
// times 2^-24 are lost beside 1, two at a time they count.
TEST(Interpreter, SoftmaxAddsPartialSums) {
  float small = smallExponential(-17.0f);
  float sum = 1.0f + small; // of elements 0 and 16
  for (int part = 1; part < 16; ++part)
    sum += small + small;
  ASSERT_GT(sum, 1.0f);
  EXPECT_EQ(firstOfSoftmax(std::vector<float>(32, -17.0f)), 1.0f / sum);
}

// What is left behind the last sixteen comes before the partial sums: four
// times 0.3 times 2^-24, together and before the 1, count.
TEST(Interpreter, SoftmaxBeginsWithTheRest) {
  float small = smallExponential(-17.75f);
  float sum = 1.0f + (small + small + small + small);
  ASSERT_GT(sum, 1.0f);
  std::vector<float> row(20, -200.0f); // whose exponential is 0
  std::fill(row.begin() + 16, row.end(), -17.75f);
  EXPECT_EQ(firstOfSoftmax(row), 1.0f / sum);
}

TEST(Interpreter, IeeeCorners) {
  TestModule module(R"(
    func.func @f(%a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
      %0 = arith.maximumf %a, %b : tensor<4xf32>
      %1 = arith.maxnumf %a, %b : tensor<4xf32>
      %2 = math.fma %a, %a, %b : tensor<4xf32>
      return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
    })");
  float nan = std::nanf("");
  HostTensor a = floats({4}, {nan, -0.0f, 1.0f, 1.0f + 0x1p-12f});
  HostTensor b = floats({4}, {1.0f, 0.0f, nan, -1.0f - 0x1p-11f});
  auto results = interpret(module.function(), {a, b});
  ASSERT_TRUE(bool(results));
  auto maximum = (*results)[0].data<float>();
  auto number = (*results)[1].data<float>();
  EXPECT_TRUE(std::isnan(maximum[0]) && std::isnan(maximum[2]));
  EXPECT_FALSE(std::signbit(maximum[1]));
  EXPECT_EQ(number[0], 1.0f);
  EXPECT_EQ(number[2], 1.0f);
  // (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24, which only one rounding keeps.
  EXPECT_EQ((*results)[2].data<float>()[3], 0x1p-24f);
}

TEST(Interpreter, ConversionsAndBits) {
  TestModule module(R"(
    func.func @f(%x: tensor<3xf32>, %q: tensor<3xi8>) -> (tensor<3xi32>, tensor<3xf32>, tensor<3xf32>, tensor<3xi8>) {
      %magic = arith.constant dense<12582912.0> : tensor<3xf32>
      %bits = arith.constant dense<0x4B400000> : tensor<3xi32>
      %0 = arith.addf %x, %magic : tensor<3xf32>
      %1 = arith.bitcast %0 : tensor<3xf32> to tensor<3xi32>
      %2 = arith.subi %1, %bits : tensor<3xi32>
      %3 = arith.uitofp %q : tensor<3xi8> to tensor<3xf32>
      %4 = arith.sitofp %q : tensor<3xi8> to tensor<3xf32>
      %5 = arith.trunci %2 : tensor<3xi32> to tensor<3xi8>
      return %2, %3, %4, %5 : tensor<3xi32>, tensor<3xf32>, tensor<3xf32>, tensor<3xi8>
    })");
  auto results =
      interpret(module.function(), {floats({3}, {0.5f, -1.5f, 300.4f}),
                                    bytes({3}, {255, 128, 1})});
  ASSERT_TRUE(bool(results));
  EXPECT_EQ(elements<int32_t>((*results)[0]),
            (std::vector<int32_t>{0, -2, 300}));
  EXPECT_EQ(elements<float>((*results)[1]), (std::vector<float>{255, 128, 1}));
  EXPECT_EQ(elements<float>((*results)[2]), (std::vector<float>{-1, -128, 1}));
  EXPECT_EQ(elements<int8_t>((*results)[3]), (std::vector<int8_t>{0, -2, 44}));
}

TEST(Interpreter, QuantizeAndRequantize) {
  TestModule module(R"(
    func.func @f(%x: tensor<1x4xf32>, %acc: tensor<1x4xi32>) -> (tensor<1x4xi8>, tensor<1x4xi8>) {
      %s = arith.constant dense<0.5> : tensor<f32>
      %z = arith.constant dense<3> : tensor<i32>
      %m0 = arith.constant dense<[0.5, 0.25, 1.0, 0.5]> : tensor<4xf32>
      %m1 = arith.constant dense<2.0> : tensor<f32>
      %e = tensor.empty() : tensor<1x4xi8>
      %q = qopt.quantize ins(%x, %s, %z : tensor<1x4xf32>, tensor<f32>, tensor<i32>)
             outs(%e : tensor<1x4xi8>) range [0, 255] params affine_map<(d0, d1) -> ()> -> tensor<1x4xi8>
      %r = qopt.requantize ins(%acc, %q : tensor<1x4xi32>, tensor<1x4xi8>)
             multipliers(%m0, %m1 : tensor<4xf32>, tensor<f32>)
             outs(%e : tensor<1x4xi8>) range [0, 255] zero_point 10
             {input_zero_points = array<i32: 0, 3>, unsigned_inputs = array<i1: false, true>,
              params = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> ()>]} -> tensor<1x4xi8>
      return %q, %r : tensor<1x4xi8>, tensor<1x4xi8>
    })");
  auto results =
      interpret(module.function(),
                {floats({1, 4}, {0.25f, 0.75f, -10.0f, 1e30f}),
                 tensorOf<int32_t>(DType::I32, {1, 4}, {5, 10, -7, 1})});
  ASSERT_TRUE(bool(results));
  // 0.5 rounds to 0 and 1.5 to 2.
  EXPECT_EQ(elements<uint8_t>((*results)[0]),
            (std::vector<uint8_t>{3, 5, 0, 255}));
  // 2.5 + 0; 2.5 + 4 = 6.5 -> 6; -7 - 6 = -13, clamped; saturated above.
  EXPECT_EQ(elements<uint8_t>((*results)[1]),
            (std::vector<uint8_t>{12, 16, 0, 255}));
}

TEST(Interpreter, LookupSignedAndUnsigned) {
  TestModule module(R"(
    func.func @f(%q: tensor<3xi4>, %t: tensor<16xf32>, %p: tensor<3x16xi8>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xi8>) {
      %e = tensor.empty() : tensor<3xf32>
      %b = tensor.empty() : tensor<3xi8>
      %0 = qopt.lookup ins(%q, %t : tensor<3xi4>, tensor<16xf32>) outs(%e : tensor<3xf32>)
             params affine_map<(d0) -> ()> -> tensor<3xf32>
      %1 = qopt.lookup ins(%q, %t : tensor<3xi4>, tensor<16xf32>) outs(%e : tensor<3xf32>)
             unsigned params affine_map<(d0) -> ()> -> tensor<3xf32>
      %2 = qopt.lookup ins(%q, %p : tensor<3xi4>, tensor<3x16xi8>) outs(%b : tensor<3xi8>)
             unsigned params affine_map<(d0) -> (d0)> -> tensor<3xi8>
      return %0, %1, %2 : tensor<3xf32>, tensor<3xf32>, tensor<3xi8>
    })");
  HostTensor table(DType::F32, {16}), perChannel(DType::I8, {3, 16});
  for (int i = 0; i != 16; ++i)
    table.data<float>()[i] = float(i * i);
  for (int i = 0; i != 48; ++i)
    perChannel.data<int8_t>()[i] = int8_t(i);
  auto results = interpret(
      module.function(),
      {tensorOf<int8_t>(DType::I8, {3}, {-8, -1, 7}), table, perChannel});
  ASSERT_TRUE(bool(results));
  EXPECT_EQ(elements<float>((*results)[0]), (std::vector<float>{0, 49, 225}));
  EXPECT_EQ(elements<float>((*results)[1]), (std::vector<float>{64, 225, 49}));
  EXPECT_EQ(elements<int8_t>((*results)[2]), (std::vector<int8_t>{8, 31, 39}));
}

TEST(Interpreter, DequantizePerGroupOfI4) {
  TestModule module(R"(
    func.func @f() -> tensor<1x4xf32> {
      %w = arith.constant dense<[[-7, 7, 1, -8]]> : tensor<1x4xi4>
      %s = arith.constant dense<[[0.5, 2.0]]> : tensor<1x2xf32>
      %z = arith.constant dense<[[0, 1]]> : tensor<1x2xi32>
      %e = tensor.empty() : tensor<1x4xf32>
      %r = qopt.dequantize ins(%w, %s, %z : tensor<1x4xi4>, tensor<1x2xf32>, tensor<1x2xi32>)
             outs(%e : tensor<1x4xf32>) params affine_map<(d0, d1) -> (d0, d1 floordiv 2)> -> tensor<1x4xf32>
      return %r : tensor<1x4xf32>
    })");
  EXPECT_EQ(elements<float>(module.run({})),
            (std::vector<float>{-3.5, 3.5, 0, -18}));
}

TEST(Interpreter, PackAndUnpackAreInverse) {
  TestModule module(R"(
    func.func @f(%w: tensor<4xi4>) -> (tensor<2xi8>, tensor<4xi4>) {
      %p = qopt.pack %w : tensor<4xi4> -> tensor<2xi8>
      %u = qopt.unpack %p : tensor<2xi8> -> tensor<4xi4>
      return %p, %u : tensor<2xi8>, tensor<4xi4>
    })");
  HostTensor w = tensorOf<int8_t>(DType::I8, {4}, {-7, 7, 1, -8});
  auto results = interpret(module.function(), {w});
  ASSERT_TRUE(bool(results));
  EXPECT_EQ(elements<uint8_t>((*results)[0]),
            (std::vector<uint8_t>{0x79, 0x81}));
  EXPECT_EQ(elements<int8_t>((*results)[1]), elements<int8_t>(w));
}

TEST(Interpreter, ObserveReportsAndPassesThrough) {
  TestModule module(R"(
    func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
      %0 = qopt.observe %x {edge = "in", axis = 0 : i64} : tensor<2xf32> -> tensor<2xf32>
      return %0 : tensor<2xf32>
    })");
  InterpretOptions options;
  std::vector<std::string> edges;
  options.observe = [&](llvm::StringRef edge, std::optional<int64_t> axis,
                        const HostTensor &value) {
    edges.push_back(edge.str() + std::to_string(*axis) +
                    std::to_string(value.numElements()));
  };
  EXPECT_EQ(elements<float>(module.run({floats({2}, {1, 2})}, options)),
            (std::vector<float>{1, 2}));
  EXPECT_EQ(edges, std::vector<std::string>{"in02"});
}

TEST(Interpreter, ErrorsNameTheOperation) {
  TestModule unknown(R"(
    func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
      %0 = math.sin %x : tensor<2xf32> loc("node7")
      return %0 : tensor<2xf32>
    })");
  EXPECT_EQ(unknown.error({floats({2}, {1, 2})}),
            "\"node7\": the reference interpreter does not know 'math.sin'");
  EXPECT_NE(unknown.error({floats({3}, {1, 2, 3})})
                .find("input 0: expected 2xf32, got 3xf32"),
            std::string::npos);
  EXPECT_NE(unknown.error({}).find("expects 1 inputs, got 0"),
            std::string::npos);

  TestModule division(R"(
    func.func @f(%x: tensor<1xi32>) -> tensor<1xi32> {
      %z = arith.constant dense<0> : tensor<1xi32>
      %0 = arith.divsi %x, %z : tensor<1xi32> loc("div")
      return %0 : tensor<1xi32>
    })");
  EXPECT_EQ(division.error({tensorOf<int32_t>(DType::I32, {1}, {1})}),
            "\"div\": division by zero or overflow");
}
