//===- ArenaPlannerTest.cpp - Packing of lifetimes ------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/ArenaPlanner.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>

using namespace qopt;

/// Whether `plan` keeps buffers i and j apart, or as far as `sharings` allow.
static bool areApart(llvm::ArrayRef<BufferLifetime> buffers,
                     const ArenaPlan &plan, size_t i, size_t j,
                     llvm::ArrayRef<BufferSharing> sharings) {
  for (const BufferSharing &sharing : sharings) {
    int64_t distance = plan.offsets[sharing.to] - plan.offsets[sharing.from];
    if (std::minmax(sharing.from, sharing.to) == std::minmax(i, j) &&
        (distance <= sharing.atMost || distance >= sharing.atLeast))
      return true;
  }
  return plan.offsets[i] + buffers[i].bytes <= plan.offsets[j] ||
         plan.offsets[j] + buffers[j].bytes <= plan.offsets[i];
}

static void expectValid(llvm::ArrayRef<BufferLifetime> buffers,
                        const ArenaPlan &plan, int64_t alignment,
                        llvm::ArrayRef<BufferSharing> sharings = {}) {
  ASSERT_EQ(plan.offsets.size(), buffers.size());
  if (sharings.empty()) {
    EXPECT_GE(plan.bytes, plan.liveBytes);
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    int64_t end = plan.offsets[i] + buffers[i].bytes;
    EXPECT_EQ(plan.offsets[i] % alignment, 0);
    EXPECT_GE(plan.offsets[i], 0);
    EXPECT_LE(end, plan.bytes);
    for (size_t j = 0; j < i; ++j)
      if (buffers[i].overlaps(buffers[j])) {
        EXPECT_TRUE(areApart(buffers, plan, i, j, sharings))
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

TEST(ArenaPlanner, SharesOnlyWhatMakesItSmaller) {
  // The first two would fit below the third in any case. Of the last pair, the
  // second may lie over the first from either side: the loop stays as it is.
  BufferLifetime buffers[] = {
      {640, 0, 1}, {640, 1, 2}, {2048, 3, 4}, {2048, 4, 5}};
  BufferSharing sharings[] = {{0, 1, 0, 640}, {2, 3, -64, 64}};
  ArenaPlan plan = planArenaSparingly(buffers, 64, sharings);
  expectValid(buffers, plan, 64, sharings);
  EXPECT_EQ(plan.bytes, 2112);
  EXPECT_EQ(sharings[0].atMost, -640);
  EXPECT_EQ(sharings[1].atMost, -64);
  EXPECT_EQ(sharings[1].atLeast, 2048);
}

TEST(ArenaPlanner, SharesNothingInVain) {
  BufferLifetime buffers[] = {{640, 0, 1}, {640, 1, 2}, {2048, 3, 4}};
  BufferSharing sharings[] = {{0, 1, -64, 64}};
  ArenaPlan plan = planArenaSparingly(buffers, 64, sharings);
  EXPECT_EQ(plan.offsets, planArena(buffers, 64).offsets);
  EXPECT_EQ(sharings[0].atMost, -640);
  EXPECT_EQ(sharings[0].atLeast, 640);
}

static std::vector<BufferLifetime> drawBuffers(std::mt19937 &random) {
  std::vector<BufferLifetime> buffers(1 + random() % 40);
  for (BufferLifetime &buffer : buffers) {
    buffer.bytes = 1 + random() % 5000;
    buffer.first = random() % 50;
    buffer.last = buffer.first + random() % 4;
  }
  return buffers;
}

TEST(ArenaPlanner, RandomLifetimesAreValidAndTight) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<BufferLifetime> buffers = drawBuffers(random);
    ArenaPlan plan = planArena(buffers, 64);
    expectValid(buffers, plan, 64);
    EXPECT_LE(plan.bytes, plan.liveBytes * 1.3);
    EXPECT_EQ(plan.offsets, planArena(buffers, 64).offsets);
  }
}

/// Random bounds for about half of the pairs whose lifetimes overlap.
static std::vector<BufferSharing>
drawSharings(std::mt19937 &random, llvm::ArrayRef<BufferLifetime> buffers) {
  std::vector<BufferSharing> sharings;
  for (size_t from = 0; from < buffers.size(); ++from)
    for (size_t to = 0; to < buffers.size(); ++to)
      if (buffers[from].first < buffers[to].first &&
          buffers[from].overlaps(buffers[to]) && random() % 2)
        sharings.push_back({from, to,
                            -int64_t(random() % (buffers[to].bytes + 1)),
                            int64_t(random() % (buffers[from].bytes + 1))});
  return sharings;
}

TEST(ArenaPlanner, RandomSharingsKeepTheirDistances) {
  std::mt19937 random(8);
  int smaller = 0, needless = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<BufferLifetime> buffers = drawBuffers(random);
    std::vector<BufferSharing> sharings = drawSharings(random, buffers);
    ArenaPlan apart = planArena(buffers, 64);
    ArenaPlan shared = planArena(buffers, 64, sharings);
    expectValid(buffers, shared, 64, sharings);

    std::vector<BufferSharing> kept = sharings;
    ArenaPlan sparing = planArenaSparingly(buffers, 64, kept);
    // What is kept allows no more than what was offered.
    expectValid(buffers, sparing, 64, kept);
    expectValid(buffers, sparing, 64, sharings);
    EXPECT_LE(sparing.bytes, std::min(shared.bytes, apart.bytes));
    smaller += sparing.bytes < apart.bytes;
    for (size_t i = 0; i < kept.size(); ++i)
      needless += kept[i].atLeast != sharings[i].atLeast;
  }
  EXPECT_GT(smaller, 50);
  EXPECT_GT(needless, 50);
}
