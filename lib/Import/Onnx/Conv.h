//===- Conv.h - What convolutions share ----------------------- -*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_CONV_H
#define QOPT_LIB_IMPORT_ONNX_CONV_H

#include "Window.h"

namespace qopt::onnximport {

struct ConvShape {
  int64_t batch, inChannels, outChannels, groups;

  bool isDepthwise() const {
    return groups > 1 && groups == inChannels && groups == outChannels;
  }
};

/// X and W of the node: W is a constant of the rank of X, which is 3 or 4.
mlir::FailureOr<std::pair<mlir::Value, const HostTensor *>>
readOperands(NodeContext &context);

/// `group` of the node: it divides the channels of X, and those of Y where they
/// are given.
mlir::FailureOr<int64_t>
readGroups(NodeContext &context, int64_t inChannels,
           std::optional<int64_t> outChannels = std::nullopt);

/// Whether dimension `dim` of W is what X asks for: `inChannels`, of which
/// `origin` says in the error where they come from.
mlir::LogicalResult checkInChannels(NodeContext &context,
                                    llvm::ArrayRef<int64_t> weights, size_t dim,
                                    int64_t inChannels,
                                    const llvm::Twine &origin = "");

/// B of the node, one number for each of `outChannels`; null if there is none.
mlir::FailureOr<const HostTensor *> readBias(NodeContext &context,
                                             int64_t outChannels);

/// The convolution of a padded input [N, H, W, C] with `weights`
/// [F, C / groups, KH, KW], to which `bias` [F] is added unless it is null:
/// [N, H, W, F].
mlir::Value createConv(NodeContext &context, const ConvShape &conv,
                       const Window &window, mlir::Value input,
                       const HostTensor &weights, const HostTensor *bias);

mlir::LogicalResult importConvTranspose(NodeContext &context);

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_CONV_H
