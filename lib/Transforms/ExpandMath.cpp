//===- ExpandMath.cpp - Elementary functions as plain arithmetic ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instantiates the templates of Support/FloatMath.h with an arithmetic that
// emits operations; the reference interpreter runs the same templates on
// numbers.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Support/FloatMath.h"
#include "qopt/Target/TargetInfo.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

/// Whether the expansions are for such operations.
static bool isF32OrVector(Type type) {
  return getElementTypeOrSelf(type).isF32() && isa<FloatType, VectorType>(type);
}

/// The scalar, or a vector of it where `type` is one.
static Value createSplat(OpBuilder &builder, Location loc, TypedAttr scalar,
                         Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    scalar = DenseElementsAttr::get(vector, scalar);
  return arith::ConstantOp::create(builder, loc, scalar);
}

namespace {

/// Emits `arith` operations on f32 and i32, scalars or vectors like `like`. A
/// value of it stands for `count` of them, which go through each operation side
/// by side: so their chains of dependent operations overlap.
class BuilderArith {
public:
  using Float = SmallVector<Value, kVectorsSideBySide>;
  using Int = Float;
  using Bool = Float;

  /// With `scalef`, the target has AVX-512.
  BuilderArith(OpBuilder &builder, Location loc, Type like, size_t count = 1,
               bool scalef = false)
      : builder(builder), loc(loc), floatType(like),
        intType(builder.getI32Type()), count(count), scalef(scalef) {
    if (auto vector = dyn_cast<VectorType>(like))
      intType = vector.clone(builder.getI32Type());
  }

  Float constant(float value) {
    return Float(count, createSplat(builder, loc,
                                    builder.getF32FloatAttr(value), floatType));
  }
  Int intConstant(int32_t value) {
    return Int(count, createSplat(builder, loc,
                                  builder.getI32IntegerAttr(value), intType));
  }
  Float add(const Float &a, const Float &b) {
    return create<arith::AddFOp>(a, b);
  }
  Float sub(const Float &a, const Float &b) {
    return create<arith::SubFOp>(a, b);
  }
  Float mul(const Float &a, const Float &b) {
    return create<arith::MulFOp>(a, b);
  }
  Float div(const Float &a, const Float &b) {
    return create<arith::DivFOp>(a, b);
  }
  Bool compare(arith::CmpFPredicate predicate, const Float &a, const Float &b) {
    return each([&](size_t i) -> Value {
      return arith::CmpFOp::create(builder, loc, predicate, a[i], b[i]);
    });
  }
  Bool less(const Float &a, const Float &b) {
    return compare(arith::CmpFPredicate::OLT, a, b);
  }
  Float select(const Bool &condition, const Float &a, const Float &b) {
    return create<arith::SelectOp>(condition, a, b);
  }
  Int bits(const Float &a) { return bitcast(intType, a); }
  Float fromBits(const Int &a) { return bitcast(floatType, a); }
  Int addInt(const Int &a, const Int &b) { return create<arith::AddIOp>(a, b); }
  Int subInt(const Int &a, const Int &b) { return create<arith::SubIOp>(a, b); }
  Int andInt(const Int &a, const Int &b) { return create<arith::AndIOp>(a, b); }
  Int orInt(const Int &a, const Int &b) { return create<arith::OrIOp>(a, b); }
  Int shiftLeft(const Int &a, int n) {
    return create<arith::ShLIOp>(a, intConstant(n));
  }
  Int shiftRight(const Int &a, int n) {
    return create<arith::ShRSIOp>(a, intConstant(n));
  }
  /// x * 2^n, one instruction where there is one that rounds once, too.
  Float scale(const Float &x, const Int &n, const Float &real) {
    auto vector = dyn_cast<VectorType>(floatType);
    if (!scalef || !vector || vector.getShape() != ArrayRef<int64_t>{16})
      return scaleInTwo(*this, x, n);
    Value allLanes =
        arith::ConstantOp::create(builder, loc, builder.getI16IntegerAttr(-1));
    Value currentRounding =
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(4));
    return each([&](size_t i) {
      return LLVM::CallIntrinsicOp::create(
                 builder, loc, floatType,
                 builder.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                 ValueRange{x[i], real[i], x[i], allLanes, currentRounding})
          .getResult(0);
    });
  }

private:
  Float each(llvm::function_ref<Value(size_t)> emit) {
    return llvm::map_to_vector<kVectorsSideBySide>(llvm::seq(count), emit);
  }
  template <typename Op, typename... Operands>
  Float create(const Operands &...operands) {
    return each([&](size_t i) -> Value {
      return Op::create(builder, loc, operands[i]...);
    });
  }
  Float bitcast(Type type, const Float &a) {
    return each([&](size_t i) -> Value {
      return arith::BitcastOp::create(builder, loc, type, a[i]);
    });
  }

  OpBuilder &builder;
  Location loc;
  Type floatType, intType;
  size_t count;
  bool scalef;
};

/// The first of `ops` and the neighbours that follow it, as long as they are
/// of its node and type and read none of each other's results.
template <typename Op>
ArrayRef<Op> takeBundle(ArrayRef<Op> ops) {
  Op first = ops[0];
  size_t count = 1;
  while (count < std::min<size_t>(ops.size(), kVectorsSideBySide)) {
    Op last = ops[count - 1], next = ops[count];
    if (last->getNextNode() != next.getOperation() ||
        next.getType() != first.getType() || next.getLoc() != first.getLoc() ||
        llvm::is_contained(ops.take_front(count),
                           next.getOperand().template getDefiningOp<Op>()))
      break;
    ++count;
  }
  return ops.take_front(count);
}

/// op(x) -> its approximation, for f32 and vectors of it, bundle by bundle.
template <typename Op>
void expandFunction(Operation *root, bool scalef,
                    BuilderArith::Float (*approximate)(BuilderArith &,
                                                       BuilderArith::Float)) {
  SmallVector<Op> ops;
  root->walk([&](Op op) {
    if (isF32OrVector(op.getType()))
      ops.push_back(op);
  });
  IRRewriter rewriter(root->getContext());
  for (ArrayRef<Op> rest = ops; !rest.empty();) {
    ArrayRef<Op> bundle = takeBundle(rest);
    rest = rest.drop_front(bundle.size());
    Op first = bundle[0];
    rewriter.setInsertionPoint(first);
    BuilderArith arith(rewriter, first.getLoc(), first.getType(), bundle.size(),
                       scalef);
    BuilderArith::Float operands;
    for (Op op : bundle)
      operands.push_back(op.getOperand());
    for (auto [op, value] :
         llvm::zip_equal(bundle, approximate(arith, operands)))
      rewriter.replaceOp(op, value);
  }
}

/// rsqrt(x) -> 1 / sqrt(x): both are rounded correctly.
struct RsqrtExpand : OpRewritePattern<math::RsqrtOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::RsqrtOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!isF32OrVector(type))
      return rewriter.notifyMatchFailure(op, "neither f32 nor a vector of it");
    BuilderArith arith(rewriter, op.getLoc(), type);
    Value root = math::SqrtOp::create(rewriter, op.getLoc(), op.getOperand());
    rewriter.replaceOp(op, arith.div(arith.constant(1.0f), {root}));
    return success();
  }
};

/// max(a, b) -> a > b ? a : b, corrected where that is not IEEE 754-2019: of
/// equal operands the bits are joined, since +0 is above -0 and nothing else
/// that is equal differs; and of a NaN, `maximum` gives NaN, `maxnum` the other
/// operand. LLVM's own expansion takes the second of two zeros. A constant
/// bound, the usual case, needs neither correction.
template <typename Op, bool isMax, bool propagatesNaN>
struct ExtremumExpand : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    using Predicate = mlir::arith::CmpFPredicate;
    Type type = op.getType();
    if (!isF32OrVector(type))
      return rewriter.notifyMatchFailure(op, "neither f32 nor a vector of it");
    BuilderArith arith(rewriter, op.getLoc(), type);
    BuilderArith::Float a{op.getLhs()}, b{op.getRhs()};
    // An unordered comparison chooses `a` where it is NaN.
    Predicate beyond = propagatesNaN
                           ? (isMax ? Predicate::UGT : Predicate::ULT)
                           : (isMax ? Predicate::OGT : Predicate::OLT);
    BuilderArith::Float result =
        arith.select(arith.compare(beyond, a, b), a, b);
    APFloat bound = APFloat::getNaN(APFloat::IEEEsingle());
    matchPattern(op.getRhs(), m_ConstantFloat(&bound));
    if (bound.isNaN() || (bound.isZero() && bound.isNegative() == isMax)) {
      BuilderArith::Int left = arith.bits(a), right = arith.bits(b);
      BuilderArith::Int joined =
          isMax ? arith.andInt(left, right) : arith.orInt(left, right);
      result = arith.select(arith.compare(Predicate::OEQ, a, b),
                            arith.fromBits(joined), result);
    }
    if (bound.isNaN())
      result = arith.select(arith.compare(Predicate::UNO, b, b),
                            propagatesNaN ? b : a, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Of the two f64 around the exact `sum + error`, the one with an odd last bit;
/// `sum`, which is the nearest, where the error is 0.
static Value roundToOdd(ImplicitLocOpBuilder &b, Value sum, Value error,
                        Type bits) {
  auto integer = [&](int64_t value) {
    return createSplat(b, b.getLoc(), b.getI64IntegerAttr(value), bits);
  };
  // One step away from zero if the error has the sum's sign, else towards it.
  Value sumBits = arith::BitcastOp::create(b, bits, sum);
  Value errorBits = arith::BitcastOp::create(b, bits, error);
  Value signs = arith::XOrIOp::create(b, sumBits, errorBits);
  Value differ = arith::ShRSIOp::create(b, signs, integer(63));
  Value step = arith::OrIOp::create(b, differ, integer(1));
  Value odd = arith::AddIOp::create(b, sumBits, step);
  Value lastBit = arith::AndIOp::create(b, sumBits, integer(1));
  Value isEven =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lastBit, integer(0));
  // Ordered: of infinities the error is NaN, and nothing is to be mended.
  Value zero = createSplat(b, b.getLoc(), b.getF64FloatAttr(0), sum.getType());
  Value isInexact =
      arith::CmpFOp::create(b, arith::CmpFPredicate::ONE, error, zero);
  Value rounded = arith::SelectOp::create(
      b, arith::AndIOp::create(b, isEven, isInexact), odd, sumBits);
  return arith::BitcastOp::create(b, sum.getType(), rounded);
}

/// fma(a, b, c) -> f32(a * b + c in f64, rounded to odd)
///
/// In f64 the product of two f32 is exact; the sum's error is found as in
/// Knuth's TwoSum. A sum rounded to odd is halfway between two f32 only if the
/// exact one is, so that the second rounding gives what one rounding of the
/// exact sum gives (Boldo and Melquiond, "Emulation of a FMA and correctly
/// rounded sums: proved algorithms using rounding to odd", 2008).
struct FmaExpand : OpRewritePattern<math::FmaOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FmaOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!isF32OrVector(type))
      return rewriter.notifyMatchFailure(op, "neither f32 nor a vector of it");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto like = [&](Type element) -> Type {
      auto vector = dyn_cast<VectorType>(type);
      return vector ? vector.clone(element) : element;
    };
    auto extend = [&](Value value) -> Value {
      return arith::ExtFOp::create(b, like(b.getF64Type()), value);
    };
    auto subtract = [&](Value x, Value y) -> Value {
      return arith::SubFOp::create(b, x, y);
    };
    Value c = extend(op.getC());
    Value product =
        arith::MulFOp::create(b, extend(op.getA()), extend(op.getB()));
    Value sum = arith::AddFOp::create(b, product, c);
    Value cPart = subtract(sum, product);
    Value error = arith::AddFOp::create(
        b, subtract(product, subtract(sum, cPart)), subtract(c, cPart));
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(
        op, type, roundToOdd(b, sum, error, like(b.getI64Type())));
    return success();
  }
};

struct ExpandMathPass : qopt::impl::ExpandMathPassBase<ExpandMathPass> {
  using Base::Base;

  void runOnOperation() override {
    Operation *root = getOperation();
    expandFunction<math::ExpOp>(root, scalef, expApprox);
    expandFunction<math::ErfOp>(root, scalef, erfApprox);
    expandFunction<math::LogOp>(root, scalef, logApprox);
    expandFunction<math::TanhOp>(root, scalef, tanhApprox);
    RewritePatternSet patterns(&getContext());
    patterns.add<RsqrtExpand, ExtremumExpand<arith::MaximumFOp, true, true>,
                 ExtremumExpand<arith::MinimumFOp, false, true>,
                 ExtremumExpand<arith::MaxNumFOp, true, false>,
                 ExtremumExpand<arith::MinNumFOp, false, false>>(&getContext());
    if (fma)
      patterns.add<FmaExpand>(&getContext());
    walkAndApplyPatterns(root, std::move(patterns));
  }
};

} // namespace
