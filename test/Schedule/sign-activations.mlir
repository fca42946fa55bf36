// RUN: qopt-opt %s --qopt-sign-activations=target=aarch64+dotprod --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-sign-activations=target=aarch64 --split-input-file | FileCheck %s
// Twice is once.
// RUN: qopt-opt %s --qopt-sign-activations=target=aarch64 --qopt-sign-activations=target=aarch64 \
// RUN:   --split-input-file | FileCheck %s
// Where unsigned bytes meet signed ones in an instruction, nothing happens.
// RUN: qopt-opt %s --qopt-sign-activations=target=aarch64+dotprod+i8mm --split-input-file \
// RUN:   | FileCheck %s --check-prefix=MIXED
// RUN: qopt-opt %s --qopt-sign-activations=target=x86-64-v3 --split-input-file | FileCheck %s --check-prefix=MIXED
// MIXED-NOT: -128

#scalar = affine_map<(d0, d1) -> ()>
#channel = affine_map<(d0, d1) -> (d1)>
#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>

// A product of padded activations that are quantized, requantized and looked
// up; 128 * (1 + 2 - 3 - 4) = -512, 128 * (5 + 6 + 7 - 8) = 1280.
// CHECK-LABEL: func.func @chain
// CHECK: %[[Z:.*]] = arith.constant dense<-125> : tensor<i32>
// CHECK: %[[Q:.*]] = qopt.quantize ins(%{{.*}}, %{{.*}}, %[[Z]] :
// CHECK-SAME: range [-128, 127]
// CHECK: %[[C:.*]] = arith.constant -125 : i8
// CHECK: %[[P:.*]] = tensor.pad %[[Q]]
// CHECK: tensor.yield %[[C]] : i8
// CHECK: %[[B:.*]] = arith.constant dense<[-502, 1300]> : tensor<2xi32>
// CHECK: %[[INIT:.*]] = linalg.broadcast ins(%[[B]] : tensor<2xi32>)
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[P]], %{{.*}} : {{.*}}) outs(%[[INIT]] :
// CHECK: ^bb0(%[[A:.*]]: i8, %[[W:.*]]: i8,
// CHECK: arith.extsi %[[A]] : i8 to i32
// CHECK: arith.extsi %[[W]] : i8 to i32
// CHECK: qopt.requantize ins(%[[SUM]] : tensor<2x2xi32>)
// CHECK-SAME: range [0, 255] zero_point 0
func.func @chain(%input: tensor<2x3xf32> {qopt.name = "x"}) -> (tensor<2x2xi8> {qopt.name = "y"}) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %e0 = tensor.empty() : tensor<2x3xi8>
  %q = qopt.quantize ins(%input, %s, %z : tensor<2x3xf32>, tensor<f32>, tensor<i32>)
      outs(%e0 : tensor<2x3xi8>) range [0, 255] params #scalar -> tensor<2x3xi8>
  %c3 = arith.constant 3 : i8
  %p = tensor.pad %q low[0, 1] high[0, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %c3 : i8
  } : tensor<2x3xi8> to tensor<2x4xi8>
  %weights = arith.constant dense<[[1, 2, -3, -4], [5, 6, 7, -8]]> : tensor<2x4xi8>
  %bias = arith.constant dense<[10, 20]> : tensor<2xi32>
  %e1 = tensor.empty() : tensor<2x2xi32>
  %init = linalg.broadcast ins(%bias : tensor<2xi32>) outs(%e1 : tensor<2x2xi32>) dimensions = [0]
  %sum = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %weights : tensor<2x4xi8>, tensor<2x4xi8>) outs(%init : tensor<2x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<2x2xi32>
  %m = arith.constant dense<[0.25, 0.125]> : tensor<2xf32>
  %e2 = tensor.empty() : tensor<2x2xi8>
  %r = qopt.requantize ins(%sum : tensor<2x2xi32>) multipliers(%m : tensor<2xf32>) outs(%e2 : tensor<2x2xi8>)
      range [0, 255] zero_point 0
      {input_zero_points = array<i32: 0>, params = [#channel], unsigned_inputs = array<i1: false>} -> tensor<2x2xi8>
  return %r : tensor<2x2xi8>
}

// -----

#scalar = affine_map<(d0, d1) -> ()>
#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// An input and a result keep their sign; every other use reads what is stored.
// CHECK-LABEL: func.func @uses
// CHECK-SAME: (%[[X:.*]]: tensor<2x4xi8>
// CHECK: %[[STORED:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<2x4xi8>)
// CHECK: %[[TOP:.*]] = arith.constant -128 : i8
// CHECK: arith.xori %{{.*}}, %[[TOP]] : i8
// CHECK-NOT: arith.xori
// CHECK: linalg.generic {{.*}} ins(%[[STORED]], %{{.*}} : tensor<2x4xi8>, tensor<2x4xi8>)
// CHECK: arith.extsi
// CHECK: arith.extsi
// The residual, from zero point 7 - 128.
// CHECK: qopt.requantize ins(%[[STORED]], %{{.*}} :
// CHECK-SAME: input_zero_points = array<i32: -121, 0>
// CHECK-SAME: unsigned_inputs = array<i1: false, false>
// CHECK: %[[Z:.*]] = arith.constant dense<-121> : tensor<i32>
// CHECK: qopt.dequantize ins(%[[STORED]], %{{.*}}, %[[Z]] :
// CHECK-NOT: unsigned
// CHECK-SAME: params
// Four neighbours lack 4 * 128.
// CHECK: %[[C:.*]] = arith.constant 505 : i32
// CHECK: linalg.fill ins(%[[C]] : i32)
// CHECK: linalg.generic
// CHECK: arith.extsi
// CHECK: linalg.generic {{.*}} ins(%[[STORED]] : tensor<2x4xi8>)
// CHECK: %[[E:.*]] = arith.extsi
// CHECK: %[[OFFSET:.*]] = arith.constant 128 : i32
// CHECK: arith.addi %[[E]], %[[OFFSET]]
// CHECK: return %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[X]]
func.func @uses(%x: tensor<2x4xi8> {qopt.name = "x"})
    -> (tensor<2x2xi32>, tensor<2x4xi8>, tensor<2x4xf32>, tensor<2xi32>, tensor<2x4xi32>, tensor<2x4xi8>) {
  %weights = arith.constant dense<1> : tensor<2x4xi8>
  %zero = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<2x2xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e0 : tensor<2x2xi32>) -> tensor<2x2xi32>
  %sum = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %weights : tensor<2x4xi8>, tensor<2x4xi8>) outs(%init : tensor<2x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<2x2xi32>
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<7> : tensor<i32>
  %other = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, 8]]> : tensor<2x4xi8>
  %e1 = tensor.empty() : tensor<2x4xi8>
  %r = qopt.requantize ins(%x, %other : tensor<2x4xi8>, tensor<2x4xi8>) multipliers(%s, %s : tensor<f32>, tensor<f32>)
      outs(%e1 : tensor<2x4xi8>) range [0, 255] zero_point 0
      {input_zero_points = array<i32: 7, 0>, params = [#scalar, #scalar], unsigned_inputs = array<i1: true, false>}
      -> tensor<2x4xi8>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %d = qopt.dequantize ins(%x, %s, %z : tensor<2x4xi8>, tensor<f32>, tensor<i32>) outs(%e2 : tensor<2x4xf32>)
      unsigned params #scalar -> tensor<2x4xf32>
  %seven = arith.constant -7 : i32
  %e3 = tensor.empty() : tensor<2xi32>
  %init2 = linalg.fill ins(%seven : i32) outs(%e3 : tensor<2xi32>) -> tensor<2xi32>
  %rows = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x4xi8>) outs(%init2 : tensor<2xi32>) {
  ^bb0(%a: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.addi %acc, %0 : i32
    linalg.yield %1 : i32
  } -> tensor<2xi32>
  %e4 = tensor.empty() : tensor<2x4xi32>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<2x4xi8>) outs(%e4 : tensor<2x4xi32>) {
  ^bb0(%a: i8, %o: i32):
    %0 = arith.extui %a : i8 to i32
    linalg.yield %0 : i32
  } -> tensor<2x4xi32>
  return %sum, %r, %d, %rows, %wide, %x
      : tensor<2x2xi32>, tensor<2x4xi8>, tensor<2x4xf32>, tensor<2xi32>, tensor<2x4xi32>, tensor<2x4xi8>
}

// -----

#none = affine_map<(d0, d1) -> ()>
#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>
#in = affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2)>
#window = affine_map<(d0, d1, d2) -> (d2)>

// What shares elements with a dot's activations changes with them: the result
// of a lookup, a maximum, the constant beside it in a concatenation. A lookup
// at them has its table's halves exchanged; a result is flipped back.
// CHECK-LABEL: func.func @selected
// CHECK: %[[RESULTS:.*]] = arith.constant dense<"0x8080{{.*}}8585"> : tensor<256xi8>
// CHECK: %[[Q:.*]] = qopt.lookup ins(%{{.*}}, %[[RESULTS]] :
// CHECK: %[[LEAST:.*]] = arith.constant -128 : i8
// CHECK: %[[INIT:.*]] = linalg.fill ins(%[[LEAST]] : i8)
// CHECK: %[[MAX:.*]] = linalg.generic {{.*}} ins(%[[Q]], %{{.*}} : {{.*}}) outs(%[[INIT]] :
// CHECK: arith.maxsi
// CHECK: %[[PART:.*]] = arith.constant dense<{{\[\[}}-126, 127], [-127, -128]]> : tensor<2x2xi8>
// CHECK: %[[ALL:.*]] = tensor.concat dim(1) %[[MAX]], %[[PART]]
// CHECK: %[[RESTORED:.*]] = linalg.generic {{.*}} ins(%[[ALL]] :
// CHECK: arith.xori
// CHECK: linalg.generic {{.*}} ins(%[[ALL]],
// CHECK: arith.extsi
// CHECK: arith.extsi
// CHECK: %[[TABLE:.*]] = arith.constant dense<"0x0505{{.*}}0000"> : tensor<256xi8>
// CHECK: qopt.lookup ins(%[[ALL]], %[[TABLE]] :
// CHECK-SAME: unsigned params
// CHECK: return %{{.*}}, %{{.*}}, %[[RESTORED]]
func.func @selected(%x: tensor<2x4xi8> {qopt.name = "x"}) -> (tensor<2x2xi32>, tensor<2x4xi8>, tensor<2x4xi8>) {
  %table = arith.constant dense<"0x00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505"> : tensor<256xi8>
  %e0 = tensor.empty() : tensor<2x4xi8>
  %q = qopt.lookup ins(%x, %table : tensor<2x4xi8>, tensor<256xi8>) outs(%e0 : tensor<2x4xi8>)
      unsigned params #none -> tensor<2x4xi8>
  %c0 = arith.constant 0 : i8
  %e1 = tensor.empty() : tensor<2x2xi8>
  %least = linalg.fill ins(%c0 : i8) outs(%e1 : tensor<2x2xi8>) -> tensor<2x2xi8>
  %w2 = tensor.empty() : tensor<2xi8>
  %max = linalg.generic {indexing_maps = [#in, #window, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %w2 : tensor<2x4xi8>, tensor<2xi8>) outs(%least : tensor<2x2xi8>) {
  ^bb0(%a: i8, %b: i8, %acc: i8):
    %0 = arith.maxui %acc, %a : i8
    linalg.yield %0 : i8
  } -> tensor<2x2xi8>
  %part = arith.constant dense<[[2, -1], [1, 0]]> : tensor<2x2xi8>
  %all = tensor.concat dim(1) %max, %part : (tensor<2x2xi8>, tensor<2x2xi8>) -> tensor<2x4xi8>
  %weights = arith.constant dense<1> : tensor<2x4xi8>
  %zero = arith.constant 0 : i32
  %e2 = tensor.empty() : tensor<2x2xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e2 : tensor<2x2xi32>) -> tensor<2x2xi32>
  %sum = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%all, %weights : tensor<2x4xi8>, tensor<2x4xi8>) outs(%init : tensor<2x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<2x2xi32>
  %r = qopt.lookup ins(%all, %table : tensor<2x4xi8>, tensor<256xi8>) outs(%e0 : tensor<2x4xi8>)
      unsigned params #none -> tensor<2x4xi8>
  return %sum, %r, %all : tensor<2x2xi32>, tensor<2x4xi8>, tensor<2x4xi8>
}

// -----

#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>

// Signed activations stay as they are.
// CHECK-LABEL: func.func @signed
// CHECK-NOT: -128
// CHECK-NOT: xori
// CHECK: return
func.func @signed(%x: tensor<2x4xi8> {qopt.name = "x"}) -> tensor<2x2xi32> {
  %weights = arith.constant dense<1> : tensor<2x4xi8>
  %zero = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<2x2xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e0 : tensor<2x2xi32>) -> tensor<2x2xi32>
  %sum = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %weights : tensor<2x4xi8>, tensor<2x4xi8>) outs(%init : tensor<2x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<2x2xi32>
  return %sum : tensor<2x2xi32>
}

// -----

#scalar = affine_map<(d0, d1) -> ()>
#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>

// A range from 128 on would not say that the result is signed: it is flipped
// after it.
// CHECK-LABEL: func.func @high
// CHECK: %[[R:.*]] = qopt.requantize
// CHECK-SAME: range [202, 255] zero_point 0
// CHECK: %[[STORED:.*]] = linalg.generic {{.*}} ins(%[[R]] : tensor<2x4xi8>)
// CHECK: arith.xori
// CHECK: linalg.generic {{.*}} ins(%[[STORED]],
func.func @high(%x: tensor<2x4xi32>) -> tensor<2x2xi32> {
  %m = arith.constant dense<0.25> : tensor<f32>
  %e = tensor.empty() : tensor<2x4xi8>
  %q = qopt.requantize ins(%x : tensor<2x4xi32>) multipliers(%m : tensor<f32>) outs(%e : tensor<2x4xi8>)
      range [202, 255] zero_point 0
      {input_zero_points = array<i32: 0>, params = [#scalar], unsigned_inputs = array<i1: false>} -> tensor<2x4xi8>
  %weights = arith.constant dense<1> : tensor<2x4xi8>
  %zero = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<2x2xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e0 : tensor<2x2xi32>) -> tensor<2x2xi32>
  %sum = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %weights : tensor<2x4xi8>, tensor<2x4xi8>) outs(%init : tensor<2x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<2x2xi32>
  return %sum : tensor<2x2xi32>
}

// -----

#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>

// Must not fire: what the sums start from takes no terms.
// CHECK-LABEL: func.func @accumulated
// CHECK-NOT: arith.xori
// CHECK: arith.extui
// CHECK: return
func.func @accumulated(%x: tensor<2x4xi8>, %init: tensor<2x2xi32>) -> tensor<2x2xi32> {
  %weights = arith.constant dense<1> : tensor<2x4xi8>
  %sum = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %weights : tensor<2x4xi8>, tensor<2x4xi8>) outs(%init : tensor<2x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<2x2xi32>
  return %sum : tensor<2x2xi32>
}

// -----

#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>

// Must not fire: no static shape.
// CHECK-LABEL: func.func @dynamic
// CHECK-NOT: arith.xori
// CHECK: arith.extui
// CHECK: return
func.func @dynamic(%x: tensor<?x4xi8>, %e: tensor<?x2xi32>) -> tensor<?x2xi32> {
  %weights = arith.constant dense<1> : tensor<2x4xi8>
  %zero = arith.constant 0 : i32
  %init = linalg.fill ins(%zero : i32) outs(%e : tensor<?x2xi32>) -> tensor<?x2xi32>
  %sum = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %weights : tensor<?x4xi8>, tensor<2x4xi8>) outs(%init : tensor<?x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<?x2xi32>
  return %sum : tensor<?x2xi32>
}

// -----

#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0, d1)>
#first = affine_map<(d0, d1) -> (d0)>

// A sum of 64 bits reads the tensor as it was.
// CHECK-LABEL: func.func @wide_sum
// CHECK: %[[STORED:.*]] = linalg.generic {{.*}} ins(%arg0 :
// CHECK: arith.xori
// CHECK: linalg.generic {{.*}} ins(%[[STORED]],
// CHECK: linalg.generic {{.*}} ins(%arg0 :
// CHECK: arith.extui %{{.*}} : i8 to i64
func.func @wide_sum(%x: tensor<2x4xi8>) -> (tensor<2x2xi32>, tensor<2xi64>) {
  %weights = arith.constant dense<1> : tensor<2x4xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<2x2xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e : tensor<2x2xi32>) -> tensor<2x2xi32>
  %sum = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %weights : tensor<2x4xi8>, tensor<2x4xi8>) outs(%init : tensor<2x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<2x2xi32>
  %zero64 = arith.constant 0 : i64
  %e64 = tensor.empty() : tensor<2xi64>
  %init64 = linalg.fill ins(%zero64 : i64) outs(%e64 : tensor<2xi64>) -> tensor<2xi64>
  %wide = linalg.generic {indexing_maps = [#row, #first], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x4xi8>) outs(%init64 : tensor<2xi64>) {
  ^bb0(%a: i8, %acc: i64):
    %0 = arith.extui %a : i8 to i64
    %1 = arith.addi %acc, %0 : i64
    linalg.yield %1 : i64
  } -> tensor<2xi64>
  return %sum, %wide : tensor<2x2xi32>, tensor<2xi64>
}
