//===- ModelOptions.cpp - Options of commands that take a model -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelOptions.h"
#include "qopt/Pipelines/Phases.h"
#include "qopt/Target/Emit.h"
#include "llvm/Support/Path.h"

namespace cl = llvm::cl;

namespace qopt::cli {

ModelOptions::ModelOptions(cl::SubCommand &command)
    : path(cl::Positional, cl::Required, cl::desc("MODEL"), cl::sub(command)),
      name(
          "name",
          cl::desc("C identifier of the model (default: from the file's name)"),
          cl::value_desc("ID"), cl::sub(command)),
      dims("dim", cl::desc("Give the symbolic dimension NAME the size N"),
           cl::value_desc("NAME=N"), cl::sub(command)),
      compileFrom("compile-from",
                  keptDesc("MODEL is MLIR in phase PHASE: " + phaseNames() +
                           " (default: input, which ONNX is, too)"),
                  cl::value_desc("PHASE"), cl::init("input"),
                  cl::sub(command)) {}

llvm::Expected<LoadOptions> ModelOptions::loadOptions() const {
  LoadOptions options;
  options.name = name.empty() ? makeCIdentifier(llvm::sys::path::stem(path))
                              : name.getValue();
  if (!isCIdentifier(options.name))
    return usageError("--name: expected a C identifier, got '" + name + "'");
  for (llvm::StringRef dim : dims) {
    auto [key, value] = dim.split('=');
    int64_t size = 0;
    if (key.empty() || value.getAsInteger(10, size) || size <= 0)
      return usageError("--dim: expected NAME=N with N > 0, got '" + dim + "'");
    options.dims[key] = size;
  }
  return options;
}

} // namespace qopt::cli
