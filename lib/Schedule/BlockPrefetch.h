//===- BlockPrefetch.h - The next block's rows, in time ---------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inside a loop over blocks (qopt-block-rows), all nests but the first find
// their rows in the first-level cache, and the hardware, which follows one page
// of memory at a time, fetches nothing for the first one of the next block. The
// last nest that reads a block's rows has the time for it.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_BLOCKPREFETCH_H
#define QOPT_LIB_SCHEDULE_BLOCKPREFETCH_H

#include "TensorAccess.h"
#include "qopt/Schedule/Regions.h"

namespace qopt {

/// A block of a tensor of blocks, in the loop over them.
struct RowBlock {
  /// What `tensor` is, or is a view of, if it is one.
  static std::optional<RowBlock> of(mlir::Value tensor);

  /// Whether no nest after that of `region` reads the block.
  bool isReadLastBy(const FusedRegion &region) const;

  /// Fetches the element of the next block that lies where lane 0 of `at` lies
  /// in this one, with its line, into the first-level cache.
  void prefetchNext(TensorAccess &access, const Position &at) const;

  mlir::tensor::ExtractSliceOp slice;
  mlir::scf::ForOp loop;
  /// The shape in which it is read.
  llvm::SmallVector<int64_t> shape;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_BLOCKPREFETCH_H
