// RUN: qopt-opt %s --split-input-file --qopt-lower-observe --verify-diagnostics | FileCheck %s
// RUN: qopt-opt %s --split-input-file --qopt-lower-observe --qopt-lower-observe --verify-diagnostics | FileCheck %s

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "m", inputs = [], outputs = [],
  edges = [{name = "a", shape = array<i64: 8>}, {name = "b", shape = array<i64: 2, 3>}]}

// CHECK: llvm.func @qopt_observe(i64, !llvm.ptr, i64)
module attributes {qopt.model = #model} {
  // CHECK-LABEL: func.func @dense
  // CHECK: %[[P:.*]] = llvm.inttoptr
  // CHECK-DAG: %[[EDGE:.*]] = arith.constant 0 : i64
  // CHECK-DAG: %[[COUNT:.*]] = arith.constant 8 : i64
  // CHECK: llvm.call @qopt_observe(%[[EDGE]], %[[P]], %[[COUNT]])
  // CHECK-NOT: memref.alloc
  func.func @dense(%x: memref<8xf32>) {
    qopt.observe %x {edge = "a"} : memref<8xf32>
    return
  }

  // The host sees values without gaps.

  // CHECK-LABEL: func.func @strided
  // CHECK-SAME: (%[[X:.*]]: memref
  // CHECK: %[[COPY:.*]] = memref.alloc() {{.*}} : memref<2x3xf32>
  // CHECK: memref.copy %[[X]], %[[COPY]]
  // CHECK: memref.extract_aligned_pointer_as_index %[[COPY]]
  func.func @strided(%x: memref<2x3xf32, strided<[5, 1]>>) {
    qopt.observe %x {edge = "b"} : memref<2x3xf32, strided<[5, 1]>>
    return
  }
}

// -----

module attributes {qopt.model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "m", inputs = [], outputs = [], edges = []}} {
  func.func @unknown(%x: memref<8xf32>) {
    // expected-error @below {{expects a buffer of static shape and an edge that qopt-bufferize has recorded, got 'memref<8xf32>' and 'a'}}
    qopt.observe %x {edge = "a"} : memref<8xf32>
    return
  }
}

// -----

// expected-error @below {{expects a complete 'qopt.model' attribute}}
// expected-note @below {{qopt-bufferize records it}}
module {
  func.func @no_model(%x: memref<8xf32>) {
    qopt.observe %x {edge = "a"} : memref<8xf32>
    return
  }
}
