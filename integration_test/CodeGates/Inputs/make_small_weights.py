#!/usr/bin/env python3
"""Prints the convolution of docs/CodeGeneration.md, section 8, in the phase `integer`,
with weights within 31: two products, and two steps of them, fit into 16 bits."""

import struct

WEIGHTS = bytes(((i * i * 31 + i * 7) % 63 - 31) & 255 for i in range(64 * 9 * 64)).hex()
BIASES = struct.pack("<64i", *(100 * i - 3000 for i in range(64))).hex()
MULTIPLIERS = struct.pack("<64f", *(0.0004 + i / 1e6 for i in range(64))).hex()

print(f"""func.func @conv(%x: tensor<1x14x14x64xi8> {{qopt.name = "x", qopt.unsigned, qopt.scale = 0.02 : f32, qopt.zero_point = 0 : i32}})
    -> (tensor<1x14x14x64xi8> {{qopt.name = "y", qopt.unsigned, qopt.scale = 0.05 : f32, qopt.zero_point = 0 : i32}}) {{
  %zero_point = arith.constant 0 : i8
  %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {{
  ^bb0(%n: index, %h: index, %w: index, %c: index):
    tensor.yield %zero_point : i8
  }} : tensor<1x14x14x64xi8> to tensor<1x16x16x64xi8>
  %weights = arith.constant dense<"0x{WEIGHTS}"> : tensor<64x3x3x64xi8>
  %bias = arith.constant dense<"0x{BIASES}"> : tensor<64xi32>
  %e = tensor.empty() : tensor<1x14x14x64xi32>
  %init = linalg.broadcast ins(%bias : tensor<64xi32>) outs(%e : tensor<1x14x14x64xi32>) dimensions = [0, 1, 2]
  %sums = linalg.generic {{
      indexing_maps = [affine_map<(n, h, w, o, kh, kw, i) -> (n, h + kh, w + kw, i)>,
                       affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>,
                       affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}}
      ins(%padded, %weights : tensor<1x16x16x64xi8>, tensor<64x3x3x64xi8>) outs(%init : tensor<1x14x14x64xi32>) {{
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %wide_a = arith.extui %a : i8 to i32
    %wide_b = arith.extsi %b : i8 to i32
    %product = arith.muli %wide_a, %wide_b : i32
    %sum = arith.addi %acc, %product : i32
    linalg.yield %sum : i32
  }} -> tensor<1x14x14x64xi32>
  %multipliers = arith.constant dense<"0x{MULTIPLIERS}"> : tensor<64xf32>
  %f = tensor.empty() : tensor<1x14x14x64xi8>
  %y = qopt.requantize ins(%sums : tensor<1x14x14x64xi32>) multipliers(%multipliers : tensor<64xf32>)
      outs(%f : tensor<1x14x14x64xi8>) range [0, 255] zero_point 0
      {{input_zero_points = array<i32: 0>, params = [affine_map<(n, h, w, o) -> (o)>], unsigned_inputs = array<i1: false>}}
      -> tensor<1x14x14x64xi8>
  return %y : tensor<1x14x14x64xi8>
}}""")
