// Sizes that are not known until run time. The driver gives every dimension a
// value; in another toolchain a pass leaves such a function as it is, or says
// that it cannot take it.

// RUN: qopt-opt %s > %t.plain
// RUN: qopt-opt %s --qopt-fold-batch-norm | diff %t.plain -
// RUN: qopt-opt %s --qopt-assign-layout | diff %t.plain -
// RUN: qopt-opt %s --qopt-remove-identities | diff %t.plain -
// RUN: qopt-opt %s --qopt-sink-movement | diff %t.plain -
// RUN: qopt-opt %s --qopt-generate-nests | diff %t.plain -
// RUN: qopt-opt %s --qopt-place-results | diff %t.plain -
// RUN: qopt-opt %s --qopt-lower-observe | diff %t.plain -
// RUN: qopt-opt %s --qopt-outline-parallel-loops | diff %t.plain -
// RUN: qopt-opt %s --convert-qdq-to-integer | diff %t.plain -
// RUN: qopt-opt %s --convert-qopt-dot --convert-table-lookup | diff %t.plain -

// Observers do not care, and go away again.
// RUN: qopt-opt %s --qopt-insert-observers | FileCheck %s --check-prefix=OBSERVED
// RUN: qopt-opt %s --qopt-insert-observers --qopt-strip-observers | diff %t.plain -
// OBSERVED: qopt.observe {{.*}} : tensor<?x?x?x4xf32> -> tensor<?x?x?x4xf32>

// A constant does not become one of unknown size.
// RUN: qopt-opt %s --qopt-fold-constants | FileCheck %s --check-prefix=FOLDED
// FOLDED-LABEL: func.func private @constant
// FOLDED:         tensor.cast {{.*}} : tensor<2x4xf32> to tensor<?x?xf32>

// NCHW stays, where its transposition would need the sizes.
// RUN: qopt-opt %s --qopt-normalize-linalg | FileCheck %s --check-prefix=NORMALIZED
// NORMALIZED-LABEL: func.func private @conv_nchw
// NORMALIZED:         linalg.conv_2d_nchw_fchw

// No loop nest.
// RUN: qopt-opt %s --qopt-assign-schedule --qopt-generate-nests | FileCheck %s --check-prefix=SCHEDULED --implicit-check-not=qopt.schedule --implicit-check-not=scf.for
// SCHEDULED: qopt.stored = [{name = "conv", type = tensor<?x?x?x8xf32>, why = "has no loop nest"}]

// Bodies are scalars.
// RUN: qopt-opt %s --qopt-expand-math | FileCheck %s --check-prefix=MATH
// MATH-LABEL: func.func private @elementwise
// MATH-NOT:     math.exp

// RUN: not qopt-opt %s --qopt-quantize 2>&1 | FileCheck %s --check-prefix=QUANTIZED
// QUANTIZED: error: expects static shapes, got 'tensor<?x?x?x4xf32>'

func.func @conv(%x: tensor<?x?x?x4xf32>, %init: tensor<?x?x?x8xf32>) -> tensor<?x?x?x8xf32> {
  %w = arith.constant dense<0.5> : tensor<8x3x3x4xf32>
  %0 = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
         ins(%x, %w : tensor<?x?x?x4xf32>, tensor<8x3x3x4xf32>) outs(%init : tensor<?x?x?x8xf32>) -> tensor<?x?x?x8xf32> loc("conv")
  return %0 : tensor<?x?x?x8xf32>
}

// What would be folded into the weights, were the sizes known.
func.func private @batch_norm(%x: tensor<?x?x?x4xf32>, %y: tensor<?x?x?x8xf32>) -> tensor<?x?x?x8xf32> {
  %w = arith.constant dense<0.5> : tensor<8x3x3x4xf32>
  %s = arith.constant dense<2.0> : tensor<8xf32>
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%y : tensor<?x?x?x8xf32>) -> tensor<?x?x?x8xf32>
  %0 = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
         ins(%x, %w : tensor<?x?x?x4xf32>, tensor<8x3x3x4xf32>) outs(%init : tensor<?x?x?x8xf32>) -> tensor<?x?x?x8xf32> loc("conv")
  %1 = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
         ins(%0, %s : tensor<?x?x?x8xf32>, tensor<8xf32>) outs(%y : tensor<?x?x?x8xf32>) {
  ^bb0(%in: f32, %scale: f32, %out: f32):
    %m = arith.mulf %in, %scale : f32
    linalg.yield %m : f32
  } -> tensor<?x?x?x8xf32> loc("scale")
  return %1 : tensor<?x?x?x8xf32>
}

func.func private @conv_nchw(%x: tensor<?x4x?x?xf32>, %init: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
  %w = arith.constant dense<0.5> : tensor<8x4x3x3xf32>
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
         ins(%x, %w : tensor<?x4x?x?xf32>, tensor<8x4x3x3xf32>) outs(%init : tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> loc("conv")
  return %0 : tensor<?x8x?x?xf32>
}

func.func private @matmul(%x: tensor<?x16xf32>, %init: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = arith.constant dense<0.5> : tensor<16x4xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<?x16xf32>, tensor<16x4xf32>) outs(%init : tensor<?x4xf32>) -> tensor<?x4xf32> loc("fc")
  return %0 : tensor<?x4xf32>
}

func.func private @elementwise(%x: tensor<?x?xf32>, %init: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
         ins(%x : tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %e = math.exp %in : f32
    linalg.yield %e : f32
  } -> tensor<?x?xf32> loc("exp")
  return %0 : tensor<?x?xf32>
}

// Two transpositions that would meet.
func.func private @movement(%x: tensor<?x4x?xf32>, %init: tensor<?x?x4xf32>) -> tensor<?x4x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %t = linalg.transpose ins(%x : tensor<?x4x?xf32>) outs(%init : tensor<?x?x4xf32>) permutation = [0, 2, 1] loc("t")
  %p = tensor.pad %t low[0, 1, 0] high[0, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %zero : f32
  } : tensor<?x?x4xf32> to tensor<?x?x4xf32> loc("p")
  %d0 = tensor.dim %p, %c0 : tensor<?x?x4xf32>
  %d1 = tensor.dim %p, %c1 : tensor<?x?x4xf32>
  %e = tensor.empty(%d0, %d1) : tensor<?x4x?xf32>
  %b = linalg.transpose ins(%p : tensor<?x?x4xf32>) outs(%e : tensor<?x4x?xf32>) permutation = [0, 2, 1] loc("b")
  return %b : tensor<?x4x?xf32>
}

func.func private @constant() -> tensor<?x?xf32> {
  %c = arith.constant dense<[[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]> : tensor<2x4xf32>
  %0 = tensor.cast %c : tensor<2x4xf32> to tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
