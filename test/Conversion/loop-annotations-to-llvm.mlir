// RUN: qopt-opt %s --convert-scf-to-cf --convert-to-llvm --convert-loop-annotations-to-llvm | FileCheck %s
// RUN: qopt-opt %s --convert-scf-to-cf --convert-to-llvm --convert-loop-annotations-to-llvm --convert-loop-annotations-to-llvm | FileCheck %s
// RUN: qopt-opt %s --convert-scf-to-cf --convert-to-llvm --convert-loop-annotations-to-llvm | mlir-translate --mlir-to-llvmir | FileCheck %s --check-prefix=LLVM

#unroll = #llvm.loop_unroll<disable = true>
#annotation = #llvm.loop_annotation<unroll = #unroll>

// CHECK-LABEL: llvm.func @annotated
// CHECK: llvm.br {{.*}} {loop_annotation = #
// LLVM-LABEL: define void @annotated
// LLVM: br label %{{.*}}, !llvm.loop ![[$LOOP:[0-9]+]]
func.func @annotated(%m: memref<8xf32>, %x: f32) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  scf.for %i = %zero to %eight step %one {
    memref.store %x, %m[%i] : memref<8xf32>
  } {llvm.loop_annotation = #annotation}
  return
}

// Must not fire: nothing is asked of this loop.

// CHECK-LABEL: llvm.func @plain
// CHECK-NOT: loop_annotation
// LLVM-LABEL: define void @plain
// LLVM-NOT: !llvm.loop
// LLVM: ![[$LOOP]] = distinct !{![[$LOOP]], ![[$UNROLL:[0-9]+]]}
// LLVM: ![[$UNROLL]] = !{!"llvm.loop.unroll.disable"}
func.func @plain(%m: memref<8xf32>, %x: f32) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  scf.for %i = %zero to %eight step %one {
    memref.store %x, %m[%i] : memref<8xf32>
  }
  return
}
