"""OpenVINO with NNCF's post-training quantization.

int8: the performance preset, OpenVINO's own choice of precision for what stays
float. float: f32 is asked for, since bf16 would not be the same computation.
Called through OpenVINO's C interface, as an application would.
"""

import ctypes
import glob
import os

import numpy as np

from peers import calls, onnxruntime, quantized_border

PACKAGES = ("openvino", "nncf")


def prepare(variant, workload, folder):
    import openvino
    artifact = os.path.join(folder, f"{variant}.xml")
    if workload["io"] == "quantized" and variant == "int8":
        # The graph that ONNX Runtime's quantizer made has integers at the
        # border; OpenVINO's low-precision passes take it from there.
        source = onnxruntime.prepare("int8-qdq", workload, folder)["artifact"]
        converted = openvino.convert_model(source)
        with open(source + ".border.json") as border:
            text = border.read()
        with open(artifact + ".border.json", "w") as border:
            border.write(text)
    else:
        converted = openvino.convert_model(workload["model"])
        if variant == "int8":
            import nncf
            dataset = onnxruntime.samples(workload["calibration"])
            converted = nncf.quantize(converted, nncf.Dataset(dataset),
                                      subset_size=len(dataset))
    openvino.save_model(converted, artifact, compress_to_fp16=False)
    return {"artifact": artifact}


class Shape(ctypes.Structure):
    _fields_ = [("rank", ctypes.c_int64), ("dims", ctypes.POINTER(ctypes.c_int64))]


class Property(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("value", ctypes.c_char_p)]


# ov_element_type_e
ELEMENT_TYPES = {"float32": 4, "uint8": 16, "int8": 7}


class Runner:
    def __init__(self, artifact, threads):
        import openvino
        self.folder = os.path.dirname(artifact)
        self.model = openvino.Core().read_model(artifact)
        libraries = os.path.join(os.path.dirname(openvino.__file__), "libs")
        self.lib = ctypes.CDLL(glob.glob(os.path.join(libraries, "libopenvino_c.so*"))[0])
        pointer = ctypes.c_void_p
        core, model, self.compiled, self.request = pointer(), pointer(), pointer(), pointer()
        self.check(self.lib.ov_core_create(ctypes.byref(core)))
        self.check(self.lib.ov_core_read_model(core, artifact.encode(), None, ctypes.byref(model)))
        properties = [Property(b"PERFORMANCE_HINT", b"LATENCY"),
                      Property(b"INFERENCE_NUM_THREADS", str(threads).encode()),
                      Property(b"NUM_STREAMS", b"1"), Property(b"ENABLE_CPU_PINNING", b"NO")]
        if os.path.basename(artifact).startswith("float"):
            properties.append(Property(b"INFERENCE_PRECISION_HINT", b"f32"))
        self.check(self.lib.ov_core_compile_model_props(
            core, model, b"CPU", ctypes.c_size_t(len(properties)),
            (Property * len(properties))(*properties), ctypes.byref(self.compiled)))
        self.check(self.lib.ov_compiled_model_create_infer_request(
            self.compiled, ctypes.byref(self.request)))
        self.keep = [core, model]
        self.border = quantized_border.load(artifact)
        self.memory = {}

    @staticmethod
    def check(status):
        if status:
            raise RuntimeError(f"OpenVINO returned {status}")

    def tensor(self, array):
        """A view of an array, which must outlive it."""
        kind = ELEMENT_TYPES[array.dtype.name]
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        shape, tensor = Shape(array.ndim, dims), ctypes.c_void_p()
        self.check(self.lib.ov_tensor_create_from_host_ptr(
            ctypes.c_int(kind), shape, ctypes.c_void_p(array.ctypes.data), ctypes.byref(tensor)))
        self.keep += [array, dims]
        return tensor

    def bind(self, inputs):
        for i, port in enumerate(self.model.inputs):
            name = port.get_any_name()
            tensor = self.tensor(self.border.quantize(name, inputs[name]))
            self.check(self.lib.ov_infer_request_set_input_tensor_by_index(
                self.request, ctypes.c_size_t(i), tensor))
        self.results = {}
        for i, port in enumerate(self.model.outputs):
            array = np.zeros(list(port.get_shape()), port.get_element_type().to_dtype())
            self.results[port.get_any_name()] = array
            self.check(self.lib.ov_infer_request_set_output_tensor_by_index(
                self.request, ctypes.c_size_t(i), self.tensor(array)))
        return calls.in_c(self.folder, self.lib.ov_infer_request_infer, self.request)

    def outputs(self):
        self.check(self.lib.ov_infer_request_infer(self.request))
        return [self.border.dequantize(n, a) for n, a in self.results.items()]
