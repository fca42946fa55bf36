// RUN: qopt-opt %s --convert-qopt-mma-tile=target=sm_80 --convert-qopt-mma-tile=target=sm_80 | FileCheck %s --check-prefixes=CHECK,ASYNC
// RUN: qopt-opt %s --convert-qopt-mma-tile=target=sm_80 | FileCheck %s --check-prefixes=CHECK,ASYNC
// RUN: qopt-opt %s --convert-qopt-mma-tile=target=sm_75 | FileCheck %s --check-prefixes=CHECK,SYNC
// RUN: not qopt-opt %s --convert-qopt-mma-tile=target=sm_20 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: unknown target 'sm_20'

// Three stages of 64 rows and 64 channels of 64 bytes; two without cp.async.
// ASYNC: llvm.mlir.global internal @kernel_shared() {{{.*}}addr_space = 3 : i32, alignment = 128 : i64{{.*}}} : !llvm.array<24576 x i8>
// SYNC: llvm.mlir.global internal @kernel_shared() {{{.*}}addr_space = 3 : i32, alignment = 128 : i64{{.*}}} : !llvm.array<16384 x i8>
// CHECK-LABEL: func.func @kernel
// ASYNC: "llvm.nvvm.cp.async.cg.shared.global.16"
// ASYNC: "llvm.nvvm.cp.async.commit.group"
// ASYNC: scf.for
// ASYNC: "llvm.nvvm.cp.async.wait.group"
// ASYNC: "llvm.nvvm.barrier.cta.sync.aligned.all"
// SYNC: llvm.store
// SYNC: "llvm.nvvm.barrier.cta.sync.aligned.all"
// SYNC: scf.for
// SYNC: llvm.load
// CHECK: "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16"
// ASYNC-COUNT-16: "llvm.nvvm.mma.m16n8k32.row.col.u8.s8"
// SYNC-COUNT-64: "llvm.nvvm.mma.m8n8k16.row.col.u8.s8"
// CHECK-NOT: llvm.nvvm.mma
// SYNC: "llvm.nvvm.barrier.cta.sync.aligned.all"
// CHECK: vector.from_elements
func.func @kernel(%x: memref<256x128xi8>, %w: memref<8192xi8>, %out: memref<1024xvector<32xi32>>, %t: index) {
  %0 = qopt.mma_tile %x, %w, %t {
    offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m, 0)>,
    shape = array<i64: 256, 64, 1, 128>, tile = array<i64: 64, 64, 32, 32, 3>, unsigned_lhs}
    : memref<256x128xi8>, memref<8192xi8> -> vector<32xi32>
  memref.store %0, %out[%t] : memref<1024xvector<32xi32>>
  return
}
