//===- BiasCorrection.h - Means that quantization moved -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding weights shifts the mean of every output channel; a shift is what a
// bias can undo (Nagel et al., arXiv 1906.04721, section 4.2). Empirically:
//   b += E[W x] - E[Wq x], per channel, over the samples and positions.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_BIASCORRECTION_H
#define QOPT_TRANSFORMS_BIASCORRECTION_H

#include "mlir/IR/BuiltinOps.h"
#include "qopt/Support/Tensor.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace qopt {

struct BiasCorrectionOptions {
  /// A preset or a recipe file, as for qopt-quantize.
  std::string recipe = "w4a8";
  unsigned threads = 1;
};

/// Changes the biases of a module of phase `calibrated` so that its
/// quantization by the recipe keeps the means that the module has now.
/// `samples` hold the inputs of its function; a few dozen are enough. The
/// result does not depend on the number of threads.
llvm::Error correctBiases(mlir::ModuleOp calibrated,
                          llvm::ArrayRef<std::vector<HostTensor>> samples,
                          const BiasCorrectionOptions &options);

} // namespace qopt

#endif // QOPT_TRANSFORMS_BIASCORRECTION_H
