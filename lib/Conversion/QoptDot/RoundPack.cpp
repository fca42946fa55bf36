//===- RoundPack.cpp - Rounding and packing as instructions ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// x86 converts floats to i32 with rounding to nearest even; what does not fit
// becomes the least i32. Packing saturates, first to i16, then to bytes. So a
// minimum before the conversion is all the clamping that is left to do: what is
// too small, the least i32 included, saturates to the least byte. Where all
// numbers fit i32, bytes are clamped at the end, if at all.
//
//===----------------------------------------------------------------------===//

#include "RoundPack.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;

namespace qopt {
namespace {

/// How far the byte `value` is from the zero point, as a float.
float centered(RoundPackOp op, int32_t value) {
  // The accessor's type is unsigned.
  return float(value - int32_t(op.getZeroPoint()));
}

/// The instructions for vectors of `lanes` floats. Those of 512 bits take a
/// rounding mode; 8 is "to nearest even, whatever the control register says".
struct PackInstructions {
  int64_t lanes;
  StringRef minimum, convert, toI16, toUnsigned, toSigned;
};

constexpr PackInstructions kX86[] = {
    {16, "llvm.x86.avx512.min.ps.512", "llvm.x86.avx512.mask.cvtps2dq.512",
     "llvm.x86.avx512.packssdw.512", "llvm.x86.avx512.packuswb.512",
     "llvm.x86.avx512.packsswb.512"},
    {8, "llvm.x86.avx.min.ps.256", "llvm.x86.avx.cvt.ps2dq.256",
     "llvm.x86.avx2.packssdw", "llvm.x86.avx2.packuswb",
     "llvm.x86.avx2.packsswb"},
    {4, "llvm.x86.sse.min.ps", "llvm.x86.sse2.cvtps2dq",
     "llvm.x86.sse2.packssdw.128", "llvm.x86.sse2.packuswb.128",
     "llvm.x86.sse2.packsswb.128"}};

Value splat(OpBuilder &b, Location loc, VectorType type, Attribute value) {
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, value));
}

/// Bytes in [lo, hi], without what their storage does not allow anyway.
Value clampBytes(OpBuilder &b, Location loc, Value bytes, int32_t lo,
                 int32_t hi, bool isSigned) {
  auto bound = [&](int32_t value) {
    return splat(b, loc, cast<VectorType>(bytes.getType()),
                 b.getI8IntegerAttr(int8_t(value)));
  };
  if (lo != (isSigned ? -128 : 0))
    bytes = isSigned
                ? arith::MaxSIOp::create(b, loc, bytes, bound(lo)).getResult()
                : arith::MaxUIOp::create(b, loc, bytes, bound(lo));
  if (hi != (isSigned ? 127 : 255))
    bytes = isSigned
                ? arith::MinSIOp::create(b, loc, bytes, bound(hi)).getResult()
                : arith::MinUIOp::create(b, loc, bytes, bound(hi));
  return bytes;
}

// round_pack(a, b, c, d) -> pack(pack(int(min(a, top)), ..) + z, ..)
class LowerToPacks : public OpRewritePattern<RoundPackOp> {
public:
  LowerToPacks(MLIRContext *context, const TargetInfo &target)
      : OpRewritePattern(context, /*benefit=*/2),
        maxLanes(target.arch == TargetInfo::Arch::X86_64 ? target.lanes(32)
                                                         : 0) {}

  LogicalResult matchAndRewrite(RoundPackOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<VectorType>(op.getA().getType());
    const auto *found =
        llvm::find_if(kX86, [&](const PackInstructions &instructions) {
          return instructions.lanes == type.getNumElements() &&
                 instructions.lanes <= maxLanes;
        });
    if (found == std::end(kX86))
      return rewriter.notifyMatchFailure(op, "no instructions of this width");
    rewriter.replaceOp(op, Builder(rewriter, op, *found).run());
    return success();
  }

private:
  class Builder {
  public:
    Builder(PatternRewriter &b, RoundPackOp op, const PackInstructions &use)
        : b(b), op(op), loc(op.getLoc()), use(use) {}

    Value run() {
      ArrayRef<int32_t> range = op.getRange();
      bool isSigned = range[0] < 0;
      Value low = toI16(op.getA(), op.getB()),
            high = toI16(op.getC(), op.getD());
      auto type = cast<VectorType>(op.getResult().getType());
      Value bytes =
          call(isSigned ? use.toSigned : use.toUnsigned, type, {low, high});
      return clampBytes(b, loc, bytes, range[0],
                        op.getFitsI32() ? range[1]
                        : isSigned      ? 127
                                        : 255,
                        isSigned);
    }

  private:
    Value call(StringRef intrinsic, Type type, ArrayRef<Value> operands) {
      return LLVM::CallIntrinsicOp::create(b, loc, type,
                                           b.getStringAttr(intrinsic), operands)
          .getResults();
    }

    Value constant(Type type, int64_t value) {
      return LLVM::ConstantOp::create(b, loc, type,
                                      b.getIntegerAttr(type, value));
    }

    Value toI32(Value reals) {
      auto type = cast<VectorType>(reals.getType());
      Value top = splat(b, loc, type,
                        b.getF32FloatAttr(centered(op, op.getRange()[1])));
      auto integers = type.clone(b.getI32Type());
      bool isWide = type.getNumElements() == 16;
      SmallVector<Value, 3> sides{reals, top};
      if (isWide)
        sides.push_back(constant(b.getI32Type(), 4)); // the current rounding
      if (!op.getFitsI32())
        reals = call(use.minimum, type, sides);
      if (!isWide)
        return call(use.convert, integers, {reals});
      return call(use.convert, integers,
                  {reals, splat(b, loc, integers, b.getI32IntegerAttr(0)),
                   constant(b.getI16Type(), -1), constant(b.getI32Type(), 8)});
    }

    Value toI16(Value first, Value second) {
      auto type = VectorType::get({2 * use.lanes}, b.getI16Type());
      Value packed = call(use.toI16, type, {toI32(first), toI32(second)});
      if (op.getZeroPoint() == 0)
        return packed;
      return call(("llvm.sadd.sat"), type,
                  {packed, splat(b, loc, type,
                                 b.getI16IntegerAttr(op.getZeroPoint()))});
    }

    PatternRewriter &b;
    RoundPackOp op;
    Location loc;
    const PackInstructions &use;
  };

  int64_t maxLanes;
};

// round_pack(a, b, c, d) -> narrow(narrow(int(a), int(b)) + z, ..)
//
// Arm's conversion rounds to nearest even and saturates, and so does every
// narrowing. Parts of four lanes follow each other in their natural order.
//
// Bytes that count from -128 are unsigned ones that count from 0, less 128: one
// `^ 0x80` for all is shorter than an addition for each half.
class LowerToNarrowing : public OpRewritePattern<RoundPackOp> {
public:
  LowerToNarrowing(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(RoundPackOp op,
                                PatternRewriter &b) const override {
    if (cast<VectorType>(op.getA().getType()).getNumElements() != 4)
      return b.notifyMatchFailure(op, "expected vectors of four lanes");
    Location loc = op.getLoc();
    bool flips = int32_t(op.getZeroPoint()) == -128;
    bool isSigned = op.getRange()[0] < 0 && !flips;
    int32_t taken = flips ? 128 : 0;
    SmallVector<Value> halves;
    for (auto [first, second] :
         {std::pair(op.getA(), op.getB()), std::pair(op.getC(), op.getD())})
      halves.push_back(narrow(b, loc,
                              isSigned ? "llvm.aarch64.neon.sqxtn.v8i8"
                                       : "llvm.aarch64.neon.sqxtun.v8i8",
                              toI16(b, op, first, second, taken),
                              b.getI8Type()));
    Value bytes = clampBytes(b, loc, join(b, loc, halves[0], halves[1]),
                             op.getRange()[0] + taken, op.getRange()[1] + taken,
                             isSigned);
    if (flips) {
      Value top = splat(b, loc, cast<VectorType>(bytes.getType()),
                        b.getI8IntegerAttr(-128));
      bytes = arith::XOrIOp::create(b, loc, bytes, top);
    }
    b.replaceOp(op, bytes);
    return success();
  }

private:
  static Value call(PatternRewriter &b, Location loc, StringRef intrinsic,
                    Type type, ArrayRef<Value> operands) {
    return LLVM::CallIntrinsicOp::create(b, loc, type,
                                         b.getStringAttr(intrinsic), operands)
        .getResults();
  }

  static Value narrow(PatternRewriter &b, Location loc, StringRef intrinsic,
                      Value value, Type element) {
    auto type = cast<VectorType>(value.getType()).clone(element);
    return call(b, loc, intrinsic, type, {value});
  }

  static Value join(PatternRewriter &b, Location loc, Value low, Value high) {
    int64_t lanes = cast<VectorType>(low.getType()).getNumElements();
    SmallVector<int64_t> all =
        llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes));
    return vector::ShuffleOp::create(b, loc, low, high, all);
  }

  /// Two vectors of floats as integers that count from -32768 to 32767, the
  /// zero point added, plus `taken`.
  static Value toI16(PatternRewriter &b, RoundPackOp op, Value first,
                     Value second, int32_t taken) {
    Location loc = op.getLoc();
    SmallVector<Value> parts;
    for (Value reals : {first, second}) {
      auto integers = cast<VectorType>(reals.getType()).clone(b.getI32Type());
      Value rounded = call(b, loc, "llvm.aarch64.neon.fcvtns.v4i32.v4f32",
                           integers, {reals});
      parts.push_back(narrow(b, loc, "llvm.aarch64.neon.sqxtn.v4i16", rounded,
                             b.getI16Type()));
    }
    Value packed = join(b, loc, parts[0], parts[1]);
    int32_t zeroPoint = int32_t(op.getZeroPoint()) + taken;
    if (zeroPoint == 0)
      return packed;
    auto type = cast<VectorType>(packed.getType());
    return call(b, loc, "llvm.sadd.sat", type,
                {packed, splat(b, loc, type, b.getI16IntegerAttr(zeroPoint))});
  }
};

// round_pack(a, b, c, d) -> shuffle(trunc(bits(clamp(a) + 1.5 * 2^23) + z), ..)
struct LowerToArith : OpRewritePattern<RoundPackOp> {
  using OpRewritePattern::OpRewritePattern;

  /// The low byte of each i32 is the result; docs/Numerics.md, section 1.
  static Value roundToBytes(PatternRewriter &b, RoundPackOp op, Value reals) {
    Location loc = op.getLoc();
    auto type = cast<VectorType>(reals.getType());
    auto bound = [&](int32_t value) {
      return splat(b, loc, type, b.getF32FloatAttr(centered(op, value)));
    };
    Value lo = bound(op.getRange()[0]), hi = bound(op.getRange()[1]);
    Value above =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, reals, lo);
    reals = arith::SelectOp::create(b, loc, above, reals, lo);
    Value below =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, reals, hi);
    reals = arith::SelectOp::create(b, loc, below, reals, hi);
    Value biased = arith::AddFOp::create(
        b, loc, reals, splat(b, loc, type, b.getF32FloatAttr(12582912.0f)));
    auto integers = type.clone(b.getI32Type());
    Value bits = arith::BitcastOp::create(b, loc, integers, biased);
    // The bias has no bits in the low byte.
    bits = arith::AddIOp::create(
        b, loc, bits,
        splat(b, loc, integers, b.getI32IntegerAttr(op.getZeroPoint())));
    return arith::TruncIOp::create(b, loc, type.clone(b.getI8Type()), bits);
  }

  LogicalResult matchAndRewrite(RoundPackOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    int64_t lanes = cast<VectorType>(op.getA().getType()).getNumElements();
    SmallVector<Value> bytes =
        llvm::map_to_vector(op.getOperands(), [&](Value v) {
          return roundToBytes(rewriter, op, v);
        });
    SmallVector<int64_t> twice =
        llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes));
    Value low =
        vector::ShuffleOp::create(rewriter, loc, bytes[0], bytes[1], twice);
    Value high =
        vector::ShuffleOp::create(rewriter, loc, bytes[2], bytes[3], twice);
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < lanes; i += 4)
      for (int64_t part = 0; part < 4; ++part)
        for (int64_t j = 0; j < 4; ++j)
          order.push_back(part * lanes + i + j);
    rewriter.replaceOpWithNewOp<vector::ShuffleOp>(op, low, high, order);
    return success();
  }
};

} // namespace

void populateRoundPackPatterns(RewritePatternSet &patterns,
                               const std::optional<TargetInfo> &target) {
  if (target)
    patterns.add<LowerToPacks>(patterns.getContext(), *target);
  if (target && target->arch == TargetInfo::Arch::AArch64)
    patterns.add<LowerToNarrowing>(patterns.getContext());
  patterns.add<LowerToArith>(patterns.getContext());
}

} // namespace qopt
