// Buffers whose sizes are not known until run time stay as they are.

// RUN: qopt-opt %s > %t.plain
// RUN: qopt-opt %s --qopt-coalesce-copies | diff %t.plain -
// RUN: qopt-opt %s --qopt-expand-copies | diff %t.plain -
// RUN: qopt-opt %s --qopt-outline-parallel-loops | diff %t.plain -
// RUN: qopt-opt %s --convert-table-lookup | diff %t.plain -
// RUN: qopt-opt %s --convert-loop-annotations-to-llvm | diff %t.plain -

func.func @copy(%x: memref<?x?xf32>, %y: memref<?x?xf32>, %n: index, %m: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = memref.alloc(%n, %m) : memref<?x?xf32>
  memref.copy %x, %b : memref<?x?xf32> to memref<?x?xf32>
  %s = memref.subview %b[0, 0] [%n, 4] [1, 1] : memref<?x?xf32> to memref<?x4xf32, strided<[?, 1]>>
  %t = memref.subview %y[0, 0] [%n, 4] [1, 1] : memref<?x?xf32> to memref<?x4xf32, strided<[?, 1]>>
  memref.copy %s, %t : memref<?x4xf32, strided<[?, 1]>> to memref<?x4xf32, strided<[?, 1]>>
  scf.for %i = %c0 to %n step %c1 {
    %v = memref.load %b[%i, %c0] : memref<?x?xf32>
    memref.store %v, %y[%i, %c0] : memref<?x?xf32>
  }
  return
}
