//===- QoptDialect.cpp - Registration of the qopt dialect -----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Dialect/Qopt/IR/QoptOps.h"

using namespace mlir;

#include "qopt/Dialect/Qopt/IR/QoptDialect.cpp.inc"

void qopt::QoptDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "qopt/Dialect/Qopt/IR/QoptOps.cpp.inc"
      >();
}

// Folded results are builtin constants; the dialect has none of its own.
Operation *qopt::QoptDialect::materializeConstant(OpBuilder &builder,
                                                  Attribute value, Type type,
                                                  Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}
