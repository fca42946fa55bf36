//===- FloatMath.h - Elementary functions without libm --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function is written once, over an arithmetic: `ScalarArith` computes
// it, and the lowering of `math` operations instantiates the same template
// with an arithmetic that emits operations. Both therefore do the same
// roundings in the same order. No branches, no tables, no fused multiply-add;
// all inputs are defined. The coefficients are minimax fits (Lawson's
// iteration) in relative error; unittests/Support/FloatMathTest.cpp checks the
// bounds.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_FLOATMATH_H
#define QOPT_SUPPORT_FLOATMATH_H

#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace qopt {

/// 1.5 * 2^23: adding it to |x| < 2^22 rounds x to the nearest integer, ties to
/// even, and leaves that integer in the low bits of the sum.
constexpr float kRoundingMagic = 12582912.0f;
constexpr int32_t kRoundingMagicBits = 0x4B400000;

/// A softmax adds up a longer row than that in so many partial sums, element i
/// in that of number i mod 16. Its sum is that of the elements behind the last
/// whole sixteen, and then of the partial sums; all in ascending order.
constexpr int64_t kSoftmaxPartialSums = 16;

template <class Arith>
typename Arith::Float scaleInTwo(Arith &a, typename Arith::Float x,
                                 typename Arith::Int n);

/// The arithmetic of plain numbers. Any other one offers the same members.
struct ScalarArith {
  using Float = float;
  using Int = int32_t;
  using Bool = bool;

  Float constant(float value) { return value; }
  Int intConstant(int32_t value) { return value; }
  Float add(Float a, Float b) { return a + b; }
  Float sub(Float a, Float b) { return a - b; }
  Float mul(Float a, Float b) { return a * b; }
  Float div(Float a, Float b) { return a / b; }
  /// False where one is a NaN.
  Bool less(Float a, Float b) { return a < b; }
  Float select(Bool condition, Float a, Float b) { return condition ? a : b; }
  Int bits(Float a) {
    Int result;
    std::memcpy(&result, &a, sizeof(result));
    return result;
  }
  Float fromBits(Int a) {
    Float result;
    std::memcpy(&result, &a, sizeof(result));
    return result;
  }
  Int addInt(Int a, Int b) { return Int(uint32_t(a) + uint32_t(b)); }
  Int subInt(Int a, Int b) { return Int(uint32_t(a) - uint32_t(b)); }
  Int andInt(Int a, Int b) { return a & b; }
  Int orInt(Int a, Int b) { return a | b; }
  Int shiftLeft(Int a, int n) { return Int(uint32_t(a) << n); }
  Int shiftRight(Int a, int n) { return a >> n; }
  /// x * 2^n with one rounding; `real` is n, too.
  Float scale(Float x, Int n, Float real) { return scaleInTwo(*this, x, n); }
};

/// Horner's rule; the coefficients run from the constant term upwards.
template <class Arith>
typename Arith::Float
evaluatePolynomial(Arith &a, typename Arith::Float x,
                   std::initializer_list<float> coefficients) {
  const float *next = coefficients.end() - 1;
  auto sum = a.constant(*next);
  while (next != coefficients.begin())
    sum = a.add(a.mul(sum, x), a.constant(*--next));
  return sum;
}

/// min(max(x, lo), hi); a NaN stays.
template <class Arith>
typename Arith::Float clampKeepingNaN(Arith &a, typename Arith::Float x,
                                      float lo, float hi) {
  auto low = a.constant(lo), high = a.constant(hi);
  auto raised = a.select(a.less(x, low), low, x);
  return a.select(a.less(high, raised), high, raised);
}

/// 2^n for n in [-126, 127].
template <class Arith>
typename Arith::Float powerOfTwo(Arith &a, typename Arith::Int n) {
  return a.fromBits(a.shiftLeft(a.addInt(n, a.intConstant(127)), 23));
}

/// x * 2^n for x in [0.5, 2] and n in [-252, 254]: two factors, for 2^n itself
/// may be out of range; the first product is exact.
template <class Arith>
typename Arith::Float scaleInTwo(Arith &a, typename Arith::Float x,
                                 typename Arith::Int n) {
  auto half = a.shiftRight(n, 1);
  return a.mul(a.mul(x, powerOfTwo(a, half)), powerOfTwo(a, a.subInt(n, half)));
}

/// e^x within 1 ulp. exp(inf) = inf, exp(-inf) = 0; denormal results are
/// rounded, not flushed.
template <class Arith>
typename Arith::Float expApprox(Arith &a, typename Arith::Float x) {
  // Beyond these bounds the result is 0 or infinity.
  x = clampKeepingNaN(a, x, -104.0f, 89.0f);
  // x = n ln 2 + r with |r| <= ln(2) / 2. ln 2 is split so that n times its
  // upper part is exact.
  auto shifted =
      a.add(a.mul(x, a.constant(0x1.715476p+0f)), a.constant(kRoundingMagic));
  auto n = a.subInt(a.bits(shifted), a.intConstant(kRoundingMagicBits));
  auto nFloat = a.sub(shifted, a.constant(kRoundingMagic));
  auto r = a.sub(x, a.mul(nFloat, a.constant(0x1.63p-1f)));
  r = a.sub(r, a.mul(nFloat, a.constant(-0x1.bd0106p-13f)));
  // e^r = 1 + (r + r^2 p(r))
  auto p = evaluatePolynomial(a, r,
                              {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f,
                               0x1.123a20p-7f, 0x1.6a23d0p-10f});
  auto mantissa = a.add(a.add(a.mul(a.mul(r, r), p), r), a.constant(1.0f));
  return a.scale(mantissa, n, nFloat);
}

/// |x|, and the sign of `x` put on a value that has none.
template <class Arith>
typename Arith::Float absolute(Arith &a, typename Arith::Float x) {
  return a.fromBits(a.andInt(a.bits(x), a.intConstant(0x7FFFFFFF)));
}
template <class Arith>
typename Arith::Float withSignOf(Arith &a, typename Arith::Float magnitude,
                                 typename Arith::Float x) {
  auto sign = a.andInt(a.bits(x), a.intConstant(INT32_MIN));
  return a.fromBits(a.orInt(a.bits(magnitude), sign));
}

/// tanh(x) within 1.5 ulp, odd, never beyond 1.
template <class Arith>
typename Arith::Float tanhApprox(Arith &a, typename Arith::Float x) {
  auto t = absolute(a, x);
  // Near zero: t + t^3 p(t^2).
  auto s = a.mul(t, t);
  auto p = evaluatePolynomial(a, s,
                              {-0x1.555532p-2f, 0x1.11070ap-3f, -0x1.b83854p-5f,
                               0x1.520b2cp-6f, -0x1.75623cp-8f});
  auto nearZero = a.add(a.mul(a.mul(s, t), p), t);
  // Elsewhere: 1 - 2 / (e^2t + 1).
  auto one = a.constant(1.0f);
  auto e = expApprox(a, a.add(t, t));
  auto far = a.sub(one, a.div(a.constant(2.0f), a.add(e, one)));
  auto isNear = a.less(t, a.constant(0.625f));
  return withSignOf(a, a.select(isNear, nearZero, far), x);
}

/// erf(x) within 1.5 ulp, odd, never beyond 1.
template <class Arith>
typename Arith::Float erfApprox(Arith &a, typename Arith::Float x) {
  auto t = absolute(a, x);
  // Near zero: t + t p(t^2).
  auto p = evaluatePolynomial(a, a.mul(t, t),
                              {0x1.06eba8p-3f, -0x1.812742p-2f, 0x1.ce2e0ap-4f,
                               -0x1.b80e90p-6f, 0x1.54c7f6p-8f,
                               -0x1.aa3f2ep-11f, 0x1.5cd4b2p-14f});
  auto nearZero = a.add(a.mul(t, p), t);
  // Elsewhere: 1 - e^(-t q(t)); beyond 4 the result is 1.
  auto limit = a.constant(4.0f);
  auto u = a.select(a.less(limit, t), limit, t);
  auto q = evaluatePolynomial(a, u,
                              {-0x1.20ef1cp+0f, -0x1.45328ep-1f,
                               -0x1.b32570p-4f, 0x1.85514ep-6f, -0x1.dd6c98p-9f,
                               0x1.527be4p-12f, -0x1.78dbccp-17f});
  auto far = a.sub(a.constant(1.0f), expApprox(a, a.mul(u, q)));
  auto isNear = a.less(t, a.constant(0.9296875f));
  return withSignOf(a, a.select(isNear, nearZero, far), x);
}

/// ln(x) within 1 ulp. ln(0) = -inf, ln(inf) = inf, NaN below zero.
template <class Arith>
typename Arith::Float logApprox(Arith &a, typename Arith::Float x) {
  auto zero = a.constant(0.0f);
  // Denormals are scaled up by 2^24 first.
  auto isSmall = a.less(x, a.constant(0x1p-126f));
  auto scaled = a.select(isSmall, a.mul(x, a.constant(0x1p24f)), x);
  auto correction = a.select(isSmall, a.constant(-24.0f), zero);
  // x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
  auto bits = a.bits(scaled);
  auto e = a.shiftRight(a.subInt(bits, a.intConstant(0x3F3504F3)), 23);
  auto f =
      a.sub(a.fromBits(a.subInt(bits, a.shiftLeft(e, 23))), a.constant(1.0f));
  // e as a float: |e| is small, so the magic number holds it exactly.
  auto eFloat =
      a.sub(a.fromBits(a.addInt(e, a.intConstant(kRoundingMagicBits))),
            a.constant(kRoundingMagic));
  eFloat = a.add(eFloat, correction);
  // ln(1 + f) = f - f^2 / 2 + f^3 p(f)
  auto p =
      evaluatePolynomial(a, f,
                         {0x1.555548p-2f, -0x1.000006p-2f, 0x1.99a4b6p-3f,
                          -0x1.555c4ep-3f, 0x1.233768p-3f, -0x1.fc2208p-4f,
                          0x1.e6f06ap-4f, -0x1.de3c16p-4f, 0x1.1457a6p-4f});
  auto square = a.mul(f, f);
  auto tail = a.mul(a.mul(square, f), p);
  tail = a.add(tail, a.mul(eFloat, a.constant(-0x1.bd0106p-13f)));
  tail = a.sub(tail, a.mul(square, a.constant(0.5f)));
  auto result = a.add(a.add(f, tail), a.mul(eFloat, a.constant(0x1.63p-1f)));
  // The edges of the domain; x - x is 0 for finite x, and NaN for NaN.
  auto infinity = a.constant(__builtin_inff());
  result = a.select(a.less(x, infinity), result, x);
  result = a.select(a.less(x, zero), a.constant(__builtin_nanf("")), result);
  auto isZero = a.less(absolute(a, x), a.constant(0x1p-149f));
  return a.select(isZero, a.constant(-__builtin_inff()), result);
}

} // namespace qopt

#endif // QOPT_SUPPORT_FLOATMATH_H
