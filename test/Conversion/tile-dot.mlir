// RUN: qopt-opt %s --convert-qopt-tile-dot=target=x86-64-v4-amx --split-input-file | FileCheck %s --check-prefix=AMX
// RUN: qopt-opt %s --convert-qopt-tile-dot=target=portable --split-input-file | FileCheck %s --check-prefix=PLAIN

// The two blocks of a window share its rows, with sums in registers 0 and 1. The
// second chunk of 72 bytes moves back to byte 8. Registers of operands are free
// as soon as there are no more products.
// AMX-LABEL: func.func @windows
// AMX-DAG: %[[SUMS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<24x2x16xi32>
// AMX-DAG: memref.alloca() {alignment = 64 : i64} : memref<64xi8>
// AMX: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilezero"
// AMX-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbusd"
// AMX-NOT: tdpbusd
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilezero"
// AMX-NOT: tilezero
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilestored64"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilezero"
// AMX-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbusd"
// AMX-NOT: tdpbusd
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilezero"
// AMX-NOT: tilezero
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilestored64"
// AMX: vector.load %[[SUMS]][%{{.*}}, %{{.*}}, %{{.*}}] : memref<24x2x16xi32>, vector<16xi32>
// AMX: llvm.call_intrinsic "llvm.x86.tilerelease"
// AMX-NEXT: return

// PLAIN-LABEL: func.func @windows
// PLAIN: %[[SUMS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<24x2x16xi32>
// PLAIN: scf.for
// PLAIN: qopt.dot %{{.*}}, %{{.*}}, %{{.*}} unsigned_a
// PLAIN: vector.load %[[SUMS]]
func.func @windows(%a: memref<4096xi8>, %w: memref<2x32x64xi8>, %i: index) -> vector<16xi32> {
  %0 = qopt.tile_dot %a[%i], %w[%i] unsigned_a {depth = 72 : i64, row_step = array<i64: 72>,
      segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0, 8>}
      : memref<4096xi8>, memref<2x32x64xi8> -> vector<24x2x16xi32>
  %1 = vector.extract %0[%i, 1] : vector<16xi32> from vector<24x2x16xi32>
  return %1 : vector<16xi32>
}

// -----

// Nests with tiles of one shape are configured once, in front of the first; the
// products follow the signs.
// AMX-LABEL: func.func @nests
// AMX: ldtilecfg
// AMX-NOT: ldtilecfg
// AMX: scf.for
// AMX: tdpbssd
// AMX: scf.for
// AMX: tdpbuud
// AMX: ldtilecfg
// AMX-NEXT: scf.for
// AMX: tdpbsud
// AMX: tilerelease
func.func @nests(%a: memref<4096xi8>, %w: memref<1x16x64xi8>, %v: memref<1x8x64xi8>, %r: memref<16xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %0 = qopt.tile_dot %a[%i], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
    %1 = vector.extract %0[3, 0] : vector<16xi32> from vector<16x1x16xi32>
    vector.store %1, %r[%c0] : memref<16xi32>, vector<16xi32>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %0 = qopt.tile_dot %a[%i], %w[%c0] unsigned_a unsigned_b {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
    %1 = vector.extract %0[3, 0] : vector<16xi32> from vector<16x1x16xi32>
    vector.store %1, %r[%c0] : memref<16xi32>, vector<16xi32>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %0 = qopt.tile_dot %a[%i], %v[%c0] unsigned_b {depth = 32 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x8x64xi8> -> vector<16x1x16xi32>
    %1 = vector.extract %0[3, 0] : vector<16xi32> from vector<16x1x16xi32>
    vector.store %1, %r[%c0] : memref<16xi32>, vector<16xi32>
  }
  return
}

// -----

// What is called has tiles of its own: they are configured again behind it, and
// inside a loop that calls.
// AMX-LABEL: func.func @calls
// AMX: ldtilecfg
// AMX: tdpbssd
// AMX: call @task
// AMX: ldtilecfg
// AMX: tdpbssd
// AMX: scf.for
// AMX: call @task
// AMX: ldtilecfg
// AMX: tdpbssd
// AMX: tilerelease
func.func private @task()
func.func @calls(%a: memref<4096xi8>, %w: memref<1x16x64xi8>, %r: memref<16xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %0 = qopt.tile_dot %a[%c0], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
      segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
      : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
  %1 = vector.extract %0[3, 0] : vector<16xi32> from vector<16x1x16xi32>
  vector.store %1, %r[%c0] : memref<16xi32>, vector<16xi32>
  func.call @task() : () -> ()
  %2 = qopt.tile_dot %a[%c1], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
      segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
      : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
  %3 = vector.extract %2[3, 0] : vector<16xi32> from vector<16x1x16xi32>
  vector.store %3, %r[%c0] : memref<16xi32>, vector<16xi32>
  scf.for %i = %c0 to %c8 step %c1 {
    func.call @task() : () -> ()
    %4 = qopt.tile_dot %a[%i], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
    %5 = vector.extract %4[3, 0] : vector<16xi32> from vector<16x1x16xi32>
    vector.store %5, %r[%c0] : memref<16xi32>, vector<16xi32>
  }
  return
}

// -----

// Two shapes of one nest are configured once. They share tiles for sums, and
// have one each for activations (4, 5) and for weights (6, 7).
// AMX-LABEL: func.func @two
// AMX: ldtilecfg
// AMX-NOT: ldtilecfg
// AMX: scf.for
// AMX: %[[A:.*]] = llvm.mlir.constant(4 : i8)
// AMX: "llvm.x86.tileloadd64"(%[[A]],
// AMX: %[[V:.*]] = llvm.mlir.constant(6 : i8)
// AMX: "llvm.x86.tileloadd64"(%[[V]],
// AMX: tdpbusd
// AMX: %[[B:.*]] = llvm.mlir.constant(5 : i8)
// AMX: "llvm.x86.tileloadd64"(%[[B]],
// AMX: %[[W:.*]] = llvm.mlir.constant(7 : i8)
// AMX: "llvm.x86.tileloadd64"(%[[W]],
// AMX: tdpbusd
// AMX: tilerelease
func.func @two(%a: memref<4096xi8>, %w: memref<1x16x64xi8>, %v: memref<1x8x64xi8>, %r: memref<16xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.for %i = %c0 to %c2 step %c1 {
    %0 = qopt.tile_dot %a[%i], %w[%c0] unsigned_a {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
    %1 = qopt.tile_dot %a[%i], %v[%c0] unsigned_a {depth = 32 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x8x64xi8> -> vector<16x1x16xi32>
    %2 = vector.extract %0[3, 0] : vector<16xi32> from vector<16x1x16xi32>
    %3 = vector.extract %1[3, 0] : vector<16xi32> from vector<16x1x16xi32>
    %4 = arith.addi %2, %3 : vector<16xi32>
    vector.store %4, %r[%c0] : memref<16xi32>, vector<16xi32>
  }
  return
}

// -----

// Tiles of other heights in one nest: each is configured outside of its loop.
// AMX-LABEL: func.func @heights
// AMX: scf.for
// AMX: ldtilecfg
// AMX: scf.for
// AMX-NOT: ldtilecfg
// AMX: tdpbssd
// AMX: ldtilecfg
// AMX-NOT: ldtilecfg
// AMX: tdpbssd
// AMX-NOT: ldtilecfg
// AMX: tilerelease
func.func @heights(%a: memref<4096xi8>, %w: memref<1x16x64xi8>, %r: memref<16xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.for %i = %c0 to %c2 step %c1 {
    scf.for %j = %c0 to %c2 step %c1 {
      %0 = qopt.tile_dot %a[%j], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
          segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
          : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
      %1 = vector.extract %0[3, 0] : vector<16xi32> from vector<16x1x16xi32>
      vector.store %1, %r[%c0] : memref<16xi32>, vector<16xi32>
    }
    %0 = qopt.tile_dot %a[%i], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x16x64xi8> -> vector<8x1x16xi32>
    %1 = vector.extract %0[3, 0] : vector<16xi32> from vector<8x1x16xi32>
    vector.store %1, %r[%c0] : memref<16xi32>, vector<16xi32>
  }
  return
}

// -----

// The second branch runs without the first, which ends with the configuration
// that the second needs.
// AMX-LABEL: func.func @branches
// AMX: scf.if
// AMX: ldtilecfg
// AMX: tdpbssd
// AMX: ldtilecfg
// AMX: tdpbssd
// AMX: } else {
// AMX: ldtilecfg
// AMX-NOT: ldtilecfg
// AMX: tdpbssd
// AMX: tilerelease
func.func @branches(%a: memref<4096xi8>, %w: memref<1x16x64xi8>, %r: memref<16xi32>, %if: i1, %i: index) {
  %c0 = arith.constant 0 : index
  scf.if %if {
    %0 = qopt.tile_dot %a[%i], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x16x64xi8> -> vector<8x1x16xi32>
    %1 = vector.extract %0[3, 0] : vector<16xi32> from vector<8x1x16xi32>
    vector.store %1, %r[%c0] : memref<16xi32>, vector<16xi32>
    %2 = qopt.tile_dot %a[%i], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
    %3 = vector.extract %2[3, 0] : vector<16xi32> from vector<16x1x16xi32>
    vector.store %3, %r[%c0] : memref<16xi32>, vector<16xi32>
  } else {
    %0 = qopt.tile_dot %a[%i], %w[%c0] {depth = 64 : i64, row_step = array<i64: 64>,
        segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
        : memref<4096xi8>, memref<1x16x64xi8> -> vector<16x1x16xi32>
    %1 = vector.extract %0[3, 0] : vector<16xi32> from vector<16x1x16xi32>
    vector.store %1, %r[%c0] : memref<16xi32>, vector<16xi32>
  }
  return
}

// -----

// Six windows of one block are three groups of two.
// AMX-LABEL: func.func @groups
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilezero"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tdpbssd"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilestored64"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilezero"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tdpbssd"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilestored64"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilezero"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tdpbssd"
// AMX-COUNT-2: llvm.call_intrinsic "llvm.x86.tilestored64"
// AMX-NOT: tilezero
// AMX: return
func.func @groups(%a: memref<8192xi8>, %w: memref<1x16x64xi8>, %i: index) -> vector<16xi32> {
  %0 = qopt.tile_dot %a[%i], %w[%i] {depth = 64 : i64, row_step = array<i64: 64>,
      segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0, 16, 32, 48, 64, 80>}
      : memref<8192xi8>, memref<1x16x64xi8> -> vector<96x1x16xi32>
  %1 = vector.extract %0[%i, 0] : vector<16xi32> from vector<96x1x16xi32>
  return %1 : vector<16xi32>
}

// -----

// Three windows with one block load the weights twice, in each of four turns: each
// time an eighth of the tile of weights that lies as far behind as all blocks are
// long, two lines.
// AMX-LABEL: func.func @turns
// AMX-DAG: %[[SHARE:.*]] = arith.constant 128 : index
// AMX: arith.muli %{{.*}}, %[[SHARE]]
// AMX-COUNT-4: llvm.intr.prefetch
// AMX-NOT: llvm.intr.prefetch

// PLAIN-LABEL: func.func @turns
// PLAIN-NOT: prefetch
func.func @turns(%a: memref<4096xi8>, %w: memref<2x16x64xi8>, %t: index) -> vector<16xi32> {
  %c0 = arith.constant 0 : index
  %0 = qopt.tile_dot %a[%c0], %w[%c0] turn %t of 4 {depth = 64 : i64, row_step = array<i64: 64>,
      segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0, 16, 32>}
      : memref<4096xi8>, memref<2x16x64xi8> -> vector<48x1x16xi32>
  %1 = vector.extract %0[%t, 0] : vector<16xi32> from vector<48x1x16xi32>
  return %1 : vector<16xi32>
}

// -----

// 32 KiB of weights in each block do not stay in the first-level cache: two
// windows share them. Windows and blocks have one register each; the second
// window begins with the weights that are there, of the second block.
// AMX-LABEL: func.func @far
// AMX-COUNT-4: llvm.call_intrinsic "llvm.x86.tilezero"
// AMX: scf.for
// AMX: tileloadd64
// AMX: tileloadd64
// AMX: tdpbssd
// AMX: tileloadd64
// AMX: tdpbssd
// AMX: tileloadd64
// AMX-NOT: tileloadd64
// AMX: tdpbssd
// AMX: tileloadd64
// AMX: tdpbssd
// AMX-NOT: tileloadd64
// AMX-COUNT-4: llvm.call_intrinsic "llvm.x86.tilestored64"
// AMX-NOT: tilezero
// AMX: return
func.func @far(%a: memref<65536xi8>, %w: memref<2x512x64xi8>, %i: index) -> vector<16xi32> {
  %0 = qopt.tile_dot %a[%i], %w[%i] {depth = 2048 : i64, row_step = array<i64: 2048>,
      segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0, 16>}
      : memref<65536xi8>, memref<2x512x64xi8> -> vector<32x2x16xi32>
  %1 = vector.extract %0[%i, 1] : vector<16xi32> from vector<32x2x16xi32>
  return %1 : vector<16xi32>
}
