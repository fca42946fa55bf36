// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-phase=phase=integer

func.func @with_reason(%x: tensor<2x4xf32>, %w: tensor<4x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = linalg.matmul {qopt.float_reason = "the recipe keeps this layer in float"}
         ins(%x, %w : tensor<2x4xf32>, tensor<4x3xf32>) outs(%y : tensor<2x3xf32>) -> tensor<2x3xf32> loc("fc")
  return %0 : tensor<2x3xf32>
}

// -----

func.func @on_integers(%x: tensor<2x4xi8>, %w: tensor<4x3xi8>, %y: tensor<2x3xi32>) -> tensor<2x3xi32> {
  %0 = linalg.matmul ins(%x, %w : tensor<2x4xi8>, tensor<4x3xi8>) outs(%y : tensor<2x3xi32>) -> tensor<2x3xi32> loc("fc")
  return %0 : tensor<2x3xi32>
}

// -----

func.func @without_reason(%x: tensor<2x4xf32>, %w: tensor<4x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{phase 'integer': 'linalg.matmul' is in float without a reason}}
  // expected-note @below {{qopt-quantize should have set qopt.float_reason on it}}
  %0 = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x3xf32>) outs(%y : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
