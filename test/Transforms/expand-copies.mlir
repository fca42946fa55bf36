// RUN: qopt-opt %s --qopt-expand-copies | FileCheck %s
// RUN: qopt-opt %s --qopt-expand-copies --qopt-expand-copies | FileCheck %s

// The rows are contiguous: one copy of 12 bytes for each of the four rows.

// CHECK-LABEL: func.func @rows
// CHECK-SAME: (%[[FROM:.*]]: memref<4x3xi8>, %[[TO:.*]]: memref<4x3xi8, strided<[8, 1]>>)
// CHECK-COUNT-1: scf.for
// CHECK: %[[A:.*]] = memref.subview %[[FROM]][%{{.*}}, 0] [1, 3] [1, 1]
// CHECK: %[[B:.*]] = memref.subview %[[TO]][%{{.*}}, 0] [1, 3] [1, 1]
// CHECK: memref.copy %[[A]], %[[B]] : memref<3xi8, {{.*}}> to memref<3xi8
func.func @rows(%from: memref<4x3xi8>, %to: memref<4x3xi8, strided<[8, 1]>>) {
  memref.copy %from, %to : memref<4x3xi8> to memref<4x3xi8, strided<[8, 1]>>
  return
}

// No dimension is contiguous: element by element.

// CHECK-LABEL: func.func @elements
// CHECK-COUNT-2: scf.for
// CHECK: memref.load
// CHECK: memref.store
// CHECK-NOT: memref.copy
func.func @elements(%from: memref<4x3xi8, strided<[6, 2]>>, %to: memref<4x3xi8>) {
  memref.copy %from, %to : memref<4x3xi8, strided<[6, 2]>> to memref<4x3xi8>
  return
}

// Must not fire: there is no gap.

// CHECK-LABEL: func.func @whole
// CHECK-NOT: scf.for
// CHECK: memref.copy
func.func @whole(%from: memref<4x3xi8>, %to: memref<4x3xi8>) {
  memref.copy %from, %to : memref<4x3xi8> to memref<4x3xi8>
  return
}

// A dimension of size 1 with the stride of another one, as slices leave it:
// only the rows are copies.

// CHECK-LABEL: func.func @unit_dimension
// CHECK-COUNT-3: scf.for
// CHECK: memref.copy %{{.*}}, %{{.*}} : memref<8xf32, {{.*}}> to memref<8xf32
func.func @unit_dimension(%from: memref<1x2x1x8xf32, strided<[48, 8, 24, 1]>>, %to: memref<1x2x1x8xf32>) {
  memref.copy %from, %to : memref<1x2x1x8xf32, strided<[48, 8, 24, 1]>> to memref<1x2x1x8xf32>
  return
}
