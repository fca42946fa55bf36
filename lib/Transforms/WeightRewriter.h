//===- WeightRewriter.h - Integer weights and biases ----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The constants of one contraction in qopt-quantize: chosen first, so that a
// layer that would overflow can be given up, then put into the IR.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TRANSFORMS_WEIGHTREWRITER_H
#define QOPT_LIB_TRANSFORMS_WEIGHTREWRITER_H

#include "QuantizationPlan.h"
#include "qopt/Transforms/QuantBuilders.h"

namespace qopt {

/// The weights, and the bias where it is an integer, of a contraction.
struct LayerConstants {
  QuantizedWeights weights;
  unsigned bits = 8;
  /// Where the scale of a weight stands; `values` are those of `weights`.
  ScaleTable scales;
  /// Scales vary along the reduced dimensions: the result is in float.
  bool isGrouped = false;
  /// Empty where the bias stays in float.
  std::vector<int32_t> bias;
  ScaleTable biasScales;
};

/// Quantizes the constants of a contraction whose left operand has `input`
/// parameters; without, only the weights. The error is the reason why the layer
/// must stay in float.
llvm::Expected<LayerConstants>
quantizeLayer(const Contraction &contraction, const WeightScheme &scheme,
              std::optional<ActivationParams> input);

/// Replaces weights and init of the contraction.
void rewriteLayer(mlir::OpBuilder &builder, const Contraction &contraction,
                  const LayerConstants &constants);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_WEIGHTREWRITER_H
