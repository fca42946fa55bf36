// RUN: qopt-opt %s --convert-qopt-dot=target=x86-64-v4-vnni | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: qopt-opt %s --convert-qopt-dot=target=aarch64+dotprod+i8mm | FileCheck %s --check-prefixes=CHECK,ARM
// RUN: qopt-opt %s --convert-qopt-dot=target=aarch64+dotprod | FileCheck %s --check-prefix=DOTPROD
// RUN: qopt-opt %s --convert-qopt-dot=target=aarch64 | FileCheck %s --check-prefix=NEON
// RUN: qopt-opt %s --convert-qopt-dot=target=x86-64-v3-avxvnni | FileCheck %s --check-prefixes=CHECK,AVXVNNI
// RUN: qopt-opt %s --convert-qopt-dot=target=x86-64-v3 | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: qopt-opt %s --convert-qopt-dot=target=portable | FileCheck %s --check-prefixes=CHECK,PORTABLE
// RUN: qopt-opt %s --convert-qopt-dot=target=cortex-m4 | FileCheck %s --check-prefixes=CHECK,DSP
// RUN: qopt-opt %s --convert-qopt-dot=target=cortex-m3 | FileCheck %s --check-prefixes=CHECK,SCALAR
// RUN: qopt-opt %s --convert-qopt-dot=target=cortex-m55 | FileCheck %s --check-prefixes=CHECK,DSP,MVE
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

// x86 has pairs of products for equal signs; Arm has an instruction.
// CHECK-LABEL: func.func @signed
// VNNI-COUNT-2: llvm.call_intrinsic "llvm.x86.sse2.pmadd.wd"
// ARM: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"
// CHECK: return
func.func @signed(%acc: vector<4xi32>, %a: vector<16xi8>, %b: vector<16xi8>) -> vector<4xi32> {
  %r = qopt.dot %acc, %a, %b : vector<4xi32>, vector<16xi8>, vector<16xi8>
  return %r : vector<4xi32>
}

// Without an instruction for mixed signs the unsigned side becomes signed, and
// what that takes away is added.
// CHECK-LABEL: func.func @arm_mixed
// ARM: llvm.call_intrinsic "llvm.aarch64.neon.usdot.v4i32.v16i8"
// DOTPROD-LABEL: func.func @arm_mixed
// DOTPROD-SAME: %[[ACC:.*]]: vector<4xi32>, %[[A:.*]]: vector<16xi8>, %[[B:.*]]: vector<16xi8>
// DOTPROD: %[[TOP:.*]] = arith.constant dense<-128> : vector<16xi8>
// DOTPROD: %[[FLIPPED:.*]] = arith.xori %[[A]], %[[TOP]]
// DOTPROD: %[[SUM:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"(%[[ACC]], %[[B]], %[[FLIPPED]])
// DOTPROD: %[[TAKEN:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"(%{{.*}}, %[[B]], %[[TOP]])
// DOTPROD: arith.subi %[[SUM]], %[[TAKEN]]
func.func @arm_mixed(%acc: vector<4xi32>, %a: vector<16xi8>, %b: vector<16xi8>) -> vector<4xi32> {
  %r = qopt.dot %acc, %a, %b unsigned_a : vector<4xi32>, vector<16xi8>, vector<16xi8>
  return %r : vector<4xi32>
}

// Products of 16 bits, neighbours added in 16 bits if the promise allows it.
// CHECK-LABEL: func.func @arm_pairs
// NEON-LABEL: func.func @arm_pairs
// NEON-COUNT-2: llvm.call_intrinsic "llvm.aarch64.neon.smull.v8i16"
// NEON: llvm.call_intrinsic "llvm.aarch64.neon.addp.v8i16"
// NEON: llvm.call_intrinsic "llvm.aarch64.neon.saddlp.v4i32.v8i16"
// NEON-LABEL: func.func @arm_no_pairs
// NEON-NOT: call_intrinsic
// NEON: return
func.func @arm_pairs(%acc: vector<4xi32>, %a: vector<16xi8>, %b: vector<16xi8>) -> vector<4xi32> {
  %r = qopt.dot %acc, %a, %b {pair_bound = 255 : i64} : vector<4xi32>, vector<16xi8>, vector<16xi8>
  return %r : vector<4xi32>
}
func.func @arm_no_pairs(%acc: vector<4xi32>, %a: vector<16xi8>, %b: vector<16xi8>) -> vector<4xi32> {
  %r = qopt.dot %acc, %a, %b {pair_bound = 256 : i64} : vector<4xi32>, vector<16xi8>, vector<16xi8>
  return %r : vector<4xi32>
}

// Two bytes a lane: products of two steps are added in 16 bits if both promise
// that no byte of b is -128, whatever else they promise.
// CHECK-LABEL: func.func @arm_steps
// CHECK-NOT: call_intrinsic
// CHECK: return
// DOTPROD-LABEL: func.func @arm_steps
// DOTPROD-NOT: call_intrinsic
// DOTPROD-LABEL: func.func @arm_single_steps
// NEON-LABEL: func.func @arm_steps
// NEON: %[[P:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.smull.v8i16"
// NEON: %[[Q:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.smull.v8i16"
// NEON: %[[S:.*]] = arith.addi %[[P]], %[[Q]] : vector<8xi16>
// NEON: llvm.call_intrinsic "llvm.aarch64.neon.saddlp.v4i32.v8i16"(%[[S]])
// NEON-NOT: call_intrinsic
// NEON-LABEL: func.func @arm_single_steps
// NEON-COUNT-2: llvm.call_intrinsic "llvm.aarch64.neon.saddlp.v4i32.v8i16"
// NEON-NOT: call_intrinsic
// NEON: return
func.func @arm_steps(%acc: vector<4xi32>, %a: vector<8xi8>, %b: vector<8xi8>) -> vector<4xi32> {
  %0 = qopt.dot %acc, %a, %b {byte_bound = 127 : i64} : vector<4xi32>, vector<8xi8>, vector<8xi8>
  %r = qopt.dot %0, %b, %a {byte_bound = 127 : i64} : vector<4xi32>, vector<8xi8>, vector<8xi8>
  return %r : vector<4xi32>
}
func.func @arm_single_steps(%acc: vector<4xi32>, %a: vector<8xi8>, %b: vector<8xi8>) -> vector<4xi32> {
  %0 = qopt.dot %acc, %a, %b {byte_bound = 128 : i64} : vector<4xi32>, vector<8xi8>, vector<8xi8>
  %r = qopt.dot %0, %b, %a {byte_bound = 1 : i64} : vector<4xi32>, vector<8xi8>, vector<8xi8>
  return %r : vector<4xi32>
}

// Two rows by two columns, eight bytes deep.
// CHECK-LABEL: func.func @rows_and_columns
// CHECK-SAME: %[[ACC:.*]]: vector<4xi32>, %[[A:.*]]: vector<16xi8>, %[[B:.*]]: vector<16xi8>
// ARM: llvm.call_intrinsic "llvm.aarch64.neon.usmmla.v4i32.v16i8"(%[[ACC]], %[[A]], %[[B]])
// PORTABLE: arith.muli
func.func @rows_and_columns(%acc: vector<4xi32>, %a: vector<16xi8>, %b: vector<16xi8>) -> vector<4xi32> {
  %rows = vector.shuffle %a, %a [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15] : vector<16xi8>, vector<16xi8>
  %columns = vector.shuffle %b, %b [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] : vector<16xi8>, vector<16xi8>
  %r = qopt.dot %acc, %rows, %columns unsigned_a : vector<4xi32>, vector<32xi8>, vector<32xi8>
  return %r : vector<4xi32>
}

// Other bytes are plain products.
// CHECK-LABEL: func.func @other_rows
// ARM-NOT: call_intrinsic
// CHECK: return
func.func @other_rows(%acc: vector<4xi32>, %a: vector<32xi8>, %b: vector<32xi8>) -> vector<4xi32> {
  %r = qopt.dot %acc, %a, %b unsigned_a : vector<4xi32>, vector<32xi8>, vector<32xi8>
  return %r : vector<4xi32>
}

// Even and odd bytes apart, each side extended as its sign says.
// CHECK-LABEL: func.func @ymm
// CHECK-SAME: %[[ACC:.*]]: vector<8xi32>, %[[A:.*]]: vector<32xi8>, %[[B:.*]]: vector<32xi8>
// AVXVNNI: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"(%[[ACC]], %[[A]], %[[B]])
// AVX2: %[[WIDE_A:.*]] = vector.bitcast %[[A]] : vector<32xi8> to vector<16xi16>
// AVX2: %[[EVEN_A:.*]] = arith.andi %[[WIDE_A]]
// AVX2: %[[WIDE_B:.*]] = vector.bitcast %[[B]]
// AVX2: %[[HIGH_B:.*]] = arith.shli %[[WIDE_B]]
// AVX2: %[[EVEN_B:.*]] = arith.shrsi %[[HIGH_B]]
// AVX2: %[[EVEN:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[EVEN_A]], %[[EVEN_B]])
// AVX2: %[[SUM:.*]] = arith.addi %[[ACC]], %[[EVEN]]
// AVX2: %[[ODD_A:.*]] = arith.shrui
// AVX2: %[[ODD_B:.*]] = arith.shrsi
// AVX2: %[[ODD:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[ODD_A]], %[[ODD_B]])
// AVX2: arith.addi %[[SUM]], %[[ODD]]
func.func @ymm(%acc: vector<8xi32>, %a: vector<32xi8>, %b: vector<32xi8>) -> vector<8xi32> {
  %r = qopt.dot %acc, %a, %b unsigned_a : vector<8xi32>, vector<32xi8>, vector<32xi8>
  return %r : vector<8xi32>
}

// 255 * 128 fits into 16 bits: pmaddubsw cannot saturate. Twice that does not.
// CHECK-LABEL: func.func @bound_128
// AVXVNNI-COUNT-2: vpdpbusd
// AVX2: pmadd.ub.sw
// AVX2: pmadd.wd
// AVX2: pmadd.ub.sw
// AVX2: pmadd.wd
// CHECK: return
func.func @bound_128(%acc: vector<8xi32>, %a: vector<32xi8>, %b: vector<32xi8>) -> vector<8xi32> {
  %0 = qopt.dot %acc, %a, %b unsigned_a {pair_bound = 128 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  %r = qopt.dot %0, %b, %a unsigned_a {pair_bound = 128 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  return %r : vector<8xi32>
}

// CHECK-LABEL: func.func @bound_129
// AVX2-NOT: pmadd.ub.sw
// CHECK: return
func.func @bound_129(%acc: vector<8xi32>, %a: vector<32xi8>, %b: vector<32xi8>) -> vector<8xi32> {
  %r = qopt.dot %acc, %a, %b unsigned_a {pair_bound = 129 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  return %r : vector<8xi32>
}

// Two steps of 64 add up to 128.
// CHECK-LABEL: func.func @bound_64
// CHECK-SAME: %[[ACC:.*]]: vector<8xi32>, %[[A:.*]]: vector<32xi8>, %[[B:.*]]: vector<32xi8>
// AVX2: %[[FIRST:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%[[A]], %[[B]])
// AVX2: %[[SECOND:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%[[B]], %[[A]])
// AVX2: %[[SUM:.*]] = arith.addi %[[FIRST]], %[[SECOND]] : vector<16xi16>
// AVX2: %[[WIDE:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[SUM]],
// AVX2: arith.addi %[[ACC]], %[[WIDE]]
// AVX2: return
func.func @bound_64(%acc: vector<8xi32>, %a: vector<32xi8>, %b: vector<32xi8>) -> vector<8xi32> {
  %0 = qopt.dot %acc, %a, %b unsigned_a {pair_bound = 64 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  %r = qopt.dot %0, %b, %a unsigned_a {pair_bound = 10 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  return %r : vector<8xi32>
}

// 65 + 64 would be too much, and a sum that others read stays.
// CHECK-LABEL: func.func @not_together
// AVX2-COUNT-3: pmadd.wd
// AVX2-NOT: pmadd.wd
// AVX2: return
func.func @not_together(%acc: vector<8xi32>, %a: vector<32xi8>, %b: vector<32xi8>) -> (vector<8xi32>, vector<8xi32>) {
  %0 = qopt.dot %acc, %a, %b unsigned_a {pair_bound = 65 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  %1 = qopt.dot %0, %b, %a unsigned_a {pair_bound = 64 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  %2 = qopt.dot %1, %a, %b unsigned_a {pair_bound = 64 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  %r = qopt.dot %2, %b, %a unsigned_a {pair_bound = 64 : i64} : vector<8xi32>, vector<32xi8>, vector<32xi8>
  return %2, %r : vector<8xi32>, vector<8xi32>
}

// One lane is a register of four bytes: the even and the odd ones in pairs.
// CHECK-LABEL: func.func @one_lane
// DSP-DAG: llvm.call_intrinsic "llvm.arm.uxtb16"
// DSP-DAG: llvm.call_intrinsic "llvm.arm.sxtb16"
// DSP: llvm.call_intrinsic "llvm.arm.smlad"
// DSP: llvm.call_intrinsic "llvm.fshr.i32"
// DSP: llvm.call_intrinsic "llvm.arm.smlad"
// DSP: vector.broadcast
// SCALAR: %[[P0:.*]] = arith.muli
// SCALAR: %[[S0:.*]] = arith.addi %{{.*}}, %[[P0]]
// SCALAR: %[[P1:.*]] = arith.muli
// SCALAR: arith.addi %[[S0]], %[[P1]]
func.func @one_lane(%acc: vector<1xi32>, %a: vector<4xi8>, %b: vector<4xi8>) -> vector<1xi32> {
  %r = qopt.dot %acc, %a, %b unsigned_a : vector<1xi32>, vector<4xi8>, vector<4xi8>
  return %r : vector<1xi32>
}

// Sixteen products for one sum: of signed bytes, or of activations that become
// signed beside what that takes away. Other targets and signs compute it.
// CHECK-LABEL: func.func @across
// CHECK-SAME: %[[ACC:.*]]: vector<1xi32>, %[[A:.*]]: vector<16xi8>, %[[B:.*]]: vector<16xi8>
// MVE: %[[SUM:.*]] = vector.extract %[[ACC]][0]
// MVE: %[[R:.*]] = llvm.call_intrinsic "llvm.arm.mve.vmldava.v16i8"(%[[NO:.*]], %[[NO]], %[[NO]], %[[SUM]], %[[A]], %[[B]])
// MVE: vector.broadcast %[[R]]
// MVE: %[[FLIPPED:.*]] = arith.xori %[[A]]
// MVE: llvm.call_intrinsic "llvm.arm.mve.vmldava.v16i8"({{.*}}%[[FLIPPED]], %[[B]])
// MVE: llvm.call_intrinsic "llvm.arm.mve.vmldava.v16i8"
// MVE: arith.subi
// MVE: arith.extui %[[B]] : vector<16xi8> to vector<16xi32>
// MVE-NOT: call_intrinsic
// VNNI-NOT: call_intrinsic
// VNNI: return
func.func @across(%acc: vector<1xi32>, %a: vector<16xi8>, %b: vector<16xi8>) -> (vector<1xi32>, vector<1xi32>, vector<1xi32>) {
  %r = qopt.dot %acc, %a, %b : vector<1xi32>, vector<16xi8>, vector<16xi8>
  %s = qopt.dot %acc, %a, %b unsigned_a : vector<1xi32>, vector<16xi8>, vector<16xi8>
  %t = qopt.dot %acc, %a, %b unsigned_b : vector<1xi32>, vector<16xi8>, vector<16xi8>
  return %r, %s, %t : vector<1xi32>, vector<1xi32>, vector<1xi32>
}
