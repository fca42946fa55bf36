//===- RoundedBytes.h - Bodies that end in a quantization -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_ROUNDEDBYTES_H
#define QOPT_LIB_SCHEDULE_ROUNDEDBYTES_H

#include "mlir/IR/Block.h"
#include "qopt/Schedule/Regions.h"
#include <optional>

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace qopt {

/// A body that yields clamp(rne(real) + zeroPoint, lo, hi) as i8, in the
/// spelling of convert-qopt-to-linalg.
struct RoundedBytes {
  mlir::Value real;
  /// The clamped real plus 1.5 * 2^23, which has rounded it.
  mlir::Value biased;
  int32_t lo, hi, zeroPoint;
};

std::optional<RoundedBytes> matchRoundedBytes(mlir::Block &body);

/// What an elementwise operation does that yields table[code] of 256 bytes for
/// each unsigned byte of its only input.
struct ByteLookup {
  mlir::Value table, codes;
};

std::optional<ByteLookup> matchByteLookup(mlir::linalg::LinalgOp op);

/// A vector that was rounded to bytes and is computed with at once stays real:
/// its integers are never made.
void populateRoundedRealPatterns(mlir::RewritePatternSet &patterns);

/// Whether `real`, a float of the body of `op`, is less than 2^31 away from 0
/// for all inputs of the region, by the ranges of its integers and constants.
bool fitsI32(const FusedRegion &region, mlir::linalg::LinalgOp op,
             mlir::Value real);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_ROUNDEDBYTES_H
