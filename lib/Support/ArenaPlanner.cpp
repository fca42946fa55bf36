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
#include <map>
#include <optional>
#include <tuple>
#include <utility>

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

/// Offsets that a buffer must not have, without the two ends.
using OpenRange = std::pair<int64_t, int64_t>;

/// The least offset in the tightest gap between `taken` ranges, which are
/// sorted; above all of them if there is no gap.
static int64_t findGap(ArrayRef<OpenRange> taken) {
  int64_t end = 0;
  std::optional<std::pair<int64_t, int64_t>> best; // (waste, begin)
  for (auto [begin, rangeEnd] : taken) {
    int64_t waste = begin - end;
    if (waste >= 0 && (!best || waste < best->first))
      best = {waste, end};
    end = std::max(end, rangeEnd);
  }
  return best ? best->second : end;
}

namespace {
/// Places buffers one by one, at multiples of the alignment.
class ArenaPacker {
public:
  ArenaPacker(ArrayRef<BufferLifetime> buffers, int64_t alignment,
              ArrayRef<BufferSharing> sharings)
      : buffers(buffers), alignment(alignment) {
    for (const BufferSharing &sharing : sharings)
      shared[{sharing.from, sharing.to}] = sharing;
  }

  ArenaPlan placeInOrder(ArrayRef<size_t> order) const {
    ArenaPlan plan;
    plan.offsets.resize(buffers.size());
    SmallVector<size_t> placed;
    for (size_t i : order) {
      SmallVector<OpenRange> taken;
      for (size_t j : placed)
        if (buffers[i].overlaps(buffers[j]))
          taken.push_back(takenBy(j, plan.offsets[j], i));
      llvm::sort(taken);
      plan.offsets[i] = findGap(taken);
      plan.bytes = std::max(plan.bytes, plan.offsets[i] + buffers[i].bytes);
      placed.push_back(i);
    }
    return plan;
  }

private:
  /// Where `i` must not be with `j` at `offset`.
  OpenRange takenBy(size_t j, int64_t offset, size_t i) const {
    if (auto it = shared.find({j, i}); it != shared.end())
      return aligned(offset + it->second.atMost, offset + it->second.atLeast);
    if (auto it = shared.find({i, j}); it != shared.end())
      return aligned(offset - it->second.atLeast, offset - it->second.atMost);
    return {offset - buffers[i].bytes, offset + buffers[j].bytes};
  }
  OpenRange aligned(int64_t begin, int64_t end) const {
    return {divideFloorSigned(begin, alignment) * alignment,
            divideCeilSigned(end, alignment) * alignment};
  }

  ArrayRef<BufferLifetime> buffers;
  int64_t alignment;
  std::map<std::pair<size_t, size_t>, BufferSharing> shared;
};
} // namespace

ArenaPlan qopt::planArena(ArrayRef<BufferLifetime> buffers, int64_t alignment,
                          ArrayRef<BufferSharing> sharings) {
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
  ArenaPacker packer(aligned, alignment, sharings);
  std::optional<ArenaPlan> best;
  for (auto &key : keys) {
    SmallVector<size_t> order = to_vector(seq<size_t>(0, aligned.size()));
    llvm::sort(order, [&](size_t a, size_t b) {
      return std::pair(key(aligned[a]), a) < std::pair(key(aligned[b]), b);
    });
    ArenaPlan plan = packer.placeInOrder(order);
    if (!best || plan.bytes < best->bytes)
      best = plan;
  }
  best->liveBytes = computeLiveBytes(aligned);
  return *best;
}

ArenaPlan qopt::planArenaSparingly(ArrayRef<BufferLifetime> buffers,
                                   int64_t alignment,
                                   MutableArrayRef<BufferSharing> sharings) {
  ArenaPlan plan = planArena(buffers, alignment, sharings);
  auto tryWithout = [&](MutableArrayRef<BufferSharing> some, bool atMost,
                        bool atLeast) {
    SmallVector<BufferSharing> given(some);
    for (BufferSharing &sharing : some) {
      if (atMost)
        sharing.atMost = -buffers[sharing.to].bytes;
      if (atLeast)
        sharing.atLeast = buffers[sharing.from].bytes;
    }
    ArenaPlan without = planArena(buffers, alignment, sharings);
    bool grows = without.bytes > plan.bytes;
    if (grows)
      llvm::copy(given, some.begin());
    else
      plan = without;
    return !grows;
  };
  if (tryWithout(sharings, /*atMost=*/true, /*atLeast=*/true))
    return plan;
  if (!tryWithout(sharings, /*atMost=*/false, /*atLeast=*/true))
    for (BufferSharing &sharing : sharings)
      tryWithout(sharing, /*atMost=*/false, /*atLeast=*/true);
  for (BufferSharing &sharing : sharings)
    tryWithout(sharing, /*atMost=*/true, /*atLeast=*/false);
  return plan;
}
