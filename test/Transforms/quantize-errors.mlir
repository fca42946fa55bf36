// RUN: qopt-opt %s --qopt-quantize --split-input-file --verify-diagnostics
// RUN: not qopt-opt %s --qopt-quantize=recipe=int7 2>&1 | FileCheck %s --check-prefix=RECIPE
// RUN: qopt-opt %s --qopt-quantize=recipe=float --split-input-file | FileCheck %s --check-prefix=FLOAT

// RECIPE: int7: expected a preset (float, int8, {{.*}}) or a readable recipe file
// FLOAT-NOT: qopt.quantize
// FLOAT-NOT: qopt.observe

// expected-note @+2 {{qopt-insert-observers and qopt-apply-calibration give every edge a range}}
// expected-error @below {{expected an observed range on this edge, got none}}
func.func @no_range(%x: tensor<1x4xf32>) -> tensor<1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %mm = linalg.matmul ins(%x, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%i : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %mm : tensor<1x3xf32>
}
