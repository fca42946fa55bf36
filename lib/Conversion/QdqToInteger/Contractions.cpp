//===- Contractions.cpp - Integer contractions and reductions -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums of integer products and of integers. The zero point of the activation
// is never subtracted in a loop: its share is known at compile time and is part
// of the start value,
//   sum (a - z) * w = sum a * w - z * sum w.
//
//===----------------------------------------------------------------------===//

#include "IntegerForms.h"
#include "mlir/IR/Matchers.h"
#include "qopt/Support/QuantMath.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;
using namespace qopt;

static ParamLayout layoutOf(const ScaleTable &scales) {
  return {scales.map, scales.shape};
}

static uint32_t wrappingMultiply(int32_t a, int32_t b) {
  return uint32_t(a) * uint32_t(b);
}

//===----------------------------------------------------------------------===//
// The integer contraction
//===----------------------------------------------------------------------===//

/// acc + ext(a) * ext(b), the loops and maps given.
static Value createContraction(OpBuilder &builder, Location loc,
                               const IntegerTerm &lhs, const IntegerTerm &rhs,
                               Value rhsIntegers, Value lhsIntegers, Value init,
                               ArrayRef<AffineMap> maps,
                               ArrayRef<utils::IteratorType> loops) {
  return linalg::GenericOp::create(
             builder, loc, init.getType(), ValueRange{lhsIntegers, rhsIntegers},
             init, maps, loops,
             [&](OpBuilder &inner, Location at, ValueRange elements) {
               Value a = extendElement(inner, at, elements[0], lhs.isUnsigned);
               Value b = extendElement(inner, at, elements[1], rhs.isUnsigned);
               Value product = arith::MulIOp::create(inner, at, a, b);
               Value sum =
                   arith::AddIOp::create(inner, at, elements[2], product);
               linalg::YieldOp::create(inner, at, sum);
             })
      .getResult(0);
}

/// A constant per index of `dims` of the result, broadcast over the others.
static Value createStart(OpBuilder &builder, Location loc,
                         ArrayRef<int64_t> shape, ArrayRef<unsigned> dims,
                         ArrayRef<int32_t> values) {
  Value empty = createEmpty(builder, loc, shape, builder.getI32Type());
  if (llvm::all_of(values, [](int32_t value) { return value == 0; })) {
    Value zero =
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
    return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  }
  SmallVector<int64_t> constantShape, added;
  for (unsigned dim : dims)
    constantShape.push_back(shape[dim]);
  for (int64_t dim = 0, e = shape.size(); dim < e; ++dim)
    if (!llvm::is_contained(dims, dim))
      added.push_back(dim);
  Value constant = createIntConstant(builder, loc, constantShape, values, 32);
  return linalg::BroadcastOp::create(builder, loc, constant, empty, added)
      ->getResult(0);
}

/// values[k] -= zeroPoint * sum of the weights with index k along `dims`.
static void foldZeroPoint(DenseElementsAttr weights, RankedTensorType type,
                          ArrayRef<unsigned> dims, int32_t zeroPoint,
                          std::vector<int32_t> &values) {
  int64_t count = 1;
  for (unsigned dim : dims)
    count *= type.getDimSize(dim);
  values.resize(count);
  if (zeroPoint == 0)
    return;
  std::vector<uint32_t> index = indexAlong(type, dims);
  for (auto [i, weight] : llvm::enumerate(weights.getValues<APInt>())) {
    int32_t &value = values[index[i]];
    value = int32_t(uint32_t(value) -
                    wrappingMultiply(zeroPoint, weight.getSExtValue()));
  }
}

FormResult qopt::contractForms(OpBuilder &builder, const Contraction &match,
                               const IntegerForm &lhs, const IntegerForm &rhs,
                               const AccumulatorStart &start) {
  const IntegerTerm &a = lhs.terms[0], &b = rhs.terms[0];
  std::optional<ParamLayout> layout = contractParams(match, layoutOf(b.scales));
  DenseElementsAttr weights;
  if (!layout || !matchPattern(b.integers, m_Constant(&weights)))
    return std::nullopt;
  linalg::LinalgOp op = match.op;
  auto rhsType = cast<RankedTensorType>(b.integers.getType());
  auto outType = cast<RankedTensorType>(match.init.getType());
  std::vector<int32_t> values = start.bias;
  foldZeroPoint(weights, rhsType, match.rhsChannelDims, a.zeroPoint, values);
  Value init = createStart(builder, op.getLoc(), outType.getShape(),
                           match.outChannelDims, values);
  IntegerTerm sum;
  sum.integers = createContraction(
      builder, op.getLoc(), a, b, b.integers, a.integers, init,
      {match.lhsMap, match.rhsMap, match.outMap}, op.getIteratorTypesArray());
  sum.scales = {layout->shape, {}, layout->map};
  for (double scale : b.scales.values)
    sum.scales.values.push_back(a.scales.values[0] * scale);
  IntegerForm result;
  result.terms.push_back(std::move(sum));
  return result;
}

//===----------------------------------------------------------------------===//
// Grouped weights
//===----------------------------------------------------------------------===//

namespace {
/// A contraction with one more parallel loop, over the groups of one reduced
/// dimension, which is split in the weights and in the activation.
struct GroupedLoops {
  int64_t groups, groupSize;
  unsigned loop;          // of the contraction: the split reduction
  unsigned rhsDim;        // of the weights
  unsigned groupPosition; // of the result: where the groups are inserted
};
} // namespace

/// The scales say (i floordiv size) for the one dimension that is split.
static std::optional<GroupedLoops> matchGroups(const Contraction &match,
                                               const ScaleTable &scales) {
  if (scales.map.getNumResults() == 0)
    return std::nullopt;
  auto divided = dyn_cast<AffineBinaryOpExpr>(scales.map.getResult(0));
  if (!divided || divided.getKind() != AffineExprKind::FloorDiv)
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(divided.getLHS());
  auto size = dyn_cast<AffineConstantExpr>(divided.getRHS());
  if (!dim || !size || match.outChannelDims.empty())
    return std::nullopt;
  GroupedLoops grouped;
  grouped.groups = scales.shape[0];
  grouped.groupSize = size.getValue();
  grouped.rhsDim = dim.getPosition();
  auto loop = dyn_cast<AffineDimExpr>(match.rhsMap.getResult(grouped.rhsDim));
  if (!loop || match.lhsMap.getResults().back() != loop)
    return std::nullopt;
  grouped.loop = loop.getPosition();
  grouped.groupPosition = match.outChannelDims.front();
  return grouped;
}

/// `map` over one more loop; where a result is the split loop, the group's loop
/// comes before it.
static AffineMap splitMap(AffineMap map, const GroupedLoops &grouped) {
  MLIRContext *context = map.getContext();
  AffineExpr group = getAffineDimExpr(map.getNumDims(), context);
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults()) {
    if (expr == getAffineDimExpr(grouped.loop, context))
      results.push_back(group);
    results.push_back(expr);
  }
  return AffineMap::get(map.getNumDims() + 1, 0, results, context);
}

static Value splitDim(OpBuilder &builder, Location loc, Value value,
                      unsigned dim, const GroupedLoops &grouped) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape;
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    ReassociationIndices indices = {int64_t(shape.size())};
    if (d == dim) {
      indices.push_back(shape.size() + 1);
      shape.push_back(grouped.groups);
      shape.push_back(grouped.groupSize);
    } else {
      shape.push_back(type.getDimSize(d));
    }
    groups.push_back(indices);
  }
  auto result = type.clone(shape);
  DenseElementsAttr attr;
  if (matchPattern(value, m_Constant(&attr)))
    return arith::ConstantOp::create(builder, loc, attr.reshape(result));
  return tensor::ExpandShapeOp::create(builder, loc, result, value, groups);
}

/// acc[.., g, channel] in i32, the groups before the channel.
static Value createGroupSums(OpBuilder &builder, const Contraction &match,
                             const IntegerTerm &a, const IntegerTerm &b,
                             const GroupedLoops &grouped) {
  linalg::LinalgOp op = match.op;
  Location loc = op.getLoc();
  Value weights = splitDim(builder, loc, b.integers, grouped.rhsDim, grouped);
  unsigned lhsRank = cast<RankedTensorType>(a.integers.getType()).getRank();
  Value input = splitDim(builder, loc, a.integers, lhsRank - 1, grouped);

  SmallVector<int64_t> shape(
      cast<RankedTensorType>(match.init.getType()).getShape());
  shape.insert(shape.begin() + grouped.groupPosition, grouped.groups);
  SmallVector<unsigned> startDims = {grouped.groupPosition};
  SmallVector<unsigned> rhsDims = {grouped.rhsDim};
  for (auto [out, in] :
       llvm::zip_equal(match.outChannelDims, match.rhsChannelDims)) {
    startDims.push_back(out + 1);
    rhsDims.push_back(in < grouped.rhsDim ? in : in + 1);
  }
  DenseElementsAttr values;
  std::vector<int32_t> start;
  if (matchPattern(weights, m_Constant(&values)))
    foldZeroPoint(values, cast<RankedTensorType>(weights.getType()), rhsDims,
                  a.zeroPoint, start);
  Value init = createStart(builder, loc, shape, startDims, start);

  SmallVector<AffineExpr> outExprs(match.outMap.getResults());
  unsigned loops = match.outMap.getNumDims();
  outExprs.insert(outExprs.begin() + grouped.groupPosition,
                  builder.getAffineDimExpr(loops));
  AffineMap outMap =
      AffineMap::get(loops + 1, 0, outExprs, builder.getContext());
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  iterators.push_back(utils::IteratorType::parallel);
  return createContraction(builder, loc, a, b, weights, input, init,
                           {splitMap(match.lhsMap, grouped),
                            splitMap(match.rhsMap, grouped), outMap},
                           iterators);
}

Value qopt::contractGroups(OpBuilder &builder, const Contraction &match,
                           const IntegerForm &lhs, const IntegerForm &rhs) {
  const IntegerTerm &a = lhs.terms[0], &b = rhs.terms[0];
  std::optional<GroupedLoops> grouped = matchGroups(match, b.scales);
  DenseElementsAttr weights;
  if (!grouped || !matchPattern(b.integers, m_Constant(&weights)))
    return {};
  Location loc = match.op->getLoc();
  Value sums = createGroupSums(builder, match, a, b, *grouped);

  // out = sum over g, ascending, of f32(acc_g) * f32(s_a * s_w[g, channel]).
  // -0 is the neutral start: -0 + x = x for every x, also for -0.
  auto outType = cast<RankedTensorType>(match.init.getType());
  unsigned rank = outType.getRank();
  MLIRContext *context = builder.getContext();
  AffineExpr group = getAffineDimExpr(rank, context);
  SmallVector<AffineExpr> sumExprs, scaleExprs = {group};
  for (unsigned dim = 0; dim < rank; ++dim)
    sumExprs.push_back(getAffineDimExpr(dim, context));
  for (unsigned dim : match.outChannelDims)
    scaleExprs.push_back(getAffineDimExpr(dim, context));
  AffineMap outMap = AffineMap::get(rank + 1, 0, sumExprs, context);
  sumExprs.insert(sumExprs.begin() + grouped->groupPosition, group);
  AffineMap maps[] = {AffineMap::get(rank + 1, 0, sumExprs, context),
                      AffineMap::get(rank + 1, 0, scaleExprs, context), outMap};
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  loops.push_back(utils::IteratorType::reduction);

  std::vector<float> scales;
  for (double scale : b.scales.values)
    scales.push_back(roundScale(a.scales.values[0] * scale));
  Value multipliers = createFloatConstant(builder, loc, b.scales.shape, scales);
  Value minusZero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(-0.0f));
  Value empty =
      createEmpty(builder, loc, outType.getShape(), outType.getElementType());
  Value init =
      linalg::FillOp::create(builder, loc, minusZero, empty).getResult(0);
  auto scaled = linalg::GenericOp::create(
      builder, loc, outType, ValueRange{sums, multipliers}, init, maps, loops,
      [&](OpBuilder &inner, Location at, ValueRange elements) {
        Value real =
            arith::SIToFPOp::create(inner, at, inner.getF32Type(), elements[0]);
        Value product = arith::MulFOp::create(inner, at, real, elements[1]);
        Value sum = arith::AddFOp::create(inner, at, elements[2], product);
        linalg::YieldOp::create(inner, at, sum);
      });
  explainSeveralScales(scaled);
  return scaled.getResult(0);
}

//===----------------------------------------------------------------------===//
// Pooling and sums
//===----------------------------------------------------------------------===//

/// The least value of the storage: below every element, so neutral for max.
static int64_t leastOf(const IntegerTerm &term) {
  return term.isUnsigned ? 0 : -(int64_t(1) << (term.bits() - 1));
}

/// How many elements each element of the result is the sum of.
static int64_t reducedCount(linalg::LinalgOp op) {
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  int64_t count = 1;
  for (auto [size, kind] : llvm::zip_equal(sizes, op.getIteratorTypesArray()))
    if (kind == utils::IteratorType::reduction)
      count *= size;
  return count;
}

static Value reduceElement(OpBuilder &builder, Location loc,
                           ValueRange elements, const IntegerTerm &term,
                           bool isMax) {
  Value element = elements.front(), sum = elements.back();
  if (!isMax)
    return arith::AddIOp::create(
        builder, loc, sum,
        extendElement(builder, loc, element, term.isUnsigned));
  if (term.isUnsigned)
    return arith::MaxUIOp::create(builder, loc, sum, element);
  return arith::MaxSIOp::create(builder, loc, sum, element);
}

FormResult qopt::reduceForm(OpBuilder &builder, linalg::LinalgOp op, bool isMax,
                            const IntegerForm &input) {
  float neutral = isMax ? -std::numeric_limits<float>::infinity() : 0.0f;
  if (input.terms.size() != 1 || (!isMax && input.isClamped()) ||
      matchUniformInit(op.getDpsInits()[0]) != neutral)
    return std::nullopt;
  const IntegerTerm &term = input.terms[0];
  std::optional<ParamLayout> layout = reduceParams(op, layoutOf(term.scales));
  bool isPositive =
      llvm::all_of(term.scales.values, [](double scale) { return scale > 0; });
  if (!layout || (isMax && !isPositive))
    return std::nullopt;

  Location loc = op.getLoc();
  auto outType = cast<RankedTensorType>(op.getDpsInits()[0].getType());
  Type element =
      isMax ? getElementTypeOrSelf(term.integers) : Type(builder.getI32Type());
  // sum (q - z) = -count * z + sum q.
  int64_t start =
      isMax ? leastOf(term)
            : int64_t(int32_t(-wrappingMultiply(
                  static_cast<int32_t>(reducedCount(op)), term.zeroPoint)));
  Value constant = arith::ConstantOp::create(
      builder, loc, builder.getIntegerAttr(element, start));
  Value empty = createEmpty(builder, loc, outType.getShape(), element);
  Value init =
      linalg::FillOp::create(builder, loc, constant, empty).getResult(0);
  SmallVector<Value> inputs = {term.integers};
  // The window of a pooling operation only gives the sizes of its loops.
  SmallVector<Value> operands = op.getDpsInputs();
  for (Value window : ArrayRef<Value>(operands).drop_front())
    inputs.push_back(createEmpty(
        builder, loc, cast<RankedTensorType>(window.getType()).getShape(),
        builder.getI8Type()));
  auto reduced = linalg::GenericOp::create(
      builder, loc, init.getType(), inputs, init, op.getIndexingMapsArray(),
      op.getIteratorTypesArray(),
      [&](OpBuilder &inner, Location at, ValueRange elements) {
        linalg::YieldOp::create(
            inner, at, reduceElement(inner, at, elements, term, isMax));
      });
  IntegerForm result;
  result.lo = input.lo;
  result.hi = input.hi;
  IntegerTerm sum = term;
  sum.integers = reduced.getResult(0);
  if (!isMax) {
    sum.zeroPoint = 0;
    sum.isUnsigned = false;
  }
  sum.scales.map = layout->map;
  sum.scales.shape = layout->shape;
  result.terms.push_back(std::move(sum));
  return result;
}
