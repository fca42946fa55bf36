//===- Executor.h - Anything that computes a model ------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Run, eval and bench see one interface: a shared object, a model compiled in
// this process, or the reference interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_EXECUTOR_H
#define QOPT_TOOLS_QOPT_EXECUTOR_H

#include "ModelBuilder.h"
#include "qopt/Support/Npy.h"
#include "qopt/Target/ModelInfo.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace qopt::cli {

class Executor {
public:
  virtual ~Executor() = default;

  /// One inference. Several threads may call it at once.
  virtual llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) = 0;

  /// Names, shapes and sizes. The interpreter knows no arena and no target.
  const ModelInfo &getInfo() const { return info; }
  /// The inputs, as a data set is bound to them.
  std::vector<TensorSpec> inputSpecs() const;

protected:
  ModelInfo info;
};

/// A shared object, or a model compiled in this process.
llvm::Expected<std::unique_ptr<Executor>>
createExecutor(Session &session, const ModelOptions &model,
               const BuildOptions &build);

/// The reference interpreter on a model.
llvm::Expected<std::unique_ptr<Executor>>
createReference(Session &session, const ModelOptions &model,
                const BuildOptions &build);

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_EXECUTOR_H
