// RUN: qopt-opt %s --qopt-place-results --cse --canonicalize | FileCheck %s
// RUN: qopt-opt %s --qopt-place-results --qopt-place-results --cse --canonicalize | FileCheck %s

// The producer computes into the interior; then the border is filled around it.
// CHECK-LABEL: func.func @pad
func.func @pad(%x: tensor<4x8xi8>) -> tensor<6x9xi8> {
  // CHECK: %[[BUFFER:.*]] = bufferization.alloc_tensor() : tensor<6x9xi8>
  // CHECK: %[[SLOT:.*]] = tensor.extract_slice %[[BUFFER]][1, 0] [4, 8]
  // CHECK: %[[Y:.*]] = linalg.add {{.*}}outs(%[[SLOT]] : tensor<4x8xi8>)
  // CHECK: %[[INSIDE:.*]] = tensor.insert_slice %[[Y]] into %[[BUFFER]][1, 0] [4, 8]
  // CHECK: tensor.extract_slice %[[INSIDE]][0, 0] [1, 9]
  // CHECK-COUNT-3: linalg.fill
  // CHECK-NOT: linalg.fill
  // CHECK: %[[R:.*]] = tensor.insert_slice
  // CHECK-NOT: linalg.copy
  // CHECK: return %[[R]]
  %e = tensor.empty() : tensor<4x8xi8>
  %y = linalg.add ins(%x, %x : tensor<4x8xi8>, tensor<4x8xi8>) outs(%e : tensor<4x8xi8>) -> tensor<4x8xi8>
  %z = arith.constant 7 : i8
  %p = tensor.pad %y low[1, 0] high[1, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %z : i8
  } : tensor<4x8xi8> to tensor<6x9xi8>
  return %p : tensor<6x9xi8>
}

// Two padded tensors of one shape are two buffers.
// CHECK-LABEL: func.func @two_buffers
// CHECK-COUNT-2: bufferization.alloc_tensor() : tensor<6xi8>
func.func @two_buffers(%x: tensor<4xi8>, %y: tensor<4xi8>) -> (tensor<6xi8>, tensor<6xi8>) {
  %z = arith.constant 0 : i8
  %p = tensor.pad %x low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %z : i8
  } : tensor<4xi8> to tensor<6xi8>
  %q = tensor.pad %y low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %z : i8
  } : tensor<4xi8> to tensor<6xi8>
  return %p, %q : tensor<6xi8>, tensor<6xi8>
}

// An argument has a buffer of its own and is copied; the computed part is not.
// CHECK-LABEL: func.func @concat
// CHECK-SAME: %[[X:.*]]: tensor<4x8xi8>
func.func @concat(%x: tensor<4x8xi8>) -> tensor<4x16xi8> {
  // CHECK: %[[BUFFER:.*]] = bufferization.alloc_tensor() : tensor<4x16xi8>
  // CHECK: %[[LEFT:.*]] = tensor.extract_slice %[[BUFFER]][0, 0] [4, 8]
  // CHECK: linalg.copy ins(%[[X]] : tensor<4x8xi8>) outs(%[[LEFT]]
  // CHECK: %[[Y:.*]] = linalg.add
  // CHECK: tensor.insert_slice %[[Y]] into %{{.*}}[0, 8] [4, 8]
  %e = tensor.empty() : tensor<4x8xi8>
  %y = linalg.add ins(%x, %x : tensor<4x8xi8>, tensor<4x8xi8>) outs(%e : tensor<4x8xi8>) -> tensor<4x8xi8>
  %c = tensor.concat dim(1) %x, %y : (tensor<4x8xi8>, tensor<4x8xi8>) -> tensor<4x16xi8>
  return %c : tensor<4x16xi8>
}

// Two products that start from one fill: only the first is padded, and only it
// is computed in the padded buffer.
// CHECK-LABEL: func.func @shared_fill
func.func @shared_fill(%x: tensor<4x4xi32>, %w: tensor<4x4xi32>) -> (tensor<5x4xi32>, tensor<4x4xi32>) {
  // CHECK: %[[EMPTY:.*]] = tensor.empty() : tensor<4x4xi32>
  // CHECK: %[[ANEW:.*]] = linalg.fill ins(%{{.*}}) outs(%[[EMPTY]]
  // CHECK: %[[BUFFER:.*]] = bufferization.alloc_tensor() : tensor<5x4xi32>
  // CHECK: %[[SLOT:.*]] = tensor.extract_slice %{{.*}}[0, 0] [4, 4]
  // CHECK: %[[START:.*]] = linalg.fill ins(%{{.*}}) outs(%[[SLOT]]
  // CHECK: %[[M:.*]] = linalg.matmul {{.*}} outs(%[[START]]
  // CHECK: tensor.insert_slice %[[M]]
  // CHECK: linalg.matmul {{.*}} outs(%[[ANEW]]
  %z = arith.constant 0 : i32
  %e = tensor.empty() : tensor<4x4xi32>
  %f = linalg.fill ins(%z : i32) outs(%e : tensor<4x4xi32>) -> tensor<4x4xi32>
  %m = linalg.matmul ins(%x, %w : tensor<4x4xi32>, tensor<4x4xi32>) outs(%f : tensor<4x4xi32>) -> tensor<4x4xi32>
  %p = tensor.pad %m low[0, 0] high[1, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %z : i32
  } : tensor<4x4xi32> to tensor<5x4xi32>
  %n = linalg.matmul ins(%w, %w : tensor<4x4xi32>, tensor<4x4xi32>) outs(%f : tensor<4x4xi32>) -> tensor<4x4xi32>
  return %p, %n : tensor<5x4xi32>, tensor<4x4xi32>
}

// Must not fire: the padding is not constant, the shape not static.
// CHECK-LABEL: func.func @left
// CHECK-COUNT-2: tensor.pad
func.func @left(%x: tensor<4xi8>, %d: tensor<?xi8>, %v: i8) -> (tensor<6xi8>, tensor<?xi8>) {
  %p = tensor.pad %x low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %v : i8
  } : tensor<4xi8> to tensor<6xi8>
  %z = arith.constant 0 : i8
  %q = tensor.pad %d low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %z : i8
  } : tensor<?xi8> to tensor<?xi8>
  return %p, %q : tensor<6xi8>, tensor<?xi8>
}
