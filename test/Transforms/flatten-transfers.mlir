// RUN: qopt-opt %s --qopt-flatten-transfers | FileCheck %s

// Columns of three bytes follow one another in a line, whatever is between the
// lines.
// CHECK-LABEL: func.func @columns
// CHECK: %[[LINE:.*]] = memref.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]]
// CHECK: %[[BYTES:.*]] = vector.shape_cast %{{.*}} : vector<16x3xi8> to vector<48xi8>
// CHECK: vector.transfer_write %[[BYTES]], %[[LINE]]{{.*}} : vector<48xi8>
func.func @columns(%v: vector<16x3xi8>, %m: memref<4x32x3xi8, strided<[100, 3, 1], offset: 7>>, %i: index) {
  %c0 = arith.constant 0 : index
  vector.transfer_write %v, %m[%i, %i, %c0] {in_bounds = [true, true]}
      : vector<16x3xi8>, memref<4x32x3xi8, strided<[100, 3, 1], offset: 7>>
  return
}

// There are gaps.
// CHECK-LABEL: func.func @gaps
// CHECK: vector.transfer_write %{{.*}} : vector<16x3xi8>
func.func @gaps(%v: vector<16x3xi8>, %m: memref<32x3xi8, strided<[4, 1]>>, %i: index) {
  %c0 = arith.constant 0 : index
  vector.transfer_write %v, %m[%i, %c0] {in_bounds = [true, true]}
      : vector<16x3xi8>, memref<32x3xi8, strided<[4, 1]>>
  return
}
