// RUN: qopt-opt %s --qopt-remove-identities --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-remove-identities --split-input-file > %t.once
// RUN: qopt-opt %t.once --qopt-remove-identities --split-input-file | diff %t.once -

#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: func.func @neutral
// CHECK-SAME:      %[[X:.*]]: tensor<2x3xf32>, %{{.*}}: tensor<7xf32>
// CHECK-NOT:     linalg.generic
// CHECK:         return %[[X]]
func.func @neutral(%x: tensor<2x3xf32>, %unused: tensor<7xf32>) -> tensor<2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %ones = arith.constant dense<1.0> : tensor<3xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %zero, %a : f32
    %s = arith.subf %r, %zero : f32
    linalg.yield %s : f32
  } -> tensor<2x3xf32>
  %1 = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %ones : tensor<2x3xf32>, tensor<3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    %s = arith.divf %r, %b : f32
    linalg.yield %s : f32
  } -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// Must not fire: 0 - x and 1 / x are functions of x.
// CHECK-LABEL: func.func @not_neutral
// CHECK:         arith.subf
// CHECK:         arith.divf
func.func @not_neutral(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.subf %zero, %a : f32
    %s = arith.divf %one, %r : f32
    linalg.yield %s : f32
  } -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// relu(relu6(x)) -> relu6(x); then a clip to [1, 20] after a relu6 used once:
// one clamp to [1, 6].
// CHECK-LABEL: func.func @clamps
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1.{{0*}}e+00
// CHECK-DAG:     %[[SIX:.*]] = arith.constant 6.{{0*}}e+00
// CHECK:         linalg.generic
// CHECK-NEXT:    ^bb0(%[[A:.*]]: f32,
// CHECK-NEXT:      %[[M:.*]] = arith.maximumf %[[A]], %[[ONE]]
// CHECK-NEXT:      %[[N:.*]] = arith.minimumf %[[M]], %[[SIX]]
// CHECK-NEXT:      linalg.yield %[[N]]
// CHECK-NOT:     linalg.generic
func.func @clamps(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %six = arith.constant 6.0 : f32
  %twenty = arith.constant 20.0 : f32
  %e = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %zero : f32
    %s = arith.minimumf %r, %six : f32
    linalg.yield %s : f32
  } -> tensor<2x3xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf ogt, %a, %zero : f32
    %r = arith.select %c, %a, %zero : f32
    linalg.yield %r : f32
  } -> tensor<2x3xf32>
  %2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%1 : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.minimumf %a, %twenty : f32
    %s = arith.maximumf %r, %one : f32
    linalg.yield %s : f32
  } -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// Must not fire: the relu is a result of its own.
// CHECK-LABEL: func.func @clamp_of_shared
// CHECK:         arith.maximumf
// CHECK:         arith.minimumf
func.func @clamp_of_shared(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %zero = arith.constant 0.0 : f32
  %six = arith.constant 6.0 : f32
  %e = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %zero : f32
    linalg.yield %r : f32
  } -> tensor<2x3xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.minimumf %a, %six : f32
    linalg.yield %r : f32
  } -> tensor<2x3xf32>
  return %0, %1 : tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @movement
// CHECK-SAME:      %[[X:.*]]: tensor<2x3xf32>
// CHECK-NEXT:    return %[[X]]
func.func @movement(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0] high[0, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<2x3xf32> to tensor<2x3xf32>
  %c = tensor.concat dim(0) %p : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %s = tensor.extract_slice %c[0, 0] [2, 3] [1, 1] : tensor<2x3xf32> to tensor<2x3xf32>
  %f = tensor.collapse_shape %s [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
  %g = tensor.expand_shape %f [[0, 1]] output_shape [3, 2] : tensor<6xf32> into tensor<3x2xf32>
  %h = tensor.collapse_shape %g [[0, 1]] : tensor<3x2xf32> into tensor<6xf32>
  %y = tensor.expand_shape %h [[0, 1]] output_shape [2, 3] : tensor<6xf32> into tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
