// RUN: qopt-opt %s --qopt-place-results=target=x86-64-v4-vnni --split-input-file | FileCheck %s --check-prefix=PLACED
// RUN: qopt-opt %s --qopt-place-results --split-input-file | FileCheck %s --check-prefix=COPIED
// RUN: qopt-opt %s --qopt-place-results=target=x86-64-v2 --split-input-file | FileCheck %s --check-prefix=COPIED
// RUN: qopt-opt %s --qopt-place-results=target=x86-64-v4-vnni --canonicalize --qopt-assign-schedule=target=x86-64-v4-vnni \
// RUN:   --qopt-generate-nests --cse --canonicalize --split-input-file | FileCheck %s
// RUN: not qopt-opt %s --qopt-place-results=target=z80 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: error: {{.*}}z80

// The padding of an argument, which nothing can compute into a larger buffer: a
// depthwise nest reads the argument.
// PLACED-LABEL: func.func @argument
// PLACED: tensor.pad %arg0
// PLACED-NOT: linalg.copy
// COPIED-LABEL: func.func @argument
// COPIED: linalg.copy ins(%arg0
// COPIED-NOT: tensor.pad

// CHECK-LABEL: func.func @argument
// CHECK-NOT: bufferization.alloc_tensor
// CHECK-NOT: tensor.pad
// CHECK: %[[PADDING:.*]] = arith.constant dense<7> : vector<64xi8>
// Rows 0 and 1 of column 0: two columns of three rows are there.
// CHECK: %[[ROW:.*]] = vector.transfer_read %arg0[%c0, %c0, %c0, %c0]
// CHECK: vector.shuffle %[[PADDING]], %[[ROW]] [0, 64, 1, 65,
// CHECK-COUNT-3: vector.transfer_read %arg0[%c0, %{{.*}}, %c1, %c0]
// CHECK-NOT: vector.transfer_read %arg0
// CHECK: vector.transfer_write
// A loop over columns [1, 19), which have three columns of three rows.
// CHECK: scf.for %{{.*}} = %c0 to %c18
// CHECK-COUNT-9: vector.transfer_read %arg0
// CHECK-NOT: vector.transfer_read %arg0
// CHECK: scf.yield
// Rows [2, 8), two at a time: column 0, seven columns of [1, 15) at a time, each
// of [15, 19).
// CHECK: scf.for %{{.*}} = %c0 to %c3
// CHECK-COUNT-8: vector.transfer_read %arg0
// CHECK-NOT: vector.transfer_read %arg0
// CHECK: scf.yield
// CHECK: scf.for %{{.*}} = %c0 to %c3
// CHECK-NEXT: scf.for %{{.*}} = %c0 to %c2
// CHECK-COUNT-36: vector.transfer_read %arg0
// CHECK-NOT: vector.transfer_read %arg0
// CHECK: scf.yield
// CHECK: scf.for %{{.*}} = %c0 to %c3
// CHECK-NEXT: scf.for %{{.*}} = %c0 to %c4
// CHECK-COUNT-12: vector.transfer_read %arg0
// CHECK-NOT: vector.transfer_read %arg0
// CHECK: scf.yield
// CHECK: return
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @argument(%x: tensor<1x10x20x64xi8>) -> tensor<1x10x20x64xi8> {
  %z = arith.constant 7 : i8
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%n: index, %h: index, %w: index, %c: index):
    tensor.yield %z : i8
  } : tensor<1x10x20x64xi8> to tensor<1x12x22x64xi8>
  %k = arith.constant dense<3> : tensor<3x3x64xi8>
  %b = arith.constant dense<5> : tensor<64xi32>
  %e = tensor.empty() : tensor<1x10x20x64xi32>
  %bias = linalg.broadcast ins(%b : tensor<64xi32>) outs(%e : tensor<1x10x20x64xi32>) dimensions = [0, 1, 2]
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, c, kh, kw) -> (n, h + kh, w + kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (kh, kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (n, h, w, c)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%p, %k : tensor<1x12x22x64xi8>, tensor<3x3x64xi8>) outs(%bias : tensor<1x10x20x64xi32>) {
  ^bb0(%a: i8, %w: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %w : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x10x20x64xi32>
  %f = tensor.empty() : tensor<1x10x20x64xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%c : tensor<1x10x20x64xi32>) outs(%f : tensor<1x10x20x64xi8>) {
  ^bb0(%a: i32, %o: i8):
    %0 = arith.trunci %a : i32 to i8
    linalg.yield %0 : i8
  } -> tensor<1x10x20x64xi8>
  return %q : tensor<1x10x20x64xi8>
}

// -----

// What also somebody else reads is one tensor.
// PLACED-LABEL: func.func @other_reader
// PLACED: linalg.copy ins(%arg0
// PLACED-NOT: tensor.pad
// COPIED-LABEL: func.func @other_reader
// CHECK-LABEL: func.func @other_reader
func.func @other_reader(%x: tensor<1x10x20x64xi8>, %acc: tensor<1x10x20x64xi32>) -> (tensor<1x10x20x64xi32>, tensor<1x12x22x64xi8>) {
  %z = arith.constant 7 : i8
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%n: index, %h: index, %w: index, %c: index):
    tensor.yield %z : i8
  } : tensor<1x10x20x64xi8> to tensor<1x12x22x64xi8>
  %k = arith.constant dense<3> : tensor<3x3x64xi8>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, c, kh, kw) -> (n, h + kh, w + kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (kh, kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (n, h, w, c)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%p, %k : tensor<1x12x22x64xi8>, tensor<3x3x64xi8>) outs(%acc : tensor<1x10x20x64xi32>) {
  ^bb0(%a: i8, %w: i8, %o: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %w : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %o, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x10x20x64xi32>
  return %c, %p : tensor<1x10x20x64xi32>, tensor<1x12x22x64xi8>
}
