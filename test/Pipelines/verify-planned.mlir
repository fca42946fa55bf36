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

// -----

// A whole buffer; a part is not worth an error.
func.func @copy_in_arena(%arena: memref<64xi8>) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %a = memref.view %arena[%c0][] : memref<64xi8> to memref<4xi8>
  %b = memref.view %arena[%c32][] : memref<64xi8> to memref<4xi8>
  %part = memref.subview %b[0] [2] [1] : memref<4xi8> to memref<2xi8, strided<[1]>>
  %from = memref.subview %a[2] [2] [1] : memref<4xi8> to memref<2xi8, strided<[1], offset: 2>>
  memref.copy %from, %part : memref<2xi8, strided<[1], offset: 2>> to memref<2xi8, strided<[1]>>
  // expected-error @below {{phase 'planned': unexpected copy of memref<4xi8>}}
  // expected-note @below {{the schedule should have computed it in place}}
  memref.copy %a, %b : memref<4xi8> to memref<4xi8>
  return
}
