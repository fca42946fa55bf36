//===- LookUpTarget.h - The target of a pass's option ---------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_LOOKUPTARGET_H
#define QOPT_TARGET_LOOKUPTARGET_H

#include "mlir/IR/Operation.h"
#include "qopt/Target/TargetInfo.h"

namespace qopt {

/// The target called `name`, as `TargetInfo::get` finds it; otherwise an error
/// at `op`. Apart from TargetInfo.h, which knows no MLIR.
inline mlir::FailureOr<TargetInfo> lookUpTarget(mlir::Operation *op,
                                                llvm::StringRef name) {
  llvm::Expected<TargetInfo> target = TargetInfo::get(name);
  if (!target)
    return op->emitError(llvm::toString(target.takeError()));
  return *target;
}

} // namespace qopt

#endif // QOPT_TARGET_LOOKUPTARGET_H
