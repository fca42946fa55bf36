//===- TableLookup.cpp - Tables of bytes in registers ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A gather whose positions are bytes reads at most 256 elements: four registers
// of 512 bits, which a loop loads once. All forms give the same elements.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Target/TargetInfo.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_CONVERTTABLELOOKUPPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

namespace {

constexpr int64_t kTableBytes = 256, kRegisterBytes = 64;

/// The bytes that are the positions of `op`, or null if it is no lookup: in all
/// lanes, from the start of a one-dimensional buffer, positions extended from
/// vectors of bytes without sign.
Value matchCodes(vector::GatherOp op) {
  auto memory = dyn_cast<MemRefType>(op.getBase().getType());
  if (!memory || memory.getRank() != 1 || op.getVectorType().getRank() != 1)
    return {};
  DenseElementsAttr mask;
  if (!matchPattern(op.getMask(), m_Constant(&mask)) || !mask.isSplat() ||
      !mask.getSplatValue<bool>() ||
      !matchPattern(op.getOffsets()[0], m_Zero()))
    return {};
  Operation *def = op.getIndices().getDefiningOp();
  if (!isa_and_present<arith::IndexCastUIOp, arith::ExtUIOp>(def))
    return {};
  Value codes = def->getOperand(0);
  return getElementTypeOrSelf(codes.getType()).isInteger(8) ? codes : Value();
}

// table[x] -> x < 128 ? vpermi2b(t0, x, t1) : vpermi2b(t2, x, t3)
//
// vpermi2b reads one of the 128 bytes of two registers by the low seven bits of
// a position; the eighth is the sign.
struct LookupInRegisters : OpRewritePattern<vector::GatherOp> {
  LookupInRegisters(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(vector::GatherOp op,
                                PatternRewriter &rewriter) const override {
    Value codes = matchCodes(op);
    if (!codes)
      return rewriter.notifyMatchFailure(op, "positions are no bytes");
    auto memory = cast<MemRefType>(op.getBase().getType());
    int64_t lanes = op.getVectorType().getNumElements();
    if (!memory.getElementType().isInteger(8) ||
        memory.getShape()[0] != kTableBytes || lanes > kRegisterBytes)
      return rewriter.notifyMatchFailure(op, "not a table of 256 bytes");
    Location loc = op.getLoc();
    auto type = VectorType::get({kRegisterBytes}, rewriter.getI8Type());
    Value wide = resize(rewriter, loc, codes, kRegisterBytes);
    SmallVector<Value> parts;
    for (int64_t at = 0; at < kTableBytes; at += kRegisterBytes) {
      Value offset = arith::ConstantIndexOp::create(rewriter, loc, at);
      parts.push_back(vector::LoadOp::create(rewriter, loc, type, op.getBase(),
                                             ValueRange{offset}));
    }
    auto permute = [&](Value low, Value high) -> Value {
      return LLVM::CallIntrinsicOp::create(
                 rewriter, loc, type,
                 rewriter.getStringAttr("llvm.x86.avx512.vpermi2var.qi.512"),
                 ValueRange{low, wide, high})
          .getResult(0);
    };
    Value low = permute(parts[0], parts[1]), high = permute(parts[2], parts[3]);
    Value zero =
        arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type));
    Value isHigh = arith::CmpIOp::create(rewriter, loc,
                                         arith::CmpIPredicate::slt, wide, zero);
    Value bytes = arith::SelectOp::create(rewriter, loc, isHigh, high, low);
    rewriter.replaceOp(op, resize(rewriter, loc, bytes, lanes));
    return success();
  }

private:
  /// The first `lanes` lanes of `value`; those that it lacks are undefined.
  static Value resize(PatternRewriter &rewriter, Location loc, Value value,
                      int64_t lanes) {
    int64_t given = cast<VectorType>(value.getType()).getNumElements();
    if (given == lanes)
      return value;
    SmallVector<int64_t> mask;
    for (int64_t i = 0; i < lanes; ++i)
      mask.push_back(i < given ? i : vector::ShuffleOp::kPoisonIndex);
    return vector::ShuffleOp::create(rewriter, loc, value, value, mask);
  }
};

// table[x] -> one load for each lane
struct LookupInMemory : OpRewritePattern<vector::GatherOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::GatherOp op,
                                PatternRewriter &rewriter) const override {
    Value codes = matchCodes(op);
    if (!codes)
      return rewriter.notifyMatchFailure(op, "positions are no bytes");
    Location loc = op.getLoc();
    SmallVector<Value> elements;
    for (int64_t i = 0; i < op.getVectorType().getNumElements(); ++i) {
      Value code =
          vector::ExtractOp::create(rewriter, loc, codes, ArrayRef<int64_t>{i});
      Value index = arith::IndexCastUIOp::create(rewriter, loc,
                                                 rewriter.getIndexType(), code);
      elements.push_back(memref::LoadOp::create(rewriter, loc, op.getBase(),
                                                ValueRange{index}));
    }
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, op.getVectorType(),
                                                        elements);
    return success();
  }
};

struct ConvertTableLookup
    : qopt::impl::ConvertTableLookupPassBase<ConvertTableLookup> {
  using ConvertTableLookupPassBase::ConvertTableLookupPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LookupInMemory>(&getContext());
    if (target != "portable") {
      llvm::Expected<TargetInfo> info = TargetInfo::get(target);
      if (!info) {
        getOperation()->emitError(llvm::toString(info.takeError()));
        return signalPassFailure();
      }
      if (info->hasVbmi)
        patterns.add<LookupInRegisters>(&getContext());
    }
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
