//===- QoptToLinalg.cpp - Quantization operations as scalar bodies --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Spells out the arithmetic of docs/Numerics.md with arith operations, so that
// everything after this pass sees ordinary elementwise linalg.generic.
//
//===----------------------------------------------------------------------===//

#include "qopt/Conversion/QoptToLinalg.h"
#include "Softmax.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_CONVERTQOPTTOLINALGPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

namespace {

/// 1.5 * 2^23. In [2^23, 2^24) floats are the integers, so adding this to an x
/// with |x| <= 2^22 rounds x to the nearest integer, ties to even, and leaves
/// it in the low bits of the mantissa.
constexpr float kRoundingBias = 12582912.0f;
constexpr int32_t kRoundingBiasBits = 0x4B400000;
constexpr int64_t kRoundingLimit = int64_t(1) << 22;

/// A parameter tensor as the body of a generic sees it: a constant where all
/// elements are equal, otherwise one more input.
struct Parameter {
  TypedAttr splat;
  unsigned argument = 0;
};

/// Collects the inputs of an elementwise generic and builds it.
class BodyBuilder {
public:
  BodyBuilder(RewriterBase &rewriter, Location loc, Value init)
      : rewriter(rewriter), loc(loc), init(init),
        rank(cast<ShapedType>(init.getType()).getRank()) {}

  unsigned addInput(Value tensor) {
    return addInput(tensor, rewriter.getMultiDimIdentityMap(rank));
  }

  /// `tensor` is the operation's own operand, `operand` what stands for it in
  /// the new operation (its buffer, say).
  Parameter addParameter(Value tensor, Value operand, AffineMap map) {
    Parameter parameter;
    DenseElementsAttr values;
    if (matchPattern(tensor, m_Constant(&values)) && values.isSplat())
      parameter.splat = cast<TypedAttr>(values.getSplatValue<Attribute>());
    else
      parameter.argument = addInput(operand, map);
    return parameter;
  }

  Value get(OpBuilder &b, const Parameter &parameter, ValueRange args) const {
    if (!parameter.splat)
      return args[parameter.argument];
    return arith::ConstantOp::create(b, loc, parameter.splat);
  }

  linalg::GenericOp
  build(function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
    maps.push_back(rewriter.getMultiDimIdentityMap(rank));
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    SmallVector<Type, 1> results;
    if (isa<RankedTensorType>(init.getType()))
      results.push_back(init.getType());
    return linalg::GenericOp::create(
        rewriter, loc, results, inputs, init, maps, iterators,
        [&](OpBuilder &b, Location loc, ValueRange args) {
          linalg::YieldOp::create(b, loc, body(b, loc, args));
        });
  }

private:
  unsigned addInput(Value tensor, AffineMap map) {
    inputs.push_back(tensor);
    maps.push_back(map);
    return inputs.size() - 1;
  }

  RewriterBase &rewriter;
  Location loc;
  Value init;
  int64_t rank;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
};

Value constantInt(OpBuilder &b, Location loc, int32_t value) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
}

Value constantFloat(OpBuilder &b, Location loc, float value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}

/// ext(value) as i32.
Value extend(OpBuilder &b, Location loc, Value value, bool isUnsigned) {
  if (value.getType().isInteger(32))
    return value;
  if (isUnsigned)
    return arith::ExtUIOp::create(b, loc, b.getI32Type(), value);
  return arith::ExtSIOp::create(b, loc, b.getI32Type(), value);
}

/// ext(value) - zeroPoint.
Value centeredInt(OpBuilder &b, Location loc, Value value, bool isUnsigned,
                  Value zeroPoint) {
  Value integer = extend(b, loc, value, isUnsigned);
  if (matchPattern(zeroPoint, m_Zero()))
    return integer;
  return arith::SubIOp::create(b, loc, integer, zeroPoint);
}

/// f32(ext(value) - zeroPoint).
Value centered(OpBuilder &b, Location loc, Value value, bool isUnsigned,
               Value zeroPoint) {
  return arith::SIToFPOp::create(
      b, loc, b.getF32Type(),
      centeredInt(b, loc, value, isUnsigned, zeroPoint));
}

/// rne(clamp(real, lo, hi)) as an i32 that is still kRoundingBiasBits too
/// large. Clamping first commutes with rounding, because the bounds are
/// integers, and keeps the biased sum in the binade where it is exact.
Value roundBiased(OpBuilder &b, Location loc, Value real, Value lo, Value hi) {
  // Comparisons and selections in this operand order are maxps and minps.
  Value above =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, real, lo);
  real = arith::SelectOp::create(b, loc, above, real, lo);
  Value below =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, real, hi);
  real = arith::SelectOp::create(b, loc, below, real, hi);
  Value biased =
      arith::AddFOp::create(b, loc, real, constantFloat(b, loc, kRoundingBias));
  return arith::BitcastOp::create(b, loc, b.getI32Type(), biased);
}

/// bound - zeroPoint as a float, folded where the zero point is known.
Value centeredBound(OpBuilder &b, Location loc, int32_t bound,
                    Value zeroPoint) {
  APInt constant;
  if (matchPattern(zeroPoint, m_ConstantInt(&constant)))
    return constantFloat(b, loc, float(bound - constant.getSExtValue()));
  Value difference =
      arith::SubIOp::create(b, loc, constantInt(b, loc, bound), zeroPoint);
  return arith::SIToFPOp::create(b, loc, b.getF32Type(), difference);
}

/// clamp(rne(real), lo - zeroPoint, hi - zeroPoint) as an i32 with the bias.
Value roundToSteps(OpBuilder &b, Location loc, Value real, Value zeroPoint,
                   ArrayRef<int32_t> range) {
  return roundBiased(b, loc, real, centeredBound(b, loc, range[0], zeroPoint),
                     centeredBound(b, loc, range[1], zeroPoint));
}

/// Removes the bias, adds the zero point, narrows to the storage type.
Value toStorage(OpBuilder &b, Location loc, Value biased, Value zeroPoint,
                Type storage) {
  int64_t bias = -int64_t(kRoundingBiasBits);
  APInt constant;
  if (matchPattern(zeroPoint, m_ConstantInt(&constant)))
    bias += constant.getSExtValue();
  else
    biased = arith::AddIOp::create(b, loc, biased, zeroPoint);
  Value integer =
      arith::AddIOp::create(b, loc, biased, constantInt(b, loc, bias));
  if (storage.isInteger(32))
    return integer;
  return arith::TruncIOp::create(b, loc, storage, integer);
}

/// input / scale, with 0 for NaN, so that it rounds to the zero point.
Value scaleDown(OpBuilder &b, Location loc, Value input, Value scale) {
  Value steps = arith::DivFOp::create(b, loc, input, scale);
  Value ordered =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, steps, steps);
  return arith::SelectOp::create(b, loc, ordered, steps,
                                 constantFloat(b, loc, 0.0f));
}

/// The rounding trick is exact for ranges below 2^22; nothing wider is ever
/// quantized to (bias constants of 32 bits are folded, not computed).
LogicalResult checkRange(Operation *op) {
  auto range = op->getAttrOfType<DenseI32ArrayAttr>("range");
  if (!range || int64_t(range[1]) - range[0] <= kRoundingLimit)
    return success();
  return op->emitOpError("expects a range of at most ")
         << kRoundingLimit << " steps, got [" << range[0] << ", " << range[1]
         << "]";
}

// quantize(x) -> clamp(rne(x / s) + z, lo, hi)
linalg::GenericOp lower(RewriterBase &rewriter, QuantizeOp op,
                        QuantizeOp::Adaptor operands) {
  BodyBuilder builder(rewriter, op.getLoc(), operands.getInit());
  builder.addInput(operands.getInput());
  Parameter scale =
      builder.addParameter(op.getScale(), operands.getScale(), op.getParams());
  Parameter zero = builder.addParameter(
      op.getZeroPoint(), operands.getZeroPoint(), op.getParams());
  return builder.build([&](OpBuilder &b, Location loc, ValueRange args) {
    Value zeroPoint = builder.get(b, zero, args);
    Value steps = scaleDown(b, loc, args[0], builder.get(b, scale, args));
    Value biased = roundToSteps(b, loc, steps, zeroPoint, op.getRange());
    return toStorage(b, loc, biased, zeroPoint,
                     getElementTypeOrSelf(op.getResult()));
  });
}

// fake_quantize(x) -> f32(clamp(rne(x / s), lo - z, hi - z)) * s
linalg::GenericOp lower(RewriterBase &rewriter, FakeQuantizeOp op,
                        FakeQuantizeOp::Adaptor operands) {
  BodyBuilder builder(rewriter, op.getLoc(), operands.getInit());
  builder.addInput(operands.getInput());
  Parameter scale =
      builder.addParameter(op.getScale(), operands.getScale(), op.getParams());
  Parameter zero = builder.addParameter(
      op.getZeroPoint(), operands.getZeroPoint(), op.getParams());
  return builder.build([&](OpBuilder &b, Location loc, ValueRange args) {
    Value factor = builder.get(b, scale, args);
    Value steps = scaleDown(b, loc, args[0], factor);
    Value biased =
        roundToSteps(b, loc, steps, builder.get(b, zero, args), op.getRange());
    Value integer =
        toStorage(b, loc, biased, constantInt(b, loc, 0), b.getI32Type());
    Value real = arith::SIToFPOp::create(b, loc, b.getF32Type(), integer);
    return arith::MulFOp::create(b, loc, real, factor).getResult();
  });
}

// dequantize(q) -> f32(ext(q) - z) * s
linalg::GenericOp lower(RewriterBase &rewriter, DequantizeOp op,
                        DequantizeOp::Adaptor operands) {
  BodyBuilder builder(rewriter, op.getLoc(), operands.getInit());
  builder.addInput(operands.getInput());
  Parameter scale =
      builder.addParameter(op.getScale(), operands.getScale(), op.getParams());
  Parameter zero = builder.addParameter(
      op.getZeroPoint(), operands.getZeroPoint(), op.getParams());
  return builder.build([&](OpBuilder &b, Location loc, ValueRange args) {
    Value real = centered(b, loc, args[0], op.getUnsignedInput(),
                          builder.get(b, zero, args));
    return arith::MulFOp::create(b, loc, real, builder.get(b, scale, args))
        .getResult();
  });
}

/// clamp(floor(sum / 2^shift + 1/2) + z, lo, hi) in the storage type, of a sum
/// of products that is below 2^62 in magnitude.
Value roundFixedPoint(OpBuilder &b, Location loc, Value sum, RequantizeOp op,
                      bool fitsI32) {
  auto constant = [&](Type type, int64_t value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  };
  Type i64 = b.getI64Type(), i32 = b.getI32Type();
  int64_t shift = *op.getShift(), zeroPoint = int32_t(op.getZeroPoint());
  // Adding the zero point before the shift saves an addition after it, where
  // that leaves the sum in 64 bits.
  bool zeroFirst = fitsI32 && shift <= 50;
  int64_t added = int64_t(1) << (shift - 1);
  if (zeroFirst)
    added += zeroPoint * (int64_t(1) << shift);
  sum = arith::AddIOp::create(b, loc, sum, constant(i64, added));
  Value integer = arith::ShRSIOp::create(b, loc, sum, constant(i64, shift));
  Type type = fitsI32 ? i32 : i64;
  if (fitsI32)
    integer = arith::TruncIOp::create(b, loc, i32, integer);
  int64_t offset = zeroFirst ? 0 : zeroPoint;
  integer = arith::MaxSIOp::create(b, loc, integer,
                                   constant(type, op.getRange()[0] - offset));
  integer = arith::MinSIOp::create(b, loc, integer,
                                   constant(type, op.getRange()[1] - offset));
  if (offset != 0)
    integer = arith::AddIOp::create(b, loc, integer, constant(type, offset));
  Type storage = getElementTypeOrSelf(op.getResult());
  if (storage == type)
    return integer;
  return arith::TruncIOp::create(b, loc, storage, integer);
}

/// Whether what a fixed-point sum rounds to fits i32: products of 31 bits with
/// 32, or, if no input has more than bytes, with 9; two bits less are left for
/// the zero point.
bool roundsToI32(RequantizeOp op) {
  bool allBytes = llvm::all_of(op.getInputs(), [](Value input) {
    return getElementTypeOrSelf(input).getIntOrFloatBitWidth() <= 8;
  });
  return *op.getShift() >= (allBytes ? 11 : 34);
}

// requantize(x...) -> clamp(rne(sum_k f32(ext(x_k) - z_k) * m_k) + z, lo, hi)
// requantize(x...) {shift}
//   -> clamp((sum_k i64(ext(x_k) - z_k) * m_k + 2^(shift - 1) >> shift) + z,
//   ..)
linalg::GenericOp lower(RewriterBase &rewriter, RequantizeOp op,
                        RequantizeOp::Adaptor operands) {
  BodyBuilder builder(rewriter, op.getLoc(), operands.getInit());
  SmallVector<unsigned> inputs;
  for (Value input : operands.getInputs())
    inputs.push_back(builder.addInput(input));
  SmallVector<Parameter> multipliers;
  for (auto [tensor, operand, map] :
       llvm::zip_equal(op.getMultipliers(), operands.getMultipliers(),
                       op.getParams().getAsValueRange<AffineMapAttr>()))
    multipliers.push_back(builder.addParameter(tensor, operand, map));
  return builder.build([&](OpBuilder &b, Location loc,
                           ValueRange args) -> Value {
    Value sum;
    auto widen = [&](Value value) -> Value {
      return arith::ExtSIOp::create(b, loc, b.getI64Type(), value);
    };
    for (auto [k, input] : llvm::enumerate(inputs)) {
      Value zeroPoint = constantInt(b, loc, op.getInputZeroPoints()[k]);
      if (op.getShift()) {
        Value integer = centeredInt(b, loc, args[input],
                                    op.getUnsignedInputs()[k], zeroPoint);
        Value term =
            arith::MulIOp::create(b, loc, widen(integer),
                                  widen(builder.get(b, multipliers[k], args)));
        sum = sum ? arith::AddIOp::create(b, loc, sum, term) : term;
        continue;
      }
      Value real =
          centered(b, loc, args[input], op.getUnsignedInputs()[k], zeroPoint);
      Value term = arith::MulFOp::create(b, loc, real,
                                         builder.get(b, multipliers[k], args));
      sum = sum ? arith::AddFOp::create(b, loc, sum, term) : term;
    }
    if (op.getShift())
      return roundFixedPoint(b, loc, sum, op, roundsToI32(op));
    Value zeroPoint = constantInt(b, loc, op.getZeroPoint());
    Value biased = roundToSteps(b, loc, sum, zeroPoint, op.getRange());
    return toStorage(b, loc, biased, zeroPoint,
                     getElementTypeOrSelf(op.getResult()));
  });
}

/// params(d), the leading indices into the table.
SmallVector<Value> tableRow(OpBuilder &b, Location loc, AffineMap params) {
  SmallVector<Value> loops;
  for (unsigned dim = 0; params.getNumResults() && dim < params.getNumDims();
       ++dim)
    loops.push_back(linalg::IndexOp::create(b, loc, dim));
  SmallVector<Value> row;
  for (AffineExpr expr : params.getResults())
    row.push_back(affine::AffineApplyOp::create(
        b, loc, AffineMap::get(params.getNumDims(), 0, expr), loops));
  return row;
}

// lookup(x, table) -> table[params(d)..., ext(x)]
linalg::GenericOp lower(RewriterBase &rewriter, LookupOp op,
                        LookupOp::Adaptor operands) {
  int64_t length = cast<ShapedType>(op.getTable().getType()).getShape().back();
  Value table = operands.getTable();
  BodyBuilder builder(rewriter, op.getLoc(), operands.getInit());
  builder.addInput(operands.getInput());
  return builder.build(
      [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
        SmallVector<Value> position = tableRow(b, loc, op.getParams());
        // Bytes are positions as they are, so that nothing is wider than a
        // byte.
        Value code = args[0];
        if (!op.getUnsignedInput())
          code = arith::AddIOp::create(b, loc, extend(b, loc, code, false),
                                       constantInt(b, loc, length / 2));
        position.push_back(
            arith::IndexCastUIOp::create(b, loc, b.getIndexType(), code));
        if (isa<MemRefType>(table.getType()))
          return memref::LoadOp::create(b, loc, table, position);
        return tensor::ExtractOp::create(b, loc, table, position);
      });
}

template <typename OpTy>
struct ConvertToLinalg : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    FailureOr<linalg::GenericOp> generic =
        buildLinalg(rewriter, op, op->getOperands());
    if (failed(generic))
      return failure();
    rewriter.replaceOp(op, *generic);
    return success();
  }
};

/// softmax(x) -> e * (1 / sum(e)), e = exp(x - max(x))
struct SoftmaxDecompose : OpRewritePattern<linalg::SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::SoftmaxOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<ShapedType>(op.getInput().getType());
    if (!isa<RankedTensorType>(type) || !type.hasStaticShape() ||
        !type.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "not f32 of static shape");
    rewriter.replaceOp(op, decomposeSoftmax(rewriter, op));
    return success();
  }
};

struct ConvertQoptToLinalg
    : qopt::impl::ConvertQoptToLinalgPassBase<ConvertQoptToLinalg> {
  void runOnOperation() override {
    WalkResult checked = getOperation()->walk([](Operation *op) {
      bool quantizes = isa<QuantizeOp, FakeQuantizeOp, RequantizeOp>(op);
      return quantizes && failed(checkRange(op)) ? WalkResult::interrupt()
                                                 : WalkResult::advance();
    });
    if (checked.wasInterrupted())
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertToLinalg<QuantizeOp>, ConvertToLinalg<FakeQuantizeOp>,
                 ConvertToLinalg<DequantizeOp>, ConvertToLinalg<RequantizeOp>,
                 ConvertToLinalg<LookupOp>, SoftmaxDecompose>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace

FailureOr<linalg::GenericOp>
qopt::buildLinalg(RewriterBase &rewriter, Operation *op, ValueRange operands) {
  return TypeSwitch<Operation *, FailureOr<linalg::GenericOp>>(op)
      .Case<QuantizeOp, FakeQuantizeOp, DequantizeOp, RequantizeOp, LookupOp>(
          [&](auto typed) {
            using OpTy = decltype(typed);
            return lower(rewriter, typed,
                         typename OpTy::Adaptor(operands, typed));
          })
      .Default([](Operation *) { return failure(); });
}
