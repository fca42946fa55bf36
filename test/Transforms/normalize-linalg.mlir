// RUN: qopt-opt %s --qopt-normalize-linalg --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-normalize-linalg --canonicalize --split-input-file > %t.once
// RUN: qopt-opt %t.once --qopt-normalize-linalg --canonicalize --split-input-file | diff %t.once -
// RUN: qopt-opt %s --qopt-normalize-linalg --split-input-file --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAME

// CHECK: module attributes {qopt.source_nodes = [{name = "conv_2d_0", op = "linalg.conv_2d_nchw_fchw"}
// CHECK-LABEL: func.func @conv_nchw
// CHECK-SAME:      {qopt.name = "input_0"}
// CHECK-SAME:      {qopt.name = "output_0"}
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{\[\[\[\[}}1.{{0*}}e+00, 3.{{0*}}e+00], [2.{{0*}}e+00, 4.{{0*}}e+00]]]]> : tensor<1x1x2x2xf32>
// CHECK-DAG:     %[[X:.*]] = linalg.transpose ins(%{{.*}} : tensor<1x2x6x7xf32>) {{.*}} permutation = [0, 2, 3, 1]
// CHECK:         %[[Y:.*]] = linalg.conv_2d_nhwc_fhwc {dilations = dense<[1, 3]> : tensor<2xi64>, strides = dense<[2, 1]> : tensor<2xi64>}
// CHECK-SAME:        ins(%[[X]], %[[W]] : tensor<1x6x7x2xf32>, tensor<1x1x2x2xf32>) outs(%{{.*}} : tensor<1x3x4x1xf32>)
// CHECK:         linalg.transpose ins(%[[Y]] : {{.*}}) {{.*}} permutation = [0, 3, 1, 2]
// NAME-LABEL:  func.func @conv_nchw
// NAME:        linalg.conv_2d_nhwc_fhwc {{.*}} loc("conv_2d_0"
func.func @conv_nchw(%x: tensor<1x2x6x7xf32>) -> tensor<1x1x3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[1.0, 2.0]], [[3.0, 4.0]]]]> : tensor<1x2x1x2xf32>
  %e = tensor.empty() : tensor<1x1x3x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1x3x4xf32>) -> tensor<1x1x3x4xf32>
  %y = linalg.conv_2d_nchw_fchw {strides = dense<[2, 1]> : tensor<2xi64>, dilations = dense<[1, 3]> : tensor<2xi64>}
      ins(%x, %w : tensor<1x2x6x7xf32>, tensor<1x2x1x2xf32>) outs(%i : tensor<1x1x3x4xf32>) -> tensor<1x1x3x4xf32>
  return %y : tensor<1x1x3x4xf32>
}

// -----

// Weights H, W, I, O; the bias keeps its broadcast.
// CHECK-LABEL: func.func @conv_hwcf
// CHECK:         linalg.transpose ins(%{{.*}} : tensor<2x3x4x5xf32>) {{.*}} permutation = [3, 0, 1, 2]
// CHECK:         linalg.conv_2d_nhwc_fhwc
// CHECK-NOT:     linalg.transpose
func.func @conv_hwcf(%x: tensor<1x6x7x4xf32>, %w: tensor<2x3x4x5xf32>, %i: tensor<1x5x5x5xf32>) -> tensor<1x5x5x5xf32> {
  %y = linalg.conv_2d_nhwc_hwcf {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x6x7x4xf32>, tensor<2x3x4x5xf32>) outs(%i : tensor<1x5x5x5xf32>) -> tensor<1x5x5x5xf32>
  return %y : tensor<1x5x5x5xf32>
}

// -----

// One dimension: height 1. A generic convolution is one, too.
// CHECK-LABEL: func.func @conv_1d
// CHECK:         linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<[1, 2]> : tensor<2xi64>}
// CHECK-SAME:        tensor<1x1x9x4xf32>, tensor<5x1x3x4xf32>) outs(%{{.*}} : tensor<1x1x4x5xf32>)
// CHECK-LABEL: func.func @conv_1d_generic
// CHECK:         linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<[1, 2]> : tensor<2xi64>}
// CHECK-SAME:        tensor<1x1x9x4xf32>, tensor<5x1x3x4xf32>) outs(%{{.*}} : tensor<1x1x4x5xf32>)
func.func @conv_1d(%x: tensor<1x4x9xf32>, %w: tensor<5x4x3xf32>, %i: tensor<1x5x4xf32>) -> tensor<1x5x4xf32> {
  %y = linalg.conv_1d_ncw_fcw {strides = dense<2> : tensor<1xi64>, dilations = dense<1> : tensor<1xi64>}
      ins(%x, %w : tensor<1x4x9xf32>, tensor<5x4x3xf32>) outs(%i : tensor<1x5x4xf32>) -> tensor<1x5x4xf32>
  return %y : tensor<1x5x4xf32>
}
func.func @conv_1d_generic(%x: tensor<1x4x9xf32>, %w: tensor<5x4x3xf32>, %i: tensor<1x5x4xf32>) -> tensor<1x5x4xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(n, f, w, c, k) -> (n, c, w * 2 + k)>, affine_map<(n, f, w, c, k) -> (f, c, k)>,
                                        affine_map<(n, f, w, c, k) -> (n, f, w)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x4x9xf32>, tensor<5x4x3xf32>) outs(%i : tensor<1x5x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x5x4xf32>
  return %y : tensor<1x5x4xf32>
}

// -----

// Depthwise; a multiplier of 2 makes groups of one input and two outputs, and
// groups of one and one are depthwise.
// CHECK-LABEL: func.func @depthwise_nchw
// CHECK:         linalg.depthwise_conv_2d_nhwc_hwc
// CHECK-SAME:        tensor<1x6x6x4xf32>, tensor<3x3x4xf32>
// CHECK-LABEL: func.func @depthwise_multiplier
// CHECK:         linalg.conv_2d_nhwgc_gfhwc
// CHECK-SAME:        tensor<1x6x6x4x1xf32>, tensor<4x2x3x3x1xf32>) outs(%{{.*}} : tensor<1x4x4x4x2xf32>)
// CHECK-LABEL: func.func @grouped_ngchw
// CHECK:         linalg.conv_2d_nhwgc_gfhwc
// CHECK-SAME:        tensor<1x6x6x2x3xf32>, tensor<2x5x3x3x3xf32>) outs(%{{.*}} : tensor<1x4x4x2x5xf32>)
// CHECK-LABEL: func.func @grouped_of_one
// CHECK:         linalg.depthwise_conv_2d_nhwc_hwc
// CHECK-SAME:        tensor<1x6x6x7xf32>, tensor<3x3x7xf32>
func.func @depthwise_nchw(%x: tensor<1x4x6x6xf32>, %w: tensor<4x3x3xf32>, %i: tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32> {
  %y = linalg.depthwise_conv_2d_nchw_chw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x4x6x6xf32>, tensor<4x3x3xf32>) outs(%i : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  return %y : tensor<1x4x4x4xf32>
}
func.func @depthwise_multiplier(%x: tensor<1x6x6x4xf32>, %w: tensor<3x3x4x2xf32>, %i: tensor<1x4x4x4x2xf32>) -> tensor<1x4x4x4x2xf32> {
  %y = linalg.depthwise_conv_2d_nhwc_hwcm {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x6x6x4xf32>, tensor<3x3x4x2xf32>) outs(%i : tensor<1x4x4x4x2xf32>) -> tensor<1x4x4x4x2xf32>
  return %y : tensor<1x4x4x4x2xf32>
}
func.func @grouped_ngchw(%x: tensor<1x2x3x6x6xf32>, %w: tensor<2x5x3x3x3xf32>, %i: tensor<1x2x5x4x4xf32>) -> tensor<1x2x5x4x4xf32> {
  %y = linalg.conv_2d_ngchw_gfchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x2x3x6x6xf32>, tensor<2x5x3x3x3xf32>) outs(%i : tensor<1x2x5x4x4xf32>) -> tensor<1x2x5x4x4xf32>
  return %y : tensor<1x2x5x4x4xf32>
}
func.func @grouped_of_one(%x: tensor<1x6x6x7x1xf32>, %w: tensor<7x1x3x3x1xf32>, %i: tensor<1x4x4x7x1xf32>) -> tensor<1x4x4x7x1xf32> {
  %y = linalg.conv_2d_nhwgc_gfhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x6x6x7x1xf32>, tensor<7x1x3x3x1xf32>) outs(%i : tensor<1x4x4x7x1xf32>) -> tensor<1x4x4x7x1xf32>
  return %y : tensor<1x4x4x7x1xf32>
}

// -----

// Products: B transposed by its data, the constant on the right, vectors as
// matrices, one batch as none.
// CHECK-LABEL: func.func @matmul_transposed
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{\[\[}}1.{{0*}}e+00, 3.{{0*}}e+00, 5.{{0*}}e+00], [2.{{0*}}e+00, 4.{{0*}}e+00, 6.{{0*}}e+00]]> : tensor<2x3xf32>
// CHECK:         linalg.matmul ins(%{{.*}}, %[[W]] : tensor<4x2xf32>, tensor<2x3xf32>)
// CHECK-LABEL: func.func @constant_left
// CHECK-DAG:     %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<2x3xf32>
// CHECK:         %[[X:.*]] = linalg.transpose ins(%{{.*}} : tensor<2x4xf32>)
// CHECK:         %[[Y:.*]] = linalg.matmul ins(%[[X]], %[[W]] : tensor<4x2xf32>, tensor<2x3xf32>)
// CHECK:         linalg.transpose ins(%[[Y]] : tensor<4x3xf32>)
// CHECK-LABEL: func.func @vecmat
// CHECK:         linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<1x2xf32>, tensor<2x3xf32>) outs(%{{.*}} : tensor<1x3xf32>)
// CHECK-LABEL: func.func @one_batch
// CHECK:         linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<4x2xf32>, tensor<2x3xf32>) outs(%{{.*}} : tensor<4x3xf32>)
// CHECK-LABEL: func.func @batch
// CHECK:         linalg.batch_matmul ins(%{{.*}}, %{{.*}} : tensor<5x4x2xf32>, tensor<5x2x3xf32>)
func.func @matmul_transposed(%x: tensor<4x2xf32>, %i: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<4x2xf32>, tensor<3x2xf32>) outs(%i : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}
func.func @constant_left(%x: tensor<2x4xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %y = linalg.matmul ins(%w, %x : tensor<3x2xf32>, tensor<2x4xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
func.func @vecmat(%x: tensor<2xf32>, %w: tensor<2x3xf32>, %i: tensor<3xf32>) -> tensor<3xf32> {
  %y = linalg.vecmat ins(%x, %w : tensor<2xf32>, tensor<2x3xf32>) outs(%i : tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
func.func @one_batch(%x: tensor<1x4x2xf32>, %w: tensor<1x2x3xf32>, %i: tensor<1x4x3xf32>) -> tensor<1x4x3xf32> {
  %y = linalg.batch_matmul ins(%x, %w : tensor<1x4x2xf32>, tensor<1x2x3xf32>) outs(%i : tensor<1x4x3xf32>) -> tensor<1x4x3xf32>
  return %y : tensor<1x4x3xf32>
}
func.func @batch(%x: tensor<5x4x2xf32>, %w: tensor<5x2x3xf32>, %i: tensor<5x4x3xf32>) -> tensor<5x4x3xf32> {
  %y = linalg.batch_matmul ins(%x, %w : tensor<5x4x2xf32>, tensor<5x2x3xf32>) outs(%i : tensor<5x4x3xf32>) -> tensor<5x4x3xf32>
  return %y : tensor<5x4x3xf32>
}

// -----

// CHECK-LABEL: func.func @pooling
// CHECK:         linalg.pooling_nhwc_max {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
// CHECK-SAME:        tensor<1x6x6x4xf32>, tensor<3x2xf32>) outs(%{{.*}} : tensor<1x2x3x4xf32>)
// CHECK:         linalg.pooling_nhwc_sum {dilations = dense<1> : tensor<2xi64>, strides = dense<[1, 2]> : tensor<2xi64>}
// CHECK-SAME:        tensor<1x1x6x4xf32>, tensor<1x2xf32>) outs(%{{.*}} : tensor<1x1x3x4xf32>)
func.func @pooling(%x: tensor<1x4x6x6xf32>, %i: tensor<1x4x2x3xf32>, %y: tensor<1x6x4xf32>, %j: tensor<1x3x4xf32>) -> (tensor<1x4x2x3xf32>, tensor<1x3x4xf32>) {
  %k = tensor.empty() : tensor<3x2xf32>
  %0 = linalg.pooling_nchw_max {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %k : tensor<1x4x6x6xf32>, tensor<3x2xf32>) outs(%i : tensor<1x4x2x3xf32>) -> tensor<1x4x2x3xf32>
  %l = tensor.empty() : tensor<2xf32>
  %1 = linalg.pooling_nwc_sum {strides = dense<2> : tensor<1xi64>, dilations = dense<1> : tensor<1xi64>}
      ins(%y, %l : tensor<1x6x4xf32>, tensor<2xf32>) outs(%j : tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
  return %0, %1 : tensor<1x4x2x3xf32>, tensor<1x3x4xf32>
}

// -----

// Strides and dilations are 1 where they are not given.
// CHECK-LABEL: func.func @pooling_defaults
// CHECK:         linalg.pooling_nhwc_max {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
// CHECK:         linalg.pooling_nhwc_sum {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
// CHECK:         linalg.pooling_nhwc_max {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
func.func @pooling_defaults(%x: tensor<1x4x6x6xf32>, %i: tensor<1x4x4x5xf32>, %y: tensor<1x6x4xf32>, %j: tensor<1x5x4xf32>, %z: tensor<1x4x6xf32>, %h: tensor<1x4x5xf32>)
    -> (tensor<1x4x4x5xf32>, tensor<1x5x4xf32>, tensor<1x4x5xf32>) {
  %k = tensor.empty() : tensor<3x2xf32>
  %0 = linalg.pooling_nchw_max ins(%x, %k : tensor<1x4x6x6xf32>, tensor<3x2xf32>) outs(%i : tensor<1x4x4x5xf32>) -> tensor<1x4x4x5xf32>
  %l = tensor.empty() : tensor<2xf32>
  %1 = linalg.pooling_nwc_sum ins(%y, %l : tensor<1x6x4xf32>, tensor<2xf32>) outs(%j : tensor<1x5x4xf32>) -> tensor<1x5x4xf32>
  %2 = linalg.pooling_ncw_max ins(%z, %l : tensor<1x4x6xf32>, tensor<2xf32>) outs(%h : tensor<1x4x5xf32>) -> tensor<1x4x5xf32>
  return %0, %1, %2 : tensor<1x4x4x5xf32>, tensor<1x5x4xf32>, tensor<1x4x5xf32>
}

// -----

// CHECK-DAG:   #[[$ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG:   #[[$FIRST:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @elementwise
// CHECK-SAME:      %[[X:.*]]: tensor<2x3xf32> {{.*}}, %[[Y:.*]]: tensor<2x1xf32>
// CHECK:         %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[$ID]], #[[$ID]], #[[$ID]]]
// CHECK:           arith.addf
// A dimension read at 0 is dropped.
// CHECK:         %[[COLUMN:.*]] = tensor.collapse_shape %[[Y]] {{\[\[}}0, 1]]
// CHECK:         %[[MUL:.*]] = linalg.generic {indexing_maps = [#[[$ID]], #[[$FIRST]], #[[$ID]]]
// CHECK-SAME:        ins(%[[SUM]], %[[COLUMN]] :
// A splat operand becomes a scalar.
// CHECK:         linalg.generic {indexing_maps = [#[[$ID]], #[[$ID]]]
// CHECK-SAME:        ins(%[[MUL]] :
// CHECK:           arith.maximumf
func.func @elementwise(%x: tensor<2x3xf32>, %y: tensor<2x1xf32>) -> tensor<2x3xf32> {
  %e = tensor.empty() : tensor<2x3xf32>
  %zeros = arith.constant dense<0.0> : tensor<2x3xf32>
  %0 = linalg.add ins(%x, %x : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, 0)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%0, %y : tensor<2x3xf32>, tensor<2x1xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<2x3xf32>
  %2 = linalg.max ins(%1, %zeros : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// -----

// Must not fire: an integer convolution with zero points, a dynamic shape, a
// volume; names that are there stay.
// CHECK-LABEL: func.func @left_alone
// CHECK:         linalg.conv_2d_nhwc_hwcf_q
// CHECK:         linalg.conv_2d_nhwc_hwcf
// CHECK:         linalg.conv_3d_ndhwc_dhwcf
// NAME-LABEL:  func.func @left_alone
// NAME:        linalg.conv_2d_nhwc_hwcf_q {{.*}} loc("mine")
func.func @left_alone(%x: tensor<1x4x4x2xi8>, %w: tensor<1x1x2x3xi8>, %z: i32, %i: tensor<1x4x4x3xi32>,
                      %dx: tensor<?x4x4x2xf32>, %dw: tensor<1x1x2x3xf32>, %di: tensor<?x4x4x3xf32>,
                      %vx: tensor<1x4x4x4x2xf32>, %vw: tensor<1x1x1x2x3xf32>, %vi: tensor<1x4x4x4x3xf32>)
    -> (tensor<1x4x4x3xi32>, tensor<?x4x4x3xf32>, tensor<1x4x4x4x3xf32>) {
  %0 = linalg.conv_2d_nhwc_hwcf_q {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w, %z, %z : tensor<1x4x4x2xi8>, tensor<1x1x2x3xi8>, i32, i32) outs(%i : tensor<1x4x4x3xi32>) -> tensor<1x4x4x3xi32> loc("mine")
  %1 = linalg.conv_2d_nhwc_hwcf {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%dx, %dw : tensor<?x4x4x2xf32>, tensor<1x1x2x3xf32>) outs(%di : tensor<?x4x4x3xf32>) -> tensor<?x4x4x3xf32>
  %2 = linalg.conv_3d_ndhwc_dhwcf {strides = dense<1> : tensor<3xi64>, dilations = dense<1> : tensor<3xi64>}
      ins(%vx, %vw : tensor<1x4x4x4x2xf32>, tensor<1x1x1x2x3xf32>) outs(%vi : tensor<1x4x4x4x3xf32>) -> tensor<1x4x4x4x3xf32>
  return %0, %1, %2 : tensor<1x4x4x3xi32>, tensor<?x4x4x3xf32>, tensor<1x4x4x4x3xf32>
}
