//===- NestEmitter.cpp - One generator of loop nests ----------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops over tiles of the root's result; inside, values are computed on demand:
// whoever needs a producer's elements asks for them by position, and gets
// vectors. A position is affine in the loops' counters and in the lane, so that
// whether a read is contiguous, uniform, or a gather is read off the position.
//
//===----------------------------------------------------------------------===//

#include "MmaEmitter.h"
#include "NestEmitterImpl.h"
#include "Padding.h"

#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Loops over tiles
//===----------------------------------------------------------------------===//

Value NestEmitter::destination() {
  OpOperand *init = root.getDpsInitOperand(0);
  if (!region.producerOf(init->get()) || root.getNumReductionLoops() == 0)
    return init->get();
  // The root accumulates onto a fused init, which is never stored.
  auto type = cast<RankedTensorType>(init->get().getType());
  Operation *def = init->get().getDefiningOp();
  Value onto = cast<linalg::LinalgOp>(def).getDpsInits()[0];
  if (onto.getType() == type && !region.producerOf(onto))
    return onto;
  return tensor::EmptyOp::create(b, loc, type.getShape(),
                                 type.getElementType());
}

FailureOr<Value> NestEmitter::run() {
  b.setInsertionPoint(region.root);
  for (Operation *op : region.ops)
    if (std::optional<DotContraction> dot = matchDotContraction(op);
        schedule.usesDots() && dot && !region.producerOf(dot->lhs)) {
      dot->stepBytes = schedule.stepBytes();
      dots.insert({op, *dot});
    } else if (std::optional<DepthwiseDot> taps = matchDepthwiseDot(op);
               schedule.kernel == Schedule::Kernel::DepthwiseDot && taps &&
               !region.producerOf(taps->lhs))
      depthwiseDots.insert({op, *taps});
  auto type = cast<RankedTensorType>(region.root->getResult(0).getType());
  interleavesPlanes = schedule.laneDim >= 0 &&
                      schedule.laneDim == type.getRank() - 2 &&
                      type.getShape().back() <= 4 &&
                      schedule.tile.back() == type.getShape().back();
  if (root.getNumReductionLoops() == 0 && schedule.lanes > 1 &&
      schedule.kernel != Schedule::Kernel::Mma &&
      (interleavesPlanes || schedule.laneDim == type.getRank() - 1))
    matchRounded();
  access.hasWholeRows = !isPartOf(region.root->getResult(0), 0) &&
                        !isPartOf(root.getDpsInits()[0], 0);
  SmallVector<AffineExpr> base(type.getRank(), b.getAffineConstantExpr(0));
  SmallVector<int64_t> count(type.getShape());
  Value result =
      schedule.kernel == Schedule::Kernel::Mma ? emitMma(destination())
      : schedule.threads > 0 ? emitThreads(destination(), base, count)
                             : emitParts(destination());
  depthwise.finish();
  if (failed)
    return failure();
  return result;
}

/// The root's own rounding, or that of the bytes that it looks up: a table
/// serves four packed vectors at once, too.
void NestEmitter::matchRounded() {
  roundedOp = root;
  if (std::optional<ByteLookup> lookup = matchByteLookup(root))
    if (linalg::LinalgOp producer = region.producerOf(lookup->codes);
        producer && producer.getNumReductionLoops() == 0) {
      roundedOp = producer;
      table = lookup->table;
    }
  rounded = matchRoundedBytes(*roundedOp.getBlock());
  roundedFitsI32 = rounded && fitsI32(region, roundedOp, rounded->real);
}

/// A nest for each part.
Value NestEmitter::emitParts(Value dest) {
  for (const Part &part : splitAtPadding(region, schedule)) {
    SmallVector<AffineExpr> base;
    for (int64_t first : part.first)
      base.push_back(b.getAffineConstantExpr(first));
    unroll = part.unroll;
    dest = emitTasks(dest, base, part.count);
  }
  return dest;
}

/// Tiles of the result are disjoint, or agree, so that their order does not
/// matter. Tasks share out runs of elements along one dimension:
///   for i: the nest of elements [i * step, (i + 1) * step) along task_dim
/// and what is left follows.
Value NestEmitter::emitTasks(Value dest, SmallVector<AffineExpr> base,
                             SmallVector<int64_t> count) {
  int64_t dim = schedule.taskDim, step = schedule.taskStep;
  if (schedule.tasks == 1)
    return emitTiles(0, dest, base, count);
  int64_t whole = count[dim] / step;
  if (whole < 2) {
    root->emitOpError("expects no padding to read around where there are "
                      "tasks, whose runs of ")
        << step << " are too long for a part of " << count[dim];
    failed = true;
    return dest;
  }
  int64_t rest = count[dim] % step;
  AffineExpr first = base[dim];
  SmallVector<Value> carried{dest};
  access.emitLoop(whole, carried, [&](AffineExpr i, SmallVector<Value> &inner) {
    base[dim] = first + i * step;
    count[dim] = step;
    inner[0] = emitTiles(0, inner[0], base, count);
  });
  carried[0].getDefiningOp()->setAttr(QoptDialect::kTasksAttrName,
                                      b.getI64IntegerAttr(schedule.tasks));
  if (rest == 0)
    return carried[0];
  base[dim] = first + whole * step;
  count[dim] = rest;
  return emitTiles(0, carried[0], base, count);
}

/// One loop over all tiles, whose counter is the number of a thread:
///   for t in [0, tiles): tile (t / inner tiles % tiles along d) for each d.
Value NestEmitter::emitThreads(Value dest, SmallVector<AffineExpr> base,
                               SmallVector<int64_t> count) {
  int64_t tiles = 1;
  for (auto [extent, tile] : llvm::zip_equal(count, schedule.tile))
    tiles *= extent / tile;
  SmallVector<Value> carried{dest};
  scf::ForOp loop = access.emitFor(
      tiles, carried, [&](AffineExpr t, SmallVector<Value> &inner) {
        int64_t outer = tiles;
        for (auto [d, extent] : llvm::enumerate(count)) {
          int64_t along = extent / schedule.tile[d];
          AffineExpr at = t % outer;
          outer /= along;
          base[d] = simplified(at.floorDiv(outer) * schedule.tile[d]);
          if (along == 1)
            base[d] = b.getAffineConstantExpr(0);
        }
        inner[0] = emitTile(inner[0], base, schedule.tile);
      });
  loop->setAttr(QoptDialect::kThreadsAttrName,
                b.getI64IntegerAttr(schedule.threads));
  return carried[0];
}

Value NestEmitter::emitTiles(size_t depth, Value dest,
                             SmallVector<AffineExpr> base,
                             SmallVector<int64_t> count) {
  if (depth == schedule.order.size())
    return emitTile(dest, base, count);
  int64_t dim = schedule.order[depth];
  if (depth + 1 == schedule.order.size())
    return emitInnermost(depth, dest, base, count);
  int64_t extent = count[dim], tile = schedule.tile[dim];
  int64_t whole = extent / tile, rest = extent % tile;
  SmallVector<Value> carried{dest};
  auto emitOne = [&](AffineExpr i, int64_t size, Value dest) {
    llvm::SaveAndRestore<Turn> inner(turn, turnOf(depth, count, i, turn));
    SmallVector<AffineExpr> start = base;
    SmallVector<int64_t> part = count;
    start[dim] = base[dim] + i * tile;
    part[dim] = size;
    return emitTiles(depth + 1, dest, start, part);
  };
  access.emitLoop(whole, carried, [&](AffineExpr i, SmallVector<Value> &inner) {
    inner[0] = emitOne(i, tile, inner[0]);
  });
  if (rest)
    carried[0] = emitOne(b.getAffineConstantExpr(whole), rest, carried[0]);
  return carried[0];
}

/// The turn of tile number `i` along the loop at `depth`, which covers `count`
/// elements with all loops inside it.
Turn NestEmitter::turnOf(size_t depth, ArrayRef<int64_t> count, AffineExpr i,
                         const Turn &outer) const {
  auto tilesAlong = [&](int64_t dim) {
    return int64_t(llvm::divideCeil(count[dim], schedule.tile[dim]));
  };
  int64_t dim = schedule.order[depth], lane = schedule.laneDim;
  bool isRest = i == b.getAffineConstantExpr(count[dim] / schedule.tile[dim]);
  if (!schedule.prefetch || (dim == lane ? isRest : outer.count == 0))
    return {};
  if (dim != lane)
    return {outer.count, simplified(outer.number * tilesAlong(dim) + i)};
  int64_t tiles = 1;
  for (int64_t inner : ArrayRef(schedule.order).drop_front(depth + 1))
    tiles *= tilesAlong(inner);
  return {tilesAlong(lane) > 1 ? tiles : 0, b.getAffineConstantExpr(0)};
}

/// The innermost loop: several tiles in its body, which share what they read.
Value NestEmitter::emitInnermost(size_t depth, Value dest,
                                 SmallVector<AffineExpr> base,
                                 SmallVector<int64_t> count) {
  int64_t dim = schedule.order[depth];
  int64_t extent = count[dim], tile = schedule.tile[dim];
  int64_t whole = extent / (tile * unroll);
  auto emitRun = [&](AffineExpr number, int64_t tiles, int64_t size,
                     Value dest) {
    access.enterScope();
    SmallVector<AffineExpr> start = base;
    SmallVector<int64_t> part = count;
    part[dim] = size;
    for (int64_t i = 0; i < tiles; ++i) {
      llvm::SaveAndRestore<Turn> inner(turn,
                                       turnOf(depth, count, number + i, turn));
      start[dim] = base[dim] + number * tile + i * tile;
      dest = emitTile(dest, start, part);
    }
    access.leaveScope();
    return dest;
  };
  SmallVector<Value> carried{dest};
  access.emitLoop(whole, carried, [&](AffineExpr i, SmallVector<Value> &inner) {
    inner[0] = emitRun(i * unroll, unroll, tile, inner[0]);
  });
  int64_t next = whole * unroll, tiles = extent / tile - next;
  auto numberOf = [&](int64_t n) { return b.getAffineConstantExpr(n); };
  if (tiles)
    carried[0] = emitRun(numberOf(next), tiles, tile, carried[0]);
  if (extent % tile)
    carried[0] = emitRun(numberOf(next + tiles), 1, extent % tile, carried[0]);
  return carried[0];
}

/// Groups of four vectors that cover `count` elements of the lane dimension.
/// The last one moves back where the dimension is long enough: elements that
/// are computed twice are the same twice.
SmallVector<Position> NestEmitter::laneGroups(const Position &start,
                                              int64_t count) {
  int64_t dim = schedule.laneDim;
  int64_t extent =
      cast<RankedTensorType>(root->getResult(0).getType()).getDimSize(dim);
  SmallVector<Position> groups;
  for (int64_t done = 0; done < count;) {
    int64_t rest = count - done, lanes = schedule.lanes;
    while (lanes > 4 && (4 * lanes > extent || 2 * lanes >= rest))
      lanes /= 2;
    Position group = start;
    group.lanes = lanes;
    group.group = std::min(4 * lanes, extent);
    int64_t first = std::min(done, count - group.group);
    group.index[dim] = group.index[dim] + first + b.getAffineSymbolExpr(0);
    for (group.part = 0; group.part < 4; ++group.part)
      groups.push_back(group);
    done += 4 * lanes;
  }
  return groups;
}

SmallVector<Position> NestEmitter::tilePositions(ArrayRef<AffineExpr> base,
                                                 ArrayRef<int64_t> count) {
  SmallVector<Position> positions;
  positions.push_back({SmallVector<AffineExpr>(base), 1});
  AffineExpr lane = b.getAffineSymbolExpr(0);
  auto expand = [&](int64_t dim, int64_t n, int64_t step) {
    SmallVector<Position> expanded;
    for (const Position &position : positions)
      for (int64_t i = 0; i < n; i += step) {
        Position next = position;
        next.index[dim] = next.index[dim] + i;
        if (dim == schedule.laneDim) {
          next.lanes = std::min(step, n - i);
          if (next.lanes > 1)
            next.index[dim] = next.index[dim] + lane;
        }
        expanded.push_back(next);
      }
    positions = std::move(expanded);
  };
  for (auto [dim, n] : llvm::enumerate(count))
    if (int64_t(dim) != schedule.laneDim)
      expand(dim, n, 1);
  if (schedule.kernel == Schedule::Kernel::DepthwiseDot) {
    SmallVector<Position> groups;
    for (const Position &position : positions)
      llvm::append_range(groups, laneGroups(position, count[schedule.laneDim]));
    return groups;
  }
  if (schedule.laneDim >= 0)
    expand(schedule.laneDim, count[schedule.laneDim], schedule.lanes);
  return positions;
}

Value NestEmitter::emitTile(Value tile, ArrayRef<AffineExpr> base,
                            ArrayRef<int64_t> count) {
  SmallVector<Position> positions = tilePositions(base, count);
  if (schedule.kernel != Schedule::Kernel::TileDot)
    return emitPositions(positions, tile);
  computeTiles(root, loopsOf(root, positions));
  if (failed)
    return tile;
  return emitRows(0, tile, SmallVector<AffineExpr>(base),
                  SmallVector<int64_t>(count));
}

/// The tiles of all dots that `op` reads, directly or not, at `loops`.
void NestEmitter::computeTiles(linalg::LinalgOp op, ArrayRef<Position> loops) {
  if (auto *dot = dots.find(op); dot != dots.end()) {
    failed |= !products.covers(dot->second, loops) ||
              mlir::failed(tiles.compute(dot->second, loops, turn));
    return;
  }
  failed |= op.getNumReductionLoops() != 0;
  for (OpOperand &operand : op->getOpOperands())
    if (linalg::LinalgOp producer = region.producerOf(operand.get());
        producer && op.payloadUsesValueFromOperand(&operand) && !failed)
      computeTiles(producer,
                   loopsOf(producer,
                           mapAll(op.getMatchingIndexingMap(&operand), loops)));
}

/// What follows the dots, some vectors at a time: a tile has more rows than
/// there are registers.
Value NestEmitter::emitRows(int64_t dim, Value tile,
                            SmallVector<AffineExpr> base,
                            SmallVector<int64_t> count) {
  int64_t rank = count.size();
  if (dim == rank)
    return emitPositions(tilePositions(base, count), tile);
  if (dim == schedule.laneDim || count[dim] == 1)
    return emitRows(dim + 1, tile, base, count);
  bool isInnermost = true;
  for (int64_t inner = dim + 1; inner < rank; ++inner)
    isInnermost &= inner == schedule.laneDim || count[inner] == 1;
  int64_t blocks = llvm::divideCeil(count[schedule.laneDim], schedule.lanes);
  int64_t pass =
      isInnermost ? std::max<int64_t>(1, kVectorsSideBySide / blocks) : 1;
  int64_t extent = count[dim], whole = extent / pass;
  AffineExpr first = base[dim];
  SmallVector<Value> carried{tile};
  access.emitLoop(whole, carried, [&](AffineExpr i, SmallVector<Value> &inner) {
    base[dim] = first + i * pass;
    count[dim] = pass;
    inner[0] = emitRows(dim + 1, inner[0], base, count);
  });
  if (extent % pass) {
    base[dim] = first + whole * pass;
    count[dim] = extent % pass;
    carried[0] = emitRows(dim + 1, carried[0], base, count);
  }
  return carried[0];
}

Value NestEmitter::emitPositions(ArrayRef<Position> positions, Value tile) {
  dest = tile;
  SmallVector<Value> values =
      rounded ? emitElementwise(roundedOp, loopsOf(roundedOp, positions),
                                rounded->real)
              : emitOp(root, loopsOf(root, positions));
  return failed ? tile : writeTile(positions, values, tile);
}

Value NestEmitter::writeTile(ArrayRef<Position> positions,
                             ArrayRef<Value> values, Value tile) {
  if (rounded && interleavesPlanes)
    return writePlanes(positions, values, tile);
  if (rounded)
    return writeRounded(positions, values, tile);
  for (size_t i = 0; i < positions.size();) {
    const Position &at = positions[i];
    bool group = at.group != 0;
    tile = group ? access.writeGroup(values.slice(i, 4), tile, at)
                 : access.write(values[i], tile, at);
    i += group ? 4 : 1;
  }
  return tile;
}

/// Where qopt.round_pack leaves the lane `i` of its part `part`.
static int64_t packedPlace(int64_t part, int64_t i) {
  return i / 4 * 16 + part * 4 + i % 4;
}

/// The vectors of all planes at the same columns become bytes, the planes of a
/// column neighbours. Positions are row by row, plane by plane.
Value NestEmitter::writePlanes(ArrayRef<Position> positions,
                               ArrayRef<Value> values, Value tile) {
  size_t planes = schedule.tile.back(), vectors = 1;
  while (vectors < positions.size() &&
         positions[vectors].index.back() == positions[0].index.back())
    ++vectors;
  for (size_t row = 0; row < positions.size(); row += planes * vectors)
    for (size_t first = row; first < row + vectors; ++first) {
      const Position &at = positions[first];
      SmallVector<Value, 4> parts;
      SmallVector<int64_t> order;
      for (size_t plane = 0; plane < 4; ++plane)
        parts.push_back(values[first + std::min(plane, planes - 1) * vectors]);
      for (int64_t i = 0; i < at.lanes; ++i)
        for (size_t plane = 0; plane < planes; ++plane)
          order.push_back(packedPlace(plane, i));
      int64_t width = std::max<int64_t>(4, llvm::PowerOf2Ceil(at.lanes));
      Value bytes = roundAndPack(parts, width);
      bytes = vector::ShuffleOp::create(b, loc, bytes, bytes, order);
      tile = access.writeRows(bytes, tile, at, at.lanes);
    }
  return tile;
}

/// Four vectors at a time become bytes. Groups are packed into their natural
/// order; other vectors follow each other after a shuffle.
Value NestEmitter::writeRounded(ArrayRef<Position> positions,
                                ArrayRef<Value> values, Value tile) {
  llvm::MapVector<int64_t, SmallVector<size_t>> byLanes;
  for (auto [i, at] : llvm::enumerate(positions)) {
    if (at.group == 0)
      byLanes[at.lanes].push_back(i);
    else if (at.part == 0)
      tile = access.write(
          access.narrow(roundAndPack(values.slice(i, 4), at.lanes),
                        VectorType::get({at.group}, b.getI8Type())),
          tile, at.run());
  }
  for (const auto &[lanes, indices] : byLanes) {
    int64_t width = std::max<int64_t>(4, llvm::PowerOf2Ceil(lanes));
    SmallVector<int64_t> natural;
    for (int64_t part = 0; part < 4; ++part)
      for (int64_t i = 0; i < width; ++i)
        natural.push_back(packedPlace(part, i));
    for (size_t i = 0; i < indices.size(); i += 4) {
      ArrayRef<size_t> four =
          ArrayRef(indices).slice(i, std::min<size_t>(4, indices.size() - i));
      SmallVector<Value, 4> parts = llvm::map_to_vector(
          four, [&](size_t index) { return values[index]; });
      parts.resize(4, parts.back());
      Value bytes = roundAndPack(parts, width);
      bytes = vector::ShuffleOp::create(b, loc, bytes, bytes, natural);
      tile = access.writeParts(
          bytes, width, tile,
          llvm::map_to_vector(four, [&](size_t n) { return positions[n]; }));
    }
  }
  return tile;
}

Value NestEmitter::roundAndPack(ArrayRef<Value> reals, int64_t lanes) {
  SmallVector<Value, 4> parts = llvm::map_to_vector(
      reals, [&](Value real) { return access.widen(real, lanes); });
  UnitAttr fits = roundedFitsI32 ? b.getUnitAttr() : UnitAttr();
  Value bytes = RoundPackOp::create(
      b, loc, VectorType::get({4 * lanes}, b.getI8Type()), parts[0], parts[1],
      parts[2], parts[3], b.getDenseI32ArrayAttr({rounded->lo, rounded->hi}),
      b.getI32IntegerAttr(rounded->zeroPoint), fits);
  return table ? emitByteLookup(access, table, bytes) : bytes;
}

//===----------------------------------------------------------------------===//
// Tiles of tensor cores
//===----------------------------------------------------------------------===//

/// One loop over the threads of all blocks:
///   for t: products = qopt.mma_tile(t), and what follows for its elements
Value NestEmitter::emitMma(Value dest) {
  std::optional<MmaContraction> mma;
  for (Operation *op : region.ops)
    if (auto found = matchMmaContraction(op);
        found && !region.producerOf(found->dot.lhs))
      mma = found;
  failed |= !mma || schedule.mmaTile.size() != 5 ||
            mmaThreads(schedule.mmaTile) != schedule.threads;
  if (failed)
    return dest;
  mmaOp = mma->dot.op;
  ArrayRef<int64_t> tile = schedule.mmaTile;
  int64_t blocks = llvm::divideCeil(mma->rows, tile[0]) *
                   llvm::divideCeil(mma->channels, tile[1]);
  SmallVector<Value> carried{dest};
  scf::ForOp loop =
      access.emitFor(blocks * schedule.threads, carried,
                     [&](AffineExpr t, SmallVector<Value> &inner) {
                       inner[0] = emitMmaEnds(*mma, t, inner[0]);
                     });
  loop->setAttr(QoptDialect::kThreadsAttrName,
                b.getI64IntegerAttr(schedule.threads));
  return carried[0];
}

/// The elements of one thread, in the order of `qopt.mma_tile`: two channels
/// at a time, of every eighth row, of every eighth channel.
Value NestEmitter::emitMmaEnds(const MmaContraction &mma, AffineExpr thread,
                               Value dest) {
  ArrayRef<int64_t> tile = schedule.mmaTile;
  MmaEmitter emitter(access, root, schedule, mma, thread);
  bool wholeRows = mma.rows % tile[0] == 0,
       wholeColumns = mma.channels % tile[1] == 0;
  auto emitElements = [&](ArrayRef<int64_t> places, Value to) {
    SmallVector<Position> positions;
    mmaProducts.clear();
    for (int64_t place : places) {
      positions.push_back(emitter.position(place));
      mmaProducts.push_back(emitter.products(place));
    }
    this->dest = to;
    SmallVector<Value> values = emitOp(root, loopsOf(root, positions));
    return failed ? to : writeTile(positions, values, to);
  };
  for (int64_t half = 0; half < tile[2] / 8; ++half) {
    SmallVector<int64_t> places = emitter.placesInRow(half);
    dest = access.emitIf(
        emitter.row(places[0]), mma.rows, wholeRows, dest, [&](Value inRow) {
          if (wholeColumns)
            return emitElements(places, inRow);
          for (int64_t place : places)
            inRow = access.emitIf(
                emitter.channel(place), mma.channels, false, inRow,
                [&](Value inPair) { return emitElements(place, inPair); });
          return inRow;
        });
  }
  return dest;
}

/// The sums of the contraction at the positions for which there are products.
SmallVector<Value> NestEmitter::emitMmaSums(linalg::LinalgOp op,
                                            ArrayRef<Position> loops) {
  failed |= loops.size() != mmaProducts.size();
  if (failed)
    return SmallVector<Value>(loops.size());
  SmallVector<Value> sums = initialAccumulators(op, loops);
  for (auto [sum, product] : llvm::zip_equal(sums, mmaProducts))
    if (!failed)
      sum = arith::AddIOp::create(b, loc, access.toVector(sum, 2), product);
  return sums;
}

FailureOr<Value> emitNest(RewriterBase &rewriter, const FusedRegion &region,
                          const Schedule &schedule) {
  return NestEmitter(rewriter, region, schedule).run();
}

} // namespace qopt
