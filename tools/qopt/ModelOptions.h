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

/// The options of every command that takes a model. The members are options
/// of the command they are constructed with, so they live as long as it does.
struct ModelOptions {
  explicit ModelOptions(llvm::cl::SubCommand &command);

  /// --name and --dim, checked.
  llvm::Expected<LoadOptions> loadOptions() const;

  llvm::cl::opt<std::string> path;
  llvm::cl::opt<std::string> name;
  llvm::cl::list<std::string> dims;
  llvm::cl::opt<std::string> compileFrom;
};

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_MODELOPTIONS_H
