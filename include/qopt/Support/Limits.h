//===- Limits.h - How large a model may be ---------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_LIMITS_H
#define QOPT_SUPPORT_LIMITS_H

#include <cstdint>

namespace qopt {

/// No tensor of a model may have more elements.
constexpr int64_t kMaxElements = int64_t(1) << 31;

/// What a model file may make of constants that it does not hold, in bytes: so
/// many, and so many times the bytes that it holds.
constexpr int64_t kMaxMadeBytes = int64_t(1) << 30;
constexpr int64_t kMaxMadePerHeldByte = 8;

} // namespace qopt

#endif // QOPT_SUPPORT_LIMITS_H
