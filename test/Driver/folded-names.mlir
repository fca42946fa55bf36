// An operation of several source nodes counts for the first of them; the
// report says where the others are.

// RUN: qopt compile %s --recipe float --emit obj -o %t.o --report %t.json
// RUN: FileCheck %s < %t.json
// CHECK: "name": "first"
// CHECK: "status": "float"
// CHECK: "name": "second"
// CHECK: "status": "fused"
// CHECK: "detail": "folded into 'first'"
module attributes {qopt.source_nodes = [{name = "first", op = "Exp"}, {name = "second", op = "Identity"}]} {
  func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
    %e = tensor.empty() : tensor<1x4xf32>
    %y = linalg.exp ins(%x : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32> loc(fused["first", "second"])
    return %y : tensor<1x4xf32>
  }
}
