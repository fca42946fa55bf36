// RUN: qopt-opt %s --split-input-file --qopt-outline-nests --verify-diagnostics | FileCheck %s
// RUN: qopt-opt %s --split-input-file --qopt-outline-nests --qopt-outline-nests --verify-diagnostics | FileCheck %s
// RUN: qopt-opt %s --split-input-file --qopt-outline-nests=min-operations=100 --verify-diagnostics | FileCheck %s --check-prefix=SMALL

// SMALL-NOT: qopt.nest

#model = {arena_bytes = 192 : i64, live_bytes = 128 : i64, weight_bytes = 80 : i64, name = "net",
  inputs = [], outputs = [], edges = []}

// Two layers differ in buffers and weights alone: one function. The view of a
// part is computed where it is used; what overlaps may be the same memory.

module attributes {qopt.model = #model} {
  memref.global "private" constant @w0 : memref<10xf32> = dense<1.0> {alignment = 64 : i64}
  memref.global "private" constant @w1 : memref<10xf32> = dense<2.0> {alignment = 64 : i64}

  // CHECK: func.func private @net.nest0(
  // CHECK-SAME: %[[X:.*]]: memref<10xf32> {llvm.noalias}, %[[W:.*]]: memref<10xf32> {llvm.align = 64 : i64, llvm.noalias}, %[[Y:.*]]: memref<10xf32> {llvm.align = 64 : i64, llvm.noalias}) attributes {qopt.nest}
  // CHECK: %[[END:.*]] = arith.constant 10 : index
  // CHECK: scf.for %[[I:.*]] = %{{.*}} to %[[END]]
  // CHECK: memref.load %[[X]][%[[I]]]
  // CHECK: memref.load %[[W]][%[[I]]]
  // CHECK: memref.store %{{.*}}, %[[Y]][%[[I]]]
  // CHECK: func.func private @net.nest1(
  // CHECK-SAME: %[[X:.*]]: memref<10xf32> {llvm.align = 64 : i64, llvm.noalias}, %{{.*}}: memref<10xf32> {llvm.align = 64 : i64, llvm.noalias}, %[[Y:.*]]: memref<10xf32> {llvm.align = 64 : i64, llvm.noalias})
  // CHECK: func.func private @net.nest2(%[[A:.*]]: memref<10xf32> {llvm.align = 64 : i64}, %[[B:.*]]: memref<4xf32> {llvm.align = 64 : i64})
  // CHECK: %[[PART:.*]] = memref.subview %[[A]][2] [4] [1]
  // CHECK: scf.for
  // CHECK: memref.load %[[PART]]
  // CHECK: memref.store %{{.*}}, %[[B]]
  // CHECK-NOT: @net.nest3

  // CHECK: func.func @net(%[[X:.*]]: memref<10xf32>, %[[ARENA:.*]]: memref<192xi8>)
  // CHECK-DAG: %[[A:.*]] = memref.view %[[ARENA]][%c0{{.*}}][] : memref<192xi8> to memref<10xf32>
  // CHECK-DAG: %[[B:.*]] = memref.view %[[ARENA]][%c64{{.*}}][] : memref<192xi8> to memref<10xf32>
  // CHECK-DAG: %[[SHORT:.*]] = memref.view %[[ARENA]][%c64{{.*}}][] : memref<192xi8> to memref<4xf32>
  // CHECK-DAG: %[[W0:.*]] = memref.get_global @w0
  // CHECK-DAG: %[[W1:.*]] = memref.get_global @w1
  // CHECK-NOT: scf.for
  // CHECK: call @net.nest0(%[[X]], %[[W0]], %[[A]])
  // CHECK-NEXT: call @net.nest1(%[[A]], %[[W1]], %[[B]])
  // CHECK-NEXT: call @net.nest1(%[[B]], %[[W0]], %[[A]])
  // CHECK-NEXT: call @net.nest2(%[[B]], %[[SHORT]])
  // CHECK-NEXT: return
  func.func @net(%x: memref<10xf32>, %arena: memref<192xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %end = arith.constant 10 : index
    %four = arith.constant 4 : index
    %half = arith.constant 64 : index
    %a = memref.view %arena[%zero][] : memref<192xi8> to memref<10xf32>
    %b = memref.view %arena[%half][] : memref<192xi8> to memref<10xf32>
    %short = memref.view %arena[%half][] : memref<192xi8> to memref<4xf32>
    %part = memref.subview %b[2] [4] [1] : memref<10xf32> to memref<4xf32, strided<[1], offset: 2>>
    %w0 = memref.get_global @w0 : memref<10xf32>
    %w1 = memref.get_global @w1 : memref<10xf32>
    scf.for %i = %zero to %end step %one {
      %v = memref.load %x[%i] : memref<10xf32>
      %w = memref.load %w0[%i] : memref<10xf32>
      %sum = arith.addf %v, %w : f32
      memref.store %sum, %a[%i] : memref<10xf32>
    }
    scf.for %i = %zero to %end step %one {
      %v = memref.load %a[%i] : memref<10xf32>
      %w = memref.load %w1[%i] : memref<10xf32>
      %sum = arith.addf %v, %w : f32
      memref.store %sum, %b[%i] : memref<10xf32>
    }
    scf.for %i = %zero to %end step %one {
      %v = memref.load %b[%i] : memref<10xf32>
      %w = memref.load %w0[%i] : memref<10xf32>
      %sum = arith.addf %v, %w : f32
      memref.store %sum, %a[%i] : memref<10xf32>
    }
    scf.for %i = %zero to %four step %one {
      %v = memref.load %part[%i] : memref<4xf32, strided<[1], offset: 2>>
      memref.store %v, %short[%i] : memref<4xf32>
    }
    return
  }
}

// -----

#model = {arena_bytes = 64 : i64, live_bytes = 64 : i64, weight_bytes = 0 : i64, name = "stays",
  inputs = [], outputs = [], edges = []}

// A value from memory may be another one in the function; a nest that gives a
// value is not for its buffers alone.

module attributes {qopt.model = #model} {
  // CHECK-NOT: qopt.nest
  // CHECK-LABEL: func.func @stays
  // CHECK-COUNT-2: scf.for
  // CHECK-NOT: call
  func.func @stays(%x: memref<10xf32>, %arena: memref<64xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %end = arith.constant 10 : index
    %first = memref.load %x[%zero] : memref<10xf32>
    scf.for %i = %zero to %end step %one {
      memref.store %first, %x[%i] : memref<10xf32>
    }
    %sum = scf.for %i = %zero to %end step %one iter_args(%s = %first) -> f32 {
      %v = memref.load %x[%i] : memref<10xf32>
      %next = arith.addf %s, %v : f32
      scf.yield %next : f32
    }
    memref.store %sum, %x[%one] : memref<10xf32>
    return
  }
}

// -----

#model = {arena_bytes = 64 : i64, live_bytes = 64 : i64, weight_bytes = 0 : i64, name = "missing",
  inputs = [], outputs = [], edges = []}

// expected-error @below {{expects a function @missing of one block}}
module attributes {qopt.model = #model} {
}
