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
