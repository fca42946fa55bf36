//===- MemoryLimits.h - Whether a model fits a device ---------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_MEMORYLIMITS_H
#define QOPT_TOOLS_QOPT_MEMORYLIMITS_H

#include "qopt/Support/Report.h"

namespace qopt::cli {

/// Bytes that a device has for a model; 0: as many as it needs.
struct MemoryLimits {
  int64_t flash = 0, ram = 0;
};

/// Where the object's code and constants, or the arena, take more bytes than
/// there are: how many, what takes most, and what would fit. Else empty.
std::string checkMemory(const MemoryLimits &limits, const Report &report);

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_MEMORYLIMITS_H
