//===- Passes.td - qopt's conversion passes ------------*- tablegen -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CONVERSION_PASSES_TD
#define QOPT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertQoptToLinalgPass : Pass<"convert-qopt-to-linalg"> {
  let summary = "Spell out the tensor operations of qopt as linalg.generic";
  let description = [{
    Turns `qopt.quantize`, `dequantize`, `requantize`, `fake_quantize` and
    `lookup` into elementwise `linalg.generic` with the scalar arithmetic of
    `docs/Numerics.md`, bit for bit. Rounding to nearest even is an addition of
    1.5 * 2^23 after the clamp, so no target needs a library function for it.
    Parameters that are equal for all elements become constants of the body.

    Expects ranges of at most 2^22 steps, and reports an error for a wider one.
    Does not touch `qopt.observe`, packing, or `qopt.dot`.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // QOPT_CONVERSION_PASSES_TD
