"""Graphs whose inputs and outputs are integers: no float at the border."""

import json
import os

import numpy as np


def strip(path):
    """Removes the QuantizeLinear behind every input and the DequantizeLinear
    before every output of a quantized graph; writes down their scales."""
    import onnx
    model = onnx.load(path)
    graph = model.graph
    constants = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    params = lambda node: {"scale": float(constants[node.input[1]].reshape(-1)[0]),
                           "zero_point": int(constants[node.input[2]].reshape(-1)[0])}
    border = {}

    def remove(value, node, inner):
        border[value.name] = params(node)
        value.type.tensor_type.elem_type = onnx.TensorProto.UINT8
        graph.node.remove(node)
        for other in graph.node:
            for names in (other.input, other.output):
                for i, name in enumerate(names):
                    if name == inner:
                        names[i] = value.name

    for value in graph.input:
        users = [n for n in graph.node if value.name in n.input]
        if len(users) != 1 or users[0].op_type != "QuantizeLinear":
            raise RuntimeError(f"input {value.name} is not quantized at once")
        remove(value, users[0], users[0].output[0])
    for value in graph.output:
        producer = next(n for n in graph.node if value.name in n.output)
        if producer.op_type != "DequantizeLinear":
            raise RuntimeError(f"output {value.name} is not dequantized last")
        remove(value, producer, producer.input[0])
    del graph.value_info[:]
    onnx.save(model, path)
    with open(path + ".border.json", "w") as file:
        json.dump(border, file)


class Border:
    """The scales of the inputs and outputs that are integers."""

    def __init__(self, params):
        self.params = params

    def quantize(self, name, array):
        if name not in self.params:
            return np.ascontiguousarray(array)
        p = self.params[name]
        return np.clip(np.rint(array / p["scale"]) + p["zero_point"], 0, 255).astype(np.uint8)

    def dequantize(self, name, array):
        if name not in self.params:
            return array.copy()
        p = self.params[name]
        return (array.astype(np.float32) - p["zero_point"]) * np.float32(p["scale"])


def load(path):
    file = path + ".border.json"
    if not os.path.exists(file):
        return Border({})
    with open(file) as f:
        return Border(json.load(f))
