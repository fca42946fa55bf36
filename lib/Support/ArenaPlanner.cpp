//===- ArenaPlanner.cpp - Greedy interval packing -------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/ArenaPlanner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/MathExtras.h"
#include <functional>
#include <optional>
#include <tuple>

using namespace qopt;
using namespace llvm;

static int64_t computeLiveBytes(ArrayRef<BufferLifetime> buffers) {
  // A maximum is reached in a step in which some buffer begins.
  int64_t most = 0;
  for (const BufferLifetime &at : buffers) {
    int64_t sum = 0;
    for (const BufferLifetime &buffer : buffers)
      if (buffer.first <= at.first && at.first <= buffer.last)
        sum += buffer.bytes;
    most = std::max(most, sum);
  }
  return most;
}

/// The start of the tightest gap of at least `bytes` between `taken` ranges,
/// which are sorted by their begin; above all of them if no gap is large
/// enough.
static int64_t findGap(ArrayRef<std::pair<int64_t, int64_t>> taken,
                       int64_t bytes) {
  int64_t end = 0;
  std::optional<std::pair<int64_t, int64_t>> best; // (waste, begin)
  for (auto [begin, rangeEnd] : taken) {
    int64_t waste = begin - end - bytes;
    if (waste >= 0 && (!best || waste < best->first))
      best = {waste, end};
    end = std::max(end, rangeEnd);
  }
  return best ? best->second : end;
}

static ArenaPlan placeInOrder(ArrayRef<BufferLifetime> buffers,
                              ArrayRef<size_t> order) {
  ArenaPlan plan;
  plan.offsets.resize(buffers.size());
  SmallVector<size_t> placed;
  for (size_t i : order) {
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (size_t j : placed)
      if (buffers[i].overlaps(buffers[j]))
        taken.push_back({plan.offsets[j], plan.offsets[j] + buffers[j].bytes});
    llvm::sort(taken);
    plan.offsets[i] = findGap(taken, buffers[i].bytes);
    plan.bytes = std::max(plan.bytes, plan.offsets[i] + buffers[i].bytes);
    placed.push_back(i);
  }
  return plan;
}

ArenaPlan qopt::planArena(ArrayRef<BufferLifetime> buffers, int64_t alignment) {
  SmallVector<BufferLifetime> aligned(buffers);
  for (BufferLifetime &buffer : aligned)
    buffer.bytes = alignTo(buffer.bytes, alignment);

  // Large buffers first leaves small ones to fill the gaps; long-lived or
  // early ones first suits chains whose sizes shrink or grow.
  using Key = std::tuple<int64_t, int64_t, int64_t>;
  std::function<Key(const BufferLifetime &)> keys[] = {
      [](const BufferLifetime &b) { return Key(-b.bytes, b.first, b.last); },
      [](const BufferLifetime &b) {
        return Key(b.first - b.last, -b.bytes, b.first);
      },
      [](const BufferLifetime &b) { return Key(b.first, -b.bytes, b.last); },
      [](const BufferLifetime &b) { return Key(-b.last, -b.bytes, b.first); },
  };
  std::optional<ArenaPlan> best;
  for (auto &key : keys) {
    SmallVector<size_t> order = to_vector(seq<size_t>(0, aligned.size()));
    llvm::sort(order, [&](size_t a, size_t b) {
      return std::pair(key(aligned[a]), a) < std::pair(key(aligned[b]), b);
    });
    ArenaPlan plan = placeInOrder(aligned, order);
    if (!best || plan.bytes < best->bytes)
      best = plan;
  }
  best->liveBytes = computeLiveBytes(aligned);
  return *best;
}
