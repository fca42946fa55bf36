// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-phase=phase=planned

func.func @allocation() {
  // expected-error @below {{phase 'planned': an allocation is left}}
  // expected-note @below {{qopt-plan-memory should have placed it}}
  %0 = memref.alloc() : memref<4xf32>
  return
}

// -----

func.func @tensors() {
  // expected-error @below {{phase 'planned': 'tensor.empty' still gives a tensor}}
  // expected-note @below {{qopt-bufferize should have given it a buffer}}
  %0 = tensor.empty() : tensor<4xf32>
  return
}
