//===- ConvertMmaTile.cpp - Tiles of products by mma.sync -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The threads of a block copy one step of activations and weights after the
// other into shared memory and multiply what has arrived. With cp.async the
// copies of the next steps go on meanwhile:
//
//   issue steps 0 .. stages - 2
//   for c: wait for step c; barrier; issue step c + stages - 1; multiply step c
//
// The barrier also says that all have multiplied step c - 1, whose buffer the
// new copies go to. Without cp.async the next step waits in registers:
//
//   store step 0; barrier
//   for c: load step c + 1; multiply step c; store step c + 1; barrier
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
#include "qopt/Target/MmaLayout.h"
#include "qopt/Target/TargetInfo.h"
#include <numeric>

namespace qopt {
#define GEN_PASS_DEF_CONVERTMMATILEPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

constexpr unsigned kGlobal = 1, kShared = 3;

/// One side's part of a step, and this thread's share of copying it: pieces
/// of `unit` bytes, every `threads`-th one.
struct CopyPlan {
  int64_t rowBytes = 0, bytes = 0, unit = kMmaPiece;
  struct Piece {
    /// Address in global memory for step 0, place in a buffer.
    Value from, to;
    /// Of activations: the byte of the segment that it begins at.
    Value depth;
    /// Not every thread has it: null if they do.
    Value exists;
  };
  SmallVector<Piece> pieces;
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
  Value inGlobal(Value address);
  Value inShared(Value offset);

  // Addresses.
  Value addressOf(Value memref);
  AffineExpr linear(AffineMap map);
  int64_t knownAlignment();
  FailureOr<SmallVector<int64_t>> stridesOfLhs();
  void planLhs();
  void planWeights();
  Value numberOf(CopyPlan::Piece &piece, int64_t i, int64_t total);
  void makeShared();

  // Copies.
  void issue(Value step, Value buffer);
  void issueGuarded(Value step, Value buffer);
  SmallVector<Value> load(Value step);
  void store(ArrayRef<Value> values, Value buffer);
  Value offsetInLhs(Value step);
  Value offsetInWeights(Value step);
  Value segmentDepth(Value step, const CopyPlan::Piece &piece);
  Value loadPiece(const CopyPlan &plan, const CopyPlan::Piece &piece,
                  Value offset, Value step);
  void barrier();
  Value bufferOf(Value step, int64_t stages);

  // Products.
  void multiply(Value buffer);
  SmallVector<Value> loadMatrices(Value buffer, int64_t place, int64_t rowBytes,
                                  Value row, Value piece, int64_t count);
  SmallVector<Value> loadWeights(Value buffer, int64_t depthStep);
  std::pair<Value, Value> unpackNibbles(Value word);
  void multiplyFragments(ArrayRef<Value> a, Value low, Value high,
                         MutableArrayRef<Value> sums);
  void runAsync();
  void runThroughRegisters();
  void forSteps(function_ref<void(Value)> body);

  MmaTileOp op;
  const TargetInfo &target;
  OpBuilder b;
  Location loc;
  ArrayRef<int64_t> tile;
  int64_t chunk, chunksPerSegment, steps;
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  bool isAsync = false;
  CopyPlan lhs, weights;
  Value shared, thread, block, lane, warp;
  SmallVector<Value> sums;
};

struct ConvertMmaTile : qopt::impl::ConvertMmaTilePassBase<ConvertMmaTile> {
  using ConvertMmaTilePassBase::ConvertMmaTilePassBase;

  void runOnOperation() override {
    llvm::Expected<TargetInfo> info = TargetInfo::get(target);
    if (!info) {
      getOperation()->emitError(llvm::toString(info.takeError()));
      return signalPassFailure();
    }
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

Value MmaTileLowering::inGlobal(Value address) {
  auto type = LLVM::LLVMPointerType::get(b.getContext(), kGlobal);
  Value bits = arith::IndexCastUIOp::create(b, loc, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, loc, type, bits);
}

Value MmaTileLowering::inShared(Value offset) {
  auto type = LLVM::LLVMPointerType::get(b.getContext(), kShared);
  return LLVM::GEPOp::create(b, loc, type, b.getI8Type(), shared,
                             ArrayRef<LLVM::GEPArg>{offset});
}

void MmaTileLowering::barrier() {
  call("llvm.nvvm.barrier.cta.sync.aligned.all", {}, {i32(0)});
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

Value MmaTileLowering::addressOf(Value memref) {
  return memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref);
}

/// The place that `map` gives, in bytes from the start of `lhs`.
AffineExpr MmaTileLowering::linear(AffineMap map) {
  AffineExpr sum = b.getAffineConstantExpr(0);
  for (auto [expr, stride] : llvm::zip_equal(map.getResults(), strides))
    sum = sum + expr * stride;
  return simplifyAffineExpr(sum, 1, 0);
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
  int64_t threads = op.getNumThreads();
  lhs.rowBytes = chunk;
  lhs.bytes = tile[0] * chunk;
  lhs.unit = knownAlignment();
  // cp.async takes 4, 8 or 16 bytes, and fewer of them at the end of a segment.
  isAsync = target.hasCpAsync && lhs.unit >= 4 && tile[4] >= 2;
  if (!isAsync && op.getDepth() % chunk != 0)
    lhs.unit = std::gcd(lhs.unit, op.getDepth());
  int64_t perRow = chunk / lhs.unit, total = tile[0] * perRow;
  Value start = add(addressOf(op.getLhs()), index(offset));
  int64_t blocksAlong = llvm::divideCeil(op.getNumChannels(), tile[1]);
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value firstRow = apply(d0.floorDiv(blocksAlong) * tile[0], block);
  for (int64_t i = 0; i * threads < total; ++i) {
    CopyPlan::Piece piece;
    Value number = numberOf(piece, i, total);
    Value row = apply(d0.floorDiv(perRow), number);
    piece.depth = apply(d0 % perRow * lhs.unit, number);
    // Rows beyond the last one read that one; nobody stores their sums.
    Value clamped = arith::MinUIOp::create(b, loc, add(firstRow, row),
                                           index(op.getNumRows() - 1));
    piece.from =
        add(add(start, apply(linear(op.getRows()), clamped)), piece.depth);
    int64_t pieces = chunk / kMmaPiece;
    Value swizzle = apply(d0.floorDiv(8 / pieces) % pieces, row);
    Value place = arith::XOrIOp::create(
        b, loc, apply(d0.floorDiv(kMmaPiece), piece.depth), swizzle);
    place =
        add(mul(row, index(chunk)), add(mul(place, index(kMmaPiece)),
                                        apply(d0 % kMmaPiece, piece.depth)));
    piece.to = toI32(place);
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
  weights.rowBytes = op.getPacked4() ? chunk / 2 : chunk;
  weights.bytes = tile[1] * weights.rowBytes;
  int64_t total = weights.bytes / kMmaPiece;
  int64_t blocksAlong = llvm::divideCeil(op.getNumChannels(), tile[1]);
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value start = add(addressOf(op.getWeights()),
                    apply(d0 % blocksAlong * (steps * weights.bytes), block));
  for (int64_t i = 0; i * threads < total; ++i) {
    CopyPlan::Piece piece;
    Value number = numberOf(piece, i, total);
    Value place = mul(number, index(kMmaPiece));
    piece.from = add(start, place);
    piece.to = add(toI32(place), i32(lhs.bytes));
    weights.pieces.push_back(piece);
  }
}

void MmaTileLowering::makeShared() {
  auto kernel = op->getParentOfType<func::FuncOp>();
  std::string name = (kernel.getName() + "_shared").str();
  int64_t stages = isAsync ? tile[4] : 2;
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(),
                                       stages * (lhs.bytes + weights.bytes));
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

Value MmaTileLowering::offsetInLhs(Value step) {
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value segment = apply(d0.floorDiv(chunksPerSegment), step);
  return add(apply(linear(op.getOffsets()), segment),
             apply(d0 % chunksPerSegment * chunk, step));
}

Value MmaTileLowering::offsetInWeights(Value step) {
  return mul(step, index(weights.bytes));
}

/// The byte of its segment that the piece begins at in `step`; null where no
/// piece leaves its segment.
Value MmaTileLowering::segmentDepth(Value step, const CopyPlan::Piece &piece) {
  if (!piece.depth || op.getDepth() % chunk == 0)
    return {};
  AffineExpr d0 = b.getAffineDimExpr(0);
  return add(apply(d0 % chunksPerSegment * chunk, step), piece.depth);
}

/// Starts the copies of `step`. Bytes beyond the end of a segment are zeros.
void MmaTileLowering::issue(Value step, Value buffer) {
  Value offsets[] = {offsetInLhs(step), offsetInWeights(step)};
  const CopyPlan *plans[] = {&lhs, &weights};
  for (auto [plan, offset] : llvm::zip_equal(plans, offsets))
    for (const CopyPlan::Piece &piece : plan->pieces) {
      OpBuilder::InsertionGuard guard(b);
      if (piece.exists) {
        auto branch = scf::IfOp::create(b, loc, piece.exists, false);
        b.setInsertionPointToStart(branch.thenBlock());
      }
      SmallVector<Value> operands = {inShared(add(buffer, piece.to)),
                                     inGlobal(add(piece.from, offset))};
      std::string name = plan->unit == kMmaPiece
                             ? "llvm.nvvm.cp.async.cg.shared.global."
                             : "llvm.nvvm.cp.async.ca.shared.global.";
      name += std::to_string(plan->unit);
      if (Value at = segmentDepth(step, piece)) {
        Value end = index(op.getDepth());
        Value rest = arith::SubIOp::create(
            b, loc, end, arith::MinUIOp::create(b, loc, at, end));
        rest = arith::MinUIOp::create(b, loc, rest, index(plan->unit));
        operands.push_back(toI32(rest));
        name += ".s";
      }
      call(name, {}, operands);
    }
}

/// The same if there is such a step.
void MmaTileLowering::issueGuarded(Value step, Value buffer) {
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, step,
                                       index(steps));
  auto branch = scf::IfOp::create(b, loc, exists, false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  issue(step, buffer);
}

Value MmaTileLowering::loadPiece(const CopyPlan &plan,
                                 const CopyPlan::Piece &piece, Value offset,
                                 Value step) {
  Type type = plan.unit == kMmaPiece
                  ? Type(VectorType::get({4}, b.getI32Type()))
                  : Type(b.getIntegerType(8 * plan.unit));
  auto loadNow = [&]() -> Value {
    return LLVM::LoadOp::create(b, loc, type, inGlobal(add(piece.from, offset)),
                                /*alignment=*/plan.unit);
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
  Value inLhs = offsetInLhs(step), inWeights = offsetInWeights(step);
  for (const CopyPlan::Piece &piece : lhs.pieces)
    values.push_back(loadPiece(lhs, piece, inLhs, step));
  for (const CopyPlan::Piece &piece : weights.pieces)
    values.push_back(loadPiece(weights, piece, inWeights, step));
  return values;
}

void MmaTileLowering::store(ArrayRef<Value> values, Value buffer) {
  for (const CopyPlan *plan : {&lhs, &weights})
    for (const CopyPlan::Piece &piece : plan->pieces) {
      OpBuilder::InsertionGuard guard(b);
      if (piece.exists) {
        auto branch = scf::IfOp::create(b, loc, piece.exists, false);
        b.setInsertionPointToStart(branch.thenBlock());
      }
      LLVM::StoreOp::create(b, loc, values.front(),
                            inShared(add(buffer, piece.to)), plan->unit);
      values = values.drop_front();
    }
}

/// The place of the buffer that `step` goes through.
Value MmaTileLowering::bufferOf(Value step, int64_t stages) {
  Value number = arith::RemUIOp::create(b, loc, step, index(stages));
  return mul(toI32(number), i32(lhs.bytes + weights.bytes));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// `count` matrices of eight rows of 16 bytes; `row` and `piece` are those of
/// the row whose address this lane gives.
SmallVector<Value> MmaTileLowering::loadMatrices(Value buffer, int64_t place,
                                                 int64_t rowBytes, Value row,
                                                 Value piece, int64_t count) {
  int64_t pieces = rowBytes / kMmaPiece;
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value swizzle = apply(d0.floorDiv(8 / pieces) % pieces, row);
  Value at =
      mul(arith::XOrIOp::create(b, loc, piece, swizzle), index(kMmaPiece));
  at = toI32(add(at, mul(row, index(rowBytes))));
  Value address = inShared(add(add(buffer, i32(place)), at));
  SmallVector<Type> types(count, b.getI32Type());
  return call("llvm.nvvm.ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) +
                  ".b16",
              types, {address});
}

/// Two signed nibbles a byte -> bytes:
///   x & 15, and 30 times its sign bit, 8, is 0xF0: no carry leaves a byte.
std::pair<Value, Value> MmaTileLowering::unpackNibbles(Value word) {
  auto extend = [&](Value bits) {
    Value low = arith::AndIOp::create(b, loc, bits, i32(0x0F0F0F0F));
    Value sign = arith::AndIOp::create(b, loc, bits, i32(0x08080808));
    return Value(arith::OrIOp::create(b, loc, low, mul(sign, i32(30))));
  };
  Value high = arith::ShRUIOp::create(b, loc, word, i32(4));
  return {extend(word), extend(high)};
}

/// For each eight channels of the warp, its two words for one mma.sync.
SmallVector<Value> MmaTileLowering::loadWeights(Value buffer,
                                                int64_t depthStep) {
  AffineExpr d0 = b.getAffineDimExpr(0);
  int64_t warpsAlong = tile[1] / tile[3];
  Value first = apply(d0 % warpsAlong * tile[3], warp);
  SmallVector<Value> words;
  if (!op.getPacked4()) {
    // Matrices: channels 0-7 and their bytes 0-15, 16-31, then 8-15.
    Value row = apply(d0 % 8 + d0.floorDiv(16) * 8, lane);
    Value piece = add(apply(d0.floorDiv(8) % 2, lane), index(2 * depthStep));
    for (int64_t n = 0; n < tile[3]; n += 16)
      llvm::append_range(
          words, loadMatrices(buffer, lhs.bytes, weights.rowBytes,
                              add(add(first, row), index(n)), piece, 4));
    return words;
  }
  int64_t count = tile[3] % 32 == 0 ? 4 : 2;
  for (int64_t n = 0; n < tile[3]; n += 8 * count) {
    Value row = add(first, add(apply(d0 % (8 * count), lane), index(n)));
    for (Value word : loadMatrices(buffer, lhs.bytes, weights.rowBytes, row,
                                   index(depthStep), count)) {
      auto [low, high] = unpackNibbles(word);
      words.append({low, high});
    }
  }
  return words;
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

/// Adds the products of the step in `buffer`.
void MmaTileLowering::multiply(Value buffer) {
  AffineExpr d0 = b.getAffineDimExpr(0);
  int64_t warpsAlong = tile[1] / tile[3], columns = tile[3] / 8;
  Value first = apply(d0.floorDiv(warpsAlong) * tile[2], warp);
  Value row = add(first, apply(d0 % 16, lane));
  Value half = apply(d0.floorDiv(16), lane);
  for (int64_t depthStep = 0; depthStep < chunk / kMmaDepth; ++depthStep) {
    SmallVector<Value> words = loadWeights(buffer, depthStep);
    for (int64_t i = 0; i < tile[2] / 16; ++i) {
      // Matrices: rows 0-7, 8-15 of bytes 0-15, then of bytes 16-31.
      SmallVector<Value> a =
          loadMatrices(buffer, 0, lhs.rowBytes, add(row, index(16 * i)),
                       add(half, index(2 * depthStep)), 4);
      for (int64_t j = 0; j < columns; ++j)
        multiplyFragments(
            a, words[2 * j], words[2 * j + 1],
            MutableArrayRef<Value>(sums).slice(4 * (i * columns + j), 4));
    }
  }
}

void MmaTileLowering::forSteps(function_ref<void(Value)> body) {
  auto loop =
      scf::ForOp::create(b, loc, index(0), index(steps), index(1), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  sums.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  body(loop.getInductionVar());
  scf::YieldOp::create(b, loc, sums);
  sums.assign(loop.getResults().begin(), loop.getResults().end());
}

void MmaTileLowering::runAsync() {
  int64_t stages = tile[4];
  for (int64_t i = 0; i + 1 < stages; ++i) {
    if (i < steps)
      issue(index(i), i32(i * (lhs.bytes + weights.bytes)));
    call("llvm.nvvm.cp.async.commit.group", {}, {});
  }
  forSteps([&](Value step) {
    auto pending = LLVM::ConstantOp::create(b, loc, b.getI32Type(),
                                            b.getI32IntegerAttr(stages - 2));
    call("llvm.nvvm.cp.async.wait.group", {}, {pending});
    barrier();
    Value next = add(step, index(stages - 1));
    issueGuarded(next, bufferOf(next, stages));
    call("llvm.nvvm.cp.async.commit.group", {}, {});
    multiply(bufferOf(step, stages));
  });
}

void MmaTileLowering::runThroughRegisters() {
  store(load(index(0)), i32(0));
  barrier();
  forSteps([&](Value step) {
    // After the last step, it comes once more.
    Value next = add(step, index(1));
    SmallVector<Value> values =
        load(arith::MinUIOp::create(b, loc, next, index(steps - 1)));
    multiply(bufferOf(step, 2));
    store(values, bufferOf(next, 2));
    barrier();
  });
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
  planLhs();
  planWeights();
  makeShared();
  sums.assign(tile[2] * tile[3] / 32, i32(0));
  if (isAsync)
    runAsync();
  else
    runThroughRegisters();
  Value result = vector::FromElementsOp::create(
      b, loc, cast<VectorType>(op.getResult().getType()), sums);
  op.getResult().replaceAllUsesWith(result);
  op.erase();
  return success();
}
