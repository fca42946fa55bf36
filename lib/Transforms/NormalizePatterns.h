//===- NormalizePatterns.h - Patterns of qopt-normalize-linalg -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TRANSFORMS_NORMALIZEPATTERNS_H
#define QOPT_LIB_TRANSFORMS_NORMALIZEPATTERNS_H

#include "mlir/IR/PatternMatch.h"

namespace qopt {

/// Convolutions and products of any layout, named or generic, and pooling.
void populateNormalizeContractionPatterns(mlir::RewritePatternSet &patterns);

/// Elementwise operations, reductions, maps.
void populateNormalizeElementwisePatterns(mlir::RewritePatternSet &patterns);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_NORMALIZEPATTERNS_H
