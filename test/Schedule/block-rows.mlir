// RUN: qopt-opt %s --convert-qopt-to-linalg --qopt-place-results --qopt-block-rows --split-input-file > %t
// RUN: FileCheck %s < %t
// RUN: qopt-opt %t --qopt-block-rows --split-input-file > %t.again
// RUN: cmp %t %t.again
// RUN: qopt-opt %s --convert-qopt-to-linalg --qopt-place-results --qopt-block-rows --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --split-input-file | FileCheck %s --check-prefix=NESTS

// Of 12 * 70 rows of 100 elements, 42 are what the first-level cache holds: what is
// read, what becomes the result, and sums. All that is stored inside the loop is of one block.
// CHECK-LABEL: func.func @softmax
// CHECK-SAME: %[[X:.*]]: tensor<12x70x100xf32>
// CHECK: %[[Y:.*]] = bufferization.alloc_tensor() : tensor<20x1x42x100xf32>
// CHECK: %[[BLOCKS:.*]] = tensor.expand_shape {{.*}} into tensor<20x1x42x100xf32>
// CHECK: %[[ALL:.*]] = scf.for %[[I:.*]] = %c0{{.*}} to %c20{{.*}} iter_args(%[[TO:.*]] = %[[Y]])
// CHECK: %[[ROWS:.*]] = tensor.extract_slice %[[BLOCKS]][%[[I]], 0, 0, 0] [1, 1, 42, 100]
// CHECK: tensor.extract_slice %[[ROWS]][0, 0, 96] [1, 42, 4]
// CHECK: tensor.extract_slice %[[ROWS]][0, 0, 0] [1, 42, 96]
// CHECK: tensor.expand_shape {{.*}} into tensor<1x42x6x16xf32>
// CHECK: linalg.generic {{.*}} ins(%[[ROWS]],
// CHECK: math.exp
// CHECK: arith.divf
// CHECK: %[[PART:.*]] = linalg.generic
// CHECK: arith.mulf
// CHECK: tensor.insert_slice %[[PART]] into %[[TO]][%[[I]], 0, 0, 0] [1, 1, 42, 100]
// CHECK: tensor.collapse_shape %[[ALL]] {{.*}} into tensor<840x100xf32>
// CHECK-NOT: linalg

// The exponentials are the last that read the rows; while they are computed, the
// next rows are fetched. No other nest fetches any.
// NESTS-LABEL: func.func @softmax
// NESTS: %[[BLOCKS:.*]] = tensor.expand_shape {{.*}} into tensor<20x1x42x100xf32>
// NESTS-NOT: qopt.prefetch
// NESTS: scf.for {{.*}}tensor<20x1x42x100xf32>
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

// -----

// A row of 8 KiB, in all tensors together 16: of fewer than four of them, vectors that
// run across rows would be empty.
// CHECK-LABEL: func.func @few
// CHECK: scf.for {{.*}} -> (tensor<8x4x2048xf32>)
func.func @few(%x: tensor<32x2048xf32>) -> tensor<32x2048xf32> {
  %e = tensor.empty() : tensor<32x2048xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<32x2048xf32>) outs(%e : tensor<32x2048xf32>) -> tensor<32x2048xf32>
  return %y : tensor<32x2048xf32>
}

// -----

// Nothing else reads what is computed for the softmax: it becomes the softmax there,
// block by block.
// CHECK-LABEL: func.func @dying
// CHECK: %[[SCORES:.*]] = linalg.generic
// CHECK: arith.mulf
// CHECK-NOT: bufferization.alloc_tensor
// CHECK: %[[BLOCKS:.*]] = tensor.expand_shape {{.*}} into tensor<2x1x48x100xf32>
// CHECK: scf.for {{.*}} iter_args(%[[TO:.*]] = %[[BLOCKS]])
// CHECK: %[[ROWS:.*]] = tensor.extract_slice %[[TO]]
// CHECK: ins(%[[ROWS]],
// CHECK: tensor.insert_slice {{.*}} into %[[TO]]
#all = affine_map<(i, j, k) -> (i, j, k)>
#other = affine_map<(i, j, k) -> (j, i, k)>
func.func @dying(%x: tensor<2x48x100xf32>, %z: tensor<48x2x100xf32>) -> tensor<2x48x100xf32> {
  %e = tensor.empty() : tensor<2x48x100xf32>
  %s = linalg.generic {indexing_maps = [#all, #other, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %z : tensor<2x48x100xf32>, tensor<48x2x100xf32>) outs(%e : tensor<2x48x100xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.mulf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<2x48x100xf32>
  %y = linalg.softmax dimension(2) ins(%s : tensor<2x48x100xf32>) outs(%e : tensor<2x48x100xf32>) -> tensor<2x48x100xf32>
  return %y : tensor<2x48x100xf32>
}

// -----

// Where the result has its place, in what is joined, blocks are put there.
// CHECK-LABEL: func.func @joined
// CHECK: %[[BOTH:.*]] = bufferization.alloc_tensor() : tensor<96x200xf32>
// CHECK: %[[PART:.*]] = tensor.extract_slice %[[BOTH]][0, 0] [96, 100]
// CHECK: %[[BLOCKS:.*]] = tensor.expand_shape %[[PART]] {{.*}} into tensor<3x32x100xf32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[BLOCKS]])
// CHECK-NOT: linalg.copy
// CHECK-NOT: bufferization.alloc_tensor
// CHECK: return
func.func @joined(%x: tensor<96x100xf32>, %z: tensor<96x100xf32>) -> tensor<96x200xf32> {
  %e = tensor.empty() : tensor<96x100xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<96x100xf32>) outs(%e : tensor<96x100xf32>) -> tensor<96x100xf32>
  %w = linalg.softmax dimension(1) ins(%z : tensor<96x100xf32>) outs(%e : tensor<96x100xf32>) -> tensor<96x100xf32>
  %c = tensor.concat dim(1) %y, %w : (tensor<96x100xf32>, tensor<96x100xf32>) -> tensor<96x200xf32>
  return %c : tensor<96x200xf32>
}

// -----

// Rows with gaps between some of them cannot be seen as along one dimension: blocks
// lie along the first one.
// CHECK-LABEL: func.func @gaps
// CHECK: scf.for {{.*}} -> (tensor<3x4x70x100xf32>)
func.func @gaps(%x: tensor<12x140x100xf32>) -> tensor<12x70x100xf32> {
  %s = tensor.extract_slice %x[0, 8, 0] [12, 70, 100] [1, 1, 1] : tensor<12x140x100xf32> to tensor<12x70x100xf32>
  %e = tensor.empty() : tensor<12x70x100xf32>
  %y = linalg.softmax dimension(2) ins(%s : tensor<12x70x100xf32>) outs(%e : tensor<12x70x100xf32>) -> tensor<12x70x100xf32>
  return %y : tensor<12x70x100xf32>
}

// -----

// CHECK-LABEL: func.func @head
// CHECK: scf.for
func.func @head(%x: tensor<96x3x100xf32>) -> tensor<96x100xf32> {
  %s = tensor.extract_slice %x[0, 1, 0] [96, 1, 100] [1, 1, 1] : tensor<96x3x100xf32> to tensor<96x100xf32>
  %e = tensor.empty() : tensor<96x100xf32>
  %y = linalg.softmax dimension(1) ins(%s : tensor<96x100xf32>) outs(%e : tensor<96x100xf32>) -> tensor<96x100xf32>
  return %y : tensor<96x100xf32>
}
