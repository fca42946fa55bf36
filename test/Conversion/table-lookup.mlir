// RUN: qopt-opt %s --convert-table-lookup=target=x86-64-v4-vbmi | FileCheck %s --check-prefixes=CHECK,VBMI
// RUN: qopt-opt %s --convert-table-lookup=target=x86-64-v4-vnni | FileCheck %s --check-prefixes=CHECK,MEMORY
// RUN: qopt-opt %s --convert-table-lookup=target=aarch64 | FileCheck %s --check-prefix=ARM
// RUN: qopt-opt %s --convert-table-lookup=target=portable --convert-table-lookup=target=portable | FileCheck %s --check-prefixes=CHECK,MEMORY
// RUN: not qopt-opt %s --convert-table-lookup=target=z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: z80

// CHECK-LABEL: func.func @whole
// CHECK-SAME: %[[TABLE:.*]]: memref<256xi8>, %[[X:.*]]: vector<64xi8>)
// VBMI-DAG: %[[T0:.*]] = vector.load %[[TABLE]][%c0{{.*}}] : memref<256xi8>, vector<64xi8>
// VBMI-DAG: %[[T1:.*]] = vector.load %[[TABLE]][%c64{{.*}}]
// VBMI-DAG: %[[T2:.*]] = vector.load %[[TABLE]][%c128{{.*}}]
// VBMI-DAG: %[[T3:.*]] = vector.load %[[TABLE]][%c192{{.*}}]
// VBMI-DAG: %[[LOW:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%[[T0]], %[[X]], %[[T1]])
// VBMI-DAG: %[[HIGH:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%[[T2]], %[[X]], %[[T3]])
// VBMI: %[[SIGN:.*]] = arith.cmpi slt, %[[X]]
// VBMI: %[[R:.*]] = arith.select %[[SIGN]], %[[HIGH]], %[[LOW]]
// VBMI: return %[[R]]
// MEMORY-NOT: vector.gather
// MEMORY: vector.extract %[[X]][0]
// MEMORY: arith.index_castui
// MEMORY-COUNT-64: memref.load
// MEMORY: vector.from_elements
func.func @whole(%table: memref<256xi8>, %x: vector<64xi8>) -> vector<64xi8> {
  %c0 = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<64xi1>
  %none = arith.constant dense<0> : vector<64xi8>
  %i = arith.index_castui %x : vector<64xi8> to vector<64xindex>
  %r = vector.gather %table[%c0] [%i], %all, %none : memref<256xi8>, vector<64xindex>, vector<64xi1>, vector<64xi8> into vector<64xi8>
  return %r : vector<64xi8>
}

// Fewer lanes are the first of whole registers.
// CHECK-LABEL: func.func @part
// VBMI: vector.shuffle {{.*}} [0, 1, 2, 3, -1,
// VBMI-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"
// VBMI: vector.shuffle {{.*}} [0, 1, 2, 3] : vector<64xi8>, vector<64xi8>
// MEMORY-COUNT-4: memref.load
func.func @part(%table: memref<256xi8>, %x: vector<4xi8>) -> vector<4xi8> {
  %c0 = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<4xi1>
  %none = arith.constant dense<0> : vector<4xi8>
  %i = arith.extui %x : vector<4xi8> to vector<4xi32>
  %r = vector.gather %table[%c0] [%i], %all, %none : memref<256xi8>, vector<4xi32>, vector<4xi1>, vector<4xi8> into vector<4xi8>
  return %r : vector<4xi8>
}

// Must not fire: elements that are no bytes stay in memory; positions wider than
// a byte, lanes that are masked out, and another start are other gathers.
// CHECK-LABEL: func.func @floats
// CHECK-NOT: vpermi2var
// CHECK-COUNT-4: memref.load
// CHECK-LABEL: func.func @others
// CHECK-COUNT-3: vector.gather
func.func @floats(%table: memref<256xf32>, %x: vector<4xi8>) -> vector<4xf32> {
  %c0 = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<4xi1>
  %none = arith.constant dense<0.0> : vector<4xf32>
  %i = arith.extui %x : vector<4xi8> to vector<4xi32>
  %r = vector.gather %table[%c0] [%i], %all, %none : memref<256xf32>, vector<4xi32>, vector<4xi1>, vector<4xf32> into vector<4xf32>
  return %r : vector<4xf32>
}
func.func @others(%table: memref<256xi8>, %w: vector<4xi16>, %x: vector<4xi8>, %mask: vector<4xi1>) -> (vector<4xi8>, vector<4xi8>, vector<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %all = arith.constant dense<true> : vector<4xi1>
  %none = arith.constant dense<0> : vector<4xi8>
  %i = arith.extui %w : vector<4xi16> to vector<4xi32>
  %j = arith.extui %x : vector<4xi8> to vector<4xi32>
  %0 = vector.gather %table[%c0] [%i], %all, %none : memref<256xi8>, vector<4xi32>, vector<4xi1>, vector<4xi8> into vector<4xi8>
  %1 = vector.gather %table[%c0] [%j], %mask, %none : memref<256xi8>, vector<4xi32>, vector<4xi1>, vector<4xi8> into vector<4xi8>
  %2 = vector.gather %table[%c1] [%j], %all, %none : memref<256xi8>, vector<4xi32>, vector<4xi1>, vector<4xi8> into vector<4xi8>
  return %0, %1, %2 : vector<4xi8>, vector<4xi8>, vector<4xi8>
}

// Sixteen registers of sixteen bytes.
// CHECK-LABEL: func.func @sixteen
// MEMORY-NOT: vector.gather
// ARM-LABEL: func.func @sixteen
// ARM-SAME: %[[TABLE:.*]]: memref<256xi8>, %[[X:.*]]: vector<16xi8>)
// ARM-COUNT-16: vector.load %[[TABLE]]
// ARM: %[[LOW:.*]] = llvm.call_intrinsic "llvm.aarch64.neon.tbl4.v16i8"({{.*}}, %[[X]])
// ARM: %[[PLACE:.*]] = arith.subi %[[X]]
// ARM: llvm.call_intrinsic "llvm.aarch64.neon.tbx4.v16i8"(%[[LOW]], {{.*}}, %[[PLACE]])
// ARM-COUNT-2: llvm.call_intrinsic "llvm.aarch64.neon.tbx4.v16i8"
// ARM-NOT: call_intrinsic
func.func @sixteen(%table: memref<256xi8>, %x: vector<16xi8>) -> vector<16xi8> {
  %c0 = arith.constant 0 : index
  %mask = arith.constant dense<true> : vector<16xi1>
  %pass = arith.constant dense<0> : vector<16xi8>
  %at = arith.index_castui %x : vector<16xi8> to vector<16xindex>
  %r = vector.gather %table[%c0] [%at], %mask, %pass : memref<256xi8>, vector<16xindex>, vector<16xi1>, vector<16xi8> into vector<16xi8>
  return %r : vector<16xi8>
}
