//===- KeepAwake.cpp - Products that keep the multiplier running ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeepAwake.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "llvm/ADT/bit.h"

using namespace mlir;

namespace qopt {

/// Cycles without a product, and of work for which it may sleep. Estimates may
/// be wrong by a factor of two.
static constexpr double kMostIdle = 400, kMostWork = 4000;

/// The vector that an operation makes or stores, in registers of 512 bits.
static double registersOf(Operation &op) {
  int64_t bits = 0;
  auto see = [&](Type type) {
    if (auto vector = dyn_cast<VectorType>(type);
        vector && vector.getElementType().isIntOrFloat())
      bits = std::max(bits, vector.getNumElements() *
                                int64_t(vector.getElementTypeBitWidth()));
  };
  llvm::for_each(op.getResultTypes(), see);
  llvm::for_each(op.getOperandTypes(), see);
  return double(std::max<int64_t>(1, llvm::divideCeil(bits, 512)));
}

static int64_t tripsOf(scf::ForOp loop) {
  std::optional<APInt> trips = loop.getStaticTripCount();
  return trips ? trips->getSExtValue() : 1;
}

static double cyclesOf(Block &block);

/// Two instructions run in a cycle.
static double cyclesOf(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return double(tripsOf(loop)) * (cyclesOf(*loop.getBody()) + 1);
  if (op.getNumRegions() > 0) {
    double cycles = 0;
    for (Region &region : op.getRegions())
      for (Block &block : region)
        cycles += cyclesOf(block);
    return cycles;
  }
  if (isa<arith::ConstantOp, affine::AffineApplyOp, ViewLikeOpInterface>(op) ||
      (op.getNumResults() == 1 && op.getResult(0).getType().isIndex()))
    return 0;
  // Of the sums, which are in memory, one vector is loaded.
  if (isa<vector::ExtractOp>(op))
    return 0.5;
  if (isa<RoundPackOp>(op))
    return 6;
  if (isa<math::MathDialect>(op.getDialect()) && !isa<math::FmaOp>(op))
    return 10 * registersOf(op);
  if (isa<arith::DivFOp>(op))
    return 8 * registersOf(op);
  if (auto write = dyn_cast<vector::TransferWriteOp>(op);
      write && !write.getPermutationMap().isMinorIdentity())
    return double(write.getVectorType().getNumElements());
  return 0.5 * registersOf(op);
}

static double cyclesOf(Block &block) {
  double cycles = 0;
  for (Operation &op : block.without_terminator())
    cycles += cyclesOf(op);
  return cycles;
}

static bool hasProducts(Operation &op) {
  return op.walk([](TileDotOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

/// Whether what follows in the block from `op` on is too much work.
bool KeepAwake::isLongUntilProducts(Operation &op) const {
  double cycles = 0;
  for (Operation *next = &op; next && !hasProducts(*next);
       next = next->getNextNode())
    cycles += cyclesOf(*next);
  return cycles > kMostWork;
}

void KeepAwake::wakeBefore(Operation &op) {
  b.setInsertionPoint(&op);
  emitProduct(op.getLoc());
  idle = 0;
}

/// One product in as many iterations, a power of two.
void KeepAwake::wakeEvery(scf::ForOp loop, int64_t iterations) {
  Location loc = loop.getLoc();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  if (iterations == 1)
    return emitProduct(loc);
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value phase = arith::AndIOp::create(b, loc, loop.getInductionVar(),
                                      constant(iterations - 1));
  Value isDue = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, phase,
                                      constant(0));
  auto due = scf::IfOp::create(b, loc, isDue, /*withElseRegion=*/false);
  b.setInsertionPointToStart(due.thenBlock());
  emitProduct(loc);
}

void KeepAwake::visitBody(Block &body) {
  for (Operation &op : llvm::make_early_inc_range(body.without_terminator()))
    visit(op);
}

/// The outermost loops whose iterations are short have a product in each.
void KeepAwake::visitLoop(scf::ForOp loop) {
  double iteration = cyclesOf(*loop.getBody()) + 1;
  double whole = iteration * double(tripsOf(loop));
  if (iteration > kMostIdle)
    return visitBody(*loop.getBody());
  if (*idle + whole <= kMostIdle) {
    *idle += whole;
    return;
  }
  if (whole <= kMostIdle) {
    wakeBefore(*loop);
    idle = whole;
    return;
  }
  // A product in less than its 16 cycles would be in the way.
  int64_t iterations =
      iteration >= kMostIdle / 4
          ? 1
          : int64_t(llvm::bit_floor(uint64_t(kMostIdle / iteration)));
  wakeEvery(loop, iterations);
  idle = iteration * double(iterations);
}

void KeepAwake::visit(Operation &op) {
  if (isa<TileDotOp>(op)) {
    idle = 0;
    return;
  }
  auto loop = dyn_cast<scf::ForOp>(op);
  if (loop && hasProducts(op)) {
    visitBody(*loop.getBody());
    return;
  }
  Operation *before = op.getPrevNode();
  if (idle && before && hasProducts(*before) && isLongUntilProducts(op))
    idle.reset();
  if (!idle)
    return;
  if (loop)
    return visitLoop(loop);
  double cycles = cyclesOf(op);
  if (*idle + cycles > kMostIdle)
    wakeBefore(op);
  *idle += cycles;
}

} // namespace qopt
