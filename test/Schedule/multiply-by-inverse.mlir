// RUN: qopt-opt %s --qopt-multiply-by-inverse | FileCheck %s
// RUN: qopt-opt %s --qopt-multiply-by-inverse --qopt-multiply-by-inverse | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// 1 / 0.0123 in two parts.
// CHECK-LABEL: func.func @steps
// CHECK: ^bb0(%[[X:.*]]: f32, %{{.*}}: i8):
// CHECK: %[[LOW:.*]] = arith.mulf %[[X]], %{{.*}} : f32
// CHECK: %[[STEPS:.*]] = math.fma %[[X]], %{{.*}}, %[[LOW]] : f32
// CHECK-NOT: divf
// CHECK: arith.cmpf ord, %[[STEPS]], %[[STEPS]]
func.func @steps(%x: tensor<8xf32>, %y: tensor<8xi8>) -> tensor<8xi8> {
  %scale = arith.constant 0.0123 : f32
  %zero = arith.constant 0.0 : f32
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %bits = arith.constant -1262485504 : i32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%y : tensor<8xi8>) {
  ^bb0(%a: f32, %b: i8):
    %0 = arith.divf %a, %scale : f32
    %1 = arith.cmpf ord, %0, %0 : f32
    %2 = arith.select %1, %0, %zero : f32
    %3 = arith.cmpf ogt, %2, %lo : f32
    %4 = arith.select %3, %2, %lo : f32
    %5 = arith.cmpf olt, %4, %hi : f32
    %6 = arith.select %5, %4, %hi : f32
    %7 = arith.addf %6, %magic : f32
    %8 = arith.bitcast %7 : f32 to i32
    %9 = arith.addi %8, %bits : i32
    %10 = arith.trunci %9 : i32 to i8
    linalg.yield %10 : i8
  } -> tensor<8xi8>
  return %r : tensor<8xi8>
}

// The inverse of a power of two has one part, which infinity times zero would
// spoil; a quotient that is not only rounded shows what it is.
// CHECK-LABEL: func.func @kept
// CHECK-COUNT-2: arith.divf
func.func @kept(%x: tensor<8xf32>, %y: tensor<8xi8>, %z: tensor<8xf32>) -> (tensor<8xi8>, tensor<8xf32>) {
  %scale = arith.constant 0.25 : f32
  %other = arith.constant 0.0123 : f32
  %zero = arith.constant 0.0 : f32
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %bits = arith.constant -1262485504 : i32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%y : tensor<8xi8>) {
  ^bb0(%a: f32, %b: i8):
    %0 = arith.divf %a, %scale : f32
    %1 = arith.cmpf ord, %0, %0 : f32
    %2 = arith.select %1, %0, %zero : f32
    %3 = arith.cmpf ogt, %2, %lo : f32
    %4 = arith.select %3, %2, %lo : f32
    %5 = arith.cmpf olt, %4, %hi : f32
    %6 = arith.select %5, %4, %hi : f32
    %7 = arith.addf %6, %magic : f32
    %8 = arith.bitcast %7 : f32 to i32
    %9 = arith.addi %8, %bits : i32
    %10 = arith.trunci %9 : i32 to i8
    linalg.yield %10 : i8
  } -> tensor<8xi8>
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.divf %a, %other : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  return %r, %s : tensor<8xi8>, tensor<8xf32>
}

// Must not fire: 0x1.ca87fep+6 / scale rounds to the float above 100.5, and the
// products to 100.5 itself, which is one step less.
// CHECK-LABEL: func.func @another_step
// CHECK: arith.divf
// CHECK-NOT: math.fma
func.func @another_step(%x: tensor<8xf32>, %y: tensor<8xi8>) -> tensor<8xi8> {
  %scale = arith.constant 0x3F91FFFF : f32
  %zero = arith.constant 0.0 : f32
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %bits = arith.constant -1262485504 : i32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%y : tensor<8xi8>) {
  ^bb0(%a: f32, %b: i8):
    %0 = arith.divf %a, %scale : f32
    %1 = arith.cmpf ord, %0, %0 : f32
    %2 = arith.select %1, %0, %zero : f32
    %3 = arith.cmpf ogt, %2, %lo : f32
    %4 = arith.select %3, %2, %lo : f32
    %5 = arith.cmpf olt, %4, %hi : f32
    %6 = arith.select %5, %4, %hi : f32
    %7 = arith.addf %6, %magic : f32
    %8 = arith.bitcast %7 : f32 to i32
    %9 = arith.addi %8, %bits : i32
    %10 = arith.trunci %9 : i32 to i8
    linalg.yield %10 : i8
  } -> tensor<8xi8>
  return %r : tensor<8xi8>
}

// Must not fire: the inverse is too large a factor.
// CHECK-LABEL: func.func @tiny_scale
// CHECK: arith.divf
// CHECK-NOT: math.fma
func.func @tiny_scale(%x: tensor<8xf32>, %y: tensor<8xi8>) -> tensor<8xi8> {
  %scale = arith.constant 1.0e-20 : f32
  %zero = arith.constant 0.0 : f32
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %bits = arith.constant -1262485504 : i32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%y : tensor<8xi8>) {
  ^bb0(%a: f32, %b: i8):
    %0 = arith.divf %a, %scale : f32
    %1 = arith.cmpf ord, %0, %0 : f32
    %2 = arith.select %1, %0, %zero : f32
    %3 = arith.cmpf ogt, %2, %lo : f32
    %4 = arith.select %3, %2, %lo : f32
    %5 = arith.cmpf olt, %4, %hi : f32
    %6 = arith.select %5, %4, %hi : f32
    %7 = arith.addf %6, %magic : f32
    %8 = arith.bitcast %7 : f32 to i32
    %9 = arith.addi %8, %bits : i32
    %10 = arith.trunci %9 : i32 to i8
    linalg.yield %10 : i8
  } -> tensor<8xi8>
  return %r : tensor<8xi8>
}
