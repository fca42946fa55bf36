#!/usr/bin/env python3
"""Prints a float layer with pseudo-random weights as linalg on tensors.

  make_layer.py [OPTION] conv SIZE CHANNELS FILTERS KERNEL [STRIDE]    no padding
  make_layer.py [OPTION] depthwise SIZE CHANNELS KERNEL [STRIDE]       no padding
  make_layer.py [OPTION] gemm M K N
  make_layer.py maxpool SIZE CHANNELS KERNEL STRIDE                    no padding
  make_layer.py avgpool SIZE CHANNELS KERNEL STRIDE                    no padding
  make_layer.py softmax ROWS COLUMNS

The layers with weights end in a ReLU, or in x * sigmoid(x) with --silu. With
--within BOUND they are in the phase `qdq`, and their weights of 8 bits are within
BOUND: of float weights, quantization makes some of 127.
"""

import argparse
import random
import struct


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


def dimensions(shape):
    return ", ".join(f"d{i}" for i in range(shape.count("x") + 1))


def elementwise(y, body):
    dims = dimensions(y)
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


def sums(op, x, w, y):
    """From %x and %w, %c."""
    return f"""  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{y}xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<{y}xf32>) -> tensor<{y}xf32> loc("layer")
  %c = {op} ins(%x, %w : tensor<{x}xf32>, tensor<{w}xf32>) outs(%i : tensor<{y}xf32>) -> tensor<{y}xf32> loc("layer")"""


def contraction(kind, numbers, silu):
    x, w, y, op, count = CONTRACTIONS[kind](*numbers)
    end = elementwise(y, SILU) if silu else (
        f"linalg.max ins(%c, %i : tensor<{y}xf32>, tensor<{y}xf32>) outs(%e : tensor<{y}xf32>) -> tensor<{y}xf32>")
    return x, y, f"""  %w = arith.constant {dense(weights(count), w)}
{sums(op, x, w, y)}
  %r = {end}"""


def dequantize(name, shape, scales, size="", channel="", sign=""):
    """From the bytes %`name`q, %`name`: one scale, or one of each `channel`."""
    return f"""  %{name}s = arith.constant dense<{scales}> : tensor<{size}f32>
  %{name}z = arith.constant dense<0> : tensor<{size}i32>
  %{name}e = tensor.empty() : tensor<{shape}xf32>
  %{name} = qopt.dequantize ins(%{name}q, %{name}s, %{name}z : tensor<{shape}xi8>, tensor<{size}f32>, tensor<{size}i32>) outs(%{name}e : tensor<{shape}xf32>) {sign} params affine_map<({dimensions(shape)}) -> ({channel})> -> tensor<{shape}xf32> loc("layer")"""


def quantized(kind, numbers, bound):
    x, w, y, op, count = CONTRACTIONS[kind](*numbers)
    source = random.Random(1)
    data = bytes(source.randint(-bound, bound) & 255 for _ in range(count)).hex().upper()
    channel = "d0" if kind == "conv" else f"d{w.count('x')}"
    channels = int(y.split("x")[-1])
    scales = [0.003 + i / 1e5 for i in range(channels)]
    edge = "qopt.unsigned, qopt.zero_point = 0 : i32, qopt.scale"
    # The range from the zero point up is the ReLU.
    return f"""func.func @layer(%xq: tensor<{x}xi8> {{qopt.name = "x", {edge} = 0.02 : f32}}) -> (tensor<{y}xi8> {{qopt.name = "y", {edge} = 0.05 : f32}}) attributes {{qopt.linear_forms}} {{
{dequantize("x", x, 0.02, sign="unsigned")}
  %wq = arith.constant dense<"0x{data}"> : tensor<{w}xi8>
{dequantize("w", w, scales, f"{channels}x", channel)}
{sums(op, x, w, y)}
  %ys = arith.constant dense<0.05> : tensor<f32>
  %ye = tensor.empty() : tensor<{y}xi8>
  %r = qopt.quantize ins(%c, %ys, %xz : tensor<{y}xf32>, tensor<f32>, tensor<i32>) outs(%ye : tensor<{y}xi8>) range [0, 255] params affine_map<({dimensions(y)}) -> ()> -> tensor<{y}xi8> loc("layer")
  return %r : tensor<{y}xi8>
}}"""


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


def softmax(rows, columns):
    x = f"{rows}x{columns}"
    return x, x, f"""  %e = tensor.empty() : tensor<{x}xf32>
  %r = linalg.softmax dimension(1) ins(%x : tensor<{x}xf32>) outs(%e : tensor<{x}xf32>) -> tensor<{x}xf32>"""


def main():
    parser = argparse.ArgumentParser()
    option = parser.add_mutually_exclusive_group()
    option.add_argument("--silu", action="store_true")
    option.add_argument("--within", type=int, metavar="BOUND")
    parser.add_argument("kind")
    parser.add_argument("numbers", type=int, nargs="+")
    args = parser.parse_args()
    if args.within:
        print(quantized(args.kind, args.numbers, args.within))
        return
    x, y, body = (contraction(args.kind, args.numbers, args.silu) if args.kind in CONTRACTIONS
                  else softmax(*args.numbers) if args.kind == "softmax"
                  else pooling(args.kind, *args.numbers))
    print(f"""func.func @layer(%x: tensor<{x}xf32> {{qopt.name = "x"}}) -> (tensor<{y}xf32> {{qopt.name = "y"}}) {{
{body}
  return %r : tensor<{y}xf32>
}}""")


if __name__ == "__main__":
    main()
