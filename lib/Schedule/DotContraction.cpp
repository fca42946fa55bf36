//===- DotContraction.cpp - Contractions for the low-bit dot --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the match and the packing.
//
//===----------------------------------------------------------------------===//

#include "qopt/Schedule/DotContraction.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// The extension from `value`'s own type to i32: whether it is unsigned, or
/// nothing if the body extends otherwise.
static std::optional<bool> matchExtension(BlockArgument value) {
  if (!value.hasOneUse())
    return std::nullopt;
  Operation *user = *value.user_begin();
  if (!user->getResult(0).getType().isInteger(32))
    return std::nullopt;
  if (isa<arith::ExtUIOp>(user))
    return true;
  if (isa<arith::ExtSIOp>(user))
    return false;
  return std::nullopt;
}

/// The factor of `loop` in `expr`, a sum of loops times constants.
static int64_t factorOf(AffineExpr expr, unsigned loop, unsigned numLoops) {
  MLIRContext *context = expr.getContext();
  SmallVector<AffineExpr> zeros(numLoops, getAffineConstantExpr(0, context));
  SmallVector<AffineExpr> ones = zeros;
  ones[loop] = getAffineConstantExpr(1, context);
  auto at = [&](ArrayRef<AffineExpr> loops) {
    return cast<AffineConstantExpr>(
               simplifyAffineExpr(expr.replaceDims(loops), 0, 0))
        .getValue();
  };
  return at(ones) - at(zeros);
}

/// Whether `loop` moves through neighbouring elements of the last dimension of
/// `map` and through nothing else.
static bool isInnermost(AffineMap map, unsigned loop) {
  for (AffineExpr expr : map.getResults().drop_back())
    if (expr.isFunctionOfDim(loop))
      return false;
  return factorOf(map.getResults().back(), loop, map.getNumDims()) == 1;
}

bool isPartOf(Value value, int64_t dimFromEnd) {
  auto extent = [&](ShapedType type) {
    return type.getRank() <= dimFromEnd
               ? 1
               : type.getDimSize(type.getRank() - 1 - dimFromEnd);
  };
  int64_t own = extent(cast<ShapedType>(value.getType()));
  if (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>())
    if (extent(slice.getSourceType()) != own ||
        isPartOf(slice.getSource(), dimFromEnd))
      return true;
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    auto insert = dyn_cast<tensor::InsertSliceOp>(user);
    return insert && insert.getSource() == value &&
           (extent(insert.getDestType()) != own ||
            isPartOf(insert.getResult(), dimFromEnd));
  });
}

/// The reduction loop over the second to last dimension of `lhs` that, before
/// `channel`, makes one contiguous run: neighbouring columns, all channels.
static std::optional<unsigned> rowLoop(const DotContraction &dot,
                                       unsigned channel,
                                       ArrayRef<unsigned> reductions) {
  AffineMap map = dot.lhsMap;
  unsigned rank = map.getNumResults();
  if (rank < 2)
    return std::nullopt;
  auto shape = cast<RankedTensorType>(dot.lhs.getType()).getShape();
  if (isPartOf(dot.lhs, 0))
    return std::nullopt;
  // The last dimension is the channel alone and is read from end to end.
  if (map.getResult(rank - 1) != getAffineDimExpr(channel, map.getContext()) ||
      shape.back() != dot.extents[channel])
    return std::nullopt;
  for (unsigned loop : reductions) {
    if (loop == channel || !map.getResult(rank - 2).isFunctionOfDim(loop) ||
        factorOf(map.getResult(rank - 2), loop, map.getNumDims()) != 1)
      continue;
    bool elsewhere = false;
    for (unsigned dim = 0; dim + 2 < rank; ++dim)
      elsewhere |= map.getResult(dim).isFunctionOfDim(loop);
    if (!elsewhere)
      return loop;
  }
  return std::nullopt;
}

static bool isLinear(AffineMap map) {
  return llvm::all_of(map.getResults(), [](AffineExpr expr) {
    bool linear = true;
    expr.walk([&](AffineExpr part) {
      linear &= part.getKind() == AffineExprKind::Add ||
                part.getKind() == AffineExprKind::Mul ||
                part.getKind() == AffineExprKind::Constant ||
                part.getKind() == AffineExprKind::DimId;
    });
    return linear;
  });
}

/// Sorts the loops of `dot` into lanes, bytes, segments and batches.
static LogicalResult classifyLoops(DotContraction &dot, AffineMap outMap) {
  SmallVector<unsigned> reductions;
  dot.op.getReductionDims(reductions);
  std::optional<unsigned> out;
  for (AffineExpr expr : outMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (!dot.weightMap.isFunctionOfDim(loop))
      continue;
    bool inLhs = dot.lhsMap.isFunctionOfDim(loop);
    if (inLhs)
      dot.batchLoops.push_back(loop);
    else if (out)
      return failure();
    else
      out = loop;
  }
  if (!out)
    return failure();
  dot.outLoop = *out;

  std::optional<unsigned> channel;
  for (unsigned loop : reductions) {
    if (!dot.weightMap.isFunctionOfDim(loop) ||
        !dot.lhsMap.isFunctionOfDim(loop))
      return failure();
    if (isInnermost(dot.lhsMap, loop))
      channel = loop;
  }
  if (!channel)
    return failure();
  if (std::optional<unsigned> row = rowLoop(dot, *channel, reductions))
    dot.kLoops.push_back(*row);
  dot.kLoops.push_back(*channel);
  for (unsigned loop : reductions)
    if (!llvm::is_contained(dot.kLoops, loop))
      dot.segmentLoops.push_back(loop);
  return success();
}

std::optional<LowBitContraction>
matchLowBitContraction(const Contraction &contraction) {
  LowBitContraction match;
  match.op = contraction.op;
  match.lhs = contraction.lhs;
  match.lhsMap = contraction.lhsMap;
  match.weightMap = contraction.rhsMap;
  Type bits = getElementTypeOrSelf(contraction.rhs.getType());
  if (!getElementTypeOrSelf(match.lhs.getType()).isInteger(8) ||
      !(bits.isInteger(8) || bits.isInteger(4)) ||
      !getElementTypeOrSelf(contraction.init.getType()).isInteger(32) ||
      !matchPattern(contraction.rhs, m_Constant(&match.weights)) ||
      !isLinear(match.lhsMap))
    return std::nullopt;
  Block *body = match.op.getBlock();
  std::optional<bool> lhs = matchExtension(body->getArgument(0));
  std::optional<bool> rhs = matchExtension(body->getArgument(1));
  if (!lhs || !rhs)
    return std::nullopt;
  match.lhsUnsigned = *lhs;
  match.weightsUnsigned = *rhs;
  match.extents = match.op.getStaticLoopRanges();
  return match;
}

std::optional<DotContraction> matchDotContraction(Operation *operation) {
  std::optional<Contraction> contraction = matchContraction(operation);
  std::optional<LowBitContraction> match;
  if (contraction)
    match = matchLowBitContraction(*contraction);
  if (!match)
    return std::nullopt;
  DotContraction dot(std::move(*match));
  if (failed(classifyLoops(dot, contraction->outMap)))
    return std::nullopt;
  // Nibbles are sign-extended when they are unpacked.
  if (dot.isPacked4() && dot.weightsUnsigned)
    return std::nullopt;
  return dot;
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

int64_t DotContraction::depth() const {
  int64_t depth = 1;
  for (unsigned loop : kLoops)
    depth *= extents[loop];
  return depth;
}

int64_t DotContraction::stepOffset(int64_t s) const {
  return std::max<int64_t>(0, std::min(s * stepBytes, depth() - stepBytes));
}

int64_t DotContraction::chunkBytes() const {
  return std::min<int64_t>(64, depth());
}

int64_t DotContraction::chunks() const {
  return llvm::divideCeil(depth(), chunkBytes());
}

int64_t DotContraction::blocks(int64_t channels) const {
  return llvm::divideCeil(extents[outLoop], channels);
}

bool DotContraction::isPacked4() const {
  return weights.getElementType().isInteger(4);
}

namespace {

/// Writes the packed constant in order. A weight's place in the source is a sum
/// of what each loop adds, so that no index is put together for each weight.
class Packer {
public:
  Packer(const DotContraction &dot, int64_t lanes, int64_t chunk)
      : dot(dot), lanes(lanes), stepBytes(dot.stepBytes),
        chunk(chunk ? chunk : stepBytes), loops(dot.extents.size(), 0),
        strides(dot.extents.size(), 0),
        steps(llvm::divideCeil(dot.depth(), this->chunk) *
              (this->chunk / stepBytes)) {
    readWeights();
    rows = llvm::divideCeil(steps, dot.stepsPerRow());
    for (unsigned loop : dot.batchLoops)
      outer.push_back({loop, dot.extents[loop]});
    outer.push_back({dot.outLoop, dot.blocks(lanes)});
    for (unsigned loop : dot.segmentLoops)
      outer.push_back({loop, dot.extents[loop]});
    int64_t inner = dot.extents[dot.kLoops.back()];
    int64_t rowStride = dot.kLoops.size() > 1 ? strides[dot.kLoops.front()] : 0;
    for (int64_t k = 0, depth = dot.depth(); k < depth; ++k)
      kOffsets.push_back(k % inner * strides[dot.kLoops.back()] +
                         k / inner * rowStride);
  }

  DenseElementsAttr run() {
    SmallVector<int64_t> shape;
    for (auto [loop, count] : outer)
      shape.push_back(count);
    shape.append({rows, lanes * stepBytes});
    packed.reserve(ShapedType::getNumElements(shape));
    packOuter(0);
    auto type = RankedTensorType::get(
        shape, IntegerType::get(dot.weights.getContext(), 8));
    return DenseElementsAttr::get(type, ArrayRef<int8_t>(packed));
  }

private:
  void readWeights() {
    // All strides of a splat are 0.
    if (dot.weights.isSplat()) {
      values.push_back(dot.weights.getSplatValue<APInt>().getSExtValue());
      return;
    }
    if (dot.weights.getElementType().isInteger(8)) {
      ArrayRef<char> bytes = dot.weights.getRawData();
      values.assign(bytes.begin(), bytes.end());
    } else {
      for (const APInt &value : dot.weights.getValues<APInt>())
        values.push_back(int8_t(value.getSExtValue()));
    }
    int64_t stride = 1;
    for (auto [expr, size] : llvm::reverse(llvm::zip_equal(
             dot.weightMap.getResults(), dot.weights.getType().getShape()))) {
      strides[cast<AffineDimExpr>(expr).getPosition()] += stride;
      stride *= size;
    }
  }

  void packOuter(size_t level) {
    if (level == outer.size())
      return packRows();
    auto [loop, count] = outer[level];
    for (int64_t i = 0; i < count; ++i) {
      loops[loop] = i;
      packOuter(level + 1);
    }
    loops[loop] = 0;
  }

  void packRows() {
    int64_t channel = loops[dot.outLoop] * lanes;
    int64_t origin = channel * strides[dot.outLoop];
    for (auto [loop, count] : outer)
      if (loop != dot.outLoop)
        origin += loops[loop] * strides[loop];
    int64_t channels = std::min(lanes, dot.extents[dot.outLoop] - channel);
    for (int64_t row = 0; row < rows; ++row) {
      size_t first = packed.size();
      packed.resize(first + stepBytes * lanes);
      MutableArrayRef<int8_t> bytes(&packed[first], stepBytes * lanes);
      if (dot.isPacked4()) {
        packStep(2 * row, origin, channels, bytes, 0xF, 0);
        packStep(2 * row + 1, origin, channels, bytes, 0xF, 4);
      } else {
        packStep(row, origin, channels, bytes, 0xFF, 0);
      }
    }
  }

  /// `stepBytes` weights of each channel; what is beyond the segment, or
  /// counted by an earlier chunk, stays 0.
  void packStep(int64_t step, int64_t origin, int64_t channels,
                MutableArrayRef<int8_t> bytes, uint8_t mask, unsigned shift) {
    if (step >= steps)
      return;
    int64_t channelStride = strides[dot.outLoop], depth = kOffsets.size();
    int64_t first = step * stepBytes / chunk * chunk;
    int64_t moved = std::max<int64_t>(0, std::min(first, depth - chunk));
    for (int64_t byte = 0; byte < stepBytes; ++byte) {
      int64_t k = moved + step * stepBytes - first + byte;
      if (k >= depth || k < first)
        continue;
      const int8_t *source = &values[origin + kOffsets[k]];
      for (int64_t lane = 0; lane < channels; ++lane)
        bytes[stepBytes * lane + byte] |= (source[lane * channelStride] & mask)
                                          << shift;
    }
  }

  const DotContraction &dot;
  int64_t lanes, stepBytes, chunk;
  SmallVector<int64_t> loops;
  /// Of the weights in memory, by loop.
  SmallVector<int64_t> strides;
  int64_t steps, rows;
  SmallVector<std::pair<unsigned, int64_t>> outer;
  std::vector<int8_t> values;
  std::vector<int64_t> kOffsets;
  std::vector<int8_t> packed;
};

} // namespace

DenseElementsAttr packWeights(const DotContraction &dot, int64_t channels,
                              int64_t chunk) {
  return Packer(dot, channels, chunk).run();
}

static int nibble(char byte, unsigned shift) {
  return (((byte >> shift) & 0xF) ^ 8) - 8;
}

int64_t byteBound(DenseElementsAttr packed, const DotContraction &dot) {
  int bound = 0;
  auto include = [&](int weight) { bound = std::max(bound, std::abs(weight)); };
  for (char byte : packed.getRawData()) {
    if (dot.isPacked4()) {
      include(nibble(byte, 0));
      include(nibble(byte, 4));
    } else {
      include(dot.weightsUnsigned ? int(uint8_t(byte)) : int(int8_t(byte)));
    }
  }
  return bound;
}

int64_t pairBound(DenseElementsAttr packed, const DotContraction &dot) {
  ArrayRef<char> bytes = packed.getRawData();
  auto sum = [](int first, int second) {
    return std::max(std::max(first, 0) + std::max(second, 0),
                    -(std::min(first, 0) + std::min(second, 0)));
  };
  int bound = 0;
  // The data of a splat is one byte.
  for (size_t i = 0; i < bytes.size(); i += 2) {
    char first = bytes[i], second = bytes.size() == 1 ? first : bytes[i + 1];
    if (dot.isPacked4())
      for (unsigned shift : {0u, 4u})
        bound =
            std::max(bound, sum(nibble(first, shift), nibble(second, shift)));
    else if (dot.weightsUnsigned)
      bound = std::max(bound, int(uint8_t(first)) + int(uint8_t(second)));
    else
      bound = std::max(bound, sum(int8_t(first), int8_t(second)));
  }
  return bound;
}

} // namespace qopt
