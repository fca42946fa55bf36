// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-phase=phase=float

func.func @named(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.add ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32> loc("add")
  return %0 : tensor<4xf32>
}

// -----

func.func @unnamed(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @below {{phase 'float': 'linalg.add' does not name its source node}}
  // expected-note @below {{the pass that created it lost the location}}
  %0 = linalg.add ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// expected-error @below {{phase 'float': expected tensors of static shape at the border, got tensor<?xf32>}}
// expected-note @below {{give the dimension a value}}
func.func @dynamic(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error @below {{phase 'float': expected one public function, got none}}
// expected-note @below {{a model is one public func.func}}
module {
}
