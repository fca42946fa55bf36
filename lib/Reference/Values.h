//===- Values.h - Run-time values of the interpreter ----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value is a tensor or, in the qdq phase, a linear form. Tensors are
// immutable once bound to a value; scalars are tensors of rank 0.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_REFERENCE_VALUES_H
#define QOPT_LIB_REFERENCE_VALUES_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"
#include "qopt/Support/Tensor.h"
#include "llvm/Support/Error.h"
#include <limits>
#include <memory>

namespace qopt::reference {

using llvm::Error;
using llvm::Expected;
using TensorRef = std::shared_ptr<const HostTensor>;

/// "LOCATION: MESSAGE", on one line.
Error errorAt(mlir::Location location, const llvm::Twine &message);

/// The dtype in which elements of `type` are kept: i2 and i4 in I8,
/// sign-extended; i1 in Bool; index in I64.
Expected<DType> storageType(mlir::Type type, mlir::Location location);

/// A zero tensor of the (static) tensor type or scalar type `type`.
Expected<HostTensor> makeTensor(mlir::Type type, mlir::Location location);

/// Row-major strides, in elements.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// Calls `row(first, step)` for every row of a tensor along dimension `dim`:
/// the offset of its first element, and the distance of two neighbours.
void forEachRowAlong(llvm::ArrayRef<int64_t> shape, int64_t dim,
                     llvm::function_ref<void(int64_t, int64_t)> row);

/// The same elements under another shape.
TensorRef withShape(const TensorRef &tensor, llvm::ArrayRef<int64_t> shape);

/// The same 32-bit patterns under another element type. Movement of an i32
/// tensor runs on the float operation that way.
TensorRef relabel(const TensorRef &tensor, DType dtype);

/// The scales of a term: one for each value of `map`, row-major over `shape`.
struct Scales {
  mlir::AffineMap map;
  llvm::SmallVector<int64_t> shape;
  std::vector<double> values;

  bool isPerTensor() const { return values.size() == 1; }
  /// One scale per index of some dimensions, as opposed to groups of indices.
  bool isPerChannel() const { return map.isProjectedPermutation(); }
};

struct LinearTerm {
  TensorRef integers; // I32
  Scales scales;
};

/// clamp(sum of I_k * s_k); docs/Numerics.md, section 2.
struct LinearForm {
  llvm::SmallVector<LinearTerm, 2> terms;
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();

  bool isClamped() const {
    return lo != -std::numeric_limits<float>::infinity() ||
           hi != std::numeric_limits<float>::infinity();
  }
  /// One term with scales per tensor or channel, and no clamp.
  bool isPlain() const {
    return terms.size() == 1 && !isClamped() && terms[0].scales.isPerChannel();
  }
};

struct RuntimeValue {
  TensorRef tensor;                       // null for a form not materialized
  std::shared_ptr<const LinearForm> form; // null for anything else
};

} // namespace qopt::reference

#endif // QOPT_LIB_REFERENCE_VALUES_H
