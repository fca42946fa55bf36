//===- TileDotSchedule.cpp - Tiles of contractions on AMX -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measured on Emerald Rapids: a product of tiles takes 16 cycles whatever is in
// it. A load of a tile from the first-level cache takes 8, and 16 where its
// rows cross cache lines, beside the products. What counts is therefore how
// full the tiles are, and that what comes from further away is shared by
// several products (`TileGroup` has the other side of that). And the unit that
// multiplies falls asleep some 700 cycles after its last product; the next one
// waits 1000 cycles for it. So little is computed at a time that what follows
// is shorter.
//
//===----------------------------------------------------------------------===//

#include "TileDotSchedule.h"
#include "TensorAccess.h"
#include "qopt/Target/DotForm.h"

using namespace mlir;

namespace qopt {

/// Whether the dimension of the root chooses the weights: the rows of a tile
/// share theirs, so that it holds one group.
static bool selectsWeights(const PlacedDot &placed, int64_t dim) {
  return llvm::any_of(placed.dot.batchLoops, [&](unsigned loop) {
    return placed.loops.getResult(loop).isFunctionOfDim(unsigned(dim));
  });
}

namespace {

/// What `qopt.tile_dot` costs for one contraction.
class DotCosts {
public:
  DotCosts(const PlacedDot &placed, ArrayRef<int64_t> rowDims);

  /// The rows of a tile of as many positions along each of the dimensions.
  std::optional<TileRows> rows(ArrayRef<int64_t> extents) const;
  /// Vector instructions for one tile of a result with as many `positions`. Two
  /// run in a cycle; sums go through memory.
  double tile(const TileRows &rows, int64_t blocks, double positions) const {
    constexpr double kStore = 32, kStart = 40;
    double products = double(rows.windows.size()) * blocks;
    return products * (chunks * product(rows, blocks, positions) + kStore) +
           kStart;
  }

  /// What comes before all tiles: the bytes of weights that have four bits.
  double widening = 0;

private:
  double product(const TileRows &rows, int64_t blocks, double positions) const;

  int64_t rank;
  /// How far the next position along each row dimension is, in the view.
  SmallVector<SmallVector<int64_t>, 2> steps;
  /// Tiles along the depth, and the bytes that they hold of a channel.
  int64_t chunks, weightBytes;
  /// Bytes of activations that one more position adds.
  int64_t positionBytes;
};

class TileDotChooser {
public:
  TileDotChooser(ArrayRef<PlacedDot> placed, ArrayRef<int64_t> shape,
                 int64_t lane, ArrayRef<int64_t> outerDims)
      : shape(shape), lane(lane) {
    for (int64_t dim : outerDims)
      if (llvm::none_of(placed, [&](const PlacedDot &dot) {
            return selectsWeights(dot, dim);
          }))
        rowDims.push_back(dim);
    for (const PlacedDot &dot : placed)
      dots.emplace_back(dot, rowDims);
  }

  std::optional<TileDotSchedule> run();
  std::optional<double> cost(ArrayRef<int64_t> tile) const;

private:
  /// Whether such a tile has few enough sums.
  bool consider(ArrayRef<int64_t> tile);
  void considerRows(SmallVector<int64_t> tile, size_t index);

  ArrayRef<int64_t> shape;
  int64_t lane;
  SmallVector<int64_t, 2> rowDims;
  std::vector<DotCosts> dots;
  std::optional<TileDotSchedule> best;
};

/// As many pieces of `extent` as `count`.
struct Piece {
  int64_t extent = 1, count = 1;
};

} // namespace

DotCosts::DotCosts(const PlacedDot &placed, ArrayRef<int64_t> rowDims) {
  const DotContraction &dot = placed.dot;
  ActivationView view = ActivationView::of(dot);
  rank = view.groups.size();
  MLIRContext *context = placed.loops.getContext();
  SmallVector<AffineExpr> dims(placed.loops.getNumDims(),
                               getAffineConstantExpr(0, context));
  auto at = [&](ArrayRef<AffineExpr> dims) {
    Position position{SmallVector<AffineExpr>(dims)};
    auto index = position.apply(placed.loops).apply(dot.lhsMap).index;
    return llvm::map_to_vector(view.indexOf(index), [](AffineExpr expr) {
      return cast<AffineConstantExpr>(simplified(expr)).getValue();
    });
  };
  SmallVector<int64_t> origin = at(dims);
  for (int64_t dim : rowDims) {
    SmallVector<AffineExpr> next = dims;
    next[dim] = getAffineConstantExpr(1, context);
    steps.push_back(at(next));
    for (auto [step, first] : llvm::zip_equal(steps.back(), origin))
      step -= first;
  }
  chunks = dot.chunks();
  for (unsigned loop : dot.segmentLoops)
    chunks *= dot.extents[loop];
  weightBytes = chunks * dot.chunkBytes();
  // A read, seven operations and two writes for two rows of 64 bytes.
  constexpr double kWiden = 12.0 / 128;
  if (dot.isPacked4()) {
    widening = kWiden * weightBytes * kTileLanes * dot.blocks(kTileLanes);
    for (unsigned loop : dot.batchLoops)
      widening *= dot.extents[loop];
  }
  // The next column of an image shares most of its window.
  positionBytes = dot.depth();
  if (!steps.empty() && steps.front().back() > 0)
    positionBytes = std::min(positionBytes, steps.front().back());
}

/// One product of tiles, with its share of the loads of its group. Channels are
/// the outermost loop: weights are read again for the next rows, the
/// activations of all `positions` for the next channels.
double DotCosts::product(const TileRows &rows, int64_t blocks,
                         double positions) const {
  // Rows of activations cross cache lines, those of weights do not.
  constexpr double kProduct = 32, kNearRows = 32, kNearWeights = 16;
  // Weights lie in the order of reading, which the prefetcher follows.
  constexpr double kFarWeights = 40, kFarRows = 64;
  int64_t blockBytes = kTileLanes * weightBytes;
  TileGroup group = TileGroup::of(rows.windows.size(), blocks, blockBytes);
  // Windows overlap, and the second pair of blocks finds the rows of the first.
  double passes = double(llvm::divideCeil(blocks, group.blocks));
  double firstReads = double(positionBytes) / double(weightBytes) / passes;
  bool farRows = positions * double(positionBytes) > kTileNearBytes,
       farWeights = blocks * blockBytes > kTileNearBytes;
  double rowLoad =
      kNearRows + (farRows ? firstReads * (kFarRows - kNearRows) : 0);
  double weightLoad = farWeights ? kFarWeights : kNearWeights;
  double products = double(group.rows * group.blocks);
  double loads =
      double(group.rows) * rowLoad + double(group.blocks) * weightLoad;
  return std::max(kProduct, loads / products);
}

std::optional<TileRows> DotCosts::rows(ArrayRef<int64_t> extents) const {
  SmallVector<SmallVector<int64_t>> offsets{SmallVector<int64_t>(rank, 0)};
  for (auto [extent, step] : llvm::zip_equal(extents, steps))
    for (size_t i = 0, n = offsets.size() * (extent - 1); i < n; ++i) {
      SmallVector<int64_t> next = offsets[i];
      for (auto [sum, distance] : llvm::zip_equal(next, step))
        sum += distance;
      offsets.push_back(next);
    }
  return TileRows::cover(offsets);
}

static SmallVector<Piece, 2> piecesOf(int64_t extent, int64_t tile) {
  SmallVector<Piece, 2> pieces{{tile, extent / tile}};
  if (extent % tile)
    pieces.push_back({extent % tile, 1});
  return pieces;
}

std::optional<double> TileDotChooser::cost(ArrayRef<int64_t> tile) const {
  constexpr int64_t kMostSums = 144;
  constexpr double kEpilogue = 13, kConfigure = 400;
  int64_t vectors = llvm::divideCeil(shape[lane], kTileLanes);
  int64_t blocks = llvm::divideCeil(tile[lane], kTileLanes);
  double positions = 1, cost = 0;
  for (auto [dim, extent] : llvm::enumerate(shape))
    if (int64_t(dim) != lane)
      positions *= extent;
  double others = positions;
  SmallVector<SmallVector<Piece, 2>, 2> pieces;
  for (int64_t dim : rowDims) {
    others /= shape[dim];
    pieces.push_back(piecesOf(shape[dim], tile[dim]));
  }
  pieces.resize(2, {Piece()});
  for (const Piece &columns : pieces[0])
    for (const Piece &lines : pieces[1]) {
      int64_t extents[] = {columns.extent, lines.extent};
      double times = others * columns.count * lines.count;
      int64_t least = kTileRows, most = 0;
      for (const DotCosts &dot : dots) {
        auto rows = dot.rows(ArrayRef(extents).take_front(rowDims.size()));
        if (!rows || rows->count * blocks > kMostSums)
          return std::nullopt;
        least = std::min(least, rows->windowRows());
        most = std::max(most, rows->windowRows());
        for (const Piece &width : piecesOf(vectors, blocks))
          cost +=
              times * width.count * dot.tile(*rows, width.extent, positions);
      }
      // Tiles of another height, at the border or of another contraction, are
      // configured each time.
      bool isBorder = pieces[0].size() * pieces[1].size() > 1;
      if (least < most)
        cost += kConfigure * double(dots.size()) * times;
      else if (least < kTileRows && isBorder)
        cost += kConfigure * times;
    }
  return cost + kEpilogue * vectors * positions;
}

bool TileDotChooser::consider(ArrayRef<int64_t> tile) {
  std::optional<double> now = cost(tile);
  if (now && (!best || *now < best->cost))
    best = TileDotSchedule{SmallVector<int64_t>(tile), *now};
  return now.has_value();
}

/// All extents of `tile` along the row dimension `index`, then, with whole
/// lines, along the next one.
void TileDotChooser::considerRows(SmallVector<int64_t> tile, size_t index) {
  if (index == rowDims.size())
    return;
  int64_t dim = rowDims[index];
  while (tile[dim] < shape[dim]) {
    ++tile[dim];
    if (!consider(tile))
      return;
  }
  considerRows(tile, index + 1);
}

std::optional<TileDotSchedule> TileDotChooser::run() {
  // More blocks than there are registers for their sums would share nothing.
  for (int64_t blocks = 1; blocks <= 4; ++blocks) {
    SmallVector<int64_t> tile(shape.size(), 1);
    tile[lane] = std::min(shape[lane], blocks * kTileLanes);
    consider(tile);
    considerRows(tile, 0);
    if (tile[lane] == shape[lane])
      break;
  }
  if (best)
    for (const DotCosts &dot : dots)
      best->cost += dot.widening;
  return best;
}

std::optional<double> tileDotCost(ArrayRef<PlacedDot> dots,
                                  ArrayRef<int64_t> shape, int64_t lane,
                                  ArrayRef<int64_t> rowDims,
                                  ArrayRef<int64_t> tile) {
  return TileDotChooser(dots, shape, lane, rowDims).cost(tile);
}

std::optional<TileDotSchedule>
chooseTileDotSchedule(ArrayRef<PlacedDot> dots, ArrayRef<int64_t> shape,
                      int64_t lane, ArrayRef<int64_t> rowDims) {
  return TileDotChooser(dots, shape, lane, rowDims).run();
}

} // namespace qopt
