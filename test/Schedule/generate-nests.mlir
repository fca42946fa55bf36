// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --cse --canonicalize --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --cse --canonicalize --split-input-file | \
// RUN:   qopt-opt --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-generate-nests --cse --canonicalize --split-input-file | FileCheck %s

// A convolution, its bias and its requantization: one nest, which reads its packed
// weights, multiplies with dot products, and stores bytes. A row of the kernel
// (3 columns of 16 channels) is one run of 48 bytes, 12 steps.
// CHECK-LABEL: func.func @conv
// CHECK-NOT: linalg.
// CHECK-NOT: tensor<1x8x8x16xi32>
// CHECK: arith.constant dense<3> : vector<64xi8>
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x10x10x16xi8> into tensor<1x10x160xi8>
// CHECK: scf.for {{.*}} -> (tensor<1x8x8x16xi8>)
// CHECK-COUNT-24: qopt.dot {{.*}} unsigned_a : vector<16xi32>, vector<64xi8>, vector<64xi8>
// CHECK: llvm.loop_annotation = #{{.*}}
// CHECK: vector.transfer_write {{.*}} : vector<16xi8>, tensor<1x8x8x16xi8>
// CHECK-NOT: linalg.
// CHECK: return
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @conv(%x: tensor<1x10x10x16xi8>) -> tensor<1x8x8x16xi8> {
  %w = arith.constant dense<3> : tensor<16x3x3x16xi8>
  %b = arith.constant dense<5> : tensor<16xi32>
  %e = tensor.empty() : tensor<1x8x8x16xi32>
  %bias = linalg.broadcast ins(%b : tensor<16xi32>) outs(%e : tensor<1x8x8x16xi32>) dimensions = [0, 1, 2]
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, kh, kw, c) -> (n, h + kh, w + kw, c)>,
                     affine_map<(n, h, w, o, kh, kw, c) -> (o, kh, kw, c)>,
                     affine_map<(n, h, w, o, kh, kw, c) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x10x10x16xi8>, tensor<16x3x3x16xi8>) outs(%bias : tensor<1x8x8x16xi32>) {
  ^bb0(%a: i8, %k: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %k : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x8x8x16xi32>
  %f = tensor.empty() : tensor<1x8x8x16xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%c : tensor<1x8x8x16xi32>) outs(%f : tensor<1x8x8x16xi8>) {
  ^bb0(%a: i32, %o: i8):
    %0 = arith.trunci %a : i32 to i8
    linalg.yield %0 : i8
  } -> tensor<1x8x8x16xi8>
  return %q : tensor<1x8x8x16xi8>
}

// -----

// One input: each row of the window is three bytes. They are read four at a
// time, those of the last column with the byte in front of them.
// CHECK-LABEL: func.func @one_input
// CHECK-NOT: tensor.extract
// CHECK-COUNT-7: vector.transfer_read {{.*}} : tensor<1x9x10xi8>, vector<4xi8>
// CHECK: vector.transfer_read {{.*}} : tensor<1x9x10xi8>, vector<4xi8>
// CHECK: arith.shrui {{.*}}, %c8_i32 : i32
// CHECK-NOT: tensor.extract
// CHECK: return
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @one_input(%x: tensor<1x9x10x1xi8>) -> tensor<1x7x8x16xi8> {
  %w = arith.constant dense<3> : tensor<16x3x3x1xi8>
  %b = arith.constant dense<5> : tensor<16xi32>
  %e = tensor.empty() : tensor<1x7x8x16xi32>
  %bias = linalg.broadcast ins(%b : tensor<16xi32>) outs(%e : tensor<1x7x8x16xi32>) dimensions = [0, 1, 2]
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, kh, kw, c) -> (n, h + kh, w + kw, c)>,
                     affine_map<(n, h, w, o, kh, kw, c) -> (o, kh, kw, c)>,
                     affine_map<(n, h, w, o, kh, kw, c) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x9x10x1xi8>, tensor<16x3x3x1xi8>) outs(%bias : tensor<1x7x8x16xi32>) {
  ^bb0(%a: i8, %k: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %k : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x7x8x16xi32>
  %f = tensor.empty() : tensor<1x7x8x16xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%c : tensor<1x7x8x16xi32>) outs(%f : tensor<1x7x8x16xi8>) {
  ^bb0(%a: i32, %o: i8):
    %0 = arith.trunci %a : i32 to i8
    linalg.yield %0 : i8
  } -> tensor<1x7x8x16xi8>
  return %q : tensor<1x7x8x16xi8>
}

// -----

// A float sum keeps its order: one accumulator, sixteen elements side by side.
// The weights are stored as they are read: blocks of output channels, steps,
// channels of the block.
// CHECK-LABEL: func.func @float_matmul
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<2x2x16xf32>
// CHECK-NOT: linalg.
// CHECK: %[[A:.*]] = tensor.extract
// CHECK-DAG: %[[V:.*]] = vector.broadcast %[[A]] : f32 to vector<16xf32>
// CHECK-DAG: vector.transfer_read %[[W]][%c1, %c0, %c0]
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK-NOT: vector.reduction
// CHECK: return
func.func @float_matmul(%x: tensor<1x2xf32>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %w = arith.constant dense<[[0.0, 0.5], [1.0, 1.5], [2.0, 2.5], [3.0, 3.5], [4.0, 4.5], [5.0, 5.5], [6.0, 6.5], [7.0, 7.5], [8.0, 8.5], [9.0, 9.5], [10.0, 10.5], [11.0, 11.5], [12.0, 12.5], [13.0, 13.5], [14.0, 14.5], [15.0, 15.5], [16.0, 16.5], [17.0, 17.5], [18.0, 18.5], [19.0, 19.5], [20.0, 20.5], [21.0, 21.5], [22.0, 22.5], [23.0, 23.5], [24.0, 24.5], [25.0, 25.5], [26.0, 26.5], [27.0, 27.5], [28.0, 28.5], [29.0, 29.5], [30.0, 30.5], [31.0, 31.5]]> : tensor<32x2xf32>
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<1x2xf32>, tensor<32x2xf32>) outs(%init : tensor<1x32xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %acc, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x32xf32>
  return %r : tensor<1x32xf32>
}

// -----

// Overlapping windows need elements more than once: two nests, not one.
// CHECK-LABEL: func.func @overlapping
// CHECK: scf.for {{.*}} -> (tensor<1x9x9x64xi8>)
// CHECK: scf.for {{.*}} -> (tensor<1x4x4x64xi8>)
// CHECK: arith.maxui
// CHECK-NOT: linalg.
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @overlapping(%x: tensor<1x9x9x64xi8>) -> tensor<1x4x4x64xi8> {
  %e = tensor.empty() : tensor<1x9x9x64xi8>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x : tensor<1x9x9x64xi8>) outs(%e : tensor<1x9x9x64xi8>) {
  ^bb0(%a: i8, %o: i8):
    %0 = arith.addi %a, %a : i8
    linalg.yield %0 : i8
  } -> tensor<1x9x9x64xi8>
  %zero = arith.constant 0 : i8
  %f = tensor.empty() : tensor<1x4x4x64xi8>
  %init = linalg.fill ins(%zero : i8) outs(%f : tensor<1x4x4x64xi8>) -> tensor<1x4x4x64xi8>
  %window = tensor.empty() : tensor<3x3xi8>
  %r = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, c, kh, kw) -> (n, h * 2 + kh, w * 2 + kw, c)>,
                     affine_map<(n, h, w, c, kh, kw) -> (kh, kw)>,
                     affine_map<(n, h, w, c, kh, kw) -> (n, h, w, c)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%y, %window : tensor<1x9x9x64xi8>, tensor<3x3xi8>) outs(%init : tensor<1x4x4x64xi8>) {
  ^bb0(%a: i8, %k: i8, %acc: i8):
    %0 = arith.maxui %acc, %a : i8
    linalg.yield %0 : i8
  } -> tensor<1x4x4x64xi8>
  return %r : tensor<1x4x4x64xi8>
}

// -----

// A table on bytes is one lookup for a whole register of them.
// CHECK-LABEL: func.func @table
// CHECK: vector.gather {{.*}} : tensor<256xi8>, vector<64xindex>, vector<64xi1>, vector<64xi8> into vector<64xi8>
// CHECK-NOT: tensor.extract
// CHECK: return
#id = affine_map<(d0) -> (d0)>
func.func @table(%x: tensor<640xi8>, %t: tensor<256xi8>, %e: tensor<640xi8>) -> tensor<640xi8> {
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
    ins(%x : tensor<640xi8>) outs(%e : tensor<640xi8>) {
  ^bb0(%a: i8, %o: i8):
    %i = arith.index_castui %a : i8 to index
    %0 = tensor.extract %t[%i] : tensor<256xi8>
    linalg.yield %0 : i8
  } -> tensor<640xi8>
  return %r : tensor<640xi8>
}

// -----

// What is read for the last time, and where the result is written, is
// overwritten, element after element.
// CHECK-LABEL: func.func @in_place
// CHECK: %[[E:.*]] = tensor.empty() : tensor<8x8xi8>
// CHECK: %[[A:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[E]])
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[E]])
// CHECK: scf.for {{.*}} iter_args(%[[D:.*]] = %[[A]])
// CHECK: vector.transfer_read %[[D]]
// CHECK-NOT: %[[A]][
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
func.func @in_place(%x: tensor<8x8xi8>) -> (tensor<8x8xi8>, tensor<8x8xi8>) {
  %e = tensor.empty() : tensor<8x8xi8>
  %a = linalg.add ins(%x, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%e : tensor<8x8xi8>) -> tensor<8x8xi8>
  %f = tensor.empty() : tensor<8x8xi8>
  %t = linalg.generic {indexing_maps = [#turned, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%f : tensor<8x8xi8>) {
  ^bb0(%u: i8, %v: i8, %o: i8):
    %s = arith.addi %u, %v : i8
    linalg.yield %s : i8
  } -> tensor<8x8xi8>
  %g = tensor.empty() : tensor<8x8xi8>
  %r = linalg.sub ins(%a, %t : tensor<8x8xi8>, tensor<8x8xi8>) outs(%g : tensor<8x8xi8>) -> tensor<8x8xi8>
  return %t, %r : tensor<8x8xi8>, tensor<8x8xi8>
}

// -----

// Must not fire: read at another position, or read again by a later nest.
// CHECK-LABEL: func.func @kept
// CHECK: %[[E:.*]] = tensor.empty() : tensor<8x8xi8>
// CHECK-COUNT-4: scf.for {{.*}} iter_args(%{{.*}} = %[[E]])
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
func.func @kept(%x: tensor<8x8xi8>) -> (tensor<8x8xi8>, tensor<8x8xi8>, tensor<8x8xi8>, tensor<8x8xi8>) {
  %e = tensor.empty() : tensor<8x8xi8>
  %a = linalg.add ins(%x, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%e : tensor<8x8xi8>) -> tensor<8x8xi8>
  %f = tensor.empty() : tensor<8x8xi8>
  %r = linalg.generic {indexing_maps = [#id, #turned, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a, %a : tensor<8x8xi8>, tensor<8x8xi8>) outs(%f : tensor<8x8xi8>) {
  ^bb0(%u: i8, %v: i8, %o: i8):
    %s = arith.addi %u, %v : i8
    linalg.yield %s : i8
  } -> tensor<8x8xi8>
  %g = tensor.empty() : tensor<8x8xi8>
  %b = linalg.sub ins(%r, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%g : tensor<8x8xi8>) -> tensor<8x8xi8>
  %h = tensor.empty() : tensor<8x8xi8>
  %c = linalg.sub ins(%r, %b : tensor<8x8xi8>, tensor<8x8xi8>) outs(%h : tensor<8x8xi8>) -> tensor<8x8xi8>
  return %a, %r, %b, %c : tensor<8x8xi8>, tensor<8x8xi8>, tensor<8x8xi8>, tensor<8x8xi8>
}

// -----

// Must not fire: one operation of the nest is computed at two positions, and so
// is what it reads.
// CHECK-LABEL: func.func @kept_below
// CHECK: %[[E:.*]] = tensor.empty() : tensor<8x8xi8>
// CHECK-COUNT-3: scf.for {{.*}} iter_args(%{{.*}} = %[[E]])
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
func.func @kept_below(%x: tensor<8x8xi8>) -> (tensor<8x8xi8>, tensor<8x8xi8>) {
  %e = tensor.empty() : tensor<8x8xi8>
  %a = linalg.add ins(%x, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%e : tensor<8x8xi8>) -> tensor<8x8xi8>
  %before = linalg.generic {indexing_maps = [#turned, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%e : tensor<8x8xi8>) {
  ^bb0(%u: i8, %v: i8, %o: i8):
    %s = arith.addi %u, %v : i8
    linalg.yield %s : i8
  } -> tensor<8x8xi8>
  %d = linalg.mul ins(%a, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%e : tensor<8x8xi8>) -> tensor<8x8xi8>
  %t = linalg.sub ins(%d, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%e : tensor<8x8xi8>) -> tensor<8x8xi8>
  %r = linalg.generic {indexing_maps = [#id, #turned, #id], iterator_types = ["parallel", "parallel"]}
    ins(%d, %t : tensor<8x8xi8>, tensor<8x8xi8>) outs(%e : tensor<8x8xi8>) {
  ^bb0(%u: i8, %v: i8, %o: i8):
    %s = arith.addi %u, %v : i8
    linalg.yield %s : i8
  } -> tensor<8x8xi8>
  return %before, %r : tensor<8x8xi8>, tensor<8x8xi8>
}

// -----

// Two tasks share out seven runs of a tile of rows; the row that is left is no
// task's.
// CHECK-LABEL: func.func @seven_tiles
// CHECK: scf.for %{{.*}} = %c0 to %c7 step %c1
// CHECK-NOT: scf.for
// CHECK: } {{.*}}qopt.tasks = 2 : i64
// CHECK-NOT: scf.for
// CHECK: vector.transfer_write {{.*}}[%c14, %c0]
func.func @seven_tiles(%x: tensor<15x4xi8>) -> tensor<15x4xi8> {
  %e = tensor.empty() : tensor<15x4xi8>
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 1 : i64, tile = array<i64: 2, 4>, order = array<i64: 1, 0>, tasks = 2 : i64, task_dim = 0 : i64, task_step = 2 : i64}}
    ins(%x, %x : tensor<15x4xi8>, tensor<15x4xi8>) outs(%e : tensor<15x4xi8>) -> tensor<15x4xi8>
  return %r : tensor<15x4xi8>
}

// -----

// Six tiles of rows are two runs of three, each with all its loops in their
// order.
// CHECK-LABEL: func.func @six_tiles
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c1
// CHECK: scf.for %{{.*}} = %c0 to %c3 step %c1
// CHECK: } {{.*}}qopt.tasks = 2 : i64
func.func @six_tiles(%x: tensor<12x16xi8>) -> tensor<12x16xi8> {
  %e = tensor.empty() : tensor<12x16xi8>
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 1 : i64, tile = array<i64: 2, 4>, order = array<i64: 1, 0>, tasks = 2 : i64, task_dim = 0 : i64, task_step = 6 : i64}}
    ins(%x, %x : tensor<12x16xi8>, tensor<12x16xi8>) outs(%e : tensor<12x16xi8>) -> tensor<12x16xi8>
  return %r : tensor<12x16xi8>
}

// -----

// Two runs of five rows: two tiles, and the row that is left of each run.
// CHECK-LABEL: func.func @five_rows
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK: vector.transfer_write
// CHECK: vector.transfer_write
// CHECK: } {{.*}}qopt.tasks = 2 : i64
func.func @five_rows(%x: tensor<10x4xi8>) -> tensor<10x4xi8> {
  %e = tensor.empty() : tensor<10x4xi8>
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 1 : i64, tile = array<i64: 2, 4>, order = array<i64: 1, 0>, tasks = 2 : i64, task_dim = 0 : i64, task_step = 5 : i64}}
    ins(%x, %x : tensor<10x4xi8>, tensor<10x4xi8>) outs(%e : tensor<10x4xi8>) -> tensor<10x4xi8>
  return %r : tensor<10x4xi8>
}

// A declaration has no nests.
// CHECK-LABEL: func.func private @declared
func.func private @declared(tensor<4xf32>) -> tensor<4xf32>
