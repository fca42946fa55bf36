//===- PtxMachine.h - Runs PTX kernels on the host ------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Warps run in lock-step. Lanes that part at a branch run one path after the
// other and meet again where the paths do, at the branch's post-dominator: the
// earliest place that a compiler can count on. What PTX leaves undefined is a
// Fault: an access outside of memory or across its natural alignment, shared
// memory read before it was written or written by another warp without a
// barrier between, bytes of cp.async before their wait, and a collective that
// not all lanes of a warp have reached.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_INTEGRATION_TEST_NVIDIA_PTXMACHINE_H
#define QOPT_INTEGRATION_TEST_NVIDIA_PTXMACHINE_H

#include "PtxProgram.h"
#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace ptx {

constexpr int kLanes = 32;
constexpr uint32_t kAllLanes = 0xFFFFFFFF;

/// Where generic addresses of shared and of local memory begin.
constexpr uint64_t kSharedWindow = uint64_t(1) << 62;
constexpr uint64_t kLocalWindow = uint64_t(3) << 61;

/// What a launch did, for proofs and for figures.
struct Statistics {
  uint64_t instructions = 0;   /// of warps
  uint64_t mma = 0, dp4a = 0;  /// of warps
  uint64_t loadMatrix = 0;     /// ldmatrix, of warps
  uint64_t asyncBytes = 0;     /// cp.async
  uint64_t bankConflicts = 0;  /// extra passes over shared memory
  uint64_t sharedAccesses = 0; /// passes without conflicts
};

/// Allocated global memory; accesses must lie in one allocation. A load may
/// read on to the next multiple of 16 bytes, as allocations end with more: LLVM
/// widens loads that are aligned.
class GlobalMemory {
public:
  void add(const void *base, uint64_t bytes) {
    regions[uint64_t(base)] = bytes;
  }
  bool remove(const void *base) {
    lastBytes = 0;
    return regions.erase(uint64_t(base)) == 1;
  }
  uint64_t used() const {
    uint64_t sum = 0;
    for (auto [base, bytes] : regions)
      sum += bytes;
    return sum;
  }
  void check(uint64_t address, uint64_t bytes, bool isStore,
             const Instruction &by);

private:
  std::map<uint64_t, uint64_t> regions;
  uint64_t lastBase = 0, lastBytes = 0;
};

/// Shared memory of one block, with who touched each byte since the barrier.
class SharedMemory {
public:
  SharedMemory(uint64_t bytes) : bytes(bytes, 0xA5), states(bytes) {}
  void read(uint64_t at, void *to, uint64_t count, int warp,
            const Instruction &by);
  void write(uint64_t at, const void *from, uint64_t count, int warp,
             const Instruction &by);
  /// cp.async: the bytes are neither old nor new until `land`.
  void reserve(uint64_t at, uint64_t count, int warp, const Instruction &by);
  void land(uint64_t at, const void *from, uint64_t count, int warp);
  void barrier() { ++epoch; }

private:
  struct State {
    uint32_t writeEpoch = 0, readEpoch = 0, readers = 0;
    int16_t writer = -1;
    bool isWritten = false, isPending = false;
  };
  State &stateAt(uint64_t at, uint64_t count, const Instruction &by);

  std::vector<uint8_t> bytes;
  std::vector<State> states;
  uint32_t epoch = 1;
};

/// One cp.async of one thread that has not landed.
struct AsyncCopy {
  uint64_t to;
  std::array<uint8_t, 16> bytes;
  int count;
};

struct Block;

struct Warp {
  Warp(Block &block, int number);
  /// Runs until the barrier or the end.
  void run();
  bool isDone() const { return live == 0; }

  uint64_t get(const Operand &operand, int lane) const {
    if (operand.kind == Operand::Register)
      return registers[operand.reg][lane];
    return operand.kind == Operand::Special ? special(operand.value, lane)
                                            : operand.value;
  }
  /// Keeps as many bits as the register has.
  void set(const Operand &operand, int lane, uint64_t value) {
    if (operand.kind != Operand::Sink)
      registers[operand.reg][lane] = value & masks[operand.reg];
  }
  uint64_t addressOf(const Operand &operand, int lane) const {
    return operand.value +
           (operand.reg >= 0 ? registers[operand.reg][lane] : 0);
  }
  uint64_t special(uint64_t which, int lane) const;
  void part(const Instruction &branch, uint32_t mask);
  void requireAll(const Instruction &by, uint32_t mask) const;

  Block &block;
  int number;
  /// Lanes that have not returned.
  uint32_t live;
  bool atBarrier = false;
  /// Lanes that run together from `at` on, until they get to `meeting`; the
  /// last one runs.
  struct Path {
    int at;
    uint32_t mask;
    int meeting;
  };
  std::vector<Path> paths;
  /// Where a branch sends each lane.
  std::array<int, kLanes> next;
  std::vector<std::array<uint64_t, kLanes>> registers;
  std::vector<uint64_t> masks;
  std::vector<uint8_t> local;
  /// Groups of cp.async per lane, the open one last.
  std::array<std::vector<std::vector<AsyncCopy>>, kLanes> copies;
};

struct Block {
  const Kernel &kernel;
  GlobalMemory &global;
  const uint8_t *parameters;
  SharedMemory shared;
  unsigned grid[3], size[3], position[3];
  Statistics &statistics;
};

/// Runs the blocks of a grid, one after the other.
void launch(const Kernel &kernel, GlobalMemory &memory, const unsigned grid[3],
            const unsigned block[3], uint64_t dynamicShared,
            const uint8_t *parameters, Statistics &statistics,
            uint64_t mostBlocks = UINT64_MAX);

} // namespace ptx

#endif
