// RUN: qopt-opt %s --split-input-file --qopt-plan-memory --verify-diagnostics | FileCheck %s

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "chain",
  inputs = [], outputs = [], edges = []}

// a and c never live together: c takes a's place. b ends at 1152 + 64 bytes of
// slack. What no node computes is a quantized input.

// CHECK: qopt.arena_map = [
// CHECK-SAME: {bytes = 1024 : i64, first = {{[0-9]+}} : i64, last = [[#LAST:]] : i64, name = "the model's input", offset = 0 : i64}
// CHECK-SAME: {bytes = 100 : i64, first = {{[0-9]+}} : i64, {{[^}]*}}offset = 1024 : i64}
// CHECK-SAME: {bytes = 1000 : i64, {{[^}]*}}offset = 0 : i64}
// CHECK-SAME: qopt.model = {arena_bytes = 1216 : i64
// CHECK-SAME: live_bytes = 1152 : i64
// CHECK-SAME: weight_bytes = 12 : i64
module attributes {qopt.model = #model} {
  memref.global "private" constant @w : memref<3xf32> = dense<1.0>
  // CHECK-LABEL: func.func @chain
  // CHECK-SAME: , %[[ARENA:[a-z0-9]+]]: memref<1216xi8>)
  // CHECK-NOT: memref.alloc
  // CHECK: memref.view %[[ARENA]][%{{.*}}][] : memref<1216xi8> to memref<1024xi8>
  // CHECK-NOT: memref.dealloc
  func.func @chain(%x: memref<1024xi8>, %y: memref<1000xi8>) {
    %a = memref.alloc() : memref<1024xi8>
    memref.copy %x, %a : memref<1024xi8> to memref<1024xi8>
    %b = memref.alloc() : memref<100xi8>
    // A view keeps its buffer alive.
    %s = memref.subview %a[0] [100] [1] : memref<1024xi8> to memref<100xi8, strided<[1]>>
    memref.copy %s, %b : memref<100xi8, strided<[1]>> to memref<100xi8>
    %c = memref.alloc() : memref<1000xi8>
    %t = memref.subview %c[0] [100] [1] : memref<1000xi8> to memref<100xi8, strided<[1]>>
    memref.copy %b, %t : memref<100xi8> to memref<100xi8, strided<[1]>>
    memref.copy %c, %y : memref<1000xi8> to memref<1000xi8>
    memref.dealloc %a : memref<1024xi8>
    return
  }
}

// -----

// A loop is one step: what it touches lives through all of it.

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "loop",
  inputs = [], outputs = [], edges = []}

// CHECK: qopt.model = {arena_bytes = 192 : i64
// CHECK-SAME: live_bytes = 128 : i64
module attributes {qopt.model = #model} {
  func.func @loop(%x: memref<64xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %four = arith.constant 4 : index
    %a = memref.alloc() : memref<64xi8>
    scf.for %i = %zero to %four step %one {
      %b = memref.alloc() : memref<64xi8>
      memref.copy %x, %b : memref<64xi8> to memref<64xi8>
      memref.copy %b, %a : memref<64xi8> to memref<64xi8>
    }
    return
  }
}

// -----

// %a takes the first half of %z, from the left. %b grows over %a: forwards, byte
// 2 * i of it would be written over one that is read later; backwards, none is.

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "backwards",
  inputs = [], outputs = [], edges = []}

// CHECK-DAG: #[[$BACK:map.*]] = affine_map<(d0) -> (-d0 + 511)>
// CHECK: {bytes = 1024 : i64, {{[^}]*}}offset = 0 : i64}, {bytes = 512 : i64, {{[^}]*}}offset = 0 : i64}, {bytes = 1024 : i64, {{[^}]*}}offset = 0 : i64}
// CHECK-SAME: qopt.model = {arena_bytes = 1088 : i64
module attributes {qopt.model = #model} {
  // CHECK-LABEL: func.func @backwards
  func.func @backwards(%x: memref<1024xi8>, %y: memref<1024xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %n = arith.constant 512 : index
    %z = memref.alloc() : memref<1024xi8>
    %a = memref.alloc() : memref<512xi8>
    %b = memref.alloc() : memref<1024xi8>
    memref.copy %x, %z : memref<1024xi8> to memref<1024xi8>
    // CHECK: scf.for %[[I:.*]] =
    // CHECK-NEXT: affine.apply #{{.*}}(%[[I]])
    // CHECK-NEXT: memref.load
    // CHECK-NEXT: memref.store %{{.*}}[%[[I]]]
    scf.for %i = %zero to %n step %one {
      %j = affine.apply affine_map<(d0) -> (2 * d0)>(%i)
      %v = memref.load %z[%j] : memref<1024xi8>
      memref.store %v, %a[%i] : memref<512xi8>
    }
    // CHECK: scf.for %[[I:.*]] =
    // CHECK: %[[J:.*]] = affine.apply #[[$BACK]](%[[I]])
    // CHECK: memref.load %{{.*}}[%[[J]]]
    scf.for %i = %zero to %n step %one {
      %v = memref.load %a[%i] : memref<512xi8>
      %j = affine.apply affine_map<(d0) -> (2 * d0)>(%i)
      memref.store %v, %b[%j] : memref<1024xi8>
      %k = affine.apply affine_map<(d0) -> (2 * d0 + 1)>(%i)
      memref.store %v, %b[%k] : memref<1024xi8>
    }
    memref.copy %b, %y : memref<1024xi8> to memref<1024xi8>
    return
  }
}

// -----

// Only where the arena gets smaller: %b could lie over %a, backwards, but what
// lives later is larger.

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "needless",
  inputs = [], outputs = [], edges = []}

// CHECK: {bytes = 512 : i64, {{[^}]*}}offset = 1024 : i64}, {bytes = 1024 : i64, {{[^}]*}}offset = 0 : i64}, {bytes = 4096 : i64, {{[^}]*}}offset = 0 : i64}, {bytes = 2048 : i64, {{[^}]*}}offset = 0 : i64}
// CHECK-SAME: qopt.model = {arena_bytes = 4160 : i64
// CHECK-SAME: live_bytes = 6144 : i64
module attributes {qopt.model = #model} {
  // CHECK-LABEL: func.func @needless
  // CHECK-NOT: affine_map<(d0) -> (-d0
  // CHECK: return
  func.func @needless(%x: memref<512xi8>, %y: memref<2048xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %n = arith.constant 512 : index
    %m = arith.constant 2048 : index
    %a = memref.alloc() : memref<512xi8>
    %b = memref.alloc() : memref<1024xi8>
    %c = memref.alloc() : memref<4096xi8>
    %d = memref.alloc() : memref<2048xi8>
    memref.copy %x, %a : memref<512xi8> to memref<512xi8>
    scf.for %i = %zero to %n step %one {
      %v = memref.load %a[%i] : memref<512xi8>
      %j = affine.apply affine_map<(d0) -> (2 * d0)>(%i)
      memref.store %v, %b[%j] : memref<1024xi8>
    }
    %last = memref.load %b[%one] : memref<1024xi8>
    memref.store %last, %c[%zero] : memref<4096xi8>
    scf.for %i = %zero to %m step %one {
      %v = memref.load %c[%i] : memref<4096xi8>
      memref.store %v, %d[%i] : memref<2048xi8>
    }
    memref.copy %d, %y : memref<2048xi8> to memref<2048xi8>
    return
  }
}

// -----

// A result of half the rows follows its input forwards. Tasks have no order.

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "forwards",
  inputs = [], outputs = [], edges = []}

// CHECK: {bytes = 1024 : i64, {{[^}]*}}offset = 0 : i64}, {bytes = 512 : i64, {{[^}]*}}offset = 0 : i64}, {bytes = 512 : i64, {{[^}]*}}offset = 512 : i64}
// CHECK-SAME: qopt.model = {arena_bytes = 1088 : i64
module attributes {qopt.model = #model} {
  // CHECK-LABEL: func.func @forwards
  // CHECK-NOT: affine.apply
  // CHECK: return
  func.func @forwards(%x: memref<1024xi8>, %y: memref<512xi8>) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %n = arith.constant 512 : index
    %a = memref.alloc() : memref<1024xi8>
    %b = memref.alloc() : memref<512xi8>
    %c = memref.alloc() : memref<512xi8>
    memref.copy %x, %a : memref<1024xi8> to memref<1024xi8>
    scf.for %i = %zero to %n step %one {
      %v = memref.load %a[%i] : memref<1024xi8>
      memref.store %v, %b[%i] : memref<512xi8>
    }
    scf.for %i = %zero to %n step %one {
      %v = memref.load %b[%i] : memref<512xi8>
      memref.store %v, %c[%i] : memref<512xi8>
    } {qopt.tasks = 2 : i64}
    memref.copy %c, %y : memref<512xi8> to memref<512xi8>
    return
  }
}

// -----

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "dynamic",
  inputs = [], outputs = [], edges = []}

module attributes {qopt.model = #model} {
  func.func @dynamic(%n: index) {
    // expected-error @below {{expects a static shape without gaps in memory that is to be planned, got 'memref<?xi8>'}}
    %a = memref.alloc(%n) : memref<?xi8>
    memref.dealloc %a : memref<?xi8>
    return
  }
}

// -----

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "elements",
  inputs = [], outputs = [], edges = []}

module attributes {qopt.model = #model} {
  // expected-error @below {{expects integers, indices or floats in memory that is to be planned, got 'memref<2xcomplex<f32>>'}}
  memref.global "private" constant @w : memref<2xcomplex<f32>> = dense<(1.0, 0.0)>
  func.func @elements() {
    // expected-error @below {{expects integers, indices or floats in memory that is to be planned, got 'memref<16xvector<4xi8>>'}}
    %a = memref.alloc() : memref<16xvector<4xi8>>
    return
  }
}

// -----

// Tables of positions count 8 bytes an entry.

#model = {arena_bytes = 0 : i64, live_bytes = 0 : i64, weight_bytes = 0 : i64, name = "positions",
  inputs = [], outputs = [], edges = []}

// CHECK: qopt.model = {{{.*}}weight_bytes = 24 : i64
module attributes {qopt.model = #model} {
  memref.global "private" constant @table : memref<3xindex> = dense<[2, 0, 1]>
  func.func @positions(%x: memref<8xi8>) {
    return
  }
}
