// The scores of an attention become its weights in their own memory, 64 KiB, for any
// target. What is beside them is sums of a block of rows.
// RUN: qopt compile %s --recipe float --target x86-64-v3 --max-ram 73K -o %t.o
// RUN: qopt compile %s --recipe float --target aarch64 --max-ram 73K -o %t.o
// RUN: qopt compile %s --recipe float --target cortex-m55 --max-ram 73K -o %t.o
// RUN: qopt compile %s --recipe float --target x86-64-v3 --compile-to planned -o - | FileCheck %s
// CHECK-NOT: memref.copy

func.func @attention(%q: tensor<128x64xf32>, %k: tensor<64x128xf32>, %v: tensor<128x64xf32>) -> tensor<128x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x128xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<128x128xf32>) -> tensor<128x128xf32>
  %scores = linalg.matmul ins(%q, %k : tensor<128x64xf32>, tensor<64x128xf32>) outs(%f : tensor<128x128xf32>) -> tensor<128x128xf32>
  %weights = linalg.softmax dimension(1) ins(%scores : tensor<128x128xf32>) outs(%e : tensor<128x128xf32>) -> tensor<128x128xf32>
  %er = tensor.empty() : tensor<128x64xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<128x64xf32>) -> tensor<128x64xf32>
  %y = linalg.matmul ins(%weights, %v : tensor<128x128xf32>, tensor<128x64xf32>) outs(%fr : tensor<128x64xf32>) -> tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}
