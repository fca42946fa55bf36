//===- Window.h - Geometry of convolution and pooling --------- -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernel, strides, dilations and pads of a window that moves over 1 or 2
// spatial dimensions. Every shape is brought to two: a 1-D window has height 1.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_WINDOW_H
#define QOPT_LIB_IMPORT_ONNX_WINDOW_H

#include "GraphOps.h"

namespace qopt::onnximport {

struct Window {
  using Pair = llvm::SmallVector<int64_t, 2>;
  Pair input, kernel, strides, dilations, padLow, padHigh, output;
  /// What ceil_mode adds behind padHigh so that the last window fits.
  Pair overhang = {0, 0};
  bool is1D = false;

  /// Elements from the first to the last that the kernel touches.
  int64_t extent(size_t dim) const {
    return (kernel[dim] - 1) * dilations[dim] + 1;
  }
  mlir::DenseIntElementsAttr stridesAttr(mlir::OpBuilder &builder) const {
    return builder.getI64TensorAttr(strides);
  }
  mlir::DenseIntElementsAttr dilationsAttr(mlir::OpBuilder &builder) const {
    return builder.getI64TensorAttr(dilations);
  }
};

/// The attribute `name` with `count` numbers in [least, 2^31), or `count`
/// times `least`.
mlir::FailureOr<Window::Pair> readNumbers(NodeContext &context,
                                          llvm::StringRef name, size_t count,
                                          int64_t least);

/// Reads the window attributes of the node. `inputShape` is N, C, then 1 or 2
/// spatial dimensions; `kernel` has one size for each of these.
mlir::FailureOr<Window> readWindow(NodeContext &context,
                                   llvm::ArrayRef<int64_t> inputShape,
                                   llvm::ArrayRef<int64_t> kernel);

/// [N, C, (H,) W] -> padded [N, H, W, C].
mlir::Value enterWindow(NodeContext &context, const Window &window,
                        mlir::Value input, float padding);
/// [N, H, W, C] -> [N, C, (H,) W].
mlir::Value leaveWindow(NodeContext &context, const Window &window,
                        mlir::Value result);

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_WINDOW_H
