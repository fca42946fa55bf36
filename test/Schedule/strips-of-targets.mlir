// RUN: qopt-opt %s --qopt-to-scheduled=target=x86-64-v4-vnni | FileCheck %s --check-prefix=STRIPS
// RUN: qopt-opt %s --qopt-to-scheduled='target=x86-64-v4-vnni threads=2' | FileCheck %s --check-prefix=WHOLE
// RUN: qopt-opt %s --qopt-to-scheduled=target=cortex-m7 | FileCheck %s --check-prefix=WHOLE
// RUN: qopt-opt %s --qopt-to-scheduled=target=sm_80 | FileCheck %s --check-prefix=WHOLE

// Several threads, and targets that are not x86-64, work on whole images.
// STRIPS-LABEL: func.func @block
// STRIPS: tensor<1x34x16x96xf32>
// WHOLE-LABEL: func.func @block
// WHOLE-NOT: tensor<1x34x16x96xf32>
// WHOLE: return
func.func @block(%x: tensor<1x256x16x16xf32>) -> tensor<1x256x16x24xf32> {
  %zero = arith.constant 0.0 : f32
  %expand = arith.constant dense<0.5> : tensor<96x1x1x16xf32>
  %window = arith.constant dense<0.25> : tensor<3x3x96xf32>
  %project = arith.constant dense<0.125> : tensor<24x1x1x96xf32>
  %wide = tensor.empty() : tensor<1x256x16x96xf32>
  %wide0 = linalg.fill ins(%zero : f32) outs(%wide : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %a = linalg.conv_2d_nhwc_fhwc ins(%x, %expand : tensor<1x256x16x16xf32>, tensor<96x1x1x16xf32>) outs(%wide0 : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %p = tensor.pad %a low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x256x16x96xf32> to tensor<1x258x18x96xf32>
  %wide1 = linalg.fill ins(%zero : f32) outs(%wide : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %d = linalg.depthwise_conv_2d_nhwc_hwc ins(%p, %window : tensor<1x258x18x96xf32>, tensor<3x3x96xf32>) outs(%wide1 : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %narrow = tensor.empty() : tensor<1x256x16x24xf32>
  %narrow0 = linalg.fill ins(%zero : f32) outs(%narrow : tensor<1x256x16x24xf32>) -> tensor<1x256x16x24xf32>
  %y = linalg.conv_2d_nhwc_fhwc ins(%d, %project : tensor<1x256x16x96xf32>, tensor<24x1x1x96xf32>) outs(%narrow0 : tensor<1x256x16x24xf32>) -> tensor<1x256x16x24xf32>
  return %y : tensor<1x256x16x24xf32>
}
