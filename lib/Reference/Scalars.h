//===- Scalars.h - Scalar arithmetic of the interpreter -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the `arith` operations mean, where C++ has no operator that says so.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_REFERENCE_SCALARS_H
#define QOPT_LIB_REFERENCE_SCALARS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>
#include <limits>

namespace qopt::reference {

/// The width of a scalar, or of a tensor's elements.
inline unsigned bitWidth(mlir::Type type) {
  mlir::Type element = mlir::getElementTypeOrSelf(type);
  return element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
}

/// The low `width` bits of `value`, sign-extended.
inline int64_t wrap(int64_t value, unsigned width) {
  unsigned unused = 64 - width;
  return int64_t(uint64_t(value) << unused) >> unused;
}

/// The low `width` bits of `value`, zero-extended.
inline uint64_t asUnsigned(int64_t value, unsigned width) {
  return width == 64 ? uint64_t(value)
                     : uint64_t(value) & ((uint64_t(1) << width) - 1);
}

/// IEEE 754-2019 maximum: a NaN wins, and +0 is above -0.
template <typename T>
T maximum(T a, T b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<T>::quiet_NaN();
  if (a == b)
    return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

template <typename T>
T minimum(T a, T b) {
  return -maximum(-a, -b);
}

/// IEEE 754-2008 maxNum: a NaN loses.
template <typename T>
T maximumNumber(T a, T b) {
  return std::isnan(a) ? b : std::isnan(b) ? a : maximum(a, b);
}

template <typename T>
T minimumNumber(T a, T b) {
  return std::isnan(a) ? b : std::isnan(b) ? a : minimum(a, b);
}

template <typename T>
bool compare(mlir::arith::CmpFPredicate predicate, T a, T b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case mlir::arith::CmpFPredicate::AlwaysFalse:
    return false;
  case mlir::arith::CmpFPredicate::OEQ:
    return a == b;
  case mlir::arith::CmpFPredicate::OGT:
    return a > b;
  case mlir::arith::CmpFPredicate::OGE:
    return a >= b;
  case mlir::arith::CmpFPredicate::OLT:
    return a < b;
  case mlir::arith::CmpFPredicate::OLE:
    return a <= b;
  case mlir::arith::CmpFPredicate::ONE:
    return a < b || a > b;
  case mlir::arith::CmpFPredicate::ORD:
    return !unordered;
  case mlir::arith::CmpFPredicate::UEQ:
    return unordered || a == b;
  case mlir::arith::CmpFPredicate::UGT:
    return !(a <= b);
  case mlir::arith::CmpFPredicate::UGE:
    return !(a < b);
  case mlir::arith::CmpFPredicate::ULT:
    return !(a >= b);
  case mlir::arith::CmpFPredicate::ULE:
    return !(a > b);
  case mlir::arith::CmpFPredicate::UNE:
    return a != b;
  case mlir::arith::CmpFPredicate::UNO:
    return unordered;
  case mlir::arith::CmpFPredicate::AlwaysTrue:
    return true;
  }
  llvm_unreachable("all predicates are listed");
}

inline bool compare(mlir::arith::CmpIPredicate predicate, int64_t a, int64_t b,
                    unsigned width) {
  uint64_t ua = asUnsigned(a, width), ub = asUnsigned(b, width);
  switch (predicate) {
  case mlir::arith::CmpIPredicate::eq:
    return a == b;
  case mlir::arith::CmpIPredicate::ne:
    return a != b;
  case mlir::arith::CmpIPredicate::slt:
    return a < b;
  case mlir::arith::CmpIPredicate::sle:
    return a <= b;
  case mlir::arith::CmpIPredicate::sgt:
    return a > b;
  case mlir::arith::CmpIPredicate::sge:
    return a >= b;
  case mlir::arith::CmpIPredicate::ult:
    return ua < ub;
  case mlir::arith::CmpIPredicate::ule:
    return ua <= ub;
  case mlir::arith::CmpIPredicate::ugt:
    return ua > ub;
  case mlir::arith::CmpIPredicate::uge:
    return ua >= ub;
  }
  llvm_unreachable("all predicates are listed");
}

} // namespace qopt::reference

#endif // QOPT_LIB_REFERENCE_SCALARS_H
