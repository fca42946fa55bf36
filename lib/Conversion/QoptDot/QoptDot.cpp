//===- QoptDot.cpp - The low-bit dot as target instructions ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table says which instruction takes which signs and widths; the portable
// form takes the rest and is the oracle for all of them.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/TargetInfo.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_CONVERTQOPTDOTPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

namespace {

/// An instruction for four products per lane: `first` and `second` are its
/// operands' signs. Operands may be exchanged.
struct DotInstruction {
  StringRef intrinsic;
  int64_t lanes;
  bool firstUnsigned, secondUnsigned;
};

SmallVector<DotInstruction> instructionsOf(const TargetInfo &target) {
  SmallVector<DotInstruction> list;
  if (target.hasVnni512)
    list.push_back({"llvm.x86.avx512.vpdpbusd.512", 16, true, false});
  if (target.hasVnni256) {
    list.push_back({"llvm.x86.avx512.vpdpbusd.256", 8, true, false});
    list.push_back({"llvm.x86.avx512.vpdpbusd.128", 4, true, false});
  }
  if (target.hasDotProd) {
    list.push_back({"llvm.aarch64.neon.sdot.v4i32.v16i8", 4, false, false});
    list.push_back({"llvm.aarch64.neon.udot.v4i32.v16i8", 4, true, true});
  }
  if (target.hasI8mm)
    list.push_back({"llvm.aarch64.neon.usdot.v4i32.v16i8", 4, true, false});
  return list;
}

struct LowerDotToInstruction : OpRewritePattern<DotOp> {
  LowerDotToInstruction(MLIRContext *context,
                        ArrayRef<DotInstruction> instructions)
      : OpRewritePattern(context, /*benefit=*/2),
        instructions(instructions.begin(), instructions.end()) {}

  LogicalResult matchAndRewrite(DotOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<VectorType>(op.getAcc().getType());
    auto bytes = cast<VectorType>(op.getA().getType());
    if (bytes.getNumElements() != 4 * type.getNumElements())
      return rewriter.notifyMatchFailure(op, "not four products per lane");
    for (const DotInstruction &instruction : instructions) {
      if (instruction.lanes != type.getNumElements())
        continue;
      Value first = op.getA(), second = op.getB();
      bool firstUnsigned = op.getUnsignedA(),
           secondUnsigned = op.getUnsignedB();
      if (firstUnsigned != instruction.firstUnsigned) {
        std::swap(first, second);
        std::swap(firstUnsigned, secondUnsigned);
      }
      if (firstUnsigned != instruction.firstUnsigned ||
          secondUnsigned != instruction.secondUnsigned)
        continue;
      auto call = LLVM::CallIntrinsicOp::create(
          rewriter, op.getLoc(), type,
          rewriter.getStringAttr(instruction.intrinsic),
          ValueRange{op.getAcc(), first, second});
      rewriter.replaceOp(op, call.getResults());
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no instruction of these signs");
  }

  SmallVector<DotInstruction> instructions;
};

// dot(acc, a, b) -> acc + sum_j (ext(a) * ext(b))[l * k + j]
//
// Neighbours are added pairwise, even and odd lanes apart: the form in which
// x86 recognizes pmaddwd. Sums wrap, so their order does not matter.
struct LowerDotToArith : OpRewritePattern<DotOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DotOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto type = cast<VectorType>(op.getAcc().getType());
    auto extend = [&](Value value, bool isUnsigned) -> Value {
      auto wide =
          cast<VectorType>(value.getType()).clone(type.getElementType());
      if (isUnsigned)
        return arith::ExtUIOp::create(rewriter, loc, wide, value);
      return arith::ExtSIOp::create(rewriter, loc, wide, value);
    };
    Value sum = arith::MulIOp::create(rewriter, loc,
                                      extend(op.getA(), op.getUnsignedA()),
                                      extend(op.getB(), op.getUnsignedB()));
    int64_t lanes = cast<VectorType>(sum.getType()).getNumElements();
    for (; lanes > type.getNumElements(); lanes /= 2) {
      SmallVector<int64_t> even, odd;
      for (int64_t i = 0; i < lanes; i += 2) {
        even.push_back(i);
        odd.push_back(i + 1);
      }
      Value evens = vector::ShuffleOp::create(rewriter, loc, sum, sum, even);
      Value odds = vector::ShuffleOp::create(rewriter, loc, sum, sum, odd);
      sum = arith::AddIOp::create(rewriter, loc, evens, odds);
    }
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, op.getAcc(), sum);
    return success();
  }
};

struct ConvertQoptDot : qopt::impl::ConvertQoptDotPassBase<ConvertQoptDot> {
  using ConvertQoptDotPassBase::ConvertQoptDotPassBase;

  void runOnOperation() override {
    SmallVector<DotInstruction> instructions;
    if (target != "portable") {
      llvm::Expected<TargetInfo> info = TargetInfo::get(target);
      if (!info) {
        getOperation()->emitError(llvm::toString(info.takeError()));
        return signalPassFailure();
      }
      instructions = instructionsOf(*info);
    }
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerDotToInstruction>(&getContext(), instructions);
    patterns.add<LowerDotToArith>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
