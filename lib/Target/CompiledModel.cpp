//===- CompiledModel.cpp - Loading and running artifacts ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/CompiledModel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "qopt/Target/Lowering.h"
#include "qopt/Target/TargetInfo.h"
#include "qopt_model.h"
#include "qopt_observe.h"
#include "qopt_pool.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/AllocatorBase.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include <cstring>
#include <dlfcn.h>
#include <set>
#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace llvm;
using namespace qopt;

//===----------------------------------------------------------------------===//
// What holds the code
//===----------------------------------------------------------------------===//

namespace {
/// A constant of a model that runs in this process. It takes no part in the
/// generation of code, which would carry it element by element.
struct HostConstant {
  std::string name;
  std::unique_ptr<char[]> memory;
  char *bytes;
};
} // namespace

struct CompiledModel::Library {
  std::unique_ptr<orc::LLJIT> jit;
  void *handle = nullptr;
  /// Of a model for a GPU: what its last error was.
  const char *(*error)() = nullptr;
  qopt_pool *pool = nullptr;
  /// What the code in memory reads its weights from.
  std::vector<HostConstant> constants;

  ~Library() {
    qopt_pool_destroy(pool);
    if (handle)
      dlclose(handle);
  }
};

CompiledModel::CompiledModel() : library(std::make_unique<Library>()) {}
CompiledModel::~CompiledModel() = default;

// The observer of the run that this thread is in.
static thread_local const CompiledModel::ObserveFn *currentObserver = nullptr;

static void observeOnHost(int64_t edge, const float *values, int64_t count) {
  if (currentObserver && *currentObserver)
    (*currentObserver)(edge, ArrayRef(values, count));
}

/// qopt_model_info -> ModelInfo.
static TensorInfo readTensorInfo(const qopt_tensor_info &tensor) {
  TensorInfo info;
  info.name = tensor.name;
  info.dtype = static_cast<DType>(tensor.dtype);
  info.shape.assign(tensor.shape, tensor.shape + tensor.rank);
  info.scale = tensor.scale;
  info.zeroPoint = tensor.zero_point;
  return info;
}

static ModelInfo readModelInfo(const qopt_model_info &model) {
  ModelInfo info;
  info.name = model.name;
  info.target = model.target;
  info.version = model.version;
  info.arenaBytes = model.arena_bytes;
  info.weightBytes = model.weight_bytes;
  for (int i = 0; i < model.n_inputs; ++i)
    info.inputs.push_back(readTensorInfo(model.inputs[i]));
  for (int i = 0; i < model.n_outputs; ++i)
    info.outputs.push_back(readTensorInfo(model.outputs[i]));
  return info;
}

/// Whether Linux lets this process use tiles, whose state it saves only for
/// those that ask. What chooses between versions asks itself.
static bool askForTiles() {
#if defined(__linux__) && defined(__x86_64__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

/// The suffix of the functions of one version; none without a `level`, and for
/// a model that has no other. One that this host cannot run is refused.
static Expected<std::string> suffixOf(const ModelInfo &info, StringRef level) {
  if (level.empty() || level == info.target)
    return std::string();
  if (!is_contained(info.versions(), level))
    return createStringError("expected a level of '" + info.target +
                             "', got '" + level + "'");
  Expected<TargetInfo> target = TargetInfo::get(level);
  if (!target)
    return target.takeError();
  if (!target->runsOnHost() || (target->hasAmx && !askForTiles()))
    return createStringError("this host cannot run " + level);
  return versionSuffix(level);
}

//===----------------------------------------------------------------------===//
// From memory
//===----------------------------------------------------------------------===//

/// The bytes of a constant as the code finds them in memory; empty for one that
/// LLVM has as cheaply.
static ArrayRef<char> hostBytes(mlir::LLVM::GlobalOp global) {
  auto elements =
      dyn_cast_if_present<mlir::DenseElementsAttr>(global.getValueOrNull());
  if (!global.getConstant() || !elements || elements.isSplat())
    return {};
  mlir::Type type = elements.getElementType();
  if (!type.isF32() && !type.isInteger(8) && !type.isInteger(32))
    return {};
  return elements.getRawData();
}

/// Turns constants of the module into declarations; the result defines them.
static std::vector<HostConstant> takeConstants(mlir::ModuleOp module) {
  std::vector<HostConstant> constants;
  for (auto global : module.getOps<mlir::LLVM::GlobalOp>()) {
    ArrayRef<char> bytes = hostBytes(global);
    if (bytes.empty())
      continue;
    // Kernels may read up to one alignment past the end.
    constexpr size_t kAlignment = ModelInfo::kAlignment;
    std::unique_ptr<char[]> memory(new char[bytes.size() + 2 * kAlignment]());
    char *start =
        reinterpret_cast<char *>(alignAddr(memory.get(), Align(kAlignment)));
    std::memcpy(start, bytes.data(), bytes.size());
    constants.push_back({global.getSymName().str(), std::move(memory), start});
    global.removeValueAttr();
    global.setLinkage(mlir::LLVM::Linkage::External);
  }
  return constants;
}

Expected<std::unique_ptr<CompiledModel>>
CompiledModel::compile(mlir::ModuleOp module, const EmitOptions &options) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(
      module.getContext(), [&](mlir::Diagnostic &diag) {
        if (message.empty() &&
            diag.getSeverity() == mlir::DiagnosticSeverity::Error)
          raw_string_ostream(message) << diag.getLocation() << ": " << diag;
        return mlir::success();
      });
  mlir::PassManager pm(module.getContext());
  // Once, at the end: see compilePhases.
  pm.enableVerifier(false);
  buildPlannedPipeline(pm);
  buildLlvmPipeline(pm, options.target);
  if (failed(pm.run(module)) || failed(mlir::verify(module)))
    return make_error<InternalError>("the module cannot be lowered: " +
                                     message);
  Expected<ModelInfo> info = getModelInfo(module, options);
  if (!info)
    return info.takeError();
  std::vector<HostConstant> constants = takeConstants(module);
  EmitOptions host = options;
  for (const HostConstant &constant : constants)
    host.externals.push_back(constant.name);
  Expected<std::vector<std::string>> objects =
      emitObjects(ModelVersion{module, options.target}, host);
  if (!objects)
    return objects.takeError();
  auto library = std::make_unique<Library>();
  library->constants = std::move(constants);
  return load(SmallVector<StringRef>(objects->begin(), objects->end()), *info,
              "", std::move(library));
}

/// What the host defines for the code.
static orc::SymbolMap hostSymbols(orc::LLJIT &jit,
                                  ArrayRef<HostConstant> constants) {
  orc::SymbolMap host;
  auto define = [&](StringRef name, orc::ExecutorAddr address) {
    host[jit.mangleAndIntern(name)] = {address, JITSymbolFlags::Exported};
  };
  define("qopt_observe", orc::ExecutorAddr::fromPtr(&observeOnHost));
  define("memcpy",
         orc::ExecutorAddr::fromPtr<void *(void *, const void *, size_t)>(
             &memcpy));
  define("memset",
         orc::ExecutorAddr::fromPtr<void *(void *, int, size_t)>(&memset));
  for (const HostConstant &constant : constants)
    define(constant.name, orc::ExecutorAddr::fromPtr(constant.bytes));
  return host;
}

Expected<std::unique_ptr<CompiledModel>>
CompiledModel::loadObject(StringRef object, const ModelInfo &info,
                          StringRef level) {
  return load(object, info, level, std::make_unique<Library>());
}

Expected<std::unique_ptr<CompiledModel>>
CompiledModel::load(ArrayRef<StringRef> objects, const ModelInfo &info,
                    StringRef level, std::unique_ptr<Library> library) {
  Expected<std::string> suffix = suffixOf(info, level);
  if (!suffix)
    return suffix.takeError();
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  Expected<std::unique_ptr<orc::LLJIT>> jit = orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  orc::JITDylib &symbols = (*jit)->getMainJITDylib();
  if (Error error = symbols.define(
          orc::absoluteSymbols(hostSymbols(**jit, library->constants))))
    return error;
  for (StringRef object : objects)
    if (Error error = (*jit)->addObjectFile(
            MemoryBuffer::getMemBufferCopy(object, info.name)))
      return error;
  Expected<orc::ExecutorAddr> run =
      (*jit)->lookup(info.name + "_run" + *suffix);
  if (!run)
    return run.takeError();
  std::unique_ptr<CompiledModel> model(new CompiledModel());
  model->library = std::move(library);
  model->library->jit = std::move(*jit);
  model->runFunction = run->toPtr<decltype(CompiledModel::runFunction)>();
  Expected<orc::ExecutorAddr> parallel =
      model->library->jit->lookup(info.name + "_run_parallel" + *suffix);
  if (parallel)
    model->runParallel =
        parallel->toPtr<decltype(CompiledModel::runParallel)>();
  else
    consumeError(parallel.takeError());
  Expected<orc::ExecutorAddr> error =
      model->library->jit->lookup(info.name + "_error");
  if (error)
    model->library->error = error->toPtr<const char *(*)()>();
  else
    consumeError(error.takeError());
  model->model = info;
  return model;
}

//===----------------------------------------------------------------------===//
// From a file
//===----------------------------------------------------------------------===//

/// The NAMEs of which the library exports NAME_info and NAME_run.
static Expected<SmallVector<std::string>> listModels(StringRef path) {
  auto file = object::ObjectFile::createObjectFile(path);
  if (!file)
    return file.takeError();
  auto *elf = dyn_cast<object::ELFObjectFileBase>(file->getBinary());
  if (!elf)
    return createStringError(path + ": expected an ELF shared library");
  std::set<std::string> exported;
  for (const object::ELFSymbolRef &symbol : elf->getDynamicSymbolIterators()) {
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    exported.insert(name->str());
  }
  SmallVector<std::string> models;
  for (StringRef name : exported)
    if (name.consume_back("_info") && exported.count((name + "_run").str()))
      models.push_back(name.str());
  return models;
}

/// dlopen calls a library for another architecture a missing file.
static Error checkArchitecture(StringRef path) {
  auto file = object::ObjectFile::createObjectFile(path);
  if (!file)
    return createStringError(path +
                             ": expected a shared library made by qopt: " +
                             toString(file.takeError()));
  Triple::ArchType arch = file->getBinary()->getArch();
  Triple host(sys::getProcessTriple());
  if (arch == host.getArch())
    return Error::success();
  return createStringError(
      path + ": expected code that this host can run, got code for '" +
      Triple::getArchTypeName(arch) + "'");
}

Expected<std::unique_ptr<CompiledModel>>
CompiledModel::loadSharedObject(StringRef path, StringRef name,
                                StringRef level) {
  std::string modelName = name.str();
  if (modelName.empty()) {
    Expected<SmallVector<std::string>> models = listModels(path);
    if (!models)
      return createStringError(path +
                               ": expected a shared library made by "
                               "qopt: " +
                               toString(models.takeError()));
    if (models->size() != 1)
      return createStringError(path + ": expected one model, got " +
                               Twine(models->size()));
    modelName = models->front();
  }
  if (Error error = checkArchitecture(path))
    return std::move(error);
  // Without a slash dlopen would search the system's folders.
  SmallString<128> absolute(path);
  sys::fs::make_absolute(absolute);
  std::unique_ptr<CompiledModel> model(new CompiledModel());
  void *handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return createStringError(path + ": cannot be loaded: " + dlerror());
  model->library->handle = handle;
  auto info = reinterpret_cast<const qopt_model_info *(*)()>(
      dlsym(handle, (modelName + "_info").c_str()));
  if (info)
    model->model = readModelInfo(*info());
  Expected<std::string> suffix = suffixOf(model->model, level);
  if (!suffix)
    return createStringError(path + ": " + toString(suffix.takeError()));
  model->runFunction = reinterpret_cast<decltype(CompiledModel::runFunction)>(
      dlsym(handle, (modelName + "_run" + *suffix).c_str()));
  model->runParallel = reinterpret_cast<decltype(CompiledModel::runParallel)>(
      dlsym(handle, (modelName + "_run_parallel" + *suffix).c_str()));
  model->library->error = reinterpret_cast<const char *(*)()>(
      dlsym(handle, (modelName + "_error").c_str()));
  if (!info || !model->runFunction)
    return createStringError(path + ": expected the model '" + modelName +
                             "', got no such symbols");
  // The weakest of several versions is the one that any host must run.
  Expected<std::vector<TargetInfo>> targets =
      TargetInfo::getList(model->model.target);
  if (!targets)
    return createStringError(path + ": " + toString(targets.takeError()));
  if (!targets->front().runsOnHost())
    return createStringError(path +
                             ": expected code that this host can run, "
                             "got code for '" +
                             model->model.target + "'");
  return model;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Error CompiledModel::useThreads(unsigned threads) {
  qopt_pool_destroy(library->pool);
  library->pool = nullptr;
  if (threads <= 1 || !runParallel)
    return Error::success();
  library->pool = qopt_pool_create(threads);
  if (library->pool)
    return Error::success();
  return createStringError(Twine(threads) + " threads cannot be started");
}

int CompiledModel::runRaw(const void *const *inputs, void *const *outputs,
                          void *arena) const {
  if (library->pool)
    return runParallel(inputs, outputs, arena, qopt_pool_parallel_for,
                       library->pool);
  return runFunction(inputs, outputs, arena);
}

CompiledModel::Arena::Arena(const ModelInfo &info)
    : memory(allocate_buffer(info.arenaBytes, ModelInfo::kAlignment)),
      bytes(info.arenaBytes) {
  std::memset(memory, 0, bytes);
}

CompiledModel::Arena::~Arena() {
  deallocate_buffer(memory, bytes, ModelInfo::kAlignment);
}

static std::string describe(DType dtype, ArrayRef<int64_t> shape) {
  std::string text = dtypeName(dtype).str() + "[";
  raw_string_ostream os(text);
  interleave(shape, os, "x");
  os << "]";
  return text;
}

static Error checkInputs(const ModelInfo &info, ArrayRef<HostTensor> inputs) {
  if (inputs.size() != info.inputs.size())
    return createStringError("model '" + info.name + "': expected " +
                             Twine(info.inputs.size()) + " inputs, got " +
                             Twine(inputs.size()));
  for (auto [expected, got] : zip_equal(info.inputs, inputs))
    if (expected.dtype != got.dtype || expected.shape != got.shape ||
        static_cast<int64_t>(got.bytes.size()) != expected.numBytes())
      return createStringError("input '" + expected.name + "': expected " +
                               describe(expected.dtype, expected.shape) +
                               ", got " + describe(got.dtype, got.shape) +
                               " of " + Twine(got.bytes.size()) + " bytes");
  return Error::success();
}

Expected<SmallVector<HostTensor>>
CompiledModel::run(ArrayRef<HostTensor> inputs, ObserveFn observe) const {
  if (Error error = checkInputs(model, inputs))
    return error;
  SmallVector<HostTensor> outputs;
  for (const TensorInfo &output : model.outputs)
    outputs.emplace_back(output.dtype, output.shape);
  SmallVector<const void *> inputPointers;
  SmallVector<void *> outputPointers;
  for (const HostTensor &input : inputs)
    inputPointers.push_back(input.bytes.data());
  for (HostTensor &output : outputs)
    outputPointers.push_back(output.bytes.data());
  // The C interface takes no null pointer, not even for an empty list.
  inputPointers.push_back(nullptr);
  outputPointers.push_back(nullptr);

  Arena arena(model);
  currentObserver = &observe;
  int code = runRaw(inputPointers.data(), outputPointers.data(), arena.data());
  currentObserver = nullptr;
  if (code != QOPT_OK && library->error)
    return createStringError(library->error());
  if (code != QOPT_OK)
    return createStringError("model '" + model.name + "': the run returned " +
                             Twine(code));
  return outputs;
}
