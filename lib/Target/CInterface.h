//===- CInterface.h - NAME_run and NAME_info in LLVM IR -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TARGET_CINTERFACE_H
#define QOPT_LIB_TARGET_CINTERFACE_H

#include "qopt/Target/ModelInfo.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

namespace qopt {

/// Makes every definition internal, tells LLVM that the model's arguments do
/// not alias, and adds the exported NAME_run with `suffix`, and
/// NAME_run_parallel with it where there are tasks. `functionName` is the
/// model's function in `module`. Expects the module's data layout to be set.
llvm::Error addRunFunctions(llvm::Module &module, llvm::StringRef functionName,
                            const ModelInfo &info, llvm::StringRef suffix = "");

/// Adds NAME_info.
void addInfoFunction(llvm::Module &module, const ModelInfo &info);

} // namespace qopt

#endif // QOPT_LIB_TARGET_CINTERFACE_H
