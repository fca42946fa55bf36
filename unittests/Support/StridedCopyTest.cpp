//===- StridedCopyTest.cpp - Rearranging dense data by strides ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/StridedCopy.h"
#include "gtest/gtest.h"
#include <vector>

using namespace qopt;

static std::vector<int16_t> copy(llvm::ArrayRef<int64_t> shape,
                                 llvm::ArrayRef<int64_t> srcStrides,
                                 const std::vector<int16_t> &src,
                                 int64_t offset = 0) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  std::vector<int16_t> dst(count, -1);
  copyStrided(reinterpret_cast<char *>(dst.data()), rowMajorStrides(shape),
              reinterpret_cast<const char *>(src.data() + offset), srcStrides,
              shape, sizeof(int16_t));
  return dst;
}

TEST(StridedCopy, Strides) {
  EXPECT_EQ(rowMajorStrides({2, 3, 4}), (llvm::SmallVector<int64_t>{12, 4, 1}));
  EXPECT_TRUE(rowMajorStrides({}).empty());
}

TEST(StridedCopy, TransposeBroadcastSlice) {
  std::vector<int16_t> source = {0, 1, 2, 3, 4, 5}; // 2 x 3
  EXPECT_EQ(copy({3, 2}, {1, 3}, source),
            (std::vector<int16_t>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(copy({2, 3}, {0, 1}, source),
            (std::vector<int16_t>{0, 1, 2, 0, 1, 2}));
  // Columns 2 and 0: a negative step from the last column.
  EXPECT_EQ(copy({2, 2}, {3, -2}, source, 2),
            (std::vector<int16_t>{2, 0, 5, 3}));
  EXPECT_EQ(copy({}, {}, source, 4), (std::vector<int16_t>{4}));
}
