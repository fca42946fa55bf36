// RUN: qopt-opt %s --convert-qopt-to-linalg --qopt-assign-schedule=target=x86-64-v4-vbmi --qopt-generate-nests --canonicalize | FileCheck %s

// What a table is read at is rounded and packed first: four vectors are one
// register of bytes, and one lookup.
// CHECK-LABEL: func.func @silu
// CHECK-DAG: %[[TABLE:.*]] = arith.constant dense<7> : tensor<256xi8>
// CHECK-NOT: arith.trunci
// CHECK: %[[PACKED:.*]] = qopt.round_pack {{.*}} zero_point 135 {{.*}} -> vector<64xi8>
// CHECK: %[[AT:.*]] = arith.index_castui %[[PACKED]] : vector<64xi8> to vector<64xindex>
// CHECK: %[[BYTES:.*]] = vector.gather %[[TABLE]][%{{.*}}] [%[[AT]]]
// CHECK: vector.shuffle %[[BYTES]]
// CHECK: vector.transfer_write
// CHECK: return
#channel = affine_map<(d0, d1) -> (d1)>
#none = affine_map<(d0, d1) -> ()>
func.func @silu(%x: tensor<28x64xi32>) -> tensor<28x64xi8> {
  %multipliers = arith.constant dense<0.125> : tensor<64xf32>
  %table = arith.constant dense<7> : tensor<256xi8>
  %e = tensor.empty() : tensor<28x64xi8>
  %q = qopt.requantize ins(%x : tensor<28x64xi32>) multipliers(%multipliers : tensor<64xf32>) outs(%e : tensor<28x64xi8>) range [0, 255] zero_point 135 {input_zero_points = array<i32: 0>, params = [#channel], unsigned_inputs = array<i1: false>} -> tensor<28x64xi8>
  %y = qopt.lookup ins(%q, %table : tensor<28x64xi8>, tensor<256xi8>) outs(%e : tensor<28x64xi8>) unsigned params #none -> tensor<28x64xi8>
  return %y : tensor<28x64xi8>
}
