// 256 KiB in and out.
#id = affine_map<(a) -> (a)>
func.func @wide(%x: tensor<65536xf32> {qopt.name = "x"}) -> (tensor<65536xf32> {qopt.name = "y"}) {
  %e = tensor.empty() : tensor<65536xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<65536xf32>) outs(%e : tensor<65536xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<65536xf32> loc("twice")
  return %y : tensor<65536xf32>
}
