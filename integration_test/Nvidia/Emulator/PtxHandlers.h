//===- PtxHandlers.h - What instructions share ----------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_INTEGRATIONTEST_NVIDIA_PTXHANDLERS_H
#define QOPT_INTEGRATIONTEST_NVIDIA_PTXHANDLERS_H

#include "PtxMachine.h"

namespace ptx {

using Op = const Instruction &;

inline uint64_t lowBits(uint64_t value, int bits) {
  return bits >= 64 ? value : value & ((uint64_t(1) << bits) - 1);
}

inline int64_t signExtend(uint64_t value, int bits) {
  return bits >= 64 ? int64_t(value)
                    : int64_t(value << (64 - bits)) >> (64 - bits);
}

/// The value of an integer of `type`, extended to 64 bits by its sign.
inline uint64_t extend(uint64_t value, Type type) {
  return type.isSigned() ? uint64_t(signExtend(value, type.bits))
                         : lowBits(value, type.bits);
}

template <typename Body>
void forLanes(uint32_t mask, Body body) {
  for (int lane = 0; lane < kLanes; ++lane)
    if (mask >> lane & 1)
      body(lane);
}

/// The window that a load or store names, `Instruction::space`.
int spaceOf(Op op);

// PtxMemory.cpp: each runs one instruction for the lanes of `mask`.
void load(Op op, Warp &w, uint32_t mask);
void store(Op op, Warp &w, uint32_t mask);
void copyAsync(Op op, Warp &w, uint32_t mask);
void commitCopies(Op op, Warp &w, uint32_t mask);
void waitCopies(Op op, Warp &w, uint32_t mask);
void loadMatrix(Op op, Warp &w, uint32_t mask);
void multiplyMatrices(Op op, Warp &w, uint32_t mask);

} // namespace ptx

#endif // QOPT_INTEGRATIONTEST_NVIDIA_PTXHANDLERS_H
