// A 3x3 convolution with fewer output channels than vectors have lanes, on rows
// of 20 columns: whole vectors of them and a rest.
#x = affine_map<(n, h, w, o, kh, kw, i) -> (n, h + kh, w + kw, i)>
#w = affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>
#y = affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>
func.func @few_channels(%x: tensor<1x6x22x32xf32> {qopt.name = "x"}, %w: tensor<2x3x3x32xf32> {qopt.name = "w"}) -> (tensor<1x4x20x2xf32> {qopt.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x20x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x20x2xf32>) -> tensor<1x4x20x2xf32>
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x6x22x32xf32>, tensor<2x3x3x32xf32>) outs(%init : tensor<1x4x20x2xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x4x20x2xf32> loc("conv")
  return %y : tensor<1x4x20x2xf32>
}
