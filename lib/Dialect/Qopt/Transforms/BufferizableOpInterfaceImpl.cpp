//===- BufferizableOpInterfaceImpl.cpp - Bufferization of qopt ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/Transforms/BufferizableOpInterfaceImpl.h"
#include "qopt/Conversion/QoptToLinalg.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace qopt;

namespace {

/// Writes the init's buffer in place, through the linalg form.
template <typename OpTy>
struct ElementwiseBufferization
    : DstBufferizableOpInterfaceExternalModel<ElementwiseBufferization<OpTy>,
                                              OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    // The init gives only shape and place.
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  bool bufferizesToElementwiseAccess(Operation *, const AnalysisState &,
                                     ArrayRef<OpOperand *>) const {
    return true;
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    SmallVector<Value> buffers;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    if (failed(buildLinalg(rewriter, op, buffers)))
      return failure();
    replaceOpWithBufferizedValues(rewriter, op, buffers.back());
    return success();
  }
};

/// Reads all its operands, and no result is in their memory.
template <typename Model, typename OpTy>
struct ReadingBufferization
    : BufferizableOpInterface::ExternalModel<Model, OpTy> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &,
                              const AnalysisState &) const {
    return true;
  }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &,
                               const AnalysisState &) const {
    return false;
  }
  AliasingValueList getAliasingValues(Operation *, OpOperand &,
                                      const AnalysisState &) const {
    return {};
  }
};

/// The observer reads the buffer of its operand, which is also its result's.
struct ObserveBufferization
    : ReadingBufferization<ObserveBufferization, ObserveOp> {
  AliasingValueList getAliasingValues(Operation *op, OpOperand &,
                                      const AnalysisState &) const {
    return {{op->getResult(0), BufferRelation::Equivalent}};
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto observe = cast<ObserveOp>(op);
    FailureOr<Value> buffer =
        getBuffer(rewriter, observe.getInput(), options, state);
    if (failed(buffer))
      return failure();
    ObserveOp::create(rewriter, op->getLoc(), TypeRange(), *buffer,
                      op->getAttrs());
    replaceOpWithBufferizedValues(rewriter, op, *buffer);
    return success();
  }
};

/// Reads two buffers and gives a vector.
template <typename OpTy>
struct TileBufferization : ReadingBufferization<TileBufferization<OpTy>, OpTy> {
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<TensorType>(operand.get().getType()))
        continue;
      FailureOr<Value> buffer =
          getBuffer(rewriter, operand.get(), options, state);
      if (failed(buffer))
        return failure();
      rewriter.modifyOpInPlace(op, [&] { operand.set(*buffer); });
    }
    return success();
  }
};

struct PrefetchBufferization
    : ReadingBufferization<PrefetchBufferization, PrefetchOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &,
                              const AnalysisState &) const {
    return false;
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto prefetch = cast<PrefetchOp>(op);
    FailureOr<Value> buffer =
        getBuffer(rewriter, prefetch.getSource(), options, state);
    if (failed(buffer))
      return failure();
    auto type = cast<MemRefType>(buffer->getType());
    ReassociationIndices all =
        llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    // Its elements are not one behind the other: nothing depends on it.
    if (!memref::CollapseShapeOp::isGuaranteedCollapsible(type, {all})) {
      rewriter.eraseOp(op);
      return success();
    }
    Value elements = memref::CollapseShapeOp::create(
        rewriter, op->getLoc(), *buffer, ArrayRef<ReassociationIndices>{all});
    // The first level has room for what is read at once, and soon after.
    constexpr unsigned kFirstLevel = 3, kSecondLevel = 2;
    rewriter.replaceOpWithNewOp<memref::PrefetchOp>(
        op, elements, prefetch.getAt(), /*isWrite=*/false,
        prefetch.getNear() ? kFirstLevel : kSecondLevel,
        /*isDataCache=*/true);
    return success();
  }
};

} // namespace

void qopt::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, QoptDialect *) {
    QuantizeOp::attachInterface<ElementwiseBufferization<QuantizeOp>>(*context);
    DequantizeOp::attachInterface<ElementwiseBufferization<DequantizeOp>>(
        *context);
    FakeQuantizeOp::attachInterface<ElementwiseBufferization<FakeQuantizeOp>>(
        *context);
    RequantizeOp::attachInterface<ElementwiseBufferization<RequantizeOp>>(
        *context);
    LookupOp::attachInterface<ElementwiseBufferization<LookupOp>>(*context);
    ObserveOp::attachInterface<ObserveBufferization>(*context);
    MmaTileOp::attachInterface<TileBufferization<MmaTileOp>>(*context);
    PrefetchOp::attachInterface<PrefetchBufferization>(*context);
    TileDotOp::attachInterface<TileBufferization<TileDotOp>>(*context);
    context->loadDialect<linalg::LinalgDialect>();
  });
}
