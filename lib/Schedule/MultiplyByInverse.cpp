//===- MultiplyByInverse.cpp - Quantization without a division ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A division of 16 floats takes 16 cycles and more, which is most of what the
// quantization of an image costs. Two products take one.
//
//===----------------------------------------------------------------------===//

#include "RoundedBytes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "qopt/Schedule/Passes.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_MULTIPLYBYINVERSEPASS
#include "qopt/Schedule/Passes.h.inc"

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// 1 / scale as the sum of two floats, neither of them negative.
struct Inverse {
  float hi = 0, lo = 0;

  static std::optional<Inverse> of(float scale);
  float times(float x) const { return std::fma(x, hi, x * lo); }
  bool agrees(float scale, int64_t least, int64_t most) const;
};

} // namespace

/// Nothing where a product could overflow before the quotient does, or where
/// the lower part is zero: infinity times that would be NaN.
std::optional<Inverse> Inverse::of(float scale) {
  if (!(scale > 0x1p-60f && scale < 0x1p60f))
    return std::nullopt;
  double inverse = 1.0 / double(scale);
  float hi = float(inverse);
  if (double(hi) > inverse)
    hi = std::nextafter(hi, 0.0f);
  float lo = float(inverse - double(hi));
  if (!(lo > 0))
    return std::nullopt;
  return Inverse{hi, lo};
}

/// Whether x * this rounds to the same step in [least, most] as x / scale for
/// all x. Both grow with x: they have to reach each step at the same float.
bool Inverse::agrees(float scale, int64_t least, int64_t most) const {
  for (int64_t step = least + 1; step <= most; ++step) {
    auto reached = [&](float steps) { return std::nearbyint(steps) >= step; };
    auto first = float((double(step) - 0.5) * double(scale));
    while (reached(first / scale))
      first = std::nextafter(first, -kInfinity);
    while (!reached(first / scale))
      first = std::nextafter(first, kInfinity);
    if (!reached(times(first)) ||
        reached(times(std::nextafter(first, -kInfinity))))
      return false;
  }
  return true;
}

/// The division x / s of select(ord(x / s), x / s, 0), with a constant s.
static arith::DivFOp matchDivision(Value real, float &scale) {
  auto select = real.getDefiningOp<arith::SelectOp>();
  auto division = select ? select.getTrueValue().getDefiningOp<arith::DivFOp>()
                         : arith::DivFOp();
  APFloat constant(0.0f);
  if (!division || !division.getType().isF32() ||
      !matchPattern(division.getRhs(), m_ConstantFloat(&constant)) ||
      !matchPattern(select.getFalseValue(), m_AnyZeroFloat()))
    return {};
  auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
  bool isNanCheck = compare &&
                    compare.getPredicate() == arith::CmpFPredicate::ORD &&
                    compare.getLhs() == division.getResult() &&
                    compare.getRhs() == division.getResult();
  // Its other users could tell the two forms apart.
  bool isOnlyRounded = llvm::all_of(division->getUsers(), [&](Operation *user) {
    return user == select || user == compare;
  });
  if (!isNanCheck || !isOnlyRounded)
    return {};
  scale = constant.convertToFloat();
  return division;
}

namespace {
struct MultiplyByInverse : impl::MultiplyByInversePassBase<MultiplyByInverse> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation().walk([&](linalg::GenericOp op) {
      std::optional<RoundedBytes> rounded = matchRoundedBytes(*op.getBlock());
      if (rounded && llvm::hasNItems(rounded->real.getUsers(), 2))
        rewrite(rewriter, *rounded);
    });
  }

  static void rewrite(IRRewriter &rewriter, const RoundedBytes &rounded) {
    float scale = 0;
    arith::DivFOp division = matchDivision(rounded.real, scale);
    std::optional<Inverse> inverse;
    if (division)
      inverse = Inverse::of(scale);
    if (!inverse || !inverse->agrees(scale, rounded.lo - rounded.zeroPoint,
                                     rounded.hi - rounded.zeroPoint))
      return;
    Location loc = division.getLoc();
    rewriter.setInsertionPoint(division);
    auto constant = [&](float value) {
      return arith::ConstantOp::create(rewriter, loc,
                                       rewriter.getF32FloatAttr(value));
    };
    Value x = division.getLhs();
    Value low = arith::MulFOp::create(rewriter, loc, x, constant(inverse->lo));
    rewriter.replaceOpWithNewOp<math::FmaOp>(division, x, constant(inverse->hi),
                                             low);
  }
};
} // namespace
} // namespace qopt
