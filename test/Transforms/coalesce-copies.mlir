// RUN: qopt-opt %s --qopt-coalesce-copies --canonicalize | FileCheck %s
// RUN: qopt-opt %s --qopt-coalesce-copies --qopt-coalesce-copies --canonicalize | FileCheck %s

// Two parts, one of which is taken from its place first, changed, and put back:
// both are computed in the buffer, and so is a reader's reshape.
// CHECK-LABEL: func.func @parts
// CHECK-SAME: %[[X:.*]]: memref<4xi8>, %[[OUT:.*]]: memref<2x4xi8>
// CHECK: %[[FIRST:.*]] = memref.subview %[[OUT]][0, 0] [1, 4] [1, 1]
// CHECK-NOT: memref.alloc
// CHECK: memref.store %{{.*}}, %[[FIRST]]
// CHECK-NOT: memref.copy
// CHECK: %[[SECOND:.*]] = memref.subview %[[OUT]][1, 0] [1, 4] [1, 1]
// CHECK-NOT: memref.copy
// CHECK: memref.store %{{.*}}, %[[SECOND]]
// CHECK-NOT: memref.copy
// CHECK: memref.collapse_shape %[[SECOND]]
// CHECK: return
func.func @parts(%x: memref<4xi8>, %out: memref<2x4xi8>) -> i8 {
  %c0 = arith.constant 0 : index
  %a = memref.alloc() : memref<1x4xi8>
  %v = memref.load %x[%c0] : memref<4xi8>
  memref.store %v, %a[%c0, %c0] : memref<1x4xi8>
  %first = memref.subview %out[0, 0] [1, 4] [1, 1] : memref<2x4xi8> to memref<1x4xi8, strided<[4, 1]>>
  memref.copy %a, %first : memref<1x4xi8> to memref<1x4xi8, strided<[4, 1]>>
  %b = memref.alloc() : memref<1x4xi8>
  %second = memref.subview %out[1, 0] [1, 4] [1, 1] : memref<2x4xi8> to memref<1x4xi8, strided<[4, 1], offset: 4>>
  memref.copy %second, %b : memref<1x4xi8, strided<[4, 1], offset: 4>> to memref<1x4xi8>
  %w = memref.load %a[%c0, %c0] : memref<1x4xi8>
  memref.store %w, %b[%c0, %c0] : memref<1x4xi8>
  memref.copy %b, %second : memref<1x4xi8> to memref<1x4xi8, strided<[4, 1], offset: 4>>
  %flat = memref.collapse_shape %b [[0, 1]] : memref<1x4xi8> into memref<4xi8>
  %r = memref.load %flat[%c0] : memref<4xi8>
  return %r : i8
}

// Must not fire: the part is read before the copy,
// CHECK-LABEL: func.func @read_before
// CHECK: memref.alloc
// CHECK: memref.copy
func.func @read_before(%v: i8, %out: memref<2x4xi8>) -> i8 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc() : memref<1x4xi8>
  memref.store %v, %a[%c0, %c0] : memref<1x4xi8>
  %old = memref.load %out[%c1, %c0] : memref<2x4xi8>
  %part = memref.subview %out[1, 0] [1, 4] [1, 1] : memref<2x4xi8> to memref<1x4xi8, strided<[4, 1], offset: 4>>
  memref.copy %a, %part : memref<1x4xi8> to memref<1x4xi8, strided<[4, 1], offset: 4>>
  return %old : i8
}

// written while the source is still read,
// CHECK-LABEL: func.func @written_after
// CHECK: memref.alloc
// CHECK: memref.copy
func.func @written_after(%v: i8, %out: memref<4xi8>) -> i8 {
  %c0 = arith.constant 0 : index
  %a = memref.alloc() : memref<4xi8>
  memref.store %v, %a[%c0] : memref<4xi8>
  memref.copy %a, %out : memref<4xi8> to memref<4xi8>
  %zero = arith.constant 0 : i8
  memref.store %zero, %out[%c0] : memref<4xi8>
  %r = memref.load %a[%c0] : memref<4xi8>
  return %r : i8
}

// the source changes afterwards,
// CHECK-LABEL: func.func @two_values
// CHECK: memref.alloc
// CHECK: memref.copy
func.func @two_values(%v: i8, %out: memref<4xi8>) -> i8 {
  %c0 = arith.constant 0 : index
  %a = memref.alloc() : memref<4xi8>
  memref.store %v, %a[%c0] : memref<4xi8>
  memref.copy %a, %out : memref<4xi8> to memref<4xi8>
  %zero = arith.constant 0 : i8
  memref.store %zero, %a[%c0] : memref<4xi8>
  %r = memref.load %a[%c0] : memref<4xi8>
  return %r : i8
}

// a reader merges dimensions that have a gap between them in the part,
// CHECK-LABEL: func.func @gaps
// CHECK: memref.alloc
// CHECK: memref.copy
func.func @gaps(%v: i8, %out: memref<2x4xi8>) -> i8 {
  %c0 = arith.constant 0 : index
  %a = memref.alloc() : memref<2x3xi8>
  memref.store %v, %a[%c0, %c0] : memref<2x3xi8>
  %part = memref.subview %out[0, 0] [2, 3] [1, 1] : memref<2x4xi8> to memref<2x3xi8, strided<[4, 1]>>
  memref.copy %a, %part : memref<2x3xi8> to memref<2x3xi8, strided<[4, 1]>>
  %flat = memref.collapse_shape %a [[0, 1]] : memref<2x3xi8> into memref<6xi8>
  %r = memref.load %flat[%c0] : memref<6xi8>
  return %r : i8
}

// or somebody unknown has the buffer.
// CHECK-LABEL: func.func @escapes
// CHECK: memref.alloc
// CHECK: memref.copy
func.func private @unknown(memref<4xi8>)
func.func @escapes(%out: memref<4xi8>) {
  %a = memref.alloc() : memref<4xi8>
  func.call @unknown(%a) : (memref<4xi8>) -> ()
  memref.copy %a, %out : memref<4xi8> to memref<4xi8>
  return
}
