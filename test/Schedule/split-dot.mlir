// RUN: qopt-opt %s --qopt-assign-schedule=target=aarch64 | FileCheck %s --check-prefix=SCHEDULE
// RUN: qopt-opt %s --qopt-assign-schedule=target=aarch64 --qopt-generate-nests --canonicalize --cse | FileCheck %s

#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>

// Every sum is in two lanes, for two bytes of every four: the bias in the first
// of them, 0 in the second. At the end the two are added.
// SCHEDULE: kernel = "split-dot"
// SCHEDULE-SAME: pair_steps = 2
// CHECK-LABEL: func.func @product
// CHECK: %[[ZERO:.*]] = arith.constant dense<0> : vector<4xi32>
// CHECK: %[[LOW:.*]] = vector.shuffle %[[BIAS:.*]], %[[ZERO]] [0, 4, 1, 5] : vector<4xi32>, vector<4xi32>
// CHECK: %[[HIGH:.*]] = vector.shuffle %[[BIAS]], %[[ZERO]] [2, 6, 3, 7] : vector<4xi32>, vector<4xi32>
// CHECK: %[[SUMS:.*]]:2 = scf.for {{.*}} iter_args(%[[L:.*]] = %[[LOW]], %[[H:.*]] = %[[HIGH]])
// CHECK: %[[A0:.*]] = vector.extract_strided_slice %[[A:.*]] {offsets = [0], sizes = [8]
// CHECK: %[[W0:.*]] = vector.extract_strided_slice %[[W:.*]] {offsets = [0], sizes = [8]
// CHECK: qopt.dot %[[L]], %[[A0]], %[[W0]] {byte_bound = 7 : i64} : vector<4xi32>, vector<8xi8>, vector<8xi8>
// CHECK: %[[A1:.*]] = vector.extract_strided_slice %[[A]] {offsets = [8], sizes = [8]
// CHECK: %[[W1:.*]] = vector.extract_strided_slice %[[W]] {offsets = [8], sizes = [8]
// CHECK: qopt.dot %[[H]], %[[A1]], %[[W1]] {byte_bound = 7 : i64}
// CHECK: scf.yield
// CHECK: %[[EVEN:.*]] = vector.shuffle %[[SUMS]]#0, %[[SUMS]]#1 [0, 2, 4, 6]
// CHECK: %[[ODD:.*]] = vector.shuffle %[[SUMS]]#0, %[[SUMS]]#1 [1, 3, 5, 7]
// CHECK: arith.addi %[[EVEN]], %[[ODD]] : vector<4xi32>
func.func @product(%x: tensor<1x1024xi8>, %b: tensor<1x4xi32>) -> tensor<1x4xi32> {
  %w = arith.constant dense<-7> : tensor<4x1024xi8>
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x1024xi8>, tensor<4x1024xi8>) outs(%b : tensor<1x4xi32>) {
  ^bb0(%a: i8, %c: i8, %acc: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.extsi %c : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x4xi32>
  return %r : tensor<1x4xi32>
}
