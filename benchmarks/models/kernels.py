"""One operation a graph, with channels last at the border.

ONNX is NCHW inside; the transposes at the border cancel against the layout
that each side prefers, so that none of them is timed for moving data.
"""

import numpy as np

from models.graph import Graph


class Kernel(Graph):
    def nhwc_input(self, name, size, channels):
        x = self.input(name, (1, size, size, channels))
        return self.node("Transpose", [x], (1, channels, size, size), perm=[0, 3, 1, 2])

    def nhwc_output(self, x):
        n, c, h, w = self.shapes[x]
        self.output(self.node("Transpose", [x], (n, h, w, c), perm=[0, 2, 3, 1]))


def conv(g, size, kernel, stride=1, groups=1, **channels):
    x = g.nhwc_input("x", size, channels["in"])
    y = g.conv(x, channels["out"], kernel, stride=stride, groups=groups)
    g.nhwc_output(y)
    shape = g.shapes[y]
    return int(np.prod(shape)) * channels["in"] // groups * kernel * kernel


def gemm(g, m, k, n):
    weight = g.constant("w", g.weights((k, n), k, 1.0))
    g.output(g.node("MatMul", [g.input("x", (1, m, k)), weight], (1, m, n)))
    return m * k * n


def sigmoid(g, size, **channels):
    x = g.nhwc_input("x", size, channels["in"])
    g.nhwc_output(g.node("Sigmoid", [x], g.shapes[x]))
    return 0


def add(g, size, **channels):
    a, b = (g.nhwc_input(name, size, channels["in"]) for name in "ab")
    g.nhwc_output(g.add(a, b))
    return 0


def maxpool(g, size, kernel, stride, **channels):
    g.nhwc_output(g.max_pool(g.nhwc_input("x", size, channels["in"]), kernel, stride))
    return 0


OPERATIONS = {f.__name__: f for f in (conv, gemm, sigmoid, add, maxpool)}


def build(name, op, seed=1, **arguments):
    """The graph, and how many multiply-accumulates it has."""
    graph = Kernel(name, seed)
    return graph, OPERATIONS[op](graph, **arguments)
