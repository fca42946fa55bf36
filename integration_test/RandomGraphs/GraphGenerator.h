//===- GraphGenerator.h - Random float models -----------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHGENERATOR_H
#define QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHGENERATOR_H

#include "Random.h"
#include "mlir/IR/BuiltinOps.h"
#include <map>
#include <string>

namespace qopt::randomgraphs {

/// How often each kind of node was generated.
using NodeCounts = std::map<std::string, int64_t>;

/// A model of phase `input`, in the forms that the ONNX import emits: small,
/// with odd sizes. The same numbers from `random` give the same model.
mlir::OwningOpRef<mlir::ModuleOp>
generateGraph(mlir::MLIRContext &context, Random &random, NodeCounts &counts);

} // namespace qopt::randomgraphs

#endif // QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHGENERATOR_H
