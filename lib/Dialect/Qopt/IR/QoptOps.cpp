//===- QoptOps.cpp - Verifiers, folders and effects of the operations -----===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks carry the label of the constraint in QoptOps.td that they enforce;
// test/Dialect/Qopt/invalid.mlir has one case per label.
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Support/QuantMath.h"
#include "qopt/Target/MmaLayout.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

#include <cmath>

using namespace mlir;
using namespace qopt;

#define GET_OP_CLASSES
#include "qopt/Dialect/Qopt/IR/QoptOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Checks that several operations share
//===----------------------------------------------------------------------===//

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape();
}

static LogicalResult verifySameShape(Operation *op, Value input, Value init) {
  if (shapeOf(input) == shapeOf(init))
    return success();
  return op->emitOpError("expects input and init of the same shape, got ")
         << input.getType() << " and " << init.getType();
}

/// The least and the largest value of `expr`, taken term by term, over a box of
/// static sizes; none for an expression that parameters have no use for.
static std::optional<std::pair<int64_t, int64_t>>
boundsOf(AffineExpr expr, ArrayRef<int64_t> sizes) {
  using Bounds = std::pair<int64_t, int64_t>;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Bounds(constant.getValue(), constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return Bounds(0, sizes[dim.getPosition()] - 1);
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  auto lhs = boundsOf(binary.getLHS(), sizes);
  auto rhs = boundsOf(binary.getRHS(), sizes);
  if (!lhs || !rhs)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return Bounds(lhs->first + rhs->first, lhs->second + rhs->second);
  // All others have a constant on the right.
  int64_t c = rhs->first;
  if (expr.getKind() == AffineExprKind::Mul && c == rhs->second)
    return Bounds(std::minmax(lhs->first * c, lhs->second * c));
  if (c != rhs->second || c <= 0)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::FloorDiv)
    return Bounds(llvm::divideFloorSigned(lhs->first, c),
                  llvm::divideFloorSigned(lhs->second, c));
  if (expr.getKind() == AffineExprKind::CeilDiv)
    return Bounds(llvm::divideCeilSigned(lhs->first, c),
                  llvm::divideCeilSigned(lhs->second, c));
  bool isWhole = lhs->first >= 0 && lhs->second < c;
  return isWhole ? *lhs : Bounds(0, c - 1);
}

/// `map` takes every index of `input` to one of the parameters, whose sizes are
/// `paramSizes`.
static LogicalResult verifyParamsMap(Operation *op, AffineMap map, Value input,
                                     ArrayRef<int64_t> paramSizes,
                                     StringRef what) {
  ArrayRef<int64_t> sizes = shapeOf(input);
  if (map.getNumSymbols() != 0 || map.getNumDims() != sizes.size() ||
      map.getNumResults() != paramSizes.size())
    return op->emitOpError("expects params to map ")
           << sizes.size() << " dimensions to the " << paramSizes.size()
           << " of the " << what << ", got " << AffineMapAttr::get(map);
  // No index at all, or not yet known which.
  if (llvm::any_of(sizes, [](int64_t size) { return size <= 0; }))
    return success();
  for (auto [expr, size] : llvm::zip_equal(map.getResults(), paramSizes)) {
    if (ShapedType::isDynamic(size))
      continue;
    auto bounds = boundsOf(expr, sizes);
    if (!bounds || bounds->first < 0 || bounds->second >= size)
      return op->emitOpError("expects params to stay within the ")
             << size << " entries of the " << what << ", got "
             << AffineMapAttr::get(map) << " over " << input.getType();
  }
  return success();
}

/// The integers that a storage of `width` bits holds, signed if lo < 0.
static std::pair<int64_t, int64_t> storageRange(int32_t lo, unsigned width) {
  if (lo < 0)
    return {-(int64_t(1) << (width - 1)), (int64_t(1) << (width - 1)) - 1};
  return {0, (int64_t(1) << width) - 1};
}

/// The range [lo, hi] is not empty and fits the storage of `init`, which is
/// signed if lo < 0.
static LogicalResult verifyRange(Operation *op, ArrayRef<int32_t> range,
                                 unsigned width) {
  if (range.size() != 2 || range[0] > range[1])
    return op->emitOpError("expects a range [lo, hi] with lo <= hi, got [")
           << range << "]";
  auto [lowest, highest] = storageRange(range[0], width);
  if (range[0] < lowest || range[1] > highest)
    return op->emitOpError("expects a range within [")
           << lowest << ", " << highest << "] of the i" << width
           << " storage, got [" << range << "]";
  return success();
}

namespace {
/// Nothing can be divided by a scale of zero, but multiplied.
enum class ZeroScale { Refused, Allowed };
} // namespace

static LogicalResult verifyConstantScales(Operation *op, Value scale,
                                          ZeroScale zero) {
  DenseFPElementsAttr values;
  if (!matchPattern(scale, m_Constant(&values)))
    return success();
  bool refusesZero = zero == ZeroScale::Refused;
  for (APFloat value : values)
    if (!value.isFinite() || value.isNegative() ||
        (refusesZero && value.isZero()))
      return op->emitOpError("expects finite scales ")
             << (refusesZero ? "greater than zero" : "not below zero")
             << ", got " << value.convertToFloat();
  return success();
}

static LogicalResult verifyConstantZeroPoints(Operation *op, Value zeroPoint,
                                              ArrayRef<int32_t> range) {
  DenseIntElementsAttr values;
  if (!matchPattern(zeroPoint, m_Constant(&values)))
    return success();
  for (APInt value : values)
    if (value.getSExtValue() < range[0] || value.getSExtValue() > range[1])
      return op->emitOpError("expects zero points in [")
             << range << "], got " << value.getSExtValue();
  return success();
}

static LogicalResult verifyScaleAndZeroPoint(Operation *op, Value input,
                                             Value scale, Value zeroPoint,
                                             AffineMap params) {
  if (shapeOf(scale) != shapeOf(zeroPoint))
    return op->emitOpError(
               "expects scale and zero point of the same shape, got ")
           << scale.getType() << " and " << zeroPoint.getType();
  return verifyParamsMap(op, params, input, shapeOf(scale), "scale");
}

/// C1 to C4 of qopt.quantize, which qopt.fake_quantize shares.
template <typename OpTy>
static LogicalResult verifyQuantize(OpTy op, unsigned width) {
  // qopt_quantize_c1
  if (failed(verifySameShape(op, op.getInput(), op.getInit())))
    return failure();
  // qopt_quantize_c2
  if (failed(verifyScaleAndZeroPoint(op, op.getInput(), op.getScale(),
                                     op.getZeroPoint(), op.getParams())))
    return failure();
  // qopt_quantize_c3
  if (failed(verifyRange(op, op.getRange(), width)))
    return failure();
  // qopt_quantize_c4
  if (failed(verifyConstantScales(op, op.getScale(), ZeroScale::Refused)))
    return failure();
  return verifyConstantZeroPoints(op, op.getZeroPoint(), op.getRange());
}

static AffineMap identityMap(Value value) {
  return AffineMap::getMultiDimIdentityMap(shapeOf(value).size(),
                                           value.getContext());
}

static unsigned storageWidth(Value value) {
  return getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
}

/// Whether [lo, hi] holds every value that `width` bits of storage can.
static bool coversStorage(ArrayRef<int32_t> range, unsigned width) {
  int64_t count = int64_t(range[1]) - range[0] + 1;
  return count == (int64_t(1) << width);
}

/// Whether two parameter operands are the same value or equal constants.
static bool sameParameter(Value lhs, Value rhs) {
  Attribute lhsValue, rhsValue;
  return lhs == rhs ||
         (matchPattern(lhs, m_Constant(&lhsValue)) &&
          matchPattern(rhs, m_Constant(&rhsValue)) && lhsValue == rhsValue);
}

//===----------------------------------------------------------------------===//
// ObserveOp
//===----------------------------------------------------------------------===//

static LogicalResult verifyObservedRange(ObserveOp op) {
  std::optional<ArrayRef<float>> min = op.getMin(), max = op.getMax();
  if (min.has_value() != max.has_value())
    return op.emitOpError("expects min and max together, got only ")
           << (min ? "min" : "max");
  if (!min)
    return success();
  int64_t expected = op.getAxis() ? shapeOf(op.getInput())[*op.getAxis()] : 1;
  if (ShapedType::isDynamic(expected))
    return op.emitOpError("expects a static size of axis ")
           << int64_t(*op.getAxis()) << ", which has ranges, got "
           << op.getInput().getType();
  if (int64_t(min->size()) != expected || int64_t(max->size()) != expected)
    return op.emitOpError("expects ") << expected << " min and max, got "
                                      << min->size() << " and " << max->size();
  for (auto [lo, hi] : llvm::zip_equal(*min, *max))
    if (!std::isfinite(lo) || !std::isfinite(hi) || lo > hi)
      return op.emitOpError("expects a finite range with min <= max, got [")
             << lo << ", " << hi << "]";
  return success();
}

LogicalResult ObserveOp::verify() {
  // qopt_observe_c1
  if (isa<MemRefType>(getInput().getType()) == bool(getResult()))
    return emitOpError("expects a result for a tensor operand and none for a "
                       "memref, got operand ")
           << getInput().getType();
  if (getResult() && getResult().getType() != getInput().getType())
    return emitOpError("expects a result of the operand's type ")
           << getInput().getType() << ", got " << getResult().getType();
  // qopt_observe_c2
  uint64_t rank = shapeOf(getInput()).size();
  if (getAxis() && *getAxis() >= rank)
    return emitOpError("expects an axis in [0, ")
           << rank << "), got " << int64_t(*getAxis());
  // qopt_observe_c3
  return verifyObservedRange(*this);
}

void ObserveOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // The outside world sees the values: an observer is never dead.
  effects.emplace_back(MemoryEffects::Write::get());
  if (isa<MemRefType>(getInput().getType()))
    effects.emplace_back(MemoryEffects::Read::get(), &getInputMutable());
}

//===----------------------------------------------------------------------===//
// QuantizeOp
//===----------------------------------------------------------------------===//

LogicalResult QuantizeOp::verify() {
  return verifyQuantize(*this, storageWidth(getInit()));
}

SmallVector<AffineMap> QuantizeOp::getOperandMaps() {
  AffineMap identity = identityMap(getInit());
  return {identity, getParams(), getParams(), identity};
}

// quantize(dequantize(q)) -> q. Exact: |q - z| < 2^9, so the two roundings of
// (q - z) * s / s stay far below half a step.
static Value foldQuantizeOfDequantize(QuantizeOp op) {
  auto dequantize = op.getInput().getDefiningOp<DequantizeOp>();
  if (!dequantize || dequantize.getInput().getType() != op.getType() ||
      dequantize.getParams() != op.getParams())
    return {};
  unsigned width = storageWidth(op.getInit());
  bool isUnsigned = op.getRange()[0] >= 0;
  if (width > 8 || isUnsigned != dequantize.getUnsignedInput() ||
      !coversStorage(op.getRange(), width))
    return {};
  if (!sameParameter(op.getScale(), dequantize.getScale()) ||
      !sameParameter(op.getZeroPoint(), dequantize.getZeroPoint()))
    return {};
  return dequantize.getInput();
}

// quantize(constant) -> constant, for per-tensor parameters.
static Attribute foldConstantQuantize(QuantizeOp op,
                                      QuantizeOp::FoldAdaptor adaptor) {
  auto input = dyn_cast_or_null<DenseFPElementsAttr>(adaptor.getInput());
  auto scale = dyn_cast_or_null<DenseFPElementsAttr>(adaptor.getScale());
  auto zeroPoint =
      dyn_cast_or_null<DenseIntElementsAttr>(adaptor.getZeroPoint());
  if (!input || !scale || !zeroPoint || op.getParams().getNumResults() != 0)
    return {};
  float s = *scale.getValues<float>().begin();
  int32_t z = *zeroPoint.getValues<int32_t>().begin();
  unsigned width = storageWidth(op.getInit());
  SmallVector<APInt> values;
  for (float value : input.getValues<float>())
    values.push_back(
        APInt(width, quantize(value, s, z, op.getRange()[0], op.getRange()[1]),
              /*isSigned=*/true, /*implicitTrunc=*/true));
  return DenseElementsAttr::get(op.getType(), values);
}

OpFoldResult QuantizeOp::fold(FoldAdaptor adaptor) {
  if (Value kept = foldQuantizeOfDequantize(*this))
    return kept;
  return foldConstantQuantize(*this, adaptor);
}

//===----------------------------------------------------------------------===//
// DequantizeOp, FakeQuantizeOp
//===----------------------------------------------------------------------===//

LogicalResult DequantizeOp::verify() {
  // qopt_dequantize_c1
  if (failed(verifySameShape(*this, getInput(), getInit())))
    return failure();
  // qopt_dequantize_c2
  if (failed(verifyScaleAndZeroPoint(*this, getInput(), getScale(),
                                     getZeroPoint(), getParams())))
    return failure();
  // qopt_dequantize_c3
  return verifyConstantScales(*this, getScale(), ZeroScale::Allowed);
}

SmallVector<AffineMap> DequantizeOp::getOperandMaps() {
  AffineMap identity = identityMap(getInit());
  return {identity, getParams(), getParams(), identity};
}

LogicalResult FakeQuantizeOp::verify() {
  // The integers never exist, so the range is only bounded by i32.
  return verifyQuantize(*this, 32);
}

SmallVector<AffineMap> FakeQuantizeOp::getOperandMaps() {
  AffineMap identity = identityMap(getInit());
  return {identity, getParams(), getParams(), identity};
}

//===----------------------------------------------------------------------===//
// RequantizeOp
//===----------------------------------------------------------------------===//

LogicalResult RequantizeOp::verify() {
  // qopt_requantize_c1
  size_t count = getInputs().size();
  if (count == 0 || getMultipliers().size() != count ||
      getInputZeroPoints().size() != count ||
      getUnsignedInputs().size() != count || getParams().size() != count)
    return emitOpError("expects as many multipliers, input_zero_points, "
                       "unsigned_inputs and params as inputs, got ")
           << getMultipliers().size() << ", " << getInputZeroPoints().size()
           << ", " << getUnsignedInputs().size() << " and "
           << getParams().size() << " for " << count << " inputs";
  for (auto [input, multiplier, params] :
       llvm::zip_equal(getInputs(), getMultipliers(),
                       getParams().getAsValueRange<AffineMapAttr>())) {
    // qopt_requantize_c2
    if (failed(verifyParamsMap(*this, params, getInit(), shapeOf(multiplier),
                               "multiplier")))
      return failure();
    // qopt_requantize_c3
    if (failed(verifySameShape(*this, input, getInit())))
      return failure();
  }
  // qopt_requantize_c4
  if (failed(verifyRange(*this, getRange(), storageWidth(getInit()))))
    return failure();
  auto [lowest, highest] = storageRange(getRange()[0], storageWidth(getInit()));
  int32_t zeroPoint = getZeroPoint();
  if (zeroPoint < lowest || zeroPoint > highest)
    return emitOpError("expects a zero point in [")
           << lowest << ", " << highest << "], got " << zeroPoint;
  // qopt_requantize_c5
  std::optional<uint32_t> shift = getShift();
  if (shift && (int32_t(*shift) < kLeastFixedPointShift ||
                int32_t(*shift) > kMostFixedPointShift))
    return emitOpError("expects a shift in [")
           << kLeastFixedPointShift << ", " << kMostFixedPointShift << "], got "
           << int32_t(*shift);
  for (Value multiplier : getMultipliers()) {
    if (getElementTypeOrSelf(multiplier).isInteger() != shift.has_value())
      return emitOpError("expects multipliers of ")
             << (shift ? "i32 with" : "f32 without") << " a shift, got "
             << getElementTypeOrSelf(multiplier);
    DenseFPElementsAttr values;
    if (!matchPattern(multiplier, m_Constant(&values)))
      continue;
    for (APFloat value : values)
      if (!value.isFinite())
        return emitOpError("expects finite multipliers, got ")
               << value.convertToFloat();
  }
  // qopt_requantize_c6
  for (auto [input, zeroPoint, isUnsigned] : llvm::zip_equal(
           getInputs(), getInputZeroPoints(), getUnsignedInputs())) {
    auto [least, most] = storageRange(isUnsigned ? 0 : -1, storageWidth(input));
    if (zeroPoint < least || zeroPoint > most)
      return emitOpError("expects input_zero_points in [")
             << least << ", " << most << "] of " << input.getType() << ", got "
             << zeroPoint;
  }
  return success();
}

SmallVector<AffineMap> RequantizeOp::getOperandMaps() {
  AffineMap identity = identityMap(getInit());
  SmallVector<AffineMap> maps(getInputs().size(), identity);
  llvm::append_range(maps, getParams().getAsValueRange<AffineMapAttr>());
  maps.push_back(identity);
  return maps;
}

//===----------------------------------------------------------------------===//
// LookupOp
//===----------------------------------------------------------------------===//

LogicalResult LookupOp::verify() {
  // qopt_lookup_c1
  if (failed(verifySameShape(*this, getInput(), getInit())))
    return failure();
  Type tableElement = getElementTypeOrSelf(getTable());
  if (tableElement != getElementTypeOrSelf(getInit()))
    return emitOpError("expects table and init of one element type, got ")
           << tableElement << " and " << getElementTypeOrSelf(getInit());
  // qopt_lookup_c2
  ArrayRef<int64_t> tableShape = shapeOf(getTable());
  int64_t length = int64_t(1) << storageWidth(getInput());
  if (tableShape.empty() || tableShape.back() != length)
    return emitOpError("expects a table with a last dimension of ")
           << length << ", got " << getTable().getType();
  // qopt_lookup_c3
  return verifyParamsMap(*this, getParams(), getInput(), tableShape.drop_back(),
                         "table's leading dimensions");
}

SmallVector<AffineMap> LookupOp::getOperandMaps() {
  AffineMap identity = identityMap(getInit());
  return {identity, getParams(), identity};
}

/// The position in the table of the storage value `value`.
static size_t tableIndex(const APInt &value, bool isUnsigned) {
  if (isUnsigned)
    return value.getZExtValue();
  return size_t(value.getSExtValue() +
                (int64_t(1) << (value.getBitWidth() - 1)));
}

// lookup(constant) -> constant, for one table.
OpFoldResult LookupOp::fold(FoldAdaptor adaptor) {
  auto input = dyn_cast_or_null<DenseIntElementsAttr>(adaptor.getInput());
  auto table = dyn_cast_or_null<DenseElementsAttr>(adaptor.getTable());
  if (!input || !table || getParams().getNumResults() != 0)
    return {};
  SmallVector<Attribute> entries(table.getValues<Attribute>());
  SmallVector<Attribute> values;
  for (const APInt &value : input)
    values.push_back(entries[tableIndex(value, getUnsignedInput())]);
  return DenseElementsAttr::get(cast<ShapedType>(getType()), values);
}

namespace {
// lookup(lookup(x, t1), t2) -> lookup(x, t2 o t1)
struct ComposeLookups : OpRewritePattern<LookupOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LookupOp op,
                                PatternRewriter &rewriter) const override {
    auto first = op.getInput().getDefiningOp<LookupOp>();
    if (!first || op.getParams().getNumResults() != 0 ||
        first.getParams().getNumResults() != 0)
      return rewriter.notifyMatchFailure(op, "expects two single tables");
    DenseIntElementsAttr firstTable;
    DenseElementsAttr secondTable;
    if (!matchPattern(first.getTable(), m_Constant(&firstTable)) ||
        !matchPattern(op.getTable(), m_Constant(&secondTable)))
      return rewriter.notifyMatchFailure(op, "expects constant tables");
    SmallVector<Attribute> second(secondTable.getValues<Attribute>());
    SmallVector<Attribute> composed;
    for (const APInt &value : firstTable)
      composed.push_back(second[tableIndex(value, op.getUnsignedInput())]);
    auto type = RankedTensorType::get(firstTable.getType().getShape(),
                                      secondTable.getElementType());
    Value table = arith::ConstantOp::create(
        rewriter, op.getLoc(), DenseElementsAttr::get(type, composed));
    rewriter.replaceOpWithNewOp<LookupOp>(
        op, op.getType(), first.getInput(), table, op.getInit(),
        first.getUnsignedInputAttr(), op.getParamsAttr());
    return success();
  }
};
} // namespace

void LookupOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<ComposeLookups>(context);
}

//===----------------------------------------------------------------------===//
// PackOp, UnpackOp
//===----------------------------------------------------------------------===//

/// `packed` has the shape of `unpacked`, its last dimension divided by the
/// number of elements in a byte.
static LogicalResult verifyPacking(Operation *op, Value unpacked,
                                   Value packed) {
  int64_t perByte = 8 / storageWidth(unpacked);
  SmallVector<int64_t> expected(shapeOf(unpacked));
  bool isWhole = !expected.empty() && (ShapedType::isDynamic(expected.back()) ||
                                       expected.back() % perByte == 0);
  if (!isWhole)
    return op->emitOpError("expects the last dimension of the unpacked tensor "
                           "to be a multiple of ")
           << perByte << ", got " << unpacked.getType();
  if (!ShapedType::isDynamic(expected.back()))
    expected.back() /= perByte;
  if (shapeOf(packed) != ArrayRef<int64_t>(expected))
    return op->emitOpError("expects a packed type of ")
           << RankedTensorType::get(expected, getElementTypeOrSelf(packed))
           << " for " << unpacked.getType() << ", got " << packed.getType();
  return success();
}

LogicalResult PackOp::verify() {
  // qopt_pack_c1
  return verifyPacking(*this, getInput(), getResult());
}

OpFoldResult PackOp::fold(FoldAdaptor adaptor) {
  // pack(unpack(x)) -> x
  auto unpack = getInput().getDefiningOp<UnpackOp>();
  if (unpack && unpack.getInput().getType() == getType())
    return unpack.getInput();
  auto input = dyn_cast_or_null<DenseIntElementsAttr>(adaptor.getInput());
  if (!input)
    return {};
  unsigned width = storageWidth(getInput());
  SmallVector<uint8_t> bytes;
  unsigned filled = 0;
  for (const APInt &value : input) {
    if (filled == 0)
      bytes.push_back(0);
    bytes.back() |= uint8_t(value.getZExtValue() << filled);
    filled = (filled + width) % 8;
  }
  return DenseElementsAttr::getFromRawBuffer(
      cast<ShapedType>(getType()),
      ArrayRef<char>(reinterpret_cast<const char *>(bytes.data()),
                     bytes.size()));
}

LogicalResult UnpackOp::verify() {
  // qopt_unpack_c1
  return verifyPacking(*this, getResult(), getInput());
}

OpFoldResult UnpackOp::fold(FoldAdaptor adaptor) {
  // unpack(pack(x)) -> x
  auto pack = getInput().getDefiningOp<PackOp>();
  if (pack && pack.getInput().getType() == getType())
    return pack.getInput();
  auto input = dyn_cast_or_null<DenseIntElementsAttr>(adaptor.getInput());
  if (!input)
    return {};
  unsigned width = storageWidth(getResult());
  SmallVector<APInt> values;
  for (const APInt &byte : input)
    for (unsigned shift = 0; shift < 8; shift += width)
      values.push_back(byte.extractBits(width, shift));
  return DenseElementsAttr::get(cast<ShapedType>(getType()), values);
}

//===----------------------------------------------------------------------===//
// DotOp
//===----------------------------------------------------------------------===//

LogicalResult DotOp::verify() {
  // qopt_dot_c1
  int64_t lanes = cast<VectorType>(getAcc().getType()).getNumElements();
  int64_t bytes = cast<VectorType>(getA().getType()).getNumElements();
  if (getA().getType() != getB().getType() ||
      !llvm::is_contained({2 * lanes, 4 * lanes, 8 * lanes, 16 * lanes}, bytes))
    return emitOpError(
               "expects a and b of one type with 2, 4, 8 or 16 times the ")
           << lanes << " lanes of the accumulator, got " << getA().getType()
           << " and " << getB().getType();
  // qopt_dot_c2
  if (getPairBound() && (*getPairBound() < 0 || *getPairBound() > 510))
    return emitOpError("expects a pair_bound in [0, 510], got ")
           << int64_t(*getPairBound());
  if (getByteBound() && (*getByteBound() < 0 || *getByteBound() > 255))
    return emitOpError("expects a byte_bound in [0, 255], got ")
           << int64_t(*getByteBound());
  return success();
}

//===----------------------------------------------------------------------===//
// TileDotOp
//===----------------------------------------------------------------------===//

int64_t TileDotOp::windowRows() {
  return std::min<int64_t>(
      16, cast<VectorType>(getResult().getType()).getDimSize(0));
}

void TileDotOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  for (OpOperand *operand : {&getActivationsMutable(), &getWeightsMutable()})
    if (isa<MemRefType>(operand->get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), operand);
}

LogicalResult TileDotOp::verify() {
  auto activations = cast<ShapedType>(getActivations().getType());
  auto weights = cast<ShapedType>(getWeights().getType());
  auto result = cast<VectorType>(getResult().getType());
  int64_t rank = activations.getRank(), segments = getSegments().size();
  int64_t outer = weights.getRank() - segments - 2;
  // qopt_tile_dot_c1
  if (int64_t(getActivationIndices().size()) != rank || outer < 1 ||
      int64_t(getWeightIndices().size()) != outer)
    return emitOpError("expects ")
           << rank << " and " << outer << " indices, got "
           << getActivationIndices().size() << " and "
           << getWeightIndices().size();
  // qopt_tile_dot_c2
  if (int64_t(getRowStep().size()) != rank ||
      int64_t(getSegmentSteps().size()) != segments * rank)
    return emitOpError("expects a step of ")
           << rank << " elements for rows and for each of " << segments
           << " segments, got " << getRowStep().size() << " and "
           << getSegmentSteps().size();
  // qopt_tile_dot_c3
  int64_t depth = getDepth();
  if (depth < 64 && (depth < 4 || depth % 4 != 0))
    return emitOpError("expects a depth of at least 64 or a positive multiple "
                       "of 4, got ")
           << depth;
  SmallVector<int64_t> inner = llvm::to_vector(getSegments());
  inner.append({chunks() * chunkBytes() / 4, 64});
  if (!weights.hasStaticShape() ||
      ArrayRef(inner) != weights.getShape().drop_front(outer))
    return emitOpError("expects weights of shape [.., ")
           << ArrayRef(inner) << "], got " << getWeights().getType();
  // qopt_tile_dot_c4
  int64_t last = result.getDimSize(0) - windowRows();
  if (result.getDimSize(2) != 16 ||
      llvm::any_of(getWindows(),
                   [&](int64_t window) { return window < 0 || window > last; }))
    return emitOpError("expects a result of 16 lanes and windows in [0, ")
           << last << "], got " << result << " and [" << getWindows() << "]";
  // qopt_tile_dot_c5
  if (bool(getTurn()) != getTurns().has_value() || getTurns().value_or(1) < 1)
    return emitOpError("expects a turn and how many there are, at least 1, "
                       "got ")
           << (getTurn() ? "a turn" : "no turn") << " of "
           << getTurns().value_or(0);
  return success();
}

//===----------------------------------------------------------------------===//
// MmaTileOp
//===----------------------------------------------------------------------===//

void MmaTileOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand *operand : {&getLhsMutable(), &getWeightsMutable()})
    if (isa<MemRefType>(operand->get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), operand);
}

LogicalResult MmaTileOp::verify() {
  // qopt_mma_tile_c1
  unsigned rank = cast<ShapedType>(getLhs().getType()).getRank();
  for (AffineMap map : {getRows(), getOffsets()})
    if (map.getNumInputs() != 1 || map.getNumDims() != 1 ||
        map.getNumResults() != rank)
      return emitOpError("expects maps of one dimension to ")
             << rank << ", got " << AffineMapAttr::get(map);
  if (getShape().size() != 4 ||
      llvm::any_of(getShape(), [](int64_t n) { return n < 1; }))
    return emitOpError("expects a shape of rows, channels, segments and depth, "
                       "got [")
           << getShape() << "]";
  // qopt_mma_tile_c2
  ArrayRef<int64_t> tile = getTile();
  if (tile.size() != 5 || llvm::any_of(tile, [](int64_t n) { return n < 1; }) ||
      tile[0] % tile[2] != 0 || tile[1] % tile[3] != 0 || tile[2] % 16 != 0 ||
      tile[3] % 16 != 0 || tile[4] > 8)
    return emitOpError("expects a tile of warps, of multiples of 16 rows and "
                       "channels, and 1 to 8 stages, got [")
           << tile << "]";
  // qopt_mma_tile_c3
  int64_t lanes = cast<VectorType>(getResult().getType()).getNumElements();
  if (lanes != tile[2] * tile[3] / 32)
    return emitOpError("expects a result of ")
           << tile[2] * tile[3] / 32 << " lanes, got " << lanes;
  // qopt_mma_tile_c4
  int64_t products = getNumSegments() * getDepth();
  if (getPacked4() && products > kMmaMostNibbles)
    return emitOpError("expects sums of up to ")
           << kMmaMostNibbles << " products of 4-bit weights, got " << products;
  return success();
}

//===----------------------------------------------------------------------===//
// RoundPackOp
//===----------------------------------------------------------------------===//

LogicalResult RoundPackOp::verify() {
  // qopt_round_pack_c1
  int64_t lanes = cast<VectorType>(getA().getType()).getNumElements();
  int64_t bytes = cast<VectorType>(getResult().getType()).getNumElements();
  if (lanes % 4 != 0 || bytes != 4 * lanes)
    return emitOpError("expects operands of a multiple of 4 lanes and a result "
                       "of four times as many, got ")
           << getA().getType() << " and " << getResult().getType();
  // qopt_round_pack_c2
  ArrayRef<int32_t> range = getRange();
  auto within = [&](int32_t lo, int32_t hi) {
    return lo <= range[0] && range[1] <= hi;
  };
  int32_t zeroPoint = getZeroPoint();
  if (range.size() != 2 || range[0] > range[1] ||
      (!within(0, 255) && !within(-128, 127)) || zeroPoint < -128 ||
      zeroPoint > 255)
    return emitOpError("expects a range within [0, 255] or [-128, 127] and a "
                       "zero point in [-128, 255], got [")
           << range << "] and " << zeroPoint;
  return success();
}
