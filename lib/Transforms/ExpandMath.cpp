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
  Value less(Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, a, b);
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

struct ExpandMathPass : qopt::impl::ExpandMathPassBase<ExpandMathPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<ElementaryFunctionExpand<math::ExpOp, expApprox<BuilderArith>>,
             ElementaryFunctionExpand<math::ErfOp, erfApprox<BuilderArith>>,
             ElementaryFunctionExpand<math::LogOp, logApprox<BuilderArith>>,
             ElementaryFunctionExpand<math::TanhOp, tanhApprox<BuilderArith>>,
             RsqrtExpand>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
