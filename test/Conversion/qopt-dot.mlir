// RUN: qopt-opt %s --convert-qopt-dot=target=x86-64-v4-vnni | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: qopt-opt %s --convert-qopt-dot=target=aarch64+dotprod+i8mm | FileCheck %s --check-prefixes=CHECK,ARM
// RUN: qopt-opt %s --convert-qopt-dot=target=portable | FileCheck %s --check-prefixes=CHECK,PORTABLE
// RUN: not qopt-opt %s --convert-qopt-dot=target=z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: z80

// CHECK-LABEL: func.func @mixed
// CHECK-SAME: %[[ACC:.*]]: vector<16xi32>, %[[A:.*]]: vector<64xi8>, %[[B:.*]]: vector<64xi8>
// VNNI: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%[[ACC]], %[[A]], %[[B]])
// ARM-NOT: call_intrinsic
// ARM: return
// PORTABLE: arith.extui %[[A]] : vector<64xi8> to vector<64xi32>
// PORTABLE: arith.extsi %[[B]]
// PORTABLE: arith.muli
// PORTABLE-COUNT-4: vector.shuffle
// PORTABLE: arith.addi %[[ACC]]
func.func @mixed(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  %r = qopt.dot %acc, %a, %b unsigned_a : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %r : vector<16xi32>
}

// The unsigned side goes into the unsigned slot.
// CHECK-LABEL: func.func @exchanged
// CHECK-SAME: %[[ACC:.*]]: vector<16xi32>, %[[A:.*]]: vector<64xi8>, %[[B:.*]]: vector<64xi8>
// VNNI: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%[[ACC]], %[[B]], %[[A]])
func.func @exchanged(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  %r = qopt.dot %acc, %a, %b unsigned_b : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %r : vector<16xi32>
}

// x86 has no instruction for equal signs here; Arm has.
// CHECK-LABEL: func.func @signed
// VNNI-NOT: call_intrinsic
// ARM: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"
// CHECK: return
func.func @signed(%acc: vector<4xi32>, %a: vector<16xi8>, %b: vector<16xi8>) -> vector<4xi32> {
  %r = qopt.dot %acc, %a, %b : vector<4xi32>, vector<16xi8>, vector<16xi8>
  return %r : vector<4xi32>
}

// CHECK-LABEL: func.func @arm_mixed
// ARM: llvm.call_intrinsic "llvm.aarch64.neon.usdot.v4i32.v16i8"
func.func @arm_mixed(%acc: vector<4xi32>, %a: vector<16xi8>, %b: vector<16xi8>) -> vector<4xi32> {
  %r = qopt.dot %acc, %a, %b unsigned_a : vector<4xi32>, vector<16xi8>, vector<16xi8>
  return %r : vector<4xi32>
}
