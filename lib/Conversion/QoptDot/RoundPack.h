//===- RoundPack.h - Rounding and packing as instructions -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_CONVERSION_QOPTDOT_ROUNDPACK_H
#define QOPT_LIB_CONVERSION_QOPTDOT_ROUNDPACK_H

#include "mlir/IR/PatternMatch.h"
#include "qopt/Target/TargetInfo.h"
#include <optional>

namespace qopt {

/// qopt.round_pack as the instructions of `target`, or as vector arithmetic
/// where its vectors are too short for them, or no target is given.
void populateRoundPackPatterns(mlir::RewritePatternSet &patterns,
                               const std::optional<TargetInfo> &target);

} // namespace qopt

#endif // QOPT_LIB_CONVERSION_QOPTDOT_ROUNDPACK_H
