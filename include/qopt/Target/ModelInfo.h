//===- ModelInfo.h - What a compiled model says of itself -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The content of `qopt_model_info` in the C ABI. During compilation it lives
// in the module attribute `qopt.model`: bufferization writes it while the
// tensor signature still exists, memory planning adds the sizes, emission and
// the report read it.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TARGET_MODELINFO_H
#define QOPT_TARGET_MODELINFO_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "qopt/Support/Tensor.h"
#include <string>
#include <vector>

namespace qopt {

struct TensorInfo {
  std::string name;
  DType dtype = DType::F32;
  llvm::SmallVector<int64_t, 4> shape;
  /// Of a quantized input or output; scale 0 means "not quantized".
  float scale = 0.0f;
  int32_t zeroPoint = 0;

  bool isQuantized() const { return scale != 0.0f; }
  int64_t numElements() const;
  int64_t numBytes() const;
};

/// Real numbers as the integers of a quantized input, and the integers of a
/// quantized output as real numbers (docs/Numerics.md, section 1).
HostTensor quantizeTensor(const HostTensor &real, const TensorInfo &info);
HostTensor dequantizeTensor(const HostTensor &integers, const TensorInfo &info);

/// "(q - 3) * 0.0125", for people.
std::string describeQuantization(const TensorInfo &info);

/// An edge that the compiled model reports to qopt_observe, by its index.
struct ObservedEdge {
  std::string name;
  llvm::SmallVector<int64_t, 4> shape;
};

struct ModelInfo {
  std::string name;
  std::string target;
  std::string version;
  int64_t arenaBytes = 0;
  int64_t weightBytes = 0;
  /// The largest sum of buffers that are live together.
  int64_t liveBytes = 0;
  /// Into how many tasks long loops are cut; 1: into none.
  unsigned threads = 1;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::vector<ObservedEdge> edges;

  /// The targets of a model of several versions, weakest first; empty for one.
  llvm::SmallVector<llvm::StringRef> versions() const;

  /// Alignment of the arena and of every buffer in it.
  static constexpr int64_t kAlignment = 64;

  /// Reads `qopt.model`; emits an error on the module where it is missing.
  static mlir::FailureOr<ModelInfo> fromModule(mlir::ModuleOp module);
  /// The model's function, which has one block; emits an error on the module
  /// where there is none.
  mlir::FailureOr<mlir::func::FuncOp> findFunction(mlir::ModuleOp module) const;
  void setOn(mlir::ModuleOp module) const;
};

/// Name, inputs and outputs of a model whose function still has tensors. Fails,
/// with a diagnostic, where the C ABI has no word for them.
mlir::FailureOr<ModelInfo> describeBorder(mlir::func::FuncOp func);

/// The dtype of an element type; integers are signed unless `isUnsigned`.
/// Fails on types that the C ABI does not know.
mlir::FailureOr<DType> dtypeOf(mlir::Type elementType, bool isUnsigned);

} // namespace qopt

#endif // QOPT_TARGET_MODELINFO_H
