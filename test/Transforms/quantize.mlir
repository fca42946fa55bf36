// RUN: qopt-opt %s --qopt-quantize --split-input-file | FileCheck %s

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// A residual block: the first convolution is rounded after its clamp, the
// second not at all before the sum, and the result feeds only the output.
// CHECK-LABEL: func.func @residual
// CHECK-SAME:    attributes {qopt.linear_forms}
// CHECK:         %[[X:.*]] = qopt.quantize ins(%arg0, {{.*}} range [0, 255]
// CHECK:         %[[DX:.*]] = qopt.dequantize ins(%[[X]], {{.*}} unsigned
// CHECK:         tensor.pad %[[DX]]
// CHECK:         %[[W:.*]] = qopt.dequantize ins({{.*}} : tensor<4x3x3x2xi8>, tensor<4xf32>, tensor<4xi32>) {{.*}} params {{.*}} -> tensor<4x3x3x2xf32>
// CHECK:         %[[B:.*]] = qopt.dequantize ins({{.*}} : tensor<4xi32>, tensor<4xf32>
// CHECK:         %[[INIT:.*]] = linalg.broadcast ins(%[[B]]
// CHECK:         %[[C1:.*]] = linalg.conv_2d_nhwc_fhwc ins({{.*}}, %[[W]]{{.*}}outs(%[[INIT]]
// CHECK:         %[[R1:.*]] = linalg.generic {{.*}} ins(%[[C1]]
// CHECK:         %[[Q1:.*]] = qopt.quantize ins(%[[R1]]
// CHECK:         %[[D1:.*]] = qopt.dequantize ins(%[[Q1]]
// CHECK:         %[[C2:.*]] = linalg.conv_2d_nhwc_fhwc ins(%[[D1]]
// CHECK:         %[[S:.*]] = linalg.generic {{.*}} ins(%[[C2]], %[[DX]]
// CHECK:         %[[R2:.*]] = linalg.generic {{.*}} ins(%[[S]]
// CHECK:         qopt.quantize ins(%[[R2]]
// CHECK:         linalg.pooling_nhwc_sum
// CHECK-NOT:     qopt.quantize
// CHECK:         %[[OUT:.*]] = linalg.generic
// CHECK:         return %[[OUT]]
// CHECK-NOT:     qopt.observe
func.func @residual(%x: tensor<1x4x4x2xf32>) -> tensor<1x2x2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w1 = arith.constant dense<0.5> : tensor<4x3x3x2xf32>
  %b1 = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %w2 = arith.constant dense<-0.25> : tensor<2x1x1x4xf32>
  %x0 = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4x4x2xf32> -> tensor<1x4x4x2xf32>
  %p = tensor.pad %x0 low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x2xf32> to tensor<1x6x6x2xf32>
  %e1 = tensor.empty() : tensor<1x4x4x4xf32>
  %i1 = linalg.broadcast ins(%b1 : tensor<4xf32>) outs(%e1 : tensor<1x4x4x4xf32>) dimensions = [0, 1, 2]
  %c1 = linalg.conv_2d_nhwc_fhwc ins(%p, %w1 : tensor<1x6x6x2xf32>, tensor<4x3x3x2xf32>) outs(%i1 : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %c1o = qopt.observe %c1 {edge = "c1", min = array<f32: -3.0>, max = array<f32: 3.0>} : tensor<1x4x4x4xf32> -> tensor<1x4x4x4xf32>
  %r1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c1o : tensor<1x4x4x4xf32>) outs(%e1 : tensor<1x4x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x4xf32>
  %r1o = qopt.observe %r1 {edge = "r1", min = array<f32: 0.0>, max = array<f32: 3.0>} : tensor<1x4x4x4xf32> -> tensor<1x4x4x4xf32>
  %e2 = tensor.empty() : tensor<1x4x4x2xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %c2 = linalg.conv_2d_nhwc_fhwc ins(%r1o, %w2 : tensor<1x4x4x4xf32>, tensor<2x1x1x4xf32>) outs(%i2 : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %c2o = qopt.observe %c2 {edge = "c2", min = array<f32: -3.0>, max = array<f32: 3.0>} : tensor<1x4x4x2xf32> -> tensor<1x4x4x2xf32>
  %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c2o, %x0 : tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>) outs(%e2 : tensor<1x4x4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.addf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x2xf32>
  %so = qopt.observe %s {edge = "s", min = array<f32: -3.0>, max = array<f32: 3.0>} : tensor<1x4x4x2xf32> -> tensor<1x4x4x2xf32>
  %r2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%so : tensor<1x4x4x2xf32>) outs(%e2 : tensor<1x4x4x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x2xf32>
  %r2o = qopt.observe %r2 {edge = "r2", min = array<f32: 0.0>, max = array<f32: 3.0>} : tensor<1x4x4x2xf32> -> tensor<1x4x4x2xf32>
  %e3 = tensor.empty() : tensor<1x2x2x2xf32>
  %i3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %win = tensor.empty() : tensor<2x2xf32>
  %pool = linalg.pooling_nhwc_sum {strides = dense<2> : tensor<2xi64>} ins(%r2o, %win : tensor<1x4x4x2xf32>, tensor<2x2xf32>) outs(%i3 : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %quarter = arith.constant 0.25 : f32
  %avg = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%pool : tensor<1x2x2x2xf32>) outs(%e3 : tensor<1x2x2x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.mulf %a, %quarter : f32
    linalg.yield %m : f32
  } -> tensor<1x2x2x2xf32>
  return %avg : tensor<1x2x2x2xf32>
}

// -----

// A function of two tensors stays in float, and so does what only feeds it: the
// sums are not rounded.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @float_tail
// CHECK:         %[[MM:.*]] = linalg.matmul
// CHECK-NOT:     qopt.quantize
// CHECK:         linalg.generic {{.*}} ins(%[[MM]], {{.*}} attrs = {{.*}}qopt.float_reason
// CHECK:         return
func.func @float_tail(%x: tensor<2x4xf32>, %m: tensor<2xf32>) -> tensor<2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<2x4xf32> -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %mm = linalg.matmul ins(%xo, %w : tensor<2x4xf32>, tensor<4x3xf32>) outs(%i : tensor<2x3xf32>) -> tensor<2x3xf32>
  %mmo = qopt.observe %mm {edge = "mm", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<2x3xf32> -> tensor<2x3xf32>
  %d = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%mmo, %m : tensor<2x3xf32>, tensor<2xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.subf %a, %b : f32
    %r = math.exp %s : f32
    linalg.yield %r : f32
  } -> tensor<2x3xf32>
  return %d : tensor<2x3xf32>
}

// -----

// The parts of a concatenation share one scale: the hull of [0, 1] and [-1, 3].
// CHECK-LABEL: func.func @concat_shares
// CHECK:         %[[S:.*]] = arith.constant dense<0.0156862754> : tensor<f32>
// CHECK:         %[[Z:.*]] = arith.constant dense<64> : tensor<i32>
// CHECK:         qopt.quantize ins({{.*}}, %[[S]], %[[Z]]
// CHECK:         arith.constant dense<0.0156862754> : tensor<f32>
// CHECK:         qopt.quantize
// CHECK:         tensor.concat
// CHECK-NOT:     qopt.quantize
// CHECK:         linalg.matmul
func.func @concat_shares(%x: tensor<1x2xf32>, %y: tensor<1x2xf32>) -> tensor<1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<1x2xf32> -> tensor<1x2xf32>
  %yo = qopt.observe %y {edge = "y", min = array<f32: -1.0>, max = array<f32: 3.0>} : tensor<1x2xf32> -> tensor<1x2xf32>
  %c = tensor.concat dim(1) %xo, %yo : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %mm = linalg.matmul ins(%c, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%i : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %mm : tensor<1x3xf32>
}

// -----

// A border other than 0 has no exact integer: the padded tensor is rounded,
// with the border in its range [-1, 4].
// CHECK-LABEL: func.func @border
// CHECK-NOT:     qopt.quantize
// CHECK:         tensor.pad
// CHECK:         arith.constant dense<0.0196078438> : tensor<f32>
// CHECK:         arith.constant dense<51> : tensor<i32>
// CHECK:         qopt.quantize
// CHECK:         linalg.matmul
func.func @border(%x: tensor<1x2xf32>) -> tensor<1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %four = arith.constant 4.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x2xf32> -> tensor<1x2xf32>
  %p = tensor.pad %xo low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %four : f32
  } : tensor<1x2xf32> to tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %mm = linalg.matmul ins(%p, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%init : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %mm : tensor<1x3xf32>
}

// -----

// A border of -inf that is moved before the maximum takes it: rounded, too.
// CHECK-LABEL: func.func @moved_border
// CHECK:         tensor.pad
// CHECK:         qopt.float_reason
// CHECK:         qopt.quantize
// CHECK:         linalg.transpose
func.func @moved_border(%x: tensor<1x2x2x4xf32>) -> tensor<1x3x2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0xFF800000 : f32
  %w = arith.constant dense<0.5> : tensor<3x1x1x4xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x2x2x4xf32> -> tensor<1x2x2x4xf32>
  %p = tensor.pad %xo low[0, 0, 1, 0] high[0, 0, 0, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %inf : f32
  } : tensor<1x2x2x4xf32> to tensor<1x2x3x4xf32>
  %te = tensor.empty() : tensor<1x3x2x4xf32>
  %t = linalg.transpose ins(%p : tensor<1x2x3x4xf32>) outs(%te : tensor<1x3x2x4xf32>) permutation = [0, 2, 1, 3]
  %window = tensor.empty() : tensor<1x1xf32>
  %lowest = linalg.fill ins(%inf : f32) outs(%te : tensor<1x3x2x4xf32>) -> tensor<1x3x2x4xf32>
  %max = linalg.pooling_nhwc_max ins(%t, %window : tensor<1x3x2x4xf32>, tensor<1x1xf32>) outs(%lowest : tensor<1x3x2x4xf32>) -> tensor<1x3x2x4xf32>
  %e = tensor.empty() : tensor<1x3x2x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x2x3xf32>) -> tensor<1x3x2x3xf32>
  %y = linalg.conv_2d_nhwc_fhwc ins(%max, %w : tensor<1x3x2x4xf32>, tensor<3x1x1x4xf32>) outs(%init : tensor<1x3x2x3xf32>) -> tensor<1x3x2x3xf32>
  return %y : tensor<1x3x2x3xf32>
}

// -----

// Constants alone are nobody's edge.
// CHECK-LABEL: func.func @constant_concat
// CHECK:         tensor.concat
// CHECK-NEXT:    return
func.func @constant_concat() -> tensor<4x2xf32> {
  %a = arith.constant dense<1.0> : tensor<2x2xf32>
  %0 = tensor.concat dim(0) %a, %a : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  %1 = qopt.observe %0 {edge = "c", min = array<f32: 0.0>, max = array<f32: 6.0>} : tensor<4x2xf32> -> tensor<4x2xf32>
  return %1 : tensor<4x2xf32>
}

// -----

// CHECK-LABEL: func.func @buffer
// CHECK-NOT:     qopt.observe
func.func @buffer(%m: memref<4xf32>) {
  qopt.observe %m {edge = "m", min = array<f32: 0.0>, max = array<f32: 6.0>} : memref<4xf32>
  return
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#nc = affine_map<(d0, d1, d2, d3) -> (d0, d3)>

// A gate per channel: both factors are rounded, and so is the product.
// CHECK-LABEL: func.func @gate
// CHECK:         %[[QG:.*]] = qopt.quantize ins(%arg1
// CHECK:         %[[G:.*]] = qopt.dequantize ins(%[[QG]]
// CHECK:         %[[QX:.*]] = qopt.quantize ins(%arg0
// CHECK:         %[[X:.*]] = qopt.dequantize ins(%[[QX]]
// CHECK:         %[[P:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[G]]
// CHECK-NOT:     qopt.float_reason
// CHECK:         qopt.quantize ins(%[[P]]
// CHECK:         linalg.conv_2d_nhwc_fhwc
func.func @gate(%x: tensor<1x2x2x4xf32>, %g: tensor<1x4xf32>) -> tensor<1x2x2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<3x1x1x4xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x2x2x4xf32> -> tensor<1x2x2x4xf32>
  %go = qopt.observe %g {edge = "g", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %pe = tensor.empty() : tensor<1x2x2x4xf32>
  %p = linalg.generic {indexing_maps = [#id, #nc, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%xo, %go : tensor<1x2x2x4xf32>, tensor<1x4xf32>) outs(%pe : tensor<1x2x2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.mulf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x2x2x4xf32>
  %po = qopt.observe %p {edge = "p", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x2x2x4xf32> -> tensor<1x2x2x4xf32>
  %e = tensor.empty() : tensor<1x2x2x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x2x3xf32>) -> tensor<1x2x2x3xf32>
  %y = linalg.conv_2d_nhwc_fhwc ins(%po, %w : tensor<1x2x2x4xf32>, tensor<3x1x1x4xf32>) outs(%init : tensor<1x2x2x3xf32>) -> tensor<1x2x2x3xf32>
  return %y : tensor<1x2x2x3xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// x * tanh(x) is a function of one edge: nothing is rounded inside.
// CHECK-LABEL: func.func @self_gate
// CHECK:         %[[QX:.*]] = qopt.quantize ins(%arg0
// CHECK:         %[[X:.*]] = qopt.dequantize ins(%[[QX]]
// CHECK:         %[[T:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK-NOT:     qopt.quantize
// CHECK:         %[[P:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[T]]
// CHECK:         qopt.quantize ins(%[[P]]
// CHECK:         linalg.matmul

// Where the inner value has another reader, it is an edge of its own.
// CHECK-LABEL: func.func @shared_gate
// CHECK:         math.tanh
// CHECK:         qopt.quantize
// CHECK:         arith.mulf
// CHECK:         qopt.quantize
func.func @self_gate(%x: tensor<1x4xf32>) -> tensor<1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %xe = tensor.empty() : tensor<1x4xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%xo : tensor<1x4xf32>) outs(%xe : tensor<1x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.tanh %a : f32
    linalg.yield %s : f32
  } -> tensor<1x4xf32>
  %to = qopt.observe %t {edge = "t", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %p = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%xo, %to : tensor<1x4xf32>, tensor<1x4xf32>) outs(%xe : tensor<1x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.mulf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x4xf32>
  %po = qopt.observe %p {edge = "p", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %y = linalg.matmul ins(%po, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%init : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}
func.func @shared_gate(%x: tensor<1x4xf32>) -> (tensor<1x3xf32>, tensor<1x3xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %xe = tensor.empty() : tensor<1x4xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%xo : tensor<1x4xf32>) outs(%xe : tensor<1x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.tanh %a : f32
    linalg.yield %s : f32
  } -> tensor<1x4xf32>
  %to = qopt.observe %t {edge = "t", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %p = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%xo, %to : tensor<1x4xf32>, tensor<1x4xf32>) outs(%xe : tensor<1x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.mulf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x4xf32>
  %po = qopt.observe %p {edge = "p", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %y = linalg.matmul ins(%po, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%init : tensor<1x3xf32>) -> tensor<1x3xf32>
  %z = linalg.matmul ins(%to, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%init : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %y, %z : tensor<1x3xf32>, tensor<1x3xf32>
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#nc = affine_map<(d0, d1, d2, d3) -> (d0, d3)>

// The largest of a channel has the channel's scale: nothing is rounded after
// it.
// CHECK-LABEL: func.func @global_max
// CHECK:         qopt.quantize ins(%arg0
// CHECK:         %[[M:.*]] = linalg.generic {{.*}}reduction
// CHECK:         arith.maximumf
// CHECK-NOT:     qopt.quantize
// CHECK:         linalg.matmul ins(%[[M]]
func.func @global_max(%x: tensor<1x2x2x4xf32>) -> tensor<1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0xFF800000 : f32
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x2x2x4xf32> -> tensor<1x2x2x4xf32>
  %me = tensor.empty() : tensor<1x4xf32>
  %lowest = linalg.fill ins(%inf : f32) outs(%me : tensor<1x4xf32>) -> tensor<1x4xf32>
  %m = linalg.generic {indexing_maps = [#id, #nc], iterator_types = ["parallel", "reduction", "reduction", "parallel"]} ins(%xo : tensor<1x2x2x4xf32>) outs(%lowest : tensor<1x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.maximumf %o, %a : f32
    linalg.yield %s : f32
  } -> tensor<1x4xf32>
  %mo = qopt.observe %m {edge = "m", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %y = linalg.matmul ins(%mo, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%init : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// A sum that only leaves the model adds integers: the input as it was rounded
// for the product, whose accumulators stay as they are.
// CHECK-LABEL: func.func @output_sum
// CHECK:         %[[QX:.*]] = qopt.quantize ins(%arg0
// CHECK:         %[[X:.*]] = qopt.dequantize ins(%[[QX]]
// CHECK:         %[[M:.*]] = linalg.matmul ins(%[[X]]
// CHECK-NOT:     qopt.quantize
// CHECK:         %[[Y:.*]] = linalg.generic {{.*}} ins(%[[M]], %[[X]]
// CHECK-NOT:     qopt.float_reason
// CHECK:         return %[[Y]]

// A function of the accumulators stays in float, and says what would help.
// CHECK-LABEL: func.func @output_tanh
// CHECK-NOT:     qopt.quantize ins(%{{[0-9]}}
// CHECK:         qopt.float_reason = "{{.*}}--io quantized makes outputs integers"
// CHECK:         math.tanh
func.func @output_sum(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x4xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %m = linalg.matmul ins(%xo, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%init : tensor<1x4xf32>) -> tensor<1x4xf32>
  %mo = qopt.observe %m {edge = "m", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%mo, %xo : tensor<1x4xf32>, tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}
func.func @output_tanh(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x4xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %m = linalg.matmul ins(%xo, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%init : tensor<1x4xf32>) -> tensor<1x4xf32>
  %mo = qopt.observe %m {edge = "m", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%mo : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.tanh %a : f32
    linalg.yield %s : f32
  } -> tensor<1x4xf32>
  return %t : tensor<1x4xf32>
}

// -----

// The bias has the scale of the products, 1e-35 * 1e-12, which would underflow:
// the weights get coarser, down to the least normal float.
// CHECK-LABEL: func.func @least_scale
// CHECK:         %[[S:.*]] = arith.constant dense<1.17549{{[0-9]*}}E-38> : tensor<2xf32>
// CHECK:         qopt.dequantize ins({{.*}}, %[[S]], {{.*}} : tensor<2xi32>, tensor<2xf32>
// CHECK-NOT:     qopt.float_reason

// Where they would overflow, the layer stays in float.
// CHECK-LABEL: func.func @largest_scale
// CHECK-NOT:     qopt.quantize
// CHECK:         linalg.matmul {qopt.float_reason = "the scale of its products exceeds a float: expected s_x * s_w below 3.4e38, got 1e+35 * 1e+06"}
func.func @least_scale(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %b = arith.constant dense<[0.0, 1.0e-30]> : tensor<2xf32>
  %w = arith.constant dense<1.27e-10> : tensor<4x2xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 2.55e-33>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<1x2xf32>) dimensions = [0]
  %y = linalg.matmul ins(%xo, %w : tensor<1x4xf32>, tensor<4x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %yo = qopt.observe %y {edge = "y", min = array<f32: 0.0>, max = array<f32: 1.0e-30>} : tensor<1x2xf32> -> tensor<1x2xf32>
  return %yo : tensor<1x2xf32>
}
func.func @largest_scale(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.27e8> : tensor<4x2xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 2.55e37>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%xo, %w : tensor<1x4xf32>, tensor<4x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %yo = qopt.observe %y {edge = "y", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<1x2xf32> -> tensor<1x2xf32>
  return %yo : tensor<1x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// An infinite term, as masks have them, has no scale.
// CHECK-LABEL: func.func @mask
// CHECK:         linalg.generic {{.*}}qopt.float_reason = "one of its constants has no integer form{{.*}}"
// CHECK:         arith.addf

// Of a concatenation it is not in the range, and saturates.
// CHECK-LABEL: func.func @infinite_part
// CHECK:         arith.constant dense<[{{\[}}-1, 0]]> : tensor<1x2xi8>
// CHECK:         tensor.concat
func.func @mask(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %m = arith.constant dense<[[0.0, 0xFF800000], [0.0, 0.0]]> : tensor<2x2xf32>
  %w = arith.constant dense<0.5> : tensor<2x2xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<2x2xf32> -> tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %a = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%xo, %m : tensor<2x2xf32>, tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<2x2xf32>
  %ao = qopt.observe %a {edge = "a", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<2x2xf32> -> tensor<2x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = linalg.matmul ins(%ao, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
func.func @infinite_part(%x: tensor<1x2xf32>) -> tensor<1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %c = arith.constant dense<[[0x7F800000, 0.0]]> : tensor<1x2xf32>
  %w = arith.constant dense<0.5> : tensor<4x3xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<1x2xf32> -> tensor<1x2xf32>
  %cat = tensor.concat dim(1) %xo, %c : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
  %cato = qopt.observe %cat {edge = "cat", min = array<f32: 0.0>, max = array<f32: 1.0>} : tensor<1x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %y = linalg.matmul ins(%cato, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%init : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// A product by a constant map that only leaves the model stays in float, though
// what it reads is rounded for another.
// CHECK-LABEL: func.func @output_map
// CHECK:         %[[MAP:.*]] = arith.constant dense<{{.*}}> : tensor<2x4xf32>
// CHECK:         %[[R:.*]] = qopt.quantize ins(%{{.*}} : tensor<2x4xf32>
// CHECK:         %[[DR:.*]] = qopt.dequantize ins(%[[R]]
// CHECK:         linalg.generic {{.*}} ins(%[[DR]], %[[MAP]] : {{.*}}qopt.float_reason = "its result feeds only outputs
// CHECK:         linalg.matmul ins(%[[DR]]
func.func @output_map(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x4xf32>
  %map = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %xo = qopt.observe %x {edge = "x", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<2x4xf32> -> tensor<2x4xf32>
  %m = linalg.matmul ins(%xo, %w : tensor<2x4xf32>, tensor<4x4xf32>) outs(%i : tensor<2x4xf32>) -> tensor<2x4xf32>
  %mo = qopt.observe %m {edge = "m", min = array<f32: -1.0>, max = array<f32: 1.0>} : tensor<2x4xf32> -> tensor<2x4xf32>
  %p = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%mo, %map : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.mulf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<2x4xf32>
  %y = linalg.matmul ins(%mo, %w : tensor<2x4xf32>, tensor<4x4xf32>) outs(%i : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %p, %y : tensor<2x4xf32>, tensor<2x4xf32>
}
