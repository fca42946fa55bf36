//===- MmaContraction.cpp - Contractions for tensor cores -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Schedule/MmaContraction.h"
#include "qopt/Target/MmaLayout.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Recognition
//===----------------------------------------------------------------------===//

/// The positions in `dot.lhs` at `loops`; its last two dimensions are one
/// where the bytes run through both.
static AffineMap lhsMapAt(const DotContraction &dot,
                          ArrayRef<AffineExpr> loops) {
  MLIRContext *context = dot.lhs.getContext();
  SmallVector<AffineExpr> index;
  for (AffineExpr expr : dot.lhsMap.getResults())
    index.push_back(expr.replaceDims(loops));
  if (dot.kLoops.size() == 2) {
    int64_t channels = cast<ShapedType>(dot.lhs.getType()).getShape().back();
    AffineExpr last = index.pop_back_val();
    index.back() = index.back() * channels + last;
  }
  return simplifyAffineMap(AffineMap::get(1, 0, index, context));
}

/// Sets the loops `chosen`, outermost first, to the digits of dimension 0.
static void setDigits(MutableArrayRef<AffineExpr> loops,
                      ArrayRef<unsigned> chosen, ArrayRef<int64_t> extents) {
  if (chosen.empty())
    return;
  AffineExpr number = getAffineDimExpr(0, loops.front().getContext());
  int64_t inner = 1;
  for (unsigned loop : llvm::reverse(chosen)) {
    AffineExpr digit = number.floorDiv(inner);
    inner *= extents[loop];
    loops[loop] = loop == chosen.front() ? digit : digit % extents[loop];
  }
}

/// offsets = lhsMap(segments) - lhsMap(0): constants count once, in the rows.
static AffineMap differenceOf(AffineMap map, AffineMap zero) {
  SmallVector<AffineExpr> results;
  for (auto [expr, start] :
       llvm::zip_equal(map.getResults(), zero.getResults()))
    results.push_back(expr - start);
  return simplifyAffineMap(AffineMap::get(1, 0, results, map.getContext()));
}

std::optional<MmaContraction> matchMmaContraction(Operation *op) {
  // Fewer rows would leave most of a tile empty; what is not a multiple of
  // four bytes apart cannot be copied asynchronously.
  constexpr int64_t kLeastRows = 16, kCopyBytes = 4;
  std::optional<DotContraction> dot = matchDotContraction(op);
  if (!dot || !dot->batchLoops.empty())
    return std::nullopt;
  AffineMap out = dot->op.getIndexingMapMatchingResult(dot->op->getResult(0));
  MmaContraction mma{*dot, 1, dot->extents[dot->outLoop], 1, {}, {}};
  SmallVector<unsigned> rowLoops;
  for (AffineExpr expr : out.getResults().drop_back()) {
    rowLoops.push_back(cast<AffineDimExpr>(expr).getPosition());
    mma.rows *= dot->extents[rowLoops.back()];
  }
  for (unsigned loop : dot->segmentLoops)
    mma.segments *= dot->extents[loop];
  int64_t bytes = cast<ShapedType>(dot->lhs.getType()).getShape().back();
  if (out.getResults().back() !=
          getAffineDimExpr(dot->outLoop, op->getContext()) ||
      mma.rows < kLeastRows || mma.channels % 2 != 0 ||
      bytes % kCopyBytes != 0 ||
      (dot->isPacked4() && mma.segments * dot->depth() > kMmaMostNibbles))
    return std::nullopt;
  SmallVector<AffineExpr> zeros(dot->extents.size(),
                                getAffineConstantExpr(0, op->getContext()));
  SmallVector<AffineExpr> loops = zeros;
  setDigits(loops, rowLoops, dot->extents);
  mma.rowMap = lhsMapAt(*dot, loops);
  loops = zeros;
  setDigits(loops, dot->segmentLoops, dot->extents);
  mma.segmentMap = differenceOf(lhsMapAt(*dot, loops), lhsMapAt(*dot, zeros));
  return mma;
}

SmallVector<int64_t> chooseMmaTile(const MmaContraction &mma) {
  // Widest first; the larger of equal width only where its blocks fill a GPU,
  // which has some hundred multiprocessors.
  static constexpr int64_t kTiles[][4] = {{128, 128, 64, 64},
                                          {128, 64, 32, 32},
                                          {64, 64, 32, 32},
                                          {64, 32, 32, 16},
                                          {64, 16, 16, 16}};
  constexpr int64_t kFewBlocks = 96, kStages = 3;
  for (const auto &tile : kTiles) {
    int64_t blocks = llvm::divideCeil(mma.rows, tile[0]) *
                     llvm::divideCeil(mma.channels, tile[1]);
    bool isNarrow = mma.channels > tile[1] / 2 || tile[1] == 16;
    if (isNarrow && (tile[0] == 64 || blocks >= kFewBlocks))
      return {tile[0], tile[1], tile[2], tile[3], kStages};
  }
  return {64, 64, 32, 32, kStages};
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

namespace {
/// Looks up weights by channel, segment and byte of the segment.
class WeightReader {
public:
  explicit WeightReader(const MmaContraction &mma)
      : mma(mma), loops(mma.dot.extents.size(), 0) {
    for (APInt value : mma.dot.weights.getValues<APInt>())
      values.push_back(int8_t(value.getSExtValue()));
    auto shape = mma.dot.weights.getType().getShape();
    strides.assign(shape.size(), 1);
    for (int64_t dim = int64_t(shape.size()) - 2; dim >= 0; --dim)
      strides[dim] = strides[dim + 1] * shape[dim + 1];
  }

  int8_t get(int64_t channel, int64_t segment, int64_t k) {
    const DotContraction &dot = mma.dot;
    if (channel >= mma.channels || k >= dot.depth())
      return 0;
    loops[dot.outLoop] = channel;
    setDigits(dot.segmentLoops, segment);
    setDigits(dot.kLoops, k);
    int64_t index = 0;
    for (auto [dim, expr] : llvm::enumerate(dot.weightMap.getResults()))
      index += strides[dim] * loops[cast<AffineDimExpr>(expr).getPosition()];
    return values[index];
  }

private:
  void setDigits(ArrayRef<unsigned> chosen, int64_t number) {
    for (unsigned loop : llvm::reverse(chosen)) {
      loops[loop] = number % mma.dot.extents[loop];
      number /= mma.dot.extents[loop];
    }
  }

  const MmaContraction &mma;
  SmallVector<int64_t> loops, strides;
  std::vector<int8_t> values;
};
} // namespace

/// Where byte `k` of a channel's row lies in it: piece and place in the piece.
/// Two weights of four bits share a byte: those that one thread needs for one
/// mma.sync, 16 apart.
static int64_t placeInRow(int64_t k, bool isPacked4) {
  if (!isPacked4)
    return k;
  return k / kMmaDepth * kMmaPiece + k % kMmaPiece;
}

DenseElementsAttr packMmaWeights(const MmaContraction &mma,
                                 int64_t blockChannels) {
  bool isPacked4 = mma.dot.isPacked4();
  int64_t chunk = mmaChunk(mma.dot.depth());
  int64_t rowBytes = isPacked4 ? chunk / 2 : chunk;
  int64_t blocks = llvm::divideCeil(mma.channels, blockChannels);
  int64_t chunks = llvm::divideCeil(mma.dot.depth(), chunk);
  WeightReader weights(mma);
  int64_t image = blockChannels * rowBytes;
  std::vector<int8_t> bytes(blocks * mma.segments * chunks * image, 0);
  for (int64_t step = 0; step < blocks * mma.segments * chunks; ++step)
    for (int64_t row = 0; row < blockChannels; ++row)
      for (int64_t k = 0; k < chunk; ++k) {
        int64_t channel = step / (mma.segments * chunks) * blockChannels + row;
        int8_t value = weights.get(channel, step / chunks % mma.segments,
                                   step % chunks * chunk + k);
        int64_t place = placeInRow(k, isPacked4);
        int64_t piece = swizzledPiece(row, place / kMmaPiece, rowBytes);
        int8_t &byte = bytes[step * image + row * rowBytes + piece * kMmaPiece +
                             place % kMmaPiece];
        if (!isPacked4)
          byte = value;
        else
          byte |= int8_t((value & 0xF) << (k % kMmaDepth < kMmaPiece ? 0 : 4));
      }
  auto type =
      RankedTensorType::get({int64_t(bytes.size())},
                            IntegerType::get(mma.dot.weights.getContext(), 8));
  return DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes));
}

} // namespace qopt
