#!/usr/bin/env python3
"""Prints an inverted residual block as linalg on tensors, float with
pseudo-random weights: a 1x1 convolution to EXPANDED channels, a depthwise one of
3x3 with STRIDE and padding, a 1x1 to FILTERS.

  make_block.py SIZE CHANNELS EXPANDED FILTERS STRIDE
"""

import sys

from make_layer import dense, weights


def main():
    size, channels, expanded, filters, stride = map(int, sys.argv[1:])
    out = (size + 2 - 3) // stride + 1
    x, a, p, d, y = (f"tensor<1x{side}x{side}x{count}xf32>" for side, count in (
        (size, channels), (size, expanded), (size + 2, expanded), (out, expanded), (out, filters)))
    e, k, f = f"{expanded}x1x1x{channels}", f"3x3x{expanded}", f"{filters}x1x1x{expanded}"
    pointwise = "linalg.conv_2d_nhwc_fhwc"
    print(f"""func.func @block(%x: {x} {{qopt.name = "x"}}) -> ({y} {{qopt.name = "y"}}) {{
  %e = arith.constant {dense(weights(expanded * channels), e)}
  %k = arith.constant {dense(weights(9 * expanded), k)}
  %f = arith.constant {dense(weights(filters * expanded), f)}
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : {a}
  %i0 = linalg.fill ins(%zero : f32) outs(%e0 : {a}) -> {a}
  %c0 = {pointwise} ins(%x, %e : {x}, tensor<{e}xf32>) outs(%i0 : {a}) -> {a}
  %r0 = linalg.max ins(%c0, %i0 : {a}, {a}) outs(%e0 : {a}) -> {a}
  %p = tensor.pad %r0 low[0, 1, 1, 0] high[0, 1, 1, 0] {{
  ^bb0(%n: index, %h: index, %w: index, %c: index):
    tensor.yield %zero : f32
  }} : {a} to {p}
  %e1 = tensor.empty() : {d}
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : {d}) -> {d}
  %c1 = linalg.depthwise_conv_2d_nhwc_hwc {{strides = dense<{stride}> : tensor<2xi64>}} ins(%p, %k : {p}, tensor<{k}xf32>) outs(%i1 : {d}) -> {d}
  %r1 = linalg.max ins(%c1, %i1 : {d}, {d}) outs(%e1 : {d}) -> {d}
  %e2 = tensor.empty() : {y}
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : {y}) -> {y}
  %c2 = {pointwise} ins(%r1, %f : {d}, tensor<{f}xf32>) outs(%i2 : {y}) -> {y}
  return %c2 : {y}
}}""")


main()
