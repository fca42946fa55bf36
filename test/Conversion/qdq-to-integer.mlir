// RUN: qopt-opt %s --convert-qdq-to-integer --cse --split-input-file | FileCheck %s
// RUN: qopt-opt %s --convert-qdq-to-integer --cse --split-input-file | qopt-opt --convert-qdq-to-integer --cse --split-input-file | FileCheck %s

#none = affine_map<(d0, d1) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>
#out = affine_map<(d0, d1) -> (d1)>
#one = affine_map<(d0) -> (d0)>

// The bias takes in - zp * sum of the column: 10 - 3 * (1 + 2), 20 - 3 * (3 + 4).
// The clamp is the range of the requantization: 6 / 0.5 + 8 = 20.
// CHECK-LABEL: func.func @matmul_bias_clamp
// CHECK-NOT:     linear_forms
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{\[\[}}1, 3], [2, 4]]> : tensor<2x2xi8>
// CHECK-DAG:     %[[B:.*]] = arith.constant dense<[1, -1]> : tensor<2xi32>
// CHECK:         %[[INIT:.*]] = linalg.broadcast ins(%[[B]]
// CHECK:         %[[ACC:.*]] = linalg.generic {{.*}} ins(%arg0, %[[W]] : {{.*}} outs(%[[INIT]]
// CHECK:           arith.extui
// CHECK:           arith.extsi
// CHECK:         %[[M:.*]] = arith.constant dense<[2.500000e-01, 5.000000e-01]> : tensor<2xf32>
// CHECK:         qopt.requantize ins(%[[ACC]] : tensor<1x2xi32>) multipliers(%[[M]] : tensor<2xf32>) {{.*}} range [8, 20] zero_point 8
// CHECK-NOT:     f32
// CHECK:         return
func.func @matmul_bias_clamp(%q: tensor<1x2xi8>) -> tensor<1x2xi8> attributes {qopt.linear_forms} {
  %zero = arith.constant 0.0 : f32
  %six = arith.constant 6.0 : f32
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %e = tensor.empty() : tensor<1x2xf32>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<1x2xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<1x2xf32>) unsigned params #none -> tensor<1x2xf32>
  %wq = arith.constant dense<[[1, 3], [2, 4]]> : tensor<2x2xi8>
  %ws = arith.constant dense<[0.25, 0.5]> : tensor<2xf32>
  %wz = arith.constant dense<0> : tensor<2xi32>
  %we = tensor.empty() : tensor<2x2xf32>
  %w = qopt.dequantize ins(%wq, %ws, %wz : tensor<2x2xi8>, tensor<2xf32>, tensor<2xi32>) outs(%we : tensor<2x2xf32>) params #out -> tensor<2x2xf32>
  %bq = arith.constant dense<[10, 20]> : tensor<2xi32>
  %bs = arith.constant dense<[0.125, 0.25]> : tensor<2xf32>
  %be = tensor.empty() : tensor<2xf32>
  %b = qopt.dequantize ins(%bq, %bs, %wz : tensor<2xi32>, tensor<2xf32>, tensor<2xi32>) outs(%be : tensor<2xf32>) params #one -> tensor<2xf32>
  %init = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<1x2xf32>) dimensions = [0]
  %mm = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %clip = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%mm : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    %n = arith.minimumf %m, %six : f32
    linalg.yield %n : f32
  } -> tensor<1x2xf32>
  %os = arith.constant dense<0.5> : tensor<f32>
  %oz = arith.constant dense<8> : tensor<i32>
  %oe = tensor.empty() : tensor<1x2xi8>
  %r = qopt.quantize ins(%clip, %os, %oz : tensor<1x2xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<1x2xi8>) range [0, 255] params #none -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

#none = affine_map<(d0, d1) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>

// Doubling is one multiplier; the same scale and zero point change nothing.
// CHECK-LABEL: func.func @rescale
// CHECK:         %[[R:.*]] = qopt.requantize ins(%arg0
// CHECK-NOT:     qopt.requantize
// CHECK:         return %[[R]], %arg0
func.func @rescale(%q: tensor<1x4xi8>) -> (tensor<1x4xi8>, tensor<1x4xi8>) attributes {qopt.linear_forms} {
  %two = arith.constant 2.0 : f32
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %e = tensor.empty() : tensor<1x4xf32>
  %oe = tensor.empty() : tensor<1x4xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<1x4xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<1x4xf32>) unsigned params #none -> tensor<1x4xf32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.mulf %a, %two : f32
    linalg.yield %m : f32
  } -> tensor<1x4xf32>
  %r = qopt.quantize ins(%d, %s, %z : tensor<1x4xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<1x4xi8>) range [0, 255] params #none -> tensor<1x4xi8>
  %same = qopt.quantize ins(%x, %s, %z : tensor<1x4xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<1x4xi8>) range [0, 255] params #none -> tensor<1x4xi8>
  return %r, %same : tensor<1x4xi8>, tensor<1x4xi8>
}

// -----

#none = affine_map<(d0, d1) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>
#ch = affine_map<(d0, d1) -> (d1)>

// x + 1 then a slope per channel for the negative: two operations, one table of
// two rows. Code 0 is -2, code 2 is 0, code 3 is 1.
// CHECK-LABEL: func.func @table_per_channel
// CHECK:         %[[T:.*]] = arith.constant dense<"0x{{.*}}"> : tensor<2x256xi8>
// CHECK:         qopt.lookup ins(%arg0, %[[T]] : tensor<1x2xi8>, tensor<2x256xi8>) {{.*}} unsigned
// CHECK-NOT:     linalg.generic
// CHECK:         return
func.func @table_per_channel(%q: tensor<1x2xi8>) -> tensor<1x2xi8> attributes {qopt.linear_forms} {
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %slope = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %s = arith.constant dense<1.0> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %e = tensor.empty() : tensor<1x2xf32>
  %oe = tensor.empty() : tensor<1x2xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<1x2xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<1x2xf32>) unsigned params #none -> tensor<1x2xf32>
  %p = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.addf %a, %one : f32
    linalg.yield %m : f32
  } -> tensor<1x2xf32>
  %l = linalg.generic {indexing_maps = [#id, #ch, #id], iterator_types = ["parallel", "parallel"]} ins(%p, %slope : tensor<1x2xf32>, tensor<2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %n = arith.mulf %a, %c : f32
    %k = arith.cmpf oge, %a, %zero : f32
    %m = arith.select %k, %a, %n : f32
    linalg.yield %m : f32
  } -> tensor<1x2xf32>
  %r = qopt.quantize ins(%l, %s, %z : tensor<1x2xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<1x2xi8>) range [0, 255] params #none -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

#none = affine_map<(d0, d1) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>
#group = affine_map<(d0, d1) -> (d0 floordiv 2, d1)>

// Two groups of two: four-bit weights, one accumulator per group, a float sum.
// CHECK-LABEL: func.func @grouped
// CHECK-DAG:     arith.constant dense<{{\[\[\[}}1, -2], [3, 4]], {{\[\[}}-5, 6], [7, -7]]]> : tensor<2x2x2xi4>
// CHECK:         %[[X:.*]] = tensor.expand_shape %arg0 {{.*}} : tensor<3x4xi8> into tensor<3x2x2xi8>
// CHECK:         %[[ACC:.*]] = linalg.generic {{.*}} ins(%[[X]], {{.*}} outs({{.*}} : tensor<3x2x2xi32>)
// CHECK:         %[[SUM:.*]] = linalg.generic {{.*}}"parallel", "parallel", "reduction"]} ins(%[[ACC]], %{{.*}} : tensor<3x2x2xi32>, tensor<2x2xf32>)
// CHECK:           arith.sitofp
// CHECK:         qopt.quantize ins(%[[SUM]]
func.func @grouped(%q: tensor<3x4xi8>) -> tensor<3x2xi8> attributes {qopt.linear_forms} {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %e = tensor.empty() : tensor<3x4xf32>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<3x4xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<3x4xf32>) unsigned params #none -> tensor<3x4xf32>
  %wq = arith.constant dense<[[1, -2], [3, 4], [-5, 6], [7, -7]]> : tensor<4x2xi4>
  %ws = arith.constant dense<[[0.25, 0.5], [1.0, 2.0]]> : tensor<2x2xf32>
  %wz = arith.constant dense<0> : tensor<2x2xi32>
  %we = tensor.empty() : tensor<4x2xf32>
  %w = qopt.dequantize ins(%wq, %ws, %wz : tensor<4x2xi4>, tensor<2x2xf32>, tensor<2x2xi32>) outs(%we : tensor<4x2xf32>) params #group -> tensor<4x2xf32>
  %me = tensor.empty() : tensor<3x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%me : tensor<3x2xf32>) -> tensor<3x2xf32>
  %mm = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %oe = tensor.empty() : tensor<3x2xi8>
  %r = qopt.quantize ins(%mm, %s, %z : tensor<3x2xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<3x2xi8>) range [0, 255] params #none -> tensor<3x2xi8>
  return %r : tensor<3x2xi8>
}

// -----

#none = affine_map<(d0, d1) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>

// Without the attribute a float value is a float: nothing happens.
// CHECK-LABEL: func.func @not_linear
// CHECK:         qopt.dequantize
// CHECK:         qopt.quantize
func.func @not_linear(%q: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %e = tensor.empty() : tensor<1x4xf32>
  %oe = tensor.empty() : tensor<1x4xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<1x4xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<1x4xf32>) unsigned params #none -> tensor<1x4xf32>
  %same = qopt.quantize ins(%x, %s, %z : tensor<1x4xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<1x4xi8>) range [0, 255] params #none -> tensor<1x4xi8>
  return %same : tensor<1x4xi8>
}

// -----

#none = affine_map<(d0, d1) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>

// A clamp may leave one integer, or real 0 out: 2 / 0.5 + 3 = 7, but 0 is at 3;
// and above zero point 255 there is nothing.
// CHECK-LABEL: func.func @clamp_without_zero
// CHECK:         qopt.requantize {{.*}} range [7, 11] zero_point 3
// CHECK:         qopt.requantize {{.*}} range [255, 255] zero_point 255
func.func @clamp_without_zero(%q: tensor<1x4xi8>) -> (tensor<1x4xi8>, tensor<1x4xi8>) attributes {qopt.linear_forms} {
  %s = arith.constant dense<0.25> : tensor<f32>
  %os = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %top = arith.constant dense<255> : tensor<i32>
  %e = tensor.empty() : tensor<1x4xf32>
  %oe = tensor.empty() : tensor<1x4xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<1x4xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<1x4xf32>) unsigned params #none -> tensor<1x4xf32>
  %clip = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %two = arith.constant 2.0 : f32
    %four = arith.constant 4.0 : f32
    %max = arith.maximumf %in, %two : f32
    %min = arith.minimumf %max, %four : f32
    linalg.yield %min : f32
  } -> tensor<1x4xf32>
  %y = qopt.quantize ins(%clip, %os, %z : tensor<1x4xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<1x4xi8>) range [0, 255] params #none -> tensor<1x4xi8>
  %relu = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %zero = arith.constant 0.0 : f32
    %max = arith.maximumf %in, %zero : f32
    linalg.yield %max : f32
  } -> tensor<1x4xf32>
  %w = qopt.quantize ins(%relu, %os, %top : tensor<1x4xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<1x4xi8>) range [0, 255] params #none -> tensor<1x4xi8>
  return %y, %w : tensor<1x4xi8>, tensor<1x4xi8>
}

// -----

#none = affine_map<(d0, d1, d2) -> ()>

// The right side is no weight: products of activations stay in float.
// CHECK-LABEL: func.func @product_of_activations
// CHECK-COUNT-2: qopt.dequantize
// CHECK:         linalg.batch_matmul {{.*}} -> tensor<1x2x2xf32>
func.func @product_of_activations(%q: tensor<1x2x2xi8>) -> tensor<1x2x2xf32> attributes {qopt.linear_forms} {
  %s = arith.constant dense<0.25> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i32>
  %e = tensor.empty() : tensor<1x2x2xf32>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<1x2x2xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<1x2x2xf32>) unsigned params #none -> tensor<1x2x2xf32>
  %t = linalg.transpose ins(%x : tensor<1x2x2xf32>) outs(%e : tensor<1x2x2xf32>) permutation = [0, 2, 1]
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  %y = linalg.batch_matmul ins(%x, %t : tensor<1x2x2xf32>, tensor<1x2x2xf32>) outs(%init : tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  return %y : tensor<1x2x2xf32>
}

// -----

#none = affine_map<(d0, d1) -> ()>
#none1 = affine_map<(d0) -> ()>
#id = affine_map<(d0, d1) -> (d0, d1)>
#id1 = affine_map<(d0) -> (d0)>

// Two functions of one tensor with a reshape between them have no common table:
// the second is in float, and says why.
// CHECK-LABEL: func.func @reshape_between_functions
// CHECK:         qopt.lookup {{.*}} -> tensor<1x4xf32>
// CHECK:         tensor.collapse_shape
// CHECK:         linalg.generic {{.*}} attrs = {{.*}}qopt.float_reason = "a reshape or another movement stands between the functions of one tensor{{.*}}"}
// CHECK:         qopt.quantize
func.func @reshape_between_functions(%q: tensor<1x4xi8>) -> tensor<4xi8> attributes {qopt.linear_forms} {
  %s = arith.constant dense<0.25> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i32>
  %e = tensor.empty() : tensor<1x4xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %oe = tensor.empty() : tensor<4xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<1x4xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<1x4xf32>) unsigned params #none -> tensor<1x4xf32>
  %tanh = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %t = math.tanh %in : f32
    linalg.yield %t : f32
  } -> tensor<1x4xf32>
  %flat = tensor.collapse_shape %tanh [[0, 1]] : tensor<1x4xf32> into tensor<4xf32>
  %exp = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]} ins(%flat : tensor<4xf32>) outs(%e1 : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %t = math.exp %in : f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  %y = qopt.quantize ins(%exp, %s, %z : tensor<4xf32>, tensor<f32>, tensor<i32>) outs(%oe : tensor<4xi8>) range [0, 255] params #none1 -> tensor<4xi8>
  return %y : tensor<4xi8>
}

// -----

#none = affine_map<(d0) -> ()>
#id = affine_map<(d0) -> (d0)>

// What a product stands for underflows, or its scale exceeds a float: 0 steps
// are still 0.
// CHECK-LABEL: func.func @product_scales
// CHECK:         %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<f32>
// CHECK:         qopt.dequantize ins({{.*}}, %[[ZERO]],
// CHECK:         %[[LARGEST:.*]] = arith.constant dense<3.40282347E+38> : tensor<f32>
// CHECK:         qopt.dequantize ins({{.*}}, %[[LARGEST]],
func.func @product_scales(%x: tensor<4xi8>) -> (tensor<4xf32>, tensor<4xf32>) attributes {qopt.linear_forms} {
  %small = arith.constant dense<1.0e-23> : tensor<f32>
  %large = arith.constant dense<1.0e+20> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i32>
  %e = tensor.empty() : tensor<4xf32>
  %s = qopt.dequantize ins(%x, %small, %z : tensor<4xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<4xf32>) unsigned params #none -> tensor<4xf32>
  %l = qopt.dequantize ins(%x, %large, %z : tensor<4xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<4xf32>) unsigned params #none -> tensor<4xf32>
  %ss = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%s, %s : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4xf32>
  %ll = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%l, %l : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4xf32>
  return %ss, %ll : tensor<4xf32>, tensor<4xf32>
}

// -----

#none = affine_map<(d0, d1) -> ()>

// Softmax in fixed point: the distance to the row's maximum selects the
// exponential; the quotient by the row's sum is made of 17 bits. With floats
// (below) it reads and gives reals.
// CHECK-LABEL: func.func @softmax_fixed_point
// CHECK-NOT:     f32
// CHECK:         %[[MAX:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<2x5xi8>)
// CHECK:           arith.extui
// CHECK:           arith.maxsi
// CHECK:         %[[DISTANCE:.*]] = linalg.generic {{.*}} ins(%arg0, %[[MAX]] :
// CHECK:           arith.subi
// CHECK:         %[[TABLE:.*]] = arith.constant dense<{{.*}}> : tensor<256xi32>
// CHECK:         %[[E:.*]] = qopt.lookup ins(%[[DISTANCE]], %[[TABLE]] : {{.*}} unsigned
// CHECK:         %[[SUM:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%[[E]] :
// CHECK:         %[[QUOTIENT:.*]] = linalg.generic {{.*}} ins(%[[E]], %[[SUM]] :
// CHECK-COUNT-17:  arith.cmpi uge
// CHECK-NOT:       arith.cmpi
// CHECK:         qopt.requantize ins(%[[QUOTIENT]] : tensor<2x5xi32>)
func.func @softmax_fixed_point(%q: tensor<2x5xi8>) -> tensor<2x5xi8> attributes {qopt.linear_forms, qopt.fixed_point} {
  %s = arith.constant dense<0.125> : tensor<f32>
  %z = arith.constant dense<128> : tensor<i32>
  %so = arith.constant dense<0.00390625> : tensor<f32>
  %zo = arith.constant dense<0> : tensor<i32>
  %e = tensor.empty() : tensor<2x5xf32>
  %ei = tensor.empty() : tensor<2x5xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<2x5xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<2x5xf32>) unsigned params #none -> tensor<2x5xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<2x5xf32>) outs(%e : tensor<2x5xf32>) -> tensor<2x5xf32>
  %r = qopt.quantize ins(%y, %so, %zo : tensor<2x5xf32>, tensor<f32>, tensor<i32>) outs(%ei : tensor<2x5xi8>) range [0, 255] params #none -> tensor<2x5xi8>
  return %r : tensor<2x5xi8>
}

// CHECK-LABEL: func.func @softmax_float
// CHECK:         linalg.softmax dimension(1) ins(%{{.*}} : tensor<2x5xf32>)
// CHECK:         qopt.quantize
func.func @softmax_float(%q: tensor<2x5xi8>) -> tensor<2x5xi8> attributes {qopt.linear_forms} {
  %s = arith.constant dense<0.125> : tensor<f32>
  %z = arith.constant dense<128> : tensor<i32>
  %so = arith.constant dense<0.00390625> : tensor<f32>
  %zo = arith.constant dense<0> : tensor<i32>
  %e = tensor.empty() : tensor<2x5xf32>
  %ei = tensor.empty() : tensor<2x5xi8>
  %x = qopt.dequantize ins(%q, %s, %z : tensor<2x5xi8>, tensor<f32>, tensor<i32>) outs(%e : tensor<2x5xf32>) unsigned params #none -> tensor<2x5xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<2x5xf32>) outs(%e : tensor<2x5xf32>) -> tensor<2x5xf32>
  %r = qopt.quantize ins(%y, %so, %zo : tensor<2x5xf32>, tensor<f32>, tensor<i32>) outs(%ei : tensor<2x5xi8>) range [0, 255] params #none -> tensor<2x5xi8>
  return %r : tensor<2x5xi8>
}

// -----

#none = affine_map<(d0, d1) -> ()>

// Parts of one scale whose zero points differ are joined as i32, and their
// softmax, whose distances may be 510, is that of reals.
// CHECK-LABEL: func.func @concat_zero_points
// CHECK:         %[[B:.*]] = linalg.generic {{.*}} ins(%arg1 : tensor<1x2xi8>)
// CHECK:           arith.subi
// CHECK:         %[[JOINED:.*]] = tensor.concat dim(1) %{{.*}}, %[[B]] : (tensor<1x2xi32>, tensor<1x2xi32>) -> tensor<1x4xi32>
// CHECK:         %[[REALS:.*]] = qopt.dequantize ins(%[[JOINED]],
// CHECK:         linalg.softmax {{.*}}dimension(1) ins(%[[REALS]] : tensor<1x4xf32>)
func.func @concat_zero_points(%a: tensor<1x2xi8>, %b: tensor<1x2xi8>) -> tensor<1x4xf32> attributes {qopt.linear_forms, qopt.fixed_point} {
  %s = arith.constant dense<0.2> : tensor<f32>
  %z0 = arith.constant dense<0> : tensor<i32>
  %z255 = arith.constant dense<255> : tensor<i32>
  %e2 = tensor.empty() : tensor<1x2xf32>
  %e4 = tensor.empty() : tensor<1x4xf32>
  %x = qopt.dequantize ins(%a, %s, %z0 : tensor<1x2xi8>, tensor<f32>, tensor<i32>) outs(%e2 : tensor<1x2xf32>) unsigned params #none -> tensor<1x2xf32>
  %y = qopt.dequantize ins(%b, %s, %z255 : tensor<1x2xi8>, tensor<f32>, tensor<i32>) outs(%e2 : tensor<1x2xf32>) unsigned params #none -> tensor<1x2xf32>
  %c = tensor.concat dim(1) %x, %y : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
  %r = linalg.softmax dimension(1) ins(%c : tensor<1x4xf32>) outs(%e4 : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}
