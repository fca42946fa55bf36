// RUN: qopt-opt %s --split-input-file --qopt-outline-kernels | FileCheck %s
// RUN: not qopt-opt %s --split-input-file --qopt-outline-kernels --qopt-outline-kernels 2>&1 | FileCheck %s --check-prefix=TWICE

// TWICE: expects a function @model of one block

// A loop over 300 threads is three blocks of 128, with a guard; its constant is
// behind 64 bytes of another one in the weights.
// CHECK: module attributes {{{.*}}qopt.launches = [{blocks = 3 : i64, kernel = "model_kernel0", threads = 128 : i64}, {blocks = 1 : i64, kernel = "model_kernel1", threads = 1 : i64}, {blocks = 1 : i64, kernel = "model_kernel2", threads = 128 : i64}]
// CHECK-SAME: qopt.weights = dense<
// CHECK-NOT: memref.global
// CHECK-LABEL: func.func @model_kernel0(%arg0: memref<300xi8>, %arg1: memref<300xi8>, %arg2: memref<128xi8>, %arg3: memref<128xi8>) attributes {passthrough = {{\[}}["nvvm.maxntid", "128"]]}
// CHECK: %[[SHIFT:.*]] = arith.constant 64 : index
// CHECK: %[[W:.*]] = memref.view %arg3[%[[SHIFT]]][] : memref<128xi8> to memref<4xi8>
// CHECK: %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x : i32
// CHECK: %[[THREAD:.*]] = nvvm.read.ptx.sreg.tid.x : i32
// CHECK: %[[FIRST:.*]] = arith.muli %[[BLOCK]], %{{.*}} : i32
// CHECK: %[[NUMBER:.*]] = arith.addi %[[FIRST]], %[[THREAD]] : i32
// CHECK: %[[T:.*]] = arith.index_castui %[[NUMBER]] : i32 to index
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %[[T]], %{{.*}} : index
// CHECK: scf.if %[[INSIDE]] {
// CHECK: memref.load %[[W]]
// CHECK: memref.store %{{.*}}, %arg1[%[[T]]]

// What lies between loops is one thread's; a value for a later kernel goes
// through a slot that the arena gets.
// CHECK-LABEL: func.func @model_kernel1
// CHECK-SAME: passthrough = {{\[}}["nvvm.maxntid", "1"]]
// CHECK: %[[LOADED:.*]] = memref.load %arg1
// CHECK: memref.store %[[LOADED]], %{{.*}} : memref<1xi8>
// CHECK-LABEL: func.func @model_kernel2
// CHECK: memref.load %{{.*}} : memref<1xi8>
// CHECK-NOT: func.func @model(
module attributes {qopt.model = {arena_bytes = 64 : i64, name = "model", threads = 1 : i64, weight_bytes = 5 : i64, live_bytes = 0 : i64, inputs = [], outputs = [], edges = []}} {
  memref.global "private" constant @first : memref<1xi8> = dense<7>
  memref.global "private" constant @second : memref<4xi8> = dense<[1, 2, 3, 4]>
  func.func @model(%x: memref<300xi8>, %y: memref<300xi8>, %arena: memref<64xi8>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c300 = arith.constant 300 : index
    %c128 = arith.constant 128 : index
    %w = memref.get_global @second : memref<4xi8>
    scf.for %t = %c0 to %c300 step %c1 {
      %a = memref.load %x[%t] : memref<300xi8>
      %b = memref.load %w[%c1] : memref<4xi8>
      %s = arith.addi %a, %b : i8
      memref.store %s, %y[%t] : memref<300xi8>
    } {qopt.threads = 128 : i64}
    %v = memref.load %y[%c0] : memref<300xi8>
    scf.for %t = %c0 to %c128 step %c1 {
      memref.store %v, %y[%t] : memref<300xi8>
    } {qopt.threads = 128 : i64}
    return
  }
}

// -----

// A copy is a loop over threads of 16 elements; its rows are not contiguous.
// CHECK: qopt.launches = [{blocks = 1 : i64, kernel = "copies_kernel0", threads = 128 : i64}]
// CHECK-LABEL: func.func @copies_kernel0
// CHECK: vector.load %{{.*}} : memref<4x32xi8, strided<[64, 1]>>, vector<16xi8>
// CHECK: vector.store
module attributes {qopt.model = {arena_bytes = 64 : i64, name = "copies", threads = 1 : i64, weight_bytes = 0 : i64, live_bytes = 0 : i64, inputs = [], outputs = [], edges = []}} {
  func.func @copies(%x: memref<4x64xi8>, %y: memref<4x32xi8>, %arena: memref<64xi8>) {
    %v = memref.subview %x[0, 0] [4, 32] [1, 1] : memref<4x64xi8> to memref<4x32xi8, strided<[64, 1]>>
    memref.copy %v, %y : memref<4x32xi8, strided<[64, 1]>> to memref<4x32xi8>
    return
  }
}
