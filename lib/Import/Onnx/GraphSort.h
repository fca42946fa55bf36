//===- GraphSort.h - The order of the nodes of a graph --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_GRAPHSORT_H
#define QOPT_LIB_IMPORT_ONNX_GRAPHSORT_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace onnx {
class GraphProto;
} // namespace onnx

namespace qopt::onnximport {

/// Why a graph has no order, and the node that shows it.
struct SortFailure {
  std::optional<size_t> node;
  std::string message;

  explicit operator bool() const { return node.has_value(); }
};

/// Orders the nodes such that each follows those whose outputs it reads; nodes
/// that are in order already keep it. `defined` has the names that no node
/// produces: inputs and initializers.
SortFailure sortNodes(const onnx::GraphProto &graph,
                      const llvm::StringSet<> &defined,
                      llvm::SmallVectorImpl<size_t> &order);

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_GRAPHSORT_H
