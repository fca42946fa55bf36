//===- MemorySharing.h - Nests that write over what they read --*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A nest that runs through its result and its input in one direction has read
// the start of the input before it writes the end of the result. How far apart
// the two must be follows from the addresses and the order of all accesses:
//
//   ascending    every write ends below what is read after it,
//                offset(to) + end(write) <= offset(from) + start(read)
//   descending   the outermost loop runs backwards, and every write starts
//                above what is read after it
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TRANSFORMS_MEMORYSHARING_H
#define QOPT_LIB_TRANSFORMS_MEMORYSHARING_H

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "qopt/Support/ArenaPlanner.h"

namespace qopt {

/// What an integer, a float or an index takes in memory: whole bytes.
int64_t elementBytesOf(mlir::MemRefType type);
/// Of all elements of a static shape.
int64_t bytesOf(mlir::MemRefType type);

/// The uses of `alloc`, and of views of it, that may read or write its bytes.
llvm::SmallVector<mlir::OpOperand *>
findAccesses(mlir::memref::AllocOp alloc,
             const mlir::BufferViewFlowAnalysis &aliases);

/// A chance for the planner, and the loop that has to run backwards for a
/// distance of `atLeast`; null where that is not offered.
struct MemorySharing {
  BufferSharing distance;
  mlir::scf::ForOp nest;
};

/// Pairs of `allocs`, in the block of `func`, whose `lifetimes` in steps of
/// that block overlap and that may share memory. Expects static shapes without
/// gaps, of integers, floats or indices.
llvm::SmallVector<MemorySharing>
findMemorySharing(mlir::func::FuncOp func,
                  llvm::ArrayRef<mlir::memref::AllocOp> allocs,
                  llvm::ArrayRef<BufferLifetime> lifetimes);

/// Turns the loops around that a plan with these `offsets` relies on.
void applyDirections(llvm::ArrayRef<MemorySharing> sharings,
                     llvm::ArrayRef<BufferLifetime> lifetimes,
                     llvm::ArrayRef<int64_t> offsets);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_MEMORYSHARING_H
