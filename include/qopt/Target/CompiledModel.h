//===- CompiledModel.h - Running what the compiler has made ---*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An artifact loaded into this process, from memory or from a file, behind the
// C interface that any other program would use.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_COMPILEDMODEL_H
#define QOPT_TARGET_COMPILEDMODEL_H

#include "qopt/Support/Tensor.h"
#include "qopt/Target/Emit.h"
#include "qopt/Target/ModelInfo.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace qopt {

class CompiledModel {
public:
  /// Receives the values of one observed edge, by its index in
  /// `info().edges`, in row-major order. The values live for the call.
  using ObserveFn =
      llvm::function_ref<void(int64_t edge, llvm::ArrayRef<float> values)>;

  /// Takes a module of phase `scheduled`, or any module of linalg on tensors
  /// (with observers), through the rest of the phases and loads the object.
  /// The module is changed; its context needs registerLoweringInterfaces.
  static llvm::Expected<std::unique_ptr<CompiledModel>>
  compile(mlir::ModuleOp module, const EmitOptions &options);

  /// Loads the bytes of an object for this host.
  static llvm::Expected<std::unique_ptr<CompiledModel>>
  loadObject(llvm::StringRef object, const ModelInfo &info,
             llvm::StringRef level = "");

  /// Opens a shared library. Without a `name` it must hold one model. A `level`
  /// names one of the model's versions, instead of the one that suits the CPU.
  static llvm::Expected<std::unique_ptr<CompiledModel>>
  loadSharedObject(llvm::StringRef path, llvm::StringRef name = "",
                   llvm::StringRef level = "");

  ~CompiledModel();
  CompiledModel(const CompiledModel &) = delete;
  CompiledModel &operator=(const CompiledModel &) = delete;

  const ModelInfo &info() const { return model; }

  /// Zeroed memory for one run at a time, aligned as the model needs it.
  class Arena {
  public:
    explicit Arena(const ModelInfo &info);
    ~Arena();
    Arena(const Arena &) = delete;
    Arena &operator=(const Arena &) = delete;
    void *data() const { return memory; }

  private:
    void *memory;
    size_t bytes;
  };

  /// One inference. Safe to call from several threads at once. Checks number,
  /// dtypes and shapes of the inputs. `observe` is called on the thread of the
  /// caller.
  llvm::Expected<llvm::SmallVector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs, ObserveFn observe = nullptr) const;

  /// The same without checks and allocations, for measurements. Returns the
  /// model's code.
  int runRaw(const void *const *inputs, void *const *outputs,
             void *arena) const;

  /// Whether the model was compiled for several threads.
  bool hasTasks() const { return runParallel; }
  /// Lets `threads` threads share the tasks of a run. Fails where they cannot
  /// be started.
  llvm::Error useThreads(unsigned threads);

private:
  using ParallelFor = void (*)(void *, int, void (*)(void *, int), void *);
  struct Library;
  CompiledModel();
  static llvm::Expected<std::unique_ptr<CompiledModel>>
  load(llvm::ArrayRef<llvm::StringRef> objects, const ModelInfo &info,
       llvm::StringRef level, std::unique_ptr<Library> library);

  std::unique_ptr<Library> library;
  int (*runFunction)(const void *const *, void *const *, void *) = nullptr;
  /// Null unless the model has tasks.
  int (*runParallel)(const void *const *, void *const *, void *, ParallelFor,
                     void *) = nullptr;
  ModelInfo model;
};

} // namespace qopt

#endif // QOPT_TARGET_COMPILEDMODEL_H
