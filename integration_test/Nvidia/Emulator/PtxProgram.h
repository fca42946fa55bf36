//===- PtxProgram.h - PTX, decoded ----------------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The subset of PTX that qopt's kernels consist of, as text and decoded. What
// is not in it is an error when a module is loaded, never a wrong result.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_INTEGRATION_TEST_NVIDIA_PTXPROGRAM_H
#define QOPT_INTEGRATION_TEST_NVIDIA_PTXPROGRAM_H

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ptx {

/// What the machine refuses: text that it does not know, or a kernel that does
/// what the PTX specification leaves undefined.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// ".s32" and the like: class b, u, s, f or p(redicate), and bits.
struct Type {
  char kind = 'b';
  int bits = 0;
  bool isSigned() const { return kind == 's'; }
  bool isFloat() const { return kind == 'f'; }
};

/// A register, an immediate, a special register or an address.
struct Operand {
  enum Kind { Register, Immediate, Special, Address, Sink } kind = Immediate;
  /// Number of the register (of the base of an address, -1 for none).
  int reg = -1;
  /// The immediate's bits, the address's offset, or the special register.
  uint64_t value = 0;
};

enum SpecialRegister : uint64_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId
};

struct Instruction;
struct Warp;
/// Executes an instruction for the lanes of `mask`.
using Handler = void (*)(const Instruction &, Warp &, uint32_t mask);

struct Instruction {
  std::string text;
  /// "ld.global.v4.b32" -> ld, global, v4, b32.
  std::vector<std::string> parts;
  Handler handler = nullptr;
  /// The last type and, where there is another one, that before it.
  Type type, second;
  /// Braces are taken away: the operands of {a, b} follow each other.
  std::vector<Operand> operands;
  /// Number of operands in each brace, or 1.
  std::vector<int> groups;
  int guard = -1;
  bool negated = false;
  /// Of branches; of brx.idx all.
  std::vector<int> targets;
  /// Of branches: where all their paths meet first; -1 where they only end.
  int meeting = -1;
  std::vector<std::string> labels;
  /// A modifier that the handler gave a meaning to: comparison, rounding, ...
  int mode = 0, space = 0;

  bool has(const std::string &part) const;
};

struct Kernel {
  std::string name;
  std::vector<int> registerBits;
  std::vector<Instruction> code;
  std::map<std::string, uint64_t> parameters;
  uint64_t parameterBytes = 0, localBytes = 0, sharedBytes = 0;
  int maxThreads = 1024;
};

struct Program {
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
};

/// Throws a Fault that quotes the line.
Program parse(const std::string &text);

/// Finds the handler of a decoded instruction; throws where there is none.
void resolve(Instruction &instruction);

} // namespace ptx

#endif
