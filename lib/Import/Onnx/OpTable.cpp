//===- OpTable.cpp - The ONNX operators that qopt knows -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file gathers the rows of the families.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

using namespace qopt::onnximport;

llvm::ArrayRef<llvm::ArrayRef<OpRow>> qopt::onnximport::allOps() {
  static const llvm::ArrayRef<OpRow> families[] = {
      activationOps(), convOps(),   elementwiseOps(),   matmulOps(),
      movementOps(),   poolOps(),   normalizationOps(), reductionOps(),
      reshapeOps(),    resizeOps(), shapeOps(),
  };
  return families;
}

const OpRow *qopt::onnximport::findOp(llvm::StringRef name, int64_t opset,
                                      bool &known) {
  known = false;
  for (llvm::ArrayRef<OpRow> family : allOps()) {
    for (const OpRow &row : family) {
      if (row.name != name)
        continue;
      known = true;
      if (row.since <= opset && opset <= row.until)
        return &row;
    }
  }
  return nullptr;
}
