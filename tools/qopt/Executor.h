//===- Executor.h - Anything that computes a model ------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Run and eval see one interface: a shared object, a model compiled in this
// process, or the reference interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_EXECUTOR_H
#define QOPT_TOOLS_QOPT_EXECUTOR_H

#include "ModelBuilder.h"
#include "qopt/Target/CompiledModel.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace qopt::cli {

class Executor {
public:
  virtual ~Executor() = default;

  /// One inference. Several threads may call it at once.
  virtual llvm::Expected<llvm::SmallVector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) = 0;

  /// Names, shapes and sizes. The interpreter knows no arena and no target.
  virtual const ModelInfo &getInfo() const = 0;
};

/// Opens a shared object, or compiles a model in this process.
llvm::Expected<std::unique_ptr<CompiledModel>>
createCompiledModel(Session &session, const ModelOptions &model,
                    const BuildOptions &build, PhaseFn atPhase = nullptr);

llvm::Expected<std::unique_ptr<Executor>>
createExecutor(Session &session, const ModelOptions &model,
               const BuildOptions &build, PhaseFn atPhase = nullptr);

/// A model compiled in this process, and the reference interpreter on what it
/// is compiled from: one import, one calibration.
struct VerifiedExecutor {
  std::unique_ptr<Executor> compiled, reference;
};
llvm::Expected<VerifiedExecutor>
createVerifiedExecutor(Session &session, const ModelOptions &model,
                       const BuildOptions &build, PhaseFn atPhase = nullptr);

/// The reference interpreter on the model: on its `qdq` phase, which is its
/// meaning, or on its `float` phase where nothing is quantized.
llvm::Expected<std::unique_ptr<Executor>>
createReference(Session &session, const ModelOptions &model,
                const BuildOptions &build, PhaseFn atPhase = nullptr);

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_EXECUTOR_H
