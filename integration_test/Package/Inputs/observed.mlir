func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = qopt.observe %x {edge = "x"} : tensor<4xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
