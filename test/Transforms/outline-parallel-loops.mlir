// RUN: qopt-opt %s --split-input-file --qopt-outline-parallel-loops --verify-diagnostics | FileCheck %s
// RUN: qopt-opt %s --split-input-file --qopt-outline-parallel-loops --qopt-outline-parallel-loops --verify-diagnostics | FileCheck %s

#model = {arena_bytes = 128 : i64, live_bytes = 64 : i64, weight_bytes = 0 : i64, name = "net",
  inputs = [], outputs = [], edges = []}

// The task computes its view of the arena itself; the model hands over the run.

// CHECK: qopt.model = {{.*}}threads = 3 : i64
module attributes {qopt.model = #model} {
  // CHECK: func.func private @net.part0(%[[X:.*]]: memref<10xf32>, %[[ARENA:.*]]: memref<128xi8>, %{{.*}}: !llvm.ptr, %[[TASK:.*]]: index)
  // CHECK-SAME: passthrough = {{\[}}["qopt-tasks", "3"]]
  // CHECK: %[[VIEW:.*]] = memref.view %[[ARENA]]
  // CHECK: %[[BEGIN:.*]] = arith.muli %[[TASK]], %[[SHARE:.*]] : index
  // CHECK: %[[SUM:.*]] = arith.addi %[[BEGIN]], %[[SHARE]] : index
  // CHECK: %[[END:.*]] = arith.minui %[[SUM]], %{{.*}} : index
  // CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]]
  // CHECK-NOT: qopt.tasks
  // CHECK: memref.load %[[X]][%[[I]]]
  // CHECK: memref.store %{{.*}}, %[[VIEW]][%[[I]]]
  // CHECK: func.func private @net.part0.share(!llvm.ptr)
  // CHECK: func.func @net(%{{.*}}: memref<10xf32>, %{{.*}}: memref<128xi8>, %[[HOST:.*]]: !llvm.ptr)
  // CHECK-NOT: scf.for
  // CHECK: call @net.part0.share(%[[HOST]]) : (!llvm.ptr) -> ()
  // CHECK-NOT: scf.for
  func.func @net(%x: memref<10xf32>, %arena: memref<128xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %end = arith.constant 10 : index
    %view = memref.view %arena[%zero][] : memref<128xi8> to memref<10xf32>
    scf.for %i = %zero to %end step %one {
      %v = memref.load %x[%i] : memref<10xf32>
      memref.store %v, %view[%i] : memref<10xf32>
    } {qopt.tasks = 3 : i64}
    return
  }
}

// -----

#model = {arena_bytes = 64 : i64, live_bytes = 64 : i64, weight_bytes = 0 : i64, name = "stays",
  inputs = [], outputs = [], edges = []}

// A value from memory may be another one in the task; a sum that is carried
// from iteration to iteration has an order; no mark, no task.

// CHECK: qopt.model = {
// CHECK-NOT: threads
module attributes {qopt.model = #model} {
  // CHECK-LABEL: func.func @stays(%{{.*}}: memref<10xf32>, %{{.*}}: memref<64xi8>) {
  // CHECK-COUNT-3: scf.for
  // CHECK-NOT: call
  func.func @stays(%x: memref<10xf32>, %arena: memref<64xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %end = arith.constant 10 : index
    %first = memref.load %x[%zero] : memref<10xf32>
    scf.for %i = %zero to %end step %one {
      memref.store %first, %x[%i] : memref<10xf32>
    } {qopt.tasks = 2 : i64}
    %sum = scf.for %i = %zero to %end step %one iter_args(%s = %first) -> f32 {
      %v = memref.load %x[%i] : memref<10xf32>
      %t = arith.addf %s, %v : f32
      scf.yield %t : f32
    } {qopt.tasks = 2 : i64}
    scf.for %i = %zero to %end step %one {
      memref.store %sum, %x[%i] : memref<10xf32>
    }
    return
  }
}

// -----

// expected-error @+2 {{expects a complete 'qopt.model' attribute}}
// expected-note @+1 {{qopt-bufferize records it}}
module {
  func.func @nameless(%x: memref<10xf32>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %end = arith.constant 10 : index
    scf.for %i = %zero to %end step %one {
      %v = memref.load %x[%i] : memref<10xf32>
      memref.store %v, %x[%i] : memref<10xf32>
    } {qopt.tasks = 2 : i64}
    return
  }
}
