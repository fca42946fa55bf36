"""LiteRT with XNNPACK: needs a .tflite file, which some of the models have.

There is no maintained converter from ONNX that does without TensorFlow, so the
other models are not measured. Inputs and outputs of the int8 files are int8:
LiteRT is spared the conversions that the others do.
"""

import os

import numpy as np

from peers import calls

PACKAGES = ("ai-edge-litert",)


def prepare(variant, workload, folder):
    artifact = workload["tflite"].get(variant)
    if not artifact:
        raise RuntimeError("there is no .tflite file of this model")
    return {"artifact": artifact}


class Runner:
    def __init__(self, artifact, threads):
        from ai_edge_litert.interpreter import Interpreter
        self.interpreter = Interpreter(model_path=artifact, num_threads=threads)
        self.interpreter.allocate_tensors()
        self.memory = {}

    def bind(self, inputs):
        details = self.interpreter.get_input_details()
        for detail, array in zip(details, inputs.values()):
            if array.ndim == 4:
                array = array.transpose(0, 2, 3, 1)  # channels last
            self.interpreter.set_tensor(
                detail["index"], quantize(array.reshape(detail["shape"]), detail))
        # Below the Python wrapper, which would cost 0.3 us.
        return calls.in_python(self.interpreter._interpreter.Invoke)

    def outputs(self):
        return [dequantize(self.interpreter.get_tensor(d["index"]), d)
                for d in self.interpreter.get_output_details()]


def quantize(array, detail):
    if detail["dtype"] == np.float32:
        return np.ascontiguousarray(array)
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.rint(array / scale) + zero_point, limits.min,
                   limits.max).astype(detail["dtype"])


def dequantize(array, detail):
    if detail["dtype"] == np.float32:
        return array.copy()
    scale, zero_point = detail["quantization"]
    return (array.astype(np.float32) - zero_point) * np.float32(scale)
