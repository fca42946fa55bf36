//===- PoolTest.cpp - Threads for models with tasks -----------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt_pool.h"

#include "gtest/gtest.h"
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

struct Counts {
  explicit Counts(int size) : each(size) {}
  std::vector<std::atomic<int>> each;
};

void count(void *data, int index) {
  ++static_cast<Counts *>(data)->each[index];
}

TEST(PoolTest, EveryTaskOnce) {
  for (int threads : {1, 2, 3, 7}) {
    qopt_pool *pool = qopt_pool_create(threads);
    ASSERT_TRUE(pool);
    for (int tasks : {0, 1, 2, 5, 100}) {
      constexpr int kJobs = 200;
      Counts counts(tasks);
      for (int job = 0; job < kJobs; ++job)
        qopt_pool_parallel_for(pool, tasks, count, &counts);
      for (std::atomic<int> &seen : counts.each)
        EXPECT_EQ(seen, kJobs) << threads << " threads, " << tasks << " tasks";
    }
    qopt_pool_destroy(pool);
  }
}

// What a task writes is seen after the call, also when the pool had slept.
TEST(PoolTest, ResultsAreVisibleAfterSleep) {
  qopt_pool *pool = qopt_pool_create(2);
  ASSERT_TRUE(pool);
  auto square = [](void *data, int i) { static_cast<int *>(data)[i] = i * i; };
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    int results[64] = {};
    qopt_pool_parallel_for(pool, 64, square, results);
    for (int i = 0; i < 64; ++i)
      EXPECT_EQ(results[i], i * i);
  }
  qopt_pool_destroy(pool);
}

// Tasks that wait for each other are on threads of their own: the same ones in
// every job.
TEST(PoolTest, TasksStayOnTheirThreads) {
  constexpr int kThreads = 3;
  struct Meeting {
    std::atomic<int> arrived{0};
    std::thread::id threads[kThreads];
  };
  auto meet = [](void *data, int index) {
    auto *meeting = static_cast<Meeting *>(data);
    meeting->threads[index] = std::this_thread::get_id();
    ++meeting->arrived;
    while (meeting->arrived < kThreads)
      std::this_thread::yield();
  };
  qopt_pool *pool = qopt_pool_create(kThreads);
  ASSERT_TRUE(pool);
  Meeting first;
  qopt_pool_parallel_for(pool, kThreads, meet, &first);
  EXPECT_EQ(first.threads[0], std::this_thread::get_id());
  for (int job = 0; job < 100; ++job) {
    Meeting next;
    qopt_pool_parallel_for(pool, kThreads, meet, &next);
    for (int i = 0; i < kThreads; ++i)
      EXPECT_EQ(next.threads[i], first.threads[i]);
  }
  qopt_pool_destroy(pool);
}

TEST(PoolTest, CallersMayShareIt) {
  qopt_pool *pool = qopt_pool_create(2);
  ASSERT_TRUE(pool);
  constexpr int kJobs = 500;
  Counts counts[2] = {Counts(3), Counts(3)};
  auto caller = [&](Counts *mine) {
    for (int job = 0; job < kJobs; ++job)
      qopt_pool_parallel_for(pool, 3, count, mine);
  };
  std::thread other(caller, &counts[1]);
  caller(&counts[0]);
  other.join();
  for (Counts &mine : counts)
    for (std::atomic<int> &seen : mine.each)
      EXPECT_EQ(seen, kJobs);
  qopt_pool_destroy(pool);
}

TEST(PoolTest, MoreTasksThanUnits) {
  qopt_pool *pool = qopt_pool_create(2);
  ASSERT_TRUE(pool);
  Counts counts(70000);
  qopt_pool_parallel_for(pool, 70000, count, &counts);
  for (std::atomic<int> &seen : counts.each)
    ASSERT_EQ(seen, 1);
  qopt_pool_destroy(pool);
}

TEST(PoolTest, NoThreadsNoPool) {
  EXPECT_EQ(qopt_pool_create(0), nullptr);
  qopt_pool_destroy(nullptr);
}

} // namespace
