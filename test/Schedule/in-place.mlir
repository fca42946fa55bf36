// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v3 --qopt-generate-nests | FileCheck %s

#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// The nest of the difference goes through the memory of the exponentials: the sums,
// which read another shape of it, are done by then.
// CHECK-LABEL: func.func @before
// CHECK: %[[A:.*]] = scf.for {{.*}} -> (tensor<64x64xf32>)
// CHECK: tensor.expand_shape %[[A]]
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[A]]) -> (tensor<64x64xf32>)
func.func @before(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %a = linalg.exp ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %v = tensor.expand_shape %a [[0], [1, 2]] output_shape [64, 8, 8] : tensor<64x64xf32> into tensor<64x8x8xf32>
  %es = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%es : tensor<64xf32>) -> tensor<64xf32>
  %s = linalg.reduce ins(%v : tensor<64x8x8xf32>) outs(%f : tensor<64xf32>) dimensions = [1, 2]
    (%l: f32, %r: f32) {
      %0 = arith.addf %l, %r : f32
      linalg.yield %0 : f32
    }
  %y = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a, %s : tensor<64x64xf32>, tensor<64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.subf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

#third = affine_map<(i, j) -> (i, 0, 3)>

// Each element is read in its place, and the third of its row for all others.
// CHECK-LABEL: func.func @within
// CHECK: %[[A:.*]] = scf.for {{.*}} -> (tensor<64x64xf32>)
// CHECK-NOT: iter_args(%{{.*}} = %[[A]])
// CHECK: return
func.func @within(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %e = tensor.empty() : tensor<64x64xf32>
  %a = linalg.exp ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %v = tensor.expand_shape %a [[0], [1, 2]] output_shape [64, 8, 8] : tensor<64x64xf32> into tensor<64x8x8xf32>
  %y = linalg.generic {indexing_maps = [#all, #third, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a, %v : tensor<64x64xf32>, tensor<64x8x8xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.subf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}
