//===- NestBuffers.cpp - Less of a nest for bufferization to analyze ------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NestBuffers.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;
using namespace qopt;

//===----------------------------------------------------------------------===//
// Reads
//===----------------------------------------------------------------------===//

/// The tensor whose buffer `value` may become part of. Values of different
/// roots never share a buffer.
static Value rootOf(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (auto loop = dyn_cast<scf::ForOp>(def))
      value = loop.getTiedLoopInit(cast<OpResult>(value))->get();
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(def))
      value = insert.getDest();
    else if (auto dps = dyn_cast<DestinationStyleOpInterface>(def))
      value = dps.getTiedOpOperand(cast<OpResult>(value))->get();
    else if (isa<tensor::ExtractSliceOp, tensor::CollapseShapeOp,
                 tensor::ExpandShapeOp, tensor::CastOp, ObserveOp>(def))
      value = def->getOperand(0);
    else
      break;
  }
  return value;
}

namespace {
/// The reads of one nest.
class NestReads {
public:
  explicit NestReads(scf::ForOp nest) : nest(nest), b(nest) {
    for (Value init : nest.getInitArgs())
      written.insert(rootOf(init));
  }

  void rewrite() {
    SmallVector<Operation *> reads;
    nest->walk([&](Operation *op) {
      if (isa<vector::TransferReadOp, tensor::ExtractOp>(op) &&
          canRead(op->getOperand(0)))
        reads.push_back(op);
    });
    for (Operation *op : reads) {
      Value buffer = bufferOf(op->getOperand(0));
      auto extract = dyn_cast<tensor::ExtractOp>(op);
      if (!extract) {
        op->setOperand(0, buffer);
        continue;
      }
      OpBuilder here(op);
      extract.replaceAllUsesWith(memref::LoadOp::create(here, op->getLoc(),
                                                        buffer,
                                                        extract.getIndices())
                                     .getResult());
      extract.erase();
    }
  }

private:
  bool canRead(Value tensor) {
    return isa<RankedTensorType>(tensor.getType()) &&
           !nest->isAncestor(tensor.getParentRegion()->getParentOp()) &&
           !written.contains(rootOf(tensor));
  }

  Value bufferOf(Value tensor) {
    Value &buffer = buffers[tensor];
    if (!buffer) {
      // Of any layout: it may be part of a larger one.
      BaseMemRefType type = bufferization::getMemRefTypeWithFullyDynamicLayout(
          cast<RankedTensorType>(tensor.getType()));
      buffer = bufferization::ToBufferOp::create(b, tensor.getLoc(), type,
                                                 tensor, /*read_only=*/true);
    }
    return buffer;
  }

  scf::ForOp nest;
  OpBuilder b;
  DenseSet<Value> written;
  DenseMap<Value, Value> buffers;
};
} // namespace

void qopt::readFromBuffers(func::FuncOp func) {
  for (auto nest : func.getBody().front().getOps<scf::ForOp>())
    NestReads(nest).rewrite();
}

//===----------------------------------------------------------------------===//
// Writes
//===----------------------------------------------------------------------===//

/// The writes in a row, in one block, of which `last` is the last.
static SmallVector<vector::TransferWriteOp>
writesUpTo(vector::TransferWriteOp last) {
  SmallVector<vector::TransferWriteOp> chain = {last};
  while (true) {
    auto before =
        chain.back().getBase().getDefiningOp<vector::TransferWriteOp>();
    if (!before || before->getBlock() != last->getBlock() ||
        !before->hasOneUse())
      break;
    chain.push_back(before);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

/// Whether all that else uses what `first` overwrites comes before it. Of later
/// reads an analysis may say that the one write it sees is of another part.
static bool isLastUse(vector::TransferWriteOp first) {
  return llvm::all_of(first.getBase().getUsers(), [&](Operation *user) {
    if (user == first)
      return true;
    Operation *here = first->getBlock()->findAncestorOpInBlock(*user);
    return here && here->isBeforeInBlock(first);
  });
}

/// The writes stay where they are; the deallocation of their placeholder marks
/// the one that they belong to.
static memref::AllocOp hold(MutableArrayRef<vector::TransferWriteOp> chain) {
  vector::TransferWriteOp first = chain.front(), last = chain.back();
  auto tensor = cast<RankedTensorType>(first.getBase().getType());
  OpBuilder b(first);
  auto placeholder = memref::AllocOp::create(
      b, last.getLoc(),
      MemRefType::get(tensor.getShape(), tensor.getElementType()));
  last.getBaseMutable().assign(first.getBase());
  for (vector::TransferWriteOp write : chain.drop_back()) {
    b.setInsertionPoint(write);
    vector::TransferWriteOp::create(b, write.getLoc(), write.getVector(),
                                    placeholder, write.getIndices(),
                                    write.getPermutationMapAttr(),
                                    write.getMask(), write.getInBoundsAttr());
  }
  for (vector::TransferWriteOp write : llvm::reverse(chain.drop_back()))
    write.erase();
  b.setInsertionPoint(last);
  memref::DeallocOp::create(b, last.getLoc(), placeholder);
  return placeholder;
}

SmallVector<memref::AllocOp> qopt::holdWrites(func::FuncOp func) {
  SmallVector<vector::TransferWriteOp> lasts;
  func.walk([&](vector::TransferWriteOp write) {
    if (write->getNumResults() &&
        !(write->hasOneUse() &&
          isa<vector::TransferWriteOp>(*write->user_begin()) &&
          write->user_begin()->getBlock() == write->getBlock()))
      lasts.push_back(write);
  });
  SmallVector<memref::AllocOp> placeholders;
  for (vector::TransferWriteOp last : lasts) {
    SmallVector<vector::TransferWriteOp> chain = writesUpTo(last);
    if (chain.size() > 1 && isLastUse(chain.front()))
      placeholders.push_back(hold(chain));
  }
  return placeholders;
}

void qopt::restoreWrites(ArrayRef<memref::AllocOp> placeholders) {
  for (memref::AllocOp placeholder : placeholders) {
    SmallVector<Operation *> users(placeholder->getUsers());
    llvm::sort(users, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });
    Operation *marker = users.pop_back_val(), *kept = marker->getNextNode();
    while (!isa<vector::TransferWriteOp>(kept))
      kept = kept->getNextNode();
    Value buffer = cast<vector::TransferWriteOp>(kept).getBase();
    // A copy that was made for the writes is made before them.
    Operation *def = buffer.getDefiningOp();
    bool isCopy = def && def->getBlock() == marker->getBlock() &&
                  marker->isBeforeInBlock(def);
    for (Operation *write : users) {
      if (isCopy)
        write->moveBefore(kept);
      write->replaceUsesOfWith(placeholder, buffer);
    }
    marker->erase();
    placeholder.erase();
  }
}
