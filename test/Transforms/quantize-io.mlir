// RUN: qopt-opt %s --qopt-quantize=io=quantized --split-input-file | FileCheck %s
// RUN: not qopt-opt %s --qopt-quantize=io=int4 --split-input-file 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: expects io to be float or quantized, got 'int4'

#id = affine_map<(d0, d1) -> (d0, d1)>

// The argument is its integers; the result is rounded, which it is not with
// a border of floats.
// CHECK-LABEL: func.func @both
// CHECK-SAME:    %arg0: tensor<1x4xi8> {qopt.name = "x", qopt.scale = 0.00784313772 : f32, qopt.unsigned, qopt.zero_point = 127 : i32}
// CHECK-SAME:    -> (tensor<1x3xi8> {qopt.name = "y", qopt.scale = 0.0156862754 : f32, qopt.unsigned, qopt.zero_point = 0 : i32})
// CHECK-NOT:     qopt.quantize ins(%arg0
// CHECK:         %[[X:.*]] = qopt.dequantize ins(%arg0, {{.*}} unsigned
// CHECK:         %[[M:.*]] = linalg.matmul ins(%[[X]]
// CHECK:         %[[R:.*]] = linalg.generic {{.*}} ins(%[[M]]
// CHECK:         %[[Y:.*]] = qopt.quantize ins(%[[R]]
// CHECK:         return %[[Y]] : tensor<1x3xi8>
func.func @both(%x: tensor<1x4xf32> {qopt.name = "x"}) -> (tensor<1x3xf32> {qopt.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %x0 = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %mm = linalg.matmul ins(%x0, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%i : tensor<1x3xf32>) -> tensor<1x3xf32>
  %mo = qopt.observe %mm {edge = "m", min = array<f32: -3.0>, max = array<f32: 3.0>} : tensor<1x3xf32> -> tensor<1x3xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%mo : tensor<1x3xf32>) outs(%e : tensor<1x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x3xf32>
  %ro = qopt.observe %r {edge = "y", min = array<f32: 0.0>, max = array<f32: 4.0>} : tensor<1x3xf32> -> tensor<1x3xf32>
  return %ro : tensor<1x3xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// An argument that only a float operation reads stays float and says so; its
// result is rounded all the same.
// CHECK-LABEL: func.func @island
// CHECK-SAME:    %arg0: tensor<1x4xf32> {qopt.float_reason = "only float operations read it"}, %arg1: tensor<1x4xf32> {qopt.float_reason
// CHECK-SAME:    -> (tensor<1x4xi8> {
// CHECK:         %[[D:.*]] = linalg.generic {{.*}} ins(%arg0, %arg1
// CHECK:         %[[Q:.*]] = qopt.quantize ins(%[[D]]
// CHECK:         return %[[Q]]
func.func @island(%x: tensor<1x4xf32>, %y: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %x0 = qopt.observe %x {edge = "x", min = array<f32: 1.0>, max = array<f32: 2.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %y0 = qopt.observe %y {edge = "y", min = array<f32: 1.0>, max = array<f32: 2.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %d = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x0, %y0 : tensor<1x4xf32>, tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.divf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<1x4xf32>
  %do = qopt.observe %d {edge = "d", min = array<f32: 0.0>, max = array<f32: 2.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  return %do : tensor<1x4xf32>
}

// -----

// Movement keeps the integers: the same scale goes in and out, and nothing is
// rounded twice.
// CHECK-LABEL: func.func @moved
// CHECK-SAME:    %arg0: tensor<2x3xi8> {qopt.scale = [[S:[0-9.]+]] : f32, qopt.unsigned, qopt.zero_point = [[Z:[0-9]+]] : i32}
// CHECK-SAME:    -> (tensor<3x2xi8> {qopt.scale = [[S]] : f32, qopt.unsigned, qopt.zero_point = [[Z]] : i32}, tensor<2x3xi8> {
// CHECK:         %[[X:.*]] = qopt.dequantize ins(%arg0
// CHECK:         %[[T:.*]] = linalg.transpose ins(%[[X]]
// CHECK:         %[[Q:.*]] = qopt.quantize ins(%[[T]]
// CHECK:         return %[[Q]], %arg0
func.func @moved(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<2x3xf32>) {
  %x0 = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<2x3xf32> -> tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%x0 : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  return %t, %x0 : tensor<3x2xf32>, tensor<2x3xf32>
}

// -----

// A concatenation that is rounded as a whole, for one part is from a float
// operation: the hull of its parts, [-1, 1], [0, 2] and the constant -3.
// CHECK-LABEL: func.func @concat
// CHECK-SAME:    -> (tensor<1x9xi8> {qopt.scale = 0.0196078438 : f32, qopt.unsigned, qopt.zero_point = 153 : i32}
func.func @concat(%x: tensor<1x4xf32>, %y: tensor<1x4xf32>) -> tensor<1x9xf32> {
  %c = arith.constant dense<-3.0> : tensor<1x1xf32>
  %x0 = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %y0 = qopt.observe %y {edge = "y", min = array<f32: 1.0>, max = array<f32: 2.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%x0, %y0 : tensor<1x4xf32>, tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.divf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<1x4xf32>
  %do = qopt.observe %d {edge = "d", min = array<f32: 0.0>, max = array<f32: 2.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %z = tensor.concat dim(1) %x0, %do, %c : (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x1xf32>) -> tensor<1x9xf32>
  return %z : tensor<1x9xf32>
}
