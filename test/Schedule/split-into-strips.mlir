// RUN: qopt-opt %s --qopt-split-into-strips --canonicalize --cse | FileCheck %s
// RUN: qopt-opt %s --qopt-split-into-strips --qopt-place-results --canonicalize --cse | FileCheck %s --check-prefix=PLACED
// RUN: qopt-opt %s --qopt-split-into-strips --qopt-place-results --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests | FileCheck %s --check-prefix=NESTS

// 256 rows of 6 KiB are more than the caches hold. Of a strip of 32, the depthwise
// convolution needs 34 rows, at the border 33 and a row of padding; what follows
// reads each of its rows once.
// CHECK-LABEL: func.func @block
// CHECK-SAME: %[[X:.*]]: tensor<1x256x16x16xf32>
// CHECK: tensor.extract_slice %[[X]][0, 0, 0, 0] [1, 33, 16, 16]
// CHECK: linalg.conv_2d_nhwc_fhwc {{.*}} -> tensor<1x33x16x96xf32>
// CHECK: tensor.pad %{{.*}} low[0, 1, 1, 0] high[0, 0, 1, 0]
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc {{.*}} -> tensor<1x32x16x96xf32>
// CHECK: %[[FIRST:.*]] = linalg.conv_2d_nhwc_fhwc {{.*}} -> tensor<1x32x16x24xf32>
// CHECK: tensor.extract_slice %[[X]][0, 31, 0, 0] [1, 34, 16, 16]
// CHECK: linalg.conv_2d_nhwc_fhwc {{.*}} -> tensor<1x34x16x96xf32>
// CHECK: tensor.pad %{{.*}} low[0, 0, 1, 0] high[0, 0, 1, 0]
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc {{.*}} -> tensor<1x32x16x96xf32>
// CHECK: tensor.extract_slice %[[X]][0, 223, 0, 0] [1, 33, 16, 16]
// CHECK: tensor.pad %{{.*}} low[0, 0, 1, 0] high[0, 1, 1, 0]
// CHECK: tensor.concat dim(1) %[[FIRST]],
// CHECK-NOT: tensor<1x256x16x96xf32>

// Strips are computed where they belong.
// PLACED-LABEL: func.func @block
// PLACED: bufferization.alloc_tensor() : tensor<1x256x16x24xf32>
// PLACED-NOT: linalg.copy
// PLACED: return

// They share their weights.
// NESTS-LABEL: func.func @block
// NESTS-DAG: arith.constant dense<5.000000e-01>
// NESTS-DAG: arith.constant dense<2.500000e-01>
// NESTS-NOT: arith.constant dense<5.000000e-01>
// NESTS: return
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

// The same image with a second reader is needed whole.
// CHECK-LABEL: func.func @two_readers
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @two_readers(%x: tensor<1x256x16x16xf32>) -> (tensor<1x256x16x96xf32>, tensor<1x256x16x24xf32>) {
  %zero = arith.constant 0.0 : f32
  %expand = arith.constant dense<0.5> : tensor<96x1x1x16xf32>
  %project = arith.constant dense<0.125> : tensor<24x1x1x96xf32>
  %wide = tensor.empty() : tensor<1x256x16x96xf32>
  %wide0 = linalg.fill ins(%zero : f32) outs(%wide : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %a = linalg.conv_2d_nhwc_fhwc ins(%x, %expand : tensor<1x256x16x16xf32>, tensor<96x1x1x16xf32>) outs(%wide0 : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %narrow = tensor.empty() : tensor<1x256x16x24xf32>
  %narrow0 = linalg.fill ins(%zero : f32) outs(%narrow : tensor<1x256x16x24xf32>) -> tensor<1x256x16x24xf32>
  %y = linalg.conv_2d_nhwc_fhwc ins(%a, %project : tensor<1x256x16x96xf32>, tensor<24x1x1x96xf32>) outs(%narrow0 : tensor<1x256x16x24xf32>) -> tensor<1x256x16x24xf32>
  return %a, %y : tensor<1x256x16x96xf32>, tensor<1x256x16x24xf32>
}

// A strip that begins at an odd row would read the wrong half of %z's rows.
// CHECK-LABEL: func.func @upsampled
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @upsampled(%x: tensor<1x256x16x96xf32>, %z: tensor<1x128x16x96xf32>) -> tensor<1x256x16x96xf32> {
  %zero = arith.constant 0.0 : f32
  %window = arith.constant dense<0.25> : tensor<3x3x96xf32>
  %e = tensor.empty() : tensor<1x256x16x96xf32>
  %a = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h floordiv 2, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x, %z : tensor<1x256x16x96xf32>, tensor<1x128x16x96xf32>) outs(%e : tensor<1x256x16x96xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %s = arith.addf %u, %v : f32
    linalg.yield %s : f32
  } -> tensor<1x256x16x96xf32>
  %p = tensor.pad %a low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x256x16x96xf32> to tensor<1x258x18x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %d = linalg.depthwise_conv_2d_nhwc_hwc ins(%p, %window : tensor<1x258x18x96xf32>, tensor<3x3x96xf32>) outs(%f : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  return %d : tensor<1x256x16x96xf32>
}

// What is padded next is computed where the padded image lies, not joined before.
// CHECK-LABEL: func.func @padded_next
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @padded_next(%x: tensor<1x256x16x16xf32>) -> tensor<1x258x18x24xf32> {
  %zero = arith.constant 0.0 : f32
  %expand = arith.constant dense<0.5> : tensor<96x1x1x16xf32>
  %project = arith.constant dense<0.125> : tensor<24x1x1x96xf32>
  %wide = tensor.empty() : tensor<1x256x16x96xf32>
  %wide0 = linalg.fill ins(%zero : f32) outs(%wide : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %a = linalg.conv_2d_nhwc_fhwc ins(%x, %expand : tensor<1x256x16x16xf32>, tensor<96x1x1x16xf32>) outs(%wide0 : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %narrow = tensor.empty() : tensor<1x256x16x24xf32>
  %narrow0 = linalg.fill ins(%zero : f32) outs(%narrow : tensor<1x256x16x24xf32>) -> tensor<1x256x16x24xf32>
  %y = linalg.conv_2d_nhwc_fhwc ins(%a, %project : tensor<1x256x16x96xf32>, tensor<24x1x1x96xf32>) outs(%narrow0 : tensor<1x256x16x24xf32>) -> tensor<1x256x16x24xf32>
  %p = tensor.pad %y low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x256x16x24xf32> to tensor<1x258x18x24xf32>
  return %p : tensor<1x258x18x24xf32>
}

// What the loop does not change is not computed in it.
// CHECK-LABEL: func.func @around_a_loop
// CHECK-NOT: tensor.concat
// CHECK: return
func.func @around_a_loop(%x: tensor<1x256x16x16xf32>, %n: index) -> tensor<1x256x16x24xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %expand = arith.constant dense<0.5> : tensor<96x1x1x16xf32>
  %project = arith.constant dense<0.125> : tensor<24x1x1x96xf32>
  %wide = tensor.empty() : tensor<1x256x16x96xf32>
  %wide0 = linalg.fill ins(%zero : f32) outs(%wide : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %a = linalg.conv_2d_nhwc_fhwc ins(%x, %expand : tensor<1x256x16x16xf32>, tensor<96x1x1x16xf32>) outs(%wide0 : tensor<1x256x16x96xf32>) -> tensor<1x256x16x96xf32>
  %narrow = tensor.empty() : tensor<1x256x16x24xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %narrow) -> (tensor<1x256x16x24xf32>) {
    %y = linalg.conv_2d_nhwc_fhwc ins(%a, %project : tensor<1x256x16x96xf32>, tensor<24x1x1x96xf32>) outs(%acc : tensor<1x256x16x24xf32>) -> tensor<1x256x16x24xf32>
    scf.yield %y : tensor<1x256x16x24xf32>
  }
  return %r : tensor<1x256x16x24xf32>
}
