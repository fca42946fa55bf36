// RUN: qopt-opt %s --qopt-fuse-multiply-add | FileCheck %s

// CHECK-LABEL: func.func @named
// CHECK-NOT:     linalg.matmul
// CHECK:         linalg.generic
// CHECK-SAME:      {qopt.mark = 7 : i64}
// CHECK-NEXT:    ^bb0([[A:%.*]]: f32, [[B:%.*]]: f32, [[ACC:%.*]]: f32):
// CHECK-NEXT:      [[SUM:%.*]] = math.fma [[A]], [[B]], [[ACC]] : f32
// CHECK-NEXT:      linalg.yield [[SUM]]
func.func @named(%x: tensor<4x8xf32>, %w: tensor<8x3xf32>, %i: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %0 = linalg.matmul {qopt.mark = 7} ins(%x, %w : tensor<4x8xf32>, tensor<8x3xf32>) outs(%i : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// The sum may name its operands in either order.
// CHECK-LABEL: func.func @generic
// CHECK:       ^bb0([[A:%.*]]: f32, [[B:%.*]]: f32, [[ACC:%.*]]: f32):
// CHECK-NEXT:    [[SUM:%.*]] = math.fma [[B]], [[A]], [[ACC]] : f32
// CHECK-NEXT:    linalg.yield [[SUM]]
func.func @generic(%x: tensor<4x8xf32>, %w: tensor<8xf32>, %i: tensor<4xf32>) -> tensor<4xf32> {
  %0 = linalg.generic {
      indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (k)>, affine_map<(m, k) -> (m)>],
      iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<4x8xf32>, tensor<8xf32>) outs(%i : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %b, %a : f32
    %s = arith.addf %p, %acc : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Products that nothing accumulates, and integers, stay.
// CHECK-LABEL: func.func @others
// CHECK:         linalg.matmul
// CHECK:         arith.mulf
// CHECK-NOT:     math.fma
func.func @others(%x: tensor<4x8xi32>, %w: tensor<8x3xi32>, %i: tensor<4x3xi32>, %y: tensor<4xf32>)
    -> (tensor<4x3xi32>, tensor<4xf32>) {
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xi32>, tensor<8x3xi32>) outs(%i : tensor<4x3xi32>) -> tensor<4x3xi32>
  %1 = linalg.generic {
      indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
      ins(%y : tensor<4xf32>) outs(%y : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4xf32>
  return %0, %1 : tensor<4x3xi32>, tensor<4xf32>
}
