// RUN: qopt-opt %s --qopt-insert-observers --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-insert-observers --qopt-insert-observers \
// RUN:   --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-insert-observers=per-channel --split-input-file | \
// RUN:   FileCheck %s --check-prefix=CHANNEL
// RUN: qopt-opt %s --qopt-insert-observers --qopt-strip-observers \
// RUN:   --split-input-file | FileCheck %s --check-prefix=STRIP

// Inputs and results of arithmetic are observed; constants, inits and movement
// are not. All users read the observer, so it sees what they see.
// CHECK-LABEL: func.func @model
// CHECK-SAME: (%[[X:.*]]: tensor<1x4x4x2xf32> {qopt.name = "image"}
// CHECK: %[[OX:.*]] = qopt.observe %[[X]] {edge = "image"}
// CHECK-NOT: qopt.observe
// CHECK: %[[PAD:.*]] = tensor.pad %[[OX]]
// CHECK-NOT: qopt.observe
// CHECK: %[[CONV:.*]] = linalg.conv_2d_nhwc_fhwc ins(%[[PAD]]
// CHECK: %[[OC:.*]] = qopt.observe %[[CONV]] {edge = "conv1"}
// CHECK: %[[RELU:.*]] = linalg.generic {{.*}} ins(%[[OC]]
// CHECK: %[[OR:.*]] = qopt.observe %[[RELU]] {edge = "conv1#2"}
// CHECK-NOT: qopt.observe
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[OR]]
// CHECK: return %[[FLAT]]

// The channel is the last dimension; inputs keep one range.
// CHANNEL-LABEL: func.func @model
// CHANNEL: qopt.observe %{{.*}} {edge = "image"}
// CHANNEL: qopt.observe %{{.*}} {axis = 3 : i64, edge = "conv1"}

// STRIP-LABEL: func.func @model
// STRIP-SAME: (%[[X:.*]]: tensor<1x4x4x2xf32>
// STRIP-NOT: qopt.observe
// STRIP: tensor.pad %[[X]]
// STRIP-NOT: qopt.observe
func.func @model(%x: tensor<1x4x4x2xf32> {qopt.name = "image"}) -> tensor<48xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<3x3x3x2xf32>
  %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x2xf32> to tensor<1x6x6x2xf32>
  %e = tensor.empty() : tensor<1x4x4x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32>
  %conv = linalg.conv_2d_nhwc_fhwc
    ins(%padded, %w : tensor<1x6x6x2xf32>, tensor<3x3x3x2xf32>)
    outs(%init : tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32> loc(fused["conv1", "bn1"])
  %relu = linalg.generic {
    indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel"]
  } ins(%conv : tensor<1x4x4x3xf32>) outs(%e : tensor<1x4x4x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4x3xf32> loc("conv1")
  %flat = tensor.collapse_shape %relu [[0, 1, 2, 3]] : tensor<1x4x4x3xf32> into tensor<48xf32> loc("flatten")
  return %flat : tensor<48xf32>
}

// -----

// Values of other types are left alone, a second input counts its name on.
// CHECK-LABEL: func.func @types
// CHECK-SAME: (%[[I:.*]]: tensor<4xi64>, %[[A:.*]]: tensor<4xf32>
// CHECK-NEXT: %[[OA:.*]] = qopt.observe %[[A]] {edge = "input1"}
// CHECK-NEXT: return %[[I]], %[[OA]]
func.func @types(%i: tensor<4xi64>, %a: tensor<4xf32>) -> (tensor<4xi64>, tensor<4xf32>) {
  return %i, %a : tensor<4xi64>, tensor<4xf32>
}

// -----

// Private functions are helpers, not models.
// CHECK-LABEL: func.func private @helper
// CHECK-NOT: qopt.observe
func.func private @helper(%a: tensor<4xf32>) -> tensor<4xf32> {
  return %a : tensor<4xf32>
}
