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

/// Whether `value` lives among other channels, in a larger buffer that it is
/// taken from or computed into: there are gaps between its columns.
static bool isPartOfChannels(Value value) {
  auto channels = [](Type type) {
    return cast<RankedTensorType>(type).getShape().back();
  };
  int64_t own = channels(value.getType());
  if (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>())
    if (channels(slice.getSourceType()) != own)
      return true;
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    auto insert = dyn_cast<tensor::InsertSliceOp>(user);
    return insert && insert.getSource() == value &&
           channels(insert.getDestType()) != own;
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
  if (isPartOfChannels(dot.lhs))
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

std::optional<LowBitOperands>
matchLowBitOperands(const Contraction &contraction) {
  linalg::LinalgOp op = contraction.op;
  LowBitOperands operands;
  Type bits = getElementTypeOrSelf(contraction.rhs.getType());
  if (!getElementTypeOrSelf(contraction.lhs.getType()).isInteger(8) ||
      !(bits.isInteger(8) || bits.isInteger(4)) ||
      !getElementTypeOrSelf(contraction.init.getType()).isInteger(32) ||
      !matchPattern(contraction.rhs, m_Constant(&operands.weights)) ||
      !isLinear(contraction.lhsMap))
    return std::nullopt;
  std::optional<bool> lhs = matchExtension(op.getBlock()->getArgument(0));
  std::optional<bool> rhs = matchExtension(op.getBlock()->getArgument(1));
  if (!lhs || !rhs)
    return std::nullopt;
  operands.lhsUnsigned = *lhs;
  operands.weightsUnsigned = *rhs;
  return operands;
}

std::optional<DotContraction> matchDotContraction(Operation *operation) {
  std::optional<Contraction> contraction = matchContraction(operation);
  std::optional<LowBitOperands> operands;
  if (contraction)
    operands = matchLowBitOperands(*contraction);
  if (!operands)
    return std::nullopt;
  DotContraction dot;
  dot.op = contraction->op;
  dot.lhs = contraction->lhs;
  dot.lhsMap = contraction->lhsMap;
  dot.weightMap = contraction->rhsMap;
  dot.weights = operands->weights;
  dot.lhsUnsigned = operands->lhsUnsigned;
  dot.weightsUnsigned = operands->weightsUnsigned;
  dot.extents = dot.op.getStaticLoopRanges();
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

int64_t DotContraction::blocks(int64_t channels) const {
  return llvm::divideCeil(extents[outLoop], channels);
}

bool DotContraction::isPacked4() const {
  return weights.getElementType().isInteger(4);
}

namespace {

/// Walks the packed constant in order and looks up the weight of each byte.
class Packer {
public:
  Packer(const DotContraction &dot, int64_t lanes)
      : dot(dot), lanes(lanes), loops(dot.extents.size(), 0) {
    for (APInt value : dot.weights.getValues<APInt>())
      values.push_back(int8_t(value.getSExtValue()));
    auto shape = dot.weights.getType().getShape();
    strides.assign(shape.size(), 1);
    for (int64_t dim = int64_t(shape.size()) - 2; dim >= 0; --dim)
      strides[dim] = strides[dim + 1] * shape[dim + 1];
    rows = llvm::divideCeil(dot.steps(), dot.stepsPerRow());
    for (unsigned loop : dot.batchLoops)
      outer.push_back({loop, dot.extents[loop]});
    outer.push_back({dot.outLoop, dot.blocks(lanes)});
    for (unsigned loop : dot.segmentLoops)
      outer.push_back({loop, dot.extents[loop]});
  }

  DenseElementsAttr run() {
    packOuter(0);
    SmallVector<int64_t> shape;
    for (auto [loop, count] : outer)
      shape.push_back(count);
    shape.append({rows, lanes * dot.stepBytes});
    auto type = RankedTensorType::get(
        shape, IntegerType::get(dot.weights.getContext(), 8));
    return DenseElementsAttr::get(type, ArrayRef<int8_t>(packed));
  }

private:
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
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t lane = 0; lane < lanes; ++lane)
        for (int64_t byte = 0; byte < dot.stepBytes; ++byte)
          packed.push_back(rowByte(row, lane, byte));
  }

  int8_t rowByte(int64_t row, int64_t lane, int64_t byte) {
    if (!dot.isPacked4())
      return weight(row, lane, byte);
    uint8_t low = weight(2 * row, lane, byte) & 0xF;
    uint8_t high = weight(2 * row + 1, lane, byte) & 0xF;
    return int8_t(low | (high << 4));
  }

  int8_t weight(int64_t step, int64_t lane, int64_t byte) {
    int64_t k = dot.stepOffset(step) + byte;
    // Beyond the segment, or counted by an earlier step.
    if (step >= dot.steps() || k >= dot.depth() || k < step * dot.stepBytes)
      return 0;
    int64_t channel = loops[dot.outLoop] * lanes + lane;
    if (channel >= dot.extents[dot.outLoop])
      return 0;
    int64_t index = 0;
    for (auto [dim, expr] : llvm::enumerate(dot.weightMap.getResults())) {
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      index += strides[dim] * position(loop, channel, k);
    }
    return dot.weights.isSplat() ? values[0] : values[index];
  }

  int64_t position(unsigned loop, int64_t channel, int64_t k) const {
    if (loop == dot.outLoop)
      return channel;
    int64_t inner = dot.extents[dot.kLoops.back()];
    if (loop == dot.kLoops.back())
      return k % inner;
    return loop == dot.kLoops.front() ? k / inner : loops[loop];
  }

  const DotContraction &dot;
  int64_t lanes;
  int64_t rows;
  SmallVector<int64_t> loops;
  SmallVector<std::pair<unsigned, int64_t>> outer;
  std::vector<int8_t> values;
  SmallVector<int64_t> strides;
  std::vector<int8_t> packed;
};

} // namespace

DenseElementsAttr packWeights(const DotContraction &dot, int64_t channels) {
  return Packer(dot, channels).run();
}

DenseElementsAttr flipCorrections(DenseElementsAttr packed,
                                  const DotContraction &dot) {
  ArrayRef<int64_t> shape = packed.getType().getShape();
  size_t outer = dot.batchLoops.size() + 1;
  int64_t channels = shape.back() / dot.stepBytes;
  SmallVector<int64_t> kept(shape.take_front(outer));
  kept.back() *= channels;
  auto type =
      RankedTensorType::get(kept, IntegerType::get(packed.getContext(), 32));
  std::vector<int32_t> sums(type.getNumElements());
  int64_t perBlock = channels == 0 ? 1
                                   : packed.getNumElements() /
                                         (type.getNumElements() / channels);
  auto nibble = [](int8_t byte, unsigned shift) {
    return (((byte >> shift) & 0xF) ^ 8) - 8;
  };
  for (auto [i, byte] : llvm::enumerate(packed.getValues<int8_t>())) {
    int64_t channel = int64_t(i) % shape.back() / dot.stepBytes;
    int weight = byte;
    if (dot.isPacked4())
      weight = nibble(byte, 0) + nibble(byte, 4);
    int32_t &sum = sums[int64_t(i) / perBlock * channels + channel];
    sum = int32_t(uint32_t(sum) + 128u * uint32_t(weight));
  }
  return DenseElementsAttr::get(type, ArrayRef<int32_t>(sums));
}

int64_t pairBound(DenseElementsAttr packed, const DotContraction &dot) {
  ArrayRef<char> bytes = packed.getRawData();
  auto sum = [](int first, int second) {
    return std::max(std::max(first, 0) + std::max(second, 0),
                    -(std::min(first, 0) + std::min(second, 0)));
  };
  auto nibble = [](char byte, unsigned shift) {
    return (((byte >> shift) & 0xF) ^ 8) - 8;
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
