// RUN: qopt-opt %s --qopt-assign-schedule=target=x86-64-v4-vnni | FileCheck %s --check-prefix=WINDOW
// RUN: qopt-opt %s --qopt-assign-schedule=target=cortex-m7 | FileCheck %s --check-prefix=NOCACHE

// A tile of three rows of a float convolution reads five rows of its input, and all
// channels read them once. Without a cache, a row at a time can be shared.
// WINDOW-LABEL: func.func @float_window
// WINDOW: qopt.schedule = {kernel = "vector", lane_dim = 3 : i64, lanes = 16 : i64, order = array<i64: 0, 1, 3, 2>, tile = array<i64: 1, 3, 2, 64>}
// NOCACHE-LABEL: func.func @float_window
// NOCACHE: tile = array<i64: 1, 1,
func.func @float_window(%x: tensor<1x114x114x64xf32>, %acc: tensor<1x112x112x64xf32>) -> tensor<1x112x112x64xf32> {
  %w = arith.constant dense<2.0> : tensor<64x3x3x64xf32>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, kh, kw, i) -> (n, h + kh, w + kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x114x114x64xf32>, tensor<64x3x3x64xf32>) outs(%acc : tensor<1x112x112x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x112x112x64xf32>
  return %c : tensor<1x112x112x64xf32>
}

// An image that the second-level cache holds comes from there in time.
// WINDOW-LABEL: func.func @float_near
// WINDOW: tile = array<i64: 1, 1, 6, 64>}
func.func @float_near(%x: tensor<1x58x114x64xf32>, %acc: tensor<1x56x112x64xf32>) -> tensor<1x56x112x64xf32> {
  %w = arith.constant dense<2.0> : tensor<64x3x3x64xf32>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, kh, kw, i) -> (n, h + kh, w + kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>,
                     affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%x, %w : tensor<1x58x114x64xf32>, tensor<64x3x3x64xf32>) outs(%acc : tensor<1x56x112x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x56x112x64xf32>
  return %c : tensor<1x56x112x64xf32>
}

// A window of one pixel shares nothing.
// WINDOW-LABEL: func.func @float_point
// WINDOW: qopt.schedule = {kernel = "vector", lane_dim = 3 : i64, lanes = 16 : i64, order = array<i64: 0, 1, 3, 2>, tile = array<i64: 1, 1, 6, 64>}
func.func @float_point(%x: tensor<1x112x112x64xf32>, %acc: tensor<1x112x112x64xf32>) -> tensor<1x112x112x64xf32> {
  %w = arith.constant dense<2.0> : tensor<64x64xf32>
  %c = linalg.generic {
    indexing_maps = [affine_map<(n, h, w, o, i) -> (n, h, w, i)>,
                     affine_map<(n, h, w, o, i) -> (o, i)>,
                     affine_map<(n, h, w, o, i) -> (n, h, w, o)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<1x112x112x64xf32>, tensor<64x64xf32>) outs(%acc : tensor<1x112x112x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.fma %a, %b, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x112x112x64xf32>
  return %c : tensor<1x112x112x64xf32>
}
