// RUN: qopt-opt %s --qopt-expand-math | FileCheck %s
// RUN: qopt-opt %s --qopt-expand-math --qopt-expand-math | FileCheck %s
// RUN: qopt-opt %s --qopt-expand-math='fma' | FileCheck %s --check-prefix=FMA
// RUN: qopt-opt %s --qopt-expand-math='scalef' | FileCheck %s --check-prefix=SCALEF

// CHECK-LABEL: func.func @exp
// CHECK-NOT:     math.
// The clamp keeps a NaN: it replaces only what compares below the bound.
// CHECK:         arith.constant -1.040000e+02
// CHECK:         [[LOW:%.*]] = arith.cmpf olt, %{{.*}}, %{{.*}} : f32
// CHECK:         arith.select [[LOW]]
// CHECK:         arith.bitcast %{{.*}} : f32 to i32
// CHECK-NOT:     math.
// CHECK:         return
func.func @exp(%x: f32) -> f32 {
  %0 = math.exp %x : f32
  return %0 : f32
}

// CHECK-LABEL: func.func @tanh_vector
// CHECK-NOT:     math.
// CHECK:         arith.divf %{{.*}}, %{{.*}} : vector<4x8xf32>
// CHECK-NOT:     math.
// CHECK:         return
func.func @tanh_vector(%x: vector<4x8xf32>) -> vector<4x8xf32> {
  %0 = math.tanh %x : vector<4x8xf32>
  return %0 : vector<4x8xf32>
}

// CHECK-LABEL: func.func @in_a_body
// CHECK:         linalg.generic
// CHECK-NOT:     math.
// CHECK:         linalg.yield
func.func @in_a_body(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = linalg.generic {
      indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      outs(%x : tensor<8xf32>) {
  ^bb0(%a: f32):
    %1 = math.erf %a : f32
    %2 = math.log %1 : f32
    linalg.yield %2 : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// The square root is a machine operation and stays.
// CHECK-LABEL: func.func @rsqrt
// CHECK:         [[ROOT:%.*]] = math.sqrt
// CHECK:         arith.divf %{{.*}}, [[ROOT]]
func.func @rsqrt(%x: f32) -> f32 {
  %0 = math.rsqrt %x : f32
  return %0 : f32
}

// The approximations are for f32 only.
// CHECK-LABEL: func.func @f64
// CHECK:         math.exp
func.func @f64(%x: f64) -> f64 {
  %0 = math.exp %x : f64
  return %0 : f64
}

// A bound that is neither NaN nor a zero of the wrong sign: one comparison.
// CHECK-LABEL: func.func @relu
// CHECK:         [[ABOVE:%.*]] = arith.cmpf ugt, %arg0, %{{.*}} : f32
// CHECK-NEXT:    [[MAX:%.*]] = arith.select [[ABOVE]], %arg0,
// CHECK-NEXT:    return [[MAX]]
func.func @relu(%x: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %0 = arith.maximumf %x, %zero : f32
  return %0 : f32
}

// Of -0 and the bound +0 the minimum is -0: the bits of equals are joined.
// CHECK-LABEL: func.func @min_zero
// CHECK:         arith.cmpf ult
// CHECK:         arith.ori
// CHECK:         arith.cmpf oeq
// CHECK-NOT:     arith.cmpf uno
// CHECK:         return
func.func @min_zero(%x: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %0 = arith.minimumf %x, %zero : f32
  return %0 : f32
}

// CHECK-LABEL: func.func @maximum
// CHECK:         arith.cmpf ugt, %arg0, %arg1
// CHECK:         arith.andi
// CHECK:         [[NAN:%.*]] = arith.cmpf uno, %arg1, %arg1
// CHECK:         arith.select [[NAN]], %arg1,
func.func @maximum(%x: vector<4xf32>, %y: vector<4xf32>) -> vector<4xf32> {
  %0 = arith.maximumf %x, %y : vector<4xf32>
  return %0 : vector<4xf32>
}

// A NaN loses.
// CHECK-LABEL: func.func @minnum
// CHECK:         arith.cmpf olt, %arg0, %arg1
// CHECK:         arith.ori
// CHECK:         [[NAN:%.*]] = arith.cmpf uno, %arg1, %arg1
// CHECK:         arith.select [[NAN]], %arg0,
func.func @minnum(%x: f32, %y: f32) -> f32 {
  %0 = arith.minnumf %x, %y : f32
  return %0 : f32
}

// One rounding, where the target has no instruction for it: in f64, the last
// bit made odd where the sum is not exact.
// CHECK-LABEL: func.func @fma
// CHECK:         math.fma
// FMA-LABEL:   func.func @fma
// FMA:           [[PRODUCT:%.*]] = arith.mulf %{{.*}}, %{{.*}} : vector<4xf64>
// FMA:           [[SUM:%.*]] = arith.addf [[PRODUCT]], %{{.*}} : vector<4xf64>
// FMA:           arith.bitcast [[SUM]] : vector<4xf64> to vector<4xi64>
// FMA:           arith.truncf %{{.*}} : vector<4xf64> to vector<4xf32>
// FMA-NOT:       math.fma
func.func @fma(%a: vector<4xf32>, %b: vector<4xf32>, %c: vector<4xf32>) -> vector<4xf32> {
  %0 = math.fma %a, %b, %c : vector<4xf32>
  return %0 : vector<4xf32>
}

// One instruction multiplies 16 numbers by powers of two; others take two factors.
// SCALEF-LABEL: func.func @sixteen
// SCALEF: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// SCALEF-NOT: arith.shrsi
// SCALEF-LABEL: func.func @eight
// SCALEF-NOT: llvm.call_intrinsic
// SCALEF: arith.shrsi
// CHECK-LABEL: func.func @sixteen
// CHECK-NOT: llvm.call_intrinsic
func.func @sixteen(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x : vector<16xf32>
  return %0 : vector<16xf32>
}
func.func @eight(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// Neighbours of one node take turns, so that their chains overlap; one that
// reads another waits for it, and one of another node keeps its name.
// CHECK-LABEL: func.func @neighbours
// CHECK:         arith.bitcast %{{.*}} : vector<8xf32> to vector<8xi32>
// CHECK-NEXT:    arith.bitcast %{{.*}} : vector<8xf32> to vector<8xi32>
// CHECK:         arith.addi
// CHECK-NEXT:    arith.addi
// CHECK:         arith.bitcast %{{.*}} : vector<8xf32> to vector<8xi32>
// CHECK-NOT:     arith.bitcast
// CHECK:         arith.shrsi
// CHECK-LABEL: func.func @dependent
// CHECK:         arith.shrsi
// CHECK-NOT:     arith.shrsi
// CHECK:         arith.bitcast %{{.*}} : vector<8xf32> to vector<8xi32>
// CHECK:         arith.shrsi
func.func @neighbours(%x: vector<8xf32>, %y: vector<8xf32>)
    -> (vector<8xf32>, vector<8xf32>, vector<8xf32>) {
  %0 = math.exp %x : vector<8xf32> loc("node")
  %1 = math.exp %y : vector<8xf32> loc("node")
  %2 = math.exp %y : vector<8xf32> loc("another")
  return %0, %1, %2 : vector<8xf32>, vector<8xf32>, vector<8xf32>
}
func.func @dependent(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp %x : vector<8xf32> loc("node")
  %1 = math.exp %0 : vector<8xf32> loc("node")
  return %1 : vector<8xf32>
}
