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
#include "qopt/Support/QuantMath.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_MULTIPLYBYINVERSEPASS
#include "qopt/Schedule/Passes.h.inc"

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
    std::optional<ScaleInverse> inverse;
    if (division)
      inverse = ScaleInverse::of(scale);
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
