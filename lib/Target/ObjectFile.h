//===- ObjectFile.h - What an object holds and asks for ---------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TARGET_OBJECTFILE_H
#define QOPT_LIB_TARGET_OBJECTFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace qopt {

/// Fails if an object asks for more than it may leave to the linker: the two
/// functions of the C library, the host's hook of a calibration build, where
/// versions for Arm are chosen between what asks Linux for the CPU's features,
/// the stack of WebAssembly, which the linker places, and the externals.
llvm::Error checkUndefinedSymbols(llvm::StringRef bytes,
                                  llvm::ArrayRef<std::string> externals);

} // namespace qopt

#endif // QOPT_LIB_TARGET_OBJECTFILE_H
