// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>

// Sums of 32 bits times factors of less than a half, whatever the sums are; the
// second term adds 255 times 2.
// CHECK-LABEL: func.func @small
// CHECK: qopt.round_pack {{.*}} zero_point 0 fits_i32
func.func @small(%x: tensor<4x16xi32>, %y: tensor<4x16xi8>, %z: tensor<4x16xi8>) -> tensor<4x16xi8> {
  %factors = arith.constant dense<[0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3, 0.4]> : tensor<16xf32>
  %two = arith.constant 2.0 : f32
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %bits = arith.constant -1262485504 : i32
  %r = linalg.generic {indexing_maps = [#id, #channel, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %factors, %y : tensor<4x16xi32>, tensor<16xf32>, tensor<4x16xi8>) outs(%z : tensor<4x16xi8>) {
  ^bb0(%a: i32, %f: f32, %b: i8, %out: i8):
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %f : f32
    %2 = arith.extui %b : i8 to i32
    %3 = arith.sitofp %2 : i32 to f32
    %4 = arith.mulf %3, %two : f32
    %5 = arith.addf %1, %4 : f32
    %6 = arith.cmpf ogt, %5, %lo : f32
    %7 = arith.select %6, %5, %lo : f32
    %8 = arith.cmpf olt, %7, %hi : f32
    %9 = arith.select %8, %7, %hi : f32
    %10 = arith.addf %9, %magic : f32
    %11 = arith.bitcast %10 : f32 to i32
    %12 = arith.addi %11, %bits : i32
    %13 = arith.trunci %12 : i32 to i8
    linalg.yield %13 : i8
  } -> tensor<4x16xi8>
  return %r : tensor<4x16xi8>
}

// One of the factors is not.
// CHECK-LABEL: func.func @large
// CHECK: qopt.round_pack {{.*}} zero_point 0 :
func.func @large(%x: tensor<4x16xi32>, %z: tensor<4x16xi8>) -> tensor<4x16xi8> {
  %factors = arith.constant dense<[0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3, 0.6]> : tensor<16xf32>
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %bits = arith.constant -1262485504 : i32
  %r = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %factors : tensor<4x16xi32>, tensor<16xf32>) outs(%z : tensor<4x16xi8>) {
  ^bb0(%a: i32, %f: f32, %out: i8):
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %f : f32
    %2 = arith.cmpf ogt, %1, %lo : f32
    %3 = arith.select %2, %1, %lo : f32
    %4 = arith.cmpf olt, %3, %hi : f32
    %5 = arith.select %4, %3, %hi : f32
    %6 = arith.addf %5, %magic : f32
    %7 = arith.bitcast %6 : f32 to i32
    %8 = arith.addi %7, %bits : i32
    %9 = arith.trunci %8 : i32 to i8
    linalg.yield %9 : i8
  } -> tensor<4x16xi8>
  return %r : tensor<4x16xi8>
}
