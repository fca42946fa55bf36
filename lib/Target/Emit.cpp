//===- Emit.cpp - LLVM dialect to objects, assembly, LLVM IR --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/Emit.h"
#include "CInterface.h"
#include "CpuDispatch.h"
#include "Launcher.h"
#include "ObjectFile.h"
#include "Pieces.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "qopt/Support/Version.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/Scalar/LoopIdiomRecognize.h"

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
      // C, up to C23, with what GNU C adds.
      "alignas", "alignof", "asm", "auto", "bool", "break", "case", "char",
      "const", "constexpr", "continue", "default", "do", "double", "else",
      "enum", "extern", "false", "float", "for", "goto", "if", "inline", "int",
      "long", "nullptr", "register", "restrict", "return", "short", "signed",
      "sizeof", "static", "static_assert", "struct", "switch", "thread_local",
      "true", "typedef", "typeof", "typeof_unqual", "union", "unsigned", "void",
      "volatile", "while", "_Alignas", "_Alignof", "_Atomic", "_BitInt",
      "_Bool", "_Complex", "_Decimal128", "_Decimal32", "_Decimal64",
      "_Generic", "_Imaginary", "_Noreturn", "_Static_assert", "_Thread_local",
      // C++, up to C++20: the header is for both.
      "and", "and_eq", "bitand", "bitor", "catch", "char16_t", "char32_t",
      "char8_t", "class", "co_await", "co_return", "co_yield", "compl",
      "concept", "const_cast", "consteval", "constinit", "decltype", "delete",
      "dynamic_cast", "explicit", "export", "friend", "mutable", "namespace",
      "new", "noexcept", "not", "not_eq", "operator", "or", "or_eq", "private",
      "protected", "public", "reinterpret_cast", "requires", "static_cast",
      "template", "this", "throw", "try", "typeid", "typename", "using",
      "virtual", "wchar_t", "xor", "xor_eq",
      // Macros of their libraries, and of compilers.
      "EOF", "I", "NULL", "errno", "linux", "unix"};
  return is_contained(kKeywords, name);
}

bool qopt::isCIdentifier(StringRef name) {
  auto isTail = [](char c) { return isAlnum(c) || c == '_'; };
  return !name.empty() && !isDigit(name.front()) && all_of(name, isTail) &&
         !isCKeyword(name);
}

bool qopt::isModelName(StringRef name) {
  // NAME_info would be one of the header's types.
  return isCIdentifier(name) && name != "qopt_model" && name != "qopt_tensor";
}

std::string qopt::makeCIdentifier(StringRef name, StringRef prefix) {
  std::string result;
  for (char c : name)
    result += isAlnum(c) ? c : '_';
  if (result.empty() || isDigit(result.front()) || isCKeyword(result))
    result.insert(0, prefix);
  return result;
}

/// What the module records, as it is emitted.
static ModelInfo describe(ModelInfo recorded, const EmitOptions &options,
                          const TargetInfo &target) {
  if (!options.name.empty())
    recorded.name = options.name;
  recorded.target = target.name;
  recorded.version = QOPT_VERSION;
  return recorded;
}

Expected<ModelInfo> qopt::getModelInfo(mlir::ModuleOp module,
                                       const EmitOptions &options) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(module.getContext(),
                                        [&](mlir::Diagnostic &diag) {
                                          raw_string_ostream(message) << diag;
                                          return mlir::success();
                                        });
  mlir::FailureOr<ModelInfo> recorded = ModelInfo::fromModule(module);
  if (failed(recorded))
    return make_error<InternalError>(message);
  ModelInfo info = describe(*recorded, options, options.target);
  if (!isModelName(info.name))
    return createStringError("expected a C identifier as the model's name, "
                             "got '" +
                             info.name + "'");
  return info;
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

Expected<std::unique_ptr<TargetMachine>>
qopt::createTargetMachine(const TargetInfo &info, unsigned optLevel) {
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
  // Firmware, and modules of WebAssembly.
  bool hasFixedAddresses =
      info.isFirmware() || info.arch == TargetInfo::Arch::Wasm;
  std::unique_ptr<TargetMachine> machine(target->createTargetMachine(
      triple, info.cpu, info.features, targetOptions,
      hasFixedAddresses ? Reloc::Static : Reloc::PIC_,
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

static Error cannotTranslate(StringRef message) {
  // The first of what may be many lines.
  return make_error<InternalError>("cannot be translated to LLVM IR: " +
                                   message.trim().split('\n').first);
}

namespace {
/// What MLIR says against a module while it is translated: its errors. A
/// warning tells of each attribute that LLVM does not know.
class TranslationErrors {
public:
  explicit TranslationErrors(mlir::MLIRContext *context)
      : handler(context, [&](mlir::Diagnostic &diag) {
          if (message.empty() &&
              diag.getSeverity() == mlir::DiagnosticSeverity::Error)
            raw_string_ostream(message) << diag;
          return mlir::success();
        }) {}

  /// `error` unless MLIR knows better.
  Error explain(Error error) {
    if (message.empty())
      return error;
    consumeError(std::move(error));
    return cannotTranslate(message);
  }

private:
  std::string message;
  mlir::ScopedDiagnosticHandler handler;
};
} // namespace

static Expected<std::unique_ptr<Module>>
translate(mlir::ModuleOp module, TargetMachine &machine, LLVMContext &context) {
  // Verified here, as MLIR would print what it finds.
  std::unique_ptr<Module> result = mlir::translateModuleToLLVMIR(
      module, context, "LLVMDialectModule", /*disableVerification=*/true);
  std::string message;
  raw_string_ostream os(message);
  if (!result || verifyModule(*result, &os))
    return cannotTranslate(message);
  result->setDataLayout(machine.createDataLayout());
  result->setTargetTriple(machine.getTargetTriple());
  return result;
}

/// LLVM 22 looks for checksums in loops of a multiple of 8 turns, in a time
/// that is exponential in the chain of operations: of an exponential, for ever.
static void disableChecksumSearch() {
  static const bool once = DisableLIRP::HashRecognize = true;
  (void)once;
}

/// With Helium, LLVM 22's vectorizers spill more than they save, and code that
/// reads beyond its constants was seen.
static void optimize(Module &module, TargetMachine &machine,
                     const TargetInfo &target, const EmitOptions &options) {
  disableChecksumSearch();
  LoopAnalysisManager loopAnalyses;
  FunctionAnalysisManager functionAnalyses;
  CGSCCAnalysisManager callGraphAnalyses;
  ModuleAnalysisManager moduleAnalyses;
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = options.loopVectorize && !target.hasMve;
  tuning.LoopInterleaving = tuning.LoopVectorization;
  tuning.SLPVectorization = options.slpVectorize && !target.hasMve;
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

Expected<std::string> qopt::generateCode(Module &module, TargetMachine &machine,
                                         CodeGenFileType type) {
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

/// i64 multiply(i32 x, i32 m), of 16-bit parts, for cores whose multiplier
/// gives 32 bits:
///   x * m = xh*mh * 2^32 + (xh*ml + xl*mh) * 2^16 + xl*ml
static Function *buildLongMultiply(Module &module) {
  IRBuilder<> b(module.getContext());
  Type *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  auto *function =
      Function::Create(FunctionType::get(i64, {i32, i32}, false),
                       GlobalValue::InternalLinkage, "qopt.multiply", module);
  function->addFnAttr(Attribute::NoInline);
  b.SetInsertPoint(BasicBlock::Create(module.getContext(), "", function));
  auto low = [&](Value *x) { return b.CreateAnd(x, 0xFFFF); };
  auto high = [&](Value *x) { return b.CreateAShr(x, 16); };
  Value *x = function->getArg(0), *m = function->getArg(1);
  Value *lowest = b.CreateZExt(b.CreateMul(low(x), low(m)), i64);
  Value *highest = b.CreateSExt(b.CreateMul(high(x), high(m)), i64);
  Value *middle = b.CreateAdd(b.CreateSExt(b.CreateMul(high(x), low(m)), i64),
                              b.CreateSExt(b.CreateMul(low(x), high(m)), i64));
  Value *sum = b.CreateAdd(b.CreateShl(highest, 32), b.CreateShl(middle, 16));
  b.CreateRet(b.CreateAdd(sum, lowest));
  return function;
}

/// The i32 that `value` extends with its sign; null if it is no such value.
static Value *signedHalf(IRBuilder<> &b, Value *value) {
  if (auto *constant = dyn_cast<ConstantInt>(value))
    return constant->getValue().isSignedIntN(32)
               ? b.getInt32(constant->getSExtValue())
               : nullptr;
  auto *cast = dyn_cast<CastInst>(value);
  if (!cast)
    return nullptr;
  Value *source = cast->getOperand(0);
  unsigned bits = source->getType()->getIntegerBitWidth();
  if (isa<SExtInst>(cast) && bits <= 32)
    return b.CreateSExt(source, b.getInt32Ty());
  if (isa<ZExtInst>(cast) && (bits < 32 || (bits == 32 && cast->hasNonNeg())))
    return b.CreateZExt(source, b.getInt32Ty());
  return nullptr;
}

/// Fixed-point products by calls of one function, where the compiler would call
/// one of its own library.
static void shortenMultiplies(Module &module) {
  SmallVector<BinaryOperator *> products;
  for (Function &function : module)
    for (BasicBlock &block : function)
      for (Instruction &instruction : block)
        if (auto *product = dyn_cast<BinaryOperator>(&instruction);
            product && product->getOpcode() == Instruction::Mul &&
            product->getType()->isIntegerTy(64))
          products.push_back(product);
  Function *multiply = nullptr;
  for (BinaryOperator *product : products) {
    IRBuilder<> b(product);
    Value *x = signedHalf(b, product->getOperand(0));
    Value *m = x ? signedHalf(b, product->getOperand(1)) : nullptr;
    if (!m)
      continue;
    if (!multiply)
      multiply = buildLongMultiply(module);
    product->replaceAllUsesWith(b.CreateCall(multiply, {x, m}));
    product->eraseFromParent();
  }
}

/// What only firmware needs to know.
static void prepareFirmware(Module &module, const TargetInfo &target) {
  if (!target.isFirmware())
    return;
  if (!target.hasLongMultiply)
    shortenMultiplies(module);
  // Flash is scarcer than time: no unrolling, no alignment of loops. Nothing
  // unwinds there, not even a parallel_for: tables for it would ask for a
  // function of the compiler's library.
  for (Function &function : module)
    if (!function.isDeclaration()) {
      function.addFnAttr(Attribute::OptimizeForSize);
      function.addFnAttr(Attribute::NoUnwind);
    }
  // Tag_ABI_VFP_args: no exported function takes floats, so the object goes
  // with either convention for them.
  if (target.arch == TargetInfo::Arch::CortexM)
    module.setModuleInlineAsm(".eabi_attribute 28, 3\n");
}

//===----------------------------------------------------------------------===//
// One version, or several
//===----------------------------------------------------------------------===//

/// The core for which LLVM orders the instructions, beside those that the
/// target lets it use. Its model of a generic core executes in order and asks
/// for loads and products so early that tiles leave the registers; most cores
/// with i8mm do not, nor do most of those without dotprod.
static StringRef tunedCore(const TargetInfo &target) {
  if (target.arch != TargetInfo::Arch::AArch64)
    return "";
  return target.hasI8mm ? "neoverse-v1" : target.hasDotProd ? "" : "cortex-a72";
}

/// Vectors wait on the stack where there are not enough registers. Calls keep
/// it aligned to 16 bytes only, and every reload of a wider vector would cross
/// a cache line.
static void alignStack(Module &module, const TargetInfo &target) {
  if (target.vectorBits <= 128 || target.isGpu())
    return;
  Align align(target.vectorBits / 8);
  for (Function &function : module)
    if (function.hasLocalLinkage() && !function.isDeclaration())
      function.addFnAttr(
          Attribute::getWithStackAlignment(module.getContext(), align));
}

/// What belongs to the machine that a function is for. With several versions in
/// an object, each function says its own CPU and features.
static void setTarget(Module &module, const TargetInfo &target, bool dispatch) {
  StringRef core = tunedCore(target);
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (!core.empty())
      function.addFnAttr("tune-cpu", core);
    if (!dispatch)
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("target-features", target.features);
  }
  alignStack(module, target);
}

/// A name that no other model has.
static std::string nestSymbol(mlir::LLVM::LLVMFuncOp nest,
                              const ModelInfo &info, StringRef suffix) {
  return (info.name + suffix + "." + nest.getSymName()).str();
}

/// Nests are called from another object, and no linker exports them. Beside
/// their callers they become the same code: nothing is specialized for a call.
static void linkNests(Module &module, mlir::ModuleOp source,
                      const ModelInfo &info, StringRef suffix) {
  for (mlir::LLVM::LLVMFuncOp nest : nestsOf(source)) {
    Function *function = module.getFunction(nest.getSymName());
    if (!function)
      continue;
    function->setName(nestSymbol(nest, info, suffix));
    function->setLinkage(GlobalValue::ExternalLinkage);
    function->setVisibility(GlobalValue::HiddenVisibility);
    function->setDSOLocal(true);
    for (Attribute::AttrKind kind :
         {Attribute::NoInline, Attribute::NoDuplicate, Attribute::NoUnwind})
      function->addFnAttr(kind);
  }
}

/// A version's LLVM module with its exported functions.
static Expected<std::unique_ptr<Module>>
translateVersion(const ModelVersion &version, TargetMachine &machine,
                 const EmitOptions &options, LLVMContext &context,
                 StringRef suffix, bool dispatch) {
  Expected<std::unique_ptr<Module>> code =
      translate(version.module, machine, context);
  if (!code)
    return code.takeError();
  // Not by getModelInfo, whose handler would take what is said beside this.
  mlir::FailureOr<ModelInfo> recorded = ModelInfo::fromModule(version.module);
  if (failed(recorded))
    return make_error<InternalError>("what the model records cannot be read");
  ModelInfo info = describe(*recorded, options, version.target);
  if (Error error = addRunFunctions(**code, recorded->name, info, suffix))
    return error;
  setTarget(**code, version.target, dispatch);
  linkNests(**code, version.module, info, suffix);
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
                                 versionSuffix(version.target.name),
                                 /*dispatch=*/true);
    if (!code)
      return code.takeError();
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

//===----------------------------------------------------------------------===//
// Kernels of a GPU
//===----------------------------------------------------------------------===//

/// Inputs, outputs, the arena and the weights do not overlap, and the launcher
/// checks how they are aligned.
static void annotateKernel(Function &kernel, const ModelInfo &info) {
  size_t inputs = info.inputs.size(), tensors = inputs + info.outputs.size();
  for (Argument &argument : kernel.args()) {
    unsigned i = argument.getArgNo();
    bool isConstant = i < inputs || i > tensors;
    Align align(i < tensors ? kGpuTensorAlignment : ModelInfo::kAlignment);
    argument.addAttr(Attribute::NoAlias);
    argument.addAttr(Attribute::getWithAlignment(kernel.getContext(), align));
    if (isConstant)
      argument.addAttr(Attribute::ReadOnly);
  }
  kernel.addFnAttr(Attribute::NoUnwind);
  kernel.setCallingConv(CallingConv::PTX_Kernel);
}

/// PTX, or the LLVM IR that it is made from.
static Expected<std::string> emitKernels(const ModelVersion &version,
                                         CodeKind kind, const ModelInfo &info,
                                         const EmitOptions &options) {
  auto machine = createTargetMachine(version.target, options.optLevel);
  if (!machine)
    return machine.takeError();
  LLVMContext context;
  TranslationErrors errors(mlir::ModuleOp(version.module).getContext());
  auto code = translate(version.module, **machine, context);
  if (!code)
    return errors.explain(code.takeError());
  (*code)->setModuleIdentifier(info.name);
  (*code)->setSourceFileName(info.name);
  for (Function &function : **code)
    if (!function.isDeclaration())
      annotateKernel(function, info);
  optimize(**code, **machine, version.target, options);
  if (kind != CodeKind::LlvmIr)
    return generateCode(**code, **machine, CodeGenFileType::AssemblyFile);
  std::string text;
  raw_string_ostream os(text);
  (*code)->print(os, nullptr);
  return text;
}

//===----------------------------------------------------------------------===//
// Code for a CPU
//===----------------------------------------------------------------------===//

namespace {
/// Emits versions of a model: everything in one LLVM module, or the nests in
/// others beside it.
class CpuEmitter {
public:
  CpuEmitter(ArrayRef<ModelVersion> versions, const ModelInfo &info,
             const EmitOptions &options)
      : versions(versions.begin(), versions.end()), info(info),
        options(options), base(versions.front().target),
        // Tiles must be asked for, so that even one version has a resolver.
        dispatch(versions.size() > 1 || base.hasAmx),
        externals(options.externals) {
    if (!dispatch)
      return;
    base.cpu = base.arch == TargetInfo::Arch::X86_64 ? "x86-64" : "generic";
    base.features.clear();
  }

  Expected<std::string> emitWhole(CodeKind kind);
  /// `toLink`: if there are several, a linker must make one of them.
  Expected<std::vector<std::string>> emitObjects(bool toLink);

private:
  /// What is compiled alone: nests of one version, or all that is no nest.
  struct Task {
    mlir::OwningOpRef<mlir::ModuleOp> nests;
    const TargetInfo *target = nullptr;
    std::unique_ptr<TargetMachine> machine;
    std::optional<Expected<std::string>> object;
  };

  std::string suffixOf(const TargetInfo &target) const {
    return dispatch ? versionSuffix(target.name) : "";
  }
  Error cut(std::vector<Task> &tasks);
  Error addTask(std::vector<Task> &tasks);
  Expected<std::string> emitNests(const Task &task);
  Expected<std::string> emitTask(const Task &task);
  Expected<std::string> emitRest(TargetMachine &machine, CodeKind kind);
  Expected<std::string> finish(Module &module, TargetMachine &machine,
                               CodeKind kind);

  /// Without the nests once those are cut off.
  SmallVector<ModelVersion> versions;
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> rests;
  const ModelInfo &info;
  const EmitOptions &options;
  TargetInfo base;
  bool dispatch;
  /// What one object may expect of the others and of who loads them.
  std::vector<std::string> externals;
};
} // namespace

/// Optimizes and prints a module.
Expected<std::string> CpuEmitter::finish(Module &module, TargetMachine &machine,
                                         CodeKind kind) {
  module.setModuleIdentifier(info.name);
  module.setSourceFileName(info.name);
  prepareFirmware(module, base);
  optimize(module, machine, base, options);
  if (kind != CodeKind::LlvmIr)
    return generateCode(module, machine,
                        kind == CodeKind::Assembly
                            ? CodeGenFileType::AssemblyFile
                            : CodeGenFileType::ObjectFile);
  std::string text;
  raw_string_ostream os(text);
  module.print(os, nullptr);
  return text;
}

Expected<std::string> CpuEmitter::emitRest(TargetMachine &machine,
                                           CodeKind kind) {
  LLVMContext context;
  Expected<std::unique_ptr<Module>> code =
      dispatch ? linkVersions(versions, machine, info, options, context)
               : translateVersion(versions.front(), machine, options, context,
                                  "", dispatch);
  if (!code)
    return code.takeError();
  addInfoFunction(**code, info);
  return finish(**code, machine, kind);
}

Expected<std::string> CpuEmitter::emitNests(const Task &task) {
  LLVMContext context;
  Expected<std::unique_ptr<Module>> code =
      translate(*task.nests, *task.machine, context);
  if (!code)
    return code.takeError();
  // As beside the model's function, which leaves only the C interface visible.
  for (Function &function : **code)
    if (!function.isDeclaration())
      function.setLinkage(GlobalValue::InternalLinkage);
  setTarget(**code, *task.target, dispatch);
  linkNests(**code, *task.nests, info, suffixOf(*task.target));
  return finish(**code, *task.machine, CodeKind::Object);
}

Expected<std::string> CpuEmitter::emitWhole(CodeKind kind) {
  Expected<std::unique_ptr<TargetMachine>> machine =
      createTargetMachine(base, options.optLevel);
  if (!machine)
    return machine.takeError();
  TranslationErrors errors(versions.front().module.getContext());
  Expected<std::string> code = emitRest(**machine, kind);
  if (!code)
    return errors.explain(code.takeError());
  return code;
}

Error CpuEmitter::addTask(std::vector<Task> &tasks) {
  // Here, as the first one registers LLVM's targets.
  Expected<std::unique_ptr<TargetMachine>> machine =
      createTargetMachine(base, options.optLevel);
  if (!machine)
    return machine.takeError();
  tasks.emplace_back();
  tasks.back().machine = std::move(*machine);
  return Error::success();
}

/// The first task is all that is no nest.
Error CpuEmitter::cut(std::vector<Task> &tasks) {
  if (Error error = addTask(tasks))
    return error;
  for (ModelVersion &version : versions) {
    for (mlir::LLVM::LLVMFuncOp nest : nestsOf(version.module))
      externals.push_back(nestSymbol(nest, info, suffixOf(version.target)));
    if (nestsOf(version.module).empty())
      continue;
    Pieces pieces = cutModule(version.module);
    version.module = *pieces.rest;
    rests.push_back(std::move(pieces.rest));
    for (mlir::OwningOpRef<mlir::ModuleOp> &nests : pieces.nests) {
      if (Error error = addTask(tasks))
        return error;
      tasks.back().nests = std::move(nests);
      tasks.back().target = &version.target;
    }
  }
  return Error::success();
}

Expected<std::string> CpuEmitter::emitTask(const Task &task) {
  Expected<std::string> object =
      task.nests ? emitNests(task) : emitRest(*task.machine, CodeKind::Object);
  if (!object)
    return object;
  if (Error error = checkUndefinedSymbols(*object, externals))
    return error;
  return object;
}

Expected<std::vector<std::string>> CpuEmitter::emitObjects(bool toLink) {
  mlir::MLIRContext *context = versions.front().module.getContext();
  std::vector<Task> tasks;
  if (Error error = cut(tasks))
    return error;
  // Before the code is generated: it takes long.
  if (toLink && tasks.size() > 1)
    if (Error error = checkObjectLinker())
      return error;
  TranslationErrors errors(context);
  mlir::parallelForEach(
      context, tasks, [&](Task &task) { task.object.emplace(emitTask(task)); });
  Error error = Error::success();
  std::vector<std::string> objects;
  for (Task &task : tasks) {
    if (*task.object)
      objects.push_back(std::move(**task.object));
    else if (error)
      consumeError(task.object->takeError());
    else
      error = task.object->takeError();
  }
  if (error)
    return errors.explain(std::move(error));
  return objects;
}

Expected<std::vector<std::string>>
qopt::emitObjects(ArrayRef<ModelVersion> versions, const EmitOptions &options) {
  Expected<ModelInfo> info = getModelInfo(versions, options);
  if (!info)
    return info.takeError();
  return CpuEmitter(versions, *info, options).emitObjects(/*toLink=*/false);
}

Expected<std::string> qopt::emitCode(ArrayRef<ModelVersion> versions,
                                     CodeKind kind,
                                     const EmitOptions &options) {
  Expected<ModelInfo> info = getModelInfo(versions, options);
  if (!info)
    return info.takeError();
  if (versions.front().target.isGpu()) {
    if (kind == CodeKind::Object)
      if (Error error = checkObjectLinker())
        return error;
    auto code = emitKernels(versions.front(), kind, *info, options);
    if (!code || kind != CodeKind::Object)
      return code;
    return emitLauncher(versions.front(), *code, *info, options);
  }
  CpuEmitter emitter(versions, *info, options);
  if (kind != CodeKind::Object)
    return emitter.emitWhole(kind);
  Expected<std::vector<std::string>> objects =
      emitter.emitObjects(/*toLink=*/true);
  if (!objects)
    return objects.takeError();
  if (objects->size() == 1)
    return std::move(objects->front());
  return linkObjects(SmallVector<StringRef>(objects->begin(), objects->end()));
}

Expected<std::string> qopt::emitCode(mlir::ModuleOp module, CodeKind kind,
                                     const EmitOptions &options) {
  return emitCode(ModelVersion{module, options.target}, kind, options);
}
