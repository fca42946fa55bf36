//===- Link.cpp - Objects to shared libraries and programs ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmbeddedRuntime.h"
#include "Launcher.h"
#include "qopt/Target/Emit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace qopt;

namespace {
/// A temporary file that goes away with the object.
class TemporaryFile {
public:
  static Expected<TemporaryFile> create(StringRef suffix, StringRef content) {
    SmallString<128> path;
    int descriptor;
    if (std::error_code code =
            sys::fs::createTemporaryFile("qopt", suffix, descriptor, path))
      return createStringError(code, "a temporary file cannot be made: " +
                                         code.message());
    TemporaryFile file(path);
    raw_fd_ostream os(descriptor, /*shouldClose=*/true);
    os << content;
    os.close();
    if (os.has_error()) {
      std::error_code code = os.error();
      os.clear_error();
      return createStringError(code,
                               path + ": cannot be written: " + code.message());
    }
    return file;
  }

  StringRef path() const { return remover->getPath(); }

private:
  struct Remover : FileRemover {
    Remover(StringRef path) : FileRemover(path), name(path) {}
    StringRef getPath() const { return name; }
    std::string name;
  };
  explicit TemporaryFile(StringRef path)
      : remover(std::make_unique<Remover>(path)) {}
  std::unique_ptr<Remover> remover;
};
} // namespace

/// The first of `names` that exists in LLVM's folder or on the PATH.
static Expected<std::string> findTool(ArrayRef<StringRef> names,
                                      StringRef package) {
  for (StringRef name : names) {
    if (ErrorOr<std::string> path =
            sys::findProgramByName(name, {QOPT_LLVM_TOOLS_DIR}))
      return *path;
    if (ErrorOr<std::string> path = sys::findProgramByName(name))
      return *path;
  }
  return createStringError("expected one of " + join(names, ", ") +
                           " in LLVM's folder or on the PATH, got none; "
                           "install the package " +
                           package);
}

/// Runs a tool quietly on the file `input`; its complaints become the error.
static Error runTool(ArrayRef<StringRef> command, StringRef input = "") {
  Expected<TemporaryFile> log = TemporaryFile::create("log", "");
  if (!log)
    return log.takeError();
  std::optional<StringRef> redirects[] = {input, log->path(), log->path()};
  std::string message;
  int code = sys::ExecuteAndWait(command.front(), command, std::nullopt,
                                 redirects, 0, 0, &message);
  if (code == 0)
    return Error::success();
  if (auto text = MemoryBuffer::getFile(log->path()))
    message += (*text)->getBuffer().trim().split('\n').first;
  return createStringError(command.front() + " failed: " + message);
}

static Expected<std::string> readFile(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return createStringError(buffer.getError(),
                             path + ": " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

Expected<std::string> qopt::linkObjects(ArrayRef<StringRef> objects) {
  Expected<std::string> linker = findTool({"ld.lld", "ld.lld-22"}, "lld-22");
  if (!linker)
    return linker.takeError();
  Expected<TemporaryFile> output = TemporaryFile::create("o", "");
  if (!output)
    return output.takeError();
  SmallVector<StringRef> command = {*linker, "-r", "--build-id=none", "-o",
                                    output->path()};
  std::vector<TemporaryFile> inputs;
  for (StringRef object : objects) {
    Expected<TemporaryFile> input = TemporaryFile::create("o", object);
    if (!input)
      return input.takeError();
    inputs.push_back(std::move(*input));
  }
  for (const TemporaryFile &input : inputs)
    command.push_back(input.path());
  if (Error error = runTool(command))
    return error;
  return readFile(output->path());
}

Expected<std::string> qopt::assemblePtx(StringRef ptx,
                                        const TargetInfo &target) {
  Expected<std::string> ptxas = findTool({"ptxas"}, "the CUDA toolkit");
  if (!ptxas) {
    consumeError(ptxas.takeError());
    return std::string();
  }
  Expected<TemporaryFile> input = TemporaryFile::create("ptx", ptx);
  if (!input)
    return input.takeError();
  Expected<TemporaryFile> output = TemporaryFile::create("cubin", "");
  if (!output)
    return output.takeError();
  std::string cpu = "-arch=" + target.cpu;
  if (Error error =
          runTool({*ptxas, cpu, "-O3", "-o", output->path(), input->path()}))
    return error;
  return readFile(output->path());
}

Expected<std::string> qopt::linkSharedObject(StringRef object,
                                             const ModelInfo &info) {
  Expected<std::string> linker = findTool({"ld.lld", "ld.lld-22"}, "lld-22");
  if (!linker)
    return linker.takeError();
  Expected<TemporaryFile> input = TemporaryFile::create("o", object);
  if (!input)
    return input.takeError();
  Expected<TemporaryFile> output = TemporaryFile::create("so", "");
  if (!output)
    return output.takeError();
  std::string soname = info.name + ".so";
  if (Error error = runTool({*linker, "-shared", "--build-id=none",
                             "--hash-style=gnu", "-z", "relro", "-soname",
                             soname, "-o", output->path(), input->path()}))
    return error;
  return readFile(output->path());
}

Expected<std::string> qopt::linkExecutable(StringRef object,
                                           const ModelInfo &info) {
  Expected<std::string> compiler =
      findTool({"cc", "clang", "clang-22", "gcc"}, "clang-22 or gcc");
  if (!compiler)
    return compiler.takeError();
  bool hasTasks = info.threads > 1;
  std::string program =
      std::string(kModelTypes) + (hasTasks ? kPool : "") + kMainProgram;
  Expected<TemporaryFile> source = TemporaryFile::create("c", program);
  if (!source)
    return source.takeError();
  Expected<TemporaryFile> input = TemporaryFile::create("o", object);
  if (!input)
    return input.takeError();
  Expected<TemporaryFile> output = TemporaryFile::create("exe", "");
  if (!output)
    return output.takeError();
  std::string infoMacro = "-DQOPT_INFO=" + info.name + "_info";
  std::string runMacro =
      "-DQOPT_RUN=" + info.name + (hasTasks ? "_run_parallel" : "_run");
  std::string threadsMacro = "-DQOPT_THREADS=" + std::to_string(info.threads);
  // The source comes from stdin: the name of a temporary file would end up in
  // the program's symbols.
  std::string errorMacro = "-DQOPT_ERROR=" + info.name + "_error";
  SmallVector<StringRef> command = {
      *compiler,      "-O1",         infoMacro, runMacro, "-o",
      output->path(), input->path(), "-x",      "c",      "-"};
  if (hasTasks)
    command.append({threadsMacro, "-pthread"});
  Expected<TargetInfo> target = TargetInfo::get(info.target);
  if (!target)
    consumeError(target.takeError());
  else if (target->isGpu())
    command.append({errorMacro, "-pthread", "-ldl"});
  if (Error error = runTool(command, source->path()))
    return error;
  return readFile(output->path());
}
