// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni | FileCheck %s --check-prefix=SCHEDULE
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v3 | FileCheck %s --check-prefix=NARROW
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests -o %t.mlir
// RUN: FileCheck %s --input-file %t.mlir
// RUN: FileCheck %s --input-file %t.mlir --check-prefix=DOTS

// Sixteen channels are one vector of weights, for which each product would load an
// activation. A tile of 16 pixels reads 18 instead of 48 for the three taps.
// SCHEDULE-LABEL: func.func @window
// SCHEDULE: order = array<i64: 3, 0, 1, 2>, shared_taps, tile = array<i64: 1, 1, 16, 16>
// NARROW-NOT: shared_taps
// CHECK-LABEL: func.func @window
// CHECK-DAG: %[[W:.*]] = arith.constant dense<2> : tensor<1x3x12x64xi8>
// CHECK-COUNT-18: vector.broadcast {{.*}} vector<16xi32>
// CHECK-NOT: vector.broadcast {{.*}} vector<16xi32>
// CHECK: scf.yield
// DOTS-LABEL: func.func @window
// DOTS-COUNT-48: qopt.dot
// DOTS-NOT: qopt.dot
// DOTS: scf.yield
func.func @window(%x: tensor<1x18x18x16xi8>, %acc: tensor<1x16x16x16xi32>) -> tensor<1x16x16x16xi32> {
  %w = arith.constant dense<2> : tensor<16x3x3x16xi8>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, kh, kw, i) -> (n, h + kh, w + kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x18x18x16xi8>, tensor<16x3x3x16xi8>) outs(%acc : tensor<1x16x16x16xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %o, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x16x16x16xi32>
  return %c : tensor<1x16x16x16xi32>
}

// With a stride of two, neighbours share one pixel of three: three rows of eight
// read 17 pixels each.
// SCHEDULE-LABEL: func.func @stride
// SCHEDULE: shared_taps, tile = array<i64: 1, 3, 8, 16>
// CHECK-LABEL: func.func @stride
// CHECK-COUNT-51: vector.broadcast {{.*}} vector<16xi32>
// CHECK-NOT: vector.broadcast {{.*}} vector<16xi32>
// CHECK: scf.yield
func.func @stride(%x: tensor<1x17x17x16xi8>, %acc: tensor<1x8x8x16xi32>) -> tensor<1x8x8x16xi32> {
  %w = arith.constant dense<2> : tensor<16x3x3x16xi8>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, kh, kw, i) -> (n, 2 * h + kh, 2 * w + kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x17x17x16xi8>, tensor<16x3x3x16xi8>) outs(%acc : tensor<1x8x8x16xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %o, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x8x8x16xi32>
  return %c : tensor<1x8x8x16xi32>
}

// Windows that do not overlap share nothing, nor do the taps of three channels,
// which are not at the same bytes of a step.
// SCHEDULE-LABEL: func.func @apart
// SCHEDULE-NOT: shared_taps
func.func @apart(%x: tensor<1x48x48x16xi8>, %y: tensor<1x18x18x3xi8>, %acc: tensor<1x16x16x16xi32>) -> (tensor<1x16x16x16xi32>, tensor<1x16x16x16xi32>) {
  %w = arith.constant dense<2> : tensor<16x3x3x16xi8>
  %v = arith.constant dense<2> : tensor<16x3x3x3xi8>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, kh, kw, i) -> (n, 3 * h + kh, 3 * w + kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x48x48x16xi8>, tensor<16x3x3x16xi8>) outs(%acc : tensor<1x16x16x16xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %o, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x16x16x16xi32>
  %d = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, kh, kw, i) -> (n, h + kh, w + kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%y, %v : tensor<1x18x18x3xi8>, tensor<16x3x3x3xi8>) outs(%acc : tensor<1x16x16x16xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %o, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x16x16x16xi32>
  return %c, %d : tensor<1x16x16x16xi32>, tensor<1x16x16x16xi32>
}
