//===- BufferizableOpInterfaceImpl.h - Bufferization models ---*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_DIALECT_QOPT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define QOPT_DIALECT_QOPT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

#include "mlir/IR/DialectRegistry.h"

namespace qopt {

/// Attaches BufferizableOpInterface to the tensor operations of the dialect. An
/// elementwise operation bufferizes to its linalg form on buffers.
void registerBufferizableOpInterfaceExternalModels(
    mlir::DialectRegistry &registry);

} // namespace qopt

#endif // QOPT_DIALECT_QOPT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
