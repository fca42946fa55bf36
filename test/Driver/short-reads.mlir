// Two dots read runs of two and of three bytes at the same places: what the
// shorter one knows of a word is not enough for the longer one.
// RUN: %make_npz %t.npy x=i8_:5x9:ramp
// RUN: qopt compile %s --compile-from integer --no-schedule --emit so -o %t.plain.so
// RUN: qopt run %t.plain.so --input %t.npy --output %t.plain.npy
// RUN: qopt run %s --compile-from integer --input %t.npy --output %t.nests.npy
// RUN: cmp %t.plain.npy %t.nests.npy
#x = affine_map<(h, w, o, k) -> (h, w * 2 + k)>
#w = affine_map<(h, w, o, k) -> (o, k)>
#y = affine_map<(h, w, o, k) -> (h, w, o)>
func.func @m(%x: tensor<5x9xi8> {qopt.name = "x"}) -> (tensor<5x64xi32> {qopt.name = "y"}) {
  %w2 = arith.constant dense<7> : tensor<16x2xi8>
  %w3 = arith.constant dense<5> : tensor<16x3xi8>
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<5x4x16xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<5x4x16xi32>) -> tensor<5x4x16xi32>
  %a = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w2 : tensor<5x9xi8>, tensor<16x2xi8>) outs(%f : tensor<5x4x16xi32>) {
  ^bb0(%p: i8, %q: i8, %acc: i32):
    %0 = arith.extui %p : i8 to i32
    %1 = arith.extsi %q : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<5x4x16xi32>
  %b = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w3 : tensor<5x9xi8>, tensor<16x3xi8>) outs(%f : tensor<5x4x16xi32>) {
  ^bb0(%p: i8, %q: i8, %acc: i32):
    %0 = arith.extui %p : i8 to i32
    %1 = arith.extsi %q : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<5x4x16xi32>
  %e2 = tensor.empty() : tensor<5x4x16xi32>
  %s = linalg.add ins(%a, %b : tensor<5x4x16xi32>, tensor<5x4x16xi32>) outs(%e2 : tensor<5x4x16xi32>) -> tensor<5x4x16xi32>
  %r = tensor.collapse_shape %s [[0], [1, 2]] : tensor<5x4x16xi32> into tensor<5x64xi32>
  return %r : tensor<5x64xi32>
}
