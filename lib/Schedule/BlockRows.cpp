//===- BlockRows.cpp - Nests on the same rows take turns ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A softmax goes through its rows again and again: for the largest element, for
// the exponentials, their sum, the quotients. Nest after nest over all rows,
// they come from far each time. A block of rows goes through all nests before
// the next:
//
//   y = h(x, g(x))   ->   for i: y[i] = h(x[i], g(x[i]))
//
// Blocks lie along the leading dimensions, in which whatever is computed reads
// the position that it writes: there are no halos, and all blocks are alike.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/Transforms/RegionUtils.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Schedule/Passes.h"
#include "qopt/Schedule/Regions.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_BLOCKROWSPASS
#include "qopt/Schedule/Passes.h.inc"

namespace {

/// What a first-level cache holds, or nearly: all that is stored of a block.
/// Without a cache, it is memory that others do not get.
constexpr int64_t kBlockBytes = 42 << 10;

/// Vectors of sums run across rows: a block has some, even if it takes the
/// second level to hold them.
constexpr int64_t kFewRows = 4, kMostBlockBytes = 1 << 19;

/// A smaller tensor stays in the first level by itself.
constexpr int64_t kSmallBytes = 16 << 10;

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// What `value` is a view of, if that has the same first `rank` dimensions.
Value viewedRows(Value value, int64_t rank) {
  if (!isView(value.getDefiningOp()))
    return {};
  Value source = value.getDefiningOp()->getOperand(0);
  if (!typeOf(source).hasStaticShape())
    return {};
  auto from = typeOf(source).getShape(), to = typeOf(value).getShape();
  bool dropsDims =
      value.getDefiningOp<tensor::ExtractSliceOp>() && from.size() != to.size();
  if (dropsDims || int64_t(std::min(from.size(), to.size())) < rank ||
      from.take_front(rank) != to.take_front(rank))
    return {};
  return source;
}

//===----------------------------------------------------------------------===//
// Which nests
//===----------------------------------------------------------------------===//

/// Regions that can run block by block, on rows along their first dimensions.
class RowGroup {
public:
  /// The group that ends with `regions.back()`, with as many of the others as
  /// can be.
  static std::optional<RowGroup> endingWith(ArrayRef<FusedRegion> regions,
                                            int64_t rank);

  linalg::LinalgOp root() const { return regions.front()->root; }
  ArrayRef<int64_t> rows() const {
    return typeOf(root()->getResult(0)).getShape().take_front(rank);
  }
  bool contains(Operation *op) const { return op && ops.contains(op); }
  /// Whether an operation of the group reads, or starts from, its own rows of
  /// the operand.
  bool isByRows(OpOperand &use) const { return rowUses.contains(&use); }
  SmallVector<Operation *> inOrder() const;
  /// The destination of the group: what the root's result belongs into, else
  /// what a nest before the group has computed for it alone, in whose memory
  /// the result fits; null if there is neither.
  Value destination() const;

  int64_t numRows() const { return llvm::product_of(rows()); }
  /// The rows of a block, a divisor of all; all if the group is better left as
  /// it is.
  int64_t chooseBlock() const;

  int64_t rank = 0;

private:
  bool add(const FusedRegion &region);
  bool addRows(linalg::LinalgOp op);
  bool joins(const FusedRegion &region) const;
  bool isReadByRowsOnly(Value value) const;
  bool canMergeRows(Value value) const;
  llvm::SetVector<Value> outside() const;
  int64_t bytesOfRow() const;

  /// Readers before what they read.
  SmallVector<const FusedRegion *> regions;
  DenseSet<Operation *> ops;
  DenseSet<OpOperand *> rowUses;
};

/// Notes how `op`, whose result has rows, uses its operands, if it reads each
/// at its own rows, or independently of them.
bool RowGroup::addRows(linalg::LinalgOp op) {
  // A schedule by hand is for all rows.
  if (isContraction(op) || op.hasIndexSemantics() ||
      op->hasAttr(QoptDialect::kScheduleAttrName))
    return false;
  auto row = op.getIndexingMapMatchingResult(op->getResult(0))
                 .getResults()
                 .take_front(rank);
  auto usesRow = [&](AffineExpr index) {
    return llvm::any_of(row, [&](AffineExpr loop) {
      return index.isFunctionOfDim(cast<AffineDimExpr>(loop).getPosition());
    });
  };
  for (OpOperand &use : op->getOpOperands()) {
    auto index = op.getMatchingIndexingMap(&use).getResults();
    if (llvm::none_of(index, usesRow))
      continue;
    if (int64_t(index.size()) < rank || index.take_front(rank) != row ||
        llvm::any_of(index.drop_front(rank), usesRow))
      return false;
    rowUses.insert(&use);
  }
  return true;
}

/// What a region computes for all rows alike stays outside: constants. So does
/// one with rows that is met before its reader; it is read like an input then.
bool RowGroup::add(const FusedRegion &region) {
  for (Operation *op : region.ops) {
    bool hasRows = op == region.root ||
                   llvm::any_of(op->getUses(),
                                [&](OpOperand &use) { return isByRows(use); });
    if (!hasRows)
      continue;
    if (!addRows(cast<linalg::LinalgOp>(op)))
      return false;
    ops.insert(op);
  }
  regions.push_back(&region);
  return true;
}

bool RowGroup::isReadByRowsOnly(Value value) const {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    if (use.getOwner()->getNumResults() != 1)
      return false;
    Value result = use.getOwner()->getResult(0);
    return isByRows(use) ||
           (viewedRows(result, rank) == value && isReadByRowsOnly(result));
  });
}

std::optional<RowGroup> RowGroup::endingWith(ArrayRef<FusedRegion> regions,
                                             int64_t rank) {
  RowGroup group;
  group.rank = rank;
  if (!group.add(regions.back()))
    return std::nullopt;
  for (const FusedRegion &region : llvm::reverse(regions.drop_back())) {
    if (!group.joins(region))
      continue;
    if (RowGroup larger = group; larger.add(region))
      group = std::move(larger);
  }
  llvm::SetVector<Value> values = group.outside();
  if (Value destination = group.destination())
    values.insert(destination);
  if (!llvm::all_of(values,
                    [&](Value value) { return group.canMergeRows(value); }))
    return std::nullopt;
  return group;
}

bool RowGroup::joins(const FusedRegion &region) const {
  Operation *op = region.root;
  return op->getBlock() == root()->getBlock() && !op->use_empty() &&
         isReadByRowsOnly(op->getResult(0));
}

/// Whether rows along several dimensions can be seen as along one: they have no
/// gaps between them, as part of a larger tensor would.
bool RowGroup::canMergeRows(Value value) const {
  if (llvm::count_if(rows(), [](int64_t size) { return size > 1; }) <= 1)
    return true;
  for (; isView(value.getDefiningOp());
       value = value.getDefiningOp()->getOperand(0))
    if (value.getDefiningOp<tensor::ExtractSliceOp>())
      return false;
  return true;
}

SmallVector<Operation *> RowGroup::inOrder() const {
  SmallVector<Operation *> ordered(ops.begin(), ops.end());
  llvm::sort(ordered, [](Operation *left, Operation *right) {
    return left->isBeforeInBlock(right);
  });
  return ordered;
}

/// Tensors with rows that the group reads, and does not compute.
llvm::SetVector<Value> RowGroup::outside() const {
  llvm::SetVector<Value> values;
  for (Operation *op : inOrder())
    for (OpOperand &use : op->getOpOperands()) {
      bool isRead =
          cast<linalg::LinalgOp>(op).payloadUsesValueFromOperand(&use);
      if (!isByRows(use) || !isRead)
        continue;
      Value value = use.get();
      while (Value source = viewedRows(value, rank))
        value = source;
      if (!contains(value.getDefiningOp()) &&
          !value.getDefiningOp<tensor::EmptyOp>())
        values.insert(value);
    }
  return values;
}

Value RowGroup::destination() const {
  linalg::LinalgOp last = root();
  Value init = last.getDpsInits()[0];
  // A sum starts from what is filled in there.
  while (contains(init.getDefiningOp()))
    init = cast<linalg::LinalgOp>(init.getDefiningOp()).getDpsInits()[0];
  if (!init.getDefiningOp<tensor::EmptyOp>())
    return init;
  for (Value value : outside()) {
    auto producer = value.getDefiningOp<linalg::LinalgOp>();
    if (producer && producer->getBlock() == last->getBlock() &&
        value.getType() == init.getType() && isReadByRowsOnly(value))
      return value;
  }
  return {};
}

/// Of all that has rows and is stored. What has the result's type lies where
/// the result will, unless that is outside.
int64_t RowGroup::bytesOfRow() const {
  Value result = root()->getResult(0), shared = destination();
  bool isPlaced = shared && !shared.getDefiningOp<linalg::LinalgOp>();
  int64_t bytes = bytesOf(result);
  for (const FusedRegion *region : ArrayRef(regions).drop_front()) {
    Value stored = region->root->getResult(0);
    if (isPlaced || stored.getType() != result.getType())
      bytes += bytesOf(stored);
  }
  for (Value value : outside())
    bytes += value == shared ? 0 : bytesOf(value);
  return bytes / numRows();
}

int64_t RowGroup::chooseBlock() const {
  int64_t all = numRows();
  bool isLarge = llvm::any_of(
      ArrayRef(regions).drop_front(), [](const FusedRegion *region) {
        return bytesOf(region->root->getResult(0)) > kSmallBytes;
      });
  if (!isLarge)
    return all;
  // The most that are held near, or the first that are enough.
  int64_t chosen = 1, bytes = bytesOfRow();
  for (int64_t count = 1; count <= all && count * bytes <= kMostBlockBytes;
       ++count)
    if (all % count == 0 && (count * bytes <= kBlockBytes || chosen < kFewRows))
      chosen = count;
  return chosen < kFewRows ? all : chosen;
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Rewrites one group.
class RowBlocker {
public:
  RowBlocker(IRRewriter &rewriter, const RowGroup &group, int64_t rows)
      : b(rewriter), group(group), block(group.rank, 1),
        count(group.numRows() / rows) {
    // Rows are all alike, whatever dimensions they are along.
    block.back() = rows;
  }

  void rewrite();

private:
  /// The current block, in a tensor of blocks.
  struct Slice {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };

  Value emitBlock(Value joined);
  void emitOp(Operation *op);
  Value rowsOf(Value value);
  Value extract(Value blocks, RankedTensorType type);
  Value viewOf(Value rows, Value value);
  Value inBlocks(Value value);
  Slice sliceOf(Value blocks);

  /// The type of `value` with a block's rows instead of all.
  RankedTensorType typeOfBlock(Value value) const {
    SmallVector<int64_t> shape(block);
    llvm::append_range(shape, typeOf(value).getShape().drop_front(group.rank));
    return typeOf(value).clone(shape);
  }
  /// The type of a tensor of all blocks of `value`.
  RankedTensorType typeInBlocks(Value value) const {
    SmallVector<int64_t> shape{count};
    llvm::append_range(shape, typeOfBlock(value).getShape());
    return typeOf(value).clone(shape);
  }

  IRRewriter &b;
  const RowGroup &group;
  /// Of a block's rows.
  SmallVector<int64_t> block;
  int64_t count;
  scf::ForOp loop;
  /// The rows, in the current block, of what has been asked for.
  DenseMap<Value, Value> rowsInBlock;
};

} // namespace

void RowBlocker::rewrite() {
  Operation *root = group.root();
  Location loc = root->getLoc();
  Value result = root->getResult(0);
  b.setInsertionPoint(root);
  Value destination = group.destination();
  // What is put together from several results, as by qopt-place-results.
  Value joined = destination ? inBlocks(destination)
                             : bufferization::AllocTensorOp::create(
                                   b, loc, typeInBlocks(result), ValueRange());
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  loop = scf::ForOp::create(b, loc, constant(0), constant(count), constant(1),
                            joined);
  b.setInsertionPointToStart(loop.getBody());
  if (destination)
    rowsInBlock[destination] =
        extract(loop.getRegionIterArg(0), typeOfBlock(destination));
  scf::YieldOp::create(b, loc, emitBlock(loop.getRegionIterArg(0)));
  b.setInsertionPointAfter(loop);
  b.replaceAllUsesWith(result, createReshape(b, loc, loop.getResult(0),
                                             typeOf(result).getShape()));
}

/// `joined` with the current block's part of the result.
Value RowBlocker::emitBlock(Value joined) {
  for (Operation *op : group.inOrder())
    emitOp(op);
  Slice slice = sliceOf(joined);
  return tensor::InsertSliceOp::create(
      b, group.root()->getLoc(), rowsInBlock.lookup(group.root()->getResult(0)),
      joined, slice.offsets, slice.sizes, slice.strides);
}

void RowBlocker::emitOp(Operation *op) {
  SmallVector<Value> operands;
  for (OpOperand &use : op->getOpOperands())
    operands.push_back(group.isByRows(use) ? rowsOf(use.get()) : use.get());
  Value result = op->getResult(0);
  rowsInBlock[result] =
      clone(b, op, typeOfBlock(result), operands)->getResult(0);
}

Value RowBlocker::rowsOf(Value value) {
  if (Value rows = rowsInBlock.lookup(value))
    return rows;
  RankedTensorType type = typeOfBlock(value);
  Location loc = value.getLoc();
  if (value.getDefiningOp<tensor::EmptyOp>())
    return tensor::EmptyOp::create(b, loc, type.getShape(),
                                   type.getElementType());
  if (Value source = viewedRows(value, group.rank))
    return rowsInBlock[value] = viewOf(rowsOf(source), value);
  Value blocks;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop);
    blocks = inBlocks(value);
  }
  return rowsInBlock[value] = extract(blocks, type);
}

/// The current block.
Value RowBlocker::extract(Value blocks, RankedTensorType type) {
  Slice slice = sliceOf(blocks);
  return tensor::ExtractSliceOp::create(b, blocks.getLoc(), type, blocks,
                                        slice.offsets, slice.sizes,
                                        slice.strides);
}

/// Of `rows`, what the view `value` is of all rows.
Value RowBlocker::viewOf(Value rows, Value value) {
  RankedTensorType type = typeOfBlock(value);
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice)
    return createReshape(b, value.getLoc(), rows, type.getShape());
  return tensor::ExtractSliceOp::create(
      b, value.getLoc(), type, rows, slice.getMixedOffsets(),
      getAsIndexOpFoldResult(b.getContext(), type.getShape()),
      slice.getMixedStrides());
}

/// All blocks of a tensor from outside.
Value RowBlocker::inBlocks(Value value) {
  return createReshape(b, value.getLoc(), value,
                       typeInBlocks(value).getShape());
}

RowBlocker::Slice RowBlocker::sliceOf(Value blocks) {
  auto shape = typeOf(blocks).getShape();
  Slice slice;
  slice.offsets.assign(shape.size(), b.getIndexAttr(0));
  slice.offsets[0] = loop.getInductionVar();
  slice.sizes = getAsIndexOpFoldResult(b.getContext(), shape);
  slice.sizes[0] = b.getIndexAttr(1);
  slice.strides.assign(shape.size(), b.getIndexAttr(1));
  return slice;
}

/// The largest group that ends with the last region and gains from blocks.
static std::optional<RowGroup> findGroup(ArrayRef<FusedRegion> regions) {
  Value result = regions.back().root->getResult(0);
  for (int64_t rank = typeOf(result).getRank(); rank > 0; --rank)
    if (std::optional<RowGroup> group = RowGroup::endingWith(regions, rank);
        group && group->chooseBlock() != group->numRows())
      return group;
  return std::nullopt;
}

namespace {

struct BlockRows : impl::BlockRowsPassBase<BlockRows> {
  void runOnOperation() override {
    SmallVector<FusedRegion> regions = findFusedRegions(getOperation());
    IRRewriter rewriter(&getContext());
    DenseSet<Operation *> done;
    for (size_t last = regions.size(); last > 0; --last) {
      Operation *root = regions[last - 1].root;
      // Inside a loop, rows are of a block already.
      if (done.contains(root) || !isa<func::FuncOp>(root->getParentOp()))
        continue;
      std::optional<RowGroup> group =
          findGroup(ArrayRef(regions).take_front(last));
      if (!group)
        continue;
      for (Operation *op : group->inOrder())
        done.insert(op);
      RowBlocker(rewriter, *group, group->chooseBlock()).rewrite();
    }
    // What runs block by block now.
    if (!done.empty())
      (void)runRegionDCE(rewriter, getOperation().getBody());
  }
};

} // namespace
} // namespace qopt
