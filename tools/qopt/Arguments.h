//===- Arguments.h - What a command line must be like ---------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM's parser fills the options. What it would refuse in words of its own, or
// take without a word, is an error here.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_ARGUMENTS_H
#define QOPT_TOOLS_QOPT_ARGUMENTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

namespace qopt::cli {

/// A known command with known options, each with its value and at most once,
/// and one model. The arguments are those after the program's name.
llvm::Error checkArguments(llvm::ArrayRef<const char *> arguments);

/// Why LLVM's parser failed: the number that NumberParser refused, or the first
/// line of what it wrote.
llvm::Error parseError(llvm::StringRef text);

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_ARGUMENTS_H
