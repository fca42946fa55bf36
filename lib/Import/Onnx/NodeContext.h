//===- NodeContext.h - What an op handler sees of its node ----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A handler turns one ONNX node into linalg. It is called when the number of
// inputs and the names and types of the attributes have been checked against
// its row in the op table, so the accessors of attributes cannot fail.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_NODECONTEXT_H
#define QOPT_LIB_IMPORT_ONNX_NODECONTEXT_H

#include "ModelReader.h"
#include "OpTable.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/StringMap.h"

namespace onnx {
class AttributeProto;
class NodeProto;
} // namespace onnx

namespace qopt::onnximport {

/// A value of the ONNX graph: computed at run time, or known at import. Known
/// values become operations only where a run-time operation uses them.
struct GraphValue {
  mlir::Value value;
  std::shared_ptr<const HostTensor> constant;

  GraphValue() = default;
  GraphValue(mlir::Value value) : value(value) {}
  GraphValue(HostTensor tensor)
      : constant(std::make_shared<const HostTensor>(std::move(tensor))) {}

  explicit operator bool() const { return value || constant; }
  bool isConstant() const { return constant != nullptr; }
  DType dtype() const { return constant ? constant->dtype : DType::F32; }
  llvm::ArrayRef<int64_t> shape() const;
  int64_t rank() const { return int64_t(shape().size()); }
};

class NodeContext {
public:
  NodeContext(const onnx::NodeProto &node, const OpRow &row, int64_t opset,
              llvm::StringRef modelPath, mlir::Location loc,
              mlir::OpBuilder &builder, int64_t &bytesLeft)
      : builder(builder), loc(loc), node(node), row(row), opset(opset),
        modelPath(modelPath), bytesLeft(bytesLeft) {}

  /// Checks the attributes against the row and remembers them.
  llvm::LogicalResult readAttributes();

  llvm::StringRef opType() const;
  int64_t getOpset() const { return opset; }

  /// Records why the node cannot be imported: "expected ..., got ...".
  mlir::LogicalResult error(const llvm::Twine &message);
  llvm::StringRef getErrorMessage() const { return errorMessage; }

  // Inputs. An optional input that is left out is empty.
  size_t numInputs() const { return inputs.size(); }
  bool hasInput(size_t index) const {
    return index < inputs.size() && bool(inputs[index]);
  }
  const GraphValue &input(size_t index) const { return inputs[index]; }
  llvm::ArrayRef<GraphValue> allInputs() const { return inputs; }
  void addInput(GraphValue value) { inputs.push_back(std::move(value)); }

  /// The input as a run-time f32 tensor.
  mlir::FailureOr<mlir::Value> tensor(size_t index, llvm::StringRef what = "X");
  mlir::FailureOr<mlir::Value> materialize(const GraphValue &value,
                                           llvm::StringRef what);
  /// The input as a constant tensor of any type.
  mlir::FailureOr<const HostTensor *> constant(size_t index,
                                               llvm::StringRef what);
  /// The input as a constant f32 tensor.
  mlir::FailureOr<const HostTensor *> floatConstant(size_t index,
                                                    llvm::StringRef what);
  /// The input as constant integers of rank 0 or 1.
  mlir::FailureOr<llvm::SmallVector<int64_t>>
  intConstants(size_t index, llvm::StringRef what);
  /// The input as one constant float.
  mlir::FailureOr<float> scalarConstant(size_t index, llvm::StringRef what);

  // Attributes.
  bool hasAttr(llvm::StringRef name) const { return attributes.count(name); }
  int64_t intAttr(llvm::StringRef name, int64_t defaultValue) const;
  float floatAttr(llvm::StringRef name, float defaultValue) const;
  std::string stringAttr(llvm::StringRef name,
                         llvm::StringRef defaultValue) const;
  llvm::SmallVector<int64_t> intsAttr(llvm::StringRef name) const;
  llvm::SmallVector<float> floatsAttr(llvm::StringRef name) const;
  mlir::FailureOr<HostTensor> tensorAttr(llvm::StringRef name);

  /// `axis` counted from the front, or an error if it is not in [-rank, rank).
  mlir::FailureOr<int64_t> normalizeAxis(int64_t axis, int64_t rank);
  /// The same for a list, which may not repeat itself; sorted.
  mlir::FailureOr<llvm::SmallVector<int64_t>>
  normalizeAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);

  /// A shape that a tensor may have: sizes > 0, at most 2^31 elements.
  mlir::LogicalResult checkShape(llvm::ArrayRef<int64_t> shape,
                                 llvm::StringRef what);

  /// Whether so many elements may be made at import, beside the constants that
  /// were made before: a few bytes of a file can ask for any number.
  mlir::LogicalResult checkMade(int64_t elements, DType dtype);

  // Outputs. A constant is one that was made.
  size_t numOutputs() const;
  bool usesOutput(size_t index) const;
  mlir::LogicalResult setOutput(GraphValue value, size_t index = 0);
  llvm::ArrayRef<GraphValue> getOutputs() const { return outputs; }

  mlir::OpBuilder &builder;
  const mlir::Location loc;

private:
  const onnx::AttributeProto *findAttr(llvm::StringRef name) const;

  const onnx::NodeProto &node;
  const OpRow &row;
  int64_t opset;
  llvm::StringRef modelPath;
  int64_t &bytesLeft;
  llvm::StringMap<const onnx::AttributeProto *> attributes;
  llvm::SmallVector<GraphValue, 4> inputs;
  llvm::SmallVector<GraphValue, 1> outputs;
  std::string errorMessage;
};

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_NODECONTEXT_H
