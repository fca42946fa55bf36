// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-phase=phase=scheduled

func.func @left(%x: tensor<4xi32>, %m: tensor<f32>, %e: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error @below {{phase 'scheduled': 'qopt.requantize' is left}}
  // expected-note @below {{convert-qopt-to-linalg should have converted it}}
  %0 = qopt.requantize ins(%x : tensor<4xi32>) multipliers(%m : tensor<f32>) outs(%e : tensor<4xi8>)
    range [0, 255] zero_point 0
    {input_zero_points = array<i32: 0>, unsigned_inputs = array<i1: false>, params = [affine_map<(d0) -> ()>]} -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

// Sums that nothing keeps from being requantized in registers.
func.func @sums(%x: tensor<4xi32>, %e: tensor<4xi8>) -> tensor<4xi8> attributes {qopt.stored = []} {
  %s = tensor.empty() : tensor<4xi32>
  // expected-error @below {{phase 'scheduled': the intermediate tensor<4xi32> is stored}}
  // expected-note @below {{qopt-assign-schedule found nothing that keeps it from being fused}}
  %0 = linalg.add ins(%x, %x : tensor<4xi32>, tensor<4xi32>) outs(%s : tensor<4xi32>) -> tensor<4xi32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%0 : tensor<4xi32>) outs(%e : tensor<4xi8>) {
  ^bb0(%a: i32, %o: i8):
    %2 = arith.trunci %a : i32 to i8
    linalg.yield %2 : i8
  } -> tensor<4xi8>
  return %1 : tensor<4xi8>
}

// -----

// One declared, two stored.
func.func @declared(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
    attributes {qopt.stored = [{name = "a", type = tensor<4xf32>, why = "is returned"}]} {
  %s = tensor.empty() : tensor<4xf32>
  %0 = linalg.add ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%s : tensor<4xf32>) -> tensor<4xf32>
  %t = tensor.empty() : tensor<4xf32>
  // expected-error @below {{the intermediate tensor<4xf32> is stored}}
  // expected-note @below {{qopt-assign-schedule}}
  %1 = linalg.add ins(%0, %x : tensor<4xf32>, tensor<4xf32>) outs(%t : tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// Bytes are what nests give to each other.
func.func @bytes(%x: tensor<4xi8>) -> tensor<4xi8> attributes {qopt.stored = []} {
  %s = tensor.empty() : tensor<4xi8>
  %0 = linalg.add ins(%x, %x : tensor<4xi8>, tensor<4xi8>) outs(%s : tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}
