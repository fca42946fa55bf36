// RUN: qopt-opt %s --convert-qopt-to-linalg --qopt-block-rows --split-input-file | FileCheck %s
// RUN: qopt-opt %s --convert-qopt-to-linalg --qopt-block-rows --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --split-input-file | FileCheck %s --check-prefix=NESTS

// Of 12 * 70 rows of 100 elements, 24 are what the first-level cache holds three
// times. All that is stored inside the loop is of one block.
// CHECK-LABEL: func.func @softmax
// CHECK-SAME: %[[X:.*]]: tensor<12x70x100xf32>
// CHECK: %[[Y:.*]] = bufferization.alloc_tensor() : tensor<35x1x24x100xf32>
// CHECK: %[[BLOCKS:.*]] = tensor.expand_shape {{.*}} into tensor<35x1x24x100xf32>
// CHECK: %[[ALL:.*]] = scf.for %[[I:.*]] = %c0{{.*}} to %c35{{.*}} iter_args(%[[TO:.*]] = %[[Y]])
// CHECK: %[[ROWS:.*]] = tensor.extract_slice %[[BLOCKS]][%[[I]], 0, 0, 0] [1, 1, 24, 100]
// CHECK: tensor.extract_slice %[[ROWS]][0, 0, 96] [1, 24, 4]
// CHECK: tensor.extract_slice %[[ROWS]][0, 0, 0] [1, 24, 96]
// CHECK: tensor.expand_shape {{.*}} into tensor<1x24x6x16xf32>
// CHECK: linalg.generic {{.*}} ins(%[[ROWS]],
// CHECK: math.exp
// CHECK: arith.divf
// CHECK: %[[PART:.*]] = linalg.generic
// CHECK: arith.mulf
// CHECK: tensor.insert_slice %[[PART]] into %[[TO]][%[[I]], 0, 0, 0] [1, 1, 24, 100]
// CHECK: tensor.collapse_shape %[[ALL]] {{.*}} into tensor<840x100xf32>
// CHECK-NOT: linalg

// The exponentials are the last that read the rows; while they are computed, the
// next rows are fetched. No other nest fetches any.
// NESTS-LABEL: func.func @softmax
// NESTS: %[[BLOCKS:.*]] = tensor.expand_shape {{.*}} into tensor<35x1x24x100xf32>
// NESTS-NOT: qopt.prefetch
// NESTS: scf.for {{.*}}tensor<35x1x24x100xf32>
// NESTS: arith.cmpf
// NESTS: qopt.prefetch near %[[BLOCKS]][%{{.*}}]
// NESTS: math.exp
// NESTS: arith.divf
// NESTS-NOT: qopt.prefetch
// NESTS: return
func.func @softmax(%x: tensor<12x70x100xf32>) -> tensor<12x70x100xf32> {
  %e = tensor.empty() : tensor<12x70x100xf32>
  %y = linalg.softmax dimension(2) ins(%x : tensor<12x70x100xf32>) outs(%e : tensor<12x70x100xf32>) -> tensor<12x70x100xf32>
  return %y : tensor<12x70x100xf32>
}

// -----

// Two kilobytes stay near by themselves.
// CHECK-LABEL: func.func @small
// CHECK-NOT: scf.for
// CHECK: return
func.func @small(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %e = tensor.empty() : tensor<8x64xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<8x64xf32>) outs(%e : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// -----

// Of 211 rows of 1 KiB, no part is one of the same size as the others.
// CHECK-LABEL: func.func @prime
// CHECK-NOT: scf.for
// CHECK: return
func.func @prime(%x: tensor<211x256xf32>) -> tensor<211x256xf32> {
  %e = tensor.empty() : tensor<211x256xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<211x256xf32>) outs(%e : tensor<211x256xf32>) -> tensor<211x256xf32>
  return %y : tensor<211x256xf32>
}

// -----

// What is added to all rows alike is read by each block as it is; what differs from
// row to row only in one of two dimensions is added before.
#all = affine_map<(i, j, k) -> (i, j, k)>
#row = affine_map<(i, j, k) -> (k)>
#column = affine_map<(i, j, k) -> (j, k)>
// CHECK-LABEL: func.func @masks
// CHECK-SAME: %[[ROW:[^:]*]]: tensor<64xf32>, %[[COLUMN:[^:]*]]: tensor<32x64xf32>
// CHECK: linalg.generic {{.*}}%[[COLUMN]]
// CHECK: scf.for
// CHECK-NOT: %[[COLUMN]]
// CHECK: linalg.generic {{.*}}, %[[ROW]] : tensor<1x{{.*}}x64xf32>, tensor<64xf32>
// CHECK: math.exp
func.func @masks(%x: tensor<8x32x64xf32>, %row: tensor<64xf32>, %column: tensor<32x64xf32>) -> tensor<8x32x64xf32> {
  %e = tensor.empty() : tensor<8x32x64xf32>
  %a = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %column : tensor<8x32x64xf32>, tensor<32x64xf32>) outs(%e : tensor<8x32x64xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.addf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<8x32x64xf32>
  // Its reader, and not it, is computed for each row anew.
  %t = tensor.expand_shape %a [[0], [1], [2, 3]] output_shape [8, 32, 4, 16] : tensor<8x32x64xf32> into tensor<8x32x4x16xf32>
  %c = tensor.collapse_shape %t [[0], [1], [2, 3]] : tensor<8x32x4x16xf32> into tensor<8x32x64xf32>
  %b = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%c, %row : tensor<8x32x64xf32>, tensor<64xf32>) outs(%e : tensor<8x32x64xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.addf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<8x32x64xf32>
  %y = linalg.softmax dimension(2) ins(%b : tensor<8x32x64xf32>) outs(%e : tensor<8x32x64xf32>) -> tensor<8x32x64xf32>
  return %y : tensor<8x32x64xf32>
}

// -----

// Rows share the weights of a product, which stays whole; what is computed of rows
// and returned stays outside, too.
// CHECK-LABEL: func.func @product
// CHECK: linalg.matmul
// CHECK: %[[SHIFTED:.*]] = linalg.generic
// CHECK: arith.addf
// CHECK: scf.for
// CHECK-NOT: linalg.matmul
// CHECK: math.exp
// CHECK: return %[[SHIFTED]]
#all = affine_map<(i, j) -> (i, j)>
func.func @product(%x: tensor<96x32xf32>, %w: tensor<32x64xf32>, %bias: tensor<96x64xf32>) -> (tensor<96x64xf32>, tensor<96x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<96x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<96x64xf32>) -> tensor<96x64xf32>
  %m = linalg.matmul ins(%x, %w : tensor<96x32xf32>, tensor<32x64xf32>) outs(%f : tensor<96x64xf32>) -> tensor<96x64xf32>
  %s = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%m, %bias : tensor<96x64xf32>, tensor<96x64xf32>) outs(%e : tensor<96x64xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.addf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<96x64xf32>
  %y = linalg.softmax dimension(1) ins(%s : tensor<96x64xf32>) outs(%e : tensor<96x64xf32>) -> tensor<96x64xf32>
  return %s, %y : tensor<96x64xf32>, tensor<96x64xf32>
}
