//===- CpuDispatch.cpp - Which version of a model a CPU runs --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A resolver of our own in LLVM IR, without support of the loader: on x86 CPUID
// and XGETBV by inline assembly and no C library, on Arm, where only the system
// can tell, getauxval of it. Its answer is kept in one word. Threads
// that ask at the same time find the same answer, so that relaxed loads and
// stores are enough.
//
//===----------------------------------------------------------------------===//

#include "CpuDispatch.h"
#include "qopt/Target/Emit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"

#include "qopt_model.h"

using namespace llvm;
using namespace qopt;

//===----------------------------------------------------------------------===//
// What targets need, in bits
//===----------------------------------------------------------------------===//

namespace {

/// The registers that say what a CPU can do, and what Linux says of an Arm one.
/// XCR0 is what the system saves; Granted is what it gives to programs that
/// ask.
enum Word {
  Leaf1Ecx,
  Leaf7Ebx,
  Leaf7Ecx,
  Leaf7Edx,
  Leaf71Eax,
  ExtendedEcx,
  Xcr0,
  Granted,
  Hwcap,
  Hwcap2
};
constexpr unsigned kNumWords = Hwcap2 + 1;
using CpuBits = std::array<uint32_t, kNumWords>;

struct FeatureBit {
  StringLiteral name;
  Word word;
  unsigned bit;
};

} // namespace

static constexpr FeatureBit kFeatureBits[] = {
    {"sse3", Leaf1Ecx, 0},
    {"ssse3", Leaf1Ecx, 9},
    {"fma", Leaf1Ecx, 12},
    {"cx16", Leaf1Ecx, 13},
    {"sse4.1", Leaf1Ecx, 19},
    {"sse4.2", Leaf1Ecx, 20},
    {"movbe", Leaf1Ecx, 22},
    {"popcnt", Leaf1Ecx, 23},
    {"xsave", Leaf1Ecx, 26},
    {"osxsave", Leaf1Ecx, 27},
    {"avx", Leaf1Ecx, 28},
    {"f16c", Leaf1Ecx, 29},
    {"bmi", Leaf7Ebx, 3},
    {"avx2", Leaf7Ebx, 5},
    {"bmi2", Leaf7Ebx, 8},
    {"avx512f", Leaf7Ebx, 16},
    {"avx512dq", Leaf7Ebx, 17},
    {"avx512cd", Leaf7Ebx, 28},
    {"avx512bw", Leaf7Ebx, 30},
    {"avx512vl", Leaf7Ebx, 31},
    {"avx512vbmi", Leaf7Ecx, 1},
    {"avx512vbmi2", Leaf7Ecx, 6},
    {"gfni", Leaf7Ecx, 8},
    {"avx512vnni", Leaf7Ecx, 11},
    {"avx512bitalg", Leaf7Ecx, 12},
    {"avx512vpopcntdq", Leaf7Ecx, 14},
    {"amx-tile", Leaf7Edx, 24},
    {"amx-int8", Leaf7Edx, 25},
    {"avxvnni", Leaf71Eax, 4},
    {"sahf", ExtendedEcx, 0},
    {"lzcnt", ExtendedEcx, 5},
    {"xmm", Xcr0, 1},
    {"ymm", Xcr0, 2},
    {"opmask", Xcr0, 5},
    {"zmm", Xcr0, 6},
    {"zmm16", Xcr0, 7},
    {"tilecfg", Xcr0, 17},
    {"tiledata", Xcr0, 18},
    {"tiles-granted", Granted, 0},
    {"dotprod", Hwcap, 20},
    {"sve", Hwcap, 22},
    {"i8mm", Hwcap2, 13},
};

// Each level of x86-64 with the one below it.
static constexpr StringLiteral kLevel2 =
    "sse3,ssse3,sse4.1,sse4.2,cx16,popcnt,sahf";
static constexpr StringLiteral kLevel3 =
    "xsave,osxsave,xmm,ymm,avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe";
static constexpr StringLiteral kLevel4 =
    "opmask,zmm,zmm16,avx512f,avx512bw,avx512cd,avx512dq,avx512vl";
static constexpr StringLiteral kTiles = "tilecfg,tiledata,tiles-granted";

/// The bits that `target` needs.
static Expected<CpuBits> bitsOf(const TargetInfo &target) {
  SmallVector<StringRef> names;
  auto add = [&](StringRef list) {
    list.split(names, ',', -1, /*KeepEmpty=*/false);
  };
  if (target.arch == TargetInfo::Arch::X86_64)
    add(kLevel2);
  if (target.cpu == "x86-64-v3" || target.cpu == "x86-64-v4")
    add(kLevel3);
  if (target.cpu == "x86-64-v4")
    add(kLevel4);
  if (target.hasAmx)
    add(kTiles);
  add(target.features);
  CpuBits bits = {};
  for (StringRef name : names) {
    // What a target does without asks nothing of the CPU.
    if (name.starts_with("-"))
      continue;
    name.consume_front("+");
    const auto *feature = find_if(kFeatureBits, [&](const FeatureBit &known) {
      return known.name == name;
    });
    if (feature == std::end(kFeatureBits))
      return make_error<InternalError>("the feature '" + name + "' of " +
                                       target.name +
                                       " is not in the table of CPU features");
    bits[feature->word] |= uint32_t(1) << feature->bit;
  }
  return bits;
}

//===----------------------------------------------------------------------===//
// The resolver
//===----------------------------------------------------------------------===//

namespace {
class ResolverBuilder {
public:
  explicit ResolverBuilder(Module &module)
      : context(module.getContext()), module(module), b(context),
        i32(b.getInt32Ty()) {}

  /// int resolver(void): the index of the last of `needs` that the CPU meets,
  /// counted from 1, or one more than there are.
  Function *build(ArrayRef<CpuBits> needs) {
    function =
        Function::Create(FunctionType::get(i32, false),
                         GlobalValue::InternalLinkage, "qopt.resolve", module);
    function->addFnAttr(Attribute::NoInline);
    b.SetInsertPoint(BasicBlock::Create(context, "", function));
    std::array<Value *, kNumWords> words =
        module.getTargetTriple().isAArch64() ? readHwcaps() : readCpuid();
    if (any_of(needs, [](const CpuBits &bits) { return bits[Granted] != 0; }))
      words[Granted] = askForTiles(words[Leaf7Edx], words[Xcr0]);
    Value *choice = b.getInt32(needs.size() + 1);
    for (auto [i, bits] : enumerate(needs)) {
      Value *meets = b.getTrue();
      for (unsigned word = 0; word < kNumWords; ++word)
        if (bits[word]) {
          Value *present = b.CreateAnd(words[word], bits[word]);
          meets = b.CreateAnd(meets,
                              b.CreateICmpEQ(present, b.getInt32(bits[word])));
        }
      choice = b.CreateSelect(meets, b.getInt32(i + 1), choice);
    }
    b.CreateRet(choice);
    return function;
  }

private:
  /// EAX, EBX, ECX, EDX as one value.
  Value *cpuid(uint32_t leaf, uint32_t subleaf) {
    auto *type = FunctionType::get(StructType::get(i32, i32, i32, i32),
                                   {i32, i32}, false);
    auto *instruction = InlineAsm::get(
        type, "cpuid",
        "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}",
        /*hasSideEffects=*/false);
    return b.CreateCall(type, instruction,
                        {b.getInt32(leaf), b.getInt32(subleaf)});
  }

  /// `value` if the CPU has the leaf; what it answers to others means nothing.
  Value *ifKnown(Value *last, uint32_t leaf, Value *value) {
    Value *known = b.CreateICmpUGE(last, b.getInt32(leaf));
    return b.CreateSelect(known, value, b.getInt32(0));
  }

  /// What `body` computes, run only where `condition` holds; zero elsewhere.
  Value *valueIf(Value *condition, function_ref<Value *()> body) {
    BasicBlock *before = b.GetInsertBlock();
    BasicBlock *then = BasicBlock::Create(context, "", function);
    BasicBlock *after = BasicBlock::Create(context, "", function);
    b.CreateCondBr(condition, then, after);
    b.SetInsertPoint(then);
    Value *value = body();
    b.CreateBr(after);
    b.SetInsertPoint(after);
    PHINode *result = b.CreatePHI(i32, 2);
    result->addIncoming(b.getInt32(0), before);
    result->addIncoming(value, then);
    return result;
  }

  /// XCR0; zero where the system does not let programs read it.
  Value *readXcr0(Value *leaf1Ecx) {
    constexpr uint32_t kOsxsave = uint32_t(1) << 27;
    Value *readable = b.CreateIsNotNull(b.CreateAnd(leaf1Ecx, kOsxsave));
    return valueIf(readable, [&]() -> Value * {
      auto *type = FunctionType::get(StructType::get(i32, i32), {i32}, false);
      auto *instruction = InlineAsm::get(type, "xgetbv", "={ax},={dx},{cx}",
                                         /*hasSideEffects=*/true);
      return b.CreateExtractValue(
          b.CreateCall(type, instruction, {b.getInt32(0)}), 0);
    });
  }

  /// 1 if Linux lets this process use tiles, whose state it saves only for
  /// those that ask: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
  Value *askForTiles(Value *leaf7Edx, Value *xcr0) {
    constexpr uint32_t kAmxTile = uint32_t(1) << 24, kTileState = 3u << 17;
    constexpr uint64_t kArchPrctl = 158, kRequest = 0x1023, kTileData = 18;
    Value *saved =
        b.CreateICmpEQ(b.CreateAnd(xcr0, kTileState), b.getInt32(kTileState));
    Value *present = b.CreateIsNotNull(b.CreateAnd(leaf7Edx, kAmxTile));
    return valueIf(b.CreateAnd(saved, present), [&]() -> Value * {
      IntegerType *i64 = b.getInt64Ty();
      auto *type = FunctionType::get(i64, {i64, i64, i64}, false);
      auto *instruction =
          InlineAsm::get(type, "syscall",
                         "={ax},{ax},{di},{si},~{rcx},~{r11},~{memory},"
                         "~{dirflag},~{fpsr},~{flags}",
                         /*hasSideEffects=*/true);
      Value *failure =
          b.CreateCall(type, instruction,
                       {b.getInt64(kArchPrctl), b.getInt64(kRequest),
                        b.getInt64(kTileData)});
      return b.CreateZExt(b.CreateIsNull(failure), i32);
    });
  }

  /// What the system has found out of an Arm CPU.
  std::array<Value *, kNumWords> readHwcaps() {
    constexpr uint64_t kAtHwcap = 16, kAtHwcap2 = 26;
    Type *word = module.getDataLayout().getIntPtrType(context);
    FunctionCallee getauxval =
        module.getOrInsertFunction("getauxval", word, word);
    auto read = [&](uint64_t type) {
      return b.CreateTrunc(
          b.CreateCall(getauxval, {ConstantInt::get(word, type)}), i32);
    };
    std::array<Value *, kNumWords> words = {};
    words[Hwcap] = read(kAtHwcap);
    words[Hwcap2] = read(kAtHwcap2);
    return words;
  }

  std::array<Value *, kNumWords> readCpuid() {
    enum Register { Eax, Ebx, Ecx, Edx };
    constexpr uint32_t kExtended = 0x80000000u;
    auto get = [&](Value *registers, Register index) {
      return b.CreateExtractValue(registers, index);
    };
    Value *last = get(cpuid(0, 0), Eax);
    Value *lastExtended = get(cpuid(kExtended, 0), Eax);
    Value *leaf7 = cpuid(7, 0), *leaf71 = cpuid(7, 1);
    Value *lastSubleaf = ifKnown(last, 7, get(leaf7, Eax));
    std::array<Value *, kNumWords> words = {};
    words[Leaf1Ecx] = ifKnown(last, 1, get(cpuid(1, 0), Ecx));
    words[Leaf7Ebx] = ifKnown(last, 7, get(leaf7, Ebx));
    words[Leaf7Ecx] = ifKnown(last, 7, get(leaf7, Ecx));
    words[Leaf7Edx] = ifKnown(last, 7, get(leaf7, Edx));
    words[Leaf71Eax] = ifKnown(lastSubleaf, 1, get(leaf71, Eax));
    words[ExtendedEcx] =
        ifKnown(lastExtended, kExtended + 1, get(cpuid(kExtended + 1, 0), Ecx));
    words[Xcr0] = readXcr0(words[Leaf1Ecx]);
    return words;
  }

  LLVMContext &context;
  Module &module;
  IRBuilder<> b;
  IntegerType *i32;
  Function *function = nullptr;
};
} // namespace

/// The word that keeps the answer, 0 before the first question; with it, the
/// function that reads or fills it.
static Function *getVersionFunction(Module &module, ArrayRef<CpuBits> needs) {
  constexpr StringLiteral kName = "qopt.version";
  if (Function *known = module.getFunction(kName))
    return known;
  Function *resolver = ResolverBuilder(module).build(needs);
  IRBuilder<> b(module.getContext());
  IntegerType *i32 = b.getInt32Ty();
  auto *answer = new GlobalVariable(module, i32, /*isConstant=*/false,
                                    GlobalValue::InternalLinkage, b.getInt32(0),
                                    "qopt.version.known");
  auto *function =
      Function::Create(FunctionType::get(i32, false),
                       GlobalValue::InternalLinkage, kName, module);
  BasicBlock *entry = BasicBlock::Create(module.getContext(), "", function);
  BasicBlock *ask = BasicBlock::Create(module.getContext(), "", function);
  BasicBlock *exit = BasicBlock::Create(module.getContext(), "", function);
  b.SetInsertPoint(entry);
  LoadInst *known = b.CreateAlignedLoad(i32, answer, Align(4));
  known->setAtomic(AtomicOrdering::Monotonic);
  b.CreateCondBr(b.CreateIsNull(known), ask, exit);
  b.SetInsertPoint(ask);
  Value *found = b.CreateCall(resolver);
  b.CreateAlignedStore(found, answer, Align(4))
      ->setAtomic(AtomicOrdering::Monotonic);
  b.CreateBr(exit);
  b.SetInsertPoint(exit);
  PHINode *version = b.CreatePHI(i32, 2);
  version->addIncoming(known, entry);
  version->addIncoming(found, ask);
  b.CreateRet(version);
  return function;
}

//===----------------------------------------------------------------------===//
// The dispatch
//===----------------------------------------------------------------------===//

Error qopt::addDispatch(Module &module, const Twine &name,
                        ArrayRef<Function *> versions,
                        ArrayRef<TargetInfo> targets) {
  SmallVector<CpuBits> needs;
  for (const TargetInfo &target : targets) {
    Expected<CpuBits> bits = bitsOf(target);
    if (!bits)
      return bits.takeError();
    needs.push_back(*bits);
  }
  LLVMContext &context = module.getContext();
  Function *version = getVersionFunction(module, needs);
  IRBuilder<> b(context);
  Function *function =
      Function::Create(versions.front()->getFunctionType(),
                       GlobalValue::ExternalLinkage, name, module);
  b.SetInsertPoint(BasicBlock::Create(context, "", function));
  BasicBlock *none = BasicBlock::Create(context, "", function);
  SwitchInst *choice =
      b.CreateSwitch(b.CreateCall(version), none, versions.size());
  b.SetInsertPoint(none);
  b.CreateRet(b.getInt32(QOPT_ERROR_UNSUPPORTED_CPU));
  SmallVector<Value *> arguments(make_pointer_range(
      make_range(function->arg_begin(), function->arg_end())));
  for (auto [i, callee] : enumerate(versions)) {
    BasicBlock *block = BasicBlock::Create(context, "", function);
    choice->addCase(b.getInt32(i + 1), block);
    b.SetInsertPoint(block);
    b.CreateRet(b.CreateCall(callee, arguments));
  }
  return Error::success();
}
