//===- TableLookup.cpp - Tables of bytes in registers ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A gather whose positions are bytes reads at most 256 elements: four registers
// of 512 bits or sixteen of 128, which a loop loads once. All forms give the
// same elements.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Target/LookUpTarget.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_CONVERTTABLELOOKUPPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

namespace {

constexpr int64_t kTableBytes = 256;

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

/// A table of 256 bytes in registers of `registerBytes`.
struct LookupInRegisters : OpRewritePattern<vector::GatherOp> {
  LookupInRegisters(MLIRContext *context, int64_t registerBytes)
      : OpRewritePattern(context, /*benefit=*/2), registerBytes(registerBytes) {
  }

  LogicalResult matchAndRewrite(vector::GatherOp op,
                                PatternRewriter &rewriter) const override {
    Value codes = matchCodes(op);
    if (!codes)
      return rewriter.notifyMatchFailure(op, "positions are no bytes");
    auto memory = cast<MemRefType>(op.getBase().getType());
    int64_t lanes = op.getVectorType().getNumElements();
    if (!memory.getElementType().isInteger(8) ||
        memory.getShape()[0] != kTableBytes || lanes > registerBytes)
      return rewriter.notifyMatchFailure(op, "not a table of 256 bytes");
    Location loc = op.getLoc();
    auto type = VectorType::get({registerBytes}, rewriter.getI8Type());
    SmallVector<Value> table;
    for (int64_t at = 0; at < kTableBytes; at += registerBytes) {
      Value offset = arith::ConstantIndexOp::create(rewriter, loc, at);
      table.push_back(vector::LoadOp::create(rewriter, loc, type, op.getBase(),
                                             ValueRange{offset}));
    }
    Value wide = resize(rewriter, loc, codes, registerBytes);
    Value bytes = lookUp(rewriter, loc, table, wide);
    rewriter.replaceOp(op, resize(rewriter, loc, bytes, lanes));
    return success();
  }

protected:
  virtual Value lookUp(PatternRewriter &rewriter, Location loc,
                       ArrayRef<Value> table, Value codes) const = 0;

  static Value call(PatternRewriter &rewriter, Location loc,
                    StringRef intrinsic, Type type, ArrayRef<Value> operands) {
    return LLVM::CallIntrinsicOp::create(
               rewriter, loc, type, rewriter.getStringAttr(intrinsic), operands)
        .getResult(0);
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

  int64_t registerBytes;
};

// table[x] -> x < 128 ? vpermi2b(t0, x, t1) : vpermi2b(t2, x, t3)
//
// vpermi2b reads one of the 128 bytes of two registers by the low seven bits of
// a position; the eighth is the sign.
struct LookupByPermute : LookupInRegisters {
  LookupByPermute(MLIRContext *context) : LookupInRegisters(context, 64) {}

  Value lookUp(PatternRewriter &rewriter, Location loc, ArrayRef<Value> table,
               Value codes) const override {
    Type type = codes.getType();
    auto permute = [&](Value low, Value high) {
      return call(rewriter, loc, "llvm.x86.avx512.vpermi2var.qi.512", type,
                  {low, codes, high});
    };
    Value low = permute(table[0], table[1]), high = permute(table[2], table[3]);
    Value zero =
        arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type));
    Value isHigh = arith::CmpIOp::create(
        rewriter, loc, arith::CmpIPredicate::slt, codes, zero);
    return arith::SelectOp::create(rewriter, loc, isHigh, high, low);
  }
};

// table[x] -> tbx(tbx(tbx(tbl(t0.., x), t4.., x - 64), t8.., x - 128), ..)
//
// tbl and tbx read one of the 64 bytes of four registers; elsewhere tbx leaves
// what it got.
struct LookupByTbl : LookupInRegisters {
  LookupByTbl(MLIRContext *context) : LookupInRegisters(context, 16) {}

  Value lookUp(PatternRewriter &rewriter, Location loc, ArrayRef<Value> table,
               Value codes) const override {
    auto type = cast<VectorType>(codes.getType());
    SmallVector<Value> operands(table.take_front(4));
    operands.push_back(codes);
    Value bytes =
        call(rewriter, loc, "llvm.aarch64.neon.tbl4.v16i8", type, operands);
    for (size_t part = 4; part < table.size(); part += 4) {
      auto start = DenseElementsAttr::get(
          type, rewriter.getI8IntegerAttr(int8_t(part * 16)));
      Value place = arith::SubIOp::create(
          rewriter, loc, codes,
          arith::ConstantOp::create(rewriter, loc, start));
      operands.assign({bytes});
      llvm::append_range(operands, table.slice(part, 4));
      operands.push_back(place);
      bytes =
          call(rewriter, loc, "llvm.aarch64.neon.tbx4.v16i8", type, operands);
    }
    return bytes;
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
      FailureOr<TargetInfo> info = lookUpTarget(getOperation(), target);
      if (failed(info))
        return signalPassFailure();
      if (info->hasVbmi)
        patterns.add<LookupByPermute>(&getContext());
      if (info->arch == TargetInfo::Arch::AArch64)
        patterns.add<LookupByTbl>(&getContext());
    }
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
