// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-amx | FileCheck %s
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-amx --qopt-generate-nests | FileCheck %s --check-prefix=NEST

// Two lines of 14 columns, 16 apart in the padded input, are 30 rows at one
// distance: two windows of 16 rows. A segment is 3 * 64 neighbouring bytes.
// CHECK: iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]{{.*}}qopt.schedule = {kernel = "tile-dot", lane_dim = 3 : i64, lanes = 16 : i64
// NEST-LABEL: func.func @convolution
// NEST: %[[A:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1, 2, 3{{\]\]}} : tensor<1x16x16x64xi8> into tensor<16384xi8>
// NEST: qopt.tile_dot %[[A]][%{{.*}}], %{{.*}}[%{{.*}}] unsigned_a {depth = 192 : i64, row_step = array<i64: 64>, segment_steps = array<i64: 1024>, segments = array<i64: 3>, windows = array<i64: 0, 16
// NEST: scf.for
// NEST: vector.extract
#in = affine_map<(n, h, w, o, i, j, c) -> (n, h + i, w + j, c)>
#weights = affine_map<(n, h, w, o, i, j, c) -> (o, i, j, c)>
#out = affine_map<(n, h, w, o, i, j, c) -> (n, h, w, o)>
func.func @convolution(%x: tensor<1x16x16x64xi8>, %y: tensor<1x14x14x64xi32>) -> tensor<1x14x14x64xi32> {
  %w = arith.constant dense<3> : tensor<64x3x3x64xi8>
  %r = linalg.generic {indexing_maps = [#in, #weights, #out],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x16x16x64xi8>, tensor<64x3x3x64xi8>) outs(%y : tensor<1x14x14x64xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x14x14x64xi32>
  return %r : tensor<1x14x14x64xi32>
}

// One row fills a sixteenth of a tile: vectors are faster.
// CHECK: func.func @vector
// CHECK: qopt.schedule = {kernel = "dot"
func.func @vector(%x: tensor<1x128xi8>, %y: tensor<1x128xi32>) -> tensor<1x128xi32> {
  %w = arith.constant dense<3> : tensor<128x128xi8>
  %r = linalg.generic {indexing_maps = [affine_map<(m, o, k) -> (m, k)>, affine_map<(m, o, k) -> (o, k)>,
      affine_map<(m, o, k) -> (m, o)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x128xi8>, tensor<128x128xi8>) outs(%y : tensor<1x128xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x128xi32>
  return %r : tensor<1x128xi32>
}

// Tiles multiply bytes: a row of nibbles becomes two of bytes, once for all
// rows of activations. Of nine rows the last has a low half alone.
// CHECK: func.func @nibbles
// CHECK: qopt.schedule = {kernel = "tile-dot"
// NEST-LABEL: func.func @nibbles
// NEST: %[[N:.*]] = tensor.collapse_shape %{{.*}} : tensor<2x5x64xi8> into tensor<2x5x64xi8>
// NEST: scf.for %{{.*}} = %c0{{.*}} to %c2{{.*}} -> (tensor<2x9x64xi8>)
// NEST: scf.for %{{.*}} to %c4
// NEST: vector.transfer_read %[[N]]
// NEST: arith.andi
// NEST: vector.transfer_write
// NEST: arith.shrui
// NEST: vector.transfer_write
// NEST: vector.transfer_read %[[N]][%{{.*}}, %c4
// NEST: arith.andi
// NEST-NOT: arith.shrui
// NEST: qopt.tile_dot %{{.*}}, %{{.*}} unsigned_a {depth = 36
func.func @nibbles(%x: tensor<64x36xi8>, %y: tensor<64x32xi32>) -> tensor<64x32xi32> {
  %w = arith.constant dense<3> : tensor<32x36xi4>
  %r = linalg.generic {indexing_maps = [affine_map<(m, o, k) -> (m, k)>, affine_map<(m, o, k) -> (o, k)>,
      affine_map<(m, o, k) -> (m, o)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<64x36xi8>, tensor<32x36xi4>) outs(%y : tensor<64x32xi32>) {
  ^bb0(%a: i8, %b: i4, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i4 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<64x32xi32>
  return %r : tensor<64x32xi32>
}

// Groups have weights of their own, so that a tile has rows of one of them.
// NEST-LABEL: func.func @groups
// NEST: qopt.tile_dot {{.*}} row_step = array<i64: 128>, {{.*}} -> vector<16x1x16xi32>
func.func @groups(%x: tensor<1x17x2x64xi8>, %y: tensor<1x16x2x16xi32>) -> tensor<1x16x2x16xi32> {
  %w = arith.constant dense<3> : tensor<2x16x2x64xi8>
  %r = linalg.generic {indexing_maps = [affine_map<(n, w, g, o, j, c) -> (n, w + j, g, c)>, affine_map<(n, w, g, o, j, c) -> (g, o, j, c)>,
      affine_map<(n, w, g, o, j, c) -> (n, w, g, o)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x17x2x64xi8>, tensor<2x16x2x64xi8>) outs(%y : tensor<1x16x2x16xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x16x2x16xi32>
  return %r : tensor<1x16x2x16xi32>
}
