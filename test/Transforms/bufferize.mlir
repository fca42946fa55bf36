// RUN: qopt-opt %s --split-input-file --qopt-bufferize --cse --canonicalize --verify-diagnostics | FileCheck %s

// The result is computed in the caller's buffer; the signature is recorded.

// CHECK: qopt.model =
// CHECK-SAME: inputs = [{dtype = 1 : i64, name = "x", {{[^}]*}}shape = array<i64: 2, 4>
// CHECK-SAME: name = "relu"
// CHECK-SAME: outputs = [{dtype = 1 : i64, name = "y", {{[^}]*}}shape = array<i64: 2, 4>
// CHECK-LABEL: func.func @relu
// CHECK-SAME: (%[[X:.*]]: memref<2x4xf32> {qopt.name = "x"}, %[[Y:.*]]: memref<2x4xf32>) {
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: linalg.generic {{.*}} ins(%[[X]] : memref<2x4xf32>) outs(%[[Y]] : memref<2x4xf32>)
// CHECK: return{{$}}
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @relu(%x: tensor<2x4xf32> {qopt.name = "x"}) -> (tensor<2x4xf32> {qopt.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// An input is never written, even where an operation names it as destination.

// CHECK-LABEL: func.func @fill_input
// CHECK-SAME: (%[[X:.*]]: memref<4xi8> {qopt.unsigned}, %[[Y:.*]]: memref<4xi8>)
// CHECK-NOT: outs(%[[X]]
// CHECK: memref.copy %{{.*}}, %[[Y]]
// CHECK-NOT: outs(%[[X]]
func.func @fill_input(%x: tensor<4xi8> {qopt.unsigned}) -> tensor<4xi8> {
  %c = arith.constant 7 : i8
  %y = linalg.fill ins(%c : i8) outs(%x : tensor<4xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}

// -----

// A producer writes straight into the padded buffer.

// CHECK-LABEL: func.func @pad
// CHECK: %[[P:.*]] = memref.alloc() {{.*}} : memref<6xf32>
// CHECK: %[[S:.*]] = memref.subview %[[P]][1] [4] [1]
// CHECK: linalg.fill {{.*}} outs(%[[S]]
// CHECK-NOT: memref.copy
// CHECK: linalg.pooling_ncw_max
func.func @pad(%x: tensor<4xf32>) -> tensor<1x1x4xf32> {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%two : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %p = tensor.pad %f low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %zero : f32
  } : tensor<4xf32> to tensor<6xf32>
  %q = tensor.expand_shape %p [[0, 1, 2]] output_shape [1, 1, 6] : tensor<6xf32> into tensor<1x1x6xf32>
  %k = tensor.empty() : tensor<3xf32>
  %o = tensor.empty() : tensor<1x1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%o : tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %r = linalg.pooling_ncw_max ins(%q, %k : tensor<1x1x6xf32>, tensor<3xf32>)
      outs(%i : tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  return %r : tensor<1x1x4xf32>
}

// -----

// Observers become reads of the buffer and are listed.

// CHECK: qopt.model = {{.*}}edges = [{name = "x", shape = array<i64: 4>}]
// CHECK-LABEL: func.func @observe
// CHECK: qopt.observe %{{.*}} {edge = "x"} : memref<4xf32>
func.func @observe(%x: tensor<4xf32>) -> tensor<4xf32> {
  %o = qopt.observe %x {edge = "x"} : tensor<4xf32> -> tensor<4xf32>
  return %o : tensor<4xf32>
}

// -----

// expected-error @below {{expects one public function, got 2}}
module {
  func.func @a(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
  func.func @b(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

// expected-error @below {{expects tensors of static shape at the model's border, got 'tensor<?xf32>' for input 0}}
func.func @dynamic(%x: tensor<?xf32>) -> tensor<4xf32> {
  %c = arith.constant dense<0.0> : tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

// expected-error @below {{expects an element type of the C interface, got 'bf16' for input 0}}
func.func @dtype(%x: tensor<4xbf16>) -> tensor<4xf32> {
  %c = arith.constant dense<0.0> : tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

// The writes of a tile stay in order, in the buffer that the last of them gets;
// what the nest reads from outside, it reads in place.

// CHECK-LABEL: func.func @tile
// CHECK-SAME: (%[[X:.*]]: memref<8x8xf32>, %[[Y:.*]]: memref<8x8xf32>)
// CHECK-NOT: memref.copy
// CHECK: scf.for %[[I:[a-z0-9]*]] =
// CHECK: %[[A:.*]] = vector.transfer_read %[[X]][%[[I]], %c0]
// CHECK-NEXT: vector.transfer_write %[[A]], %[[Y]][%[[I]], %c4]
// CHECK-NEXT: %[[B:.*]] = vector.transfer_read %[[X]][%[[I]], %c4]
// CHECK-NEXT: vector.transfer_write %[[B]], %[[Y]][%[[I]], %c0]
// CHECK: return{{$}}
func.func @tile(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %y = scf.for %i = %c0 to %c8 step %c1 iter_args(%d = %e) -> (tensor<8x8xf32>) {
    %a = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true]} : tensor<8x8xf32>, vector<4xf32>
    %0 = vector.transfer_write %a, %d[%i, %c4] {in_bounds = [true]} : vector<4xf32>, tensor<8x8xf32>
    %b = vector.transfer_read %x[%i, %c4], %zero {in_bounds = [true]} : tensor<8x8xf32>, vector<4xf32>
    %1 = vector.transfer_write %b, %0[%i, %c0] {in_bounds = [true]} : vector<4xf32>, tensor<8x8xf32>
    scf.yield %1 : tensor<8x8xf32>
  }
  return %y : tensor<8x8xf32>
}

// -----

// A buffer that is needed afterwards is copied before the first write.

// CHECK-LABEL: func.func @tile_of_input
// CHECK-SAME: (%[[X:.*]]: memref<8xf32>, %[[Y:.*]]: memref<8xf32>)
// CHECK: memref.copy %[[X]], %[[C:[a-z0-9_]*]]
// CHECK: scf.for
// CHECK: vector.transfer_write %{{.*}}, %[[D:[a-z0-9_]*]][%c0]
// CHECK-NEXT: vector.transfer_write %{{.*}}, %[[D]][%c4]
// CHECK-NOT: vector.transfer_write
// CHECK: return{{$}}
func.func @tile_of_input(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %v = arith.constant dense<1.0> : vector<4xf32>
  %y = scf.for %i = %c0 to %c8 step %c1 iter_args(%d = %x) -> (tensor<8xf32>) {
    %0 = vector.transfer_write %v, %d[%c0] {in_bounds = [true]} : vector<4xf32>, tensor<8xf32>
    %1 = vector.transfer_write %v, %0[%c4] {in_bounds = [true]} : vector<4xf32>, tensor<8xf32>
    scf.yield %1 : tensor<8xf32>
  }
  return %y : tensor<8xf32>
}

// -----

// What is read after the writes is read from where they do not write.

// CHECK-LABEL: func.func @read_after_writes
// CHECK-SAME: %{{.*}}: memref<8xf32>, %[[Y:.*]]: memref<8xf32>, %[[OLD:.*]]: memref<4xf32>)
// CHECK: linalg.copy {{.*}} outs(%[[C:[a-z0-9_]*]] :
// CHECK: memref.copy %[[C]], %[[D:[a-z0-9_]*]]
// CHECK-COUNT-2: vector.transfer_write %{{.*}}, %[[D]]
// CHECK: %[[READ:.*]] = vector.transfer_read %[[C]]
// CHECK: vector.transfer_write %[[READ]], %[[OLD]]
func.func @read_after_writes(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %v = arith.constant dense<1.0> : vector<4xf32>
  %e = tensor.empty() : tensor<8xf32>
  %d = linalg.copy ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %0 = vector.transfer_write %v, %d[%c0] {in_bounds = [true]} : vector<4xf32>, tensor<8xf32>
  %1 = vector.transfer_write %v, %0[%c4] {in_bounds = [true]} : vector<4xf32>, tensor<8xf32>
  %old = vector.transfer_read %d[%c0], %zero {in_bounds = [true]} : tensor<8xf32>, vector<4xf32>
  %f = tensor.empty() : tensor<4xf32>
  %2 = vector.transfer_write %old, %f[%c0] {in_bounds = [true]} : vector<4xf32>, tensor<4xf32>
  return %1, %2 : tensor<8xf32>, tensor<4xf32>
}

// -----

// One fill that CSE has left for two products: each begins with its own.

// CHECK-LABEL: func.func @shared_fill
// CHECK-NOT: memref.copy
// CHECK: linalg.fill
// CHECK-NOT: memref.copy
// CHECK: linalg.fill
// CHECK-NOT: memref.copy
// CHECK: return
func.func @shared_fill(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%i : tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = linalg.matmul ins(%a, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%i : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %b : tensor<4x4xf32>
}
