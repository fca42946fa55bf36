//===- BiasCorrection.h - Means that quantization moved -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounded weights move the mean of a layer's results; a bias moves it back.
// Per channel, with the mean x of the elements that meet each weight:
//   bias += sum (w - rounded w) * x
// Every layer answers for its own error only: correcting what earlier layers
// do, too, would count their error once per layer (residual networks then
// diverge).
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TRANSFORMS_BIASCORRECTION_H
#define QOPT_TRANSFORMS_BIASCORRECTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "qopt/Calibration/InputMeans.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace qopt {

/// How the contractions of a float module's function read their inputs, in
/// order of the program. One whose weights are not constant has no loops.
std::vector<LayerInput> describeLayerInputs(mlir::ModuleOp module);

/// Watches the inputs that `describeLayerInputs` describes, on the edges
/// `layerEdgeName`.
void observeLayerInputs(mlir::ModuleOp module);

/// Changes the biases of a module of phase `calibrated` so that its
/// quantization by `recipe`, a preset or a file, keeps the means that the
/// module has now. `means` are those of its own layers.
llvm::Error correctBiases(mlir::ModuleOp calibrated, const InputMeans &means,
                          llvm::StringRef recipe);

} // namespace qopt

#endif // QOPT_TRANSFORMS_BIASCORRECTION_H
