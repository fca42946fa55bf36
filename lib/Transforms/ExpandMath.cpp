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

#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Support/FloatMath.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// Emits `arith` operations on f32 and i32, scalars or vectors like `like`.
class BuilderArith {
public:
  using Float = Value;
  using Int = Value;
  using Bool = Value;

  BuilderArith(OpBuilder &builder, Location loc, Type like)
      : builder(builder), loc(loc), floatType(like),
        intType(builder.getI32Type()) {
    if (auto vector = dyn_cast<VectorType>(like))
      intType = vector.clone(builder.getI32Type());
  }

  Value constant(float value) {
    return splat(builder.getF32FloatAttr(value), floatType);
  }
  Value intConstant(int32_t value) {
    return splat(builder.getI32IntegerAttr(value), intType);
  }
  Value add(Value a, Value b) { return create<arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return create<arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return create<arith::MulFOp>(a, b); }
  Value div(Value a, Value b) { return create<arith::DivFOp>(a, b); }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, predicate, a, b);
  }
  Value less(Value a, Value b) {
    return compare(arith::CmpFPredicate::OLT, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return create<arith::SelectOp>(condition, a, b);
  }
  Value bits(Value a) { return create<arith::BitcastOp>(intType, a); }
  Value fromBits(Value a) { return create<arith::BitcastOp>(floatType, a); }
  Value addInt(Value a, Value b) { return create<arith::AddIOp>(a, b); }
  Value subInt(Value a, Value b) { return create<arith::SubIOp>(a, b); }
  Value andInt(Value a, Value b) { return create<arith::AndIOp>(a, b); }
  Value orInt(Value a, Value b) { return create<arith::OrIOp>(a, b); }
  Value shiftLeft(Value a, int n) {
    return create<arith::ShLIOp>(a, intConstant(n));
  }
  Value shiftRight(Value a, int n) {
    return create<arith::ShRSIOp>(a, intConstant(n));
  }

private:
  template <typename Op, typename... Args>
  Value create(Args &&...args) {
    return Op::create(builder, loc, std::forward<Args>(args)...);
  }

  Value splat(TypedAttr scalar, Type type) {
    if (auto vector = dyn_cast<VectorType>(type))
      scalar = DenseElementsAttr::get(vector, scalar);
    return arith::ConstantOp::create(builder, loc, scalar);
  }

  OpBuilder &builder;
  Location loc;
  Type floatType, intType;
};

/// op(x) -> its approximation, for f32 and vectors of it.
template <typename Op, Value (*expand)(BuilderArith &, Value)>
struct ElementaryFunctionExpand : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32() ||
        !isa<FloatType, VectorType>(type))
      return rewriter.notifyMatchFailure(op, "neither f32 nor a vector of it");
    BuilderArith arith(rewriter, op.getLoc(), type);
    rewriter.replaceOp(op, expand(arith, op.getOperand()));
    return success();
  }
};

/// rsqrt(x) -> 1 / sqrt(x): both are rounded correctly.
struct RsqrtExpand : OpRewritePattern<math::RsqrtOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::RsqrtOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32() ||
        !isa<FloatType, VectorType>(type))
      return rewriter.notifyMatchFailure(op, "neither f32 nor a vector of it");
    BuilderArith arith(rewriter, op.getLoc(), type);
    Value root = math::SqrtOp::create(rewriter, op.getLoc(), op.getOperand());
    rewriter.replaceOp(op, arith.div(arith.constant(1.0f), root));
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
    if (!getElementTypeOrSelf(type).isF32() ||
        !isa<FloatType, VectorType>(type))
      return rewriter.notifyMatchFailure(op, "neither f32 nor a vector of it");
    BuilderArith arith(rewriter, op.getLoc(), type);
    Value a = op.getLhs(), b = op.getRhs();
    // An unordered comparison chooses `a` where it is NaN.
    Predicate beyond = propagatesNaN
                           ? (isMax ? Predicate::UGT : Predicate::ULT)
                           : (isMax ? Predicate::OGT : Predicate::OLT);
    Value result = arith.select(arith.compare(beyond, a, b), a, b);
    APFloat bound = APFloat::getNaN(APFloat::IEEEsingle());
    matchPattern(b, m_ConstantFloat(&bound));
    if (bound.isNaN() || (bound.isZero() && bound.isNegative() == isMax)) {
      Value left = arith.bits(a), right = arith.bits(b);
      Value joined =
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

struct ExpandMathPass : qopt::impl::ExpandMathPassBase<ExpandMathPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<ElementaryFunctionExpand<math::ExpOp, expApprox<BuilderArith>>,
             ElementaryFunctionExpand<math::ErfOp, erfApprox<BuilderArith>>,
             ElementaryFunctionExpand<math::LogOp, logApprox<BuilderArith>>,
             ElementaryFunctionExpand<math::TanhOp, tanhApprox<BuilderArith>>,
             RsqrtExpand, ExtremumExpand<arith::MaximumFOp, true, true>,
             ExtremumExpand<arith::MinimumFOp, false, true>,
             ExtremumExpand<arith::MaxNumFOp, true, false>,
             ExtremumExpand<arith::MinNumFOp, false, false>>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
