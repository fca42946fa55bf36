//===- RowProgram.cpp - Scalar code evaluated over rows -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One lambda per scalar operation. Integers wrap to the width of their type
// after every step; floats are rounded once per operation, as C++ does on every
// target that qopt supports (the build sets -ffp-contract=off).
//
//===----------------------------------------------------------------------===//

#include "RowProgram.h"
#include "Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Support/FloatMath.h"
#include "qopt/Support/QuantMath.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::reference;

//===----------------------------------------------------------------------===//
// Shapes of steps
//===----------------------------------------------------------------------===//

unsigned RowProgram::define(Value value) {
  registerOf[value] = numRegisters;
  return numRegisters++;
}

template <typename F>
void RowProgram::floatUnary(Operation *op, F function) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned r = define(op->getResult(0));
  auto apply = [=](const auto *x, auto *y, int64_t count) {
    for (int64_t i = 0; i != count; ++i)
      y[i] = function(x[i]);
  };
  if constexpr (std::is_invocable_v<F, double>)
    if (getElementTypeOrSelf(op->getResult(0)).isF64()) {
      steps.push_back([=](RowFrame &frame) {
        apply(frame.registers[a].f64(), frame.registers[r].f64(), frame.length);
      });
      return;
    }
  steps.push_back([=](RowFrame &frame) {
    apply(frame.registers[a].f32(), frame.registers[r].f32(), frame.length);
  });
}

template <typename F>
void RowProgram::floatBinary(Operation *op, F function) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned b = registerOf[op->getOperand(1)];
  unsigned r = define(op->getResult(0));
  auto apply = [=](const auto *x, const auto *y, auto *z, int64_t count) {
    for (int64_t i = 0; i != count; ++i)
      z[i] = function(x[i], y[i]);
  };
  if (getElementTypeOrSelf(op->getResult(0)).isF64())
    steps.push_back([=](RowFrame &frame) {
      auto &registers = frame.registers;
      apply(registers[a].f64(), registers[b].f64(), registers[r].f64(),
            frame.length);
    });
  else
    steps.push_back([=](RowFrame &frame) {
      auto &registers = frame.registers;
      apply(registers[a].f32(), registers[b].f32(), registers[r].f32(),
            frame.length);
    });
}

/// `function(a, b, width)`; its result is wrapped to the width.
template <typename F>
void RowProgram::intBinary(Operation *op, F function) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned b = registerOf[op->getOperand(1)];
  unsigned width = bitWidth(op->getResult(0).getType());
  unsigned r = define(op->getResult(0));
  steps.push_back([=](RowFrame &frame) {
    const int64_t *x = frame.registers[a].ints();
    const int64_t *y = frame.registers[b].ints();
    int64_t *z = frame.registers[r].ints();
    for (int64_t i = 0, e = frame.length; i != e; ++i)
      z[i] = wrap(function(x[i], y[i], width), width);
  });
}

//===----------------------------------------------------------------------===//
// Float operations
//===----------------------------------------------------------------------===//

/// The approximations of FloatMath.h are defined on f32 only.
static bool isF32(Operation *op) {
  return getElementTypeOrSelf(op->getResult(0)).isF32();
}

bool RowProgram::compileFloatBinary(Operation *op) {
  bool known = true;
  llvm::TypeSwitch<Operation *>(op)
      .Case<arith::AddFOp>(
          [&](auto) { floatBinary(op, [](auto a, auto b) { return a + b; }); })
      .Case<arith::SubFOp>(
          [&](auto) { floatBinary(op, [](auto a, auto b) { return a - b; }); })
      .Case<arith::MulFOp>(
          [&](auto) { floatBinary(op, [](auto a, auto b) { return a * b; }); })
      .Case<arith::DivFOp>(
          [&](auto) { floatBinary(op, [](auto a, auto b) { return a / b; }); })
      .Case<arith::RemFOp>([&](auto) {
        floatBinary(op, [](auto a, auto b) { return std::fmod(a, b); });
      })
      .Case<arith::MaximumFOp>([&](auto) {
        floatBinary(op, [](auto a, auto b) { return maximum(a, b); });
      })
      .Case<arith::MinimumFOp>([&](auto) {
        floatBinary(op, [](auto a, auto b) { return minimum(a, b); });
      })
      .Case<arith::MaxNumFOp>([&](auto) {
        floatBinary(op, [](auto a, auto b) { return maximumNumber(a, b); });
      })
      .Case<arith::MinNumFOp>([&](auto) {
        floatBinary(op, [](auto a, auto b) { return minimumNumber(a, b); });
      })
      .Case<math::CopySignOp>([&](auto) {
        floatBinary(op, [](auto a, auto b) { return std::copysign(a, b); });
      })
      .Default([&](Operation *) { known = false; });
  return known;
}

bool RowProgram::compileFloatUnary(Operation *op) {
  bool known = true;
  llvm::TypeSwitch<Operation *>(op)
      .Case<arith::NegFOp>(
          [&](auto) { floatUnary(op, [](auto a) { return -a; }); })
      .Case<math::AbsFOp>(
          [&](auto) { floatUnary(op, [](auto a) { return std::fabs(a); }); })
      .Case<math::SqrtOp>(
          [&](auto) { floatUnary(op, [](auto a) { return std::sqrt(a); }); })
      .Case<math::RsqrtOp>([&](auto) {
        floatUnary(op, [](auto a) { return decltype(a)(1) / std::sqrt(a); });
      })
      .Case<math::FloorOp>(
          [&](auto) { floatUnary(op, [](auto a) { return std::floor(a); }); })
      .Case<math::CeilOp>(
          [&](auto) { floatUnary(op, [](auto a) { return std::ceil(a); }); })
      .Case<math::RoundEvenOp>([&](auto) {
        floatUnary(op, [](auto a) { return std::nearbyint(a); });
      })
      .Default([&](Operation *) { known = false; });
  return known;
}

bool RowProgram::compileApproximation(Operation *op) {
  if (op->getNumResults() != 1 || !isF32(op))
    return false;
  bool known = true;
  static ScalarArith scalar; // stateless
  llvm::TypeSwitch<Operation *>(op)
      .Case<math::ExpOp>([&](auto) {
        floatUnary(op, [](float a) { return expApprox(scalar, a); });
      })
      .Case<math::TanhOp>([&](auto) {
        floatUnary(op, [](float a) { return tanhApprox(scalar, a); });
      })
      .Case<math::ErfOp>([&](auto) {
        floatUnary(op, [](float a) { return erfApprox(scalar, a); });
      })
      .Case<math::LogOp>([&](auto) {
        floatUnary(op, [](float a) { return logApprox(scalar, a); });
      })
      .Default([&](Operation *) { known = false; });
  return known;
}

void RowProgram::multiplyAdd(Operation *op) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned b = registerOf[op->getOperand(1)];
  unsigned c = registerOf[op->getOperand(2)];
  unsigned r = define(op->getResult(0));
  bool isDouble = !isF32(op);
  steps.push_back([=](RowFrame &frame) {
    auto &registers = frame.registers;
    for (int64_t i = 0, e = frame.length; i != e; ++i)
      if (isDouble)
        registers[r].f64()[i] =
            std::fma(registers[a].f64()[i], registers[b].f64()[i],
                     registers[c].f64()[i]);
      else
        registers[r].f32()[i] =
            std::fma(registers[a].f32()[i], registers[b].f32()[i],
                     registers[c].f32()[i]);
  });
}

void RowProgram::compareFloats(Operation *op) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned b = registerOf[op->getOperand(1)];
  bool isDouble = getElementTypeOrSelf(op->getOperand(0)).isF64();
  auto predicate = cast<arith::CmpFOp>(op).getPredicate();
  unsigned r = define(op->getResult(0));
  steps.push_back([=](RowFrame &frame) {
    Register &x = frame.registers[a], &y = frame.registers[b];
    int64_t *z = frame.registers[r].ints();
    for (int64_t i = 0, e = frame.length; i != e; ++i)
      z[i] = -int64_t(isDouble ? compare(predicate, x.f64()[i], y.f64()[i])
                               : compare(predicate, x.f32()[i], y.f32()[i]));
  });
}

void RowProgram::select(Operation *op) {
  unsigned c = registerOf[op->getOperand(0)];
  unsigned a = registerOf[op->getOperand(1)];
  unsigned b = registerOf[op->getOperand(2)];
  bool isFloat = isF32(op);
  unsigned r = define(op->getResult(0));
  steps.push_back([=](RowFrame &frame) {
    auto &registers = frame.registers;
    const int64_t *condition = registers[c].ints();
    // 64-bit patterns stand for f64 as well.
    for (int64_t i = 0, e = frame.length; i != e; ++i)
      if (isFloat)
        registers[r].f32()[i] =
            condition[i] ? registers[a].f32()[i] : registers[b].f32()[i];
      else
        registers[r].ints()[i] =
            condition[i] ? registers[a].ints()[i] : registers[b].ints()[i];
  });
}

//===----------------------------------------------------------------------===//
// Integer operations
//===----------------------------------------------------------------------===//

void RowProgram::compareIntegers(Operation *op) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned b = registerOf[op->getOperand(1)];
  unsigned width = bitWidth(op->getOperand(0).getType());
  auto predicate = cast<arith::CmpIOp>(op).getPredicate();
  unsigned r = define(op->getResult(0));
  steps.push_back([=](RowFrame &frame) {
    const int64_t *x = frame.registers[a].ints();
    const int64_t *y = frame.registers[b].ints();
    int64_t *z = frame.registers[r].ints();
    for (int64_t i = 0, e = frame.length; i != e; ++i)
      z[i] = -int64_t(compare(predicate, x[i], y[i], width));
  });
}

/// Signed or unsigned division, or its remainder, with a guard for the cases
/// that have no defined result.
static int64_t divide(Operation *op, int64_t a, int64_t b, unsigned width,
                      const char *&failure) {
  bool isSigned = isa<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp,
                      arith::CeilDivSIOp>(op);
  if (b == 0 ||
      (isSigned && b == -1 && a == wrap(int64_t(1) << (width - 1), width))) {
    failure = "division by zero or overflow";
    return 0;
  }
  uint64_t ua = asUnsigned(a, width), ub = asUnsigned(b, width);
  bool inexact = a % b != 0, negative = (a < 0) != (b < 0);
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<arith::DivSIOp>([&](auto) { return a / b; })
      .Case<arith::RemSIOp>([&](auto) { return a % b; })
      .Case<arith::FloorDivSIOp>(
          [&](auto) { return a / b - (inexact && negative); })
      .Case<arith::CeilDivSIOp>(
          [&](auto) { return a / b + (inexact && !negative); })
      .Case<arith::DivUIOp>([&](auto) { return int64_t(ua / ub); })
      .Case<arith::RemUIOp>([&](auto) { return int64_t(ua % ub); })
      .Default([&](Operation *) { return int64_t(ua / ub + (ua % ub != 0)); });
}

/// A shift by the width or more has no defined result in `arith`.
static bool shiftsTooFar(int64_t amount, unsigned width) {
  return asUnsigned(amount, width) >= width;
}

bool RowProgram::compileIntegerBinary(Operation *op) {
  bool known = true;
  llvm::TypeSwitch<Operation *>(op)
      .Case<arith::AddIOp>([&](auto) {
        intBinary(op, [](int64_t a, int64_t b, unsigned) {
          return int64_t(uint64_t(a) + uint64_t(b));
        });
      })
      .Case<arith::SubIOp>([&](auto) {
        intBinary(op, [](int64_t a, int64_t b, unsigned) {
          return int64_t(uint64_t(a) - uint64_t(b));
        });
      })
      .Case<arith::MulIOp>([&](auto) {
        intBinary(op, [](int64_t a, int64_t b, unsigned) {
          return int64_t(uint64_t(a) * uint64_t(b));
        });
      })
      .Case<arith::AndIOp>([&](auto) {
        intBinary(op, [](int64_t a, int64_t b, unsigned) { return a & b; });
      })
      .Case<arith::OrIOp>([&](auto) {
        intBinary(op, [](int64_t a, int64_t b, unsigned) { return a | b; });
      })
      .Case<arith::XOrIOp>([&](auto) {
        intBinary(op, [](int64_t a, int64_t b, unsigned) { return a ^ b; });
      })
      .Case<arith::MaxSIOp>([&](auto) {
        intBinary(
            op, [](int64_t a, int64_t b, unsigned) { return std::max(a, b); });
      })
      .Case<arith::MinSIOp>([&](auto) {
        intBinary(
            op, [](int64_t a, int64_t b, unsigned) { return std::min(a, b); });
      })
      .Case<arith::MaxUIOp>([&](auto) {
        intBinary(op, [](int64_t a, int64_t b, unsigned width) {
          return asUnsigned(a, width) > asUnsigned(b, width) ? a : b;
        });
      })
      .Case<arith::MinUIOp>([&](auto) {
        intBinary(op, [](int64_t a, int64_t b, unsigned width) {
          return asUnsigned(a, width) < asUnsigned(b, width) ? a : b;
        });
      })
      .Default([&](Operation *) { known = false; });
  return known;
}

void RowProgram::shift(Operation *op) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned b = registerOf[op->getOperand(1)];
  unsigned width = bitWidth(op->getResult(0).getType());
  unsigned r = define(op->getResult(0));
  bool left = isa<arith::ShLIOp>(op), logical = isa<arith::ShRUIOp>(op);
  steps.push_back([=](RowFrame &frame) {
    auto &registers = frame.registers;
    for (int64_t i = 0, e = frame.length; i != e; ++i) {
      int64_t x = registers[a].ints()[i], n = registers[b].ints()[i];
      if (shiftsTooFar(n, width)) {
        frame.failure = "shift by the width of the type or more";
        return;
      }
      int64_t shifted = left      ? int64_t(uint64_t(x) << n)
                        : logical ? int64_t(asUnsigned(x, width) >> n)
                                  : x >> n;
      registers[r].ints()[i] = wrap(shifted, width);
    }
  });
}

void RowProgram::divideIntegers(Operation *op) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned b = registerOf[op->getOperand(1)];
  unsigned width = bitWidth(op->getResult(0).getType());
  unsigned r = define(op->getResult(0));
  steps.push_back([=](RowFrame &frame) {
    auto &registers = frame.registers;
    for (int64_t i = 0, e = frame.length; i != e; ++i)
      registers[r].ints()[i] =
          wrap(divide(op, registers[a].ints()[i], registers[b].ints()[i], width,
                      frame.failure),
               width);
  });
}

void RowProgram::absolute(Operation *op) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned width = bitWidth(op->getResult(0).getType());
  unsigned r = define(op->getResult(0));
  steps.push_back([=](RowFrame &frame) {
    for (int64_t i = 0, e = frame.length; i != e; ++i) {
      int64_t x = frame.registers[a].ints()[i];
      frame.registers[r].ints()[i] =
          wrap(x < 0 ? int64_t(0 - uint64_t(x)) : x, width);
    }
  });
}

bool RowProgram::compileOther(Operation *op) {
  bool known = true;
  llvm::TypeSwitch<Operation *>(op)
      .Case<math::FmaOp>([&](auto) { multiplyAdd(op); })
      .Case<arith::ShLIOp, arith::ShRSIOp, arith::ShRUIOp>(
          [&](auto) { shift(op); })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
            arith::FloorDivSIOp, arith::CeilDivSIOp, arith::CeilDivUIOp>(
          [&](auto) { divideIntegers(op); })
      .Case<math::AbsIOp>([&](auto) { absolute(op); })
      .Case<arith::CmpFOp>([&](auto) { compareFloats(op); })
      .Case<arith::CmpIOp>([&](auto) { compareIntegers(op); })
      .Case<arith::SelectOp>([&](auto) { select(op); })
      .Default([&](Operation *) { known = false; });
  return known;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

namespace {
/// One element of a conversion; `failure` is set where there is no result.
struct Conversion {
  Operation *op;
  unsigned fromWidth, toWidth;
  bool fromDouble, toDouble;

  explicit Conversion(Operation *op)
      : op(op), fromWidth(bitWidth(op->getOperand(0).getType())),
        toWidth(bitWidth(op->getResult(0).getType())),
        fromDouble(getElementTypeOrSelf(op->getOperand(0)).isF64()),
        toDouble(getElementTypeOrSelf(op->getResult(0)).isF64()) {}
};
} // namespace

/// fptosi and fptoui: towards zero; a value that does not fit is poison.
static int64_t floatToInt(double value, unsigned width, bool isSigned,
                          const char *&failure) {
  double truncated = std::trunc(value);
  double lo = isSigned ? -std::ldexp(1.0, width - 1) : 0.0;
  double hi = std::ldexp(1.0, isSigned ? width - 1 : width);
  if (!(truncated >= lo && truncated < hi)) {
    failure = "float out of the range of the integer type";
    return 0;
  }
  return isSigned ? int64_t(truncated) : int64_t(uint64_t(truncated));
}

template <typename F>
void RowProgram::convert(Operation *op, F element) {
  unsigned a = registerOf[op->getOperand(0)];
  unsigned r = define(op->getResult(0));
  steps.push_back([=](RowFrame &frame) {
    Register &x = frame.registers[a], &y = frame.registers[r];
    for (int64_t i = 0, e = frame.length; i != e; ++i)
      element(x, y, i, frame.failure);
  });
}

/// Between types of one kind: other widths of the same number.
bool RowProgram::compileResize(Operation *op) {
  Conversion c(op);
  if (isa<arith::ExtFOp>(op))
    convert(op, [](Register &x, Register &y, int64_t i, const char *&) {
      y.f64()[i] = x.f32()[i];
    });
  else if (isa<arith::TruncFOp>(op))
    convert(op, [](Register &x, Register &y, int64_t i, const char *&) {
      y.f32()[i] = float(x.f64()[i]);
    });
  else if (isa<arith::ExtUIOp, arith::IndexCastUIOp>(op))
    convert(op, [c](Register &x, Register &y, int64_t i, const char *&) {
      y.ints()[i] =
          wrap(int64_t(asUnsigned(x.ints()[i], c.fromWidth)), c.toWidth);
    });
  else if (isa<arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>(op))
    convert(op, [c](Register &x, Register &y, int64_t i, const char *&) {
      y.ints()[i] = wrap(x.ints()[i], c.toWidth);
    });
  else
    return false;
  return true;
}

/// The same bits as another type.
void RowProgram::bitcast(Operation *op) {
  Type fromType = getElementTypeOrSelf(op->getOperand(0));
  Type toType = getElementTypeOrSelf(op->getResult(0));
  if (fromType.isF32() && toType.isInteger(32))
    convert(op, [](Register &x, Register &y, int64_t i, const char *&) {
      y.ints()[i] = ScalarArith().bits(x.f32()[i]);
    });
  else if (fromType.isInteger(32) && toType.isF32())
    convert(op, [](Register &x, Register &y, int64_t i, const char *&) {
      y.f32()[i] = ScalarArith().fromBits(int32_t(x.ints()[i]));
    });
  else
    // 64-bit floats and integers share the register's bits.
    convert(op, [](Register &x, Register &y, int64_t i, const char *&) {
      y.ints()[i] = x.ints()[i];
    });
}

bool RowProgram::compileConversion(Operation *op) {
  Conversion c(op);
  bool isSigned = isa<arith::SIToFPOp, arith::FPToSIOp>(op);
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
    convert(op,
            [c, isSigned](Register &x, Register &y, int64_t i, const char *&) {
              int64_t value = x.ints()[i];
              uint64_t magnitude = asUnsigned(value, c.fromWidth);
              if (c.toDouble)
                y.f64()[i] = isSigned ? double(value) : double(magnitude);
              else
                y.f32()[i] = isSigned ? float(value) : float(magnitude);
            });
  else if (isa<arith::FPToSIOp, arith::FPToUIOp>(op))
    convert(op, [c, isSigned](Register &x, Register &y, int64_t i,
                              const char *&failure) {
      double value = c.fromDouble ? x.f64()[i] : double(x.f32()[i]);
      y.ints()[i] =
          wrap(floatToInt(value, c.toWidth, isSigned, failure), c.toWidth);
    });
  else if (isa<arith::BitcastOp>(op))
    bitcast(op);
  else
    return compileResize(op);
  return true;
}

//===----------------------------------------------------------------------===//
// Indices and elements of captured tensors
//===----------------------------------------------------------------------===//

Error RowProgram::compileAccess(Operation *op, OutsideValues outside,
                                bool &known) {
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    int64_t loop = index.getDim();
    unsigned r = define(op->getResult(0));
    usesIndices = true;
    steps.push_back([=](RowFrame &frame) {
      int64_t *z = frame.registers[r].ints();
      int64_t step = frame.rowLoop == loop ? 1 : 0;
      for (int64_t i = 0, e = frame.length; i != e; ++i)
        z[i] = frame.point[loop] + i * step;
    });
    return Error::success();
  }
  auto extract = dyn_cast<tensor::ExtractOp>(op);
  if (!extract) {
    known = false;
    return Error::success();
  }
  Expected<TensorRef> found = outside(extract.getTensor());
  if (!found)
    return found.takeError();
  TensorRef tensor = *found;
  SmallVector<int64_t> strides = rowMajorStrides(tensor->shape);
  SmallVector<unsigned> indices;
  for (Value index : extract.getIndices())
    indices.push_back(registerOf[index]);
  unsigned r = define(op->getResult(0));
  steps.push_back([=](RowFrame &frame) {
    Register element;
    for (int64_t i = 0, e = frame.length; i != e; ++i) {
      int64_t offset = 0;
      for (size_t d = 0; d != indices.size(); ++d) {
        int64_t index = frame.registers[indices[d]].ints()[i];
        if (index < 0 || index >= tensor->shape[d]) {
          frame.failure = "tensor index out of bounds";
          return;
        }
        offset += index * strides[d];
      }
      loadRow(*tensor, offset, 1, 1, element);
      if (tensor->dtype == DType::F32)
        frame.registers[r].f32()[i] = element.f32()[0];
      else
        frame.registers[r].ints()[i] = element.ints()[0];
    }
  });
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

Expected<unsigned> RowProgram::use(Value value, OutsideValues outside) {
  auto known = registerOf.find(value);
  if (known != registerOf.end())
    return known->second;
  Expected<TensorRef> captured = outside(value);
  if (!captured)
    return captured.takeError();
  unsigned r = define(value);
  constants.push_back({r, *captured});
  return r;
}

Error RowProgram::compile(Operation *op, OutsideValues outside) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    Expected<HostTensor> value = hostTensorFromAttribute(constant.getValue());
    if (!value)
      return value.takeError();
    constants.push_back({define(constant.getResult()),
                         std::make_shared<HostTensor>(std::move(*value))});
    return Error::success();
  }
  for (Value operand : op->getOperands()) {
    if (isa<ShapedType>(operand.getType()) && !registerOf.count(operand))
      continue; // the tensor of a tensor.extract
    Expected<unsigned> r = use(operand, outside);
    if (!r)
      return r.takeError();
  }
  for (Value result : op->getResults())
    if (auto type = storageType(getElementTypeOrSelf(result), op->getLoc());
        !type)
      return type.takeError();
  if (compileFloatBinary(op) || compileFloatUnary(op) ||
      compileApproximation(op) || compileIntegerBinary(op) || compileOther(op))
    return Error::success();
  // What is left has an operand to convert or is not of arith and math.
  if (op->getNumOperands() == 1 && op->getNumResults() == 1 &&
      isa_and_present<arith::ArithDialect>(op->getDialect()) &&
      compileConversion(op))
    return Error::success();
  bool known = true;
  if (Error error = compileAccess(op, outside, known))
    return error;
  if (known)
    return Error::success();
  return errorAt(op->getLoc(), "the reference interpreter does not know '" +
                                   op->getName().getStringRef() + "'");
}

Expected<RowProgram> RowProgram::ofBlock(Block &body, OutsideValues outside) {
  RowProgram program(body.getParentOp()->getLoc());
  for (BlockArgument argument : body.getArguments())
    program.inputRegisters.push_back(program.define(argument));
  for (Operation &op : body.without_terminator())
    if (Error error = program.compile(&op, outside))
      return std::move(error);
  for (Value yielded : body.getTerminator()->getOperands()) {
    Expected<unsigned> r = program.use(yielded, outside);
    if (!r)
      return r.takeError();
    program.resultRegisters.push_back(*r);
  }
  return program;
}

Expected<RowProgram> RowProgram::ofOperation(Operation *op) {
  RowProgram program(op->getLoc());
  for (Value operand : op->getOperands())
    program.inputRegisters.push_back(program.define(operand));
  auto outside = [&](Value) -> Expected<TensorRef> {
    return errorAt(op->getLoc(), "expects operands only");
  };
  if (Error error = program.compile(op, outside))
    return std::move(error);
  for (Value result : op->getResults())
    program.resultRegisters.push_back(program.registerOf[result]);
  return program;
}

RowFrame RowProgram::makeFrame() const {
  RowFrame frame;
  frame.registers.resize(numRegisters);
  for (const auto &[r, tensor] : constants)
    loadRow(*tensor, 0, 0, kRowLength, frame.registers[r]);
  return frame;
}

Error RowProgram::run(RowFrame &frame) const {
  for (const Step &step : steps)
    step(frame);
  if (frame.failure)
    return errorAt(location, frame.failure);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

template <typename T, typename R>
static void load(const HostTensor &from, int64_t offset, int64_t stride,
                 int64_t count, R *to) {
  const T *source = from.data<T>().data() + offset;
  for (int64_t i = 0; i != count; ++i)
    to[i] = R(source[i * stride]);
}

template <typename T, typename R>
static void store(const R *from, int64_t count, HostTensor &to, int64_t offset,
                  int64_t stride) {
  T *target = to.data<T>().data() + offset;
  for (int64_t i = 0; i != count; ++i)
    target[i * stride] = T(from[i]);
}

void reference::loadRow(const HostTensor &from, int64_t offset, int64_t stride,
                        int64_t count, Register &to) {
  switch (from.dtype) {
  case DType::F32:
    return load<float>(from, offset, stride, count, to.f32());
  case DType::F64:
    return load<double>(from, offset, stride, count, to.f64());
  case DType::I16:
    return load<int16_t>(from, offset, stride, count, to.ints());
  case DType::I32:
    return load<int32_t>(from, offset, stride, count, to.ints());
  case DType::I64:
    return load<int64_t>(from, offset, stride, count, to.ints());
  case DType::Bool:
    load<int8_t>(from, offset, stride, count, to.ints());
    for (int64_t i = 0; i != count; ++i)
      to.ints()[i] = -to.ints()[i];
    return;
  default:
    return load<int8_t>(from, offset, stride, count, to.ints());
  }
}

void reference::storeRow(Register &from, int64_t count, HostTensor &to,
                         int64_t offset, int64_t stride) {
  switch (to.dtype) {
  case DType::F32:
    return store<float>(from.f32(), count, to, offset, stride);
  case DType::F64:
    return store<double>(from.f64(), count, to, offset, stride);
  case DType::I16:
    return store<int16_t>(from.ints(), count, to, offset, stride);
  case DType::I32:
    return store<int32_t>(from.ints(), count, to, offset, stride);
  case DType::I64:
    return store<int64_t>(from.ints(), count, to, offset, stride);
  case DType::Bool:
    for (int64_t i = 0; i != count; ++i)
      to.data<int8_t>()[offset + i * stride] = int8_t(from.ints()[i] & 1);
    return;
  default:
    return store<int8_t>(from.ints(), count, to, offset, stride);
  }
}
