//===- BufferizableOpInterfaceImpl.cpp - Bufferization models -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;
using namespace mlir::bufferization;

namespace {

/// An observer reads its buffer and passes it on: the result is the operand's
/// buffer. The read keeps one-shot analysis from writing over the values
/// before they have been seen.
struct ObserveOpBufferization
    : public BufferizableOpInterface::ExternalModel<ObserveOpBufferization,
                                                    qopt::ObserveOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &,
                              const AnalysisState &) const {
    return true;
  }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &,
                               const AnalysisState &) const {
    return false;
  }
  AliasingValueList getAliasingValues(Operation *op, OpOperand &,
                                      const AnalysisState &) const {
    return {{op->getResult(0), BufferRelation::Equivalent}};
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto observe = cast<qopt::ObserveOp>(op);
    FailureOr<Value> buffer =
        getBuffer(rewriter, observe.getInput(), options, state);
    if (failed(buffer))
      return failure();
    qopt::ObserveOp::create(rewriter, op->getLoc(), /*result=*/Type(), *buffer,
                            observe.getEdgeAttr(), observe.getAxisAttr(),
                            observe.getMinAttr(), observe.getMaxAttr());
    replaceOpWithBufferizedValues(rewriter, op, *buffer);
    return success();
  }
};

} // namespace

void qopt::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, qopt::QoptDialect *) {
    qopt::ObserveOp::attachInterface<ObserveOpBufferization>(*context);
  });
}
