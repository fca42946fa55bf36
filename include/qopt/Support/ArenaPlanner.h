//===- ArenaPlanner.h - Buffers with lifetimes into one arena -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_ARENAPLANNER_H
#define QOPT_SUPPORT_ARENAPLANNER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace qopt {

/// A buffer that must keep its bytes from step `first` to step `last`, both
/// inclusive.
struct BufferLifetime {
  int64_t bytes = 0;
  int64_t first = 0;
  int64_t last = 0;

  bool overlaps(const BufferLifetime &other) const {
    return first <= other.last && other.first <= last;
  }
};

/// Two buffers of which `to` is written while `from` is read: the lifetimes
/// overlap, and still they may share memory if
///
///   offset(to) - offset(from) <= atMost  or  >= atLeast      bytes
///
/// so that no byte is overwritten before it has been read.
struct BufferSharing {
  size_t from = 0, to = 0;
  int64_t atMost = 0, atLeast = 0;
};

struct ArenaPlan {
  /// One per buffer, in the order given, multiples of the alignment.
  llvm::SmallVector<int64_t> offsets;
  /// End of the highest buffer, a multiple of the alignment.
  int64_t bytes = 0;
  /// The largest sum of aligned sizes that are live in one step: no plan in
  /// which no buffers share can be smaller.
  int64_t liveBytes = 0;
};

/// Packs the buffers so that those whose lifetimes overlap do not overlap in
/// memory, but for what `sharings` allow, at most one for two buffers. The
/// result depends on the input only; it is the best of a few greedy orders,
/// each of which puts every buffer into the tightest gap that the buffers
/// placed before it leave.
ArenaPlan planArena(llvm::ArrayRef<BufferLifetime> buffers, int64_t alignment,
                    llvm::ArrayRef<BufferSharing> sharings = {});

/// The same with as little sharing as the size of that arena takes: first
/// `atLeast` of all sharings, then `atMost`, goes back to what keeps the two
/// buffers apart, one by one, wherever the arena does not grow by it. Leaves in
/// `sharings` the bounds of the plan.
ArenaPlan planArenaSparingly(llvm::ArrayRef<BufferLifetime> buffers,
                             int64_t alignment,
                             llvm::MutableArrayRef<BufferSharing> sharings);

} // namespace qopt

#endif // QOPT_SUPPORT_ARENAPLANNER_H
