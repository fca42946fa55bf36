// RUN: qopt-opt %s --qopt-sink-movement | FileCheck %s
// RUN: qopt-opt %s --qopt-sink-movement --qopt-sink-movement | FileCheck %s
// RUN: qopt-opt %s --qopt-sink-movement --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --canonicalize | FileCheck %s --check-prefix=NEST

#in = affine_map<(h, g, f, kh, c) -> (h + kh, g, c)>
#weight = affine_map<(h, g, f, kh, c) -> (g, f, kh, c)>
#out = affine_map<(h, g, f, kh, c) -> (h, g, f)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>

// The epilogue of a grouped convolution, two operations with a factor per
// channel and a second tensor, takes the convolution's loops; its sums are in no
// tensor of the nest, and bytes are reshaped.
// CHECK-DAG: #[[$MERGED:.*]] = affine_map<(d0, d1, d2) -> (d0, d1 * 16 + d2)>
// CHECK-DAG: #[[$CHANNEL:.*]] = affine_map<(d0, d1, d2) -> (d1 * 16 + d2)>
// CHECK-LABEL: func.func @grouped
// CHECK-SAME: %[[Y:arg[0-9]+]]: tensor<8x32xi8>)
// CHECK: %[[C:.*]] = linalg.generic {{.*}}"reduction"
// CHECK: %[[S:.*]] = linalg.generic {indexing_maps = [#[[ID:map[0-9]+]], #[[$CHANNEL]], #[[ID]]]{{.*}} ins(%[[C]], %{{.*}} : tensor<8x2x16xi32>, tensor<32xi32>)
// CHECK: %[[B:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[$MERGED]], #[[ID]]]{{.*}} ins(%[[S]], %[[Y]] : tensor<8x2x16xi32>, tensor<8x32xi8>)
// CHECK: %[[R:.*]] = tensor.collapse_shape %[[B]] {{.*}} : tensor<8x2x16xi8> into tensor<8x32xi8>
// CHECK: return %[[R]]
// NEST-LABEL: func.func @grouped
// NEST-NOT: tensor<8x2x16xi32>
// NEST: qopt.dot
// NEST: vector.transfer_write {{.*}} : vector<16xi8>, tensor<8x2x16xi8>
// NEST-NOT: tensor<8x2x16xi32>
// NEST: tensor.collapse_shape {{.*}} : tensor<8x2x16xi8> into tensor<8x32xi8>
func.func @grouped(%x: tensor<10x2x4xi8>, %y: tensor<8x32xi8>) -> tensor<8x32xi8> {
  %w = arith.constant dense<3> : tensor<2x16x3x4xi8>
  %k = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]> : tensor<32xi32>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<8x2x16xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e : tensor<8x2x16xi32>) -> tensor<8x2x16xi32>
  %c = linalg.generic {indexing_maps = [#in, #weight, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w : tensor<10x2x4xi8>, tensor<2x16x3x4xi8>) outs(%init : tensor<8x2x16xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<8x2x16xi32>
  %flat = tensor.collapse_shape %c [[0], [1, 2]] : tensor<8x2x16xi32> into tensor<8x32xi32>
  %f = tensor.empty() : tensor<8x32xi32>
  %s = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel"]}
    ins(%flat, %k : tensor<8x32xi32>, tensor<32xi32>) outs(%f : tensor<8x32xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %0 = arith.muli %a, %b : i32
    linalg.yield %0 : i32
  } -> tensor<8x32xi32>
  %g = tensor.empty() : tensor<8x32xi8>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%s, %y : tensor<8x32xi32>, tensor<8x32xi8>) outs(%g : tensor<8x32xi8>) {
  ^bb0(%a: i32, %b: i8, %o: i8):
    %0 = arith.trunci %a : i32 to i8
    %1 = arith.addi %0, %b : i8
    linalg.yield %1 : i8
  } -> tensor<8x32xi8>
  return %r : tensor<8x32xi8>
}

// Must not fire: the reshape has a reader that asks for merged dimensions, its
// source has a reader of its own, or nothing computes the source here.
// CHECK-LABEL: func.func @left
// CHECK: linalg.add {{.*}}tensor<2x4xi8>
// CHECK: tensor.collapse_shape
// CHECK: linalg.add {{.*}}tensor<8xi8>
// CHECK: linalg.add {{.*}}tensor<2x4xi8>
// CHECK: tensor.collapse_shape
// CHECK: linalg.add {{.*}}tensor<8xi8>
// CHECK: tensor.collapse_shape
// CHECK: linalg.add {{.*}}tensor<8xi8>
func.func @left(%x: tensor<2x4xi8>, %d: tensor<8xi8>) -> (tensor<8xi8>, tensor<8xi8>, tensor<8xi8>, tensor<2x4xi8>, tensor<8xi8>) {
  %e = tensor.empty() : tensor<2x4xi8>
  %a = linalg.add ins(%x, %x : tensor<2x4xi8>, tensor<2x4xi8>) outs(%e : tensor<2x4xi8>) -> tensor<2x4xi8>
  %fa = tensor.collapse_shape %a [[0, 1]] : tensor<2x4xi8> into tensor<8xi8>
  %ra = linalg.add ins(%fa, %d : tensor<8xi8>, tensor<8xi8>) outs(%d : tensor<8xi8>) -> tensor<8xi8>
  %b = linalg.add ins(%a, %x : tensor<2x4xi8>, tensor<2x4xi8>) outs(%e : tensor<2x4xi8>) -> tensor<2x4xi8>
  %fb = tensor.collapse_shape %b [[0, 1]] : tensor<2x4xi8> into tensor<8xi8>
  %rb = linalg.add ins(%fb, %d : tensor<8xi8>, tensor<8xi8>) outs(%d : tensor<8xi8>) -> tensor<8xi8>
  %fx = tensor.collapse_shape %x [[0, 1]] : tensor<2x4xi8> into tensor<8xi8>
  %rx = linalg.add ins(%fx, %d : tensor<8xi8>, tensor<8xi8>) outs(%d : tensor<8xi8>) -> tensor<8xi8>
  return %ra, %rb, %rx, %b, %fa : tensor<8xi8>, tensor<8xi8>, tensor<8xi8>, tensor<2x4xi8>, tensor<8xi8>
}

// What quantizes planes writes pixels: four rounded vectors, three of them in
// use, are 16 pixels after one shuffle.
// CHECK-LABEL: func.func @planes
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}]{{.*}} ins(%{{.*}} : tensor<3x32xf32>) outs(%{{.*}} : tensor<32x3xi8>)
// CHECK-NOT: linalg.transpose
// NEST-LABEL: func.func @planes
// NEST: %[[B:.*]] = qopt.round_pack {{.*}} zero_point 0 :
// NEST: vector.shuffle %[[B]], %[[B]] [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, 16, 20, 24,
// NEST: vector.transfer_write %{{.*}} {in_bounds = [true, true]} : vector<16x3xi8>, tensor<32x3xi8>
func.func @planes(%x: tensor<3x32xf32>) -> tensor<32x3xi8> {
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %magic = arith.constant 12582912.0 : f32
  %bits = arith.constant -1262485504 : i32
  %e = tensor.empty() : tensor<3x32xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<3x32xf32>) outs(%e : tensor<3x32xi8>) {
  ^bb0(%a: f32, %b: i8):
    %0 = arith.cmpf ogt, %a, %lo : f32
    %1 = arith.select %0, %a, %lo : f32
    %2 = arith.cmpf olt, %1, %hi : f32
    %3 = arith.select %2, %1, %hi : f32
    %4 = arith.addf %3, %magic : f32
    %5 = arith.bitcast %4 : f32 to i32
    %6 = arith.addi %5, %bits : i32
    %7 = arith.trunci %6 : i32 to i8
    linalg.yield %7 : i8
  } -> tensor<3x32xi8>
  %f = tensor.empty() : tensor<32x3xi8>
  %t = linalg.transpose ins(%q : tensor<3x32xi8>) outs(%f : tensor<32x3xi8>) permutation = [1, 0]
  return %t : tensor<32x3xi8>
}
