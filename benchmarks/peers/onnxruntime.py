"""ONNX Runtime: static quantization (s8 weights per channel, u8 activations).

Both forms of a quantized graph are measured, `qdq` and `qoperator`; the faster
one counts. The call is run_with_iobinding below the Python wrapper: about a
microsecond of overhead, no copies of inputs or outputs.
"""

import os

import numpy as np

from peers import calls, quantized_border

PACKAGES = ("onnxruntime", "onnx")


def samples(calibration):
    arrays = dict(np.load(calibration))
    count = len(next(iter(arrays.values())))
    return [{name: a[i:i + 1] for name, a in arrays.items()} for i in range(count)]


def quantize(workload, folder, variant, form, symmetric=False):
    """The file of a statically quantized graph, QDQ or QOperator: s8 weights per
    channel, activations u8, or symmetric s8, for TensorRT, which takes biases in
    float only."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.samples = iter(samples(workload["calibration"]))

        def get_next(self):
            return next(self.samples, None)

    folded = os.path.join(folder, "preprocessed.onnx")
    quant_pre_process(workload["model"], folded, skip_symbolic_shape=True)
    artifact = os.path.join(folder, f"{variant}.onnx")
    quantization.quantize_static(
        folded, artifact, Reader(),
        quant_format=quantization.QuantFormat[form],
        per_channel=True, weight_type=quantization.QuantType.QInt8,
        activation_type=quantization.QuantType["QInt8" if symmetric else "QUInt8"],
        extra_options={"ActivationSymmetric": symmetric, "QuantizeBias": not symmetric})
    return artifact


def prepare(variant, workload, folder):
    """Writes what Runner loads. The workload has `model` (ONNX), `calibration`
    (npz), and `io`: quantized if inputs and outputs shall be integers."""
    if variant == "float":
        return {"artifact": workload["model"]}
    artifact = quantize(workload, folder, variant, "QDQ" if variant == "int8-qdq" else "QOperator")
    if workload["io"] == "quantized":
        quantized_border.strip(artifact, workload["calibration"])
    return {"artifact": artifact}


class Runner:
    def __init__(self, artifact, threads):
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.ort = ort
        self.session = ort.InferenceSession(artifact, options,
                                            providers=["CPUExecutionProvider"])
        self.border = quantized_border.load(artifact)
        self.memory = {}

    def bind(self, inputs):
        """`inputs`: float arrays by name. Returns what runs the model so and so often."""
        self.binding = self.session.io_binding()
        for info in self.session.get_inputs():
            array = self.border.quantize(info.name, inputs[info.name])
            self.binding.bind_ortvalue_input(
                info.name, self.ort.OrtValue.ortvalue_from_numpy(array))
        for info in self.session.get_outputs():
            dtype = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}[info.type]
            self.binding.bind_ortvalue_output(
                info.name, self.ort.OrtValue.ortvalue_from_shape_and_type(info.shape, dtype))
        session, binding = self.session._sess, self.binding._iobinding
        return calls.in_python(lambda: session.run_with_iobinding(binding, None))

    def outputs(self):
        """What the last run answered, as floats."""
        return [self.border.dequantize(info.name, value.numpy()) for info, value in
                zip(self.session.get_outputs(), self.binding.get_outputs())]
