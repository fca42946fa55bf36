// RUN: qopt-opt %s --qopt-assign-layout --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-assign-layout --split-input-file > %t.once
// RUN: qopt-opt %t.once --qopt-assign-layout --split-input-file | diff %t.once -

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d1)>

// The transpositions between two convolutions meet at the scale and the relu
// and vanish; the scale's constant now runs along the last dimension.
// CHECK-DAG:   #[[$ID:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG:   #[[$LAST:.*]] = affine_map<(d0, d1, d2, d3) -> (d3)>
// CHECK-LABEL: func.func @between_convolutions
// CHECK-SAME:      %[[ARG:.*]]: tensor<1x8x8x4xf32>
// CHECK:         %[[CONV:.*]] = linalg.conv_2d_nhwc_fhwc
// CHECK:         %[[SCALED:.*]] = linalg.generic {indexing_maps = [#[[$ID]], #[[$LAST]], #[[$ID]]]
// CHECK-SAME:        ins(%[[CONV]], %{{.*}} : tensor<1x6x6x5xf32>, tensor<5xf32>)
// CHECK:         linalg.conv_2d_nhwc_fhwc {{.*}}ins(%[[SCALED]],
// CHECK-NOT:     linalg.transpose
func.func @between_convolutions(%x: tensor<1x8x8x4xf32>, %w0: tensor<5x3x3x4xf32>, %w1: tensor<3x1x1x5xf32>) -> tensor<1x6x6x3xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
  %e0 = tensor.empty() : tensor<1x6x6x5xf32>
  %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x6x6x5xf32>) -> tensor<1x6x6x5xf32>
  %c0 = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w0 : tensor<1x8x8x4xf32>, tensor<5x3x3x4xf32>) outs(%i0 : tensor<1x6x6x5xf32>) -> tensor<1x6x6x5xf32>
  %e1 = tensor.empty() : tensor<1x5x6x6xf32>
  %t0 = linalg.transpose ins(%c0 : tensor<1x6x6x5xf32>) outs(%e1 : tensor<1x5x6x6xf32>) permutation = [0, 3, 1, 2]
  %s = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t0, %scale : tensor<1x5x6x6xf32>, tensor<5xf32>) outs(%e1 : tensor<1x5x6x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.maximumf %m, %zero : f32
    linalg.yield %r : f32
  } -> tensor<1x5x6x6xf32>
  %t1 = linalg.transpose ins(%s : tensor<1x5x6x6xf32>) outs(%e0 : tensor<1x6x6x5xf32>) permutation = [0, 2, 3, 1]
  %e2 = tensor.empty() : tensor<1x6x6x3xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x6x6x3xf32>) -> tensor<1x6x6x3xf32>
  %c1 = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%t1, %w1 : tensor<1x6x6x5xf32>, tensor<3x1x1x5xf32>) outs(%i2 : tensor<1x6x6x3xf32>) -> tensor<1x6x6x3xf32>
  return %c1 : tensor<1x6x6x3xf32>
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// A residual: both operands are transpositions, one is left.
// CHECK-LABEL: func.func @residual
// CHECK:         %[[SUM:.*]] = linalg.generic
// CHECK-SAME:        ins(%{{.*}}, %{{.*}} : tensor<1x6x7x5xf32>, tensor<1x6x7x5xf32>)
// CHECK:         linalg.transpose ins(%[[SUM]] : tensor<1x6x7x5xf32>) {{.*}} permutation = [0, 3, 1, 2]
// CHECK-NOT:     linalg.transpose
func.func @residual(%x: tensor<1x6x7x5xf32>, %y: tensor<1x6x7x5xf32>) -> tensor<1x5x6x7xf32> {
  %e = tensor.empty() : tensor<1x5x6x7xf32>
  %tx = linalg.transpose ins(%x : tensor<1x6x7x5xf32>) outs(%e : tensor<1x5x6x7xf32>) permutation = [0, 3, 1, 2]
  %ty = linalg.transpose ins(%y : tensor<1x6x7x5xf32>) outs(%e : tensor<1x5x6x7xf32>) permutation = [0, 3, 1, 2]
  %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%tx, %ty : tensor<1x5x6x7xf32>, tensor<1x5x6x7xf32>) outs(%e : tensor<1x5x6x7xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.addf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<1x5x6x7xf32>
  return %s : tensor<1x5x6x7xf32>
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// Must not fire: the other operand would get a transposition of its own.
// CHECK-LABEL: func.func @one_of_two
// CHECK:         %[[T:.*]] = linalg.transpose
// CHECK:         linalg.generic {{.*}} ins(%[[T]],
// CHECK-NOT:     linalg.transpose
func.func @one_of_two(%x: tensor<1x6x7x5xf32>, %y: tensor<1x5x6x7xf32>) -> tensor<1x5x6x7xf32> {
  %e = tensor.empty() : tensor<1x5x6x7xf32>
  %tx = linalg.transpose ins(%x : tensor<1x6x7x5xf32>) outs(%e : tensor<1x5x6x7xf32>) permutation = [0, 3, 1, 2]
  %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%tx, %y : tensor<1x5x6x7xf32>, tensor<1x5x6x7xf32>) outs(%e : tensor<1x5x6x7xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.addf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<1x5x6x7xf32>
  return %s : tensor<1x5x6x7xf32>
}

// -----

// CHECK-DAG:   #[[$MEAN_IN:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG:   #[[$MEAN_OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
// A global sum: the reduction keeps the order height, width.
// CHECK-LABEL: func.func @global_sum
// CHECK-NOT:     linalg.transpose
// CHECK:         linalg.generic {indexing_maps = [#[[$MEAN_IN]], #[[$MEAN_OUT]]], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
// CHECK-SAME:        ins(%{{.*}} : tensor<1x6x7x5xf32>) outs(%{{.*}} : tensor<1x5xf32>)
// CHECK-NOT:     linalg.transpose
func.func @global_sum(%x: tensor<1x6x7x5xf32>) -> tensor<1x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x5x6x7xf32>
  %t = linalg.transpose ins(%x : tensor<1x6x7x5xf32>) outs(%e : tensor<1x5x6x7xf32>) permutation = [0, 3, 1, 2]
  %e1 = tensor.empty() : tensor<1x5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x5xf32>) -> tensor<1x5xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%t : tensor<1x5x6x7xf32>) outs(%i : tensor<1x5xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.addf %o, %a : f32
    linalg.yield %m : f32
  } -> tensor<1x5xf32>
  return %s : tensor<1x5xf32>
}

// -----

// Must not fire: the sum would run width before height, in other bits.
// CHECK-LABEL: func.func @reduction_order
// CHECK:         linalg.transpose
// CHECK:         iterator_types = ["parallel", "reduction", "reduction"]
func.func @reduction_order(%x: tensor<5x7x6xf32>) -> tensor<5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x6x7xf32>
  %t = linalg.transpose ins(%x : tensor<5x7x6xf32>) outs(%e : tensor<5x6x7xf32>) permutation = [0, 2, 1]
  %e1 = tensor.empty() : tensor<5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e1 : tensor<5xf32>) -> tensor<5xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0)>],
                       iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%t : tensor<5x6x7xf32>) outs(%i : tensor<5xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.addf %o, %a : f32
    linalg.yield %m : f32
  } -> tensor<5xf32>
  return %s : tensor<5xf32>
}

// -----

// CHECK-LABEL: func.func @movement
// CHECK:         %[[SLICE:.*]] = tensor.extract_slice %{{.*}}[0, 1, 0, 2] [1, 5, 7, 3] [1, 1, 1, 1]
// CHECK:         %[[PAD:.*]] = tensor.pad %[[SLICE]] low[0, 1, 2, 0] high[0, 3, 4, 0]
// CHECK:         %[[CAT:.*]] = tensor.concat dim(3) %[[PAD]], %{{.*}} :
// CHECK-SAME:        (tensor<1x9x13x3xf32>, tensor<1x9x13x2xf32>) -> tensor<1x9x13x5xf32>
// CHECK:         linalg.transpose ins(%[[CAT]] : tensor<1x9x13x5xf32>)
// CHECK-NOT:     linalg.transpose
func.func @movement(%x: tensor<1x6x7x5xf32>) -> tensor<1x5x9x13xf32> {
  %zero = arith.constant 0.0 : f32
  %more = arith.constant dense<0.0> : tensor<1x2x9x13xf32>
  %e = tensor.empty() : tensor<1x5x6x7xf32>
  %t = linalg.transpose ins(%x : tensor<1x6x7x5xf32>) outs(%e : tensor<1x5x6x7xf32>) permutation = [0, 3, 1, 2]
  %s = tensor.extract_slice %t[0, 2, 1, 0] [1, 3, 5, 7] [1, 1, 1, 1] : tensor<1x5x6x7xf32> to tensor<1x3x5x7xf32>
  %p = tensor.pad %s low[0, 0, 1, 2] high[0, 0, 3, 4] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x3x5x7xf32> to tensor<1x3x9x13xf32>
  %c = tensor.concat dim(1) %p, %more : (tensor<1x3x9x13xf32>, tensor<1x2x9x13xf32>) -> tensor<1x5x9x13xf32>
  return %c : tensor<1x5x9x13xf32>
}

// -----

// The flattening of 1x1 pixels is a reshape in any layout.
// CHECK-LABEL: func.func @flatten_pixel
// CHECK-NOT:     linalg.transpose
// CHECK:         tensor.collapse_shape %{{.*}} {{\[\[}}0, 1, 2], [3]] : tensor<1x1x1x5xf32> into tensor<1x5xf32>
// CHECK-NOT:     linalg.transpose
func.func @flatten_pixel(%x: tensor<1x1x1x5xf32>) -> tensor<1x5xf32> {
  %e = tensor.empty() : tensor<1x5x1x1xf32>
  %t = linalg.transpose ins(%x : tensor<1x1x1x5xf32>) outs(%e : tensor<1x5x1x1xf32>) permutation = [0, 3, 1, 2]
  %c = tensor.collapse_shape %t [[0], [1, 2, 3]] : tensor<1x5x1x1xf32> into tensor<1x5xf32>
  return %c : tensor<1x5xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// The rows of the weights take the order in which the pixels lie: NCHW rows
// 0..7 are (c, w), the pixels come as (w, c).
// CHECK-LABEL: func.func @flatten_into_weights
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{\[\[}}0.{{0*}}e+00], [4.{{0*}}e+00], [1.{{0*}}e+00], [5.{{0*}}e+00], [2.{{0*}}e+00], [6.{{0*}}e+00], [3.{{0*}}e+00], [7.{{0*}}e+00]]>
// CHECK-NOT:     linalg.transpose
// CHECK:         %[[FLAT:.*]] = tensor.collapse_shape %{{.*}} : tensor<1x1x4x2xf32> into tensor<1x8xf32>
// CHECK:         linalg.matmul ins(%[[FLAT]], %[[W]] :
// CHECK-NOT:     linalg.transpose
func.func @flatten_into_weights(%x: tensor<1x1x4x2xf32>) -> tensor<1x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0]]> : tensor<8x1xf32>
  %e = tensor.empty() : tensor<1x2x1x4xf32>
  %t = linalg.transpose ins(%x : tensor<1x1x4x2xf32>) outs(%e : tensor<1x2x1x4xf32>) permutation = [0, 3, 1, 2]
  %c = tensor.collapse_shape %t [[0], [1, 2, 3]] : tensor<1x2x1x4xf32> into tensor<1x8xf32>
  %e1 = tensor.empty() : tensor<1x8xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<1x8xf32>) outs(%e1 : tensor<1x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x8xf32>
  %e2 = tensor.empty() : tensor<1x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x1xf32>) -> tensor<1x1xf32>
  %y = linalg.matmul ins(%r, %w : tensor<1x8xf32>, tensor<8x1xf32>) outs(%i : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// -----

// Must not fire: the weights vary, their rows cannot be moved by data.
// CHECK-LABEL: func.func @flatten_varying_weights
// CHECK:         linalg.transpose
// CHECK:         tensor.collapse_shape
// CHECK:         linalg.matmul
func.func @flatten_varying_weights(%x: tensor<1x1x4x2xf32>, %w: tensor<8x1xf32>) -> tensor<1x1xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x1x4xf32>
  %t = linalg.transpose ins(%x : tensor<1x1x4x2xf32>) outs(%e : tensor<1x2x1x4xf32>) permutation = [0, 3, 1, 2]
  %c = tensor.collapse_shape %t [[0], [1, 2, 3]] : tensor<1x2x1x4xf32> into tensor<1x8xf32>
  %e2 = tensor.empty() : tensor<1x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x1xf32>) -> tensor<1x1xf32>
  %y = linalg.matmul ins(%c, %w : tensor<1x8xf32>, tensor<8x1xf32>) outs(%i : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// -----

// Nearest resize by 2: a broadcast into pairs and a collapse.
// CHECK-LABEL: func.func @resize
// CHECK:         %[[PAIRS:.*]] = linalg.generic
// CHECK-SAME:        ins(%{{.*}} : tensor<1x3x4x5xf32>) outs(%{{.*}} : tensor<1x3x2x4x2x5xf32>)
// CHECK:         %[[WIDE:.*]] = tensor.collapse_shape %[[PAIRS]] {{\[\[}}0], [1, 2], [3, 4], [5]]
// CHECK:         linalg.transpose ins(%[[WIDE]] : tensor<1x6x8x5xf32>)
func.func @resize(%x: tensor<1x3x4x5xf32>) -> tensor<1x5x6x8xf32> {
  %e = tensor.empty() : tensor<1x5x3x4xf32>
  %t = linalg.transpose ins(%x : tensor<1x3x4x5xf32>) outs(%e : tensor<1x5x3x4xf32>) permutation = [0, 3, 1, 2]
  %e1 = tensor.empty() : tensor<1x5x3x2x4x2xf32>
  %b = linalg.generic {indexing_maps = [affine_map<(n, c, h, f, w, g) -> (n, c, h, w)>, affine_map<(n, c, h, f, w, g) -> (n, c, h, f, w, g)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%t : tensor<1x5x3x4xf32>) outs(%e1 : tensor<1x5x3x2x4x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<1x5x3x2x4x2xf32>
  %c = tensor.collapse_shape %b [[0], [1], [2, 3], [4, 5]] : tensor<1x5x3x2x4x2xf32> into tensor<1x5x6x8xf32>
  return %c : tensor<1x5x6x8xf32>
}

// -----

// Nearest resize to any size picks its elements by position.
// CHECK-LABEL: func.func @gather
// CHECK-SAME:      %[[X:.*]]: tensor<1x3x4x5xf32>
// CHECK:         %[[G:.*]] = linalg.generic
// CHECK-SAME:        outs(%{{.*}} : tensor<1x2x2x5xf32>)
// CHECK-DAG:       %[[H:.*]] = linalg.index 1
// CHECK-DAG:       %[[W:.*]] = linalg.index 2
// CHECK-DAG:       %[[C:.*]] = linalg.index 3
// CHECK:           tensor.extract %[[X]][%{{.*}}, %[[H]], %[[W]], %[[C]]]
// CHECK:         linalg.transpose ins(%[[G]] : tensor<1x2x2x5xf32>)
func.func @gather(%x: tensor<1x3x4x5xf32>) -> tensor<1x5x2x2xf32> {
  %e = tensor.empty() : tensor<1x5x3x4xf32>
  %t = linalg.transpose ins(%x : tensor<1x3x4x5xf32>) outs(%e : tensor<1x5x3x4xf32>) permutation = [0, 3, 1, 2]
  %e1 = tensor.empty() : tensor<1x5x2x2xf32>
  %b = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      outs(%e1 : tensor<1x5x2x2xf32>) {
  ^bb0(%o: f32):
    %n = linalg.index 0 : index
    %c = linalg.index 1 : index
    %h = linalg.index 2 : index
    %w = linalg.index 3 : index
    %v = tensor.extract %t[%n, %c, %h, %w] : tensor<1x5x3x4xf32>
    linalg.yield %v : f32
  } -> tensor<1x5x2x2xf32>
  return %b : tensor<1x5x2x2xf32>
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// One channel: the layouts are the same bytes, both borders are reshapes.
// CHECK-LABEL: func.func @one_channel
// CHECK-NOT:     linalg.transpose
// CHECK:         linalg.conv_2d_nhwc_fhwc
// CHECK:         linalg.generic
// CHECK-NOT:     linalg.transpose
func.func @one_channel(%x: tensor<1x1x6x6xf32>, %w: tensor<1x1x1x1xf32>) -> tensor<1x1x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x6x6x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x6x6x1xf32>) -> tensor<1x6x6x1xf32>
  %t = linalg.transpose ins(%x : tensor<1x1x6x6xf32>) outs(%e : tensor<1x6x6x1xf32>) permutation = [0, 2, 3, 1]
  %c = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%t, %w : tensor<1x6x6x1xf32>, tensor<1x1x1x1xf32>) outs(%i : tensor<1x6x6x1xf32>) -> tensor<1x6x6x1xf32>
  %e1 = tensor.empty() : tensor<1x1x6x6xf32>
  %t1 = linalg.transpose ins(%c : tensor<1x6x6x1xf32>) outs(%e1 : tensor<1x1x6x6xf32>) permutation = [0, 3, 1, 2]
  %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %t1 : tensor<1x1x6x6xf32>, tensor<1x1x6x6xf32>) outs(%e1 : tensor<1x1x6x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.subf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<1x1x6x6xf32>
  return %s : tensor<1x1x6x6xf32>
}

// -----

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d1)>

// The layout of an image changes before its normalization, not after.
// CHECK-LABEL: func.func @hoist_to_argument
// CHECK-SAME:      %[[X:.*]]: tensor<1x3x6x6xf32>
// CHECK:         %[[T:.*]] = linalg.transpose ins(%[[X]]
// CHECK:         linalg.generic {{.*}} ins(%[[T]], %{{.*}} : tensor<1x6x6x3xf32>, tensor<3xf32>)
// CHECK:         linalg.conv_2d_nhwc_fhwc
func.func @hoist_to_argument(%x: tensor<1x3x6x6xf32>, %w: tensor<1x1x1x3xf32>) -> tensor<1x6x6x1xf32> {
  %zero = arith.constant 0.0 : f32
  %mean = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %e0 = tensor.empty() : tensor<1x3x6x6xf32>
  %s = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %mean : tensor<1x3x6x6xf32>, tensor<3xf32>) outs(%e0 : tensor<1x3x6x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.subf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<1x3x6x6xf32>
  %e = tensor.empty() : tensor<1x6x6x3xf32>
  %t = linalg.transpose ins(%s : tensor<1x3x6x6xf32>) outs(%e : tensor<1x6x6x3xf32>) permutation = [0, 2, 3, 1]
  %e1 = tensor.empty() : tensor<1x6x6x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x6x6x1xf32>) -> tensor<1x6x6x1xf32>
  %c = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%t, %w : tensor<1x6x6x3xf32>, tensor<1x1x1x3xf32>) outs(%i : tensor<1x6x6x1xf32>) -> tensor<1x6x6x1xf32>
  return %c : tensor<1x6x6x1xf32>
}

// -----

// The same for a border; the padded image is not transposed again.
// CHECK-LABEL: func.func @hoist_pad
// CHECK-SAME:      %[[X:.*]]: tensor<1x3x6x6xf32>
// CHECK:         %[[T:.*]] = linalg.transpose ins(%[[X]]
// CHECK:         %[[P:.*]] = tensor.pad %[[T]] low[0, 1, 2, 0] high[0, 3, 4, 0]
// CHECK:         linalg.conv_2d_nhwc_fhwc {{.*}} ins(%[[P]],
func.func @hoist_pad(%x: tensor<1x3x6x6xf32>, %w: tensor<1x1x1x3xf32>) -> tensor<1x10x12x1xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<1x6x6x3xf32>
  %t = linalg.transpose ins(%x : tensor<1x3x6x6xf32>) outs(%e0 : tensor<1x6x6x3xf32>) permutation = [0, 2, 3, 1]
  %p = tensor.pad %t low[0, 1, 2, 0] high[0, 3, 4, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x6x6x3xf32> to tensor<1x10x12x3xf32>
  %e1 = tensor.empty() : tensor<1x10x12x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x10x12x1xf32>) -> tensor<1x10x12x1xf32>
  %y = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%p, %w : tensor<1x10x12x3xf32>, tensor<1x1x1x3xf32>) outs(%i : tensor<1x10x12x1xf32>) -> tensor<1x10x12x1xf32>
  return %y : tensor<1x10x12x1xf32>
}

// -----

// A channel shuffle between two NHWC operations: the shuffle itself is the one
// transposition that is left, inside the pixel.
// CHECK-LABEL: func.func @channel_shuffle
// CHECK:         %[[SPLIT:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0], [1], [2], [3, 4]] {{.*}} into tensor<1x4x5x2x3xf32>
// CHECK:         %[[MIXED:.*]] = linalg.transpose ins(%[[SPLIT]] : {{.*}}) {{.*}} permutation = [0, 1, 2, 4, 3]
// CHECK:         %[[Y:.*]] = tensor.collapse_shape %[[MIXED]] {{\[\[}}0], [1], [2], [3, 4]] {{.*}} into tensor<1x4x5x6xf32>
// CHECK-NEXT:    return %[[Y]]
func.func @channel_shuffle(%x: tensor<1x4x5x6xf32>) -> tensor<1x4x5x6xf32> {
  %e0 = tensor.empty() : tensor<1x6x4x5xf32>
  %t0 = linalg.transpose ins(%x : tensor<1x4x5x6xf32>) outs(%e0 : tensor<1x6x4x5xf32>) permutation = [0, 3, 1, 2]
  %s = tensor.expand_shape %t0 [[0], [1, 2], [3], [4]] output_shape [1, 2, 3, 4, 5] : tensor<1x6x4x5xf32> into tensor<1x2x3x4x5xf32>
  %e1 = tensor.empty() : tensor<1x3x2x4x5xf32>
  %t1 = linalg.transpose ins(%s : tensor<1x2x3x4x5xf32>) outs(%e1 : tensor<1x3x2x4x5xf32>) permutation = [0, 2, 1, 3, 4]
  %c = tensor.collapse_shape %t1 [[0], [1, 2], [3], [4]] : tensor<1x3x2x4x5xf32> into tensor<1x6x4x5xf32>
  %e2 = tensor.empty() : tensor<1x4x5x6xf32>
  %t2 = linalg.transpose ins(%c : tensor<1x6x4x5xf32>) outs(%e2 : tensor<1x4x5x6xf32>) permutation = [0, 2, 3, 1]
  return %t2 : tensor<1x4x5x6xf32>
}

// -----

// Softmax over the channels of NCHW, between transpositions: over the last
// dimension of NHWC.
// CHECK-LABEL: func.func @softmax
// CHECK-NOT:     linalg.transpose
// CHECK:         linalg.softmax dimension(3) ins(%arg0 : tensor<1x4x5x6xf32>)
// CHECK-NOT:     linalg.transpose
func.func @softmax(%x: tensor<1x4x5x6xf32>) -> tensor<1x4x5x6xf32> {
  %e0 = tensor.empty() : tensor<1x6x4x5xf32>
  %t0 = linalg.transpose ins(%x : tensor<1x4x5x6xf32>) outs(%e0 : tensor<1x6x4x5xf32>) permutation = [0, 3, 1, 2]
  %s = linalg.softmax dimension(1) ins(%t0 : tensor<1x6x4x5xf32>) outs(%e0 : tensor<1x6x4x5xf32>) -> tensor<1x6x4x5xf32>
  %e2 = tensor.empty() : tensor<1x4x5x6xf32>
  %t2 = linalg.transpose ins(%s : tensor<1x6x4x5xf32>) outs(%e2 : tensor<1x4x5x6xf32>) permutation = [0, 2, 3, 1]
  return %t2 : tensor<1x4x5x6xf32>
}
