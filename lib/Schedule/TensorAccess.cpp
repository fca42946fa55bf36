//===- TensorAccess.cpp - Reads and writes of vectors ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorAccess.h"
#include "Padding.h"
#include "qopt/Conversion/LoopAnnotations.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Position
//===----------------------------------------------------------------------===//

AffineExpr simplified(AffineExpr expr) {
  unsigned numDims = 0;
  expr.walk([&](AffineExpr part) {
    if (auto dim = dyn_cast<AffineDimExpr>(part))
      numDims = std::max(numDims, dim.getPosition() + 1);
  });
  return simplifyAffineExpr(expr, numDims, 1);
}

Position Position::apply(AffineMap map) const {
  Position result = *this;
  result.index.clear();
  for (AffineExpr expr : map.getResults())
    result.index.push_back(expr.replaceDims(index));
  return result;
}

AffineExpr Position::laneBase(unsigned dim, AffineExpr lane) const {
  return index[dim].replace(lane, getAffineConstantExpr(0, lane.getContext()));
}

int64_t Position::laneOffset(int64_t i) const {
  if (group == 0)
    return i;
  return std::min(i / 4 * 16 + part * 4 + i % 4, group - 1);
}

Position Position::run() const { return {index, group}; }

SmallVector<AffineExpr> Position::atLane(int64_t i) const {
  int64_t offset = laneOffset(i);
  return llvm::map_to_vector(index, [&](AffineExpr expr) {
    MLIRContext *context = expr.getContext();
    return expr.replace(getAffineSymbolExpr(0, context),
                        getAffineConstantExpr(offset, context));
  });
}

bool Position::isUniform() const {
  return lanes == 1 || llvm::none_of(index, [](AffineExpr expr) {
           return expr.isFunctionOfSymbol(0);
         });
}

std::optional<SmallVector<int64_t>> Position::strides() const {
  SmallVector<AffineExpr> first = atLane(0);
  SmallVector<int64_t> strides;
  for (int64_t i = 1; i < lanes; ++i)
    for (auto [dim, expr] : llvm::enumerate(atLane(i))) {
      auto step = dyn_cast<AffineConstantExpr>(simplified(expr - first[dim]));
      if (!step)
        return std::nullopt;
      if (i == 1)
        strides.push_back(step.getValue());
      else if (step.getValue() != i * strides[dim])
        return std::nullopt;
    }
  return strides;
}

//===----------------------------------------------------------------------===//
// TensorAccess
//===----------------------------------------------------------------------===//

void TensorAccess::enterLoop(Value counter) {
  counters.push_back(counter);
  scopes.emplace_back();
}

void TensorAccess::leaveLoop() {
  counters.pop_back();
  scopes.pop_back();
}

Value TensorAccess::emitIf(AffineExpr value, int64_t end, bool isAlways,
                           Value dest, function_ref<Value(Value)> body) {
  enterScope();
  if (isAlways) {
    dest = body(dest);
    leaveScope();
    return dest;
  }
  Value limit = arith::ConstantIndexOp::create(b, loc, end);
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                       index(value), limit);
  auto guard = scf::IfOp::create(b, loc, dest.getType(), inside,
                                 /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard insertion(b);
    b.setInsertionPointToStart(guard.elseBlock());
    scf::YieldOp::create(b, loc, dest);
    b.setInsertionPointToStart(guard.thenBlock());
    Value result = body(dest);
    scf::YieldOp::create(b, loc, result);
  }
  leaveScope();
  return guard.getResult(0);
}

AffineExpr TensorAccess::nextCounter() const {
  return getAffineDimExpr(counters.size(), b.getContext());
}

AffineExpr TensorAccess::innermostCounter() const {
  return getAffineDimExpr(counters.size() - 1, b.getContext());
}

void TensorAccess::emitLoop(
    int64_t count, SmallVector<Value> &carried,
    function_ref<void(AffineExpr, SmallVector<Value> &)> body) {
  if (count == 0)
    return;
  if (count == 1)
    return body(b.getAffineConstantExpr(0), carried);
  keepRolled(emitFor(count, carried, body));
}

scf::ForOp TensorAccess::emitFor(
    int64_t count, SmallVector<Value> &carried,
    function_ref<void(AffineExpr, SmallVector<Value> &)> body) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value end = arith::ConstantIndexOp::create(b, loc, count);
  auto loop = scf::ForOp::create(b, loc, zero, end, one, carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  enterLoop(loop.getInductionVar());
  SmallVector<Value> inner(loop.getRegionIterArgs());
  body(innermostCounter(), inner);
  leaveLoop();
  // The builder's loop has an implicit terminator only without iter_args.
  scf::YieldOp::create(b, loc, inner);
  carried.assign(loop.getResults().begin(), loop.getResults().end());
  return loop;
}

void TensorAccess::setInsertionPointToTop(Operation *root) {
  Operation *top = counters.empty()
                       ? root
                       : counters.front().getParentBlock()->getParentOp();
  b.setInsertionPoint(top);
}

TensorAccess::Key TensorAccess::keyOf(Value tensor, const Position &at) {
  Key key{tensor.getAsOpaquePointer(), {}};
  for (AffineExpr expr : at.index)
    key.second.push_back(expr.getAsOpaquePointer());
  for (int64_t number : {at.lanes, at.group, at.part})
    key.second.push_back(reinterpret_cast<const void *>(number));
  return key;
}

Value TensorAccess::lookup(const Key &key) const {
  for (const auto &scope : llvm::reverse(scopes))
    if (auto it = scope.find(key); it != scope.end())
      return it->second;
  return {};
}

Value TensorAccess::remember(const Key &key, Value value) {
  return scopes.back()[key] = value;
}

Value TensorAccess::index(AffineExpr expr) {
  Key key{nullptr, {expr.getAsOpaquePointer()}};
  if (Value known = lookup(key))
    return known;
  SmallVector<OpFoldResult> operands(counters.begin(), counters.end());
  OpFoldResult folded = affine::makeComposedFoldedAffineApply(
      b, loc, AffineMap::get(counters.size(), 0, expr), operands);
  return remember(key, getValueOrCreateConstantIndexOp(b, loc, folded));
}

SmallVector<Value> TensorAccess::indices(ArrayRef<AffineExpr> exprs) {
  return llvm::map_to_vector(exprs,
                             [&](AffineExpr expr) { return index(expr); });
}

/// The dimension that alone moves with the lane, by one element.
static std::optional<int64_t> unitDim(const Position &at) {
  std::optional<SmallVector<int64_t>> strides = at.strides();
  if (!strides)
    return std::nullopt;
  std::optional<int64_t> unit;
  for (auto [dim, stride] : llvm::enumerate(*strides)) {
    if (stride == 0)
      continue;
    if (stride != 1 || unit)
      return std::nullopt;
    unit = dim;
  }
  return unit;
}

/// Elements that share bytes in memory, or have padding.
static bool isSubByte(Type element) {
  return element.isInteger() && element.getIntOrFloatBitWidth() < 8;
}

Value TensorAccess::read(Value tensor, const Position &at) {
  Key key = keyOf(tensor, at);
  if (Value known = lookup(key))
    return known;
  if (auto pad = tensor.getDefiningOp<tensor::PadOp>())
    if (Value value = readAround(pad, at))
      return remember(key, value);
  DenseElementsAttr constant;
  bool isConstant = matchPattern(tensor, m_Constant(&constant));
  if (isConstant && constant.isSplat())
    return remember(
        key, arith::ConstantOp::create(
                 b, loc, cast<TypedAttr>(constant.getSplatValue<Attribute>())));
  int64_t last = int64_t(at.index.size()) - 1;
  Type element = getElementTypeOrSelf(tensor.getType());
  if (isConstant && isSubByte(element)) {
    // Sub-byte memory has no addresses: the constant is stored in bytes.
    Value bytes = read(movedLast(tensor, last), at);
    Type narrow = element;
    if (auto vector = dyn_cast<VectorType>(bytes.getType()))
      narrow = vector.clone(element);
    return remember(key, arith::TruncIOp::create(b, loc, narrow, bytes));
  }
  if (at.isUniform())
    return remember(
        key, tensor::ExtractOp::create(b, loc, tensor, indices(at.atLane(0))));
  if (at.group)
    return remember(key, readGrouped(tensor, at));
  std::optional<int64_t> unit = unitDim(at);
  if (unit && isConstant)
    return remember(key, readConstant(tensor, at, *unit));
  if (unit && *unit == last)
    return remember(key, readContiguous(tensor, at));
  return remember(key, gather(tensor, at));
}

Value TensorAccess::readContiguous(Value tensor, const Position &at) {
  Type element = getElementTypeOrSelf(tensor.getType());
  Value padding = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  return vector::TransferReadOp::create(
      b, loc, VectorType::get({at.lanes}, element), tensor,
      indices(at.atLane(0)), padding, ArrayRef<bool>{true});
}

/// Vectors along `dim` of a constant, which is moved so that they are
/// contiguous, and follow one another as a reduction reads them.
Value TensorAccess::readConstant(Value tensor, const Position &at,
                                 int64_t dim) {
  auto type = cast<ShapedType>(tensor.getType());
  int64_t extent = type.getDimSize(dim);
  Position there = at;
  AffineExpr lane = there.index[dim];
  there.index.erase(there.index.begin() + dim);
  AffineExpr first = at.atLane(0)[dim];
  if (blockLanes > 1 && at.lanes == blockLanes && extent % blockLanes == 0 &&
      type.getNumElements() > extent &&
      simplified(first % blockLanes) == b.getAffineConstantExpr(0)) {
    there.index.insert(there.index.begin(),
                       simplified(first.floorDiv(blockLanes)));
    there.index.push_back(b.getAffineSymbolExpr(0));
    return readContiguous(inBlocks(tensor, dim), there);
  }
  if (dim + 1 == type.getRank())
    return readContiguous(tensor, at);
  there.index.push_back(lane);
  return readContiguous(movedLast(tensor, dim), there);
}

/// The places along `dim` of a constant that the lanes of all groups read, part
/// by part, where `at` is part of the groups from `base` on.
static SmallVector<int64_t> groupedPlaces(Position at, AffineExpr base,
                                          int64_t extent) {
  int64_t capacity = 4 * at.lanes, first = 0, count = extent / capacity;
  if (auto constant = dyn_cast<AffineConstantExpr>(base)) {
    first = constant.getValue();
    count = 1;
  }
  SmallVector<int64_t> places;
  for (int64_t group = 0; group < count; ++group)
    for (at.part = 0; at.part < 4; ++at.part)
      for (int64_t i = 0; i < at.lanes; ++i)
        places.push_back(first + group * capacity + at.laneOffset(i));
  return places;
}

/// Part of a group: from the run, or from a constant in the group's order.
Value TensorAccess::readGrouped(Value tensor, const Position &at) {
  std::optional<int64_t> unit = unitDim(at.run());
  if (!unit)
    return gather(tensor, at);
  int64_t dim = *unit;
  DenseElementsAttr constant;
  if (!matchPattern(tensor, m_Constant(&constant))) {
    if (dim + 1 != int64_t(at.index.size()))
      return gather(tensor, at);
    Value run = widen(read(tensor, at.run()), 4 * at.lanes);
    SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < at.lanes; ++i)
      lanes.push_back(at.laneOffset(i));
    return vector::ShuffleOp::create(b, loc, run, run, lanes);
  }
  AffineExpr lane = b.getAffineSymbolExpr(0);
  AffineExpr base = simplified(at.laneBase(dim, lane));
  int64_t extent = constant.getType().getDimSize(dim);
  Value grouped = movedLast(tensor, dim, groupedPlaces(at, base, extent));
  if (isa<AffineConstantExpr>(base))
    base = b.getAffineConstantExpr(0);
  Position there{at.index, at.lanes};
  there.index.erase(there.index.begin() + dim);
  there.index.push_back(base + at.part * at.lanes + lane);
  return readContiguous(grouped, there);
}

Value TensorAccess::gather(Value tensor, const Position &at) {
  SmallVector<Value> elements;
  for (int64_t i = 0; i < at.lanes; ++i)
    elements.push_back(
        tensor::ExtractOp::create(b, loc, tensor, indices(at.atLane(i))));
  return vector::FromElementsOp::create(
      b, loc, VectorType::get({at.lanes}, elements[0].getType()), elements);
}

/// The elements of a sub-byte integer type, sign-extended.
static DenseElementsAttr widenToBytes(DenseElementsAttr elements) {
  SmallVector<int8_t> bytes;
  for (const APInt &value : elements.getValues<APInt>())
    bytes.push_back(value.getSExtValue());
  auto i8 = IntegerType::get(elements.getContext(), 8);
  return DenseElementsAttr::get(elements.getType().clone(i8),
                                ArrayRef<int8_t>(bytes));
}

/// `constant` with `dim` as its last dimension, sub-byte elements as bytes.
Value TensorAccess::movedLast(Value constant, int64_t dim) {
  int64_t extent = cast<ShapedType>(constant.getType()).getDimSize(dim);
  return movedLast(constant, dim,
                   llvm::to_vector(llvm::seq<int64_t>(0, extent)));
}

/// The same with the elements at `places` of `dim`, in that order.
Value TensorAccess::movedLast(Value constant, int64_t dim,
                              ArrayRef<int64_t> places) {
  SmallVector<int64_t> numbers(places);
  numbers.push_back(dim);
  Value &result = moved[{constant.getAsOpaquePointer(), numbers}];
  if (result)
    return result;
  DenseElementsAttr values;
  matchPattern(constant, m_Constant(&values));
  if (isSubByte(values.getElementType()))
    values = widenToBytes(values);
  OpBuilder::InsertionGuard guard(b);
  if (!counters.empty())
    setInsertionPointToTop(nullptr);
  return result =
             arith::ConstantOp::create(b, loc, takeLast(values, dim, places));
}

Value TensorAccess::inBlocks(Value constant, int64_t dim) {
  Value &result =
      moved[{constant.getAsOpaquePointer(), SmallVector<int64_t>{~dim}}];
  if (result)
    return result;
  DenseElementsAttr values;
  matchPattern(constant, m_Constant(&values));
  SmallVector<int64_t> shape(values.getType().getShape());
  SmallVector<int64_t> perm{dim};
  for (int64_t i = 0, e = shape.size() + 1; i != e; ++i)
    if (i != dim)
      perm.push_back(i);
  // The lanes come right behind their block, and go last.
  std::rotate(perm.begin() + 1 + dim, perm.begin() + 2 + dim, perm.end());
  shape[dim] /= blockLanes;
  shape.insert(shape.begin() + dim + 1, blockLanes);
  OpBuilder::InsertionGuard guard(b);
  if (!counters.empty())
    setInsertionPointToTop(nullptr);
  return result = arith::ConstantOp::create(
             b, loc,
             transposeElements(values.reshape(values.getType().clone(shape)),
                               perm));
}

/// The least or the greatest value of `expr` over the loops around; nothing
/// where it is not linear in their counters.
std::optional<int64_t> TensorAccess::boundOf(AffineExpr expr,
                                             bool isUpper) const {
  SmallVector<std::optional<int64_t>> least(counters.size(), 0), most;
  for (Value counter : counters) {
    auto loop = cast<scf::ForOp>(
        cast<BlockArgument>(counter).getOwner()->getParentOp());
    most.push_back(*getConstantIntValue(loop.getUpperBound()) - 1);
  }
  return getBoundForAffineExpr(simplified(expr), counters.size(), 0, least,
                               most, isUpper);
}

/// What the padded tensor has at `at`, from its source; null where it is not
/// known whether that is padding.
Value TensorAccess::readAround(tensor::PadOp pad, const Position &at) {
  TypedAttr padding = paddingOf(pad);
  Position inside = at;
  for (int64_t dim = 0; padding && dim < pad.getResultType().getRank(); ++dim) {
    int64_t low = pad.getStaticLow()[dim], high = pad.getStaticHigh()[dim];
    if (low == 0 && high == 0)
      continue;
    AffineExpr &index = inside.index[dim];
    index = simplified(index - low);
    std::optional<int64_t> first = boundOf(index, /*isUpper=*/false),
                           last = boundOf(index, /*isUpper=*/true);
    int64_t size = pad.getSourceType().getDimSize(dim);
    if (!first || !last)
      return {};
    if (*last < 0 || *first >= size) {
      Value scalar = arith::ConstantOp::create(b, loc, padding);
      return at.lanes == 1 ? scalar : toVector(scalar, at.lanes);
    }
    if (*first < 0 || *last >= size)
      return {};
  }
  return padding ? read(pad.getSource(), inside) : Value();
}

/// Four bytes at `at` as an i32.
Value TensorAccess::readWord(Value tensor, const Position &at) {
  Type i32 = b.getI32Type();
  Position bytes = at;
  bytes.index.back() = bytes.index.back() + b.getAffineSymbolExpr(0);
  bytes.lanes = 4;
  Value read = readContiguous(tensor, bytes);
  read = vector::BitCastOp::create(b, loc, VectorType::get({1}, i32), read);
  return vector::ExtractOp::create(b, loc, read, ArrayRef<int64_t>{0});
}

/// `depth` bytes at `at` as an i32, fewer than four: with neighbours of the
/// same row, behind them or in front of them, or one by one, where four could
/// leave the row, and with the last one the buffer. What is behind them is
/// anything.
Value TensorAccess::readShort(Value tensor, const Position &at, int64_t depth,
                              bool isVector) {
  Type i32 = b.getI32Type();
  auto constant = [&](int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  };
  int64_t extent = cast<ShapedType>(tensor.getType()).getShape().back();
  std::optional<int64_t> first = boundOf(at.index.back(), /*isUpper=*/false),
                         last = boundOf(at.index.back(), /*isUpper=*/true);
  if (isVector && last && *last + 4 <= extent)
    return readWord(tensor, at);
  if (isVector && first && *first >= 4 - depth) {
    Position before = at;
    before.index.back() = before.index.back() - (4 - depth);
    return arith::ShRUIOp::create(b, loc, readWord(tensor, before),
                                  constant(8 * (4 - depth)));
  }
  Value word;
  for (int64_t i = 0; i < depth; ++i) {
    Position byte = at;
    byte.index.back() = byte.index.back() + i;
    Value value = arith::ExtUIOp::create(b, loc, i32, read(tensor, byte));
    if (i > 0)
      value = arith::ShLIOp::create(b, loc, value, constant(8 * i));
    word =
        i > 0 ? arith::OrIOp::create(b, loc, word, value).getResult() : value;
  }
  return word;
}

Value TensorAccess::readQuad(Value tensor, const Position &at, int64_t depth,
                             int64_t lanes) {
  depth = std::min<int64_t>(depth, 4);
  Key key{tensor.getAsOpaquePointer(), {}};
  for (AffineExpr expr : at.index)
    key.second.push_back(expr.getAsOpaquePointer());
  // What is behind the bytes of a short read may be zeros.
  key.second.push_back(reinterpret_cast<const void *>(-(4 * lanes + depth)));
  if (Value known = lookup(key))
    return known;
  Value quad = depth == 4 ? readWord(tensor, at)
                          : readShort(tensor, at, depth, lanes > 1);
  auto words = VectorType::get({lanes}, b.getI32Type());
  Value all = vector::BroadcastOp::create(b, loc, words, quad);
  return remember(
      key, vector::BitCastOp::create(
               b, loc, VectorType::get({lanes * 4}, b.getI8Type()), all));
}

Value TensorAccess::readRun(Value tensor, const Position &at, int64_t count) {
  Position bytes = at;
  bytes.index.back() = bytes.index.back() + b.getAffineSymbolExpr(0);
  bytes.lanes = count;
  return toVector(read(tensor, bytes), count);
}

Value TensorAccess::write(Value value, Value tensor, const Position &at) {
  if (at.lanes == 1) {
    if (isa<VectorType>(value.getType()))
      value = vector::ExtractOp::create(b, loc, value, ArrayRef<int64_t>{0});
    return tensor::InsertOp::create(b, loc, value, tensor,
                                    indices(at.atLane(0)));
  }
  value = toVector(value, at.lanes);
  // Also across rows of memory: one operation per lane would make the
  // bufferization of large tiles, quadratic in the writes, take minutes.
  if (std::optional<int64_t> unit = unitDim(at)) {
    AffineMap lanes =
        AffineMap::get(at.index.size(), 0, b.getAffineDimExpr(unsigned(*unit)));
    return vector::TransferWriteOp::create(b, loc, value, tensor,
                                           indices(at.atLane(0)), lanes,
                                           ArrayRef<bool>{true})
        .getResult();
  }
  for (int64_t i = 0; i < at.lanes; ++i) {
    Value element =
        vector::ExtractOp::create(b, loc, value, ArrayRef<int64_t>{i});
    tensor = tensor::InsertOp::create(b, loc, element, tensor,
                                      indices(at.atLane(i)));
  }
  return tensor;
}

Value TensorAccess::writeGroup(ArrayRef<Value> parts, Value tensor,
                               const Position &first) {
  int64_t lanes = first.lanes;
  auto joined = [&](Value low, Value high) -> Value {
    int64_t count = cast<VectorType>(low.getType()).getNumElements();
    return vector::ShuffleOp::create(
        b, loc, low, high, llvm::to_vector(llvm::seq<int64_t>(0, 2 * count)));
  };
  SmallVector<Value> vectors = llvm::map_to_vector(
      parts, [&](Value part) { return toVector(part, lanes); });
  SmallVector<int64_t> order(first.group);
  for (int64_t place = 0; place < first.group; ++place)
    order[place] = place % 16 / 4 * lanes + place / 16 * 4 + place % 4;
  Value run = vector::ShuffleOp::create(b, loc, joined(vectors[0], vectors[1]),
                                        joined(vectors[2], vectors[3]), order);
  return write(run, tensor, first.run());
}

/// How many whole rows of the last dimension the vectors at `positions` fill,
/// one after the other; 0 if they do not.
static int64_t wholeRows(ArrayRef<Position> positions, int64_t width,
                         int64_t extent) {
  int64_t count = positions.size(), rank = positions[0].index.size();
  if (rank < 2 || extent % width != 0 || count * width % extent != 0)
    return 0;
  for (auto [i, at] : llvm::enumerate(positions))
    for (int64_t dim = 0; dim < rank; ++dim) {
      AffineExpr first = positions[0].index[dim];
      int64_t step = dim + 1 == rank   ? int64_t(i) * width % extent
                     : dim + 2 == rank ? int64_t(i) * width / extent
                                       : 0;
      if (at.lanes != width ||
          simplified(at.index[dim] - first) !=
              getAffineConstantExpr(step, first.getContext()))
        return 0;
    }
  return count * width / extent;
}

/// Whether each position starts where the whole vector before it ends.
static bool areNeighbours(ArrayRef<Position> positions, int64_t width) {
  for (size_t i = 0; i < positions.size(); ++i) {
    ArrayRef<AffineExpr> here = positions[i].index, first = positions[0].index;
    if (positions[i].lanes != width || here.drop_back() != first.drop_back() ||
        simplified(here.back() - first.back()) !=
            getAffineConstantExpr(i * width, here.back().getContext()))
      return false;
  }
  return true;
}

Value TensorAccess::writeParts(Value values, int64_t width, Value tensor,
                               ArrayRef<Position> positions) {
  auto slice = [&](int64_t first, int64_t size) -> Value {
    return vector::ExtractStridedSliceOp::create(
        b, loc, values, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{size},
        ArrayRef<int64_t>{1});
  };
  int64_t extent = cast<ShapedType>(tensor.getType()).getShape().back();
  int64_t rows = hasWholeRows ? wholeRows(positions, width, extent) : 0;
  if (rows > 1)
    return writeRows(slice(0, rows * extent), tensor, positions[0], rows);
  for (size_t first = 0; first < positions.size();) {
    size_t count = 1;
    while (first + count < positions.size() &&
           areNeighbours(positions.slice(first, count + 1), width))
      ++count;
    Position run = positions[first];
    run.lanes += (count - 1) * width;
    tensor = write(slice(first * width, run.lanes), tensor, run);
    first += count;
  }
  return tensor;
}

Value TensorAccess::writeRows(Value values, Value tensor, const Position &first,
                              int64_t rows) {
  int64_t extent = cast<ShapedType>(tensor.getType()).getShape().back();
  auto type =
      VectorType::get({rows, extent}, getElementTypeOrSelf(values.getType()));
  values = vector::ShapeCastOp::create(b, loc, type, values);
  return vector::TransferWriteOp::create(b, loc, values, tensor,
                                         indices(first.atLane(0)),
                                         ArrayRef<bool>{true, true})
      .getResult();
}

Value TensorAccess::toVector(Value value, int64_t lanes) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(
      b, loc, VectorType::get({lanes}, value.getType()), value);
}

Value TensorAccess::widen(Value value, int64_t lanes) {
  auto type = dyn_cast<VectorType>(value.getType());
  if (!type)
    return toVector(value, lanes);
  if (type.getNumElements() == lanes)
    return value;
  auto wide = VectorType::get({lanes}, type.getElementType());
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(wide));
  return vector::InsertStridedSliceOp::create(
      b, loc, value, zero, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
}

Value TensorAccess::narrow(Value value, Type type) {
  if (value.getType() == type)
    return value;
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return vector::ExtractOp::create(b, loc, value, ArrayRef<int64_t>{0});
  return vector::ExtractStridedSliceOp::create(
      b, loc, value, ArrayRef<int64_t>{0},
      ArrayRef<int64_t>{vector.getNumElements()}, ArrayRef<int64_t>{1});
}

// (x ^ 8) - 8 extends the sign of a nibble x.
Value TensorAccess::unpackNibbles(Value bytes, unsigned half) {
  Key key{bytes.getAsOpaquePointer(),
          {reinterpret_cast<const void *>(uintptr_t(half))}};
  if (Value known = lookup(key))
    return known;
  auto splat = [&](int8_t value) -> Value {
    auto type = cast<VectorType>(bytes.getType());
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(type, value));
  };
  Value nibble = half ? Value(arith::ShRUIOp::create(b, loc, bytes, splat(4)))
                      : Value(arith::AndIOp::create(b, loc, bytes, splat(15)));
  nibble = arith::XOrIOp::create(b, loc, nibble, splat(8));
  return remember(key, arith::SubIOp::create(b, loc, nibble, splat(8)));
}

} // namespace qopt
