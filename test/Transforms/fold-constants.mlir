// RUN: qopt-opt %s --qopt-fold-constants --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-fold-constants --split-input-file > %t.once
// RUN: qopt-opt %t.once --qopt-fold-constants --split-input-file | diff %t.once -
// RUN: qopt-opt %s --qopt-fold-constants=max-steps=5 --split-input-file | FileCheck %s --check-prefix=BOUND

// CHECK-LABEL: func.func @movement
// CHECK-DAG:     arith.constant dense<{{\[\[}}1.{{0*}}e+00, 4.{{0*}}e+00], [2.{{0*}}e+00, 5.{{0*}}e+00], [3.{{0*}}e+00, 6.{{0*}}e+00]]> : tensor<3x2xf32>
// CHECK-DAG:     arith.constant dense<{{\[\[}}9.{{0*}}e+00, 1.{{0*}}e+00, 2.{{0*}}e+00, 3.{{0*}}e+00], [9.{{0*}}e+00, 4.{{0*}}e+00, 5.{{0*}}e+00, 6.{{0*}}e+00]]> : tensor<2x4xf32>
// CHECK-DAG:     arith.constant dense<[3.{{0*}}e+00, 6.{{0*}}e+00]> : tensor<2xf32>
// CHECK-DAG:     arith.constant dense<{{\[\[}}1.{{0*}}e+00, 2.{{0*}}e+00, 3.{{0*}}e+00, 7.{{0*}}e+00], [4.{{0*}}e+00, 5.{{0*}}e+00, 6.{{0*}}e+00, 7.{{0*}}e+00]]> : tensor<2x4xf32>
// CHECK-DAG:     arith.constant dense<[1.{{0*}}e+00, 2.{{0*}}e+00, 3.{{0*}}e+00, 4.{{0*}}e+00, 5.{{0*}}e+00, 6.{{0*}}e+00]> : tensor<6xf32>
// CHECK-NOT:     linalg.
// CHECK-NOT:     tensor.
// CHECK:         return
func.func @movement() -> (tensor<3x2xf32>, tensor<2x4xf32>, tensor<2xf32>, tensor<2x4xf32>, tensor<6xf32>) {
  %c = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %sevens = arith.constant dense<7.0> : tensor<2x1xf32>
  %nine = arith.constant 9.0 : f32
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%c : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %p = tensor.pad %c low[0, 1] high[0, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %nine : f32
  } : tensor<2x3xf32> to tensor<2x4xf32>
  %s = tensor.extract_slice %c[0, 2] [2, 1] [1, 1] : tensor<2x3xf32> to tensor<2xf32>
  %k = tensor.concat dim(1) %c, %sevens : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %f = tensor.collapse_shape %c [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
  return %t, %p, %s, %k, %f : tensor<3x2xf32>, tensor<2x4xf32>, tensor<2xf32>, tensor<2x4xf32>, tensor<6xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#first = affine_map<(d0, d1) -> (d0)>

// A norm of the weights, computed as the model would: 10 = 1 + 9, 20 = 4 + 16.
// CHECK-LABEL: func.func @computed
// CHECK:         arith.constant dense<[1.{{0*}}e+01, 2.{{0*}}e+01]> : tensor<2xf32>
// CHECK-NOT:     linalg.
// CHECK:         return
// Six steps are more than five.
// BOUND-LABEL: func.func @computed
// BOUND:         linalg.generic
func.func @computed() -> tensor<2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1.0, 3.0, 0.0], [2.0, 4.0, 0.0]]> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %n = linalg.generic {indexing_maps = [#id, #first], iterator_types = ["parallel", "reduction"]}
      ins(%w : tensor<2x3xf32>) outs(%i : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.mulf %a, %a : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<2xf32>
  return %n : tensor<2xf32>
}

// -----

// Must not fire: the input varies, and inits stay inits.
// CHECK-LABEL: func.func @varies
// CHECK:         linalg.broadcast
// CHECK:         linalg.matmul
func.func @varies(%x: tensor<2x3xf32>) -> tensor<2x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %i = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<2x2xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<2x3xf32>, tensor<3x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

// CHECK-LABEL: func.func @resource
// CHECK:         arith.constant dense<[1.{{0*}}e+00, 2.{{0*}}e+00]> : tensor<2xf32>
func.func @resource() -> tensor<2xf32> {
  %c = arith.constant dense_resource<two> : tensor<2xf32>
  return %c : tensor<2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      two: "0x040000000000803F00000040"
    }
  }
#-}
