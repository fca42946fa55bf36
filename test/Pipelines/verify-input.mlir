// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-phase=phase=input

#id = affine_map<(d0) -> (d0)>
func.func @half(%x: tensor<4xf16>) -> tensor<4xf16> {
  %e = tensor.empty() : tensor<4xf16>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf16>) outs(%e : tensor<4xf16>) {
  ^bb0(%a: f16, %o: f16):
    // expected-error @below {{phase 'input': expected arithmetic in f32, got 'arith.addf' in f16}}
    // expected-note @below {{convert with arith.extf or arith.truncf}}
    %1 = arith.addf %a, %a : f16
    linalg.yield %1 : f16
  } -> tensor<4xf16>
  return %0 : tensor<4xf16>
}

// -----

func.func @empty(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{phase 'input': expected at least one element, got tensor<0x8xf32>}}
  // expected-note @below {{leave the tensor out}}
  %e = tensor.empty() : tensor<0x8xf32>
  return %x : tensor<8xf32>
}

// -----

// expected-error @below {{phase 'input': expected at least one element, got tensor<0x8xf32>}}
// expected-note @below {{leave the tensor out}}
func.func @empty_argument(%x: tensor<0x8xf32>) -> tensor<0x8xf32> {
  return %x : tensor<0x8xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @compared(%x: tensor<4xf64>) -> tensor<4xi1> {
  %e = tensor.empty() : tensor<4xi1>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf64>) outs(%e : tensor<4xi1>) {
  ^bb0(%a: f64, %o: i1):
    // expected-error @below {{phase 'input': expected arithmetic in f32, got 'arith.cmpf' in f64}}
    // expected-note @below {{convert with arith.extf or arith.truncf}}
    %1 = arith.cmpf ogt, %a, %a : f64
    linalg.yield %1 : i1
  } -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// -----

// Movement is no arithmetic.
#id = affine_map<(d0) -> (d0)>
func.func @selected(%x: tensor<4xf16>, %c: tensor<4xi1>) -> tensor<4xf16> {
  %e = tensor.empty() : tensor<4xf16>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %c : tensor<4xf16>, tensor<4xi1>) outs(%e : tensor<4xf16>) {
  ^bb0(%a: f16, %b: i1, %o: f16):
    %1 = arith.select %b, %a, %a : f16
    linalg.yield %1 : f16
  } -> tensor<4xf16>
  return %0 : tensor<4xf16>
}

// -----

// Conversions are no arithmetic.
#id = affine_map<(d0) -> (d0)>
func.func @converted(%x: tensor<4xf16>) -> tensor<4xf16> {
  %e = tensor.empty() : tensor<4xf16>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf16>) outs(%e : tensor<4xf16>) {
  ^bb0(%a: f16, %o: f16):
    %1 = arith.extf %a : f16 to f32
    %2 = arith.addf %1, %1 : f32
    %3 = arith.truncf %2 : f32 to f16
    linalg.yield %3 : f16
  } -> tensor<4xf16>
  return %0 : tensor<4xf16>
}

// -----

// A weight, through the transposition that an importer makes of it.
func.func @weight(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // expected-error @below {{phase 'input': expected finite weights, got infinity for 1 of 4}}
  // expected-note @below {{train or export the model again}}
  %w = arith.constant dense<[[1.0, 2.0], [0xFF800000, 3.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) permutation = [1, 0]
  %c = arith.constant dense<0.0> : tensor<1x2xf32>
  %0 = linalg.matmul ins(%x, %t : tensor<1x2xf32>, tensor<2x2xf32>) outs(%c : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @bias(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{phase 'input': expected a constant without NaN, got NaN for 1 of 4}}
  // expected-note @below {{train or export the model again}}
  %b = arith.constant dense<[0xFF800000, 2.0, 0x7FC00000, 3.0]> : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %b : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %1 = arith.addf %p, %q : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @splat(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{phase 'input': expected a constant without NaN, got NaN for 4 of 4}}
  // expected-note @below {{train or export the model again}}
  %b = arith.constant dense<0x7FC00000> : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.add ins(%x, %b : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @scalar(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{phase 'input': expected a constant without NaN, got NaN for 1 of 1}}
  // expected-note @below {{train or export the model again}}
  %b = arith.constant 0x7FC00000 : f32
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %1 = arith.mulf %p, %b : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A resource, 0x7FC00000 of which is a NaN.
#id = affine_map<(d0) -> (d0)>
func.func @resource(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{phase 'input': expected a constant without NaN, got NaN for 1 of 2}}
  // expected-note @below {{train or export the model again}}
  %b = arith.constant dense_resource<data> : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %b : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %1 = arith.addf %p, %q : f32
    linalg.yield %1 : f32
  } -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
{-# dialect_resources: { builtin: { data: "0x040000000000803F0000C07F" } } #-}

// -----

// A mask of what is not chosen is infinite and no weight.
#id = affine_map<(d0) -> (d0)>
func.func @mask(%x: tensor<2xf32>) -> tensor<2xf32> {
  %m = arith.constant dense<[0.0, 0xFF800000]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %m : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %1 = arith.addf %p, %q : f32
    linalg.yield %1 : f32
  } -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
