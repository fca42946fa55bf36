"""Graphs whose inputs and outputs are integers: no float at the border."""

import json
import os

import numpy as np


def strip(path, calibration):
    """Removes the QuantizeLinear behind every input and the DequantizeLinear
    before every output of a quantized graph; writes down their scales. A graph
    without any only moves values: its border becomes u8 as it is."""
    import onnx
    model = onnx.load(path)
    graph = model.graph
    constants = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    params = lambda node: {"scale": float(constants[node.input[1]].reshape(-1)[0]),
                           "zero_point": int(constants[node.input[2]].reshape(-1)[0])}
    border = {}

    users = lambda name: [n for n in graph.node if name in n.input]
    producer = lambda name: next((n for n in graph.node if name in n.output), None)

    def remove(value, node, replacement):
        """Whoever reads what `node` gives reads `replacement`."""
        border[value.name] = params(node)
        value.type.tensor_type.elem_type = onnx.TensorProto.UINT8
        gone = node.output[0]
        graph.node.remove(node)
        for other in graph.node:
            for i, name in enumerate(other.input):
                if name == gone:
                    other.input[i] = replacement

    if not any(n.op_type == "QuantizeLinear" for n in graph.node):
        largest = max(float(a.max()) for a in np.load(calibration).values())
        for value in [*graph.input, *graph.output]:
            value.type.tensor_type.elem_type = onnx.TensorProto.UINT8
            border[value.name] = {"scale": largest / 255, "zero_point": 0}
        save(model, path, border)
        return
    for value in graph.input:
        inner = value.name  # behind a transpose, if there is one
        if [n.op_type for n in users(inner)] == ["Transpose"]:
            inner = users(inner)[0].output[0]
        if [n.op_type for n in users(inner)] != ["QuantizeLinear"]:
            raise RuntimeError(f"input {value.name} is not quantized at once")
        remove(value, users(inner)[0], inner)
    for value in graph.output:
        last = producer(value.name)
        move = last if last.op_type == "Transpose" else None
        if move:
            last = producer(move.input[0])
        if last.op_type != "DequantizeLinear":
            raise RuntimeError(f"output {value.name} is not dequantized last")
        source = last.input[0]
        remove(value, last, source)
        if not move:
            producer(source).output[0] = value.name
    save(model, path, border)


def save(model, path, border):
    import onnx
    del model.graph.value_info[:]
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
