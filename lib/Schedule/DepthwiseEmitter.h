//===- DepthwiseEmitter.h - Interleaved pixels and their dots -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of the nest emitter that computes a depthwise contraction for groups
// of channels: loads of whole runs, interleaving, dot products.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_DEPTHWISEEMITTER_H
#define QOPT_LIB_SCHEDULE_DEPTHWISEEMITTER_H

#include "TensorAccess.h"
#include "qopt/Schedule/DepthwiseDot.h"
#include "qopt/Schedule/Schedule.h"

namespace mlir::arith {
class ConstantOp;
} // namespace mlir::arith

namespace qopt {

class DepthwiseEmitter {
public:
  DepthwiseEmitter(TensorAccess &access, mlir::Operation *root,
                   const Schedule &schedule)
      : access(access), b(access.b), root(root), schedule(schedule) {}

  /// Whether `loops` are whole groups along the channels of `dot`.
  bool covers(const DepthwiseDot &dot, llvm::ArrayRef<Position> loops) const;
  /// Adds the products of all taps to `accumulators`.
  void emit(const DepthwiseDot &dot, llvm::ArrayRef<Position> loops,
            llvm::MutableArrayRef<mlir::Value> accumulators);
  /// Gives the packed weights their values, which are known once everything is
  /// emitted.
  void finish();

private:
  using Parts = std::array<mlir::Value, 4>;
  /// Packed weights of the groups from channel `first` on.
  struct Packed {
    mlir::arith::ConstantOp constant;
    DepthwiseDot dot;
    int64_t lanes, first, groups;
    llvm::SmallVector<TapQuad> quads;
  };

  void emitGroup(const DepthwiseDot &dot, llvm::ArrayRef<Position> loops,
                 llvm::ArrayRef<size_t> firsts,
                 llvm::MutableArrayRef<mlir::Value> accumulators);
  Parts interleave(const DepthwiseDot &dot, const Position &pixel,
                   const PixelQuad &quad);
  Packed &packedFor(const DepthwiseDot &dot, mlir::AffineExpr channel,
                    int64_t lanes);
  mlir::Value weights(Packed &packed, const TapQuad &taps,
                      mlir::AffineExpr channel, int64_t part);

  TensorAccess &access;
  mlir::RewriterBase &b;
  mlir::Operation *root;
  const Schedule &schedule;
  std::map<std::tuple<const void *, int64_t, int64_t>, Packed> constants;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_DEPTHWISEEMITTER_H
