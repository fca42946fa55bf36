//===- ModelOptions.h - Options of commands that take a model -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_MODELOPTIONS_H
#define QOPT_TOOLS_QOPT_MODELOPTIONS_H

#include "Session.h"
#include "llvm/Support/CommandLine.h"

namespace qopt::cli {

extern llvm::cl::SubCommand compileCommand;

/// The positional argument of every command.
llvm::StringRef modelPath();

/// --name and --dim, checked.
llvm::Expected<LoadOptions> loadOptions();

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_MODELOPTIONS_H
