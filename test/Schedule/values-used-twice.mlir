// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests | FileCheck %s

// A chain of 40 operations that use a value twice has 2^40 paths. Each operation
// is looked at once: this takes no time, where paths would take days.

#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>

// Bytes below 256 in steps of 2^-9 stay below 1 when they are multiplied.
// CHECK-LABEL: func.func @squares
// CHECK-COUNT-40: arith.mulf
// CHECK: qopt.round_pack {{.*}} zero_point 0 fits_i32
func.func @squares(%x: tensor<4x16xi8>, %z: tensor<4x16xi8>) -> tensor<4x16xi8> {
  %scale = arith.constant 0.001953125 : f32
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %bits = arith.constant -1262485504 : i32
  %e = tensor.empty() : tensor<4x16xf32>
  %d0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x16xi8>) outs(%e : tensor<4x16xf32>) {
  ^bb0(%a: i8, %out: f32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.sitofp %0 : i32 to f32
    %2 = arith.mulf %1, %scale : f32
    linalg.yield %2 : f32
  } -> tensor<4x16xf32>
  %d1 = linalg.mul ins(%d0, %d0 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d2 = linalg.mul ins(%d1, %d1 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d3 = linalg.mul ins(%d2, %d2 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d4 = linalg.mul ins(%d3, %d3 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d5 = linalg.mul ins(%d4, %d4 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d6 = linalg.mul ins(%d5, %d5 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d7 = linalg.mul ins(%d6, %d6 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d8 = linalg.mul ins(%d7, %d7 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d9 = linalg.mul ins(%d8, %d8 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d10 = linalg.mul ins(%d9, %d9 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d11 = linalg.mul ins(%d10, %d10 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d12 = linalg.mul ins(%d11, %d11 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d13 = linalg.mul ins(%d12, %d12 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d14 = linalg.mul ins(%d13, %d13 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d15 = linalg.mul ins(%d14, %d14 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d16 = linalg.mul ins(%d15, %d15 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d17 = linalg.mul ins(%d16, %d16 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d18 = linalg.mul ins(%d17, %d17 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d19 = linalg.mul ins(%d18, %d18 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d20 = linalg.mul ins(%d19, %d19 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d21 = linalg.mul ins(%d20, %d20 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d22 = linalg.mul ins(%d21, %d21 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d23 = linalg.mul ins(%d22, %d22 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d24 = linalg.mul ins(%d23, %d23 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d25 = linalg.mul ins(%d24, %d24 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d26 = linalg.mul ins(%d25, %d25 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d27 = linalg.mul ins(%d26, %d26 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d28 = linalg.mul ins(%d27, %d27 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d29 = linalg.mul ins(%d28, %d28 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d30 = linalg.mul ins(%d29, %d29 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d31 = linalg.mul ins(%d30, %d30 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d32 = linalg.mul ins(%d31, %d31 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d33 = linalg.mul ins(%d32, %d32 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d34 = linalg.mul ins(%d33, %d33 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d35 = linalg.mul ins(%d34, %d34 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d36 = linalg.mul ins(%d35, %d35 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d37 = linalg.mul ins(%d36, %d36 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d38 = linalg.mul ins(%d37, %d37 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d39 = linalg.mul ins(%d38, %d38 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d40 = linalg.mul ins(%d39, %d39 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%d40 : tensor<4x16xf32>) outs(%z : tensor<4x16xi8>) {
  ^bb0(%a: f32, %out: i8):
    %0 = arith.cmpf ogt, %a, %lo : f32
    %1 = arith.select %0, %a, %lo : f32
    %2 = arith.cmpf olt, %1, %hi : f32
    %3 = arith.select %2, %1, %hi : f32
    %4 = arith.addf %3, %magic : f32
    %5 = arith.bitcast %4 : f32 to i32
    %6 = arith.addi %5, %bits : i32
    %7 = arith.trunci %6 : i32 to i8
    linalg.yield %7 : i8
  } -> tensor<4x16xi8>
  return %r : tensor<4x16xi8>
}

// The result is stored over what the first of them reads, which an earlier nest
// has read at other positions.
// CHECK-LABEL: func.func @in_place
// CHECK: %[[E:.*]] = tensor.empty()
// CHECK: %[[D0:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[E]])
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[E]])
// CHECK: scf.for {{.*}} iter_args(%[[D:.*]] = %[[D0]])
// CHECK: vector.transfer_read %[[D]]
// CHECK-COUNT-40: arith.mulf
// CHECK: return
func.func @in_place(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %e = tensor.empty() : tensor<8x8xf32>
  %d0 = linalg.add ins(%x, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %t = linalg.generic {indexing_maps = [#turned, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%d0, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  %d1 = linalg.mul ins(%d0, %d0 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d2 = linalg.mul ins(%d1, %d1 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d3 = linalg.mul ins(%d2, %d2 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d4 = linalg.mul ins(%d3, %d3 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d5 = linalg.mul ins(%d4, %d4 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d6 = linalg.mul ins(%d5, %d5 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d7 = linalg.mul ins(%d6, %d6 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d8 = linalg.mul ins(%d7, %d7 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d9 = linalg.mul ins(%d8, %d8 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d10 = linalg.mul ins(%d9, %d9 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d11 = linalg.mul ins(%d10, %d10 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d12 = linalg.mul ins(%d11, %d11 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d13 = linalg.mul ins(%d12, %d12 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d14 = linalg.mul ins(%d13, %d13 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d15 = linalg.mul ins(%d14, %d14 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d16 = linalg.mul ins(%d15, %d15 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d17 = linalg.mul ins(%d16, %d16 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d18 = linalg.mul ins(%d17, %d17 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d19 = linalg.mul ins(%d18, %d18 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d20 = linalg.mul ins(%d19, %d19 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d21 = linalg.mul ins(%d20, %d20 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d22 = linalg.mul ins(%d21, %d21 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d23 = linalg.mul ins(%d22, %d22 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d24 = linalg.mul ins(%d23, %d23 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d25 = linalg.mul ins(%d24, %d24 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d26 = linalg.mul ins(%d25, %d25 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d27 = linalg.mul ins(%d26, %d26 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d28 = linalg.mul ins(%d27, %d27 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d29 = linalg.mul ins(%d28, %d28 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d30 = linalg.mul ins(%d29, %d29 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d31 = linalg.mul ins(%d30, %d30 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d32 = linalg.mul ins(%d31, %d31 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d33 = linalg.mul ins(%d32, %d32 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d34 = linalg.mul ins(%d33, %d33 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d35 = linalg.mul ins(%d34, %d34 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d36 = linalg.mul ins(%d35, %d35 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d37 = linalg.mul ins(%d36, %d36 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d38 = linalg.mul ins(%d37, %d37 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d39 = linalg.mul ins(%d38, %d38 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %d40 = linalg.mul ins(%d39, %d39 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %t, %d40 : tensor<8x8xf32>, tensor<8x8xf32>
}

// The maximum of the last one, which nothing before it finishes.
// CHECK-LABEL: func.func @maximum
// CHECK-COUNT-40: arith.mulf
// CHECK: arith.maximumf
func.func @maximum(%x: tensor<4x16xf32>) -> tensor<4xf32> {
  %least = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<4x16xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %init = linalg.fill ins(%least : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %d0 = linalg.exp ins(%x : tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d1 = linalg.mul ins(%d0, %d0 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d2 = linalg.mul ins(%d1, %d1 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d3 = linalg.mul ins(%d2, %d2 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d4 = linalg.mul ins(%d3, %d3 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d5 = linalg.mul ins(%d4, %d4 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d6 = linalg.mul ins(%d5, %d5 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d7 = linalg.mul ins(%d6, %d6 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d8 = linalg.mul ins(%d7, %d7 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d9 = linalg.mul ins(%d8, %d8 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d10 = linalg.mul ins(%d9, %d9 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d11 = linalg.mul ins(%d10, %d10 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d12 = linalg.mul ins(%d11, %d11 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d13 = linalg.mul ins(%d12, %d12 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d14 = linalg.mul ins(%d13, %d13 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d15 = linalg.mul ins(%d14, %d14 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d16 = linalg.mul ins(%d15, %d15 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d17 = linalg.mul ins(%d16, %d16 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d18 = linalg.mul ins(%d17, %d17 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d19 = linalg.mul ins(%d18, %d18 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d20 = linalg.mul ins(%d19, %d19 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d21 = linalg.mul ins(%d20, %d20 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d22 = linalg.mul ins(%d21, %d21 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d23 = linalg.mul ins(%d22, %d22 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d24 = linalg.mul ins(%d23, %d23 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d25 = linalg.mul ins(%d24, %d24 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d26 = linalg.mul ins(%d25, %d25 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d27 = linalg.mul ins(%d26, %d26 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d28 = linalg.mul ins(%d27, %d27 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d29 = linalg.mul ins(%d28, %d28 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d30 = linalg.mul ins(%d29, %d29 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d31 = linalg.mul ins(%d30, %d30 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d32 = linalg.mul ins(%d31, %d31 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d33 = linalg.mul ins(%d32, %d32 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d34 = linalg.mul ins(%d33, %d33 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d35 = linalg.mul ins(%d34, %d34 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d36 = linalg.mul ins(%d35, %d35 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d37 = linalg.mul ins(%d36, %d36 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d38 = linalg.mul ins(%d37, %d37 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d39 = linalg.mul ins(%d38, %d38 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %d40 = linalg.mul ins(%d39, %d39 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %m = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%d40 : tensor<4x16xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%a: f32, %most: f32):
    %0 = arith.maximumf %most, %a : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  return %m : tensor<4xf32>
}
