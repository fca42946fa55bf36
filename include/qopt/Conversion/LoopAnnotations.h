//===- LoopAnnotations.h - What LLVM shall do with a loop -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CONVERSION_LOOPANNOTATIONS_H
#define QOPT_CONVERSION_LOOPANNOTATIONS_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace qopt {

/// Marks a loop "do not unroll": LLVM would spill the accumulators of a
/// register tile, and repeat the code of a large body for nothing.
inline void keepRolled(mlir::Operation *loop) {
  mlir::MLIRContext *context = loop->getContext();
  auto yes = mlir::BoolAttr::get(context, true);
  auto unroll =
      mlir::LLVM::LoopUnrollAttr::get(context, yes, {}, {}, {}, {}, {}, {});
  loop->setAttr("llvm.loop_annotation",
                mlir::LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll,
                                                    {}, {}, {}, {}, {}, {}, {},
                                                    {}, {}, {}, {}));
}

} // namespace qopt

#endif // QOPT_CONVERSION_LOOPANNOTATIONS_H
