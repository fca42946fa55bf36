//===- TileDot.cpp - Products of tiles as instructions --------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sums of a tile are in memory: AMX has no other way to the vector
// registers, and they would not fit there. Tile registers are numbered by hand,
// so that the same code comes out at all levels of optimization; their shapes
// are configured where they change, in front of a loop nest wherever possible.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "qopt/Conversion/LoopAnnotations.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/DotForm.h"
#include "qopt/Target/LookUpTarget.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_CONVERTTILEDOTPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

namespace {

constexpr int64_t kRowBytes = 64, kTileBytes = 1024;

/// The addresses of one qopt.tile_dot, and the loops over its segments.
class TileDotLowering {
public:
  TileDotLowering(RewriterBase &b, TileDotOp op)
      : b(b), op(op), loc(op.getLoc()),
        type(cast<VectorType>(op.getResult().getType())) {}
  virtual ~TileDotLowering() = default;

  void run();

protected:
  /// A number known now plus, perhaps, one known at run time.
  struct Offset {
    Value dynamic;
    int64_t constant = 0;
  };

  /// Fills the sums: see `segments`.
  virtual void emitProducts() = 0;

  /// Calls `body` with the offsets of every chunk of every segment from the
  /// first byte of activations and of a block of weights.
  void forChunks(function_ref<void(Offset, Offset)> body) {
    forSegments(0, {}, {}, body);
  }
  Offset add(Offset offset, int64_t constant) {
    return {offset.dynamic, offset.constant + constant};
  }
  Offset addTimes(Offset offset, Value counter, Value factor);
  Value address(Value base, Offset offset);
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  int64_t blocks() const { return type.getDimSize(1); }
  int64_t blockBytes();
  void forLoop(int64_t count, function_ref<void(Value)> body);

  RewriterBase &b;
  TileDotOp op;
  Location loc;
  VectorType type;
  /// [rows, blocks, lanes] sums.
  Value sums;
  /// Addresses of the first byte of activations, weights and sums; the distance
  /// of rows of activations in bytes.
  Value activations, weights, sumsBase, rowStep;

private:
  Value firstByte(Value memref, ValueRange indices);
  Value distance(ArrayRef<int64_t> steps);
  void forSegments(size_t level, Offset a, Offset w,
                   function_ref<void(Offset, Offset)> body);
  void replaceReads();

  SmallVector<Value> strides;
};

/// Without tiles: four bytes at a time against vectors of 16 channels.
class PlainTileDot : public TileDotLowering {
public:
  using TileDotLowering::TileDotLowering;

private:
  void emitProducts() override;
  void emitSums(Value row, int64_t block);
};

/// The tile registers of activations and of weights. Sums are in the registers
/// in front of them. The hardware renames: one of each is as fast as two, and
/// much faster where few registers are left for that (`TileGroup`).
struct OperandTiles {
  int64_t row = 4, block = 6;
};

/// The rows of a window, and the bytes of a chunk.
using TileShape = std::pair<int64_t, int64_t>;

/// The 64 bytes that the instruction ldtilecfg loads.
using TileConfiguration = SmallVector<int8_t, 64>;

/// AMX.
class AmxTileDot : public TileDotLowering {
public:
  AmxTileDot(RewriterBase &b, TileDotOp op, OperandTiles tiles)
      : TileDotLowering(b, op), tiles(tiles),
        group(TileGroup::of(op.getWindows().size(), blocks(), blockBytes())) {}

private:
  void emitProducts() override;
  void emitGroup(ArrayRef<int64_t> windows, int64_t first, int64_t count);
  void prefetchBehind(Offset tile);

  /// How often the weights are loaded.
  int64_t passes() {
    return llvm::divideCeil(op.getWindows().size(), group.rows);
  }
  int64_t sumTile(int64_t row, int64_t block) const {
    return row * group.blocks + block;
  }

  OperandTiles tiles;
  TileGroup group;
  /// Of all times that the weights are loaded in all turns, the number of this
  /// one; null where nothing is fetched for later.
  Value pass;
};

} // namespace

//===----------------------------------------------------------------------===//
// Addresses and loops
//===----------------------------------------------------------------------===//

/// The address of an element, as an index.
Value TileDotLowering::firstByte(Value memref, ValueRange indices) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, memref);
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref);
  address = arith::AddIOp::create(b, loc, address, metadata.getOffset());
  for (auto [index, stride] : llvm::zip(indices, metadata.getStrides()))
    address = arith::AddIOp::create(
        b, loc, address, arith::MulIOp::create(b, loc, index, stride));
  if (memref == op.getActivations())
    strides.assign(metadata.getStrides().begin(), metadata.getStrides().end());
  return address;
}

/// How many bytes apart activations are that are `steps` apart.
Value TileDotLowering::distance(ArrayRef<int64_t> steps) {
  Value sum = constant(0);
  for (auto [step, stride] : llvm::zip_equal(steps, strides))
    if (step != 0)
      sum = arith::AddIOp::create(
          b, loc, sum, arith::MulIOp::create(b, loc, constant(step), stride));
  return sum;
}

int64_t TileDotLowering::blockBytes() {
  int64_t rows = op.chunks() * op.chunkBytes() / 4;
  for (int64_t count : op.getSegments())
    rows *= count;
  return rows * kRowBytes;
}

TileDotLowering::Offset TileDotLowering::addTimes(Offset offset, Value counter,
                                                  Value factor) {
  Value product = arith::MulIOp::create(b, loc, counter, factor);
  if (offset.dynamic)
    product = arith::AddIOp::create(b, loc, offset.dynamic, product);
  return {product, offset.constant};
}

Value TileDotLowering::address(Value base, Offset offset) {
  if (offset.dynamic)
    base = arith::AddIOp::create(b, loc, base, offset.dynamic);
  if (offset.constant)
    base = arith::AddIOp::create(b, loc, base, constant(offset.constant));
  Value bits = arith::IndexCastOp::create(b, loc, b.getI64Type(), base);
  return LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext()), bits);
}

void TileDotLowering::forLoop(int64_t count, function_ref<void(Value)> body) {
  if (count == 1)
    return body(constant(0));
  auto loop =
      scf::ForOp::create(b, loc, constant(0), constant(count), constant(1));
  keepRolled(loop);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void TileDotLowering::forSegments(size_t level, Offset a, Offset w,
                                  function_ref<void(Offset, Offset)> body) {
  int64_t rank = op.getRowStep().size(), chunk = op.chunkBytes();
  if (level < op.getSegments().size()) {
    Value step = distance(op.getSegmentSteps().slice(level * rank, rank));
    int64_t below = op.chunks() * chunk / 4 * kRowBytes;
    for (int64_t count : op.getSegments().drop_front(level + 1))
      below *= count;
    return forLoop(op.getSegments()[level], [&](Value i) {
      forSegments(level + 1, addTimes(a, i, step),
                  addTimes(w, i, constant(below)), body);
    });
  }
  int64_t whole = op.getDepth() / chunk;
  forLoop(whole, [&](Value i) {
    body(addTimes(a, i, constant(chunk)),
         addTimes(w, i, constant(chunk / 4 * kRowBytes)));
  });
  // What is left moves back to the segment's end.
  if (whole < op.chunks())
    body(add(a, op.getDepth() - chunk), add(w, whole * kTileBytes));
}

void TileDotLowering::run() {
  auto func = op->getParentOfType<func::FuncOp>();
  b.setInsertionPointToStart(&func.getBody().front());
  sums = memref::AllocaOp::create(
      b, loc, MemRefType::get(type.getShape(), type.getElementType()),
      b.getI64IntegerAttr(kRowBytes));
  b.setInsertionPoint(op);
  activations = firstByte(op.getActivations(), op.getActivationIndices());
  weights = firstByte(op.getWeights(), op.getWeightIndices());
  sumsBase = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, sums);
  rowStep = distance(op.getRowStep());
  emitProducts();
  replaceReads();
}

/// Reads of vectors of sums become loads, where they are.
void TileDotLowering::replaceReads() {
  for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
    auto extract = cast<vector::ExtractOp>(user);
    b.setInsertionPoint(extract);
    SmallVector<Value> place;
    for (OpFoldResult index : extract.getMixedPosition())
      place.push_back(getValueOrCreateConstantIndexOp(b, loc, index));
    place.push_back(constant(0));
    b.replaceOpWithNewOp<vector::LoadOp>(
        extract, cast<VectorType>(extract.getResult().getType()), sums, place);
  }
  b.eraseOp(op);
}

//===----------------------------------------------------------------------===//
// Without tiles
//===----------------------------------------------------------------------===//

void PlainTileDot::emitProducts() {
  for (int64_t window : op.getWindows())
    forLoop(op.windowRows(), [&](Value i) {
      Value row = arith::AddIOp::create(b, loc, i, constant(window));
      for (int64_t block = 0; block < blocks(); ++block)
        emitSums(row, block);
    });
}

// sums[row, block] = 0; for every chunk, 4 bytes at a time:
// sums[row, block] = dot(sums[row, block], splat(a), w)
void PlainTileDot::emitSums(Value row, int64_t block) {
  auto vector = VectorType::get({type.getDimSize(2)}, b.getI32Type());
  auto bytes = VectorType::get({4 * type.getDimSize(2)}, b.getI8Type());
  SmallVector<Value> place{row, constant(block), constant(0)};
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vector));
  vector::StoreOp::create(b, loc, zero, sums, place);
  forChunks([&](Offset a, Offset w) {
    a = addTimes(a, row, rowStep);
    w = add(w, block * blockBytes());
    forLoop(op.chunkBytes() / 4, [&](Value i) {
      Value quad = LLVM::LoadOp::create(
          b, loc, b.getI32Type(),
          address(activations, addTimes(a, i, constant(4))), /*alignment=*/1);
      quad = vector::BroadcastOp::create(b, loc, vector, quad);
      quad = vector::BitCastOp::create(b, loc, bytes, quad);
      Value row = LLVM::LoadOp::create(
          b, loc, bytes, address(weights, addTimes(w, i, constant(kRowBytes))),
          /*alignment=*/1);
      Value sum = vector::LoadOp::create(b, loc, vector, sums, place);
      sum = DotOp::create(b, loc, vector, sum, quad, row, op.getUnsignedA(),
                          op.getUnsignedB(), IntegerAttr(), IntegerAttr());
      vector::StoreOp::create(b, loc, sum, sums, place);
    });
  });
}

//===----------------------------------------------------------------------===//
// AMX
//===----------------------------------------------------------------------===//

static TileShape shapeOf(TileDotOp op) {
  return {op.windowRows(), op.chunkBytes()};
}

/// What a tile holds: rows, and the bytes of each.
static void describeTile(TileConfiguration &bytes, int64_t tile, int64_t rows,
                         int64_t rowBytes) {
  bytes[16 + 2 * tile] = rowBytes;
  bytes[48 + tile] = rows;
}

/// Tiles of sums, then the operands of each shape.
static TileConfiguration configurationOf(ArrayRef<TileShape> shapes,
                                         ArrayRef<OperandTiles> operands) {
  TileConfiguration bytes(64, 0);
  bytes[0] = 1; // the palette
  for (int64_t tile = 0; tile < 4; ++tile)
    describeTile(bytes, tile, shapes[0].first, kRowBytes);
  for (auto [shape, tiles] : llvm::zip_equal(shapes, operands)) {
    auto [rows, chunkBytes] = shape;
    describeTile(bytes, tiles.row, rows, chunkBytes);
    describeTile(bytes, tiles.block, chunkBytes / 4, kRowBytes);
  }
  return bytes;
}

/// Operands that number tiles come first.
static void callTiles(OpBuilder &b, Location loc, StringRef intrinsic,
                      ArrayRef<int64_t> tiles, ValueRange operands = {}) {
  SmallVector<Value> all;
  for (int64_t tile : tiles)
    all.push_back(LLVM::ConstantOp::create(b, loc, b.getI8Type(), tile));
  all.append(operands.begin(), operands.end());
  LLVM::CallIntrinsicOp::create(
      b, loc, b.getStringAttr(("llvm.x86." + intrinsic).str()), all);
}

void AmxTileDot::emitProducts() {
  ArrayRef<int64_t> windows = op.getWindows();
  // What is loaded once is loaded in order, as the hardware foresees.
  if (op.getTurn() && passes() * *op.getTurns() > 1)
    pass = arith::MulIOp::create(b, loc, op.getTurn(), constant(passes()));
  while (!windows.empty()) {
    int64_t rows = std::min<int64_t>(group.rows, windows.size());
    for (int64_t block = 0; block < blocks(); block += group.blocks)
      emitGroup(windows.take_front(rows), block,
                std::min(group.blocks, blocks() - block));
    windows = windows.drop_front(rows);
    if (pass)
      pass = arith::AddIOp::create(b, loc, pass, constant(1));
  }
}

/// Of the tile of the weights that follow, which lies where `tile` lies in
/// these, this pass's share of its lines. Pass p of P fetches
///   share = ceil(1024 / P)   bytes from   p * share   on.
void AmxTileDot::prefetchBehind(Offset tile) {
  int64_t share = llvm::divideCeil(kTileBytes, passes() * *op.getTurns());
  Offset first =
      addTimes(add(tile, blocks() * blockBytes()), pass, constant(share));
  for (int64_t line = 0; line < share; line += kRowBytes)
    LLVM::Prefetch::create(b, loc, address(weights, add(first, line)),
                           /*rw=*/0, /*hint=*/2, /*cache=*/1);
}

void AmxTileDot::emitGroup(ArrayRef<int64_t> windows, int64_t first,
                           int64_t count) {
  auto i64 = [&](Value index) {
    return arith::IndexCastOp::create(b, loc, b.getI64Type(), index)
        .getResult();
  };
  for (size_t row = 0; row < windows.size(); ++row)
    for (int64_t block = 0; block < count; ++block)
      callTiles(b, loc, "tilezero", {sumTile(row, block)});
  StringRef product = op.getUnsignedA()
                          ? op.getUnsignedB() ? "tdpbuud" : "tdpbusd"
                      : op.getUnsignedB() ? "tdpbsud"
                                          : "tdpbssd";
  forChunks([&](Offset a, Offset w) {
    std::optional<int64_t> loaded;
    for (auto [row, window] : llvm::enumerate(windows)) {
      Offset at = addTimes(a, constant(window), rowStep);
      callTiles(b, loc, "tileloadd64", {tiles.row},
                {address(activations, at), i64(rowStep)});
      for (int64_t i = 0; i < count; ++i) {
        // There and back, so that the next row finds the last weights.
        int64_t block = row % 2 == 0 ? i : count - 1 - i;
        if (loaded != block) {
          Offset from = add(w, (first + block) * blockBytes());
          callTiles(b, loc, "tileloadd64", {tiles.block},
                    {address(weights, from), i64(constant(kRowBytes))});
          if (pass && row == 0)
            prefetchBehind(from);
        }
        loaded = block;
        callTiles(b, loc, product,
                  {sumTile(row, block), tiles.row, tiles.block});
      }
    }
  });
  // A tile of zeros takes no register that others could be renamed to.
  callTiles(b, loc, "tilezero", {tiles.row});
  callTiles(b, loc, "tilezero", {tiles.block});
  int64_t sumRow = blocks() * kRowBytes;
  for (auto [row, window] : llvm::enumerate(windows))
    for (int64_t block = 0; block < count; ++block)
      callTiles(b, loc, "tilestored64", {sumTile(row, block)},
                {address(sumsBase,
                         {{}, window * sumRow + (first + block) * kRowBytes}),
                 i64(constant(sumRow))});
}

//===----------------------------------------------------------------------===//
// Configuration
//===----------------------------------------------------------------------===//

namespace {
/// Configures tiles in front of each loop nest of a function that needs others
/// than the one before it, and releases them at the end.
class AmxConfigurer {
public:
  AmxConfigurer(RewriterBase &b, func::FuncOp func) : b(b), func(func) {}

  void run();
  OperandTiles operandsOf(TileDotOp op) const { return operands.lookup(op); }

private:
  void configureNest(Operation *op);
  void configure(Operation *before, const TileConfiguration &bytes);
  void release();

  RewriterBase &b;
  func::FuncOp func;
  llvm::DenseMap<Operation *, OperandTiles> operands;
  /// What is configured after what was visited last; empty if that depends.
  TileConfiguration current;
};
} // namespace

void AmxConfigurer::configure(Operation *before,
                              const TileConfiguration &bytes) {
  Location loc = before->getLoc();
  auto type = MemRefType::get({kRowBytes}, b.getI8Type());
  b.setInsertionPointToStart(&func.getBody().front());
  Value memory =
      memref::AllocaOp::create(b, loc, type, b.getI64IntegerAttr(kRowBytes));
  b.setInsertionPoint(before);
  Value values = arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(VectorType::get({kRowBytes}, b.getI8Type()),
                             ArrayRef<int8_t>(bytes)));
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  vector::StoreOp::create(b, loc, values, memory, zero);
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memory);
  address = arith::IndexCastOp::create(b, loc, b.getI64Type(), address);
  address = LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext()), address);
  LLVM::CallIntrinsicOp::create(b, loc, b.getStringAttr("llvm.x86.ldtilecfg"),
                                address);
}

void AmxConfigurer::release() {
  func.walk([&](func::ReturnOp op) {
    b.setInsertionPoint(op);
    LLVM::CallIntrinsicOp::create(
        b, op.getLoc(), b.getStringAttr("llvm.x86.tilerelease"), ValueRange());
  });
}

/// One configuration where the products inside `op` have one shape, or two with
/// windows of as many rows: those share the tiles of sums, and have tiles of
/// their own for their operands. Otherwise, a body is configured piece by
/// piece.
void AmxConfigurer::configureNest(Operation *op) {
  SmallVector<TileDotOp> dots;
  bool hasCalls = false;
  op->walk([&](Operation *inner) {
    hasCalls |= isa<CallOpInterface>(inner);
    if (auto dot = dyn_cast<TileDotOp>(inner))
      dots.push_back(dot);
  });
  // Who is called, such as a task, leaves its own tiles behind, or none.
  if (hasCalls)
    current.clear();
  if (dots.empty())
    return;
  SmallVector<TileShape> shapes;
  for (TileDotOp dot : dots)
    if (!llvm::is_contained(shapes, shapeOf(dot)))
      shapes.push_back(shapeOf(dot));
  SmallVector<OperandTiles> tiles{OperandTiles()};
  if (shapes.size() == 2 && shapes[0].first == shapes[1].first)
    tiles = {{4, 6}, {5, 7}};
  if (shapes.size() == tiles.size() && !hasCalls) {
    for (TileDotOp dot : dots)
      operands[dot] = tiles[llvm::find(shapes, shapeOf(dot)) - shapes.begin()];
    TileConfiguration bytes = configurationOf(shapes, tiles);
    if (bytes != current)
      configure(op, bytes);
    current = bytes;
    return;
  }
  // A body begins with what its end has left, too, and not with what another
  // body of the operation has.
  for (Region &region : op->getRegions())
    for (Block &block : region) {
      current.clear();
      for (Operation &inner : llvm::make_early_inc_range(block))
        configureNest(&inner);
    }
  current.clear();
}

void AmxConfigurer::run() {
  for (Operation &op : llvm::make_early_inc_range(func.getBody().front()))
    configureNest(&op);
  release();
}

namespace {
struct ConvertTileDot : qopt::impl::ConvertTileDotPassBase<ConvertTileDot> {
  using ConvertTileDotPassBase::ConvertTileDotPassBase;

  void runOnOperation() override {
    bool hasAmx = false;
    if (target != "portable") {
      FailureOr<TargetInfo> known = lookUpTarget(getOperation(), target);
      if (failed(known))
        return signalPassFailure();
      hasAmx = known->hasAmx;
    }
    SmallVector<TileDotOp> ops;
    getOperation().walk([&](TileDotOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    IRRewriter b(&getContext());
    if (failed(checkReads(ops)))
      return signalPassFailure();
    if (!hasAmx) {
      for (TileDotOp op : ops)
        PlainTileDot(b, op).run();
      return;
    }
    AmxConfigurer configurer(b, getOperation());
    configurer.run();
    for (TileDotOp op : ops)
      AmxTileDot(b, op, configurer.operandsOf(op)).run();
  }

private:
  static LogicalResult checkReads(ArrayRef<TileDotOp> ops) {
    for (TileDotOp op : ops) {
      if (!isa<MemRefType>(op.getActivations().getType()) ||
          !isa<MemRefType>(op.getWeights().getType()))
        return op->emitOpError("expects buffers; run qopt-bufferize first");
      for (Operation *user : op->getUsers()) {
        auto extract = dyn_cast<vector::ExtractOp>(user);
        if (!extract || extract.getMixedPosition().size() != 2)
          return user->emitOpError("expects sums of qopt.tile_dot to be read a "
                                   "vector at a time");
      }
    }
    return success();
  }
};
} // namespace
