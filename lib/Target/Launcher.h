//===- Launcher.h - The host's side of a model for a GPU ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TARGET_LAUNCHER_H
#define QOPT_LIB_TARGET_LAUNCHER_H

#include "qopt/Target/Emit.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace qopt {

/// Alignment of inputs and outputs in the memory of a GPU, in bytes.
inline constexpr int64_t kGpuTensorAlignment = 16;

/// An object for this host that holds the kernels as PTX, and as machine code
/// where ptxas is at hand, the weights, runtime/qopt_cuda.c, and NAME_run,
/// NAME_run_stream, NAME_release and NAME_info.
llvm::Expected<std::string> emitLauncher(const ModelVersion &version,
                                         llvm::StringRef ptx,
                                         const ModelInfo &info,
                                         const EmitOptions &options);

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const TargetInfo &info, unsigned optLevel);

/// The bytes of an object, or assembly.
llvm::Expected<std::string> generateCode(llvm::Module &module,
                                         llvm::TargetMachine &machine,
                                         llvm::CodeGenFileType type);

/// Whether ld.lld is there.
llvm::Error checkObjectLinker();

/// Links objects into one that can be linked on, with ld.lld.
llvm::Expected<std::string>
linkObjects(llvm::ArrayRef<llvm::StringRef> objects);

/// Runs ptxas; no bytes where there is none.
llvm::Expected<std::string> assemblePtx(llvm::StringRef ptx,
                                        const TargetInfo &target);

} // namespace qopt

#endif // QOPT_LIB_TARGET_LAUNCHER_H
