// RUN: qopt-opt %s --qopt-apply-calibration=file=%S/Inputs/calibration.json \
// RUN:   --split-input-file --verify-diagnostics | FileCheck %s
// RUN: not qopt-opt %s --qopt-apply-calibration=file=%S/Inputs/none.json \
// RUN:   --split-input-file 2>&1 | FileCheck %s --check-prefix=NOFILE

// NOFILE: none.json: No such file or directory

// Per tensor and per channel; ranges of an earlier run are replaced.
// CHECK-LABEL: func.func @apply
// CHECK: qopt.observe %{{.*}} {edge = "image", max = array<f32: 1.500000e+00>, min = array<f32: -1.000000e+00>}
// CHECK: qopt.observe %{{.*}} {axis = 1 : i64, edge = "conv1", max = array<f32: 1.000000e-01, 2.000000e+00>, min = array<f32: -1.000000e+00, 0.000000e+00>}
func.func @apply(%a: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %0 = qopt.observe %a {edge = "image", min = array<f32: 5.0>, max = array<f32: 6.0>} : tensor<4x2xf32> -> tensor<4x2xf32>
  %1 = qopt.observe %0 {edge = "conv1", axis = 1 : i64} : tensor<4x2xf32> -> tensor<4x2xf32>
  return %1 : tensor<4x2xf32>
}

// -----

func.func @missing(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = qopt.observe %a {edge = "image"} : tensor<4xf32> -> tensor<4xf32>
  // expected-error @+2 {{expected a range for every observed edge, the calibration of model 'tiny' lacks 'add', 'mul'}}
  // expected-note @+1 {{calibrate this model again}}
  %1 = qopt.observe %0 {edge = "add"} : tensor<4xf32> -> tensor<4xf32>
  %2 = qopt.observe %1 {edge = "mul"} : tensor<4xf32> -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

func.func @granularity(%a: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-error @+1 {{expects 4 ranges along dimension 0 for edge 'conv1', the calibration has 2 ranges along dimension 1}}
  %0 = qopt.observe %a {edge = "conv1", axis = 0 : i64} : tensor<4x2xf32> -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}
