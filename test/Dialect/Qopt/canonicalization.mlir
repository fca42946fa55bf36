// RUN: qopt-opt %s --canonicalize | FileCheck %s

#tensor = affine_map<(d0) -> ()>

// CHECK-LABEL: func.func @quantize_of_dequantize
// CHECK-SAME:    (%[[Q:.*]]: tensor<8xi8>)
// CHECK-NEXT:    return %[[Q]]
func.func @quantize_of_dequantize(%q: tensor<8xi8>) -> tensor<8xi8> {
  %s = arith.constant dense<0.1> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %f = tensor.empty() : tensor<8xf32>
  %e = tensor.empty() : tensor<8xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<8xi8>, tensor<f32>, tensor<i32>) outs(%f : tensor<8xf32>) unsigned params #tensor -> tensor<8xf32>
  %r = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xi8>) range [0, 255] params #tensor -> tensor<8xi8>
  return %r : tensor<8xi8>
}

// The storage may hold -128, which this range clamps: the pair must stay.
// CHECK-LABEL: func.func @quantize_of_dequantize_narrow_range
// CHECK:         qopt.dequantize
// CHECK:         qopt.quantize
func.func @quantize_of_dequantize_narrow_range(%q: tensor<8xi8>) -> tensor<8xi8> {
  %s = arith.constant dense<0.1> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i32>
  %f = tensor.empty() : tensor<8xf32>
  %e = tensor.empty() : tensor<8xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<8xi8>, tensor<f32>, tensor<i32>) outs(%f : tensor<8xf32>) params #tensor -> tensor<8xf32>
  %r = qopt.quantize ins(%x, %s, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xi8>) range [-127, 127] params #tensor -> tensor<8xi8>
  return %r : tensor<8xi8>
}

// Another scale is another function: the pair must stay.
// CHECK-LABEL: func.func @quantize_of_dequantize_other_scale
// CHECK:         qopt.dequantize
// CHECK:         qopt.quantize
func.func @quantize_of_dequantize_other_scale(%q: tensor<8xi8>) -> tensor<8xi8> {
  %s = arith.constant dense<0.1> : tensor<f32>
  %t = arith.constant dense<0.2> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i32>
  %f = tensor.empty() : tensor<8xf32>
  %e = tensor.empty() : tensor<8xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<8xi8>, tensor<f32>, tensor<i32>) outs(%f : tensor<8xf32>) unsigned params #tensor -> tensor<8xf32>
  %r = qopt.quantize ins(%x, %t, %z : tensor<8xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<8xi8>) range [0, 255] params #tensor -> tensor<8xi8>
  return %r : tensor<8xi8>
}

// A dequantized constant remembers its integers.
// CHECK-LABEL: func.func @dequantize_constant_stays
// CHECK:         qopt.dequantize
func.func @dequantize_constant_stays() -> tensor<2xf32> {
  %q = arith.constant dense<[1, 2]> : tensor<2xi8>
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i32>
  %f = tensor.empty() : tensor<2xf32>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<2xi8>, tensor<f32>, tensor<i32>) outs(%f : tensor<2xf32>) params #tensor -> tensor<2xf32>
  return %x : tensor<2xf32>
}

// Ties to even, clamping, NaN to the zero point.
// CHECK-LABEL: func.func @quantize_constant
// CHECK:         arith.constant dense<[3, 3, 5, -1, 0, 3]> : tensor<6xi8>
func.func @quantize_constant() -> tensor<6xi8> {
  %x = arith.constant dense<[0.25, -0.25, 0.75, 1.0e9, -1.0e9, 0x7FC00000]> : tensor<6xf32>
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %e = tensor.empty() : tensor<6xi8>
  %q = qopt.quantize ins(%x, %s, %z : tensor<6xf32>, tensor<f32>, tensor<i32>) outs(%e : tensor<6xi8>) range [0, 255] params #tensor -> tensor<6xi8>
  return %q : tensor<6xi8>
}

// CHECK-LABEL: func.func @lookup_constant
// CHECK:         arith.constant dense<[40, 10]> : tensor<2xi8>
func.func @lookup_constant() -> tensor<2xi8> {
  %x = arith.constant dense<[1, -2]> : tensor<2xi2>
  %t = arith.constant dense<[10, 20, 30, 40]> : tensor<4xi8>
  %e = tensor.empty() : tensor<2xi8>
  %y = qopt.lookup ins(%x, %t : tensor<2xi2>, tensor<4xi8>) outs(%e : tensor<2xi8>) params #tensor -> tensor<2xi8>
  return %y : tensor<2xi8>
}

// CHECK-LABEL: func.func @compose_lookups
// CHECK:         %[[T:.*]] = arith.constant dense<[7, 6, 5, 4]> : tensor<4xi8>
// CHECK:         qopt.lookup ins(%{{.*}}, %[[T]] :
// CHECK-NOT:     qopt.lookup
func.func @compose_lookups(%x: tensor<8xi2>) -> tensor<8xi8> {
  %t = arith.constant dense<[3, 2, 1, 0]> : tensor<4xi4>
  %u = arith.constant dense<[4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]> : tensor<16xi8>
  %e = tensor.empty() : tensor<8xi4>
  %f = tensor.empty() : tensor<8xi8>
  %y = qopt.lookup ins(%x, %t : tensor<8xi2>, tensor<4xi4>) outs(%e : tensor<8xi4>) params #tensor -> tensor<8xi4>
  %z = qopt.lookup ins(%y, %u : tensor<8xi4>, tensor<16xi8>) outs(%f : tensor<8xi8>) unsigned params #tensor -> tensor<8xi8>
  return %z : tensor<8xi8>
}

// CHECK-LABEL: func.func @unpack_of_pack
// CHECK-SAME:    (%[[X:.*]]: tensor<2x4xi4>)
// CHECK-NEXT:    return %[[X]]
func.func @unpack_of_pack(%x: tensor<2x4xi4>) -> tensor<2x4xi4> {
  %0 = qopt.pack %x : tensor<2x4xi4> -> tensor<2x2xi8>
  %1 = qopt.unpack %0 : tensor<2x2xi8> -> tensor<2x4xi4>
  return %1 : tensor<2x4xi4>
}

// The element widths differ: the pair is a bitcast and must stay.
// CHECK-LABEL: func.func @unpack_to_other_width
// CHECK:         qopt.pack
// CHECK:         qopt.unpack
func.func @unpack_to_other_width(%x: tensor<2x4xi4>) -> tensor<2x8xi2> {
  %0 = qopt.pack %x : tensor<2x4xi4> -> tensor<2x2xi8>
  %1 = qopt.unpack %0 : tensor<2x2xi8> -> tensor<2x8xi2>
  return %1 : tensor<2x8xi2>
}

// Low nibble first: 1 | 2 << 4 = 33, 15 | 8 << 4 = 143 = -113.
// CHECK-LABEL: func.func @pack_constant
// CHECK:         arith.constant dense<[33, -113]> : tensor<2xi8>
func.func @pack_constant() -> tensor<2xi8> {
  %x = arith.constant dense<[1, 2, -1, -8]> : tensor<4xi4>
  %0 = qopt.pack %x : tensor<4xi4> -> tensor<2xi8>
  return %0 : tensor<2xi8>
}

// CHECK-LABEL: func.func @unpack_constant
// CHECK:         arith.constant dense<[1, 2, -1, -8]> : tensor<4xi4>
func.func @unpack_constant() -> tensor<4xi4> {
  %x = arith.constant dense<[33, -113]> : tensor<2xi8>
  %0 = qopt.unpack %x : tensor<2xi8> -> tensor<4xi4>
  return %0 : tensor<4xi4>
}
