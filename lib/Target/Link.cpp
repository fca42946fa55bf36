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
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

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
  if (auto text = MemoryBuffer::getFile(log->path())) {
    // Warnings come first and are not why.
    StringRef all = (*text)->getBuffer().trim();
    StringRef line = all.split('\n').first;
    for (StringRef one : split(all, '\n'))
      if (one.contains("error:")) {
        line = one;
        break;
      }
    message += line;
  }
  return createStringError(command.front() + " failed: " + message);
}

static Expected<std::string> readFile(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return createStringError(buffer.getError(),
                             path + ": " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

static Expected<std::string> findLinker() {
  return findTool({"ld.lld", "ld.lld-22"}, "lld-22");
}

Error qopt::checkObjectLinker() { return findLinker().takeError(); }

Expected<std::string> qopt::linkObjects(ArrayRef<StringRef> objects) {
  Expected<std::string> linker = findLinker();
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

static Expected<std::string> findPtxAssembler() {
  return findTool({"ptxas"}, "the CUDA toolkit");
}

bool qopt::hasPtxAssembler() {
  Expected<std::string> ptxas = findPtxAssembler();
  if (!ptxas)
    consumeError(ptxas.takeError());
  return static_cast<bool>(ptxas);
}

Expected<std::string> qopt::assemblePtx(StringRef ptx,
                                        const TargetInfo &target) {
  Expected<std::string> ptxas = findPtxAssembler();
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

/// The linker's command for a shared library.
static Expected<SmallVector<std::string>>
sharedLinkCommand(const ModelInfo &info, const TargetInfo &target) {
  bool isWasm = target.arch == TargetInfo::Arch::Wasm;
  SmallVector<std::string> command;
  Expected<std::string> linker =
      isWasm ? findTool({"wasm-ld", "wasm-ld-22"}, "lld-22") : findLinker();
  if (!linker)
    return linker.takeError();
  if (isWasm)
    // What is beyond __heap_base is the caller's.
    command = {*linker,
               "--no-entry",
               "--export=" + info.name + "_run",
               "--export=" + info.name + "_info",
               "--export=__heap_base",
               "--strip-all"};
  else
    command = {*linker, "-shared", "--build-id=none", "--hash-style=gnu",
               "-z",    "relro",   "-soname",         info.name + ".so"};
  return command;
}

Expected<std::string> qopt::linkSharedObject(StringRef object,
                                             const ModelInfo &info,
                                             const TargetInfo &target) {
  Expected<SmallVector<std::string>> linker = sharedLinkCommand(info, target);
  if (!linker)
    return linker.takeError();
  Expected<TemporaryFile> input = TemporaryFile::create("o", object);
  if (!input)
    return input.takeError();
  Expected<TemporaryFile> output = TemporaryFile::create("so", "");
  if (!output)
    return output.takeError();
  SmallVector<StringRef> command(linker->begin(), linker->end());
  command.append({"-o", output->path(), input->path()});
  if (Error error = runTool(command))
    return error;
  return readFile(output->path());
}

/// The compiler of the host, or clang for another architecture, whose programs
/// hold all of their C library: an emulator then needs to find none.
static Expected<SmallVector<std::string>> compilerFor(const Triple &triple) {
  bool isHost = triple.getArch() == Triple(sys::getProcessTriple()).getArch();
  SmallVector<StringRef> names = {"clang", "clang-22"};
  if (isHost)
    names = {"cc", "clang", "clang-22", "gcc"};
  Expected<std::string> compiler =
      findTool(names, isHost ? "clang-22 or gcc" : "clang-22");
  if (!compiler)
    return compiler.takeError();
  SmallVector<std::string> command{*compiler};
  if (!isHost)
    command.append({"--target=" + triple.str(), "-fuse-ld=lld", "-static"});
  return command;
}

/// What is missing, most likely, where a program cannot be linked.
static std::string linkHint(const Triple &triple) {
  if (triple.getArch() == Triple(sys::getProcessTriple()).getArch())
    return "";
  if (triple.isWasm())
    return " (a program for WebAssembly needs its C library and builtins; "
           "Debian: wasi-libc, libclang-rt-22-dev-wasm32)";
  std::string debian =
      triple.isAArch64() ? "arm64" : triple.getArchName().str();
  return " (a program for " + triple.getArchName().str() +
         " needs its C library and libgcc; Debian: libc6-dev-" + debian +
         "-cross, libgcc-12-dev-" + debian + "-cross)";
}

/// The launcher of a GPU's kernels is a program of the host.
static Triple programTriple(const TargetInfo &target) {
  return Triple(target.isGpu() ? sys::getProcessTriple() : target.triple);
}

Error qopt::checkLinker(LinkedKind kind, const TargetInfo &target) {
  if (kind == LinkedKind::SharedObject)
    return sharedLinkCommand(ModelInfo(), target).takeError();
  return compilerFor(programTriple(target)).takeError();
}

/// Runs the compiler of the target; what it writes is the result.
static Expected<std::string> runCompiler(const TargetInfo &target,
                                         StringRef suffix,
                                         ArrayRef<StringRef> options,
                                         StringRef input = "") {
  Triple triple = programTriple(target);
  Expected<SmallVector<std::string>> compiler = compilerFor(triple);
  if (!compiler)
    return compiler.takeError();
  Expected<TemporaryFile> output = TemporaryFile::create(suffix, "");
  if (!output)
    return output.takeError();
  SmallVector<StringRef> command(compiler->begin(), compiler->end());
  command.append({"-o", output->path()});
  append_range(command, options);
  if (Error error = runTool(command, input))
    return createStringError(toString(std::move(error)) + linkHint(triple));
  return readFile(output->path());
}

Expected<std::string> qopt::compileMainProgram(const ModelInfo &info,
                                               const TargetInfo &target) {
  bool hasTasks = info.threads > 1;
  std::string program =
      std::string(kModelTypes) + (hasTasks ? kPool : "") + kMainProgram;
  Expected<TemporaryFile> source = TemporaryFile::create("c", program);
  if (!source)
    return source.takeError();
  std::string infoMacro = "-DQOPT_INFO=" + info.name + "_info";
  std::string runMacro =
      "-DQOPT_RUN=" + info.name + (hasTasks ? "_run_parallel" : "_run");
  std::string threadsMacro = "-DQOPT_THREADS=" + std::to_string(info.threads);
  // The source comes from stdin: the name of a temporary file would end up in
  // the program's symbols.
  SmallVector<StringRef> options = {"-O1", "-c", infoMacro, runMacro,
                                    "-x",  "c",  "-"};
  if (hasTasks)
    options.append({threadsMacro, "-pthread"});
  std::string errorMacro = "-DQOPT_ERROR=" + info.name + "_error";
  if (target.isGpu())
    options.push_back(errorMacro);
  return runCompiler(target, "o", options, source->path());
}

Expected<std::string> qopt::linkExecutable(StringRef object,
                                           StringRef mainObject,
                                           const ModelInfo &info,
                                           const TargetInfo &target) {
  Expected<TemporaryFile> input = TemporaryFile::create("o", object);
  if (!input)
    return input.takeError();
  Expected<TemporaryFile> mainInput = TemporaryFile::create("o", mainObject);
  if (!mainInput)
    return mainInput.takeError();
  SmallVector<StringRef> options = {mainInput->path(), input->path()};
  if (info.threads > 1 || target.isGpu())
    options.push_back("-pthread");
  if (target.isGpu())
    options.push_back("-ldl");
  return runCompiler(target, "exe", options);
}

Expected<std::string> qopt::linkExecutable(StringRef object,
                                           const ModelInfo &info,
                                           const TargetInfo &target) {
  Expected<std::string> mainObject = compileMainProgram(info, target);
  if (!mainObject)
    return mainObject.takeError();
  return linkExecutable(object, *mainObject, info, target);
}
