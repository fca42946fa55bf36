//===- RoundedBytes.cpp - Bodies that end in a quantization ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoundedBytes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace qopt {

/// What all lanes of a vector are, if it was made so.
static Value laneOf(Value value) {
  auto broadcast = value.getDefiningOp<vector::BroadcastOp>();
  return broadcast ? broadcast.getSource() : value;
}

/// The float constant `value`, or that of all its lanes.
static std::optional<float> matchFloat(Value value) {
  value = laneOf(value);
  APFloat constant(0.0f);
  if (!getElementTypeOrSelf(value.getType()).isF32() ||
      !matchPattern(value, m_ConstantFloat(&constant)))
    return std::nullopt;
  return constant.convertToFloat();
}

/// select(x `predicate` bound, x, bound): x, and the bound, which is an integer
/// below 2^16.
static std::optional<std::pair<Value, int32_t>>
matchBound(Value value, arith::CmpFPredicate predicate) {
  auto select = value.getDefiningOp<arith::SelectOp>();
  auto compare =
      select ? select.getCondition().getDefiningOp<arith::CmpFOp>() : nullptr;
  if (!compare || compare.getPredicate() != predicate ||
      compare.getLhs() != select.getTrueValue() ||
      laneOf(compare.getRhs()) != laneOf(select.getFalseValue()))
    return std::nullopt;
  std::optional<float> bound = matchFloat(select.getFalseValue());
  if (!bound || !(std::abs(*bound) < 65536.0f) ||
      *bound != float(int32_t(*bound)))
    return std::nullopt;
  return std::make_pair(select.getTrueValue(), int32_t(*bound));
}

/// What 1.5 * 2^23 is, in whose neighbourhood floats are integers.
static constexpr float kIntegers = 12582912.0f;

/// How `byte`, a scalar or a vector, was rounded.
static std::optional<RoundedBytes> matchRoundedByte(Value byte) {
  auto trunc = byte.getDefiningOp<arith::TruncIOp>();
  if (!trunc || !getElementTypeOrSelf(trunc.getType()).isInteger(8))
    return std::nullopt;
  auto add = trunc.getIn().getDefiningOp<arith::AddIOp>();
  APInt unbias;
  if (!add || !matchPattern(laneOf(add.getRhs()), m_ConstantInt(&unbias)))
    return std::nullopt;
  auto bits = add.getLhs().getDefiningOp<arith::BitcastOp>();
  auto sum = bits ? bits.getIn().getDefiningOp<arith::AddFOp>() : nullptr;
  // Adding 1.5 * 2^23 rounds; its bits are subtracted again.
  if (!sum || matchFloat(sum.getRhs()) != kIntegers)
    return std::nullopt;
  auto hi = matchBound(sum.getLhs(), arith::CmpFPredicate::OLT);
  if (!hi)
    return std::nullopt;
  auto lo = matchBound(hi->first, arith::CmpFPredicate::OGT);
  if (!lo)
    return std::nullopt;
  int64_t zeroPoint = unbias.getSExtValue() + 0x4B400000;
  int64_t least = lo->second + zeroPoint, most = hi->second + zeroPoint;
  bool isByte = (least >= 0 && most <= 255) || (least >= -128 && most <= 127);
  if (!isByte || least > most || zeroPoint < -128 || zeroPoint > 255)
    return std::nullopt;
  return RoundedBytes{lo->first, sum.getResult(), int32_t(least), int32_t(most),
                      int32_t(zeroPoint)};
}

std::optional<RoundedBytes> matchRoundedBytes(Block &body) {
  return matchRoundedByte(body.getTerminator()->getOperand(0));
}

std::optional<ByteLookup> matchByteLookup(linalg::LinalgOp op) {
  Block &body = *op.getBlock();
  auto read =
      body.getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>();
  if (op.getNumDpsInputs() != 1 || op.getNumReductionLoops() != 0 || !read ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return std::nullopt;
  auto type = cast<RankedTensorType>(read.getTensor().getType());
  auto index = type.getRank() == 1 && type.getDimSize(0) == 256 &&
                       type.getElementType().isInteger(8)
                   ? read.getIndices()[0].getDefiningOp<arith::IndexCastUIOp>()
                   : nullptr;
  if (!index || index.getIn() != body.getArgument(0) ||
      !index.getIn().getType().isInteger(8))
    return std::nullopt;
  return ByteLookup{read.getTensor(), op.getDpsInputs()[0]};
}

namespace {
// float(ext(byte) - c), byte = r + z, biased = r + 1.5 * 2^23
//   -> biased - (1.5 * 2^23 - z + c)
//
// All of these are integers below 2^24, so that the difference is exact. It
// saves narrowing and widening a vector; a scalar's byte costs less than the
// constant.
struct KeepRoundedReal : OpRewritePattern<arith::SIToFPOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::SIToFPOp op,
                                PatternRewriter &b) const override {
    Value integer = op.getIn();
    APInt subtracted(32, 0);
    if (auto sub = integer.getDefiningOp<arith::SubIOp>();
        sub && matchPattern(laneOf(sub.getRhs()), m_ConstantInt(&subtracted)))
      integer = sub.getLhs();
    Operation *ext = integer.getDefiningOp();
    std::optional<RoundedBytes> rounded;
    if (isa_and_present<arith::ExtUIOp, arith::ExtSIOp>(ext))
      rounded = matchRoundedByte(ext->getOperand(0));
    auto type = dyn_cast<VectorType>(op.getType());
    if (!rounded || !type || rounded->biased.getType() != type)
      return b.notifyMatchFailure(op, "expected bytes that were rounded");
    bool isWhole = isa<arith::ExtUIOp>(ext)
                       ? rounded->lo >= 0
                       : rounded->lo >= -128 && rounded->hi <= 127;
    int64_t moved = subtracted.getSExtValue() - rounded->zeroPoint;
    if (!isWhole || std::abs(moved) > 1024)
      return b.notifyMatchFailure(op, "expected the extension of its values");
    auto value = DenseElementsAttr::get(type, kIntegers + float(moved));
    Value origin = arith::ConstantOp::create(b, op.getLoc(), value);
    b.replaceOpWithNewOp<arith::SubFOp>(op, rounded->biased, origin);
    return success();
  }
};
} // namespace

void populateRoundedRealPatterns(RewritePatternSet &patterns) {
  patterns.add<KeepRoundedReal>(patterns.getContext());
}

namespace {
/// How far values are from 0 at most, infinitely where that is not known. Each
/// is computed once, however many paths of the region lead to it.
class Bounds {
public:
  explicit Bounds(const FusedRegion &region) : region(region) {}

  double of(linalg::LinalgOp op, Value value);

private:
  double compute(linalg::LinalgOp op, Value value);
  double ofArgument(linalg::LinalgOp op, BlockArgument argument);

  const FusedRegion &region;
  DenseMap<Value, double> known;
};
} // namespace

static double largest(DenseElementsAttr constant) {
  double bound = 0;
  for (const APFloat &value : constant.getValues<APFloat>())
    bound = std::max(bound, std::abs(value.convertToDouble()));
  return bound;
}

/// What an operand brings: all of its type's integers, its constant's elements,
/// or what its producer computes for each element.
double Bounds::ofArgument(linalg::LinalgOp op, BlockArgument argument) {
  if (auto type = dyn_cast<IntegerType>(argument.getType()))
    return std::ldexp(1.0, type.getWidth());
  Value tensor = op->getOperand(argument.getArgNumber());
  DenseElementsAttr constant;
  if (argument.getType().isF32() && matchPattern(tensor, m_Constant(&constant)))
    return largest(constant);
  linalg::LinalgOp producer = region.producerOf(tensor);
  if (!producer || producer.getNumReductionLoops() != 0)
    return std::numeric_limits<double>::infinity();
  return of(producer, producer.getBlock()->getTerminator()->getOperand(0));
}

double Bounds::of(linalg::LinalgOp op, Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  double bound = compute(op, value);
  known[value] = bound;
  return bound;
}

double Bounds::compute(linalg::LinalgOp op, Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == op.getBlock()
               ? ofArgument(op, argument)
               : std::numeric_limits<double>::infinity();
  if (std::optional<float> constant = matchFloat(value))
    return std::abs(double(*constant));
  APInt integer;
  if (matchPattern(value, m_ConstantInt(&integer)))
    return std::abs(double(integer.getSExtValue()));
  Operation *def = value.getDefiningOp();
  if (isa<arith::ExtUIOp, arith::ExtSIOp>(def))
    return of(op, def->getOperand(0));
  // Integers wrap at the end of their type.
  if (isa<arith::AddIOp, arith::SubIOp>(def) && value.getType().isInteger(32))
    return std::min(0x1p32,
                    of(op, def->getOperand(0)) + of(op, def->getOperand(1)));
  if (auto convert = dyn_cast<arith::SIToFPOp>(def))
    return std::min(
        std::ldexp(1.0, getElementTypeOrSelf(convert.getIn().getType())
                                .getIntOrFloatBitWidth() -
                            1),
        of(op, convert.getIn()));
  if (isa<arith::AddFOp, arith::SubFOp>(def))
    return of(op, def->getOperand(0)) + of(op, def->getOperand(1));
  if (isa<arith::MulFOp>(def))
    return of(op, def->getOperand(0)) * of(op, def->getOperand(1));
  return std::numeric_limits<double>::infinity();
}

bool fitsI32(const FusedRegion &region, linalg::LinalgOp op, Value real) {
  // Half of the range: roundings add much less.
  return Bounds(region).of(op, real) < 0x1p30;
}

} // namespace qopt
