//===- EmulatedModel.h - Programs for other machines ----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code that this host cannot run, as a program of its own that a command runs:
// `qemu-aarch64 -cpu max PROGRAM --input x.npy --output y.npy`.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_EMULATEDMODEL_H
#define QOPT_TARGET_EMULATEDMODEL_H

#include "qopt/Support/Tensor.h"
#include "qopt/Target/ModelInfo.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace qopt {

class EmulatedModel {
public:
  /// The words of an emulator's command, the first of them as a path. Fails
  /// where that is no command.
  static llvm::Expected<llvm::SmallVector<std::string>>
  findCommand(llvm::StringRef emulator);

  /// `program` is the bytes of an executable that takes the options of
  /// runtime/qopt_main.c; `emulator`, the words in front of its path.
  static llvm::Expected<std::unique_ptr<EmulatedModel>>
  create(llvm::StringRef program, const ModelInfo &info,
         llvm::StringRef emulator);

  ~EmulatedModel();
  EmulatedModel(const EmulatedModel &) = delete;
  EmulatedModel &operator=(const EmulatedModel &) = delete;

  const ModelInfo &info() const { return model; }

  using Tensors = llvm::SmallVector<HostTensor>;

  /// The outputs of each sample, all of them in one process. Safe to call from
  /// several threads at once. The program checks the inputs.
  llvm::Expected<std::vector<Tensors>>
  run(llvm::ArrayRef<llvm::ArrayRef<HostTensor>> samples) const;

private:
  EmulatedModel() = default;
  std::string file(const llvm::Twine &name) const;

  ModelInfo model;
  llvm::SmallVector<std::string> command;
  /// Holds the program and the arrays of the runs.
  std::string folder;
  mutable std::atomic<int> runs{0};
};

} // namespace qopt

#endif // QOPT_TARGET_EMULATEDMODEL_H
