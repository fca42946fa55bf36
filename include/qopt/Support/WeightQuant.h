//===- WeightQuant.h - Weights to few bits --------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Symmetric quantization of constant weights. Plain C++: the caller says which
// weights share a scale.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_WEIGHTQUANT_H
#define QOPT_SUPPORT_WEIGHTQUANT_H

#include "qopt/Support/Recipe.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace qopt {

struct QuantizedWeights {
  /// One per weight, in [-qmax, qmax].
  std::vector<int8_t> values;
  std::vector<float> scales;
};

/// The largest magnitude of a symmetric `bits`-bit integer: 127, 7.
int32_t symmetricMax(unsigned bits);

/// Rounds `weights[i]` to a multiple of `scales[scaleOf[i]]`, the scale chosen
/// as `range` says and not smaller than `minScales` of the same index nor than
/// the least normal float. A scale whose weights are all zero becomes its
/// minimum, or 1 if that is 0.
QuantizedWeights quantizeWeights(llvm::ArrayRef<float> weights,
                                 llvm::ArrayRef<uint32_t> scaleOf,
                                 llvm::ArrayRef<double> minScales,
                                 unsigned bits, WeightRange range);

/// The scale and zero point of u8 values that cover [min, max] and 0. A range
/// of zero width, or so narrow that its scale is no normal float, gets scale 1.
struct ActivationParams {
  float scale = 1.0f;
  int32_t zeroPoint = 0;

  bool operator==(const ActivationParams &other) const {
    return scale == other.scale && zeroPoint == other.zeroPoint;
  }
};
ActivationParams chooseActivationParams(float min, float max);

} // namespace qopt

#endif // QOPT_SUPPORT_WEIGHTQUANT_H
