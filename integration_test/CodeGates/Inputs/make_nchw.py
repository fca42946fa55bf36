#!/usr/bin/env python3
"""Writes a small float ONNX model whose tensors are NCHW, as all ONNX models' are,
with pseudo-random weights:

  make_nchw.py FILE.onnx

  1x3x32x32 -> Conv 3x3 to 16, Relu, MaxPool 2x2 -> depthwise Conv 3x3, Conv 1x1 to 32,
  Relu -> Concat with the Conv's own input along the channels -> Conv 3x3 to 32,
  AveragePool 2x2, Flatten -> Gemm to 10

The messages are put together by hand: there need not be a Python package for ONNX.
"""

import random
import struct
import sys

SOURCE = random.Random(1)


def varint(number):
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes(data) + bytes([number])


def field(number, value):
    """An integer, a text, or a message or bytes, as field NUMBER of its message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


# The numbers are those of onnx.proto.
def attribute(name, values):
    return message((1, name), *((8, value) for value in values), (20, 7))


def node(op, inputs, output, **attributes):
    single = [(5, message((1, name), (3, value), (20, 2)))
              for name, value in attributes.items() if isinstance(value, int)]
    several = [(5, attribute(name, values))
               for name, values in attributes.items() if not isinstance(values, int)]
    return message(*((1, name) for name in inputs), (2, output), (3, output), (4, op),
                   *single, *several)


def weights(name, *shape):
    count = 1
    for size in shape:
        count *= size
    data = struct.pack(f"<{count}f", *(SOURCE.uniform(-0.2, 0.2) for _ in range(count)))
    return message(*((1, size) for size in shape), (2, 1), (8, name), (9, data))


def value(name, *shape):
    dims = message(*((1, message((1, size))) for size in shape))
    return message((1, name), (2, message((1, message((1, 1), (2, dims))))))


NODES = [
    node("Conv", ["x", "w1"], "c1", pads=[1] * 4),
    node("Relu", ["c1"], "r1"),
    node("MaxPool", ["r1"], "p1", kernel_shape=[2, 2], strides=[2, 2]),
    node("Conv", ["p1", "w2"], "c2", pads=[1] * 4, group=16),
    node("Conv", ["c2", "w3"], "c3"),
    node("Relu", ["c3"], "r3"),
    node("Concat", ["p1", "r3"], "j", axis=1),
    node("Conv", ["j", "w4"], "c4", pads=[1] * 4),
    node("AveragePool", ["c4"], "p4", kernel_shape=[2, 2], strides=[2, 2]),
    node("Flatten", ["p4"], "f"),
    node("Gemm", ["f", "w5"], "y"),
]
WEIGHTS = [
    weights("w1", 16, 3, 3, 3), weights("w2", 16, 1, 3, 3), weights("w3", 32, 16, 1, 1),
    weights("w4", 32, 48, 3, 3), weights("w5", 32 * 8 * 8, 10),
]


def main():
    graph = message(*((1, n) for n in NODES), (2, "nchw"), *((5, w) for w in WEIGHTS),
                    (11, value("x", 1, 3, 32, 32)), (12, value("y", 1, 10)))
    with open(sys.argv[1], "wb") as file:
        file.write(message((1, 8), (7, graph), (8, message((2, 13)))))


main()
