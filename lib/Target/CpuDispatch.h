//===- CpuDispatch.h - Which version of a model a CPU runs ----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TARGET_CPUDISPATCH_H
#define QOPT_LIB_TARGET_CPUDISPATCH_H

#include "qopt/Target/TargetInfo.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/IR/Module.h"

namespace qopt {

/// Defines `int NAME(...)` of as many pointers as each of `versions`, which
/// calls the strongest one that the CPU can run, and returns
/// QOPT_ERROR_UNSUPPORTED_CPU on a CPU that runs none. `versions` belong to
/// `targets`, weakest first. Fails on a target whose features are not in the
/// table of CPU features.
llvm::Error addDispatch(llvm::Module &module, const llvm::Twine &name,
                        llvm::ArrayRef<llvm::Function *> versions,
                        llvm::ArrayRef<TargetInfo> targets);

} // namespace qopt

#endif // QOPT_LIB_TARGET_CPUDISPATCH_H
