"""Builds ONNX graphs of convolutional networks with random weights.

Weights are drawn so that the variance of activations neither dies out nor
explodes with depth, and depend on the seed alone: the same seed gives the same
bytes on every machine.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper

OPSET = 13
# Variance of the weights times the fan-in that keeps the variance of what
# passes an activation: He for rectifiers, between 2 and 2.8 for x * sigmoid(x).
GAIN = {None: 1.0, "relu": 2.0, "relu6": 2.0, "silu": 2.2}


class Graph:
    """Values are names; `shapes` knows the shape of each of them."""

    def __init__(self, name, seed):
        self.name = name
        self.random = np.random.Generator(np.random.Philox(seed))
        self.nodes, self.inputs, self.outputs, self.initializers = [], [], [], []
        self.shapes = {}

    # Structure.

    def input(self, name, shape):
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self.shapes[name] = list(shape)
        return name

    def output(self, value):
        self.outputs.append(
            helper.make_tensor_value_info(value, TensorProto.FLOAT, self.shapes[value]))

    def constant(self, name, array):
        self.initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op, inputs, shape, name=None, **attributes):
        name = name or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name + "_y"], name=name, **attributes))
        self.shapes[name + "_y"] = list(shape)
        return name + "_y"

    def nodes_with_outputs(self, op, inputs, shapes, **attributes):
        name = f"{op.lower()}_{len(self.nodes)}"
        outputs = [f"{name}_y{i}" for i in range(len(shapes))]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        self.shapes.update(zip(outputs, map(list, shapes)))
        return outputs

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs,
                                  self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                  producer_name="qopt-benchmarks")
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model

    # Layers.

    def weights(self, shape, fan_in, gain):
        deviation = np.sqrt(gain / fan_in)
        return (self.random.standard_normal(shape) * deviation).astype(np.float32)

    def conv(self, x, channels, kernel, stride=1, groups=1, act=None, gain=1.0, same_upper=False):
        """A convolution whose batch normalization is folded: it has a bias.
        `same_upper` pads as TensorFlow does, more at the end."""
        n, c, h, w = self.shapes[x]
        fan_in = c // groups * kernel * kernel
        if same_upper:
            total = [max((-(-s // stride) - 1) * stride + kernel - s, 0) for s in (h, w)]
            pads = [t // 2 for t in total] + [t - t // 2 for t in total]
        else:
            pads = [kernel // 2] * 4
        name = f"conv_{len(self.nodes)}"
        weight = self.constant(name + "_w", self.weights(
            (channels, c // groups, kernel, kernel), fan_in, gain * GAIN[act]))
        bias = self.constant(name + "_b", (0.1 * self.random.standard_normal(channels))
                             .astype(np.float32))
        oh = (h + pads[0] + pads[2] - kernel) // stride + 1
        ow = (w + pads[1] + pads[3] - kernel) // stride + 1
        y = self.node("Conv", [x, weight, bias], (n, channels, oh, ow), name,
                      kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=groups)
        return self.activation(y, act)

    def activation(self, x, act):
        shape = self.shapes[x]
        if act == "relu":
            return self.node("Relu", [x], shape)
        if act == "relu6":
            name = f"clip_{len(self.nodes)}"
            low = self.constant(name + "_low", np.float32(0))
            high = self.constant(name + "_high", np.float32(6))
            return self.node("Clip", [x, low, high], shape, name)
        if act == "silu":
            return self.node("Mul", [x, self.node("Sigmoid", [x], shape)], shape)
        return x

    def add(self, a, b):
        return self.node("Add", [a, b], self.shapes[a])

    def concat(self, values):
        n, _, h, w = self.shapes[values[0]]
        channels = sum(self.shapes[v][1] for v in values)
        return self.node("Concat", values, (n, channels, h, w), axis=1)

    def split(self, x, parts):
        n, c, h, w = self.shapes[x]
        sizes = self.constant(f"split_{len(self.nodes)}_sizes",
                              np.array([c // parts] * parts, np.int64))
        return self.nodes_with_outputs("Split", [x, sizes], [(n, c // parts, h, w)] * parts,
                                       axis=1)

    def max_pool(self, x, kernel, stride):
        n, c, h, w = self.shapes[x]
        pad = kernel // 2
        size = lambda s: (s + 2 * pad - kernel) // stride + 1
        return self.node("MaxPool", [x], (n, c, size(h), size(w)), kernel_shape=[kernel] * 2,
                         strides=[stride] * 2, pads=[pad] * 4)

    def upsample(self, x):
        n, c, h, w = self.shapes[x]
        scales = self.constant(f"resize_{len(self.nodes)}_scales",
                               np.array([1, 1, 2, 2], np.float32))
        return self.node("Resize", [x, "", scales], (n, c, 2 * h, 2 * w), mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def classifier(self, x, classes):
        n, c, _, _ = self.shapes[x]
        x = self.node("GlobalAveragePool", [x], (n, c, 1, 1))
        x = self.node("Flatten", [x], (n, c), axis=1)
        return self.linear(x, classes)

    def linear(self, x, features):
        n, c = self.shapes[x]
        name = f"gemm_{len(self.nodes)}"
        weight = self.constant(name + "_w", self.weights((features, c), c, 1.0))
        bias = self.constant(name + "_b", (0.1 * self.random.standard_normal(features))
                             .astype(np.float32))
        return self.node("Gemm", [x, weight, bias], (n, features), name, transB=1)


def images(seed, count, shape):
    """Samples that look like normalized pictures: coarse structure plus noise."""
    random = np.random.Generator(np.random.Philox(seed))
    _, c, h, w = shape
    coarse = random.standard_normal((count, c, -(-h // 16), -(-w // 16)))
    coarse = coarse.repeat(16, axis=2).repeat(16, axis=3)[:, :, :h, :w]
    fine = random.standard_normal((count, c, h, w))
    return (0.8 * coarse + 0.6 * fine).astype(np.float32)
