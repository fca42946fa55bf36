#!/usr/bin/env python3
"""Prints a float layer with pseudo-random weights as linalg on tensors.

  make_layer.py conv SIZE CHANNELS FILTERS KERNEL [STRIDE]    no padding
  make_layer.py gemm M K N
"""

import random
import struct
import sys


def dense(numbers, shape):
    data = struct.pack(f"<{len(numbers)}f", *numbers).hex().upper()
    return f'dense<"0x{data}"> : tensor<{shape}xf32>'


def weights(count):
    source = random.Random(1)
    return [source.uniform(-0.1, 0.1) for _ in range(count)]


def conv(size, channels, filters, kernel, stride=1):
    out = (size - kernel) // stride + 1
    x, w, y = (f"1x{size}x{size}x{channels}", f"{filters}x{kernel}x{kernel}x{channels}",
               f"1x{out}x{out}x{filters}")
    op = f"linalg.conv_2d_nhwc_fhwc {{strides = dense<{stride}> : tensor<2xi64>}}"
    return x, w, y, op, filters * kernel * kernel * channels


def gemm(m, k, n):
    return f"{m}x{k}", f"{k}x{n}", f"{m}x{n}", "linalg.matmul", k * n


def main():
    kind, *numbers = sys.argv[1:]
    x, w, y, op, count = {"conv": conv, "gemm": gemm}[kind](*map(int, numbers))
    print(f"""func.func @layer(%x: tensor<{x}xf32> {{qopt.name = "x"}}) -> (tensor<{y}xf32> {{qopt.name = "y"}}) {{
  %w = arith.constant {dense(weights(count), w)}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{y}xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<{y}xf32>) -> tensor<{y}xf32>
  %c = {op} ins(%x, %w : tensor<{x}xf32>, tensor<{w}xf32>) outs(%i : tensor<{y}xf32>) -> tensor<{y}xf32>
  %r = linalg.max ins(%c, %i : tensor<{y}xf32>, tensor<{y}xf32>) outs(%e : tensor<{y}xf32>) -> tensor<{y}xf32>
  return %r : tensor<{y}xf32>
}}""")


if __name__ == "__main__":
    main()
