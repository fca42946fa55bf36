// RUN: qopt-opt %s --qopt-generate-nests --split-input-file --verify-diagnostics

func.func @incomplete(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects a schedule {kernel = "vector", "dot", "matrix-dot", "split-dot", "across-dot", "depthwise-dot", "tile-dot" or "mma", lanes, lane_dim, tile, order}, got}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @lanes(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects the tile of the lane dimension to be a multiple of 4 lanes, got 6}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 6>, order = array<i64: 0>}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @across(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects 1 lane for sums of whole vectors, got 4}}
  %r = linalg.add {qopt.schedule = {kernel = "across-dot", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @order(%x: tensor<4x16xi8>, %e: tensor<4x16xi8>) -> tensor<4x16xi8> {
  // expected-error @+1 {{expects order to be a permutation of 2 dimensions, got [0, 0]}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 1 : i64, tile = array<i64: 1, 4>, order = array<i64: 0, 0>}}
    ins(%x, %x : tensor<4x16xi8>, tensor<4x16xi8>) outs(%e : tensor<4x16xi8>) -> tensor<4x16xi8>
  return %r : tensor<4x16xi8>
}

// -----

func.func @tile(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects 1 positive tile sizes, got [0]}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 0>, order = array<i64: 0>}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @tasks(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects at least 1 task, got 0}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, tasks = 0 : i64}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @task_dim(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects a task_dim in [0, 1), got 1}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, tasks = 2 : i64, task_dim = 1 : i64}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @task_step(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects a task_step in [1, 8], a multiple of 4, got 6}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, tasks = 2 : i64, task_dim = 0 : i64, task_step = 6 : i64}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @prefetch_value(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects prefetch to be there or not, got false}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, prefetch = false}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @prefetch_threads(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects no prefetch in kernels other than vector, dot and tile-dot, nor with threads}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, threads = 4 : i64, prefetch}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @next_block_value(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects next_block to be there or not, got true}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, next_block = true}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @next_block_threads(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects no next_block in kernels other than vector, nor with threads}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, threads = 4 : i64, next_block}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @shared_taps_value(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects shared_taps to be there or not, got 3}}
  %r = linalg.add {qopt.schedule = {kernel = "dot", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, shared_taps = 3 : i64}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @shared_taps_of_points(%x: tensor<5x8xi8>, %e: tensor<5x32xi32>) -> tensor<5x32xi32> {
  %w = arith.constant dense<1> : tensor<8x32xi8>
  // expected-error @+1 {{expects shared_taps only where a window's row has several taps of a multiple of 4 channels, with weights of 8 bits}}
  %r = linalg.generic {
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<5x8xi8>, tensor<8x32xi8>) outs(%e : tensor<5x32xi32>)
    attrs = {qopt.schedule = {kernel = "dot", lanes = 16 : i64, lane_dim = 1 : i64, tile = array<i64: 5, 32>, order = array<i64: 1, 0>, shared_taps}} {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<5x32xi32>
  return %r : tensor<5x32xi32>
}

// -----

func.func @shared_taps_kernel(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects no shared_taps in kernels other than dot, nor with several steps per read or threads}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, shared_taps}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @ahead_value(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects ahead to be a number of bytes, got "near"}}
  %r = linalg.add {qopt.schedule = {kernel = "vector", lanes = 4 : i64, lane_dim = 0 : i64, tile = array<i64: 4>, order = array<i64: 0>, ahead = "near"}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}

// -----

func.func @ahead_kernel(%x: tensor<16xi8>, %e: tensor<16xi8>) -> tensor<16xi8> {
  // expected-error @+1 {{expects ahead to be at least 0, and 0 in kernels other than vector and dot, with threads and with shared_taps, got 64}}
  %r = linalg.add {qopt.schedule = {kernel = "tile-dot", lanes = 16 : i64, lane_dim = 0 : i64, tile = array<i64: 16>, order = array<i64: 0>, ahead = 64 : i64}}
    ins(%x, %x : tensor<16xi8>, tensor<16xi8>) outs(%e : tensor<16xi8>) -> tensor<16xi8>
  return %r : tensor<16xi8>
}
