//===- TilingInterfaceImpl.h - Tiling of qopt operations -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_DIALECT_QOPT_TRANSFORMS_TILINGINTERFACEIMPL_H
#define QOPT_DIALECT_QOPT_TRANSFORMS_TILINGINTERFACEIMPL_H

#include "mlir/IR/DialectRegistry.h"

namespace qopt {

/// Attaches TilingInterface to the elementwise operations of the dialect.
void registerTilingInterfaceExternalModels(mlir::DialectRegistry &registry);

} // namespace qopt

#endif // QOPT_DIALECT_QOPT_TRANSFORMS_TILINGINTERFACEIMPL_H
