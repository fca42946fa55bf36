// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --canonicalize --split-input-file | FileCheck %s

// What one operation rounds to bytes and another one of the nest dequantizes stays
// a real number: r + 1.5 * 2^23 - (1.5 * 2^23 - 3 + 5).

#id = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func.func @stays_real
// CHECK-DAG: %[[ORIGIN:.*]] = arith.constant dense<0x4B400002> : vector<16xf32>
// CHECK-DAG: %[[MAGIC:.*]] = arith.constant dense<0x4B400000> : vector<16xf32>
// CHECK-NOT: arith.trunci
// CHECK: %[[BIASED:.*]] = arith.addf %{{.*}}, %[[MAGIC]] : vector<16xf32>
// CHECK: %[[REAL:.*]] = arith.subf %[[BIASED]], %[[ORIGIN]] : vector<16xf32>
// CHECK: vector.transfer_write %[[REAL]]
// CHECK-NOT: arith.sitofp
// CHECK: return
func.func @stays_real(%x: tensor<64xf32>) -> tensor<64xf32> {
  %lo = arith.constant -3.0 : f32
  %hi = arith.constant 252.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %unbias = arith.constant -1262485501 : i32
  %five = arith.constant 5 : i32
  %e = tensor.empty() : tensor<64xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xi8>) {
  ^bb0(%a: f32, %o: i8):
    %0 = arith.cmpf ogt, %a, %lo : f32
    %1 = arith.select %0, %a, %lo : f32
    %2 = arith.cmpf olt, %1, %hi : f32
    %3 = arith.select %2, %1, %hi : f32
    %4 = arith.addf %3, %magic : f32
    %5 = arith.bitcast %4 : f32 to i32
    %6 = arith.addi %5, %unbias : i32
    %7 = arith.trunci %6 : i32 to i8
    linalg.yield %7 : i8
  } -> tensor<64xi8>
  %f = tensor.empty() : tensor<64xf32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%q : tensor<64xi8>) outs(%f : tensor<64xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.subi %0, %five : i32
    %2 = arith.sitofp %1 : i32 to f32
    linalg.yield %2 : f32
  } -> tensor<64xf32>
  return %d : tensor<64xf32>
}

// -----

// A byte of 200 is -56 with a sign.

#id = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func.func @read_with_another_sign
// CHECK: arith.trunci
// CHECK: arith.extsi
// CHECK: arith.sitofp
// CHECK-NOT: arith.subf
// CHECK: return
func.func @read_with_another_sign(%x: tensor<64xf32>) -> tensor<64xf32> {
  %lo = arith.constant -3.0 : f32
  %hi = arith.constant 252.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %unbias = arith.constant -1262485501 : i32
  %e = tensor.empty() : tensor<64xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<64xf32>) outs(%e : tensor<64xi8>) {
  ^bb0(%a: f32, %o: i8):
    %0 = arith.cmpf ogt, %a, %lo : f32
    %1 = arith.select %0, %a, %lo : f32
    %2 = arith.cmpf olt, %1, %hi : f32
    %3 = arith.select %2, %1, %hi : f32
    %4 = arith.addf %3, %magic : f32
    %5 = arith.bitcast %4 : f32 to i32
    %6 = arith.addi %5, %unbias : i32
    %7 = arith.trunci %6 : i32 to i8
    linalg.yield %7 : i8
  } -> tensor<64xi8>
  %f = tensor.empty() : tensor<64xf32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%q : tensor<64xi8>) outs(%f : tensor<64xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.sitofp %0 : i32 to f32
    linalg.yield %1 : f32
  } -> tensor<64xf32>
  return %d : tensor<64xf32>
}
