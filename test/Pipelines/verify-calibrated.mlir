// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-phase=phase=calibrated

func.func @ranges(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<4xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @no_range(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{phase 'calibrated': edge 'x' has no range}}
  // expected-note @below {{qopt-apply-calibration should have set it}}
  %0 = qopt.observe %x {edge = "x"} : tensor<4xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
