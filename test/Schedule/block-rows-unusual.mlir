// RUN: qopt-opt %s --convert-qopt-to-linalg --qopt-block-rows --split-input-file | FileCheck %s

// The source of the rows has any number of columns, a softmax of no rows none.
// CHECK-LABEL: func.func @dynamic
// CHECK: scf.for
func.func @dynamic(%x: tensor<96x?xf32>) -> tensor<96x100xf32> {
  %s = tensor.extract_slice %x[0, 0] [96, 100] [1, 1] : tensor<96x?xf32> to tensor<96x100xf32>
  %e = tensor.empty() : tensor<96x100xf32>
  %y = linalg.softmax dimension(1) ins(%s : tensor<96x100xf32>) outs(%e : tensor<96x100xf32>) -> tensor<96x100xf32>
  return %y : tensor<96x100xf32>
}

// -----

// CHECK-LABEL: func.func @empty
// CHECK-NOT: scf.for
// CHECK: return
func.func @empty(%x: tensor<0x64xf32>) -> tensor<0x64xf32> {
  %e = tensor.empty() : tensor<0x64xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<0x64xf32>) outs(%e : tensor<0x64xf32>) -> tensor<0x64xf32>
  return %y : tensor<0x64xf32>
}
