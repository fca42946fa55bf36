// RUN: qopt-opt %s --convert-qopt-mma-tile=target=sm_80 --convert-qopt-mma-tile=target=sm_80 | FileCheck %s --check-prefixes=CHECK,ASYNC
// RUN: qopt-opt %s --convert-qopt-mma-tile=target=sm_80 | FileCheck %s --check-prefixes=CHECK,ASYNC
// RUN: qopt-opt %s --convert-qopt-mma-tile=target=sm_75 | FileCheck %s --check-prefixes=CHECK,SYNC
// RUN: not qopt-opt %s --convert-qopt-mma-tile=target=sm_20 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: unknown target 'sm_20'

// Three stages of 64 rows and 64 channels of 64 bytes; two without cp.async.
// ASYNC: llvm.mlir.global internal @kernel_shared() {{{.*}}addr_space = 3 : i32, alignment = 128 : i64{{.*}}} : !llvm.array<24576 x i8>
// SYNC: llvm.mlir.global internal @kernel_shared() {{{.*}}addr_space = 3 : i32, alignment = 128 : i64{{.*}}} : !llvm.array<16384 x i8>
// CHECK-LABEL: func.func @kernel
// Two steps of copies come before the loop, or one.
// ASYNC-COUNT-2: "llvm.nvvm.cp.async.commit.group"
// ASYNC: %[[ONE:.*]] = llvm.mlir.constant(1 : i32)
// ASYNC-NEXT: "llvm.nvvm.cp.async.wait.group"(%[[ONE]])
// SYNC: llvm.load
// SYNC: llvm.store
// CHECK: "llvm.nvvm.barrier.cta.sync.aligned.all"
// The fragments of the first products, two times 16 rows and 16 channels.
// CHECK-COUNT-4: "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16"
// CHECK-NOT: ldmatrix

// CHECK: scf.for
// ASYNC: "llvm.nvvm.cp.async.cg.shared.global.16"
// ASYNC: "llvm.nvvm.cp.async.commit.group"
// SYNC: llvm.load
// CHECK-COUNT-4: "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16"
// ASYNC-COUNT-8: "llvm.nvvm.mma.m16n8k32.row.col.u8.s8"
// SYNC-COUNT-32: "llvm.nvvm.mma.m8n8k16.row.col.u8.s8"
// ASYNC: "llvm.nvvm.cp.async.wait.group"
// SYNC: llvm.store
// CHECK: "llvm.nvvm.barrier.cta.sync.aligned.all"
// CHECK-COUNT-4: "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16"
// ASYNC-COUNT-8: "llvm.nvvm.mma.m16n8k32.row.col.u8.s8"
// SYNC-COUNT-32: "llvm.nvvm.mma.m8n8k16.row.col.u8.s8"
// CHECK: scf.yield

// After it, the steps whose copies have started; none start.
// CHECK-NOT: cp.async.commit
// CHECK-NOT: llvm.load
// ASYNC: %[[ZERO:.*]] = llvm.mlir.constant(0 : i32)
// ASYNC-NEXT: "llvm.nvvm.cp.async.wait.group"(%[[ZERO]])
// ASYNC: "llvm.nvvm.barrier.cta.sync.aligned.all"
// CHECK-NOT: cp.async
// CHECK-NOT: barrier
// CHECK: vector.from_elements
func.func @kernel(%x: memref<256x256xi8>, %w: memref<16384xi8>, %out: memref<1024xvector<32xi32>>, %t: index) {
  %0 = qopt.mma_tile %x, %w, %t {
    offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m, 0)>,
    shape = array<i64: 256, 64, 1, 256>, tile = array<i64: 64, 64, 32, 32, 3>, unsigned_lhs}
    : memref<256x256xi8>, memref<16384xi8> -> vector<32xi32>
  memref.store %0, %out[%t] : memref<1024xvector<32xi32>>
  return
}

// One step: no loop. Two weights in a byte, in its upper half by turns; what is
// 16 times too large is divided in the end.
// CHECK-LABEL: func.func @nibbles
// CHECK-NOT: scf.for
// CHECK: %[[WORD:.*]] = llvm.extractvalue
// CHECK: arith.shli
// CHECK: arith.andi
// CHECK: arith.andi
// ASYNC: "llvm.nvvm.mma.m16n8k32.row.col.s8"
// SYNC: "llvm.nvvm.mma.m8n8k16.row.col.s8"
// CHECK-COUNT-8: arith.shrsi
// CHECK-NOT: arith.shrsi
// CHECK: vector.from_elements
func.func @nibbles(%x: memref<64x32xi8>, %w: memref<256xi8>, %out: memref<128xvector<8xi32>>, %t: index) {
  %0 = qopt.mma_tile %x, %w, %t {
    offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m, 0)>,
    shape = array<i64: 64, 16, 1, 32>, tile = array<i64: 64, 16, 16, 16, 3>, packed4}
    : memref<64x32xi8>, memref<256xi8> -> vector<8xi32>
  memref.store %0, %out[%t] : memref<128xvector<8xi32>>
  return
}
