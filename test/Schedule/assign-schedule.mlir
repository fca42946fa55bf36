// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni | FileCheck %s
// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni --qopt-assign-schedule=target=x86-64-v2 | FileCheck %s
// RUN: not qopt-opt %s --qopt-assign-schedule=target=z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: z80

// RUN: qopt-opt %s --qopt-assign-schedule="target=x86-64-v4-vnni threads=2" | FileCheck %s --check-prefix=THREADS
// RUN: qopt-opt %s --qopt-assign-schedule=target=cortex-m55 | FileCheck %s --check-prefix=MVE
// RUN: not qopt-opt %s --qopt-assign-schedule=threads=0 2>&1 | FileCheck %s --check-prefix=NONE

// NONE: expects at least 1 thread, got 0

// Only the root of a region has a schedule; the init is part of the region.
// CHECK-LABEL: func.func @matmul
// CHECK-NOT: schedule
// CHECK: linalg.fill
// CHECK-NOT: schedule
// CHECK: linalg.generic {{.*}}qopt.schedule = {kernel = "dot", lane_dim = 1 : i64, lanes = 16 : i64, order = array<i64: 1, 0>, tile = array<i64: 5, 32>}
func.func @matmul(%x: tensor<5x8xi8>) -> tensor<5x32xi32> {
  %w = arith.constant dense<1> : tensor<8x32xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<5x32xi32>
  %i = linalg.fill ins(%zero : i32) outs(%e : tensor<5x32xi32>) -> tensor<5x32xi32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<5x8xi8>, tensor<8x32xi8>) outs(%i : tensor<5x32xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<5x32xi32>
  return %r : tensor<5x32xi32>
}

// A schedule written by hand stays.
// CHECK-LABEL: func.func @kept
// CHECK: linalg.add {qopt.schedule = {kernel = "vector", lane_dim = 0 : i64, lanes = 4 : i64, order = array<i64: 0>, tile = array<i64: 8>}}
func.func @kept(%x: tensor<16xi8>) -> tensor<16xi8> {
  %e = tensor.empty() : tensor<16xi8>
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 8>, order = array<i64: 0>}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// Must not fire: no static shape to schedule for.
// CHECK-LABEL: func.func @dynamic
// CHECK-NOT: schedule
func.func @dynamic(%x: tensor<?xi8>, %e: tensor<?xi8>) -> tensor<?xi8> {
  %r = linalg.add ins(%x, %x : tensor<?xi8>, tensor<?xi8>) outs(%e : tensor<?xi8>) -> tensor<?xi8>
  return %r : tensor<?xi8>
}

// Long loops are cut: by positions where all of the input costs more to fetch
// than all weights, else by channels. Short loops are left alone.
// THREADS-LABEL: func.func @matmul
// THREADS-NOT: tasks
// THREADS-LABEL: func.func @long
// THREADS: order = array<i64: 0, 2, 1>, {{.*}}task_dim = 1 : i64, task_step = 28 : i64, tasks = 2 : i64, tile
// THREADS-LABEL: func.func @few_rows
// THREADS: task_dim = 1 : i64, task_step = 256 : i64, tasks = 2 : i64, tile
// CHECK-LABEL: func.func @long
func.func @long(%x: tensor<1x57x1024xi8>) -> tensor<1x57x128xi32> {
  %w = arith.constant dense<1> : tensor<1024x128xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<1x57x128xi32>
  %i = linalg.fill ins(%zero : i32) outs(%e : tensor<1x57x128xi32>) -> tensor<1x57x128xi32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>],
    iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<1x57x1024xi8>, tensor<1024x128xi8>) outs(%i : tensor<1x57x128xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x57x128xi32>
  return %r : tensor<1x57x128xi32>
}

func.func @few_rows(%x: tensor<4x1024xi8>) -> tensor<4x512xi32> {
  %w = arith.constant dense<1> : tensor<1024x512xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<4x512xi32>
  %i = linalg.fill ins(%zero : i32) outs(%e : tensor<4x512xi32>) -> tensor<4x512xi32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<4x1024xi8>, tensor<1024x512xi8>) outs(%i : tensor<4x512xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<4x512xi32>
  return %r : tensor<4x512xi32>
}

// The mean over rows would fetch the contraction's weights for each of them:
// two regions, and what finishes the contraction is in the first.
// CHECK-LABEL: func.func @mean
// CHECK: iterator_types = ["parallel", "parallel"]{{.*}}qopt.schedule = {kernel = "dot"
// CHECK: iterator_types = ["parallel", "reduction"]{{.*}}qopt.schedule = {kernel = "vector"
func.func @mean(%x: tensor<16x8xi8>) -> tensor<32xi32> {
  %w = arith.constant dense<1> : tensor<8x32xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<16x32xi32>
  %i = linalg.fill ins(%zero : i32) outs(%e : tensor<16x32xi32>) -> tensor<16x32xi32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<16x8xi8>, tensor<8x32xi8>) outs(%i : tensor<16x32xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<16x32xi32>
  %relu = linalg.generic {
    indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>],
    iterator_types = ["parallel", "parallel"]}
    ins(%r : tensor<16x32xi32>) outs(%e : tensor<16x32xi32>) {
  ^bb0(%a: i32, %out: i32):
    %0 = arith.maxsi %a, %zero : i32
    linalg.yield %0 : i32
  } -> tensor<16x32xi32>
  %f = tensor.empty() : tensor<32xi32>
  %j = linalg.fill ins(%zero : i32) outs(%f : tensor<32xi32>) -> tensor<32xi32>
  %mean = linalg.generic {
    indexing_maps = [affine_map<(n, m) -> (m, n)>, affine_map<(n, m) -> (n)>],
    iterator_types = ["parallel", "reduction"]}
    ins(%relu : tensor<16x32xi32>) outs(%j : tensor<32xi32>) {
  ^bb0(%a: i32, %acc: i32):
    %0 = arith.addi %acc, %a : i32
    linalg.yield %0 : i32
  } -> tensor<32xi32>
  return %mean : tensor<32xi32>
}

// What has no loop nest is stored, and declared.
// CHECK-LABEL: func.func @no_nest
// CHECK-SAME: qopt.stored = [{name = "", type = tensor<4x4xf32>, why = "has no loop nest"}]
func.func @no_nest(%x: tensor<4xf32>, %e: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %r = linalg.generic {
    indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i, i)>], iterator_types = ["parallel"]}
    ins(%x : tensor<4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// With Helium, a sum of at least sixteen bytes takes them sixteen at a time.
// MVE-LABEL: func.func @deep
// MVE: qopt.schedule = {kernel = "across-dot", lane_dim = 1 : i64, lanes = 1 : i64, order = array<i64: 1, 0>, tile = array<i64: 2, 2>}
// MVE: qopt.schedule = {kernel = "dot"
func.func @deep(%x: tensor<6x40xi8>, %y: tensor<6x12xi8>) -> (tensor<6x8xi32>, tensor<6x8xi32>) {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<6x8xi32>
  %i = linalg.fill ins(%zero : i32) outs(%e : tensor<6x8xi32>) -> tensor<6x8xi32>
  %v = arith.constant dense<1> : tensor<40x8xi8>
  %r = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %v : tensor<6x40xi8>, tensor<40x8xi8>) outs(%i : tensor<6x8xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<6x8xi32>
  %w = arith.constant dense<1> : tensor<12x8xi8>
  %s = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%y, %w : tensor<6x12xi8>, tensor<12x8xi8>) outs(%i : tensor<6x8xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<6x8xi32>
  return %r, %s : tensor<6x8xi32>, tensor<6x8xi32>
}

// Of two contractions that end in one addition, the second would share the registers
// with the first: its bytes are stored.
// CHECK-LABEL: func.func @one_contraction
// CHECK: ins(%{{.*}} : tensor<64x32xi32>) {{.*}}qopt.schedule = {kernel = "dot"
// CHECK: ins(%{{.*}} : tensor<64x32xi8>, tensor<64x32xi8>) {{.*}}qopt.schedule = {kernel = "dot"
func.func @one_contraction(%x: tensor<64x32xi8>, %y: tensor<64x32xi8>, %e: tensor<64x32xi8>, %s: tensor<64x32xi32>) -> tensor<64x32xi8> {
  %w = arith.constant dense<3> : tensor<32x32xi8>
  %a = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<64x32xi8>, tensor<32x32xi8>) outs(%s : tensor<64x32xi32>) {
  ^bb0(%l: i8, %r: i8, %acc: i32):
    %0 = arith.extui %l : i8 to i32
    %1 = arith.extsi %r : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<64x32xi32>
  %b = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%y, %w : tensor<64x32xi8>, tensor<32x32xi8>) outs(%s : tensor<64x32xi32>) {
  ^bb0(%l: i8, %r: i8, %acc: i32):
    %0 = arith.extui %l : i8 to i32
    %1 = arith.extsi %r : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<64x32xi32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<64x32xi32>) outs(%e : tensor<64x32xi8>) {
  ^bb0(%i: i32, %o: i8):
    %0 = arith.trunci %i : i32 to i8
    linalg.yield %0 : i8
  } -> tensor<64x32xi8>
  %d = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<64x32xi32>) outs(%e : tensor<64x32xi8>) {
  ^bb0(%i: i32, %o: i8):
    %0 = arith.trunci %i : i32 to i8
    linalg.yield %0 : i8
  } -> tensor<64x32xi8>
  %f = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%c, %d : tensor<64x32xi8>, tensor<64x32xi8>) outs(%e : tensor<64x32xi8>) {
  ^bb0(%i: i8, %j: i8, %o: i8):
    %0 = arith.addi %i, %j : i8
    linalg.yield %0 : i8
  } -> tensor<64x32xi8>
  return %f : tensor<64x32xi8>
}

// A single number is one task.
// THREADS-LABEL: func.func @number
// THREADS: lane_dim = -1
// THREADS-NOT: tasks
func.func @number(%x: tensor<64xf32>, %e: tensor<f32>) -> tensor<f32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<64xf32>) outs(%e : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %0 = arith.addf %acc, %a : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}
