// RUN: qopt-opt %s --verify-roundtrip | FileCheck %s
// RUN: qopt-opt %s --mlir-print-op-generic | qopt-opt | FileCheck %s
// RUN: qopt-opt %s --emit-bytecode | qopt-opt | FileCheck %s

// CHECK-LABEL: func.func @observe
func.func @observe(%x: tensor<1x8xf32>, %m: memref<1x8xf32>) -> tensor<1x8xf32> {
  // CHECK: qopt.observe %{{.*}} {axis = 1 : i64, edge = "relu"} : tensor<1x8xf32> -> tensor<1x8xf32>
  %0 = qopt.observe %x {edge = "relu", axis = 1} : tensor<1x8xf32> -> tensor<1x8xf32>
  // CHECK: qopt.observe %{{.*}} {edge = "relu", max = array<f32: 6.000000e+00>, min = array<f32: 0.000000e+00>} : memref<1x8xf32>
  qopt.observe %m {edge = "relu", min = array<f32: 0.0>, max = array<f32: 6.0>} : memref<1x8xf32>
  return %0 : tensor<1x8xf32>
}

// CHECK-LABEL: func.func @quantize_per_tensor
func.func @quantize_per_tensor(%x: tensor<1x8xf32>, %s: tensor<f32>, %z: tensor<i32>, %e: tensor<1x8xi8>) -> tensor<1x8xi8> {
  // CHECK: qopt.quantize ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<1x8xf32>, tensor<f32>, tensor<i32>) outs(%{{.*}} : tensor<1x8xi8>) range [0, 255] params
  %0 = qopt.quantize ins(%x, %s, %z : tensor<1x8xf32>, tensor<f32>, tensor<i32>)
    outs(%e : tensor<1x8xi8>) range [0, 255] params affine_map<(d0, d1) -> ()> -> tensor<1x8xi8>
  return %0 : tensor<1x8xi8>
}

// CHECK-LABEL: func.func @dequantize_per_group
func.func @dequantize_per_group(%q: tensor<16x64xi4>, %s: tensor<16x2xf32>, %z: tensor<16x2xi32>, %e: tensor<16x64xf32>) -> tensor<16x64xf32> {
  // CHECK: qopt.dequantize ins({{.*}} : tensor<16x64xi4>, tensor<16x2xf32>, tensor<16x2xi32>) outs(%{{.*}} : tensor<16x64xf32>) params
  %0 = qopt.dequantize ins(%q, %s, %z : tensor<16x64xi4>, tensor<16x2xf32>, tensor<16x2xi32>)
    outs(%e : tensor<16x64xf32>) params affine_map<(d0, d1) -> (d0, d1 floordiv 32)> -> tensor<16x64xf32>
  return %0 : tensor<16x64xf32>
}

// CHECK-LABEL: func.func @fake_quantize
func.func @fake_quantize(%x: tensor<4x8xf32>, %s: tensor<8xf32>, %z: tensor<8xi32>, %e: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CHECK: qopt.fake_quantize
  %0 = qopt.fake_quantize ins(%x, %s, %z : tensor<4x8xf32>, tensor<8xf32>, tensor<8xi32>)
    outs(%e : tensor<4x8xf32>) range [-7, 7] params affine_map<(d0, d1) -> (d1)> -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @requantize_sum
func.func @requantize_sum(%acc: tensor<4x8xi32>, %res: tensor<4x8xi8>, %m: tensor<8xf32>, %n: tensor<f32>, %e: tensor<4x8xi8>) -> tensor<4x8xi8> {
  // CHECK: qopt.requantize ins(%{{.*}}, %{{.*}} : tensor<4x8xi32>, tensor<4x8xi8>) multipliers(%{{.*}}, %{{.*}} : tensor<8xf32>, tensor<f32>) outs(%{{.*}} : tensor<4x8xi8>) range [0, 255] zero_point 3
  %0 = qopt.requantize ins(%acc, %res : tensor<4x8xi32>, tensor<4x8xi8>)
    multipliers(%m, %n : tensor<8xf32>, tensor<f32>) outs(%e : tensor<4x8xi8>)
    range [0, 255] zero_point 3
    {input_zero_points = array<i32: 0, 128>, unsigned_inputs = array<i1: false, true>,
     params = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> ()>]} -> tensor<4x8xi8>
  return %0 : tensor<4x8xi8>
}

// CHECK-LABEL: func.func @lookup_codebook
func.func @lookup_codebook(%x: tensor<4x8xi4>, %t: tensor<4x16xf32>, %e: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CHECK: qopt.lookup ins(%{{.*}}, %{{.*}} : tensor<4x8xi4>, tensor<4x16xf32>) outs(%{{.*}} : tensor<4x8xf32>) unsigned params
  %0 = qopt.lookup ins(%x, %t : tensor<4x8xi4>, tensor<4x16xf32>) outs(%e : tensor<4x8xf32>)
    unsigned params affine_map<(d0, d1) -> (d0)> -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @pack_dynamic
func.func @pack_dynamic(%x: tensor<?x?xi4>) -> tensor<?x?xi8> {
  // CHECK: qopt.pack %{{.*}} : tensor<?x?xi4> -> tensor<?x?xi8>
  %0 = qopt.pack %x : tensor<?x?xi4> -> tensor<?x?xi8>
  return %0 : tensor<?x?xi8>
}

// CHECK-LABEL: func.func @pack_unpack
func.func @pack_unpack(%x: tensor<2x4xi4>) -> tensor<2x4xi4> {
  // CHECK: qopt.pack %{{.*}} : tensor<2x4xi4> -> tensor<2x2xi8>
  %0 = qopt.pack %x : tensor<2x4xi4> -> tensor<2x2xi8>
  // CHECK: qopt.unpack %{{.*}} : tensor<2x2xi8> -> tensor<2x4xi4>
  %1 = qopt.unpack %0 : tensor<2x2xi8> -> tensor<2x4xi4>
  return %1 : tensor<2x4xi4>
}

// CHECK-LABEL: func.func @dot
func.func @dot(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  // CHECK: qopt.dot %{{.*}}, %{{.*}}, %{{.*}} unsigned_a : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %0 = qopt.dot %acc, %a, %b unsigned_a : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %0 : vector<16xi32>
}

// CHECK-LABEL: func.func @tile_dot
func.func @tile_dot(%a: tensor<1x4096xi8>, %w: tensor<2x3x32x64xi8>, %i: index) -> vector<24x2x16xi32> {
  // CHECK: qopt.tile_dot %{{.*}}[%{{.*}}, %{{.*}}], %{{.*}}[%{{.*}}] unsigned_a {depth = 72 : i64, row_step = array<i64: 0, 64>
  // CHECK-SAME: : tensor<1x4096xi8>, tensor<2x3x32x64xi8> -> vector<24x2x16xi32>
  %0 = qopt.tile_dot %a[%i, %i], %w[%i] unsigned_a {depth = 72 : i64, row_step = array<i64: 0, 64>,
      segments = array<i64: 3>, segment_steps = array<i64: 0, 640>, windows = array<i64: 0, 8>}
      : tensor<1x4096xi8>, tensor<2x3x32x64xi8> -> vector<24x2x16xi32>
  return %0 : vector<24x2x16xi32>
}

// CHECK-LABEL: func.func @tile_dot_turn
func.func @tile_dot_turn(%a: tensor<4096xi8>, %w: tensor<2x16x64xi8>, %i: index) -> vector<16x1x16xi32> {
  // CHECK: qopt.tile_dot %{{.*}}[%{{.*}}], %{{.*}}[%{{.*}}] turn %{{.*}} of 4 unsigned_a {depth = 64 : i64
  %0 = qopt.tile_dot %a[%i], %w[%i] turn %i of 4 unsigned_a {depth = 64 : i64, row_step = array<i64: 64>,
      segments = array<i64>, segment_steps = array<i64>, windows = array<i64: 0>}
      : tensor<4096xi8>, tensor<2x16x64xi8> -> vector<16x1x16xi32>
  return %0 : vector<16x1x16xi32>
}

// CHECK-LABEL: func.func @prefetch
func.func @prefetch(%w: tensor<4x576x16xf32>, %i: index) {
  // CHECK: qopt.prefetch %{{.*}}[%{{.*}}] : tensor<4x576x16xf32>
  qopt.prefetch %w[%i] : tensor<4x576x16xf32>
  return
}

// CHECK-LABEL: func.func @round_pack
func.func @round_pack(%a: vector<16xf32>) -> vector<64xi8> {
  // CHECK: qopt.round_pack %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} range [0, 255] zero_point 9 : vector<16xf32> -> vector<64xi8>
  %0 = qopt.round_pack %a, %a, %a, %a range [0, 255] zero_point 9 : vector<16xf32> -> vector<64xi8>
  return %0 : vector<64xi8>
}

// CHECK-LABEL: func.func @mma_tile
func.func @mma_tile(%x: tensor<1x16x1024xi8>, %w: tensor<49152xi8>, %m: memref<64x64xi8>, %t: index) -> (vector<32xi32>, vector<8xi32>) {
  // CHECK: qopt.mma_tile %{{.*}}, %{{.*}}, %{{.*}} {{{.*}}unsigned_lhs} : tensor<1x16x1024xi8>, tensor<49152xi8> -> vector<32xi32>
  %0 = qopt.mma_tile %x, %w, %t {
    offsets = affine_map<(s) -> (0, s, 0)>, rows = affine_map<(m) -> (0, m floordiv 14, (m mod 14) * 64)>,
    shape = array<i64: 196, 64, 3, 192>, tile = array<i64: 64, 64, 32, 32, 3>, unsigned_lhs}
    : tensor<1x16x1024xi8>, tensor<49152xi8> -> vector<32xi32>
  // CHECK: qopt.mma_tile %{{.*}}, %{{.*}}, %{{.*}} {{{.*}}packed4{{.*}}} : memref<64x64xi8>, tensor<49152xi8> -> vector<8xi32>
  %1 = qopt.mma_tile %m, %w, %t {
    offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m, 0)>, packed4,
    shape = array<i64: 64, 16, 1, 64>, tile = array<i64: 64, 16, 16, 16, 2>}
    : memref<64x64xi8>, tensor<49152xi8> -> vector<8xi32>
  return %0, %1 : vector<32xi32>, vector<8xi32>
}
