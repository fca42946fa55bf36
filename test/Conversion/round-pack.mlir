// RUN: qopt-opt %s --convert-qopt-dot=target=x86-64-v4-vnni | FileCheck %s --check-prefixes=CHECK,X86,AVX512
// RUN: qopt-opt %s --convert-qopt-dot=target=x86-64-v3 | FileCheck %s --check-prefixes=CHECK,X86
// RUN: qopt-opt %s --convert-qopt-dot=target=aarch64 | FileCheck %s --check-prefixes=CHECK,ARM
// RUN: qopt-opt %s --convert-qopt-dot=target=portable | FileCheck %s --check-prefixes=CHECK,ARITH

// The conversion rounds, packing saturates: of the clamp only the upper bound of
// the floats is left.
// CHECK-LABEL: func.func @unsigned
// X86-DAG: %[[TOP:.*]] = arith.constant dense<2.460000e+02> : vector<8xf32>
// X86-COUNT-2: llvm.call_intrinsic "llvm.x86.avx.cvt.ps2dq.256"
// X86: llvm.call_intrinsic "llvm.x86.avx2.packssdw"
// X86: llvm.call_intrinsic "llvm.sadd.sat"
// X86: llvm.call_intrinsic "llvm.x86.avx2.packssdw"
// X86: llvm.call_intrinsic "llvm.sadd.sat"
// X86: %[[R:.*]] = llvm.call_intrinsic "llvm.x86.avx2.packuswb"
// X86-NOT: arith.max
// X86: return %[[R]]
// ARITH-COUNT-4: arith.trunci {{.*}} : vector<8xi32> to vector<8xi8>
// ARITH: vector.shuffle {{.*}}[0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27, 4, 5,
func.func @unsigned(%a: vector<8xf32>, %b: vector<8xf32>, %c: vector<8xf32>, %d: vector<8xf32>) -> vector<32xi8> {
  %r = qopt.round_pack %a, %b, %c, %d range [0, 255] zero_point 9 : vector<8xf32> -> vector<32xi8>
  return %r : vector<32xi8>
}

// A lower bound above the type's is a maximum of bytes.
// CHECK-LABEL: func.func @signed
// X86-NOT: sadd.sat
// X86: llvm.call_intrinsic "llvm.x86.sse2.packsswb.128"
// X86: arith.maxsi
// ARITH-NOT: call_intrinsic
// ARM-COUNT-2: llvm.call_intrinsic "llvm.aarch64.neon.fcvtns.v4i32.v4f32"
// ARM-NOT: sadd.sat
// ARM-COUNT-2: llvm.call_intrinsic "llvm.aarch64.neon.sqxtn.v8i8"
// ARM: %[[BYTES:.*]] = vector.shuffle
// ARM: arith.maxsi %[[BYTES]],
// CHECK: return
func.func @signed(%a: vector<4xf32>) -> vector<16xi8> {
  %r = qopt.round_pack %a, %a, %a, %a range [-100, 127] zero_point 0 : vector<4xf32> -> vector<16xi8>
  return %r : vector<16xi8>
}

// Bytes that count from -128 are unsigned ones with the other sign bit.
// CHECK-LABEL: func.func @lowest
// ARM-NOT: sadd.sat
// ARM: llvm.call_intrinsic "llvm.aarch64.neon.sqxtun.v8i8"
// ARM: arith.minui
// ARM-NOT: arith.max
// ARM: %[[TOP:.*]] = arith.constant dense<-128> : vector<16xi8>
// ARM: arith.xori %{{.*}}, %[[TOP]]
// CHECK: return
func.func @lowest(%a: vector<4xf32>) -> vector<16xi8> {
  %r = qopt.round_pack %a, %a, %a, %a range [-128, 100] zero_point -128 : vector<4xf32> -> vector<16xi8>
  return %r : vector<16xi8>
}

// Vectors longer than the target's stay arithmetic, which it splits.
// CHECK-LABEL: func.func @long
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.packuswb.512"
func.func @long(%a: vector<16xf32>) -> vector<64xi8> {
  %r = qopt.round_pack %a, %a, %a, %a range [0, 255] zero_point 0 : vector<16xf32> -> vector<64xi8>
  return %r : vector<64xi8>
}

// A range wholly below the zero point.
// CHECK-LABEL: func.func @below
// X86: arith.constant dense<-1.280000e+02> : vector<4xf32>
// ARITH: arith.constant dense<-1.280000e+02> : vector<4xf32>
// ARM: llvm.call_intrinsic "llvm.sadd.sat"
// ARM: llvm.call_intrinsic "llvm.aarch64.neon.sqxtun.v8i8"
// ARM: arith.maxui
// ARM: arith.minui
func.func @below(%a: vector<4xf32>) -> vector<16xi8> {
  %r = qopt.round_pack %a, %a, %a, %a range [100, 127] zero_point 255 : vector<4xf32> -> vector<16xi8>
  return %r : vector<16xi8>
}

// Where all numbers fit i32, no float is clamped: packing does that, and a
// minimum of bytes what is left of it.
// CHECK-LABEL: func.func @fits
// X86-NOT: min.ps
// X86: llvm.call_intrinsic "llvm.x86.sse2.packuswb.128"
// X86-NOT: arith.m
// X86: llvm.call_intrinsic "llvm.x86.sse2.packsswb.128"
// X86: arith.maxsi
// X86: arith.minsi
// CHECK: return
func.func @fits(%a: vector<4xf32>) -> (vector<16xi8>, vector<16xi8>) {
  %r = qopt.round_pack %a, %a, %a, %a range [0, 255] zero_point 0 fits_i32 : vector<4xf32> -> vector<16xi8>
  %s = qopt.round_pack %a, %a, %a, %a range [-100, 100] zero_point 3 fits_i32 : vector<4xf32> -> vector<16xi8>
  return %r, %s : vector<16xi8>, vector<16xi8>
}
