//===- TargetInfo.cpp - The table of targets ------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/TargetInfo.h"
#include "qopt/Support/DidYouMean.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace qopt;
using namespace llvm;

namespace {
/// One row of the table. `hostNeeds` are the host features that "native"
/// requires before it chooses the row.
struct Row {
  const char *name;
  TargetInfo::Arch arch;
  const char *cpu;
  const char *features;
  int vectorBits;
  int numVectorRegisters;
  const char *hostNeeds;
};
} // namespace

static constexpr TargetInfo::Arch kX86 = TargetInfo::Arch::X86_64;
static constexpr TargetInfo::Arch kArm = TargetInfo::Arch::AArch64;
static constexpr TargetInfo::Arch kCortexM = TargetInfo::Arch::CortexM;
static constexpr TargetInfo::Arch kGpu = TargetInfo::Arch::Nvptx;
static constexpr TargetInfo::Arch kWasm = TargetInfo::Arch::Wasm;
static constexpr TargetInfo::Arch kPlain = TargetInfo::Arch::Plain;

// Strongest first within an architecture: "native" takes the first row whose
// needs the host meets. LLVM's x86-64-v4 prefers 256-bit vectors, a remedy for
// the clock drop of its first implementations; on the cores that have VNNI it
// costs half the throughput.
static constexpr Row kRows[] = {
    {"x86-64-v4-amx", kX86, "x86-64-v4",
     "+amx-tile,+amx-int8,+avx512vbmi,+avx512vnni,-prefer-256-bit", 512, 32,
     "amx-tile,amx-int8,avx512vbmi,avx512vnni,avx512bw,avx512dq,avx512vl,"
     "avx512cd"},
    {"x86-64-v4-vbmi", kX86, "x86-64-v4",
     "+avx512vbmi,+avx512vnni,-prefer-256-bit", 512, 32,
     "avx512vbmi,avx512vnni,avx512bw,avx512dq,avx512vl,avx512cd"},
    {"x86-64-v4-vnni", kX86, "x86-64-v4", "+avx512vnni,-prefer-256-bit", 512,
     32, "avx512vnni,avx512bw,avx512dq,avx512vl,avx512cd"},
    {"x86-64-v3-avxvnni", kX86, "x86-64-v3", "+avxvnni", 256, 16,
     "avxvnni,avx2,fma,bmi2,f16c"},
    {"x86-64-v4", kX86, "x86-64-v4", "-prefer-256-bit", 512, 32,
     "avx512bw,avx512dq,avx512vl,avx512cd"},
    {"x86-64-v3", kX86, "x86-64-v3", "", 256, 16, "avx2,fma,bmi2,f16c"},
    {"x86-64-v2", kX86, "x86-64-v2", "", 128, 16, ""},
    {"aarch64", kArm, "generic", "", 128, 32, ""},
    // One lane, and the core's own registers.
    {"cortex-m0", kCortexM, "cortex-m0", "", 32, 8, ""},
    {"cortex-m3", kCortexM, "cortex-m3", "", 32, 13, ""},
    {"cortex-m4", kCortexM, "cortex-m4", "", 32, 13, ""},
    {"cortex-m7", kCortexM, "cortex-m7", "", 32, 13, ""},
    // One lane as well: Helium is for products, which end in core registers.
    {"cortex-m55", kCortexM, "cortex-m55", "", 32, 13, ""},
    // Vectors are what one thread computes and four bytes of its lanes; the
    // features are the version of PTX. Kernels need the driver, not the host.
    {"sm_90", kGpu, "sm_90", "+ptx78", 128, 32, ""},
    {"sm_80", kGpu, "sm_80", "+ptx70", 128, 32, ""},
    {"sm_75", kGpu, "sm_75", "+ptx65", 128, 32, ""},
    {"aarch64-android", kArm, "generic", "", 128, 32, ""},
    // Registers of 128 bits are the least that V has.
    {"rv64gcv", kPlain, "generic-rv64", "+m,+a,+f,+d,+c,+v", 128, 32, ""},
    // Firmware: one lane, the core's own registers, and no float.
    {"riscv32", kPlain, "generic-rv32", "+m,+a,+c", 32, 26, ""},
    // Memory is copied and filled by instructions, so nothing is called. The
    // registers are those of the machines that engines compile for.
    {"wasm32", kWasm, "generic", "+simd128,+bulk-memory", 128, 16, ""},
};

// Features that may follow an aarch64 name, in canonical order.
static constexpr const char *kArmFeatures[] = {"dotprod", "i8mm", "sve"};

SmallVector<StringRef> TargetInfo::knownNames() {
  SmallVector<StringRef> names{"native"};
  for (const Row &row : kRows)
    names.push_back(row.name);
  names.append(
      {"aarch64+dotprod", "aarch64+dotprod+i8mm", "aarch64+dotprod+i8mm+sve"});
  return names;
}

static Error unknownTarget(StringRef name) {
  SmallVector<StringRef> known = TargetInfo::knownNames();
  return createStringError("unknown target '" + name + "', expected one of " +
                           join(known, ", ") + didYouMean(name, known));
}

static std::string tripleOf(const Row &row) {
  switch (row.arch) {
  case TargetInfo::Arch::X86_64:
    return "x86_64-unknown-linux-gnu";
  case TargetInfo::Arch::AArch64:
    return StringRef(row.name).ends_with("-android")
               ? "aarch64-unknown-linux-android21"
               : "aarch64-unknown-linux-gnu";
  case TargetInfo::Arch::CortexM: {
    StringRef arch = StringSwitch<StringRef>(row.cpu)
                         .Case("cortex-m0", "thumbv6m")
                         .Case("cortex-m3", "thumbv7m")
                         .Case("cortex-m55", "thumbv8.1m.main")
                         .Default("thumbv7em");
    // With plain `eabi`, calls of memcpy would be calls of __aeabi_memcpy4.
    return (arch + "-unknown-none-gnueabi").str();
  }
  case TargetInfo::Arch::Nvptx:
    return "nvptx64-nvidia-cuda";
  case TargetInfo::Arch::Wasm:
    return "wasm32-unknown-wasi";
  case TargetInfo::Arch::Plain:
    return StringRef(row.name).starts_with("riscv32")
               ? "riscv32-unknown-none-elf"
               : "riscv64-unknown-linux-gnu";
  }
  llvm_unreachable("all architectures are above");
}

static TargetInfo makeTarget(const Row &row, ArrayRef<StringRef> extra) {
  TargetInfo info;
  info.name = row.name;
  info.arch = row.arch;
  info.triple = tripleOf(row);
  info.cpu = row.cpu;
  info.vectorBits = row.vectorBits;
  info.numVectorRegisters = row.numVectorRegisters;

  SmallVector<std::string> features;
  if (*row.features)
    features.push_back(row.features);
  for (StringRef feature : extra) {
    info.name += ("+" + feature).str();
    features.push_back(("+" + feature).str());
  }
  info.features = join(features, ",");
  info.hasVnni512 = StringRef(row.features).contains("avx512vnni");
  info.hasVnni256 =
      info.hasVnni512 || StringRef(row.features).contains("avxvnni");
  info.hasVbmi = StringRef(row.features).contains("avx512vbmi");
  info.hasAmx = StringRef(row.features).contains("amx-int8");
  info.hasDotProd = is_contained(extra, "dotprod");
  info.hasI8mm = is_contained(extra, "i8mm");
  info.hasSve = is_contained(extra, "sve");
  if (row.arch == kCortexM) {
    info.indexBits = 32;
    info.hasCache = false;
    info.hasLongMultiply = info.name != "cortex-m0";
    // The cores with an FPU here are those with the DSP extension.
    info.hasFloat = info.name != "cortex-m0" && info.name != "cortex-m3";
    info.hasDsp = info.hasFloat;
    info.hasMve = info.name == "cortex-m55";
  }
  if (row.arch == kWasm)
    info.indexBits = 32;
  if (info.name == "riscv32") {
    info.indexBits = 32;
    info.hasCache = false;
    info.hasFloat = false;
  }
  info.hasFma = info.hasFloat && info.name != "x86-64-v2" && row.arch != kWasm;
  info.hasCpAsync = row.arch == kGpu && info.cpu != "sm_75";
  return info;
}

/// Whether this process runs on the row's architecture and the host has what
/// the row needs, and `alsoNeeds`.
static bool hostMeets(const Row &row,
                      const StringMap<bool, MallocAllocator> &features,
                      StringRef alsoNeeds = "") {
  Triple host(sys::getProcessTriple()), target(tripleOf(row));
  if (host.getArch() != target.getArch() ||
      host.isAndroid() != target.isAndroid())
    return false;
  SmallVector<StringRef> needs;
  StringRef(row.hostNeeds).split(needs, ',', -1, /*KeepEmpty=*/false);
  alsoNeeds.split(needs, ',', -1, /*KeepEmpty=*/false);
  return all_of(needs,
                [&](StringRef feature) { return features.lookup(feature); });
}

bool TargetInfo::runsOnHost() const {
  // Whether there is a GPU is for the launcher to find out.
  if (isGpu())
    return true;
  StringMap<bool, MallocAllocator> host = sys::getHostCPUFeatures();
  StringRef base = StringRef(name).split('+').first;
  const Row *row = find_if(kRows, [&](const Row &r) { return base == r.name; });
  std::string extra;
  if (arch == Arch::AArch64)
    extra = StringRef(features).str();
  erase(extra, '+');
  return row != std::end(kRows) && hostMeets(*row, host, extra);
}

bool TargetInfo::isFirmware() const {
  return Triple(triple).getOSName() == "none";
}

bool TargetInfo::hasPrograms() const {
  return !isFirmware() && (!Triple(triple).isAndroid() || runsOnHost());
}

std::optional<TargetInfo> TargetInfo::formForHost() const {
  if (runsOnHost())
    return *this;
  const Row &evex = *find_if(kRows, [](const Row &row) {
    return row.name == StringRef("x86-64-v4-vnni");
  });
  if (!hasVnni256 || hasVnni512 || !hostMeets(evex, sys::getHostCPUFeatures()))
    return std::nullopt;
  TargetInfo twin = *this;
  twin.features = "+avx512f,+avx512vl,+avx512vnni";
  return twin;
}

static Expected<TargetInfo> getNativeTarget() {
  Triple host(sys::getProcessTriple());
  StringMap<bool, MallocAllocator> features = sys::getHostCPUFeatures();
  auto has = [&](StringRef feature) { return features.lookup(feature); };
  SmallVector<StringRef> extra;
  if (host.isAArch64())
    for (StringRef feature : kArmFeatures)
      if (has(feature))
        extra.push_back(feature);
  for (const Row &row : kRows)
    if (hostMeets(row, features))
      return makeTarget(row, extra);
  return createStringError("no known target matches this host (" + host.str() +
                           "), expected x86-64 or AArch64; name one with "
                           "--target");
}

Expected<TargetInfo> TargetInfo::get(StringRef name) {
  if (name == "native")
    return getNativeTarget();
  SmallVector<StringRef> parts;
  name.split(parts, '+');
  const Row *row =
      find_if(kRows, [&](const Row &r) { return parts[0] == r.name; });
  if (row == std::end(kRows))
    return unknownTarget(name);

  SmallVector<StringRef> requested(drop_begin(parts)), extra;
  if (row->arch == kArm)
    for (StringRef feature : kArmFeatures)
      if (is_contained(requested, feature))
        extra.push_back(feature);
  if (extra.size() != requested.size())
    return unknownTarget(name);
  return makeTarget(*row, extra);
}

Expected<std::vector<TargetInfo>> TargetInfo::getList(StringRef names) {
  SmallVector<StringRef> parts;
  names.split(parts, ',');
  std::vector<TargetInfo> targets;
  for (StringRef part : parts) {
    if (part.trim().empty() && parts.size() > 1)
      return createStringError("expected a name on either side of each comma, "
                               "got '" +
                               names + "'");
    Expected<TargetInfo> target = get(part.trim());
    if (!target)
      return target.takeError();
    if (any_of(targets, [&](const TargetInfo &other) {
          return other.name == target->name;
        }))
      return createStringError("expected different targets, got '" +
                               target->name + "' twice");
    targets.push_back(*target);
  }
  const TargetInfo &first = targets.front();
  if (targets.size() > 1 && first.isGpu())
    return createStringError("expected one target where it is a GPU, got '" +
                             first.name + "' and '" + targets[1].name + "'");
  for (const TargetInfo &target : drop_begin(targets))
    if (target.triple != first.triple ||
        !is_contained({Arch::X86_64, Arch::AArch64}, first.arch))
      return createStringError("expected a list of targets of one "
                               "architecture, x86-64 or AArch64, got '" +
                               first.name + "' and '" + target.name + "'");
  // Rows, then the features after a name: later ones count more.
  auto strength = [](const TargetInfo &target) {
    StringRef base = StringRef(target.name).split('+').first;
    const Row *row =
        find_if(kRows, [&](const Row &r) { return base == r.name; });
    return std::tuple(-(row - kRows), target.hasI8mm, target.hasDotProd,
                      target.hasSve);
  };
  sort(targets, [&](const TargetInfo &a, const TargetInfo &b) {
    return strength(a) < strength(b);
  });
  return targets;
}
