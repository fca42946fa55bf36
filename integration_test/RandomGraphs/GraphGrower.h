//===- GraphGrower.h - A graph and its next node ----------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A graph grows node by node. Every kind of node is a function that looks for
// operands among the values there are and appends itself, or says that it found
// none. What nobody reads at the end is a result of the model.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHGROWER_H
#define QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHGROWER_H

#include "GraphGenerator.h"
#include "LinalgBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <optional>

namespace qopt::randomgraphs {

/// Where a window of a convolution or a pooling lies: rows, then columns.
struct WindowShape {
  int64_t kernel[2], strides[2], dilations[2], low[2], high[2], output[2];

  int64_t taps() const { return kernel[0] * kernel[1]; }
};

/// A graph that grows: its values so far, and how each kind of node appends
/// itself.
class GraphGrower {
public:
  GraphGrower(mlir::MLIRContext &context, Random &random, NodeCounts &counts)
      : builder(&context), random(random), counts(counts) {}

  mlir::OwningOpRef<mlir::ModuleOp> run();

private:
  /// One kind of node; `weight` says how often it is tried.
  struct Kind {
    const char *name;
    int64_t weight;
    bool (GraphGrower::*append)();
  };
  static llvm::ArrayRef<Kind> kinds();

  void addInputs(mlir::func::FuncOp function);
  void addResults(mlir::func::FuncOp function);
  void appendRandomNode();

  // Contractions.
  bool appendConv();
  bool appendPointwiseConv();
  bool appendDepthwiseConv();
  bool appendGroupedConv();
  bool appendMatmul();
  bool appendBatchMatmul();
  // Windows and reductions.
  bool appendMaxPool();
  bool appendAveragePool();
  bool appendGlobalMean();
  bool appendReduction();
  bool appendSoftmax();
  // Elementwise.
  bool appendRelu();
  bool appendUnary();
  bool appendScale();
  bool appendBinary();
  bool appendResidual();
  bool appendGate();
  bool appendSelfGate();
  bool appendAffine();
  bool appendMap();
  // Movement.
  bool appendConcat();
  bool appendPad();
  bool appendSlice();
  bool appendShuffle();
  bool appendTranspose();
  bool appendResize();
  bool appendGather();
  bool appendReshape();

  mlir::Location nextLoc() {
    return mlir::NameLoc::get(
        builder.getStringAttr("node_" + std::to_string(numNodes++)));
  }
  /// Null if there is no value of that rank; the newest more often.
  mlir::Value pickValue(int64_t rank);
  mlir::Value pickAnyValue();
  /// Takes `value` into the graph, unless it is too large.
  bool push(mlir::Value value);

  int64_t pickChannels();
  std::optional<WindowShape> pickWindow(mlir::Value input, bool isPool);
  mlir::Value constant(llvm::ArrayRef<int64_t> shape, float magnitude);
  mlir::Value weights(llvm::ArrayRef<int64_t> shape, int64_t depth,
                      llvm::ArrayRef<int64_t> channelDims);
  mlir::Value biasInit(llvm::ArrayRef<int64_t> shape, size_t channelDims);
  mlir::Value pad(mlir::Value input, const WindowShape &window, float value);
  template <typename Op>
  mlir::Value windowed(mlir::Value input, mlir::Value other, mlir::Value init,
                       const WindowShape &window);
  mlir::Value conv(mlir::Value input, int64_t channels,
                   const WindowShape &window);
  mlir::Value unary(mlir::Value input);
  mlir::Value binary(mlir::Value a, llvm::ArrayRef<int64_t> aDims,
                     mlir::Value b, llvm::ArrayRef<int64_t> bDims,
                     llvm::ArrayRef<int64_t> shape);

  mlir::OpBuilder builder;
  Random &random;
  NodeCounts &counts;
  mlir::Location loc = builder.getUnknownLoc();
  llvm::SmallVector<mlir::Value> values;
  int64_t numNodes = 0;
  bool isChannelsFirst = false;
};

inline int64_t numElements(llvm::ArrayRef<int64_t> shape) {
  return mlir::computeProduct(shape);
}

inline llvm::SmallVector<int64_t> allDims(llvm::ArrayRef<int64_t> shape) {
  return llvm::to_vector(llvm::seq<int64_t>(0, int64_t(shape.size())));
}

/// The window of a 1x1 convolution.
inline WindowShape pointwiseWindow(llvm::ArrayRef<int64_t> shape) {
  return {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {shape[1], shape[2]}};
}

} // namespace qopt::randomgraphs

#endif // QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHGROWER_H
