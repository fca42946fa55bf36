"""One operation, or a few blocks of a network, a graph, with channels last at the
border.

ONNX is NCHW inside; the transposes at the border cancel against the layout
that each side prefers, so that none of them is timed for moving data.
"""

import numpy as np

from models import networks
from models.graph import Graph


class Kernel(Graph):
    def nhwc_input(self, name, size, channels):
        x = self.input(name, (1, size, size, channels))
        return self.node("Transpose", [x], (1, channels, size, size), perm=[0, 3, 1, 2])

    def nhwc_output(self, x):
        n, c, h, w = self.shapes[x]
        self.output(self.node("Transpose", [x], (n, h, w, c), perm=[0, 2, 3, 1]))

    def conv_macs(self):
        weights = {i.name: i.dims for i in self.initializers}
        return sum(int(np.prod(self.shapes[n.output[0]])) * int(np.prod(weights[n.input[1]][1:]))
                   for n in self.nodes if n.op_type == "Conv")


def conv(g, size, kernel, stride=1, groups=1, **channels):
    x = g.nhwc_input("x", size, channels["in"])
    g.nhwc_output(g.conv(x, channels["out"], kernel, stride=stride, groups=groups))
    return g.conv_macs()


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


def softmax(g, heads, size):
    x = g.input("x", (1, heads, size, size))
    g.output(g.node("Softmax", [x], g.shapes[x], axis=-1))
    return 0


def inverted_residuals(g, size, expansion, blocks, **channels):
    x = g.nhwc_input("x", size, channels["in"])
    for _ in range(blocks):
        x = networks.inverted_residual(g, x, channels["in"], 3, 1, expansion)
    g.nhwc_output(x)
    return g.conv_macs()


def bottlenecks(g, size, blocks, **channels):
    x = g.nhwc_input("x", size, channels["in"])
    for _ in range(blocks):
        x = networks.bottleneck(g, x, channels["in"] // 4)
    g.nhwc_output(x)
    return g.conv_macs()


OPERATIONS = {f.__name__: f for f in (conv, gemm, sigmoid, add, maxpool, softmax,
                                      inverted_residuals, bottlenecks)}


def build(name, op, seed=1, **arguments):
    """The graph, and how many multiply-accumulates it has."""
    graph = Kernel(name, seed)
    return graph, OPERATIONS[op](graph, **arguments)
