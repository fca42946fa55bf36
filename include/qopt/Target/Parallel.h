//===- Parallel.h - Tasks between the loops and the C interface -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How `qopt-outline-parallel-loops` and the C interface name what they share:
//
//   model(..., arena, run)  calls  PART.share(run) for each shared loop
//   PART.share(run)         calls  the caller's parallel_for
//   PART(..., arena, run, task)    is one task of the loop
//
// PART.share is only declared until the C interface, which knows what `run`
// points to, defines it.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_PARALLEL_H
#define QOPT_TARGET_PARALLEL_H

#include "llvm/ADT/Twine.h"
#include <string>

namespace qopt {

/// LLVM attribute of a part: its number of tasks.
inline constexpr llvm::StringLiteral kPartTasksAttrName = "qopt-tasks";

inline constexpr llvm::StringLiteral kShareSuffix = ".share";

inline std::string partFunctionName(llvm::StringRef model, unsigned index) {
  return (model + ".part" + llvm::Twine(index)).str();
}

inline std::string shareFunctionName(llvm::StringRef part) {
  return (part + kShareSuffix).str();
}

} // namespace qopt

#endif // QOPT_TARGET_PARALLEL_H
