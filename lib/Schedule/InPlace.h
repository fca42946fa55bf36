//===- InPlace.h - Results in the memory of dying inputs ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A nest that reads each element of a tensor only where it computes the same
// element of its result may store the one over the other.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_INPLACE_H
#define QOPT_LIB_SCHEDULE_INPLACE_H

#include "qopt/Schedule/Regions.h"

namespace qopt {

/// Makes an input that nobody reads afterwards the destination of each root in
/// `regions` that has none yet and may overwrite it. `regions` are in the order
/// in which their nests run.
void reuseDyingInputs(llvm::ArrayRef<FusedRegion> regions);

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_INPLACE_H
