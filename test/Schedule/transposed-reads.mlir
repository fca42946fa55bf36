// RUN: qopt-opt %s --qopt-assign-schedule=target=aarch64 --qopt-generate-nests | FileCheck %s

// Two output channels, four lanes along the columns: four steps of the reduction
// are a block of four rows, which two rounds of shuffles transpose. The sums go on
// in the order of the steps.
// CHECK-LABEL: func.func @few_channels
// CHECK: scf.for %{{.*}} iter_args(%[[ACC:[^ ]*]] = {{.*}} -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>)
// CHECK-COUNT-4: vector.transfer_read %{{.*}} : tensor<1x8x32xf32>, vector<4xf32>
// CHECK: vector.shuffle {{.*}} [0, 4, 1, 5]
// CHECK-NEXT: vector.shuffle {{.*}} [2, 6, 3, 7]
// CHECK-COUNT-6: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK-COUNT-4: vector.transfer_read %{{.*}} : tensor<1x8x32xf32>, vector<4xf32>
// CHECK-COUNT-8: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: %[[FIRST:.*]] = math.fma %{{.*}}, %{{.*}}, %[[ACC]] : vector<4xf32>
// CHECK: %[[SECOND:.*]] = math.fma %{{.*}}, %{{.*}}, %[[FIRST]] : vector<4xf32>
// CHECK: math.fma %{{.*}}, %{{.*}}, %[[SECOND]] : vector<4xf32>
func.func @few_channels(%x: tensor<1x8x32xf32>, %w: tensor<2x32xf32>, %acc: tensor<1x8x2xf32>) -> tensor<1x8x2xf32> {
  %y = linalg.generic {
    indexing_maps = [affine_map<(n, w, o, i) -> (n, w, i)>, affine_map<(n, w, o, i) -> (o, i)>, affine_map<(n, w, o, i) -> (n, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<1x8x32xf32>, tensor<2x32xf32>) outs(%acc : tensor<1x8x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x8x2xf32>
  return %y : tensor<1x8x2xf32>
}

// Thirty steps are no whole blocks: lanes are gathered.
// CHECK-LABEL: func.func @no_blocks
// CHECK-NOT: vector.shuffle
// CHECK: return
func.func @no_blocks(%x: tensor<1x8x30xf32>, %w: tensor<2x30xf32>, %acc: tensor<1x8x2xf32>) -> tensor<1x8x2xf32> {
  %y = linalg.generic {
    indexing_maps = [affine_map<(n, w, o, i) -> (n, w, i)>, affine_map<(n, w, o, i) -> (o, i)>, affine_map<(n, w, o, i) -> (n, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<1x8x30xf32>, tensor<2x30xf32>) outs(%acc : tensor<1x8x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x8x2xf32>
  return %y : tensor<1x8x2xf32>
}

// Steps that are neighbours only in pairs are no block.
// CHECK-LABEL: func.func @pairs
// CHECK-NOT: vector.shuffle
// CHECK: return
func.func @pairs(%x: tensor<8x16x16xf32>, %w: tensor<1x32xf32>, %acc: tensor<8x1xf32>) -> tensor<8x1xf32> {
  %y = linalg.generic {
    indexing_maps = [affine_map<(w, o, i) -> (w, i floordiv 2, i mod 2)>, affine_map<(w, o, i) -> (o, i)>, affine_map<(w, o, i) -> (w, o)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<8x16x16xf32>, tensor<1x32xf32>) outs(%acc : tensor<8x1xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<8x1xf32>
  return %y : tensor<8x1xf32>
}
