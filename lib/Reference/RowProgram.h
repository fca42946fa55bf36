//===- RowProgram.h - Scalar code evaluated over rows ---------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body of a structured operation is scalar code. Interpreting it element
// by element would cost a dispatch per scalar; here each scalar operation
// runs over a row of elements before the next one does. That is the same
// arithmetic, since elements of a row do not depend on each other.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_REFERENCE_ROWPROGRAM_H
#define QOPT_LIB_REFERENCE_ROWPROGRAM_H

#include "Values.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include <functional>
#include <memory>

namespace qopt::reference {

/// The longest row.
constexpr int64_t kRowLength = 512;

/// The values of one scalar SSA value over a row: f32 as float, f64 as double,
/// integers and index as int64_t, sign-extended from their width (a true i1
/// is -1).
class Register {
public:
  Register() : storage(new int64_t[kRowLength]()) {}
  float *f32() { return reinterpret_cast<float *>(storage.get()); }
  double *f64() { return reinterpret_cast<double *>(storage.get()); }
  int64_t *ints() { return storage.get(); }

private:
  std::unique_ptr<int64_t[]> storage;
};

/// Where a row lies in the iteration space, and its registers.
struct RowFrame {
  llvm::SmallVector<Register, 0> registers;
  int64_t length = 0;
  /// The loop indices of the row's first element.
  llvm::SmallVector<int64_t> point;
  /// The loop that runs along the row; -1 for rows of one element.
  int64_t rowLoop = -1;
  /// Set by a step that has no defined result.
  const char *failure = nullptr;
};

/// Finds the value of a tensor or scalar that is defined outside a region.
using OutsideValues = llvm::function_ref<Expected<TensorRef>(mlir::Value)>;

class RowProgram {
public:
  /// Compiles the body of a structured operation.
  static Expected<RowProgram> ofBlock(mlir::Block &body, OutsideValues outside);

  /// Compiles one operation; its operands are the inputs.
  static Expected<RowProgram> ofOperation(mlir::Operation *op);

  /// Registers of the block arguments or operands, and of the yielded values.
  llvm::ArrayRef<unsigned> inputs() const { return inputRegisters; }
  llvm::ArrayRef<unsigned> results() const { return resultRegisters; }
  bool readsLoopIndices() const { return usesIndices; }

  /// A frame with all constants in place.
  RowFrame makeFrame() const;

  /// Runs the steps over `frame.length` elements.
  Error run(RowFrame &frame) const;

private:
  using Step = std::function<void(RowFrame &)>;

  Error compile(mlir::Operation *op, OutsideValues outside);
  // Each of these compiles `op` if it is of its kind, and says whether it is.
  bool compileFloatBinary(mlir::Operation *op);
  bool compileFloatUnary(mlir::Operation *op);
  bool compileApproximation(mlir::Operation *op);
  bool compileIntegerBinary(mlir::Operation *op);
  bool compileOther(mlir::Operation *op);
  bool compileConversion(mlir::Operation *op);
  bool compileResize(mlir::Operation *op);
  Error compileAccess(mlir::Operation *op, OutsideValues outside, bool &known);
  Expected<unsigned> use(mlir::Value value, OutsideValues outside);
  unsigned define(mlir::Value value);

  template <typename F>
  void floatUnary(mlir::Operation *op, F function);
  template <typename F>
  void floatBinary(mlir::Operation *op, F function);
  template <typename F>
  void intBinary(mlir::Operation *op, F function);
  template <typename F>
  void convert(mlir::Operation *op, F element);
  void multiplyAdd(mlir::Operation *op);
  void shift(mlir::Operation *op);
  void divideIntegers(mlir::Operation *op);
  void absolute(mlir::Operation *op);
  void bitcast(mlir::Operation *op);
  void select(mlir::Operation *op);
  void compareFloats(mlir::Operation *op);
  void compareIntegers(mlir::Operation *op);

  llvm::DenseMap<mlir::Value, unsigned> registerOf;
  unsigned numRegisters = 0;
  llvm::SmallVector<unsigned> inputRegisters, resultRegisters;
  /// Values that no step computes: constants and captured scalars.
  llvm::SmallVector<std::pair<unsigned, TensorRef>> constants;
  std::vector<Step> steps;
  mlir::Location location;
  bool usesIndices = false;

  explicit RowProgram(mlir::Location location) : location(location) {}
};

/// Copies `count` elements, `stride` apart from `offset` on, between memory and
/// a register, extending or truncating by the tensor's dtype.
void loadRow(const HostTensor &from, int64_t offset, int64_t stride,
             int64_t count, Register &to);
void storeRow(Register &from, int64_t count, HostTensor &to, int64_t offset,
              int64_t stride);

} // namespace qopt::reference

#endif // QOPT_LIB_REFERENCE_ROWPROGRAM_H
