//===- ConvertMmaTile.cpp - Tiles of products by mma.sync -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The threads of a block copy one step of activations and weights after the
// other into shared memory, and multiply what has arrived. Copies are a few
// steps ahead of the products, and the fragments in registers one mma.sync:
//
//   start copies of steps 0 .. ahead - 1; finish those of step 0; barrier
//   load fragments of step 0, depth 0
//   for step c, for depth d:
//     first depth: start copies of step c + ahead
//     last depth:  finish copies of step c + 1; barrier
//     load the fragments that come after (c, d); multiply those of (c, d)
//
// The barrier also says that all have loaded the fragments of step c, whose
// buffer the next copies go to. Copies of cp.async are started, and waited for;
// others are loads to registers, one step ahead, and stores from there.
//
// Steps with copies are a loop; the last ones follow it. In the loop nothing is
// computed twice: addresses advance, and what is a constant apart from another
// address is an offset of the instruction.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/LookUpTarget.h"
#include "qopt/Target/MmaLayout.h"
#include <numeric>

namespace qopt {
#define GEN_PASS_DEF_CONVERTMMATILEPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

constexpr unsigned kGlobal = 1, kShared = 3;

/// A place `distance` bytes after `base`, a pointer.
struct Place {
  Value base;
  int64_t distance = 0;
};

/// One side's part of a step, and this thread's share of copying it: pieces
/// of `unit` bytes, every `threads`-th one.
struct CopyPlan {
  int64_t rowBytes = 0, bytes = 0, unit = kMmaPiece;
  struct Piece {
    /// The address in global memory is that many bytes after a source.
    unsigned source = 0;
    int64_t distance = 0;
    /// The place in the first buffer.
    Place to;
    /// Of activations: the byte of the segment that it begins at.
    Value depth;
    /// Not every thread has it: null if they do.
    Value exists;
  };
  SmallVector<Piece> pieces;
  /// Addresses for step 0.
  SmallVector<Value> sources;
};

/// What a step leaves to the next one.
struct State {
  SmallVector<Value> sums;
  /// Of the next mma.sync, as ldmatrix left them: rows, then channels.
  SmallVector<Value> fragments;
  /// Addresses in global memory for the copies that start next: of the
  /// activations, then of the weights.
  SmallVector<Value> sources;
  /// Where the buffers of this step and of those copies begin.
  Value read, write;

  SmallVector<Value> flat() const {
    SmallVector<Value> values = {read, write};
    for (const auto *list : {&sums, &fragments, &sources})
      llvm::append_range(values, *list);
    return values;
  }
  void assign(ValueRange values) {
    read = values[0], write = values[1];
    values = values.drop_front(2);
    for (auto *list : {&sums, &fragments, &sources}) {
      llvm::copy(values.take_front(list->size()), list->begin());
      values = values.drop_front(list->size());
    }
  }
};

class MmaTileLowering {
public:
  MmaTileLowering(MmaTileOp op, const TargetInfo &target)
      : op(op), target(target), b(op), loc(op.getLoc()), tile(op.getTile()),
        chunk(mmaChunk(op.getDepth())),
        chunksPerSegment(llvm::divideCeil(op.getDepth(), chunk)),
        steps(op.getNumSegments() * chunksPerSegment) {}

  LogicalResult run();

private:
  // Building blocks.
  Value i32(int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value apply(AffineExpr expr, Value number) {
    return affine::AffineApplyOp::create(b, loc, AffineMap::get(1, 0, expr),
                                         ValueRange{number});
  }
  Value toI32(Value number) {
    return arith::IndexCastUIOp::create(b, loc, b.getI32Type(), number);
  }
  SmallVector<Value> call(StringRef name, TypeRange results,
                          ValueRange operands);
  Value after(Value pointer, Value bytes);
  Value after(Value pointer, int64_t bytes);

  // Addresses.
  Value pointerTo(Value memref);
  AffineExpr linear(AffineMap map);
  std::optional<int64_t> constantStep(AffineExpr expr, int64_t distance);
  AffineExpr lhsOffset();
  Value placeInTile(Value row, Value piece, int64_t rowBytes);
  int64_t knownAlignment();
  FailureOr<SmallVector<int64_t>> stridesOfLhs();
  void chooseCopies();
  void makeShared();
  void planLhs();
  void planWeights();
  void planFragments();
  Value numberOf(CopyPlan::Piece &piece, int64_t i, int64_t total);

  // Copies.
  using Visit = function_ref<void(const CopyPlan &, const CopyPlan::Piece &,
                                  Value from, Value to)>;
  void forPieces(Value buffer, Visit visit);
  void ifExists(const CopyPlan::Piece &piece, function_ref<void()> body);
  SmallVector<Value> startCopies(Value step, Value buffer);
  void finishCopies(ArrayRef<Value> values, int64_t pending);
  void issue(Value step, Value buffer);
  SmallVector<Value> load(Value step);
  Value loadPiece(const CopyPlan &plan, const CopyPlan::Piece &piece,
                  Value from, Value step);
  void store(ArrayRef<Value> values);
  Value segmentDepth(Value step, const CopyPlan::Piece &piece);
  void advanceSources(Value step);
  void barrier();

  // Products.
  /// That one ldmatrix reads of the channels.
  int64_t matricesOfWeights() {
    return op.getPacked4() && tile[3] % 32 != 0 ? 2 : 4;
  }
  SmallVector<Value> loadMatrices(Value place, int64_t distance, int64_t count);
  SmallVector<Value> loadFragments(int64_t depthStep);
  std::pair<Value, Value> unpackNibbles(Value word);
  void multiply();
  void multiplyFragments(ArrayRef<Value> a, Value low, Value high,
                         MutableArrayRef<Value> sums);

  // Steps.
  int64_t bufferBytes() const { return lhs.bytes + weights.bytes; }
  void fill();
  void rotate();
  void emitStep(Value copied, std::optional<int64_t> pending);
  void emitSteps();

  MmaTileOp op;
  const TargetInfo &target;
  OpBuilder b;
  Location loc;
  ArrayRef<int64_t> tile;
  int64_t chunk, chunksPerSegment, steps;
  SmallVector<int64_t> strides;
  int64_t offset = 0, stages = 2;
  bool isAsync = false;
  CopyPlan lhs, weights;
  Value shared, thread, block, lane, warp;
  /// Where this lane's rows for ldmatrix begin in the first buffer, for each
  /// depth of a step.
  SmallVector<Value> lhsPlaces, weightPlaces;
  State state;
};

struct ConvertMmaTile : qopt::impl::ConvertMmaTilePassBase<ConvertMmaTile> {
  using ConvertMmaTilePassBase::ConvertMmaTilePassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> info = lookUpTarget(getOperation(), target);
    if (failed(info))
      return signalPassFailure();
    SmallVector<MmaTileOp> tiles;
    getOperation()->walk([&](MmaTileOp op) { tiles.push_back(op); });
    for (MmaTileOp op : tiles)
      if (failed(MmaTileLowering(op, *info).run()))
        return signalPassFailure();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Building blocks
//===----------------------------------------------------------------------===//

SmallVector<Value> MmaTileLowering::call(StringRef name, TypeRange results,
                                         ValueRange operands) {
  if (results.empty()) {
    LLVM::CallIntrinsicOp::create(b, loc, b.getStringAttr(name), operands);
    return {};
  }
  Type type = results.front();
  if (results.size() > 1)
    type = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                            llvm::to_vector(results));
  auto intrinsic = LLVM::CallIntrinsicOp::create(
      b, loc, type, b.getStringAttr(name), operands);
  if (results.size() == 1)
    return SmallVector<Value>(intrinsic->getResults());
  SmallVector<Value> values;
  for (size_t i = 0; i < results.size(); ++i)
    values.push_back(LLVM::ExtractValueOp::create(
        b, loc, intrinsic->getResult(0), ArrayRef<int64_t>{int64_t(i)}));
  return values;
}

Value MmaTileLowering::after(Value pointer, Value bytes) {
  if (bytes.getType().isIndex())
    bytes = arith::IndexCastUIOp::create(b, loc, b.getI64Type(), bytes);
  return LLVM::GEPOp::create(b, loc, pointer.getType(), b.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

Value MmaTileLowering::after(Value pointer, int64_t bytes) {
  return bytes == 0 ? pointer : after(pointer, index(bytes));
}

void MmaTileLowering::barrier() {
  call("llvm.nvvm.barrier.cta.sync.aligned.all", {}, {i32(0)});
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

Value MmaTileLowering::pointerTo(Value memref) {
  auto type = LLVM::LLVMPointerType::get(b.getContext(), kGlobal);
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref);
  address = arith::IndexCastUIOp::create(b, loc, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, loc, type, address);
}

/// The place that `map` gives, in bytes from the start of `lhs`.
AffineExpr MmaTileLowering::linear(AffineMap map) {
  AffineExpr sum = b.getAffineConstantExpr(0);
  for (auto [expr, stride] : llvm::zip_equal(map.getResults(), strides))
    sum = sum + expr * stride;
  return simplifyAffineExpr(sum, 1, 0);
}

/// How much `expr` grows where its dimension grows by `distance`, if that is
/// the same everywhere.
std::optional<int64_t> MmaTileLowering::constantStep(AffineExpr expr,
                                                     int64_t distance) {
  AffineExpr moved =
      expr.replace(b.getAffineDimExpr(0), b.getAffineDimExpr(0) + distance);
  auto step =
      dyn_cast<AffineConstantExpr>(simplifyAffineExpr(moved - expr, 1, 0));
  return step ? std::optional(step.getValue()) : std::nullopt;
}

/// How far the activations of a step are from those of step 0.
AffineExpr MmaTileLowering::lhsOffset() {
  AffineExpr d0 = b.getAffineDimExpr(0);
  if (op.getNumSegments() == 1)
    return d0 * chunk;
  return linear(op.getOffsets()).replace(d0, d0.floorDiv(chunksPerSegment)) +
         d0 % chunksPerSegment * chunk;
}

Value MmaTileLowering::placeInTile(Value row, Value piece, int64_t rowBytes) {
  int64_t pieces = rowBytes / kMmaPiece;
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value swizzle = apply(d0.floorDiv(8 / pieces) % pieces, row);
  Value place = arith::XOrIOp::create(b, loc, piece, swizzle);
  return add(mul(row, index(rowBytes)), mul(place, index(kMmaPiece)));
}

FailureOr<SmallVector<int64_t>> MmaTileLowering::stridesOfLhs() {
  auto type = dyn_cast<MemRefType>(op.getLhs().getType());
  SmallVector<int64_t> result;
  if (!type || failed(type.getStridesAndOffset(result, offset)) ||
      ShapedType::isDynamic(offset) || result.back() != 1 ||
      llvm::any_of(result, ShapedType::isDynamic))
    return op.emitOpError("expects a buffer of known strides with contiguous "
                          "bytes, got ")
           << op.getLhs().getType();
  return result;
}

/// Of all places in `lhs` that a piece can begin at.
int64_t MmaTileLowering::knownAlignment() {
  int64_t known = kMmaPiece;
  for (AffineMap map : {op.getRows(), op.getOffsets()})
    known = std::gcd(known, linear(map).getLargestKnownDivisor());
  return std::gcd(known, offset);
}

/// Pieces of rows: row and piece by the number of the copy.
void MmaTileLowering::planLhs() {
  int64_t threads = op.getNumThreads(), perRow = chunk / lhs.unit;
  int64_t blocksAlong = llvm::divideCeil(op.getNumChannels(), tile[1]);
  AffineExpr d0 = b.getAffineDimExpr(0), rows = linear(op.getRows());
  bool isWhole = op.getNumRows() % tile[0] == 0;
  // A thread's pieces are so many rows apart, at one depth.
  int64_t apart = threads % perRow == 0 ? threads / perRow : 0;
  std::optional<int64_t> bytesApart = constantStep(rows, apart);
  Value start = after(pointerTo(op.getLhs()), offset);
  Value firstRow = apply(d0.floorDiv(blocksAlong) * tile[0], block);
  for (int64_t i = 0, total = tile[0] * perRow; i * threads < total; ++i) {
    CopyPlan::Piece piece;
    Value number = numberOf(piece, i, total);
    bool follows = i > 0 && !piece.exists && apart != 0;
    Value row = apply(d0.floorDiv(perRow), number);
    piece.depth = follows ? lhs.pieces.front().depth
                          : apply(d0 % perRow * lhs.unit, number);
    if (follows && apart % kMmaSwizzledRows == 0) {
      piece.to = {lhs.pieces.front().to.base, i * apart * chunk};
    } else {
      Value place =
          placeInTile(row, apply(d0.floorDiv(kMmaPiece), piece.depth), chunk);
      piece.to.base =
          after(shared, add(place, apply(d0 % kMmaPiece, piece.depth)));
    }
    if (follows && isWhole && bytesApart) {
      piece.distance = i * *bytesApart;
    } else {
      // Rows beyond the last one read that one; nobody stores their sums.
      row = add(firstRow, row);
      if (!isWhole)
        row = arith::MinUIOp::create(b, loc, row, index(op.getNumRows() - 1));
      piece.source = lhs.sources.size();
      lhs.sources.push_back(after(start, add(apply(rows, row), piece.depth)));
    }
    lhs.pieces.push_back(piece);
  }
}

/// Which of `total` pieces is the thread's `i`-th; the last one where there is
/// none, which `piece` then says.
Value MmaTileLowering::numberOf(CopyPlan::Piece &piece, int64_t i,
                                int64_t total) {
  int64_t threads = op.getNumThreads();
  Value number = add(thread, index(i * threads));
  if ((i + 1) * threads <= total)
    return number;
  piece.exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                       number, index(total));
  return arith::MinUIOp::create(b, loc, number, index(total - 1));
}

/// The image of shared memory, piece by piece.
void MmaTileLowering::planWeights() {
  int64_t threads = op.getNumThreads();
  int64_t blocksAlong = llvm::divideCeil(op.getNumChannels(), tile[1]);
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value start = after(pointerTo(op.getWeights()),
                      apply(d0 % blocksAlong * (steps * weights.bytes), block));
  Value image = after(shared, lhs.bytes);
  // A warp's pieces lie together: offsets of copies are short in machine code.
  int64_t total = weights.bytes / kMmaPiece, together = total / threads;
  bool isWhole = total % threads == 0;
  Value first = isWhole
                    ? apply(d0.floorDiv(32) * (32 * together) + d0 % 32, thread)
                    : thread;
  for (int64_t i = 0; i * threads < total; ++i) {
    CopyPlan::Piece piece;
    if (i > 0 && isWhole) {
      piece.distance = i * 32 * kMmaPiece;
      piece.to = {weights.pieces.front().to.base, piece.distance};
    } else {
      Value place =
          mul(isWhole ? first : numberOf(piece, i, total), index(kMmaPiece));
      piece.source = weights.sources.size();
      piece.to.base = after(image, place);
      weights.sources.push_back(after(start, place));
    }
    weights.pieces.push_back(piece);
  }
}

/// Which row of which matrix each lane names to ldmatrix.
void MmaTileLowering::planFragments() {
  AffineExpr d0 = b.getAffineDimExpr(0);
  int64_t warpsAlong = tile[1] / tile[3];
  // Matrices: rows 0-7, 8-15 of bytes 0-15, then of bytes 16-31.
  Value row =
      add(apply(d0.floorDiv(warpsAlong) * tile[2], warp), apply(d0 % 16, lane));
  Value half = apply(d0.floorDiv(16), lane);
  // Channels 0-7 and their bytes 0-15, 16-31, then 8-15; with two weights a
  // byte, eight channels and all of their bytes in each matrix.
  Value channel = apply(d0 % warpsAlong * tile[3], warp), ofMatrix;
  if (op.getPacked4()) {
    channel = add(channel, apply(d0 % (8 * matricesOfWeights()), lane));
    ofMatrix = index(0);
  } else {
    channel = add(channel, apply(d0 % 8 + d0.floorDiv(16) * 8, lane));
    ofMatrix = apply(d0.floorDiv(8) % 2, lane);
  }
  Value image = after(shared, lhs.bytes);
  for (int64_t depth = 0; depth < chunk; depth += kMmaDepth) {
    int64_t bytes = depth * weights.rowBytes / chunk;
    Value piece = add(half, index(depth / kMmaPiece));
    lhsPlaces.push_back(after(shared, placeInTile(row, piece, lhs.rowBytes)));
    piece = add(ofMatrix, index(bytes / kMmaPiece));
    weightPlaces.push_back(
        after(image, placeInTile(channel, piece, weights.rowBytes)));
  }
}

/// How a step lies in shared memory, and in how many pieces it gets there.
void MmaTileLowering::chooseCopies() {
  lhs.rowBytes = chunk;
  lhs.bytes = tile[0] * lhs.rowBytes;
  lhs.unit = knownAlignment();
  weights.rowBytes = op.getPacked4() ? chunk / 2 : chunk;
  weights.bytes = tile[1] * weights.rowBytes;
  // cp.async takes 4, 8 or 16 bytes, and fewer of them at the end of a segment.
  isAsync = target.hasCpAsync && lhs.unit >= 4 && tile[4] >= 2;
  stages = isAsync ? tile[4] : 2;
  if (!isAsync && op.getDepth() % chunk != 0)
    lhs.unit = std::gcd(lhs.unit, op.getDepth());
}

void MmaTileLowering::makeShared() {
  auto kernel = op->getParentOfType<func::FuncOp>();
  std::string name = (kernel.getName() + "_shared").str();
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), stages * bufferBytes());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel);
  auto global = LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/false,
                                       LLVM::Linkage::Internal, name,
                                       Attribute(), /*alignment=*/128, kShared);
  b.setInsertionPoint(op);
  shared = LLVM::AddressOfOp::create(b, loc, global);
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// Visits this thread's pieces of the step that comes next.
void MmaTileLowering::forPieces(Value buffer, Visit visit) {
  ArrayRef<Value> sources = state.sources;
  for (const CopyPlan *plan : {&lhs, &weights}) {
    for (const CopyPlan::Piece &piece : plan->pieces)
      visit(*plan, piece, after(sources[piece.source], piece.distance),
            after(after(piece.to.base, buffer), piece.to.distance));
    sources = sources.drop_front(plan->sources.size());
  }
}

void MmaTileLowering::ifExists(const CopyPlan::Piece &piece,
                               function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(b);
  if (piece.exists) {
    auto branch = scf::IfOp::create(b, loc, piece.exists, false);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  body();
}

/// The byte of its segment that the piece begins at in `step`; null where no
/// piece leaves its segment.
Value MmaTileLowering::segmentDepth(Value step, const CopyPlan::Piece &piece) {
  if (!piece.depth || op.getDepth() % chunk == 0)
    return {};
  AffineExpr d0 = b.getAffineDimExpr(0);
  return add(apply(d0 % chunksPerSegment * chunk, step), piece.depth);
}

/// Bytes beyond the end of a segment are zeros.
void MmaTileLowering::issue(Value step, Value buffer) {
  forPieces(buffer, [&](const CopyPlan &plan, const CopyPlan::Piece &piece,
                        Value from, Value to) {
    SmallVector<Value> operands = {to, from};
    std::string name = plan.unit == kMmaPiece
                           ? "llvm.nvvm.cp.async.cg.shared.global."
                           : "llvm.nvvm.cp.async.ca.shared.global.";
    name += std::to_string(plan.unit);
    if (Value at = segmentDepth(step, piece)) {
      Value end = index(op.getDepth());
      Value rest = arith::SubIOp::create(
          b, loc, end, arith::MinUIOp::create(b, loc, at, end));
      rest = arith::MinUIOp::create(b, loc, rest, index(plan.unit));
      operands.push_back(toI32(rest));
      name += ".s";
    }
    ifExists(piece, [&] { call(name, {}, operands); });
  });
  call("llvm.nvvm.cp.async.commit.group", {}, {});
}

Value MmaTileLowering::loadPiece(const CopyPlan &plan,
                                 const CopyPlan::Piece &piece, Value from,
                                 Value step) {
  Type type = plan.unit == kMmaPiece
                  ? Type(VectorType::get({4}, b.getI32Type()))
                  : Type(b.getIntegerType(8 * plan.unit));
  auto loadNow = [&]() -> Value {
    return LLVM::LoadOp::create(b, loc, type, from, /*alignment=*/plan.unit);
  };
  Value at = segmentDepth(step, piece);
  if (!at)
    return loadNow();
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, at,
                                       index(op.getDepth()));
  auto branch = scf::IfOp::create(b, loc, type, inside, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, loc, loadNow());
  b.setInsertionPointToStart(branch.elseBlock());
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  scf::YieldOp::create(b, loc, zero);
  return branch.getResult(0);
}

SmallVector<Value> MmaTileLowering::load(Value step) {
  SmallVector<Value> values;
  forPieces(state.write, [&](const CopyPlan &plan, const CopyPlan::Piece &piece,
                             Value from, Value) {
    values.push_back(loadPiece(plan, piece, from, step));
  });
  return values;
}

void MmaTileLowering::store(ArrayRef<Value> values) {
  forPieces(state.write, [&](const CopyPlan &plan, const CopyPlan::Piece &piece,
                             Value, Value to) {
    ifExists(piece, [&] {
      LLVM::StoreOp::create(b, loc, values.front(), to, plan.unit);
    });
    values = values.drop_front();
  });
}

/// From where the step after `step` is copied.
void MmaTileLowering::advanceSources(Value step) {
  std::optional<int64_t> apart = constantStep(lhsOffset(), 1);
  Value offset =
      apart ? index(*apart) : apply(lhsOffset(), add(step, index(1)));
  MutableArrayRef<Value> sources = state.sources;
  for (auto [source, first] :
       llvm::zip_first(sources.take_front(lhs.sources.size()), lhs.sources))
    source = after(apart ? source : first, offset);
  for (Value &source : sources.drop_front(lhs.sources.size()))
    source = after(source, weights.bytes);
}

/// Starts the copies of `step` to `buffer`; the values that are on their way in
/// registers.
SmallVector<Value> MmaTileLowering::startCopies(Value step, Value buffer) {
  SmallVector<Value> values;
  if (isAsync)
    issue(step, buffer);
  else
    values = load(step);
  advanceSources(step);
  return values;
}

/// Waits until copies of `pending` steps only are on their way.
void MmaTileLowering::finishCopies(ArrayRef<Value> values, int64_t pending) {
  if (!isAsync)
    return store(values);
  auto count = LLVM::ConstantOp::create(b, loc, b.getI32Type(),
                                        b.getI32IntegerAttr(pending));
  call("llvm.nvvm.cp.async.wait.group", {}, {count});
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// `count` matrices of eight rows of 16 bytes, from the buffer of this step.
SmallVector<Value> MmaTileLowering::loadMatrices(Value place, int64_t distance,
                                                 int64_t count) {
  SmallVector<Type> types(count, b.getI32Type());
  return call("llvm.nvvm.ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) +
                  ".b16",
              types, {after(after(place, state.read), distance)});
}

/// For each 16 rows of the warp, four words for its mma.sync; then for each
/// eight channels two, or one of nibbles.
SmallVector<Value> MmaTileLowering::loadFragments(int64_t depthStep) {
  SmallVector<Value> words;
  for (int64_t row = 0; row < tile[2]; row += 16)
    llvm::append_range(
        words, loadMatrices(lhsPlaces[depthStep], row * lhs.rowBytes, 4));
  int64_t count = matricesOfWeights(),
          channels = op.getPacked4() ? 8 * count : 4 * count;
  for (int64_t n = 0; n < tile[3]; n += channels)
    llvm::append_range(words, loadMatrices(weightPlaces[depthStep],
                                           n * weights.rowBytes, count));
  return words;
}

/// Two signed nibbles a byte -> bytes of 16 times as much: no sign to extend.
std::pair<Value, Value> MmaTileLowering::unpackNibbles(Value word) {
  Value low = arith::ShLIOp::create(b, loc, word, i32(4));
  Value mask = i32(int32_t(0xF0F0F0F0));
  return {arith::AndIOp::create(b, loc, low, mask),
          arith::AndIOp::create(b, loc, word, mask)};
}

/// 16 rows by 8 channels by 32 bytes; without m16n8k32, four of m8n8k16, whose
/// fragments are the quarters of its own.
void MmaTileLowering::multiplyFragments(ArrayRef<Value> a, Value low,
                                        Value high,
                                        MutableArrayRef<Value> sums) {
  StringRef left = op.getUnsignedLhs() ? "u8" : "s8",
            right = op.getUnsignedWeights() ? "u8" : "s8";
  std::string types = left.str();
  if (left != right)
    types += "." + right.str();
  Type i32 = b.getI32Type();
  auto multiplyInto = [&](StringRef shape, ArrayRef<Value> a,
                          ArrayRef<Value> words, MutableArrayRef<Value> c) {
    SmallVector<Value> operands(a);
    llvm::append_range(operands, words);
    llvm::append_range(operands, c);
    SmallVector<Type> results(c.size(), i32);
    SmallVector<Value> d =
        call(("llvm.nvvm.mma." + shape + ".row.col." + types).str(), results,
             operands);
    llvm::copy(d, c.begin());
  };
  if (target.hasCpAsync)
    return multiplyInto("m16n8k32", a, {low, high}, sums);
  for (int64_t half = 0; half < 2; ++half) {
    multiplyInto("m8n8k16", a[half], low, sums.slice(2 * half, 2));
    multiplyInto("m8n8k16", a[2 + half], high, sums.slice(2 * half, 2));
  }
}

/// Adds the products of the fragments.
void MmaTileLowering::multiply() {
  int64_t columns = tile[3] / 8;
  ArrayRef<Value> rows(state.fragments);
  SmallVector<Value> words(rows.drop_front(tile[2] / 4));
  if (op.getPacked4()) {
    SmallVector<Value> bytes;
    for (Value word : words) {
      auto [low, high] = unpackNibbles(word);
      bytes.append({low, high});
    }
    words = bytes;
  }
  for (int64_t i = 0; i < tile[2] / 16; ++i)
    for (int64_t j = 0; j < columns; ++j)
      multiplyFragments(
          rows.slice(4 * i, 4), words[2 * j], words[2 * j + 1],
          MutableArrayRef<Value>(state.sums).slice(4 * (i * columns + j), 4));
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// The first steps' copies, and the first fragments.
void MmaTileLowering::fill() {
  llvm::append_range(state.sources, lhs.sources);
  llvm::append_range(state.sources, weights.sources);
  state.sums.assign(tile[2] * tile[3] / 32, i32(0));
  state.read = state.write = i32(0);
  int64_t started = std::min(stages - 1, steps);
  SmallVector<Value> values;
  for (int64_t step = 0; step < started; ++step)
    values = startCopies(index(step), i32(step * bufferBytes()));
  finishCopies(values, started - 1);
  barrier();
  state.write = i32((stages - 1) * bufferBytes());
  state.fragments = loadFragments(0);
}

/// To the next step, whose copies go where this one was.
void MmaTileLowering::rotate() {
  Value next = state.write;
  if (stages > 2) {
    next = add(state.read, i32(bufferBytes()));
    Value isEnd = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, next,
                                        i32(stages * bufferBytes()));
    next = arith::SelectOp::create(b, loc, isEnd, i32(0), next);
  }
  state.write = std::exchange(state.read, next);
}

/// One step, in which the copies of `copied` start, if there is one. At its
/// end `pending` steps are on their way to their buffers; it is the last step
/// if there is no number.
void MmaTileLowering::emitStep(Value copied, std::optional<int64_t> pending) {
  SmallVector<Value> values;
  if (copied)
    values = startCopies(copied, state.write);
  for (int64_t depth = 0; depth < chunk; depth += kMmaDepth) {
    SmallVector<Value> next;
    if (depth + kMmaDepth < chunk) {
      next = loadFragments(depth / kMmaDepth + 1);
    } else if (pending) {
      finishCopies(values, *pending);
      barrier();
      rotate();
      next = loadFragments(0);
    }
    multiply();
    state.fragments = next;
  }
}

void MmaTileLowering::emitSteps() {
  fill();
  int64_t ahead = stages - 1, inLoop = std::max<int64_t>(steps - ahead, 0);
  if (inLoop > 0) {
    auto loop = scf::ForOp::create(b, loc, i32(ahead), i32(steps), i32(1),
                                   state.flat());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    state.assign(loop.getRegionIterArgs());
    emitStep(arith::IndexCastUIOp::create(b, loc, b.getIndexType(),
                                          loop.getInductionVar()),
             ahead - 1);
    scf::YieldOp::create(b, loc, state.flat());
    state.assign(loop.getResults());
  }
  for (int64_t step = inLoop; step + 1 < steps; ++step)
    emitStep({}, steps - 2 - step);
  emitStep({}, std::nullopt);
  // Of nibbles, sums are 16 times too large (kMmaMostNibbles).
  if (op.getPacked4())
    for (Value &sum : state.sums)
      sum = arith::ShRSIOp::create(b, loc, sum, i32(4));
}

LogicalResult MmaTileLowering::run() {
  FailureOr<SmallVector<int64_t>> known = stridesOfLhs();
  if (failed(known))
    return failure();
  strides = *known;
  AffineExpr d0 = b.getAffineDimExpr(0);
  int64_t threads = op.getNumThreads();
  block = apply(d0.floorDiv(threads), op.getThread());
  thread = apply(d0 % threads, op.getThread());
  lane = apply(d0 % 32, thread);
  warp = apply(d0.floorDiv(32), thread);
  chooseCopies();
  makeShared();
  planLhs();
  planWeights();
  planFragments();
  emitSteps();
  Value result = vector::FromElementsOp::create(
      b, loc, cast<VectorType>(op.getResult().getType()), state.sums);
  op.getResult().replaceAllUsesWith(result);
  op.erase();
  return success();
}
