// RUN: qopt-opt %s --qopt-assign-schedule=target=sm_80 | FileCheck %s --check-prefix=SCHEDULE
// RUN: qopt-opt %s --qopt-assign-schedule=target=sm_80 --qopt-generate-nests --canonicalize | FileCheck %s

// 256 rows and 48 channels: four blocks of 64x64, four warps of 32x32 in each.
// SCHEDULE-LABEL: func.func @product
// SCHEDULE: qopt.schedule = {kernel = "mma", {{.*}}mma_tile = array<i64: 64, 64, 32, 32, 3>, order = array<i64: 0, 1>, threads = 128 : i64
// CHECK-LABEL: func.func @product
// CHECK: scf.for %[[T:.*]] = %c0 to %c512 step %c1 iter_args
// CHECK: qopt.mma_tile %arg0, %{{.*}}, %[[T]] {offsets = #{{.*}}, rows = #{{.*}}, shape = array<i64: 256, 48, 1, 64>, tile = array<i64: 64, 64, 32, 32, 3>, unsigned_lhs} : tensor<256x64xi8>, tensor<4096xi8> -> vector<32xi32>
// The last block's channels from 48 on do not exist.
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: vector.extract_strided_slice %{{.*}} {offsets = [0], sizes = [2], strides = [1]} : vector<32xi32> to vector<2xi32>
// CHECK: vector.transfer_write %{{.*}} : vector<2xi32>, tensor<256x48xi32>
// CHECK: } {qopt.threads = 128 : i64}
func.func @product(%x: tensor<256x64xi8>) -> tensor<256x48xi32> {
  %w = arith.constant dense<1> : tensor<64x48xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<256x48xi32>
  %i = linalg.fill ins(%zero : i32) outs(%e : tensor<256x48xi32>) -> tensor<256x48xi32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<256x64xi8>, tensor<64x48xi8>) outs(%i : tensor<256x48xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %wide_a = arith.extui %a : i8 to i32
    %wide_b = arith.extsi %b : i8 to i32
    %product = arith.muli %wide_a, %wide_b : i32
    %sum = arith.addi %acc, %product : i32
    linalg.yield %sum : i32
  } -> tensor<256x48xi32>
  return %r : tensor<256x48xi32>
}

// Few rows would leave tensor cores idle: a thread for two channels, by dp4a.
// SCHEDULE-LABEL: func.func @row
// SCHEDULE: qopt.schedule = {kernel = "dot", {{.*}}lanes = 2 : i64, order = array<i64: 0, 1>, threads = 128 : i64, tile = array<i64: 1, 2>}
// CHECK-LABEL: func.func @row
// CHECK: scf.for %{{.*}} = %c0 to %c5 step %c1
// CHECK: qopt.dot {{.*}} : vector<2xi32>, vector<8xi8>, vector<8xi8>
// CHECK: } {qopt.threads = 128 : i64}
func.func @row(%x: tensor<1x64xi8>) -> tensor<1x10xi32> {
  %w = arith.constant dense<1> : tensor<64x10xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<1x10xi32>
  %i = linalg.fill ins(%zero : i32) outs(%e : tensor<1x10xi32>) -> tensor<1x10xi32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<1x64xi8>, tensor<64x10xi8>) outs(%i : tensor<1x10xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %wide_a = arith.extui %a : i8 to i32
    %wide_b = arith.extsi %b : i8 to i32
    %product = arith.muli %wide_a, %wide_b : i32
    %sum = arith.addi %acc, %product : i32
    linalg.yield %sum : i32
  } -> tensor<1x10xi32>
  return %r : tensor<1x10xi32>
}
