// RUN: qopt-opt %s --convert-qopt-to-linalg --split-input-file --verify-diagnostics | FileCheck %s
// RUN: qopt-opt %s --convert-qopt-to-linalg --split-input-file --verify-diagnostics | \
// RUN:   qopt-opt --convert-qopt-to-linalg --split-input-file | FileCheck %s

// Per tensor: scale and zero point are constants of the body.
// CHECK-LABEL: func.func @quantize
// CHECK-SAME: (%[[X:.*]]: tensor<1x8xf32>
func.func @quantize(%x: tensor<1x8xf32>, %e: tensor<1x8xi8>) -> tensor<1x8xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  // CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<1x8xf32>)
  // CHECK: %[[STEPS:.*]] = arith.divf
  // CHECK: arith.cmpf ord, %[[STEPS]], %[[STEPS]]
  // CHECK: arith.constant -3.000000e+00 : f32
  // CHECK: arith.constant 2.520000e+02 : f32
  // CHECK: arith.cmpf ogt
  // CHECK: arith.cmpf olt
  // CHECK: arith.constant 0x4B400000 : f32
  // CHECK: arith.bitcast %{{.*}} : f32 to i32
  // CHECK: arith.constant -1262485501 : i32
  // CHECK: arith.trunci
  // CHECK-NOT: math.
  %q = qopt.quantize ins(%x, %s, %z : tensor<1x8xf32>, tensor<f32>, tensor<i32>)
         outs(%e : tensor<1x8xi8>) range [0, 255] params affine_map<(d0, d1) -> ()>
         -> tensor<1x8xi8>
  return %q : tensor<1x8xi8>
}

// -----

// Per channel: the scales are an input with its own map.
// CHECK-DAG: #[[$CHANNEL:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func @dequantize
func.func @dequantize(%q: tensor<4x2xi8>, %e: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %s = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %z = arith.constant dense<0> : tensor<2xi32>
  // CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$CHANNEL]], #{{.*}}]
  // CHECK: arith.extsi
  // CHECK-NOT: arith.subi
  // CHECK: arith.sitofp
  // CHECK: arith.mulf
  %x = qopt.dequantize ins(%q, %s, %z : tensor<4x2xi8>, tensor<2xf32>, tensor<2xi32>)
         outs(%e : tensor<4x2xf32>) params affine_map<(d0, d1) -> (d1)>
         -> tensor<4x2xf32>
  return %x : tensor<4x2xf32>
}

// -----

// A residual add: two terms, summed in operand order.
// CHECK-LABEL: func.func @requantize
func.func @requantize(%acc: tensor<2x16xi32>, %res: tensor<2x16xi8>, %m0: tensor<16xf32>,
                      %e: tensor<2x16xi8>) -> tensor<2x16xi8> {
  %m1 = arith.constant dense<0.5> : tensor<f32>
  // CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x16xi32>, tensor<2x16xi8>, tensor<16xf32>)
  // CHECK: %[[T0:.*]] = arith.mulf
  // CHECK: arith.extui
  // CHECK: arith.subi
  // CHECK: %[[T1:.*]] = arith.mulf
  // CHECK: arith.addf %[[T0]], %[[T1]]
  %q = qopt.requantize ins(%acc, %res : tensor<2x16xi32>, tensor<2x16xi8>)
         multipliers(%m0, %m1 : tensor<16xf32>, tensor<f32>)
         outs(%e : tensor<2x16xi8>) range [0, 255] zero_point 3
         {input_zero_points = array<i32: 0, 128>, unsigned_inputs = array<i1: false, true>,
          params = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> ()>]}
         -> tensor<2x16xi8>
  return %q : tensor<2x16xi8>
}

// -----

// Fixed point: products and sum in 64 bits, the zero point before the shift.
// CHECK-LABEL: func.func @requantize_fixed_point
func.func @requantize_fixed_point(%acc: tensor<2x16xi32>, %res: tensor<2x16xi8>, %m0: tensor<16xi32>,
                                  %e: tensor<2x16xi8>) -> tensor<2x16xi8> {
  %m1 = arith.constant dense<7> : tensor<i32>
  // CHECK-NOT: f32
  // CHECK: %[[T0:.*]] = arith.muli {{.*}} : i64
  // CHECK: arith.subi {{.*}} : i32
  // CHECK: %[[T1:.*]] = arith.muli {{.*}} : i64
  // CHECK: %[[SUM:.*]] = arith.addi %[[T0]], %[[T1]] : i64
  // 2^39 + 3 * 2^40
  // CHECK: %[[ADDED:.*]] = arith.constant 3848290697216 : i64
  // CHECK: %[[BIASED:.*]] = arith.addi %[[SUM]], %[[ADDED]]
  // CHECK: %[[SHIFTED:.*]] = arith.shrsi %[[BIASED]], %{{.*}} : i64
  // CHECK: %[[WORD:.*]] = arith.trunci %[[SHIFTED]] : i64 to i32
  // CHECK: arith.maxsi %[[WORD]]
  // CHECK: arith.minsi
  // CHECK: arith.trunci {{.*}} : i32 to i8
  %q = qopt.requantize ins(%acc, %res : tensor<2x16xi32>, tensor<2x16xi8>)
         multipliers(%m0, %m1 : tensor<16xi32>, tensor<i32>)
         outs(%e : tensor<2x16xi8>) range [0, 255] zero_point 3
         {input_zero_points = array<i32: 0, 128>, unsigned_inputs = array<i1: false, true>,
          params = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> ()>], shift = 40 : i32}
         -> tensor<2x16xi8>
  return %q : tensor<2x16xi8>
}

// -----

// What may not fit 32 bits is clamped in 64.
// CHECK-LABEL: func.func @requantize_small_shift
func.func @requantize_small_shift(%acc: tensor<4xi32>, %e: tensor<4xi8>) -> tensor<4xi8> {
  %m = arith.constant dense<7> : tensor<i32>
  // CHECK: arith.shrsi
  // CHECK-NOT: arith.trunci
  // CHECK: arith.maxsi {{.*}} : i64
  // CHECK: arith.trunci {{.*}} : i64 to i8
  %q = qopt.requantize ins(%acc : tensor<4xi32>) multipliers(%m : tensor<i32>)
         outs(%e : tensor<4xi8>) range [0, 255] zero_point 3
         {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>,
          params = [affine_map<(d0) -> ()>], shift = 33 : i32}
         -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

// CHECK-LABEL: func.func @fake_quantize
func.func @fake_quantize(%x: tensor<4xf32>, %e: tensor<4xf32>) -> tensor<4xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  // CHECK: arith.bitcast
  // CHECK: arith.constant -1262485504 : i32
  // CHECK: arith.sitofp
  // CHECK: arith.mulf
  %q = qopt.fake_quantize ins(%x, %s, %z : tensor<4xf32>, tensor<f32>, tensor<i32>)
         outs(%e : tensor<4xf32>) range [0, 255] params affine_map<(d0) -> ()>
         -> tensor<4xf32>
  return %q : tensor<4xf32>
}

// -----

// Signed codes index the table from its middle; the row is the channel.
// CHECK-LABEL: func.func @lookup
// CHECK-SAME: %[[TABLE:[a-z0-9]*]]: tensor<2x256xi8>
func.func @lookup(%t: tensor<2x256xi8>, %x: tensor<4x2xi8>, %e: tensor<4x2xi8>) -> tensor<4x2xi8> {
  // CHECK: %[[CHANNEL:.*]] = linalg.index 1
  // CHECK: %[[ROW:.*]] = affine.apply #{{.*}}(%{{.*}}, %[[CHANNEL]])
  // CHECK: arith.extsi
  // CHECK: arith.constant 128 : i32
  // CHECK: tensor.extract %[[TABLE]][%[[ROW]], %{{.*}}]
  %y = qopt.lookup ins(%x, %t : tensor<4x2xi8>, tensor<2x256xi8>) outs(%e : tensor<4x2xi8>)
         params affine_map<(d0, d1) -> (d1)> -> tensor<4x2xi8>
  return %y : tensor<4x2xi8>
}

// -----

func.func @range(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i32>, %e: tensor<4xi32>) -> tensor<4xi32> {
  // expected-error @+1 {{expects a range of at most 4194304 steps, got [-8388608, 8388607]}}
  %q = qopt.quantize ins(%x, %s, %z : tensor<4xf32>, tensor<f32>, tensor<i32>)
         outs(%e : tensor<4xi32>) range [-8388608, 8388607] params affine_map<(d0) -> ()>
         -> tensor<4xi32>
  return %q : tensor<4xi32>
}

// -----

// CHECK-LABEL: func.func @softmax
// CHECK-NOT:     linalg.softmax
// CHECK:         arith.select
// CHECK:         math.exp
// CHECK:         arith.addf
// CHECK:         arith.divf %cst{{.*}}
func.func @softmax(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %e = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.softmax dimension(1) ins(%x : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
