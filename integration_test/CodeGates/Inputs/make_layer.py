#!/usr/bin/env python3
"""Prints a float layer with pseudo-random weights as linalg on tensors.

  make_layer.py [--silu] conv SIZE CHANNELS FILTERS KERNEL [STRIDE]    no padding
  make_layer.py [--silu] depthwise SIZE CHANNELS KERNEL [STRIDE]       no padding
  make_layer.py [--silu] gemm M K N
  make_layer.py maxpool SIZE CHANNELS KERNEL STRIDE                       no padding
  make_layer.py avgpool SIZE CHANNELS KERNEL STRIDE                       no padding

The layers with weights end in a ReLU, or in x * sigmoid(x) with --silu.
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


def strides(stride):
    return f"{{strides = dense<{stride}> : tensor<2xi64>}}"


def conv(size, channels, filters, kernel, stride=1):
    out = (size - kernel) // stride + 1
    x, w, y = (f"1x{size}x{size}x{channels}", f"{filters}x{kernel}x{kernel}x{channels}",
               f"1x{out}x{out}x{filters}")
    op = f"linalg.conv_2d_nhwc_fhwc {strides(stride)}"
    return x, w, y, op, filters * kernel * kernel * channels


def depthwise(size, channels, kernel, stride=1):
    out = (size - kernel) // stride + 1
    x, w, y = (f"1x{size}x{size}x{channels}", f"{kernel}x{kernel}x{channels}",
               f"1x{out}x{out}x{channels}")
    return x, w, y, f"linalg.depthwise_conv_2d_nhwc_hwc {strides(stride)}", kernel * kernel * channels


def gemm(m, k, n):
    return f"{m}x{k}", f"{k}x{n}", f"{m}x{n}", "linalg.matmul", k * n


CONTRACTIONS = {"conv": conv, "depthwise": depthwise, "gemm": gemm}


def elementwise(y, body):
    dims = ", ".join(f"d{i}" for i in range(y.count("x") + 1))
    same = f"affine_map<({dims}) -> ({dims})>"
    kinds = ", ".join(['"parallel"'] * (y.count("x") + 1))
    return f"""linalg.generic {{indexing_maps = [{same}, {same}], iterator_types = [{kinds}]}} ins(%c : tensor<{y}xf32>) outs(%e : tensor<{y}xf32>) {{
  ^bb0(%a: f32, %b: f32):
{body}
    linalg.yield %v : f32
  }} -> tensor<{y}xf32>"""


SILU = """    %one = arith.constant 1.0 : f32
    %n = arith.negf %a : f32
    %x0 = math.exp %n : f32
    %d = arith.addf %x0, %one : f32
    %v = arith.divf %a, %d : f32"""


def contraction(kind, numbers, silu):
    x, w, y, op, count = CONTRACTIONS[kind](*numbers)
    end = elementwise(y, SILU) if silu else (
        f"linalg.max ins(%c, %i : tensor<{y}xf32>, tensor<{y}xf32>) outs(%e : tensor<{y}xf32>) -> tensor<{y}xf32>")
    return x, y, f"""  %w = arith.constant {dense(weights(count), w)}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{y}xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<{y}xf32>) -> tensor<{y}xf32>
  %c = {op} ins(%x, %w : tensor<{x}xf32>, tensor<{w}xf32>) outs(%i : tensor<{y}xf32>) -> tensor<{y}xf32>
  %r = {end}"""


def pooling(kind, size, channels, kernel, stride):
    out = (size - kernel) // stride + 1
    x, y = f"1x{size}x{size}x{channels}", f"1x{out}x{out}x{channels}"
    start, op = {"maxpool": ("0xFF800000", "max"), "avgpool": ("0.0", "sum")}[kind]
    share = f"""    %q = arith.constant {1 / kernel ** 2:.9e} : f32
    %v = arith.mulf %a, %q : f32"""
    return x, y, f"""  %k = tensor.empty() : tensor<{kernel}x{kernel}xf32>
  %s = arith.constant {start} : f32
  %e = tensor.empty() : tensor<{y}xf32>
  %i = linalg.fill ins(%s : f32) outs(%e : tensor<{y}xf32>) -> tensor<{y}xf32>
  %c = linalg.pooling_nhwc_{op} {strides(stride)} ins(%x, %k : tensor<{x}xf32>, tensor<{kernel}x{kernel}xf32>) outs(%i : tensor<{y}xf32>) -> tensor<{y}xf32>
""" + (f"  %r = {elementwise(y, share)}" if kind == "avgpool" else
       f"  %r = tensor.cast %c : tensor<{y}xf32> to tensor<{y}xf32>")


def main():
    words = sys.argv[1:]
    silu = words[0] == "--silu"
    kind, *numbers = words[silu:]
    numbers = map(int, numbers)
    x, y, body = contraction(kind, numbers, silu) if kind in CONTRACTIONS else pooling(kind, *numbers)
    print(f"""func.func @layer(%x: tensor<{x}xf32> {{qopt.name = "x"}}) -> (tensor<{y}xf32> {{qopt.name = "y"}}) {{
{body}
  return %r : tensor<{y}xf32>
}}""")


if __name__ == "__main__":
    main()
