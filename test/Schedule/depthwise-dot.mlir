// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --split-input-file | FileCheck %s --check-prefix=SCHEDULE
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v2 --split-input-file | FileCheck %s --check-prefix=VECTOR
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --cse --canonicalize --split-input-file | FileCheck %s

// VECTOR-NOT: depthwise-dot

// 3x3, stride 1: two rows of results share the pixels of four rows, and each
// column of them stays interleaved for the columns that follow. Channels are
// in groups of four vectors.
// SCHEDULE-LABEL: func.func @rows
// SCHEDULE: qopt.schedule = {kernel = "depthwise-dot", lane_dim = 3 : i64, lanes = 16 : i64, order = array<i64: 0, 1, 3, 2>, tile = array<i64: 1, 2, 1, 64>, unroll = 8 : i64}

// CHECK-LABEL: func.func @rows
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<2x6x4x64xi8>
// CHECK: scf.for {{.*}} -> (tensor<1x8x16x128xi8>)
// One run of 64 channels of four rows.
// CHECK-COUNT-4: vector.transfer_read %{{.*}} : tensor<1x10x18x128xi8>, vector<64xi8>
// CHECK-COUNT-6: vector.shuffle {{.*}} : vector<64xi8>, vector<64xi8>
// CHECK-COUNT-8: qopt.dot {{.*}} unsigned_a : vector<16xi32>, vector<64xi8>, vector<64xi8>
// CHECK-COUNT-2: vector.transfer_write {{.*}} : vector<64xi8>, tensor<1x8x16x128xi8>
// CHECK: return
// CHECK-NOT: linalg.
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @rows(%x: tensor<1x10x18x128xi8>) -> tensor<1x8x16x128xi8> {
  %w = arith.constant dense<3> : tensor<3x3x128xi8>
  %b = arith.constant dense<5> : tensor<128xi32>
  %e = tensor.empty() : tensor<1x8x16x128xi32>
  %bias = linalg.broadcast ins(%b : tensor<128xi32>) outs(%e : tensor<1x8x16x128xi32>) dimensions = [0, 1, 2]
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, c, kh, kw) -> (n, h + kh, w + kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (kh, kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (n, h, w, c)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x10x18x128xi8>, tensor<3x3x128xi8>) outs(%bias : tensor<1x8x16x128xi32>) {
  ^bb0(%a: i8, %k: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %k : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x8x16x128xi32>
  %f = tensor.empty() : tensor<1x8x16x128xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%c : tensor<1x8x16x128xi32>) outs(%f : tensor<1x8x16x128xi8>) {
  ^bb0(%a: i32, %o: i8):
    %0 = arith.trunci %a : i32 to i8
    linalg.yield %0 : i8
  } -> tensor<1x8x16x128xi8>
  return %q : tensor<1x8x16x128xi8>
}

// -----

// 5x5: too many columns to keep; those of a tile are accumulated together. 24
// channels are a group of 16 and one that moves back.
// SCHEDULE-LABEL: func.func @columns
// SCHEDULE: kernel = "depthwise-dot"{{.*}} tile = array<i64: 1, 2, 3, 24>}
// CHECK-LABEL: func.func @columns
// CHECK: vector.transfer_read {{.*}}%c0], {{.*}} tensor<1x10x10x24xi8>, vector<16xi8>
// CHECK-COUNT-240: qopt.dot {{.*}} : vector<4xi32>, vector<16xi8>, vector<16xi8>
// CHECK: vector.transfer_read {{.*}}%c8], {{.*}} tensor<1x10x10x24xi8>, vector<16xi8>
// CHECK-COUNT-240: qopt.dot {{.*}} : vector<4xi32>, vector<16xi8>, vector<16xi8>
// CHECK-NOT: qopt.dot
// CHECK: return
func.func @columns(%x: tensor<1x10x10x24xi8>, %i: tensor<1x6x6x24xi32>) -> tensor<1x6x6x24xi32> {
  %w = arith.constant dense<3> : tensor<5x5x24xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<1x6x6x24xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e : tensor<1x6x6x24xi32>) -> tensor<1x6x6x24xi32>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, c, kh, kw) -> (n, h + kh, w + kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (kh, kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (n, h, w, c)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x10x10x24xi8>, tensor<5x5x24xi8>) outs(%init : tensor<1x6x6x24xi32>) {
  ^bb0(%a: i8, %k: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %k : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x6x6x24xi32>
  return %c : tensor<1x6x6x24xi32>
}

// -----

// Must not fire: the instruction does not multiply these signs.
// SCHEDULE-LABEL: func.func @signs
// SCHEDULE: kernel = "vector"
// CHECK-LABEL: func.func @signs
// CHECK-NOT: qopt.dot
// CHECK: return
func.func @signs(%x: tensor<1x4x4x64xi8>, %i: tensor<1x2x2x64xi32>) -> tensor<1x2x2x64xi32> {
  %w = arith.constant dense<3> : tensor<3x3x64xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<1x2x2x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e : tensor<1x2x2x64xi32>) -> tensor<1x2x2x64xi32>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, c, kh, kw) -> (n, h + kh, w + kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (kh, kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (n, h, w, c)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x4x4x64xi8>, tensor<3x3x64xi8>) outs(%init : tensor<1x2x2x64xi32>) {
  ^bb0(%a: i8, %k: i8, %acc: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.extsi %k : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x2x2x64xi32>
  return %c : tensor<1x2x2x64xi32>
}

// -----

// Must not fire: the result is added to a destination that somebody filled, and
// groups that move back would add twice.
// SCHEDULE-LABEL: func.func @destination
// SCHEDULE: kernel = "vector"
func.func @destination(%x: tensor<1x4x4x64xi8>, %i: tensor<1x2x2x64xi32>) -> tensor<1x2x2x64xi32> {
  %w = arith.constant dense<3> : tensor<3x3x64xi8>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, c, kh, kw) -> (n, h + kh, w + kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (kh, kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (n, h, w, c)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x4x4x64xi8>, tensor<3x3x64xi8>) outs(%i : tensor<1x2x2x64xi32>) {
  ^bb0(%a: i8, %k: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %k : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x2x2x64xi32>
  return %c : tensor<1x2x2x64xi32>
}
