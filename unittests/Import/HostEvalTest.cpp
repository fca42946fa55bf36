//===- HostEvalTest.cpp - Operations on tensors known at import -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEval.h"

#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <limits>

using namespace llvm;
using namespace qopt;
using namespace qopt::onnximport;

/// 0, 1, 2, ... as i64.
static HostTensor iota(ArrayRef<int64_t> shape) {
  HostTensor tensor(DType::I64, shape);
  for (auto [i, element] : enumerate(tensor.data<int64_t>()))
    element = int64_t(i);
  return tensor;
}

static std::vector<int64_t> ints(const HostTensor &tensor) {
  return tensor.data<int64_t>().vec();
}

TEST(HostEval, Transpose) {
  HostTensor result = hostTranspose(iota({2, 3, 4}), {2, 0, 1});
  ASSERT_EQ(ArrayRef<int64_t>(result.shape), ArrayRef<int64_t>({4, 2, 3}));
  for (int64_t a = 0; a < 2; ++a)
    for (int64_t b = 0; b < 3; ++b)
      for (int64_t c = 0; c < 4; ++c)
        EXPECT_EQ(ints(result)[c * 6 + a * 3 + b], a * 12 + b * 4 + c);
}

TEST(HostEval, GatherAndConcat) {
  HostTensor input = iota({2, 3});
  EXPECT_EQ(ints(hostGather(input, 1, {2, 0, 0})),
            (std::vector<int64_t>{2, 0, 0, 5, 3, 3}));
  EXPECT_EQ(ints(hostGather(input, 0, {1})), (std::vector<int64_t>{3, 4, 5}));
  HostTensor none = hostGather(input, 1, {});
  EXPECT_EQ(none.numElements(), 0);
  EXPECT_EQ(ints(hostConcat({&input, &none, &input}, 1)),
            (std::vector<int64_t>{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
}

TEST(HostEval, Broadcast) {
  auto shape = broadcastShapes({2, 1, 3}, {4, 1});
  ASSERT_TRUE(shape);
  EXPECT_EQ(ArrayRef<int64_t>(*shape), ArrayRef<int64_t>({2, 4, 3}));
  EXPECT_FALSE(broadcastShapes({2}, {3}));
  EXPECT_EQ(ints(hostBroadcast(iota({2, 1}), {2, 2, 2})),
            (std::vector<int64_t>{0, 0, 1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(ints(hostBroadcast(iota({}), {3})),
            (std::vector<int64_t>{0, 0, 0}));
}

TEST(HostEval, Cast) {
  HostTensor halves(DType::F16, ArrayRef<int64_t>{2});
  halves.data<uint16_t>()[0] = 0x3E00; // 1.5
  halves.data<uint16_t>()[1] = 0xC000; // -2
  EXPECT_EQ(hostCast(halves, DType::F32)->data<float>().vec(),
            (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(ints(*hostCast(halves, DType::I64)), (std::vector<int64_t>{1, -2}));
  EXPECT_EQ(hostCast(*hostCast(halves, DType::F64), DType::F16)->bytes,
            halves.bytes);
  HostTensor values = makeFloatTensor({3}, {0.0f, -0.5f, 300.0f});
  EXPECT_EQ(hostCast(values, DType::Bool)->bytes,
            (std::vector<uint8_t>{0, 1, 1}));
  EXPECT_EQ(hostCast(iota({300}), DType::I8)->data<int8_t>()[299], 43);

  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(hostCast(makeFloatTensor({1}, {kNaN}), DType::I64));
  EXPECT_FALSE(hostCast(makeFloatTensor({1}, {1e30f}), DType::I32));
  EXPECT_TRUE(hostCast(makeFloatTensor({1}, {kNaN}), DType::F64));
}

TEST(HostEval, Elementwise) {
  auto divide = [](ArrayRef<int64_t> x) -> std::optional<int64_t> {
    if (x[1] == 0)
      return std::nullopt;
    return x[0] / x[1];
  };
  auto divideFloat = [](ArrayRef<double> x) { return x[0] / x[1]; };
  HostTensor seven = makeIntTensor(7), two = makeIntTensor(2),
             zero = makeIntTensor(0);
  EXPECT_EQ(ints(*hostElementwise({seven, two}, divideFloat, divide)),
            std::vector<int64_t>{3});
  EXPECT_FALSE(hostElementwise({seven, zero}, divideFloat, divide));
  // One rounding to f32, as the operation itself has.
  HostTensor a = makeFloatTensor({1}, {1.0f}), b = makeFloatTensor({1}, {3.0f});
  EXPECT_EQ(hostElementwise({a, b}, divideFloat, divide)->data<float>()[0],
            1.0f / 3.0f);
}
