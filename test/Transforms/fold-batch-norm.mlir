// RUN: qopt-opt %s --qopt-fold-batch-norm --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-fold-batch-norm --split-input-file > %t.once
// RUN: qopt-opt %t.once --qopt-fold-batch-norm --split-input-file | diff %t.once -
// RUN: qopt-opt %s --qopt-fold-batch-norm --split-input-file --mlir-print-debuginfo | FileCheck %s --check-prefix=LOC

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#last = affine_map<(d0, d1, d2, d3) -> (d3)>

// (conv(x, [[1, 2], [3, 4]]) + [1, 1]) * [2, 3] + [4, 5].
// CHECK-LABEL: func.func @conv_bias_batch_norm
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{\[\[\[\[}}2.{{0*}}e+00, 4.{{0*}}e+00]]], {{\[\[\[}}9.{{0*}}e+00, 1.2{{0*}}e+01]]]]>
// CHECK-DAG:     %[[B:.*]] = arith.constant dense<[6.{{0*}}e+00, 8.{{0*}}e+00]>
// CHECK:         %[[INIT:.*]] = linalg.broadcast ins(%[[B]] : tensor<2xf32>) {{.*}} dimensions = [0, 1, 2]
// CHECK:         %[[CONV:.*]] = linalg.conv_2d_nhwc_fhwc {{.*}} ins(%{{.*}}, %[[W]] : {{.*}}) outs(%[[INIT]] :
// CHECK-NEXT:    return %[[CONV]]
// LOC-LABEL:   func.func @conv_bias_batch_norm
// LOC:         linalg.conv_2d_nhwc_fhwc {{.*}} loc([[FUSED:#.*]])
// LOC:         [[FUSED]] = loc(fused[#[[CONV:.*]], #[[BN:.*]]])
func.func @conv_bias_batch_norm(%x: tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32> {
  %w = arith.constant dense<[[[[1.0, 2.0]]], [[[3.0, 4.0]]]]> : tensor<2x1x1x2xf32>
  %bias = arith.constant dense<1.0> : tensor<2xf32>
  %scale = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %shift = arith.constant dense<[4.0, 5.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<1x3x3x2xf32>
  %init = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x3x3x2xf32>) dimensions = [0, 1, 2]
  %c = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x3x3x2xf32>, tensor<2x1x1x2xf32>) outs(%init : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32> loc("conv")
  %y = linalg.generic {indexing_maps = [#id, #last, #last, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %scale, %shift : tensor<1x3x3x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<1x3x3x2xf32>) {
  ^bb0(%a: f32, %s: f32, %t: f32, %o: f32):
    %m = arith.mulf %a, %s : f32
    %r = arith.addf %m, %t : f32
    linalg.yield %r : f32
  } -> tensor<1x3x3x2xf32> loc("bn")
  return %y : tensor<1x3x3x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>

// 3 - matmul(x, w) / 2, then + [1, 2]: any order of the operations.
// CHECK-LABEL: func.func @matmul_any_mix
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{\[\[}}-5.{{0*}}e-01, -1.{{0*}}e+00]]>
// CHECK-DAG:     %[[B:.*]] = arith.constant dense<[4.{{0*}}e+00, 5.{{0*}}e+00]>
// CHECK:         linalg.broadcast ins(%[[B]] : tensor<2xf32>) {{.*}} dimensions = [0]
// CHECK:         %[[Y:.*]] = linalg.matmul ins(%{{.*}}, %[[W]] :
// CHECK-NEXT:    return %[[Y]]
func.func @matmul_any_mix(%x: tensor<4x1xf32>) -> tensor<4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %three = arith.constant 3.0 : f32
  %w = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %shift = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %c = linalg.matmul ins(%x, %w : tensor<4x1xf32>, tensor<1x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %h = arith.divf %a, %two : f32
    %r = arith.subf %three, %h : f32
    linalg.yield %r : f32
  } -> tensor<4x2xf32>
  %z = linalg.generic {indexing_maps = [#last, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%shift, %y : tensor<2xf32>, tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%s: f32, %a: f32, %o: f32):
    %r = arith.addf %s, %a : f32
    linalg.yield %r : f32
  } -> tensor<4x2xf32>
  return %z : tensor<4x2xf32>
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#last = affine_map<(d0, d1, d2, d3) -> (d3)>

// A grouped convolution's channels are (group, channel), flattened behind it.
// CHECK-LABEL: func.func @grouped
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{.*}}1.{{0*}}e+00{{.*}}2.{{0*}}e+00{{.*}}3.{{0*}}e+00{{.*}}4.{{0*}}e+00{{.*}}> : tensor<2x2x1x1x1xf32>
// CHECK:         linalg.conv_2d_nhwgc_gfhwc {{.*}} ins(%{{.*}}, %[[W]] :
// CHECK:         %[[FLAT:.*]] = tensor.collapse_shape
// CHECK-NEXT:    return %[[FLAT]]
func.func @grouped(%x: tensor<1x3x3x2x1xf32>) -> tensor<1x3x3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<2x2x1x1x1xf32>
  %scale = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %e = tensor.empty() : tensor<1x3x3x2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x2x2xf32>) -> tensor<1x3x3x2x2xf32>
  %c = linalg.conv_2d_nhwgc_gfhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x3x3x2x1xf32>, tensor<2x2x1x1x1xf32>) outs(%i : tensor<1x3x3x2x2xf32>) -> tensor<1x3x3x2x2xf32>
  %f = tensor.collapse_shape %c [[0], [1], [2], [3, 4]] : tensor<1x3x3x2x2xf32> into tensor<1x3x3x4xf32>
  %e1 = tensor.empty() : tensor<1x3x3x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%f, %scale : tensor<1x3x3x4xf32>, tensor<4xf32>) outs(%e1 : tensor<1x3x3x4xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %m = arith.mulf %a, %s : f32
    linalg.yield %m : f32
  } -> tensor<1x3x3x4xf32>
  return %y : tensor<1x3x3x4xf32>
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#last = affine_map<(d0, d1, d2, d3) -> (d3)>

// depthwise: conv(x * [2, 3] + [1, 1], [10, 20]).
// CHECK-LABEL: func.func @leading_depthwise
// CHECK-SAME:      %[[X:.*]]: tensor<1x3x3x2xf32>
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{\[\[\[}}2.{{0*}}e+01, 6.{{0*}}e+01]]]>
// CHECK-DAG:     %[[B:.*]] = arith.constant dense<[1.{{0*}}e+01, 2.{{0*}}e+01]>
// CHECK:         linalg.broadcast ins(%[[B]] : tensor<2xf32>)
// CHECK:         linalg.depthwise_conv_2d_nhwc_hwc {{.*}} ins(%[[X]], %[[W]] :
func.func @leading_depthwise(%x: tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %w = arith.constant dense<[[[10.0, 20.0]]]> : tensor<1x1x2xf32>
  %scale = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<1x3x3x2xf32>
  %y = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %scale : tensor<1x3x3x2xf32>, tensor<2xf32>) outs(%e : tensor<1x3x3x2xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %m = arith.mulf %a, %s : f32
    %r = arith.addf %m, %one : f32
    linalg.yield %r : f32
  } -> tensor<1x3x3x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  %c = linalg.depthwise_conv_2d_nhwc_hwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%y, %w : tensor<1x3x3x2xf32>, tensor<1x1x2xf32>) outs(%i : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  return %c : tensor<1x3x3x2xf32>
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// Must not fire: the border of zeros would become a border of ones.
// CHECK-LABEL: func.func @leading_shift_and_border
// CHECK:         linalg.generic
// CHECK:         tensor.pad
func.func @leading_shift_and_border(%x: tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %w = arith.constant dense<2.0> : tensor<1x3x3x1xf32>
  %e = tensor.empty() : tensor<1x1x1x1xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x1x1x1xf32>) outs(%e : tensor<1x1x1x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %one : f32
    linalg.yield %r : f32
  } -> tensor<1x1x1x1xf32>
  %p = tensor.pad %y low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x1x1x1xf32> to tensor<1x3x3x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>
  %c = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%p, %w : tensor<1x3x3x1xf32>, tensor<1x3x3x1xf32>) outs(%i : tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32>
  return %c : tensor<1x1x1x1xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// Must not fire: another operation reads the product unscaled.
// CHECK-LABEL: func.func @two_uses
// CHECK:         linalg.matmul
// CHECK:         linalg.generic
func.func @two_uses(%x: tensor<4x1xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %w = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %c = linalg.matmul ins(%x, %w : tensor<4x1xf32>, tensor<1x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %h = arith.mulf %a, %two : f32
    linalg.yield %h : f32
  } -> tensor<4x2xf32>
  return %c, %y : tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#first = affine_map<(d0, d1) -> (d0)>

// Must not fire: the factor varies by sample, and the new weights of the second
// function would be infinite.
// CHECK-LABEL: func.func @other_dimension
// CHECK:         linalg.matmul
// CHECK:         linalg.generic
func.func @other_dimension(%x: tensor<2x1xf32>) -> tensor<2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %scale = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %c = linalg.matmul ins(%x, %w : tensor<2x1xf32>, tensor<1x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = linalg.generic {indexing_maps = [#id, #first, #id], iterator_types = ["parallel", "parallel"]}
      ins(%c, %scale : tensor<2x2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %h = arith.mulf %a, %s : f32
    linalg.yield %h : f32
  } -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// CHECK-LABEL: func.func @not_finite
// CHECK:         linalg.matmul
// CHECK:         linalg.generic
func.func @not_finite(%x: tensor<2x1xf32>) -> tensor<2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %c = linalg.matmul ins(%x, %w : tensor<2x1xf32>, tensor<1x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %h = arith.divf %a, %zero : f32
    linalg.yield %h : f32
  } -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// Must not fire: a mean before a product stays one for the quantizer.
// CHECK-LABEL: func.func @mean
// CHECK:         arith.mulf
// CHECK:         linalg.matmul
func.func @mean(%x: tensor<1x4x2xf32>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %quarter = arith.constant 0.25 : f32
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>],
                       iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%x : tensor<1x4x2xf32>) outs(%i : tensor<1x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.addf %o, %a : f32
    linalg.yield %m : f32
  } -> tensor<1x2xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %h = arith.mulf %a, %quarter : f32
    linalg.yield %h : f32
  } -> tensor<1x2xf32>
  %c = linalg.matmul ins(%y, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %c : tensor<1x2xf32>
}
