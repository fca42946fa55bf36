// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni | FileCheck %s --check-prefix=SCHEDULE
// RUN: qopt-opt %s --qopt-assign-schedule=target=cortex-m7 | FileCheck %s --check-prefix=NOCACHE
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests | FileCheck %s
// RUN: qopt-opt %s --qopt-assign-schedule='target=x86-64-v4-vnni threads=2' --qopt-generate-nests | FileCheck %s --check-prefix=TASKS

// 50 rows are five tiles of nine and one of five. While they use 256 * 48 weights,
// each fetches a sixth of the next ones: 8 elements, half a line, in every step.
// The 48 KiB that it uses itself are more than the first-level cache holds beside
// the rows: of its three vectors of weights, it fetches the line 16 steps further
// on.
// SCHEDULE-LABEL: func.func @blocks
// SCHEDULE: ahead = 1024 : i64, {{.*}}order = array<i64: 1, 0>, prefetch, tile = array<i64: 9, 48>
// NOCACHE-NOT: prefetch
// CHECK-DAG: #[[$WHOLE:.*]] = affine_map<(d0, d1, d2) -> (d0 * 12288 + d1 * 2048 + d2 * 8 + 12288)>
// CHECK-DAG: #[[$REST:.*]] = affine_map<(d0, d1) -> (d0 * 12288 + d1 * 8 + 22528)>
// CHECK-DAG: #[[$AHEAD:.*]] = affine_map<(d0, d1) -> (d0 * 12288 + d1 * 16 + 256)>
// CHECK-DAG: #[[$AHEAD2:.*]] = affine_map<(d0, d1) -> (d0 * 12288 + d1 * 16 + 4352)>
// CHECK-DAG: #[[$AHEAD3:.*]] = affine_map<(d0, d1) -> (d0 * 12288 + d1 * 16 + 8448)>
// CHECK-LABEL: func.func @blocks
// CHECK-DAG: %[[W:.*]] = arith.constant dense<2.000000e+00> : tensor<6x256x16xf32>
// CHECK: affine.apply #[[$WHOLE]]
// CHECK-NEXT: qopt.prefetch %[[W]][%{{.*}}] : tensor<6x256x16xf32>
// CHECK-NEXT: affine.apply #[[$AHEAD]]
// CHECK-NEXT: qopt.prefetch near %[[W]][%{{.*}}] : tensor<6x256x16xf32>
// CHECK-NEXT: affine.apply #[[$AHEAD2]]
// CHECK-NEXT: qopt.prefetch near %[[W]]
// CHECK-NEXT: affine.apply #[[$AHEAD3]]
// CHECK-NEXT: qopt.prefetch near %[[W]]
// CHECK-NOT: qopt.prefetch
// CHECK: affine.apply #[[$REST]]
// CHECK-NEXT: qopt.prefetch %[[W]][%{{.*}}] : tensor<6x256x16xf32>
// CHECK-COUNT-3: qopt.prefetch near
// CHECK-NOT: qopt.prefetch
// A task has 25 rows, two tiles of nine and one of seven, which fetch a third of
// the next weights each: a line in every step.
// TASKS-DAG: #[[$THIRD:.*]] = affine_map<(d0, d1, d2) -> (d0 * 12288 + d1 * 4096 + d2 * 16 + 12288)>
// TASKS-DAG: #[[$LAST:.*]] = affine_map<(d0, d1) -> (d0 * 12288 + d1 * 16 + 20480)>
// TASKS-LABEL: func.func @blocks
// TASKS: affine.apply #[[$THIRD]]
// TASKS-NEXT: qopt.prefetch
// TASKS: affine.apply #[[$LAST]]
// TASKS-NEXT: qopt.prefetch
func.func @blocks(%x: tensor<50x256xf32>, %acc: tensor<50x96xf32>) -> tensor<50x96xf32> {
  %w = arith.constant dense<2.0> : tensor<96x256xf32>
  %y = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<50x256xf32>, tensor<96x256xf32>) outs(%acc : tensor<50x96xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<50x96xf32>
  return %y : tensor<50x96xf32>
}

// One tile of rows reads all weights in order.
// SCHEDULE-LABEL: func.func @one_row
// SCHEDULE-NOT: ahead
// SCHEDULE-NOT: prefetch
// CHECK-LABEL: func.func @one_row
// CHECK-NOT: qopt.prefetch
func.func @one_row(%x: tensor<1x256xf32>, %acc: tensor<1x1024xf32>) -> tensor<1x1024xf32> {
  %w = arith.constant dense<2.0> : tensor<1024x256xf32>
  %y = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<1x256xf32>, tensor<1024x256xf32>) outs(%acc : tensor<1x1024xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x1024xf32>
  return %y : tensor<1x1024xf32>
}

// Lanes run along the columns of the other operand: weights are scalars.
// SCHEDULE-LABEL: func.func @scalar_weights
// SCHEDULE-NOT: prefetch
func.func @scalar_weights(%x: tensor<256x512xf32>, %acc: tensor<128x512xf32>) -> tensor<128x512xf32> {
  %w = arith.constant dense<2.0> : tensor<128x256xf32>
  %y = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<256x512xf32>, tensor<128x256xf32>) outs(%acc : tensor<128x512xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<128x512xf32>
  return %y : tensor<128x512xf32>
}

// A resource is no constant that could be packed.
// SCHEDULE-LABEL: func.func @resource
// SCHEDULE-NOT: prefetch
func.func @resource(%x: tensor<64x256xf32>, %acc: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %w = arith.constant dense_resource<weights> : tensor<128x256xf32>
  %y = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<64x256xf32>, tensor<128x256xf32>) outs(%acc : tensor<64x128xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}
