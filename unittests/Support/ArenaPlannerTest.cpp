//===- ArenaPlannerTest.cpp - Packing of lifetimes ------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/ArenaPlanner.h"
#include "gtest/gtest.h"
#include <random>

using namespace qopt;

static void expectValid(llvm::ArrayRef<BufferLifetime> buffers,
                        const ArenaPlan &plan, int64_t alignment) {
  ASSERT_EQ(plan.offsets.size(), buffers.size());
  EXPECT_GE(plan.bytes, plan.liveBytes);
  for (size_t i = 0; i < buffers.size(); ++i) {
    int64_t end = plan.offsets[i] + buffers[i].bytes;
    EXPECT_EQ(plan.offsets[i] % alignment, 0);
    EXPECT_GE(plan.offsets[i], 0);
    EXPECT_LE(end, plan.bytes);
    for (size_t j = 0; j < i; ++j)
      if (buffers[i].overlaps(buffers[j])) {
        EXPECT_TRUE(end <= plan.offsets[j] ||
                    plan.offsets[j] + buffers[j].bytes <= plan.offsets[i])
            << i << " and " << j;
      }
  }
}

TEST(ArenaPlanner, NothingNeedsNothing) {
  ArenaPlan plan = planArena({}, 64);
  EXPECT_EQ(plan.bytes, 0);
  EXPECT_EQ(plan.liveBytes, 0);
}

TEST(ArenaPlanner, ChainsAlternate) {
  // Each reads the one before: two are live together.
  BufferLifetime buffers[] = {{640, 0, 1}, {640, 1, 2}, {640, 2, 3}};
  ArenaPlan plan = planArena(buffers, 64);
  expectValid(buffers, plan, 64);
  EXPECT_EQ(plan.bytes, 1280);
  EXPECT_EQ(plan.liveBytes, 1280);
}

TEST(ArenaPlanner, SizesAreAligned) {
  BufferLifetime buffers[] = {{1, 0, 1}, {65, 1, 2}};
  ArenaPlan plan = planArena(buffers, 64);
  expectValid(buffers, plan, 64);
  EXPECT_EQ(plan.bytes, 192);
}

TEST(ArenaPlanner, TightestGapIsTaken) {
  // Two gaps, of 128 and of 64, below a block: the last buffer fits the
  // smaller one.
  BufferLifetime buffers[] = {{1024, 0, 9}, {128, 0, 1}, {512, 0, 9},
                              {64, 0, 1},   {256, 0, 9}, {64, 2, 9}};
  ArenaPlan plan = planArena(buffers, 64);
  expectValid(buffers, plan, 64);
  EXPECT_EQ(plan.bytes, plan.liveBytes);
}

TEST(ArenaPlanner, SharedMemoryKeepsItsDistance) {
  // The second is written from its start while the first is read: 100 bytes
  // ahead, 128 with the alignment. Or from its end, with the first at most 70
  // bytes into it.
  BufferLifetime buffers[] = {{640, 0, 1}, {640, 1, 2}};
  ArenaPlan plan = planArena(buffers, 64, BufferSharing{0, 1, -100, 640});
  EXPECT_EQ(plan.offsets[0] - plan.offsets[1], 128);
  EXPECT_EQ(plan.bytes, 768);
  EXPECT_EQ(plan.liveBytes, 1280);
  plan = planArena(buffers, 64, BufferSharing{0, 1, -640, 70});
  EXPECT_EQ(plan.offsets[1] - plan.offsets[0], 128);
  EXPECT_EQ(plan.bytes, 768);
}

TEST(ArenaPlanner, OthersStayApart) {
  // What lives beside the two shares with neither.
  BufferLifetime buffers[] = {{640, 0, 1}, {640, 1, 2}, {640, 0, 2}};
  ArenaPlan plan = planArena(buffers, 64, BufferSharing{0, 1, -64, 640});
  EXPECT_EQ(plan.offsets[0] - plan.offsets[1], 64);
  EXPECT_EQ(plan.bytes, 1344);
}

TEST(ArenaPlanner, RandomLifetimesAreValidAndTight) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<BufferLifetime> buffers(1 + random() % 40);
    for (BufferLifetime &buffer : buffers) {
      buffer.bytes = 1 + random() % 5000;
      buffer.first = random() % 50;
      buffer.last = buffer.first + random() % 4;
    }
    ArenaPlan plan = planArena(buffers, 64);
    expectValid(buffers, plan, 64);
    EXPECT_LE(plan.bytes, plan.liveBytes * 1.3);
    EXPECT_EQ(plan.offsets, planArena(buffers, 64).offsets);
  }
}
