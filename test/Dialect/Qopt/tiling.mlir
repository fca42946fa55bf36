// RUN: qopt-opt %s --transform-interpreter --split-input-file --canonicalize | FileCheck %s
//
// Upstream tiling cuts qopt operations; parameters follow their maps.

// CHECK-LABEL: func.func @requantize_per_channel
// CHECK:         scf.for %[[I:[a-z0-9]+]] =
// CHECK:           scf.for %[[J:[a-z0-9]+]] =
// CHECK:             %[[X:.*]] = tensor.extract_slice %{{.*}}[%[[I]], %[[J]]] [2, 8] [1, 1] : tensor<4x16xi32> to tensor<2x8xi32>
// CHECK:             %[[M:.*]] = tensor.extract_slice %{{.*}}[%[[J]]] [8] [1] : tensor<16xf32> to tensor<8xf32>
// CHECK:             %[[E:.*]] = tensor.extract_slice %{{.*}}[%[[I]], %[[J]]] [2, 8] [1, 1] : tensor<4x16xi8> to tensor<2x8xi8>
// CHECK:             qopt.requantize ins(%[[X]] : tensor<2x8xi32>) multipliers(%[[M]] : tensor<8xf32>) outs(%[[E]] : tensor<2x8xi8>)
func.func @requantize_per_channel(%x: tensor<4x16xi32>, %m: tensor<16xf32>, %e: tensor<4x16xi8>) -> tensor<4x16xi8> {
  %0 = qopt.requantize ins(%x : tensor<4x16xi32>) multipliers(%m : tensor<16xf32>) outs(%e : tensor<4x16xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0, d1) -> (d1)>]} -> tensor<4x16xi8>
  return %0 : tensor<4x16xi8>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["qopt.requantize"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops:2 = transform.structured.tile_using_for %op tile_sizes [2, 8] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A producer is fused into the tiled consumer; its table is taken whole.
// CHECK-LABEL: func.func @fuse_producer
// CHECK:         scf.for
// CHECK:           %[[Y:.*]] = qopt.lookup {{.*}} : tensor<2x16xi8>, tensor<256xi8>)
// CHECK:           qopt.dequantize ins(%[[Y]],
// CHECK-NOT:     qopt.lookup
func.func @fuse_producer(%x: tensor<4x16xi8>, %t: tensor<256xi8>, %s: tensor<f32>, %z: tensor<i32>, %e: tensor<4x16xi8>, %f: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %y = qopt.lookup ins(%x, %t : tensor<4x16xi8>, tensor<256xi8>) outs(%e : tensor<4x16xi8>) params affine_map<(d0, d1) -> ()> -> tensor<4x16xi8>
  %0 = qopt.dequantize ins(%y, %s, %z : tensor<4x16xi8>, tensor<f32>, tensor<i32>) outs(%f : tensor<4x16xf32>) params affine_map<(d0, d1) -> ()> -> tensor<4x16xf32>
  return %0 : tensor<4x16xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["qopt.dequantize"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.fuse %op tile_sizes [2, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Grouped parameters follow a tile that takes whole groups.
// CHECK-LABEL: func.func @dequantize_per_group
// CHECK:         scf.for %[[I:[a-z0-9]+]] =
// CHECK:           tensor.extract_slice %{{.*}}[%[[I]], 0] [2, 2] [1, 1] : tensor<4x2xf32> to tensor<2x2xf32>
// CHECK:           qopt.dequantize {{.*}} : tensor<2x64xi8>, tensor<2x2xf32>, tensor<2x2xi32>)
func.func @dequantize_per_group(%q: tensor<4x64xi8>, %s: tensor<4x2xf32>, %z: tensor<4x2xi32>, %f: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %0 = qopt.dequantize ins(%q, %s, %z : tensor<4x64xi8>, tensor<4x2xf32>, tensor<4x2xi32>) outs(%f : tensor<4x64xf32>) params affine_map<(d0, d1) -> (d0, d1 floordiv 32)> -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["qopt.dequantize"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_for %op tile_sizes [2, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
