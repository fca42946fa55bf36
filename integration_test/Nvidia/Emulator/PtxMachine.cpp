//===- PtxMachine.cpp - Warps, blocks and memory --------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxMachine.h"
#include <cstring>

using namespace ptx;

static std::string quote(const Instruction &by) {
  return " in '" + by.text + "'";
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void GlobalMemory::check(uint64_t address, uint64_t bytes, bool isStore,
                         const Instruction &by) {
  if (address - lastBase < lastBytes && address + bytes <= lastBase + lastBytes)
    return;
  auto after = regions.upper_bound(address);
  if (after != regions.begin()) {
    auto region = std::prev(after);
    lastBase = region->first;
    lastBytes = region->second;
    uint64_t end = lastBase + lastBytes;
    if (address + bytes <= (isStore ? end : (end + 15) / 16 * 16))
      return;
  }
  throw Fault("access outside of global memory" + quote(by) + ": " +
              std::to_string(int64_t(address - lastBase)) + " of " +
              std::to_string(lastBytes) + " bytes");
}

SharedMemory::State &SharedMemory::stateAt(uint64_t at, uint64_t count,
                                           const Instruction &by) {
  if (at > bytes.size() || count > bytes.size() - at)
    throw Fault("access outside of shared memory" + quote(by) + ": " +
                std::to_string(at) + " of " + std::to_string(bytes.size()));
  return states[at];
}

void SharedMemory::read(uint64_t at, void *to, uint64_t count, int warp,
                        const Instruction &by) {
  State *state = &stateAt(at, count, by);
  for (uint64_t i = 0; i < count; ++i, ++state) {
    if (state->isPending)
      throw Fault("read of bytes of cp.async before their wait" + quote(by));
    if (!state->isWritten)
      throw Fault("read of shared memory that nobody wrote" + quote(by));
    if (state->writeEpoch == epoch && state->writer != warp)
      throw Fault("missing barrier between a write and a read" + quote(by));
    if (state->readEpoch != epoch)
      state->readers = 0;
    state->readEpoch = epoch;
    state->readers |= 1u << warp;
  }
  memcpy(to, &bytes[at], count);
}

void SharedMemory::reserve(uint64_t at, uint64_t count, int warp,
                           const Instruction &by) {
  State *state = &stateAt(at, count, by);
  for (uint64_t i = 0; i < count; ++i, ++state) {
    if (state->isPending)
      throw Fault("write to bytes of cp.async before their wait" + quote(by));
    if (state->writeEpoch == epoch && state->writer != warp)
      throw Fault("missing barrier between two writes" + quote(by));
    if (state->readEpoch == epoch && (state->readers & ~(1u << warp)))
      throw Fault("missing barrier between a read and a write" + quote(by));
    state->isPending = true;
  }
}

void SharedMemory::land(uint64_t at, const void *from, uint64_t count,
                        int warp) {
  memcpy(&bytes[at], from, count);
  for (uint64_t i = at; i < at + count; ++i) {
    states[i].isPending = false;
    states[i].isWritten = true;
    states[i].writer = int16_t(warp);
    states[i].writeEpoch = epoch;
  }
}

void SharedMemory::write(uint64_t at, const void *from, uint64_t count,
                         int warp, const Instruction &by) {
  reserve(at, count, warp, by);
  land(at, from, count, warp);
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

Warp::Warp(Block &block, int number)
    : block(block), number(number), registers(block.kernel.registerBits.size()),
      local(block.kernel.localBytes * kLanes, 0xA5) {
  int threads = int(block.size[0] * block.size[1] * block.size[2]);
  int count = std::min(kLanes, threads - number * kLanes);
  live = count == kLanes ? kAllLanes : (1u << count) - 1;
  paths.push_back({0, live, -1});
  // A value that no kernel counts on.
  for (auto &lanes : registers)
    lanes.fill(0xDEADBEEFDEADBEEF);
  for (size_t i = 0; i < registers.size(); ++i) {
    int bits = block.kernel.registerBits[i];
    masks.push_back(bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1);
    for (uint64_t &value : registers[i])
      value &= masks[i];
  }
  for (auto &groups : copies)
    groups.resize(1);
}

uint64_t Warp::special(uint64_t which, int lane) const {
  unsigned thread = unsigned(number * kLanes + lane);
  switch (which) {
  case TidX:
    return thread % block.size[0];
  case TidY:
    return thread / block.size[0] % block.size[1];
  case TidZ:
    return thread / block.size[0] / block.size[1];
  case NtidX:
  case NtidY:
  case NtidZ:
    return block.size[which - NtidX];
  case CtaidX:
  case CtaidY:
  case CtaidZ:
    return block.position[which - CtaidX];
  case NctaidX:
  case NctaidY:
  case NctaidZ:
    return block.grid[which - NctaidX];
  default:
    return uint64_t(lane);
  }
}

void Warp::requireAll(const Instruction &by, uint32_t mask) const {
  if (mask != kAllLanes)
    throw Fault("divergent lanes at a collective" + quote(by));
}

/// After a branch: one path for each place that lanes go on at.
void Warp::part(const Instruction &branch, uint32_t mask) {
  Path whole = paths.back();
  std::map<int, uint32_t> groups;
  for (int lane = 0; lane < kLanes; ++lane)
    if (mask >> lane & 1)
      groups[next[lane]] |= 1u << lane;
  if (groups.size() == 1) {
    paths.back().at = groups.begin()->first;
    return;
  }
  if (branch.meeting < 0)
    paths.pop_back();
  else
    paths.back().at = branch.meeting;
  for (auto [at, lanes] : groups)
    if (at != branch.meeting)
      paths.push_back(
          {at, lanes, branch.meeting < 0 ? whole.meeting : branch.meeting});
}

void Warp::run() {
  atBarrier = false;
  while (live && !atBarrier) {
    Path &path = paths.back();
    uint32_t here = path.mask & live;
    if (here == 0 || path.at == path.meeting) {
      paths.pop_back();
      continue;
    }
    const Instruction &instruction = block.kernel.code.at(size_t(path.at));
    uint32_t mask = here;
    if (instruction.guard >= 0)
      for (int lane = 0; lane < kLanes; ++lane)
        if (bool(registers[instruction.guard][lane] & 1) == instruction.negated)
          mask &= ~(1u << lane);
    ++block.statistics.instructions;
    ++path.at;
    bool branches = !instruction.targets.empty();
    if (branches)
      next.fill(path.at);
    if (mask)
      instruction.handler(instruction, *this, mask);
    if (branches)
      part(instruction, here);
  }
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

static void runBlock(Block &block) {
  int threads = int(block.size[0] * block.size[1] * block.size[2]);
  std::vector<Warp> warps;
  for (int i = 0; i * kLanes < threads; ++i)
    warps.emplace_back(block, i);
  for (bool running = true; running;) {
    size_t waiting = 0, done = 0;
    for (Warp &warp : warps) {
      if (!warp.isDone())
        warp.run();
      waiting += warp.atBarrier;
      done += warp.isDone();
    }
    if (waiting && done)
      throw Fault("a warp returned from '" + block.kernel.name +
                  "' and another one waits at a barrier");
    block.shared.barrier();
    running = waiting != 0;
  }
}

void ptx::launch(const Kernel &kernel, GlobalMemory &memory,
                 const unsigned grid[3], const unsigned size[3],
                 uint64_t dynamicShared, const uint8_t *parameters,
                 Statistics &statistics, uint64_t mostBlocks) {
  uint64_t threads = uint64_t(size[0]) * size[1] * size[2];
  if (threads == 0 || threads > uint64_t(kernel.maxThreads))
    throw Fault("'" + kernel.name + "' takes blocks of up to " +
                std::to_string(kernel.maxThreads) + " threads, got " +
                std::to_string(threads));
  uint64_t blocks = uint64_t(grid[0]) * grid[1] * grid[2];
  for (uint64_t number = 0; number < std::min(blocks, mostBlocks); ++number) {
    Block block{kernel,
                memory,
                parameters,
                SharedMemory(kernel.sharedBytes + dynamicShared),
                {grid[0], grid[1], grid[2]},
                {size[0], size[1], size[2]},
                {unsigned(number % grid[0]),
                 unsigned(number / grid[0] % grid[1]),
                 unsigned(number / grid[0] / grid[1])},
                statistics};
    runBlock(block);
  }
}
