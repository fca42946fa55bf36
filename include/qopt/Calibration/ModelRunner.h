//===- ModelRunner.h - Running a model under observation --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What calibration needs from whoever can run an `observed` module: compiled
// code, or the reference interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CALIBRATION_MODELRUNNER_H
#define QOPT_CALIBRATION_MODELRUNNER_H

#include "qopt/Support/Tensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace qopt {

/// An edge that reports its values, in row-major order of `shape`.
struct EdgeInfo {
  std::string name;
  llvm::SmallVector<int64_t, 4> shape;
  /// Ranges are kept per index of this dimension.
  std::optional<int64_t> axis;

  int64_t numElements() const;
  /// The size of `axis`, or 1.
  int64_t numChannels() const { return axis ? shape[*axis] : 1; }
};

/// Gets the values of one edge, as long as the call lasts.
using EdgeSink =
    llvm::function_ref<void(int64_t edge, const float *data, int64_t count)>;

class ModelRunner {
public:
  virtual ~ModelRunner();

  virtual llvm::ArrayRef<TensorSpec> inputs() const = 0;
  /// In the order of the model; the sink's `edge` is an index of it.
  virtual llvm::ArrayRef<EdgeInfo> edges() const = 0;
  /// Runs one sample; every edge reports once, whole. Several threads may call
  /// it at once; a sink is called on the thread of its run.
  virtual llvm::Error run(llvm::ArrayRef<HostTensor> inputs, EdgeSink sink) = 0;
};

} // namespace qopt

#endif // QOPT_CALIBRATION_MODELRUNNER_H
