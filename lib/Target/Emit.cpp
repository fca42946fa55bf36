//===- Emit.cpp - LLVM dialect to objects, assembly, LLVM IR --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/Emit.h"
#include "CInterface.h"
#include "CpuDispatch.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "qopt/Support/Version.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace llvm;
using namespace qopt;

char InternalError::ID = 0;

std::error_code InternalError::convertToErrorCode() const {
  return inconvertibleErrorCode();
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static bool isCKeyword(StringRef name) {
  static constexpr StringLiteral kKeywords[] = {
      "auto", "break", "case", "char", "const", "continue", "default", "do",
      "double", "else", "enum", "extern", "float", "for", "goto", "if",
      "inline", "int", "long", "register", "restrict", "return", "short",
      "signed", "sizeof", "static", "struct", "switch", "typedef", "union",
      "unsigned", "void", "volatile", "while",
      // The header is for C++, too.
      "bool", "catch", "class", "delete", "explicit", "export", "false",
      "friend", "mutable", "namespace", "new", "operator", "private",
      "protected", "public", "template", "this", "throw", "true", "try",
      "typename", "using", "virtual"};
  return is_contained(kKeywords, name);
}

bool qopt::isCIdentifier(StringRef name) {
  auto isTail = [](char c) { return isAlnum(c) || c == '_'; };
  return !name.empty() && !isDigit(name.front()) && all_of(name, isTail) &&
         !isCKeyword(name);
}

std::string qopt::makeCIdentifier(StringRef name, StringRef prefix) {
  std::string result;
  for (char c : name)
    result += isAlnum(c) ? c : '_';
  if (result.empty() || isDigit(result.front()) || isCKeyword(result))
    result.insert(0, prefix);
  return result;
}

Expected<ModelInfo> qopt::getModelInfo(mlir::ModuleOp module,
                                       const EmitOptions &options) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(module.getContext(),
                                        [&](mlir::Diagnostic &diag) {
                                          raw_string_ostream(message) << diag;
                                          return mlir::success();
                                        });
  mlir::FailureOr<ModelInfo> info = ModelInfo::fromModule(module);
  if (failed(info))
    return make_error<InternalError>(message);
  info->name = options.name.empty() ? info->name : options.name;
  info->target = options.target.name;
  info->version = QOPT_VERSION;
  if (!isCIdentifier(info->name))
    return createStringError("expected a C identifier as the model's name, "
                             "got '" +
                             info->name + "'");
  return *info;
}

Expected<ModelInfo> qopt::getModelInfo(ArrayRef<ModelVersion> versions,
                                       const EmitOptions &options) {
  std::optional<ModelInfo> all;
  for (const ModelVersion &version : versions) {
    EmitOptions one = options;
    one.target = version.target;
    Expected<ModelInfo> info = getModelInfo(version.module, one);
    if (!info)
      return info.takeError();
    if (!all) {
      all = std::move(*info);
      continue;
    }
    all->target += "," + info->target;
    all->arenaBytes = std::max(all->arenaBytes, info->arenaBytes);
    all->liveBytes = std::max(all->liveBytes, info->liveBytes);
    all->weightBytes = std::max(all->weightBytes, info->weightBytes);
    all->threads = std::max(all->threads, info->threads);
  }
  return *all;
}

std::string qopt::versionSuffix(StringRef target) {
  return "_" + makeCIdentifier(target);
}

//===----------------------------------------------------------------------===//
// The target machine
//===----------------------------------------------------------------------===//

static Expected<std::unique_ptr<TargetMachine>>
createTargetMachine(const TargetInfo &info, unsigned optLevel) {
  InitializeAllTargetInfos();
  InitializeAllTargets();
  InitializeAllTargetMCs();
  InitializeAllAsmPrinters();
  // Code that chooses between versions holds inline assembly.
  InitializeAllAsmParsers();
  Triple triple(info.triple);
  std::string message;
  const Target *target = TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return createStringError("this LLVM cannot generate code for " + info.name +
                             ": " + message);
  // One rounding per operation, as docs/Numerics.md says.
  TargetOptions targetOptions;
  targetOptions.AllowFPOpFusion = FPOpFusion::Strict;
  CodeGenOptLevel level = optLevel == 0   ? CodeGenOptLevel::None
                          : optLevel == 1 ? CodeGenOptLevel::Less
                          : optLevel == 2 ? CodeGenOptLevel::Default
                                          : CodeGenOptLevel::Aggressive;
  std::unique_ptr<TargetMachine> machine(target->createTargetMachine(
      triple, info.cpu, info.features, targetOptions, Reloc::PIC_,
      /*CM=*/std::nullopt, level));
  if (!machine)
    return createStringError("this LLVM cannot generate code for " + info.name);
  return machine;
}

/// A freestanding library of two functions: what is not in it is neither
/// recognized nor introduced.
static TargetLibraryInfoImpl getLibrary(const Triple &triple) {
  TargetLibraryInfoImpl library(triple);
  library.disableAllFunctions();
  library.setAvailable(LibFunc_memcpy);
  library.setAvailable(LibFunc_memset);
  return library;
}

//===----------------------------------------------------------------------===//
// From the LLVM dialect to bytes
//===----------------------------------------------------------------------===//

static Expected<std::unique_ptr<Module>> translate(mlir::ModuleOp module,
                                                   LLVMContext &context) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(module.getContext(),
                                        [&](mlir::Diagnostic &diag) {
                                          if (message.empty())
                                            raw_string_ostream(message) << diag;
                                          return mlir::success();
                                        });
  std::unique_ptr<Module> result =
      mlir::translateModuleToLLVMIR(module, context);
  if (!result)
    return make_error<InternalError>("cannot be translated to LLVM IR: " +
                                     message);
  return result;
}

static void optimize(Module &module, TargetMachine &machine,
                     const EmitOptions &options) {
  LoopAnalysisManager loopAnalyses;
  FunctionAnalysisManager functionAnalyses;
  CGSCCAnalysisManager callGraphAnalyses;
  ModuleAnalysisManager moduleAnalyses;
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = options.loopVectorize;
  tuning.LoopInterleaving = options.loopVectorize;
  tuning.SLPVectorization = options.slpVectorize;
  PassBuilder builder(&machine, tuning);
  functionAnalyses.registerPass([&] {
    return TargetLibraryAnalysis(getLibrary(machine.getTargetTriple()));
  });
  builder.registerModuleAnalyses(moduleAnalyses);
  builder.registerCGSCCAnalyses(callGraphAnalyses);
  builder.registerFunctionAnalyses(functionAnalyses);
  builder.registerLoopAnalyses(loopAnalyses);
  builder.crossRegisterProxies(loopAnalyses, functionAnalyses,
                               callGraphAnalyses, moduleAnalyses);
  static constexpr OptimizationLevel const *kLevels[] = {
      &OptimizationLevel::O0, &OptimizationLevel::O1, &OptimizationLevel::O2,
      &OptimizationLevel::O3};
  const OptimizationLevel &level = *kLevels[std::min(options.optLevel, 3u)];
  ModulePassManager passes = options.optLevel == 0
                                 ? builder.buildO0DefaultPipeline(level)
                                 : builder.buildPerModuleDefaultPipeline(level);
  passes.run(module, moduleAnalyses);
}

static Expected<std::string>
generateCode(Module &module, TargetMachine &machine, CodeGenFileType type) {
  SmallString<0> buffer;
  raw_svector_ostream os(buffer);
  legacy::PassManager passes;
  passes.add(
      new TargetLibraryInfoWrapperPass(getLibrary(machine.getTargetTriple())));
  if (machine.addPassesToEmitFile(passes, os, nullptr, type))
    return make_error<InternalError>("the target emits no such file");
  passes.run(module);
  return buffer.str().str();
}

/// What the object may leave to the linker: the two functions of the C
/// library, the host's hook of a calibration build, and where versions for Arm
/// are chosen between what asks Linux for the CPU's features.
static Error checkUndefinedSymbols(StringRef bytes) {
  Expected<std::unique_ptr<object::ObjectFile>> object =
      object::ObjectFile::createObjectFile(MemoryBufferRef(bytes, "object"));
  if (!object)
    return object.takeError();
  for (const object::SymbolRef &symbol : (*object)->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined))
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    // The null symbol of ELF is undefined and has no name.
    if (!is_contained({"", "memcpy", "memset", "qopt_observe", "getauxval"},
                      *name))
      return make_error<InternalError>(
          "expected code that calls only memcpy and memset, got a call of '" +
          *name + "'");
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// One version, or several
//===----------------------------------------------------------------------===//

/// A version's LLVM module with its exported functions.
static Expected<std::unique_ptr<Module>>
translateVersion(const ModelVersion &version, TargetMachine &machine,
                 const EmitOptions &options, LLVMContext &context,
                 StringRef suffix) {
  Expected<std::unique_ptr<Module>> code = translate(version.module, context);
  if (!code)
    return code.takeError();
  (*code)->setDataLayout(machine.createDataLayout());
  (*code)->setTargetTriple(machine.getTargetTriple());
  EmitOptions one = options;
  one.target = version.target;
  Expected<ModelInfo> info = getModelInfo(version.module, one);
  if (!info)
    return info.takeError();
  mlir::FailureOr<ModelInfo> recorded = ModelInfo::fromModule(version.module);
  if (Error error = addRunFunctions(**code, recorded->name, *info, suffix))
    return error;
  return code;
}

/// Replaces constants by equal ones: those that versions share.
static void mergeConstants(Module &module) {
  DenseMap<Constant *, GlobalVariable *> known;
  for (GlobalVariable &global : make_early_inc_range(module.globals())) {
    if (!global.isConstant() || !global.hasLocalLinkage() ||
        !global.hasInitializer())
      continue;
    // Values of a context are equal only if they are the same.
    auto [entry, isNew] = known.try_emplace(global.getInitializer(), &global);
    if (isNew)
      continue;
    GlobalVariable *first = entry->second;
    if (global.getAlign() &&
        (!first->getAlign() || *first->getAlign() < *global.getAlign()))
      first->setAlignment(global.getAlign());
    global.replaceAllUsesWith(first);
    global.eraseFromParent();
  }
}

/// NAME_run_parallel of a version without tasks: NAME_run.
static Function *addSerialRun(Module &module, Function *run,
                              const Twine &name) {
  LLVMContext &context = module.getContext();
  SmallVector<Type *> types(5, PointerType::getUnqual(context));
  auto *function = Function::Create(
      FunctionType::get(Type::getInt32Ty(context), types, false),
      GlobalValue::ExternalLinkage, name, module);
  IRBuilder<> b(BasicBlock::Create(context, "", function));
  b.CreateRet(b.CreateCall(
      run, {function->getArg(0), function->getArg(1), function->getArg(2)}));
  return function;
}

/// Several versions in one module, each with the CPU and features of its
/// target, and what chooses between them, which any CPU runs.
static Expected<std::unique_ptr<Module>>
linkVersions(ArrayRef<ModelVersion> versions, TargetMachine &machine,
             const ModelInfo &info, const EmitOptions &options,
             LLVMContext &context) {
  auto all = std::make_unique<Module>(info.name, context);
  all->setDataLayout(machine.createDataLayout());
  all->setTargetTriple(machine.getTargetTriple());
  SmallVector<TargetInfo> targets;
  for (const ModelVersion &version : versions) {
    auto code = translateVersion(version, machine, options, context,
                                 versionSuffix(version.target.name));
    if (!code)
      return code.takeError();
    for (Function &function : **code)
      if (!function.isDeclaration()) {
        function.addFnAttr("target-cpu", version.target.cpu);
        function.addFnAttr("target-features", version.target.features);
      }
    if (Linker::linkModules(*all, std::move(*code)))
      return make_error<InternalError>("the versions cannot be linked");
    targets.push_back(version.target);
  }
  mergeConstants(*all);
  SmallVector<Function *> runs, parallelRuns;
  for (const TargetInfo &target : targets) {
    std::string suffix = versionSuffix(target.name);
    runs.push_back(all->getFunction(info.name + "_run" + suffix));
    std::string name = info.name + "_run_parallel" + suffix;
    Function *parallel = all->getFunction(name);
    if (!parallel && info.threads > 1)
      parallel = addSerialRun(*all, runs.back(), name);
    parallelRuns.push_back(parallel);
  }
  if (Error error = addDispatch(*all, info.name + "_run", runs, targets))
    return error;
  if (info.threads > 1)
    if (Error error = addDispatch(*all, info.name + "_run_parallel",
                                  parallelRuns, targets))
      return error;
  return all;
}

Expected<std::string> qopt::emitCode(ArrayRef<ModelVersion> versions,
                                     CodeKind kind,
                                     const EmitOptions &options) {
  Expected<ModelInfo> info = getModelInfo(versions, options);
  if (!info)
    return info.takeError();
  TargetInfo base = versions.front().target;
  if (versions.size() > 1) {
    base.cpu = base.arch == TargetInfo::Arch::X86_64 ? "x86-64" : "generic";
    base.features.clear();
  }
  Expected<std::unique_ptr<TargetMachine>> machine =
      createTargetMachine(base, options.optLevel);
  if (!machine)
    return machine.takeError();
  LLVMContext context;
  Expected<std::unique_ptr<Module>> code =
      versions.size() > 1
          ? linkVersions(versions, **machine, *info, options, context)
          : translateVersion(versions.front(), **machine, options, context, "");
  if (!code)
    return code.takeError();
  (*code)->setModuleIdentifier(info->name);
  (*code)->setSourceFileName(info->name);
  addInfoFunction(**code, *info);
  optimize(**code, **machine, options);

  if (kind == CodeKind::LlvmIr) {
    std::string text;
    raw_string_ostream os(text);
    (*code)->print(os, nullptr);
    return text;
  }
  if (kind == CodeKind::Assembly)
    return generateCode(**code, **machine, CodeGenFileType::AssemblyFile);
  Expected<std::string> object =
      generateCode(**code, **machine, CodeGenFileType::ObjectFile);
  if (!object)
    return object.takeError();
  if (Error error = checkUndefinedSymbols(*object))
    return error;
  return object;
}

Expected<std::string> qopt::emitCode(mlir::ModuleOp module, CodeKind kind,
                                     const EmitOptions &options) {
  return emitCode(ModelVersion{module, options.target}, kind, options);
}
