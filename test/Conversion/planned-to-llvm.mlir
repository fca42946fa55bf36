// RUN: qopt-opt %s --convert-planned-to-llvm=index-bits=32 --reconcile-unrealized-casts --canonicalize | FileCheck %s --check-prefixes=CHECK,I32
// RUN: qopt-opt %s --convert-planned-to-llvm --reconcile-unrealized-casts --canonicalize | FileCheck %s --check-prefixes=CHECK,I64
// RUN: qopt-opt %s --convert-planned-to-llvm=index-bits=32 --reconcile-unrealized-casts --convert-planned-to-llvm=index-bits=32 --canonicalize | FileCheck %s --check-prefixes=CHECK,I32

// An index is as wide as an address, in scalars, buffers and vectors alike.
// CHECK-LABEL: llvm.func @copy(
// CHECK-SAME: %[[FROM:.*]]: !llvm.ptr, %[[TO:.*]]: !llvm.ptr, %[[AT:[a-z0-9]*]]:
// I32-SAME: i32)
// I64-SAME: i64)
// I32-NOT: i64
// CHECK: llvm.getelementptr %[[FROM]][%[[AT]]]
// CHECK: llvm.load {{.*}} : !llvm.ptr -> vector<4xi8>
// CHECK: llvm.getelementptr %[[TO]][
// CHECK: llvm.store {{.*}} : vector<4xi8>, !llvm.ptr
func.func @copy(%from: memref<64xi8>, %to: memref<64xi8>, %at: index) {
  %zero = arith.constant 0 : i8
  %four = arith.constant 4 : index
  %next = arith.addi %at, %four : index
  %v = vector.transfer_read %from[%at], %zero {in_bounds = [true]} : memref<64xi8>, vector<4xi8>
  vector.transfer_write %v, %to[%next] {in_bounds = [true]} : vector<4xi8>, memref<64xi8>
  return
}
