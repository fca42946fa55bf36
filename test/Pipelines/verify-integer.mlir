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

// -----

// An elementwise operation is no exception.
func.func @elementwise(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @below {{phase 'integer': 'linalg.generic' is in float without a reason}}
  // expected-note @below {{qopt-quantize should have set qopt.float_reason on it}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
         ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %y = arith.negf %in : f32
    linalg.yield %y : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Movement and destinations compute nothing.
func.func @movement(%x: tensor<2x4xf32>) -> tensor<4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %0 = linalg.transpose ins(%x : tensor<2x4xf32>) outs(%f : tensor<4x2xf32>) permutation = [1, 0]
  return %0 : tensor<4x2xf32>
}
