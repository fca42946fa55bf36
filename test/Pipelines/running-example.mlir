// The running example of docs/Pipeline.md: a convolution of 8 bits, a residual
// addition and a relu, then a matrix product with weights of 4 bits. After a
// change of what a phase makes of it, run utils/update_docs.

// RUN: qopt compile %s --name example --target x86-64-v4-vnni \
// RUN:   --recipe %S/Inputs/running-example.recipe.json \
// RUN:   --calibration %S/Inputs/running-example.calibration.json \
// RUN:   --dump-phases %t -o %t.o
// RUN: FileCheck %s --check-prefix=FLOAT < %t/01.float.mlir
// RUN: FileCheck %s --check-prefix=OBSERVED < %t/02.observed.mlir
// RUN: FileCheck %s --check-prefix=CALIBRATED < %t/03.calibrated.mlir
// RUN: FileCheck %s --check-prefix=QDQ < %t/04.qdq.mlir
// RUN: FileCheck %s --check-prefix=INTEGER < %t/05.integer.mlir
// RUN: FileCheck %s --check-prefix=SCHEDULED < %t/06.scheduled.mlir
// RUN: FileCheck %s --check-prefix=PLANNED < %t/07.planned.mlir
// RUN: FileCheck %s --check-prefix=LLVM < %t/08.llvm.mlir

// FLOAT:          math.fma
// FLOAT:          arith.addf
// FLOAT:          arith.maximumf
// FLOAT:          math.fma

// OBSERVED:       qopt.observe %{{.*}} {edge = "x"}
// OBSERVED:       qopt.observe %{{.*}} {edge = "conv"}
// OBSERVED:       qopt.observe %{{.*}} {edge = "relu"}

// CALIBRATED:     qopt.observe %{{.*}} {edge = "relu", max = array<f32: 4.000000e+00>, min = array<f32: 0.000000e+00>}

// The convolution is not rounded before the sum.
// QDQ:            %[[CONV:.*]] = linalg.generic
// QDQ:            math.fma
// QDQ:            linalg.generic {{.*}} ins(%[[CONV]], %{{.*}}
// QDQ:            qopt.quantize {{.*}} range [0, 255]
// QDQ:            qopt.dequantize {{.*}} tensor<16x4xi4>

// INTEGER:        qopt.requantize {{.*}} tensor<1x2x2x4xi32>, tensor<1x2x2x4xi8>
// INTEGER:        linalg.generic {{.*}} tensor<16x4xi4>

// SCHEDULED-NOT:  tensor<1x2x2x4xi32>
// SCHEDULED:      qopt.dot {{.*}} unsigned_a

// PLANNED:        qopt.model
// PLANNED-NOT:    memref.alloc
// PLANNED:        memref.view

// LLVM-NOT:       qopt.dot
// LLVM:           vpdpbusd

func.func @example(%x: tensor<1x2x2x4xf32> {qopt.name = "x"}) -> (tensor<1x4xf32> {qopt.name = "y"}) {
  %zero = arith.constant 0.0 : f32 loc("fc")
  %conv_weights = arith.constant dense<[[[[0.5, -0.25, 0.125, 1.0]]], [[[0.25, 0.75, -1.0, 0.5]]],
                                        [[[-0.5, 0.25, 0.5, -0.125]]], [[[1.0, 0.0, -0.25, 0.375]]]]> : tensor<4x1x1x4xf32> loc("conv")
  %conv_bias = arith.constant dense<[0.5, -0.25, 0.0, 1.0]> : tensor<4xf32> loc("conv")
  %fc_weights = arith.constant dense<[
    [0.7, -0.1, 0.2, 0.3], [-0.4, 0.6, 0.1, 0.0], [0.1, 0.2, -0.7, 0.5], [0.3, -0.3, 0.4, -0.6],
    [0.0, 0.5, -0.2, 0.1], [0.6, 0.1, 0.3, -0.4], [-0.2, 0.7, 0.0, 0.2], [0.4, -0.5, 0.6, 0.1],
    [-0.7, 0.3, 0.1, 0.4], [0.2, 0.0, -0.5, 0.7], [0.5, -0.6, 0.2, 0.1], [0.1, 0.4, 0.7, -0.3],
    [-0.3, 0.2, -0.1, 0.6], [0.7, -0.4, 0.5, 0.0], [-0.1, 0.6, -0.3, 0.2], [0.2, 0.1, 0.4, -0.7]]> : tensor<16x4xf32> loc("fc")
  %e = tensor.empty() : tensor<1x2x2x4xf32> loc("conv")
  %bias = linalg.broadcast ins(%conv_bias : tensor<4xf32>) outs(%e : tensor<1x2x2x4xf32>) dimensions = [0, 1, 2] loc("conv")
  %conv = linalg.conv_2d_nhwc_fhwc ins(%x, %conv_weights : tensor<1x2x2x4xf32>, tensor<4x1x1x4xf32>)
            outs(%bias : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32> loc("conv")
  %add = linalg.add ins(%conv, %x : tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>) outs(%e : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32> loc("add")
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32> loc("relu")
  %relu = linalg.max ins(%add, %zeros : tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>) outs(%e : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32> loc("relu")
  %flat = tensor.collapse_shape %relu [[0], [1, 2, 3]] : tensor<1x2x2x4xf32> into tensor<1x16xf32> loc("flatten")
  %f = tensor.empty() : tensor<1x4xf32> loc("fc")
  %init = linalg.fill ins(%zero : f32) outs(%f : tensor<1x4xf32>) -> tensor<1x4xf32> loc("fc")
  %y = linalg.matmul ins(%flat, %fc_weights : tensor<1x16xf32>, tensor<16x4xf32>) outs(%init : tensor<1x4xf32>) -> tensor<1x4xf32> loc("fc")
  return %y : tensor<1x4xf32> loc("fc")
}
