//===- NestEmitter.h - One generator of loop nests ----------- -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Turns a fused region and its schedule into scf.for loops over vectors.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SCHEDULE_NESTEMITTER_H
#define QOPT_SCHEDULE_NESTEMITTER_H

#include "qopt/Schedule/Schedule.h"

namespace qopt {

/// Emits the nest of `region` in front of its root and returns the tensor that
/// replaces the root's result. Fails, having emitted nothing that is used, on
/// a body that has no vector form.
mlir::FailureOr<mlir::Value> emitNest(mlir::RewriterBase &rewriter,
                                      const FusedRegion &region,
                                      const Schedule &schedule);

} // namespace qopt

#endif // QOPT_SCHEDULE_NESTEMITTER_H
