// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-phase=phase=qdq

// An observer that quantization forgot.
func.func @observer(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{phase 'qdq': an observer is left}}
  // expected-note @below {{qopt-quantize should have replaced it}}
  %0 = qopt.observe %x {edge = "x"} : tensor<4xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Integers that something else than qopt.dequantize reads.
func.func @integers_escape(%x: tensor<4xf32>) -> tensor<4xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %e = tensor.empty() : tensor<4xi8>
  %q = qopt.quantize ins(%x, %s, %z : tensor<4xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<4xi8>)
         range [0, 255] params affine_map<(d0) -> ()> -> tensor<4xi8>
  // expected-error @below {{phase 'qdq': expected only qopt.dequantize after qopt.quantize, got 'func.return'}}
  // expected-note @below {{qopt-quantize should have put the pair on the edge}}
  return %q : tensor<4xi8>
}
