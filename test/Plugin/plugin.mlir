// A stock mlir-opt takes the dialect and the passes from the plugin. It has no
// sanitizers' runtime, which must be the first thing in a program.
// UNSUPPORTED: sanitized

// RUN: mlir-opt --load-dialect-plugin=%qopt_plugin --load-pass-plugin=%qopt_plugin \
// RUN:   --pass-pipeline='builtin.module(convert-qopt-to-linalg)' %s | FileCheck %s

// CHECK-LABEL: func.func @quantize
// CHECK-NOT:     qopt.quantize
// CHECK:         linalg.generic
func.func @quantize(%x: tensor<8xf32>) -> tensor<8xi8> {
  %scale = arith.constant dense<0.5> : tensor<f32>
  %zeroPoint = arith.constant dense<3> : tensor<i32>
  %empty = tensor.empty() : tensor<8xi8>
  %q = qopt.quantize ins(%x, %scale, %zeroPoint : tensor<8xf32>, tensor<f32>, tensor<i32>)
         outs(%empty : tensor<8xi8>) range [0, 255] params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %q : tensor<8xi8>
}
