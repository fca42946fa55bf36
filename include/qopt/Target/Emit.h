//===- Emit.h - Objects, headers, libraries and programs ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a module in the `llvm` phase to what leaves the compiler. The bytes
// depend on the module and the options only. Emitting code switches LLVM's
// search for checksums (HashRecognize) off, which is a setting of the whole
// process: a program that embeds the libraries shares it.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_EMIT_H
#define QOPT_TARGET_EMIT_H

#include "qopt/Target/ModelInfo.h"
#include "qopt/Target/TargetInfo.h"
#include "llvm/Support/Error.h"
#include <string>

namespace qopt {

struct EmitOptions {
  TargetInfo target;
  /// 0 to 3, LLVM's -O.
  unsigned optLevel = 3;
  bool loopVectorize = true;
  bool slpVectorize = true;
  /// Prefix of the exported symbols; the model's function name if empty.
  std::string name;
  /// Symbols that whoever loads the object defines.
  std::vector<std::string> externals;
};

enum class CodeKind { Object, Assembly, LlvmIr };

/// An error of the compiler rather than of its input: exit code 70.
class InternalError : public llvm::ErrorInfo<InternalError> {
public:
  static char ID;
  explicit InternalError(const llvm::Twine &message) : message(message.str()) {}
  void log(llvm::raw_ostream &os) const override { os << message; }
  std::error_code convertToErrorCode() const override;

private:
  std::string message;
};

/// One of the versions of a model that an object holds: the module, lowered for
/// the target.
struct ModelVersion {
  mlir::ModuleOp module;
  TargetInfo target;
};

/// Whether C and C++ take the name as it is: no keyword, no common macro.
bool isCIdentifier(llvm::StringRef name);

/// The same for the name of a model, from which the header makes others.
bool isModelName(llvm::StringRef name);

/// The nearest C identifier: "my-model.v2" -> "my_model_v2". Keywords and names
/// that begin with a digit get the prefix.
std::string makeCIdentifier(llvm::StringRef name,
                            llvm::StringRef prefix = "model_");

/// The module's ModelInfo with name, target and version filled in. Fails if
/// the name is none for a model.
llvm::Expected<ModelInfo> getModelInfo(mlir::ModuleOp module,
                                       const EmitOptions &options);

/// The same for several versions: the sizes are those of the largest.
llvm::Expected<ModelInfo> getModelInfo(llvm::ArrayRef<ModelVersion> versions,
                                       const EmitOptions &options);

/// What follows NAME_run in the name of the version for `target`:
/// "_x86_64_v3".
std::string versionSuffix(llvm::StringRef target);

/// Translates, adds NAME_run and NAME_info, optimizes and generates code. An
/// object that would need more of a C library than memcpy and memset is an
/// InternalError.
llvm::Expected<std::string> emitCode(mlir::ModuleOp module, CodeKind kind,
                                     const EmitOptions &options);

/// The same for several versions, weakest first, of one model. NAME_run calls
/// the strongest one that the CPU can run; each has a NAME_run of its own, with
/// its suffix. Equal constants are there once. `options.target` is not read.
llvm::Expected<std::string> emitCode(llvm::ArrayRef<ModelVersion> versions,
                                     CodeKind kind, const EmitOptions &options);

/// The objects of versions for CPUs that emitCode links into one, with ld.lld
/// where there are several: those of a large model are compiled on all cores
/// that the context may use, and are the same for any number of them.
llvm::Expected<std::vector<std::string>>
emitObjects(llvm::ArrayRef<ModelVersion> versions, const EmitOptions &options);

/// Whether ptxas is there, which makes machine code of an object's PTX.
bool hasPtxAssembler();

/// What an object puts into read-only memory.
struct ObjectSizes {
  int64_t code = 0, constants = 0;
};
llvm::Expected<ObjectSizes> measureObject(llvm::StringRef object);

/// NAME.h for the model.
std::string emitHeader(const ModelInfo &info);

enum class LinkedKind { SharedObject, Program };

/// Whether what the links below need is there: ld.lld, wasm-ld or a compiler.
/// They ask again; asked before a model is compiled, it saves the time.
llvm::Error checkLinker(LinkedKind kind, const TargetInfo &target);

/// Links the bytes of an object into those of a shared library, with ld.lld; of
/// WebAssembly, into a module that exports its memory and the C interface, with
/// wasm-ld.
llvm::Expected<std::string> linkSharedObject(llvm::StringRef object,
                                             const ModelInfo &info,
                                             const TargetInfo &target);

/// The bytes of an object of runtime/qopt_main.c for models of this name and
/// number of threads.
llvm::Expected<std::string> compileMainProgram(const ModelInfo &info,
                                               const TargetInfo &target);

/// Links the bytes of an object for `target` and runtime/qopt_main.c into those
/// of a program: with the C compiler of the host, or for another architecture
/// with clang and lld, statically.
llvm::Expected<std::string> linkExecutable(llvm::StringRef object,
                                           const ModelInfo &info,
                                           const TargetInfo &target);
/// The same with what compileMainProgram gave.
llvm::Expected<std::string> linkExecutable(llvm::StringRef object,
                                           llvm::StringRef mainObject,
                                           const ModelInfo &info,
                                           const TargetInfo &target);

} // namespace qopt

#endif // QOPT_TARGET_EMIT_H
