// RUN: qopt-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --canonicalize | FileCheck %s
//
// Operations bufferize in place into their linalg form; nothing is copied.

// CHECK-LABEL: func.func @in_place
// CHECK-SAME:    (%[[X:.*]]: memref<8xf32>, %[[T:.*]]: memref<256xi8>, %[[E:.*]]: memref<8xi8>)
// CHECK-NOT:     memref.copy
// CHECK:         linalg.generic {{.*}} ins(%[[X]], {{.*}}) outs(%[[E]] : memref<8xi8>)
// CHECK:         linalg.generic {{.*}} ins(%[[E]] : memref<8xi8>) outs(%[[E]] : memref<8xi8>)
// CHECK:           memref.load %[[T]]
// CHECK-NOT:     memref.copy
func.func @in_place(%x: tensor<8xf32>, %t: tensor<256xi8>, %e: tensor<8xi8> {bufferization.writable = true}) -> tensor<8xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %q = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xi8>) range [0, 255] params affine_map<(d0) -> ()> -> tensor<8xi8>
  %y = qopt.lookup ins(%q, %t : tensor<8xi8>, tensor<256xi8>) outs(%q : tensor<8xi8>) unsigned params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %y : tensor<8xi8>
}

// CHECK-LABEL: func.func @observe
// CHECK-SAME:    (%[[X:.*]]: memref<8xf32>) -> memref<8xf32>
// CHECK-NEXT:    qopt.observe %[[X]] {edge = "a"} : memref<8xf32>
// CHECK-NEXT:    return %[[X]]
func.func @observe(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = qopt.observe %x {edge = "a"} : tensor<8xf32> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// CHECK-LABEL: func.func @prefetch
// CHECK:         %[[ALL:.*]] = memref.collapse_shape %{{.*}} {{\[}}[0, 1, 2]] : memref<4x576x16xf32> into memref<36864xf32>
// CHECK-NEXT:    memref.prefetch %[[ALL]][%{{.*}}], read, locality<2>, data : memref<36864xf32>
func.func @prefetch(%w: tensor<4x576x16xf32>, %i: index) {
  qopt.prefetch %w[%i] : tensor<4x576x16xf32>
  return
}
