// RUN: qopt-opt %s --qopt-quantize | FileCheck %s
// RUN: qopt-opt %s --qopt-quantize='recipe=int8-fixed-point io=quantized' | FileCheck %s --check-prefix=FIXED

// Softmax has integers only in fixed point; there it is rounded on both sides.
// CHECK-LABEL: func.func @softmax
// CHECK-NOT:     qopt.quantize
// CHECK:         linalg.softmax {qopt.float_reason = "softmax has an integer form only with \22arithmetic\22: \22fixed-point\22; leave it out of the model
// FIXED-LABEL: func.func @softmax
// FIXED-SAME:    tensor<2x4xi8> {{.*}} -> (tensor<2x4xi8> {{.*}} attributes {qopt.fixed_point, qopt.linear_forms}
// FIXED:         %[[X:.*]] = qopt.dequantize ins(%arg0,
// FIXED-NOT:     float_reason
// FIXED:         %[[Y:.*]] = linalg.softmax dimension(1) ins(%[[X]] :
// FIXED:         qopt.quantize ins(%[[Y]],
func.func @softmax(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %xo = qopt.observe %x {edge = "x", min = array<f32: -4.0>, max = array<f32: 4.0>} : tensor<2x4xf32> -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %y = linalg.softmax dimension(1) ins(%xo : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %yo = qopt.observe %y {edge = "y", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<2x4xf32> -> tensor<2x4xf32>
  return %yo : tensor<2x4xf32>
}
