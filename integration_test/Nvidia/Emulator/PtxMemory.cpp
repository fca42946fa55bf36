//===- PtxMemory.cpp - Loads, stores, copies and matrices -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxHandlers.h"
#include <algorithm>
#include <cstring>

using namespace ptx;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {
enum Space { Generic, Global, Shared, Local, Param };
} // namespace

int ptx::spaceOf(Op op) {
  static const std::pair<const char *, Space> kSpaces[] = {{"global", Global},
                                                           {"const", Global},
                                                           {"shared", Shared},
                                                           {"local", Local},
                                                           {"param", Param}};
  for (auto [name, space] : kSpaces)
    if (op.has(name))
      return space;
  return Generic;
}

static int resolveSpace(int space, uint64_t &address) {
  if (space != Generic)
    return space;
  if (address >= kLocalWindow) {
    address -= kLocalWindow;
    return Local;
  }
  if (address >= kSharedWindow) {
    address -= kSharedWindow;
    return Shared;
  }
  return Global;
}

static void checkAligned(uint64_t address, uint64_t bytes, Op op) {
  if (address % bytes)
    throw Fault("access across its natural alignment in '" + op.text + "'");
}

/// What one access to shared memory by the lanes of `mask` costs: 32 banks of
/// four bytes, 128 bytes a pass.
static void countBanks(Op op, Warp &w, uint32_t mask,
                       const std::array<uint64_t, kLanes> &addresses,
                       int bytes) {
  int together = std::min(kLanes, 128 / std::max(bytes, 4));
  for (int first = 0; first < kLanes; first += together) {
    std::array<std::vector<uint64_t>, 32> banks;
    size_t passes = 0;
    for (int lane = first; lane < first + together; ++lane)
      for (int i = 0; (mask >> lane & 1) && i < bytes; i += 4) {
        uint64_t word = (addresses[lane] + i) / 4;
        std::vector<uint64_t> &bank = banks[word % 32];
        if (std::find(bank.begin(), bank.end(), word) == bank.end())
          bank.push_back(word);
        passes = std::max(passes, bank.size());
      }
    w.block.statistics.sharedAccesses += passes != 0;
    w.block.statistics.bankConflicts += passes ? passes - 1 : 0;
  }
}

static void access(Op op, Warp &w, int lane, uint64_t address, void *data,
                   uint64_t bytes, bool isStore) {
  switch (resolveSpace(op.space, address)) {
  case Global:
    w.block.global.check(address, bytes, isStore, op);
    if (isStore)
      memcpy(reinterpret_cast<void *>(address), data, bytes);
    else
      memcpy(data, reinterpret_cast<void *>(address), bytes);
    return;
  case Shared:
    if (isStore)
      w.block.shared.write(address, data, bytes, w.number, op);
    else
      w.block.shared.read(address, data, bytes, w.number, op);
    return;
  case Local: {
    uint64_t size = w.block.kernel.localBytes;
    if (address + bytes > size)
      throw Fault("access outside of local memory in '" + op.text + "'");
    uint8_t *memory = &w.local[size * uint64_t(lane) + address];
    if (isStore)
      memcpy(memory, data, bytes);
    else
      memcpy(data, memory, bytes);
    return;
  }
  default:
    if (isStore || address + bytes > w.block.kernel.parameterBytes)
      throw Fault("access outside of the parameters in '" + op.text + "'");
    memcpy(data, w.block.parameters + address, bytes);
  }
}

static void countShared(Op op, Warp &w, uint32_t mask, const Operand &at,
                        int bytes) {
  if (op.space != Shared)
    return;
  std::array<uint64_t, kLanes> addresses{};
  forLanes(mask, [&](int lane) { addresses[lane] = w.addressOf(at, lane); });
  countBanks(op, w, mask, addresses, bytes);
}

void ptx::load(Op op, Warp &w, uint32_t mask) {
  size_t count = size_t(op.groups[0]);
  uint64_t bytes = uint64_t(op.type.bits) / 8;
  const Operand &at = op.operands[count];
  countShared(op, w, mask, at, int(bytes * count));
  forLanes(mask, [&](int lane) {
    uint64_t address = w.addressOf(at, lane);
    checkAligned(address, bytes * count, op);
    uint8_t data[32];
    access(op, w, lane, address, data, bytes * count, false);
    for (size_t i = 0; i < count; ++i) {
      uint64_t value = 0;
      memcpy(&value, data + i * bytes, bytes);
      w.set(op.operands[i], lane, extend(value, op.type));
    }
  });
}

void ptx::store(Op op, Warp &w, uint32_t mask) {
  size_t count = size_t(op.groups[1]);
  uint64_t bytes = uint64_t(op.type.bits) / 8;
  countShared(op, w, mask, op.operands[0], int(bytes * count));
  forLanes(mask, [&](int lane) {
    uint64_t address = w.addressOf(op.operands[0], lane);
    checkAligned(address, bytes * count, op);
    uint8_t data[32];
    for (size_t i = 0; i < count; ++i) {
      uint64_t value = w.get(op.operands[1 + i], lane);
      memcpy(data + i * bytes, &value, bytes);
    }
    access(op, w, lane, address, data, bytes * count, true);
  });
}

/// cp.async.ca/cg.shared.global [to], [from], size{, source size}
void ptx::copyAsync(Op op, Warp &w, uint32_t mask) {
  int size = int(op.operands[2].value);
  std::array<uint64_t, kLanes> places{};
  forLanes(mask, [&](int lane) {
    uint64_t to = w.addressOf(op.operands[0], lane),
             from = w.addressOf(op.operands[1], lane);
    int given =
        op.operands.size() > 3 ? int(w.get(op.operands[3], lane)) : size;
    if ((size != 4 && size != 8 && size != 16) || given < 0 || given > size ||
        (op.has("cg") && size != 16))
      throw Fault("a size of cp.async in '" + op.text + "'");
    checkAligned(to, uint64_t(size), op);
    checkAligned(from, uint64_t(size), op);
    AsyncCopy copy{to, {}, size};
    if (given > 0) {
      w.block.global.check(from, uint64_t(given), false, op);
      memcpy(copy.bytes.data(), reinterpret_cast<void *>(from), size_t(given));
    }
    w.block.shared.reserve(to, uint64_t(size), w.number, op);
    w.copies[lane].back().push_back(copy);
    w.block.statistics.asyncBytes += uint64_t(size);
    places[lane] = to;
  });
  countBanks(op, w, mask, places, size);
}

void ptx::commitCopies(Op op, Warp &w, uint32_t mask) {
  forLanes(mask, [&](int lane) { w.copies[lane].emplace_back(); });
}

/// All but the last `count` groups that were committed.
void ptx::waitCopies(Op op, Warp &w, uint32_t mask) {
  size_t open = op.has("wait_all") ? 0 : 1 + size_t(op.operands[0].value);
  forLanes(mask, [&](int lane) {
    auto &groups = w.copies[lane];
    while (groups.size() > open && !groups.empty()) {
      for (const AsyncCopy &copy : groups.front())
        w.block.shared.land(copy.to, copy.bytes.data(), uint64_t(copy.count),
                            w.number);
      groups.erase(groups.begin());
    }
    if (groups.empty())
      groups.emplace_back();
  });
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

/// ldmatrix.xN: row r of matrix i is at the address of lane 8 i + r; lane l
/// gets bytes 4 (l % 4) .. of row l / 4.
void ptx::loadMatrix(Op op, Warp &w, uint32_t mask) {
  w.requireAll(op, mask);
  size_t count = size_t(op.groups[0]);
  const Operand &at = op.operands[count];
  ++w.block.statistics.loadMatrix;
  for (size_t i = 0; i < count; ++i) {
    std::array<uint64_t, kLanes> addresses{};
    for (int row = 0; row < 8; ++row) {
      uint64_t address = w.addressOf(at, int(8 * i) + row);
      resolveSpace(op.space, address);
      checkAligned(address, 16, op);
      addresses[row] = address;
      uint32_t words[4];
      w.block.shared.read(address, words, 16, w.number, op);
      for (int part = 0; part < 4; ++part)
        w.set(op.operands[i], 4 * row + part, words[part]);
    }
    countBanks(op, w, 0xFF, addresses, 16);
  }
}

/// mma.m16n8k32 and m8n8k16 of bytes. Lane l holds of A rows l / 4 (+ 8) and
/// bytes 4 (l % 4) .. (+ 16), of B the same of column l / 4, and of C rows
/// l / 4 (+ 8) and columns 2 (l % 4), + 1.
void ptx::multiplyMatrices(Op op, Warp &w, uint32_t mask) {
  w.requireAll(op, mask);
  ++w.block.statistics.mma;
  int halves = op.groups[0] / 2, steps = op.groups[2];
  Type a{op.parts[op.parts.size() - 3][0], 8},
      b{op.parts[op.parts.size() - 2][0], 8};
  size_t d = 0, atA = size_t(op.groups[0]), atB = atA + size_t(op.groups[1]),
         atC = atB + size_t(op.groups[2]);
  uint8_t left[16][32], right[8][32];
  for (int lane = 0; lane < kLanes; ++lane) {
    int row = lane / 4, byte = 4 * (lane % 4);
    for (int step = 0; step < steps; ++step) {
      for (int half = 0; half < halves; ++half) {
        uint32_t word = uint32_t(
            w.get(op.operands[atA + size_t(step * halves + half)], lane));
        memcpy(&left[row + 8 * half][byte + 16 * step], &word, 4);
      }
      uint32_t word = uint32_t(w.get(op.operands[atB + size_t(step)], lane));
      memcpy(&right[row][byte + 16 * step], &word, 4);
    }
  }
  for (int lane = 0; lane < kLanes; ++lane)
    for (int half = 0; half < halves; ++half)
      for (int c = 0; c < 2; ++c) {
        size_t index = size_t(2 * half + c);
        const uint8_t *x = left[lane / 4 + 8 * half],
                      *y = right[2 * (lane % 4) + c];
        uint32_t sum = uint32_t(w.get(op.operands[atC + index], lane));
        for (int k = 0; k < 16 * steps; ++k)
          sum += uint32_t(a.isSigned() ? int(int8_t(x[k])) : int(x[k])) *
                 uint32_t(b.isSigned() ? int(int8_t(y[k])) : int(y[k]));
        w.set(op.operands[d + index], lane, sum);
      }
}
