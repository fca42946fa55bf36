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
  options.name = name;
  if (name.empty()) {
    options.name = makeCIdentifier(llvm::sys::path::stem(path));
    if (!isModelName(options.name))
      options.name.insert(0, "model_");
  }
  if (!isCIdentifier(options.name))
    return usageError("--name: expected a C identifier, got '" + name + "'");
  if (!isModelName(options.name))
    return usageError("--name: expected a name other than qopt_model and "
                      "qopt_tensor, of which the header has its own, got '" +
                      name + "'");
  for (llvm::StringRef dim : dims) {
    auto [key, value] = dim.split('=');
    int64_t size = 0;
    if (key.empty() || value.getAsInteger(10, size) || size <= 0)
      return usageError("--dim: expected NAME=N with N > 0, got '" + dim + "'");
    if (!options.dims.try_emplace(key, size).second)
      return usageError("--dim: expected one size for '" + key +
                        "', got another with '" + dim + "'");
  }
  return options;
}

} // namespace qopt::cli
