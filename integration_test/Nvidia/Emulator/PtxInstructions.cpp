//===- PtxInstructions.cpp - What each instruction does -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After the PTX ISA, chapter 9. Floating-point additions and products must say
// how they round: without .rn, ptxas may contract them.
//
//===----------------------------------------------------------------------===//

#include "PtxHandlers.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace ptx;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static double toReal(uint64_t bits, Type type) {
  if (type.bits == 32) {
    float value;
    uint32_t low = uint32_t(bits);
    memcpy(&value, &low, 4);
    return value;
  }
  double value;
  memcpy(&value, &bits, 8);
  return value;
}

static uint64_t fromReal(double real, Type type) {
  if (type.bits == 32) {
    float value = float(real);
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
  }
  uint64_t bits;
  memcpy(&bits, &real, 8);
  return bits;
}

/// d = f(a), d = f(a, b), d = f(a, b, c), on values extended to 64 bits.
template <typename F>
static void unary(Op op, Warp &w, uint32_t mask, F f) {
  forLanes(mask, [&](int lane) {
    w.set(op.operands[0], lane,
          uint64_t(f(extend(w.get(op.operands[1], lane), op.type))));
  });
}
template <typename F>
static void binary(Op op, Warp &w, uint32_t mask, F f) {
  forLanes(mask, [&](int lane) {
    w.set(op.operands[0], lane,
          uint64_t(f(extend(w.get(op.operands[1], lane), op.type),
                     extend(w.get(op.operands[2], lane), op.type))));
  });
}
template <typename F>
static void ternary(Op op, Warp &w, uint32_t mask, F f) {
  forLanes(mask, [&](int lane) {
    w.set(op.operands[0], lane,
          uint64_t(f(w.get(op.operands[1], lane), w.get(op.operands[2], lane),
                     w.get(op.operands[3], lane))));
  });
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

static void add(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [](uint64_t a, uint64_t b) { return a + b; });
}
static void sub(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [](uint64_t a, uint64_t b) { return a - b; });
}
static void andBits(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [](uint64_t a, uint64_t b) { return a & b; });
}
static void orBits(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [](uint64_t a, uint64_t b) { return a | b; });
}
static void xorBits(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [](uint64_t a, uint64_t b) { return a ^ b; });
}
static void notBits(Op op, Warp &w, uint32_t mask) {
  unary(op, w, mask, [](uint64_t a) { return ~a; });
}
static void negate(Op op, Warp &w, uint32_t mask) {
  unary(op, w, mask, [](uint64_t a) { return 0 - a; });
}
static void absolute(Op op, Warp &w, uint32_t mask) {
  unary(op, w, mask, [](uint64_t a) { return int64_t(a) < 0 ? 0 - a : a; });
}
static void mulLow(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [](uint64_t a, uint64_t b) { return a * b; });
}
static void mulHigh(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [&](uint64_t a, uint64_t b) {
    if (op.type.isSigned())
      return uint64_t(((__int128)int64_t(a) * int64_t(b)) >> op.type.bits);
    return uint64_t(((unsigned __int128)a * b) >> op.type.bits);
  });
}
static void mulAdd(Op op, Warp &w, uint32_t mask) {
  ternary(op, w, mask, [&](uint64_t a, uint64_t b, uint64_t c) {
    return extend(a, op.type) * extend(b, op.type) + c;
  });
}
static void divide(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [&](uint64_t a, uint64_t b) {
    if (b == 0)
      throw Fault("division by zero in '" + op.text + "'");
    return op.type.isSigned() ? uint64_t(int64_t(a) / int64_t(b)) : a / b;
  });
}
static void remainder(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [&](uint64_t a, uint64_t b) {
    if (b == 0)
      throw Fault("division by zero in '" + op.text + "'");
    return op.type.isSigned() ? uint64_t(int64_t(a) % int64_t(b)) : a % b;
  });
}
static void minimum(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [&](uint64_t a, uint64_t b) {
    bool less = op.type.isSigned() ? int64_t(a) < int64_t(b) : a < b;
    return less ? a : b;
  });
}
static void maximum(Op op, Warp &w, uint32_t mask) {
  binary(op, w, mask, [&](uint64_t a, uint64_t b) {
    bool less = op.type.isSigned() ? int64_t(a) < int64_t(b) : a < b;
    return less ? b : a;
  });
}
static void shiftBits(Op op, Warp &w, uint32_t mask) {
  bool isLeft = op.parts[0] == "shl";
  forLanes(mask, [&](int lane) {
    uint64_t a = extend(w.get(op.operands[1], lane), op.type);
    uint32_t by = uint32_t(w.get(op.operands[2], lane));
    bool all = by >= uint32_t(op.type.bits);
    uint64_t sign = op.type.isSigned() && int64_t(a) < 0 ? ~uint64_t(0) : 0;
    uint64_t result = isLeft               ? (all ? 0 : a << by)
                      : all                ? sign
                      : op.type.isSigned() ? uint64_t(int64_t(a) >> by)
                                           : a >> by;
    w.set(op.operands[0], lane, result);
  });
}
/// shf.l/r.wrap/clamp.b32 d, a, b, c: 32 bits of the pair [b:a].
static void funnelShift(Op op, Warp &w, uint32_t mask) {
  bool isLeft = op.has("l"), wraps = op.has("wrap");
  ternary(op, w, mask, [&](uint64_t a, uint64_t b, uint64_t c) {
    uint32_t by = wraps ? uint32_t(c) & 31 : std::min(uint32_t(c), 32u);
    uint64_t pair = lowBits(b, 32) << 32 | lowBits(a, 32);
    return isLeft ? (pair << by) >> 32 : pair >> by;
  });
}
static void extractField(Op op, Warp &w, uint32_t mask) {
  ternary(op, w, mask, [&](uint64_t a, uint64_t b, uint64_t c) -> uint64_t {
    int at = int(b & 0xFF), length = int(c & 0xFF), bits = op.type.bits;
    uint64_t sign =
        op.type.isSigned() && length
            ? extend(a, {'u', bits}) >> std::min(at + length - 1, bits - 1) & 1
            : 0;
    uint64_t result = 0;
    for (int i = 0; i < bits; ++i)
      result |= (i < length && at + i < bits ? lowBits(a, bits) >> (at + i) & 1
                                             : sign)
                << i;
    return result;
  });
}
static void insertField(Op op, Warp &w, uint32_t mask) {
  forLanes(mask, [&](int lane) {
    uint64_t a = w.get(op.operands[1], lane), b = w.get(op.operands[2], lane);
    int at = int(w.get(op.operands[3], lane) & 0xFF),
        length = int(w.get(op.operands[4], lane) & 0xFF);
    for (int i = 0; i < length && at + i < op.type.bits; ++i) {
      uint64_t bit = uint64_t(1) << (at + i);
      b = (b & ~bit) | ((a >> i & 1) ? bit : 0);
    }
    w.set(op.operands[0], lane, b);
  });
}
static void permuteBytes(Op op, Warp &w, uint32_t mask) {
  ternary(op, w, mask, [](uint64_t a, uint64_t b, uint64_t c) {
    uint64_t pair = lowBits(b, 32) << 32 | lowBits(a, 32), result = 0;
    for (int i = 0; i < 4; ++i) {
      uint64_t selector = c >> (4 * i) & 0xF;
      uint64_t byte = pair >> (8 * (selector & 7)) & 0xFF;
      if (selector & 8)
        byte = byte & 0x80 ? 0xFF : 0;
      result |= byte << (8 * i);
    }
    return result;
  });
}
static void logic3(Op op, Warp &w, uint32_t mask) {
  uint64_t table = op.operands[4].value;
  ternary(op, w, mask, [&](uint64_t a, uint64_t b, uint64_t c) {
    uint64_t result = 0;
    for (int i = 0; i < 32; ++i)
      result |=
          (table >> ((a >> i & 1) << 2 | (b >> i & 1) << 1 | (c >> i & 1)) & 1)
          << i;
    return result;
  });
}
static void countLeadingZeros(Op op, Warp &w, uint32_t mask) {
  unary(op, w, mask, [&](uint64_t a) {
    int n = 0;
    while (n < op.type.bits && !(a >> (op.type.bits - 1 - n) & 1))
      ++n;
    return n;
  });
}
static void popCount(Op op, Warp &w, uint32_t mask) {
  unary(op, w, mask, [](uint64_t a) { return __builtin_popcountll(a); });
}
/// dp4a.atype.btype d, a, b, c
static void dot4(Op op, Warp &w, uint32_t mask) {
  ++w.block.statistics.dp4a;
  ternary(op, w, mask, [&](uint64_t a, uint64_t b, uint64_t c) {
    uint32_t sum = uint32_t(c);
    for (int i = 0; i < 4; ++i)
      sum += uint32_t(extend(a >> (8 * i), {op.second.kind, 8})) *
             uint32_t(extend(b >> (8 * i), {op.type.kind, 8}));
    return sum;
  });
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

/// In the precision of the type: one rounding.
template <typename F>
static void floatBinary(Op op, Warp &w, uint32_t mask, F f) {
  forLanes(mask, [&](int lane) {
    double a = toReal(w.get(op.operands[1], lane), op.type),
           b = toReal(w.get(op.operands[2], lane), op.type);
    w.set(op.operands[0], lane,
          op.type.bits == 32 ? fromReal(f(float(a), float(b)), op.type)
                             : fromReal(f(a, b), op.type));
  });
}
static void floatAdd(Op op, Warp &w, uint32_t mask) {
  floatBinary(op, w, mask, [](auto a, auto b) { return a + b; });
}
static void floatSub(Op op, Warp &w, uint32_t mask) {
  floatBinary(op, w, mask, [](auto a, auto b) { return a - b; });
}
static void floatMul(Op op, Warp &w, uint32_t mask) {
  floatBinary(op, w, mask, [](auto a, auto b) { return a * b; });
}
static void floatDiv(Op op, Warp &w, uint32_t mask) {
  floatBinary(op, w, mask, [](auto a, auto b) { return a / b; });
}
/// Of a number and a NaN the number; -0 is below +0.
static void floatMin(Op op, Warp &w, uint32_t mask) {
  bool keepsNan = op.has("NaN");
  floatBinary(op, w, mask, [&](auto a, auto b) {
    if (std::isnan(a) || std::isnan(b))
      return keepsNan ? decltype(a)(NAN) : std::isnan(a) ? b : a;
    return a == b ? (std::signbit(a) ? a : b) : a < b ? a : b;
  });
}
static void floatMax(Op op, Warp &w, uint32_t mask) {
  bool keepsNan = op.has("NaN");
  floatBinary(op, w, mask, [&](auto a, auto b) {
    if (std::isnan(a) || std::isnan(b))
      return keepsNan ? decltype(a)(NAN) : std::isnan(a) ? b : a;
    return a == b ? (std::signbit(a) ? b : a) : a < b ? b : a;
  });
}
static void floatNegate(Op op, Warp &w, uint32_t mask) {
  uint64_t sign = uint64_t(1) << (op.type.bits - 1);
  unary(op, w, mask, [&](uint64_t a) { return a ^ sign; });
}
static void floatAbsolute(Op op, Warp &w, uint32_t mask) {
  uint64_t sign = uint64_t(1) << (op.type.bits - 1);
  unary(op, w, mask, [&](uint64_t a) { return a & ~sign; });
}
/// copysign d, a, b: b with the sign of a.
static void copySign(Op op, Warp &w, uint32_t mask) {
  uint64_t sign = uint64_t(1) << (op.type.bits - 1);
  binary(op, w, mask,
         [&](uint64_t a, uint64_t b) { return (a & sign) | (b & ~sign); });
}
static void fusedMulAdd(Op op, Warp &w, uint32_t mask) {
  ternary(op, w, mask, [&](uint64_t a, uint64_t b, uint64_t c) {
    double x = toReal(a, op.type), y = toReal(b, op.type),
           z = toReal(c, op.type);
    return op.type.bits == 32
               ? fromReal(std::fma(float(x), float(y), float(z)), op.type)
               : fromReal(std::fma(x, y, z), op.type);
  });
}
static void squareRoot(Op op, Warp &w, uint32_t mask) {
  unary(op, w, mask, [&](uint64_t a) {
    double x = toReal(a, op.type);
    return fromReal(op.type.bits == 32 ? double(std::sqrt(float(x)))
                                       : std::sqrt(x),
                    op.type);
  });
}
static void reciprocal(Op op, Warp &w, uint32_t mask) {
  unary(op, w, mask, [&](uint64_t a) {
    double x = toReal(a, op.type);
    return fromReal(op.type.bits == 32 ? double(1.0f / float(x)) : 1 / x,
                    op.type);
  });
}
static void testProperty(Op op, Warp &w, uint32_t mask) {
  unary(op, w, mask, [&](uint64_t a) {
    double x = toReal(a, op.type);
    return op.has("notanumber") ? std::isnan(x)
           : op.has("number")   ? !std::isnan(x)
           : op.has("finite")   ? std::isfinite(x)
                                : std::isinf(x);
  });
}

//===----------------------------------------------------------------------===//
// Comparison and conversion
//===----------------------------------------------------------------------===//

namespace {
enum Comparison {
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  Equ,
  Neu,
  Ltu,
  Leu,
  Gtu,
  Geu,
  Num,
  Nan
};
} // namespace

static const char *const kComparisons[] = {"eq",  "ne",  "lt",  "le",  "gt",
                                           "ge",  "equ", "neu", "ltu", "leu",
                                           "gtu", "geu", "num", "nan"};

template <typename T>
static bool compare(int how, T a, T b) {
  switch (how) {
  case Eq:
    return a == b;
  case Ne:
    return a < b || a > b;
  case Lt:
    return a < b;
  case Le:
    return a <= b;
  case Gt:
    return a > b;
  case Ge:
    return a >= b;
  default:
    return false;
  }
}

static bool compareReals(int how, double a, double b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  if (how == Num || how == Nan)
    return unordered == (how == Nan);
  return how >= Equ ? unordered || compare(how - Equ, a, b)
                    : compare(how, a, b);
}

static void setPredicate(Op op, Warp &w, uint32_t mask) {
  forLanes(mask, [&](int lane) {
    uint64_t a = w.get(op.operands[1], lane), b = w.get(op.operands[2], lane);
    bool result;
    if (op.type.isFloat())
      result = compareReals(op.mode, toReal(a, op.type), toReal(b, op.type));
    else if (op.type.isSigned())
      result = compare(op.mode, signExtend(a, op.type.bits),
                       signExtend(b, op.type.bits));
    else
      result =
          compare(op.mode, lowBits(a, op.type.bits), lowBits(b, op.type.bits));
    if (op.operands.size() > 3) {
      bool other = w.get(op.operands[3], lane) & 1;
      result = op.has("and")  ? result && other
               : op.has("or") ? result || other
                              : result != other;
    }
    w.set(op.operands[0], lane, result);
  });
}

static void select(Op op, Warp &w, uint32_t mask) {
  ternary(op, w, mask,
          [](uint64_t a, uint64_t b, uint64_t p) { return p & 1 ? a : b; });
}

static double roundReal(double x, Op op) {
  if (op.has("rni"))
    return std::nearbyint(x);
  if (op.has("rzi"))
    return std::trunc(x);
  if (op.has("rmi"))
    return std::floor(x);
  return op.has("rpi") ? std::ceil(x) : x;
}

/// Clamped to the integers of `type`; a NaN becomes 0.
static uint64_t realToInteger(double x, Type type) {
  if (std::isnan(x))
    return 0;
  double low = type.isSigned() ? -std::ldexp(1.0, type.bits - 1) : 0;
  double high = std::ldexp(1.0, type.bits - (type.isSigned() ? 1 : 0));
  if (x >= high)
    return type.isSigned() ? (uint64_t(1) << (type.bits - 1)) - 1
                           : lowBits(~uint64_t(0), type.bits);
  if (x <= low)
    return type.isSigned()
               ? uint64_t(signExtend(uint64_t(1) << (type.bits - 1), type.bits))
               : 0;
  return type.isSigned() ? uint64_t(int64_t(x)) : uint64_t(x);
}

/// cvt.to.from: `second` is what it becomes.
static void convert(Op op, Warp &w, uint32_t mask) {
  Type to = op.second, from = op.type;
  forLanes(mask, [&](int lane) {
    uint64_t a = w.get(op.operands[1], lane), result;
    if (from.isFloat() && to.isFloat()) {
      result = fromReal(roundReal(toReal(a, from), op), to);
    } else if (from.isFloat()) {
      result = realToInteger(roundReal(toReal(a, from), op), to);
    } else if (to.isFloat()) {
      uint64_t value = extend(a, from);
      // Straight to the type: through double, 64 bits would round twice.
      if (to.bits == 32) {
        float real = from.isSigned() ? float(int64_t(value)) : float(value);
        result = fromReal(real, to);
      } else {
        result = fromReal(
            from.isSigned() ? double(int64_t(value)) : double(value), to);
      }
    } else {
      result = extend(extend(a, from), to);
    }
    w.set(op.operands[0], lane, result);
  });
}

//===----------------------------------------------------------------------===//
// Moves and control
//===----------------------------------------------------------------------===//

/// mov, also between a register and a brace of equal parts.
static void move(Op op, Warp &w, uint32_t mask) {
  size_t to = size_t(op.groups[0]), from = size_t(op.groups[1]);
  forLanes(mask, [&](int lane) {
    uint64_t value = 0;
    int bits = op.type.bits / int(from);
    for (size_t i = 0; i < from; ++i)
      value |= lowBits(w.get(op.operands[to + i], lane), bits)
               << (bits * int(i) % 64);
    for (size_t i = 0; i < to; ++i)
      w.set(op.operands[i], lane,
            to == 1 ? value
                    : lowBits(value >> (op.type.bits / int(to) * int(i)),
                              op.type.bits / int(to)));
  });
}

/// cvta and cvta.to: windows keep shared and local memory apart.
static void convertAddress(Op op, Warp &w, uint32_t mask) {
  uint64_t window = op.has("shared")  ? kSharedWindow
                    : op.has("local") ? kLocalWindow
                                      : 0;
  bool isTo = op.has("to");
  unary(op, w, mask,
        [&](uint64_t a) { return isTo ? a - window : a + window; });
}

static void branch(Op op, Warp &w, uint32_t mask) {
  forLanes(mask, [&](int lane) { w.next[lane] = op.targets[0]; });
}

static void branchIndexed(Op op, Warp &w, uint32_t mask) {
  forLanes(mask, [&](int lane) {
    w.next[lane] = op.targets.at(w.get(op.operands[0], lane));
  });
}

static void leave(Op op, Warp &w, uint32_t mask) { w.live &= ~mask; }

static void trap(Op op, Warp &, uint32_t) { throw Fault("a kernel traps"); }

static void barrier(Op op, Warp &w, uint32_t mask) {
  w.requireAll(op, mask);
  w.atBarrier = true;
}

static void syncWarp(Op op, Warp &w, uint32_t mask) { w.requireAll(op, mask); }

static void shuffle(Op op, Warp &w, uint32_t mask) {
  w.requireAll(op, mask);
  // shfl.sync.mode.b32 d[|p], a, b, c, membermask
  const Operand &d = op.operands[0], &a = op.operands[1], &b = op.operands[2],
                &c = op.operands[3];
  std::array<uint64_t, kLanes> values;
  forLanes(mask, [&](int lane) { values[lane] = w.get(a, lane); });
  forLanes(mask, [&](int lane) {
    int by = int(w.get(b, lane) & 31), clamp = int(w.get(c, lane) & 31),
        segment = int(w.get(c, lane) >> 8 & 31);
    int most = (lane & segment) | (clamp & ~segment), least = lane & segment;
    int from = op.has("up")     ? lane - by
               : op.has("down") ? lane + by
               : op.has("bfly") ? lane ^ by
                                : least | (by & ~segment);
    bool valid = op.has("up") ? from >= most : from <= most;
    w.set(d, lane, values[valid ? from : lane]);
  });
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

namespace {
struct Entry {
  const char *name;
  Handler integer, real;
};
} // namespace

static constexpr Entry kEntries[] = {
    {"add", add, floatAdd},
    {"sub", sub, floatSub},
    {"mul", mulLow, floatMul},
    {"mad", mulAdd, nullptr},
    {"div", divide, floatDiv},
    {"rem", remainder, nullptr},
    {"min", minimum, floatMin},
    {"max", maximum, floatMax},
    {"neg", negate, floatNegate},
    {"abs", absolute, floatAbsolute},
    {"and", andBits, nullptr},
    {"or", orBits, nullptr},
    {"xor", xorBits, nullptr},
    {"not", notBits, nullptr},
    {"shl", shiftBits, nullptr},
    {"shr", shiftBits, nullptr},
    {"shf", funnelShift, nullptr},
    {"bfe", extractField, nullptr},
    {"bfi", insertField, nullptr},
    {"prmt", permuteBytes, nullptr},
    {"lop3", logic3, nullptr},
    {"clz", countLeadingZeros, nullptr},
    {"popc", popCount, nullptr},
    {"dp4a", dot4, nullptr},
    {"copysign", nullptr, copySign},
    {"fma", nullptr, fusedMulAdd},
    {"sqrt", nullptr, squareRoot},
    {"rcp", nullptr, reciprocal},
    {"testp", nullptr, testProperty},
    {"setp", setPredicate, setPredicate},
    {"selp", select, select},
    {"cvt", convert, convert},
    {"mov", move, move},
    {"cvta", convertAddress, nullptr},
    {"ld", load, load},
    {"ldu", load, load},
    {"st", store, store},
    {"bra", branch, branch},
    {"brx", branchIndexed, branchIndexed},
    {"ret", leave, leave},
    {"exit", leave, leave},
    {"trap", trap, trap},
    {"shfl", shuffle, nullptr},
    {"ldmatrix", loadMatrix, nullptr},
    {"mma", multiplyMatrices, nullptr},
};

[[noreturn]] static void refuse(Op op, const std::string &why) {
  throw Fault("PTX: " + why + ": " + op.text);
}

/// mul and mad of integers name the part of the product; floats their rounding.
static void checkModifiers(Instruction &op) {
  const std::string &name = op.parts[0];
  static const char *const kRefused[] = {
      "approx", "full", "ftz", "sat", "satfinite", "cc", "rz", "rm", "rp"};
  for (const char *modifier : kRefused)
    if (op.has(modifier))
      refuse(op, std::string("unexpected .") + modifier);
  bool rounds = name == "add" || name == "sub" || name == "mul" ||
                name == "div" || name == "fma" || name == "sqrt" ||
                name == "rcp";
  if (op.type.isFloat() && rounds && !op.has("rn"))
    refuse(op, "expected .rn, so that nothing is contracted");
  if (op.type.isFloat() && op.type.bits != 32 && op.type.bits != 64 &&
      name != "mov" && name != "ld" && name != "st")
    refuse(op, "unknown float");
  if (name == "mul" && op.has("hi"))
    op.handler = mulHigh;
  else if (!op.type.isFloat() && (name == "mul" || name == "mad") &&
           !op.has("lo") && !op.has("wide"))
    refuse(op, "expected .lo or .wide");
  if (name == "setp") {
    const auto *found = std::find(std::begin(kComparisons),
                                  std::end(kComparisons), op.parts[1]);
    if (found == std::end(kComparisons))
      refuse(op, "unknown comparison");
    op.mode = int(found - std::begin(kComparisons));
  }
  if (name == "prmt" && op.parts.size() > 2)
    refuse(op, "unknown mode");
  if (name == "mma" && !op.has("m16n8k32") && !op.has("m8n8k16"))
    refuse(op, "unknown shape");
}

static Handler specialHandler(Op op) {
  const std::string &name = op.parts[0];
  if (name == "bar" || name == "barrier")
    return op.has("warp") ? syncWarp : barrier;
  if (name != "cp" || !op.has("async"))
    return nullptr;
  if (op.has("commit_group"))
    return commitCopies;
  return op.has("wait_group") || op.has("wait_all") ? waitCopies : copyAsync;
}

void ptx::resolve(Instruction &instruction) {
  instruction.space = spaceOf(instruction);
  instruction.handler = specialHandler(instruction);
  if (instruction.handler)
    return;
  for (const Entry &entry : kEntries)
    if (instruction.parts[0] == entry.name)
      instruction.handler =
          instruction.type.isFloat() ? entry.real : entry.integer;
  if (!instruction.handler)
    refuse(instruction, "unknown instruction");
  checkModifiers(instruction);
}
