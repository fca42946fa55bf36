// RUN: qopt-opt %s --split-input-file --verify-diagnostics

func.func @observe_c1(%x: tensor<8xf32>) {
  // expected-error @below {{expects a result for a tensor operand and none for a memref, got operand 'tensor<8xf32>'}}
  qopt.observe %x {edge = "a"} : tensor<8xf32>
  return
}

// -----

func.func @observe_c2(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects an axis in [0, 1), got 1}}
  %0 = qopt.observe %x {edge = "a", axis = 1} : tensor<8xf32> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @observe_c3_pair(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects min and max together, got only min}}
  %0 = qopt.observe %x {edge = "a", min = array<f32: 0.0>} : tensor<8xf32> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @observe_c3_dynamic(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{expects a static size of axis 0, which has ranges, got 'tensor<?xf32>'}}
  %0 = qopt.observe %x {edge = "a", axis = 0, min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<?xf32> -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

func.func @observe_c3_length(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects 8 min and max, got 1 and 1}}
  %0 = qopt.observe %x {edge = "a", axis = 0, min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<8xf32> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @observe_c3_order(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects a finite range with min <= max, got [2.000000e+00, 1.000000e+00]}}
  %0 = qopt.observe %x {edge = "a", min = array<f32: 2.0>, max = array<f32: 1.0>} : tensor<8xf32> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @quantize_c1(%x: tensor<8xf32>, %s: tensor<f32>, %z: tensor<i32>, %e: tensor<9xi8>) -> tensor<9xi8> {
  // expected-error @below {{expects input and init of the same shape, got 'tensor<8xf32>' and 'tensor<9xi8>'}}
  %0 = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<9xi8>) range [0, 255] params affine_map<(d0) -> ()> -> tensor<9xi8>
  return %0 : tensor<9xi8>
}

// -----

func.func @quantize_c2_shape(%x: tensor<8xf32>, %s: tensor<8xf32>, %z: tensor<i32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects scale and zero point of the same shape, got 'tensor<8xf32>' and 'tensor<i32>'}}
  %0 = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<8xf32>, tensor<i32>) outs(%e : tensor<8xi8>) range [0, 255] params affine_map<(d0) -> (d0)> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @quantize_c2_map(%x: tensor<8xf32>, %s: tensor<8xf32>, %z: tensor<8xi32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects params to map 1 dimensions to the 1 of the scale, got affine_map<(d0) -> ()>}}
  %0 = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<8xf32>, tensor<8xi32>) outs(%e : tensor<8xi8>) range [0, 255] params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @quantize_c3_empty(%x: tensor<8xf32>, %s: tensor<f32>, %z: tensor<i32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects a range [lo, hi] with lo <= hi, got [6, 5]}}
  %0 = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xi8>) range [6, 5] params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @quantize_c3_storage(%x: tensor<8xf32>, %s: tensor<f32>, %z: tensor<i32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects a range within [-128, 127] of the i8 storage, got [-128, 128]}}
  %0 = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xi8>) range [-128, 128] params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @quantize_c4_scale(%x: tensor<8xf32>, %z: tensor<i32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  %s = arith.constant dense<0.0> : tensor<f32>
  // expected-error @below {{expects finite scales greater than zero, got 0.000000e+00}}
  %0 = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xi8>) range [0, 255] params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @quantize_c4_zero_point(%x: tensor<8xf32>, %s: tensor<f32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  %z = arith.constant dense<-1> : tensor<i32>
  // expected-error @below {{expects zero points in [0, 255], got -1}}
  %0 = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xi8>) range [0, 255] params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @dequantize_c1(%x: tensor<8xi8>, %s: tensor<f32>, %z: tensor<i32>, %e: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expects input and init of the same shape, got 'tensor<8xi8>' and 'tensor<4xf32>'}}
  %0 = qopt.dequantize ins(%x, %s, %z : tensor<8xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<4xf32>) params affine_map<(d0) -> ()> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @dequantize_c2(%x: tensor<8xi8>, %s: tensor<2xf32>, %z: tensor<1xi32>, %e: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects scale and zero point of the same shape}}
  %0 = qopt.dequantize ins(%x, %s, %z : tensor<8xi8>, tensor<2xf32>, tensor<1xi32>) outs(%e : tensor<8xf32>) params affine_map<(d0) -> (d0 floordiv 4)> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @dequantize_c3(%x: tensor<8xi8>, %z: tensor<i32>, %e: tensor<8xf32>) -> tensor<8xf32> {
  %s = arith.constant dense<-1.0> : tensor<f32>
  // expected-error @below {{expects finite scales not below zero, got -1.000000e+00}}
  %0 = qopt.dequantize ins(%x, %s, %z : tensor<8xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xf32>) params affine_map<(d0) -> ()> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @requantize_c1(%x: tensor<8xi32>, %m: tensor<f32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects as many multipliers, input_zero_points, unsigned_inputs and params as inputs, got 1, 2, 1 and 1 for 1 inputs}}
  %0 = qopt.requantize ins(%x : tensor<8xi32>) multipliers(%m : tensor<f32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0, 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>]} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @requantize_c2(%x: tensor<8xi32>, %m: tensor<8xf32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects params to map 1 dimensions to the 1 of the multiplier, got affine_map<(d0) -> ()>}}
  %0 = qopt.requantize ins(%x : tensor<8xi32>) multipliers(%m : tensor<8xf32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>]} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @requantize_c3(%x: tensor<4xi32>, %m: tensor<f32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects input and init of the same shape, got 'tensor<4xi32>' and 'tensor<8xi8>'}}
  %0 = qopt.requantize ins(%x : tensor<4xi32>) multipliers(%m : tensor<f32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>]} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @requantize_c4(%x: tensor<8xi32>, %m: tensor<f32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects a zero point in [0, 255], got 256}}
  %0 = qopt.requantize ins(%x : tensor<8xi32>) multipliers(%m : tensor<f32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 256
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>]} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @requantize_c5(%x: tensor<8xi32>, %m: tensor<f32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects multipliers of i32 with a shift, got 'f32'}}
  %0 = qopt.requantize ins(%x : tensor<8xi32>) multipliers(%m : tensor<f32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>], shift = 40 : i32} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @requantize_c5_shift(%x: tensor<8xi32>, %m: tensor<i32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects a shift in [8, 62], got 63}}
  %0 = qopt.requantize ins(%x : tensor<8xi32>) multipliers(%m : tensor<i32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>], shift = 63 : i32} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @requantize_c5_nan(%x: tensor<8xi32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  %m = arith.constant dense<0x7FC00000> : tensor<f32>
  // expected-error @below {{expects finite multipliers, got}}
  %0 = qopt.requantize ins(%x : tensor<8xi32>) multipliers(%m : tensor<f32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>]} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @requantize_c6(%x: tensor<8xi8>, %m: tensor<f32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects input_zero_points in [-128, 127] of 'tensor<8xi8>', got 100000}}
  %0 = qopt.requantize ins(%x : tensor<8xi8>) multipliers(%m : tensor<f32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 100000>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>]} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @lookup_c1(%x: tensor<8xi8>, %t: tensor<256xf32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects table and init of one element type, got 'f32' and 'i8'}}
  %0 = qopt.lookup ins(%x, %t : tensor<8xi8>, tensor<256xf32>) outs(%e : tensor<8xi8>) params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @lookup_c2(%x: tensor<8xi4>, %t: tensor<256xi8>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects a table with a last dimension of 16, got 'tensor<256xi8>'}}
  %0 = qopt.lookup ins(%x, %t : tensor<8xi4>, tensor<256xi8>) outs(%e : tensor<8xi8>) params affine_map<(d0) -> ()> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @lookup_c3(%x: tensor<8xi8>, %t: tensor<256xi8>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects params to map 1 dimensions to the 0 of the table's leading dimensions}}
  %0 = qopt.lookup ins(%x, %t : tensor<8xi8>, tensor<256xi8>) outs(%e : tensor<8xi8>) params affine_map<(d0) -> (d0)> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @pack_c1_tail(%x: tensor<2x3xi4>) -> tensor<2x1xi8> {
  // expected-error @below {{expects the last dimension of the unpacked tensor to be a multiple of 2, got 'tensor<2x3xi4>'}}
  %0 = qopt.pack %x : tensor<2x3xi4> -> tensor<2x1xi8>
  return %0 : tensor<2x1xi8>
}

// -----

func.func @unpack_c1(%x: tensor<2x3xi8>) -> tensor<2x8xi4> {
  // expected-error @below {{expects a packed type of 'tensor<2x4xi8>' for 'tensor<2x8xi4>', got 'tensor<2x3xi8>'}}
  %0 = qopt.unpack %x : tensor<2x3xi8> -> tensor<2x8xi4>
  return %0 : tensor<2x8xi4>
}

// -----

func.func @pack_c1_dynamic(%x: tensor<4x?xi4>) -> tensor<4x8xi8> {
  // expected-error @below {{expects a packed type of 'tensor<4x?xi8>' for 'tensor<4x?xi4>', got 'tensor<4x8xi8>'}}
  %0 = qopt.pack %x : tensor<4x?xi4> -> tensor<4x8xi8>
  return %0 : tensor<4x8xi8>
}

// -----

func.func @dot_scalable(%acc: vector<[4]xi32>, %a: vector<[16]xi8>) -> vector<[4]xi32> {
  // expected-error @below {{must be fixed-length vector of 32-bit signless integer values of ranks 1, but got 'vector<[4]xi32>'}}
  %0 = qopt.dot %acc, %a, %a : vector<[4]xi32>, vector<[16]xi8>, vector<[16]xi8>
  return %0 : vector<[4]xi32>
}

// -----

func.func @dot_c2_negative(%acc: vector<16xi32>, %a: vector<64xi8>) -> vector<16xi32> {
  // expected-error @below {{expects a pair_bound in [0, 510], got -3}}
  %0 = qopt.dot %acc, %a, %a {pair_bound = -3 : i64} : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %0 : vector<16xi32>
}

// -----

func.func @dot_c1(%acc: vector<16xi32>, %a: vector<48xi8>) -> vector<16xi32> {
  // expected-error @below {{expects a and b of one type with 2, 4, 8 or 16 times the 16 lanes of the accumulator, got 'vector<48xi8>' and 'vector<48xi8>'}}
  %0 = qopt.dot %acc, %a, %a : vector<16xi32>, vector<48xi8>, vector<48xi8>
  return %0 : vector<16xi32>
}

// -----

func.func @dot_c2(%acc: vector<16xi32>, %a: vector<64xi8>) -> vector<16xi32> {
  // expected-error @below {{expects a pair_bound in [0, 510], got 511}}
  %0 = qopt.dot %acc, %a, %a {pair_bound = 511 : i64} : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %0 : vector<16xi32>
}

// -----

func.func @dot_c2_byte_bound(%acc: vector<16xi32>, %a: vector<64xi8>) -> vector<16xi32> {
  // expected-error @below {{expects a byte_bound in [0, 255], got 256}}
  %0 = qopt.dot %acc, %a, %a {byte_bound = 256 : i64} : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %0 : vector<16xi32>
}

// -----

func.func @tile_dot_c1(%a: tensor<4096xi8>, %w: tensor<2x16x64xi8>, %i: index) {
  // expected-error @below {{expects 1 and 1 indices, got 2 and 1}}
  %0 = qopt.tile_dot %a[%i, %i], %w[%i] {depth = 64 : i64, row_step = array<i64: 64>, segments = array<i64>,
      segment_steps = array<i64>, windows = array<i64: 0>} : tensor<4096xi8>, tensor<2x16x64xi8> -> vector<16x2x16xi32>
  return
}

// -----

func.func @tile_dot_c2(%a: tensor<4096xi8>, %w: tensor<2x3x16x64xi8>, %i: index) {
  // expected-error @below {{expects a step of 1 elements for rows and for each of 1 segments, got 1 and 0}}
  %0 = qopt.tile_dot %a[%i], %w[%i] {depth = 64 : i64, row_step = array<i64: 64>, segments = array<i64: 3>,
      segment_steps = array<i64>, windows = array<i64: 0>} : tensor<4096xi8>, tensor<2x3x16x64xi8> -> vector<16x2x16xi32>
  return
}

// -----

func.func @tile_dot_c3_depth(%a: tensor<4096xi8>, %w: tensor<2x16x64xi8>, %i: index) {
  // expected-error @below {{expects a depth of at least 64 or a positive multiple of 4, got 63}}
  %0 = qopt.tile_dot %a[%i], %w[%i] {depth = 63 : i64, row_step = array<i64: 64>, segments = array<i64>,
      segment_steps = array<i64>, windows = array<i64: 0>} : tensor<4096xi8>, tensor<2x16x64xi8> -> vector<16x2x16xi32>
  return
}

// -----

func.func @tile_dot_c3_weights(%a: tensor<4096xi8>, %w: tensor<2x16x64xi8>, %i: index) {
  // expected-error @below {{expects weights of shape [.., 32, 64], got 'tensor<2x16x64xi8>'}}
  %0 = qopt.tile_dot %a[%i], %w[%i] {depth = 65 : i64, row_step = array<i64: 64>, segments = array<i64>,
      segment_steps = array<i64>, windows = array<i64: 0>} : tensor<4096xi8>, tensor<2x16x64xi8> -> vector<16x2x16xi32>
  return
}

// -----

func.func @tile_dot_c4(%a: tensor<4096xi8>, %w: tensor<2x16x64xi8>, %i: index) {
  // expected-error @below {{expects a result of 16 lanes and windows in [0, 4], got 'vector<20x2x16xi32>' and [0, 5]}}
  %0 = qopt.tile_dot %a[%i], %w[%i] {depth = 64 : i64, row_step = array<i64: 64>, segments = array<i64>,
      segment_steps = array<i64>, windows = array<i64: 0, 5>} : tensor<4096xi8>, tensor<2x16x64xi8> -> vector<20x2x16xi32>
  return
}

// -----

func.func @tile_dot_c5(%a: tensor<4096xi8>, %w: tensor<2x16x64xi8>, %i: index) {
  // expected-error @below {{expects a turn and how many there are, at least 1, got a turn of 0}}
  %0 = qopt.tile_dot %a[%i], %w[%i] turn %i of 0 {depth = 64 : i64, row_step = array<i64: 64>, segments = array<i64>,
      segment_steps = array<i64>, windows = array<i64: 0>} : tensor<4096xi8>, tensor<2x16x64xi8> -> vector<16x1x16xi32>
  return
}

// -----

// The maps stay within the parameters.
func.func @quantize_c2_bounds(%x: tensor<8xf32>, %s: tensor<2xf32>, %z: tensor<2xi32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects params to stay within the 2 entries of the scale, got affine_map<(d0) -> (d0)> over 'tensor<8xf32>'}}
  %0 = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<2xf32>, tensor<2xi32>) outs(%e : tensor<8xi8>) range [0, 255] params affine_map<(d0) -> (d0)> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @dequantize_c2_bounds(%x: tensor<8xi8>, %s: tensor<8xf32>, %z: tensor<8xi32>, %e: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects params to stay within the 8 entries of the scale, got affine_map<(d0) -> (d0 - 900000)>}}
  %0 = qopt.dequantize ins(%x, %s, %z : tensor<8xi8>, tensor<8xf32>, tensor<8xi32>) outs(%e : tensor<8xf32>) params affine_map<(d0) -> (d0 - 900000)> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// Groups of 4: 9 elements have three of them.
func.func @dequantize_c2_groups(%x: tensor<9xi8>, %s: tensor<2xf32>, %z: tensor<2xi32>, %e: tensor<9xf32>) -> tensor<9xf32> {
  // expected-error @below {{expects params to stay within the 2 entries of the scale}}
  %0 = qopt.dequantize ins(%x, %s, %z : tensor<9xi8>, tensor<2xf32>, tensor<2xi32>) outs(%e : tensor<9xf32>) params affine_map<(d0) -> (d0 floordiv 4)> -> tensor<9xf32>
  return %0 : tensor<9xf32>
}

// -----

func.func @requantize_c2_bounds(%x: tensor<8xi32>, %m: tensor<4xf32>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects params to stay within the 4 entries of the multiplier}}
  %0 = qopt.requantize ins(%x : tensor<8xi32>) multipliers(%m : tensor<4xf32>) outs(%e : tensor<8xi8>) range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> (d0)>]} -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @lookup_c3_bounds(%x: tensor<8xi8>, %t: tensor<3x256xi8>, %e: tensor<8xi8>) -> tensor<8xi8> {
  // expected-error @below {{expects params to stay within the 3 entries of the table's leading dimensions}}
  %0 = qopt.lookup ins(%x, %t : tensor<8xi8>, tensor<3x256xi8>) outs(%e : tensor<8xi8>) params affine_map<(d0) -> (d0)> -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

func.func @round_pack_c1(%a: vector<16xf32>) -> vector<16xi8> {
  // expected-error @+1 {{expects operands of a multiple of 4 lanes and a result of four times as many, got 'vector<16xf32>' and 'vector<16xi8>'}}
  %0 = qopt.round_pack %a, %a, %a, %a range [0, 255] zero_point 9 : vector<16xf32> -> vector<16xi8>
  return %0 : vector<16xi8>
}

// -----

func.func @round_pack_c2(%a: vector<4xf32>) -> vector<16xi8> {
  // expected-error @+1 {{expects a range within [0, 255] or [-128, 127] and a zero point in [-128, 255], got [-1, 200] and 9}}
  %0 = qopt.round_pack %a, %a, %a, %a range [-1, 200] zero_point 9 : vector<4xf32> -> vector<16xi8>
  return %0 : vector<16xi8>
}

// -----

func.func @mma_tile_c1(%x: tensor<64x64xi8>, %w: tensor<1024xi8>, %t: index) -> vector<8xi32> {
  // expected-error @+1 {{expects maps of one dimension to 2, got affine_map<(d0) -> (d0)>}}
  %0 = qopt.mma_tile %x, %w, %t {offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m)>, shape = array<i64: 64, 16, 1, 64>, tile = array<i64: 64, 16, 16, 16, 2>} : tensor<64x64xi8>, tensor<1024xi8> -> vector<8xi32>
  return %0 : vector<8xi32>
}

// -----

func.func @mma_tile_shape(%x: tensor<64x64xi8>, %w: tensor<1024xi8>, %t: index) -> vector<8xi32> {
  // expected-error @+1 {{expects a shape of rows, channels, segments and depth, got [64, 16, 1]}}
  %0 = qopt.mma_tile %x, %w, %t {offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m, 0)>, shape = array<i64: 64, 16, 1>, tile = array<i64: 64, 16, 16, 16, 2>} : tensor<64x64xi8>, tensor<1024xi8> -> vector<8xi32>
  return %0 : vector<8xi32>
}

// -----

func.func @mma_tile_c2(%x: tensor<64x64xi8>, %w: tensor<1024xi8>, %t: index) -> vector<4xi32> {
  // expected-error @+1 {{expects a tile of warps, of multiples of 16 rows and channels, and 1 to 8 stages, got [64, 16, 16, 8, 2]}}
  %0 = qopt.mma_tile %x, %w, %t {offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m, 0)>, shape = array<i64: 64, 16, 1, 64>, tile = array<i64: 64, 16, 16, 8, 2>} : tensor<64x64xi8>, tensor<1024xi8> -> vector<4xi32>
  return %0 : vector<4xi32>
}

// -----

func.func @mma_tile_c3(%x: tensor<64x64xi8>, %w: tensor<1024xi8>, %t: index) -> vector<16xi32> {
  // expected-error @+1 {{expects a result of 8 lanes, got 16}}
  %0 = qopt.mma_tile %x, %w, %t {offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m, 0)>, shape = array<i64: 64, 16, 1, 64>, tile = array<i64: 64, 16, 16, 16, 2>} : tensor<64x64xi8>, tensor<1024xi8> -> vector<16xi32>
  return %0 : vector<16xi32>
}

// -----

func.func @mma_tile_c4(%x: tensor<64x65824xi8>, %w: tensor<527360xi8>, %t: index) -> vector<8xi32> {
  // expected-error @+1 {{expects sums of up to 65793 products of 4-bit weights, got 65824}}
  %0 = qopt.mma_tile %x, %w, %t {offsets = affine_map<(s) -> (0, 0)>, rows = affine_map<(m) -> (m, 0)>, shape = array<i64: 64, 16, 1, 65824>, tile = array<i64: 64, 16, 16, 16, 2>, packed4} : tensor<64x65824xi8>, tensor<527360xi8> -> vector<8xi32>
  return %0 : vector<8xi32>
}
