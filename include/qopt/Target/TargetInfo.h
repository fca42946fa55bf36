//===- TargetInfo.h - What code generation knows of a target --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One plain description per target, from the name that `--target` takes. The
// schedule's cost model, the dot lowerings and the emitters all read it; it
// needs no LLVM target to be linked in.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_TARGETINFO_H
#define QOPT_TARGET_TARGETINFO_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qopt {

/// Vectors that go side by side through what keeps no sums: the longer its
/// chains of dependent operations, the more that gains. Of 1 to 4 vectors of a
/// sigmoid, 4 were the fastest for x86-64-v2, -v3 and -v4.
inline constexpr int64_t kVectorsSideBySide = 4;

struct TargetInfo {
  /// Plain: no instruction that qopt would name itself, only the portable forms
  /// of LLVM's vectors.
  enum class Arch { X86_64, AArch64, CortexM, Nvptx, Wasm, Plain };

  /// Canonical name, never "native": the same name gives the same bytes on
  /// every host.
  std::string name;
  Arch arch = Arch::X86_64;
  std::string triple;
  std::string cpu;
  /// LLVM's subtarget features, "+avx512vnni,...", in a fixed order.
  std::string features;

  /// Width of an address.
  unsigned indexBits = 64;
  /// Whether floats are computed by instructions; without, no float operation
  /// may be left.
  bool hasFloat = true;
  /// Whether one instruction multiplies and adds floats with one rounding.
  bool hasFma = true;
  /// Whether one instruction gives all 64 bits of a product.
  bool hasLongMultiply = true;

  /// Width of the vectors that schedules use, and how many registers hold them.
  int64_t vectorBits = 128;
  int64_t numVectorRegisters = 16;

  /// vpdpbusd on 512-bit registers (AVX-512 VNNI).
  bool hasVnni512 = false;
  /// vpdpbusd on 128/256-bit registers (AVX-VNNI, or AVX-512 VNNI with VL).
  bool hasVnni256 = false;
  /// vpermi2b (AVX-512 VBMI): tables of 256 bytes in four registers.
  bool hasVbmi = false;
  /// tdpbusd and its kin (AMX-INT8): products of tiles of 16 by 64 bytes.
  bool hasAmx = false;
  /// smlad (Cortex-M with the DSP extension): two products of 16 bits.
  bool hasDsp = false;
  /// vmladava (Cortex-M with Helium): sixteen products of bytes.
  bool hasMve = false;
  /// sdot/udot and smmla/usdot (Arm).
  bool hasDotProd = false;
  bool hasI8mm = false;
  /// Vectors of the width that the core has (Arm).
  bool hasSve = false;
  /// cp.async, and mma.sync on 16x8x32 bytes instead of 8x8x16 (sm_80).
  bool hasCpAsync = false;

  /// A cache is nearer than memory.
  bool hasCache = true;

  /// Lanes of `bits` bits in one vector.
  int64_t lanes(int64_t bits) const { return vectorBits / bits; }

  /// A model for it is kernels, and a launcher for the host.
  bool isGpu() const { return arch == Arch::Nvptx; }

  bool runsOnHost() const;

  /// No operating system: code has fixed addresses, and room for it is scarce.
  bool isFirmware() const;

  /// Whether qopt can link programs for it: not firmware, and not what needs a
  /// C library that only the vendor's kit has, unless the host is such.
  bool hasPrograms() const;

  /// What code for this target is generated for to run on this host: the target
  /// itself; for AVX-VNNI, the same instructions on 256 bits in the encoding of
  /// AVX-512 VNNI, where the host has only that; else nothing.
  std::optional<TargetInfo> formForHost() const;

  /// Finds the target called `name`: a known name, optionally with `+feature`s
  /// ("aarch64+dotprod+i8mm"), or "native" for the best one that this host
  /// can run. An unknown name or feature lists those known.
  static llvm::Expected<TargetInfo> get(llvm::StringRef name);

  /// The targets of a list "x86-64-v2,x86-64-v3", weakest first. Several must
  /// be different ones of one architecture, x86-64 or AArch64.
  static llvm::Expected<std::vector<TargetInfo>> getList(llvm::StringRef names);

  /// The names that `get` accepts, "native" first.
  static llvm::SmallVector<llvm::StringRef> knownNames();
};

} // namespace qopt

#endif // QOPT_TARGET_TARGETINFO_H
