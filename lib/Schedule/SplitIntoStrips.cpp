//===- SplitIntoStrips.cpp - Chains of images a few rows at a time --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The expanded image of an inverted residual block is six times its input. What
// computes it, and what reads it, go through it one after the other, and it is
// more than the near caches hold. In strips of rows, all nests of the block run
// on one strip before the next:
//
//   y = f(pad(g(x)))   ->   y = concat(f(pad(g(x[0:9]))), f(pad(g(x[7:17]))),
//   ...)
//
// This is tile and fuse along the rows of several layers, as patch-based
// inference does it. Where windows overlap, the rows of the halo are computed
// once for each strip that reads them.
//
//===----------------------------------------------------------------------===//

#include "Padding.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/TensorTilingInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "qopt/Schedule/Passes.h"
#include "qopt/Transforms/TensorUtils.h"

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_SPLITINTOSTRIPSPASS
#include "qopt/Schedule/Passes.h.inc"

namespace {

constexpr int64_t kRowDim = 1;

/// An image of more bytes than that is not held by the near caches.
constexpr int64_t kLargeBytes = 1 << 20;

/// What they do hold, with room for weights and for what a strip is read from.
constexpr int64_t kStripBytes = 1 << 19;

/// The share of an image's rows that may be computed twice.
constexpr double kMostRepeated = 0.1;

/// Rows [first, first + count) of an image.
struct Rows {
  int64_t first, count;
};

/// A region of a chain, and how it reads the region before it: for row r of
/// its result, rows [stride * r + offset, stride * r + offset + window), of
/// which some may be padding.
struct Link {
  const FusedRegion *region;
  tensor::PadOp pad;
  int64_t stride = 1, offset = 0, window = 1;

  Value result() const { return region->root->getResult(0); }
  RankedTensorType type() const {
    return cast<RankedTensorType>(result().getType());
  }
  int64_t rows() const { return type().getDimSize(kRowDim); }
  int64_t bytesOfRow() const { return bytesOf(type()) / rows(); }
  /// What is read of an image of `height` rows.
  Rows read(Rows rows, int64_t height) const {
    int64_t first = stride * rows.first + offset;
    int64_t end = first + stride * (rows.count - 1) + window;
    first = std::max<int64_t>(first, 0);
    return {first, std::min(end, height) - first};
  }
};

/// A sequence of regions in which each is the only reader of the one before.
using Chain = SmallVector<Link>;

bool isImage(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() && type.getRank() == 4 &&
         type.getDimSize(0) == 1 && type.getDimSize(kRowDim) > 1;
}

bool canSplit(const FusedRegion &region) {
  return isImage(region.root->getResult(0)) &&
         llvm::all_of(region.ops, [](Operation *op) {
           return readsSlices(cast<linalg::LinalgOp>(op));
         });
}

/// The value of `expr`, a sum of loops with factors, at `row`, with all other
/// loops at their first or, if `last`, at their last iteration.
std::optional<int64_t> valueAt(AffineExpr expr, ArrayRef<int64_t> extents,
                               int64_t row, bool last) {
  MLIRContext *context = expr.getContext();
  SmallVector<AffineExpr> at;
  for (int64_t extent : extents)
    at.push_back(getAffineConstantExpr(last ? extent - 1 : 0, context));
  at[kRowDim] = getAffineConstantExpr(row, context);
  auto value = dyn_cast<AffineConstantExpr>(expr.replaceDims(at));
  return value ? std::optional(value.getValue()) : std::nullopt;
}

/// How `region` reads what `pad` makes of `tensor`, or without one `tensor`, if
/// it does so at one place, in windows of rows.
std::optional<Link> matchLink(const FusedRegion &region, Value tensor,
                              tensor::PadOp pad) {
  Value source = pad ? Value(pad.getResult()) : tensor;
  OutsideReads outside(region);
  Link link{&region, pad};
  bool found = false;
  for (const OutsideReads::Read &read : outside.reads) {
    if (read.tensor != source)
      continue;
    AffineExpr expr = read.index[kRowDim];
    auto at = [&](int64_t row, bool last) {
      return valueAt(expr, outside.extents, row, last);
    };
    std::optional<int64_t> first = at(0, false), last = at(0, true),
                           next = at(1, false);
    if (found || !first || !last || !next || *next <= *first || *last < *first)
      return std::nullopt;
    link.stride = *next - *first;
    link.window = *last - *first + 1;
    link.offset = *first - (pad ? pad.getStaticLow()[kRowDim] : 0);
    found = true;
  }
  return found ? std::optional(link) : std::nullopt;
}

/// The reader of `producer` if it is the only one and reads windows of rows.
std::optional<Link> nextLink(const FusedRegion &producer,
                             ArrayRef<FusedRegion> regions) {
  Value tensor = producer.root->getResult(0);
  if (!tensor.hasOneUse())
    return std::nullopt;
  Operation *user = *tensor.user_begin();
  auto pad = dyn_cast<tensor::PadOp>(user);
  if (pad) {
    if (!pad->hasOneUse() || !paddingOf(pad))
      return std::nullopt;
    user = *pad->user_begin();
  }
  if (user->getBlock() != producer.root->getBlock())
    return std::nullopt;
  for (const FusedRegion &region : regions)
    if (region.contains(user) && canSplit(region))
      return matchLink(region, tensor, pad);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Which chains, and how many strips
//===----------------------------------------------------------------------===//

/// Strip `i` of `count`, which divides the last link's rows: the rows of each
/// link's result that it needs.
SmallVector<Rows> stripOf(ArrayRef<Link> chain, int64_t count, int64_t i) {
  SmallVector<Rows> all(chain.size());
  int64_t size = chain.back().rows() / count;
  all.back() = {i * size, size};
  for (size_t link = chain.size() - 1; link > 0; --link)
    all[link - 1] = chain[link].read(all[link], chain[link - 1].rows());
  return all;
}

/// The most that the results of two neighbours hold of a strip together.
int64_t bytesOfStrip(ArrayRef<Link> chain, int64_t count) {
  int64_t most = 0;
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<Rows> rows = stripOf(chain, count, i);
    for (size_t link = 1; link < chain.size(); ++link)
      most =
          std::max(most, rows[link - 1].count * chain[link - 1].bytesOfRow() +
                             rows[link].count * chain[link].bytesOfRow());
  }
  return most;
}

/// Rows that are computed more than once, relative to the image's, of the link
/// that has most of them.
double repeatedRows(ArrayRef<Link> chain, int64_t count) {
  SmallVector<int64_t> computed(chain.size(), 0);
  for (int64_t i = 0; i < count; ++i)
    for (auto [sum, rows] : llvm::zip_equal(computed, stripOf(chain, count, i)))
      sum += rows.count;
  double most = 0;
  for (auto [sum, link] : llvm::zip_equal(computed, chain))
    most = std::max(most, double(sum) / double(link.rows()) - 1);
  return most;
}

/// Whether some strip reads nothing but padding.
bool hasEmptyStrip(ArrayRef<Link> chain, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    for (Rows rows : stripOf(chain, count, i))
      if (rows.count < 1)
        return true;
  return false;
}

/// How many strips of `chain` the near caches hold; 1 if it is better whole.
int64_t chooseStrips(ArrayRef<Link> chain) {
  int64_t height = chain.back().rows();
  for (int64_t count = 2; count <= height / 2; ++count)
    if (height % count == 0 && bytesOfStrip(chain, count) <= kStripBytes)
      return repeatedRows(chain, count) <= kMostRepeated &&
                     !hasEmptyStrip(chain, count)
                 ? count
                 : 1;
  return 1;
}

bool isPadded(Value image) {
  return llvm::any_of(image.getUsers(), llvm::IsaPred<tensor::PadOp>);
}

/// The parts of the function's chains that are to be split.
SmallVector<Chain> findChains(ArrayRef<FusedRegion> regions) {
  SmallVector<Chain> chains;
  DenseSet<Operation *> taken;
  for (const FusedRegion &region : regions) {
    if (taken.contains(region.root) || !canSplit(region))
      continue;
    // The first one reads what is there, padded or not.
    Chain chain{{&region, /*pad=*/{}}};
    // What is more than the caches hold, and after that, what reads each row
    // once.
    while (std::optional<Link> next = nextLink(*chain.back().region, regions)) {
      bool isLarge = bytesOf(chain.back().result()) > kLargeBytes;
      bool isPointwise =
          chain.size() > 1 && next->window == 1 && next->stride == 1;
      if (taken.contains(next->region->root) || (!isLarge && !isPointwise))
        break;
      chain.push_back(*next);
    }
    // The halos of all that follow add up. What is padded next is better
    // computed where the padded image lies.
    while (chain.size() > 1 &&
           (isPadded(chain.back().result()) || chooseStrips(chain) == 1))
      chain.pop_back();
    if (chain.size() == 1)
      continue;
    for (const Link &link : chain)
      taken.insert(link.region->root);
    chains.push_back(chain);
  }
  return chains;
}

//===----------------------------------------------------------------------===//
// Splitting
//===----------------------------------------------------------------------===//

/// Rewrites one chain.
class Splitter {
public:
  Splitter(IRRewriter &rewriter, ArrayRef<Link> chain)
      : b(rewriter), chain(chain) {
    for (const Link &link : chain) {
      ops.insert(link.region->ops.begin(), link.region->ops.end());
      if (link.pad)
        ops.insert(link.pad);
    }
  }

  LogicalResult split(int64_t count);

private:
  /// A part of a result that one strip needs.
  struct Part {
    Value whole, part;
    SmallVector<int64_t> offsets, sizes;
  };

  FailureOr<Value> computeStrip(Rows rows);
  FailureOr<Value> compute(tensor::ExtractSliceOp slice);
  FailureOr<Value> computeOnce(tensor::ExtractSliceOp slice);

  IRRewriter &b;
  ArrayRef<Link> chain;
  /// What is computed strip by strip.
  DenseSet<Operation *> ops;
  /// Slices of their results that are to be computed instead.
  SmallVector<tensor::ExtractSliceOp> slices;
  SmallVector<Part> parts;
};

} // namespace

LogicalResult Splitter::split(int64_t count) {
  Operation *root = chain.back().region->root;
  SmallVector<Value> strips;
  for (int64_t i = 0; i < count; ++i) {
    FailureOr<Value> strip = computeStrip(stripOf(chain, count, i).back());
    if (failed(strip))
      return failure();
    strips.push_back(*strip);
  }
  b.setInsertionPointAfter(root);
  Value joined = tensor::ConcatOp::create(b, root->getLoc(),
                                          chain.back().type(), kRowDim, strips);
  b.replaceAllUsesWith(root->getResult(0), joined);
  return success();
}

FailureOr<Value> Splitter::computeStrip(Rows rows) {
  RankedTensorType type = chain.back().type();
  SmallVector<int64_t> offsets(type.getRank(), 0), sizes(type.getShape()),
      ones(type.getRank(), 1);
  offsets[kRowDim] = rows.first;
  sizes[kRowDim] = rows.count;
  MLIRContext *context = b.getContext();
  Operation *root = chain.back().region->root;
  b.setInsertionPoint(root);
  parts.clear();
  slices = {
      tensor::ExtractSliceOp::create(b, root->getLoc(), root->getResult(0),
                                     getAsIndexOpFoldResult(context, offsets),
                                     getAsIndexOpFoldResult(context, sizes),
                                     getAsIndexOpFoldResult(context, ones))};
  while (!slices.empty()) {
    // The first in the block: what two operations read is computed before both.
    auto *first = llvm::min_element(slices, [](auto left, auto right) {
      return left->isBeforeInBlock(right);
    });
    tensor::ExtractSliceOp slice = *first;
    slices.erase(first);
    FailureOr<Value> part = computeOnce(slice);
    if (failed(part))
      return failure();
    b.replaceOp(slice, *part);
  }
  return parts.front().part;
}

FailureOr<Value> Splitter::computeOnce(tensor::ExtractSliceOp slice) {
  if (!slice.getType().hasStaticShape() ||
      ShapedType::isDynamicShape(slice.getStaticOffsets()))
    return failure();
  for (const Part &known : parts)
    if (known.whole == slice.getSource() &&
        slice.getStaticOffsets() == ArrayRef(known.offsets) &&
        slice.getStaticSizes() == ArrayRef(known.sizes))
      return known.part;
  FailureOr<Value> part = compute(slice);
  if (succeeded(part))
    parts.push_back({slice.getSource(), *part,
                     SmallVector<int64_t>(slice.getStaticOffsets()),
                     SmallVector<int64_t>(slice.getStaticSizes())});
  return part;
}

// extract_slice(f(x, y)) -> f(extract_slice(x), extract_slice(y))
FailureOr<Value> Splitter::compute(tensor::ExtractSliceOp slice) {
  b.setInsertionPoint(slice);
  auto source = cast<OpResult>(slice.getSource());
  if (auto empty = dyn_cast<tensor::EmptyOp>(source.getOwner()))
    return Value(tensor::EmptyOp::create(b, empty.getLoc(),
                                         slice.getStaticSizes(),
                                         slice.getType().getElementType()));
  auto pad = dyn_cast<tensor::PadOp>(source.getOwner());
  FailureOr<TilingResult> tiled =
      pad ? tensor::bubbleUpPadSlice(b, pad, slice.getMixedOffsets(),
                                     slice.getMixedSizes(),
                                     /*generateZeroSliceGuard=*/false)
          : tensor::replaceExtractSliceWithTiledProducer(b, slice, source);
  if (failed(tiled))
    return failure();
  for (Operation *op : tiled->generatedSlices)
    if (auto read = dyn_cast<tensor::ExtractSliceOp>(op)) {
      Operation *def = read.getSource().getDefiningOp();
      if (def && (ops.contains(def) || isa<tensor::EmptyOp>(def)))
        slices.push_back(read);
    }
  return tiled->tiledValues.front();
}

namespace {

struct SplitIntoStrips : impl::SplitIntoStripsPassBase<SplitIntoStrips> {
  void runOnOperation() override {
    SmallVector<FusedRegion> regions = findFusedRegions(getOperation());
    IRRewriter rewriter(&getContext());
    SmallVector<Chain> chains = findChains(regions);
    for (const Chain &chain : chains)
      if (failed(Splitter(rewriter, chain).split(chooseStrips(chain)))) {
        chain.back().region->root->emitOpError(
            "expects what it is computed from to be tiled by rows with static "
            "bounds; leave out qopt-split-into-strips");
        return signalPassFailure();
      }
    // The images that nothing reads any more.
    if (!chains.empty())
      (void)runRegionDCE(rewriter, getOperation().getBody());
  }
};

} // namespace
} // namespace qopt
