"""TensorRT: explicit quantization, from the QDQ graph of ONNX Runtime's quantizer.

s8 on both sides, symmetric, weights per channel, as TensorRT wants them. The
engine is built for the GPU that runs it, when it is loaded. float: f32, without
TF32.
"""

import os
import shutil

import numpy as np

from peers import calls, cuda, onnxruntime

PACKAGES = ("tensorrt",)


def prepare(variant, workload, folder):
    if variant == "float":
        return {"artifact": shutil.copy(workload["model"], folder)}
    return {"artifact": onnxruntime.quantize(workload, folder, variant, "QDQ", symmetric=True)}


def error_logger(tensorrt):
    """Keeps what went wrong: TensorRT returns None, and logs why."""
    class Logger(tensorrt.ILogger):
        def __init__(self):
            tensorrt.ILogger.__init__(self)
            self.errors = []

        def log(self, severity, text):
            if severity in (tensorrt.Logger.ERROR, tensorrt.Logger.INTERNAL_ERROR):
                self.errors.append(text)
    return Logger()


class Runner:
    def __init__(self, artifact, threads):
        import tensorrt
        self.gpu = cuda.Gpu()
        self.folder = os.path.dirname(artifact)
        self.tensorrt, self.logger = tensorrt, error_logger(tensorrt)
        self.runtime = tensorrt.Runtime(self.logger)
        self.engine = self.made("engine", self.runtime.deserialize_cuda_engine(
            self.build(artifact)))
        self.context = self.made("context", self.engine.create_execution_context())
        self.memory = {}

    def made(self, what, result):
        if result is None:
            raise RuntimeError(f"TensorRT made no {what}: "
                               + (self.logger.errors or ["it logged no error"])[-1])
        return result

    def build(self, artifact):
        tensorrt, logger = self.tensorrt, self.logger
        builder = tensorrt.Builder(logger)
        # Types are those of the graph: 8 bits exactly where it says so.
        network = builder.create_network(
            1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = tensorrt.OnnxParser(network, logger)
        if not parser.parse_from_file(artifact):
            raise RuntimeError(str(parser.get_error(0)))
        settings = builder.create_builder_config()
        settings.clear_flag(tensorrt.BuilderFlag.TF32)
        return self.made("plan", builder.build_serialized_network(network, settings))

    def tensors(self, mode):
        names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        return [n for n in names if self.engine.get_tensor_mode(n) == mode]

    def bind(self, inputs):
        engine, context, gpu = self.engine, self.context, self.gpu
        for name in self.tensors(self.tensorrt.TensorIOMode.INPUT):
            context.set_tensor_address(name, gpu.upload(inputs[name]).value)
        self.results = []
        for name in self.tensors(self.tensorrt.TensorIOMode.OUTPUT):
            shape = tuple(engine.get_tensor_shape(name))
            dtype = np.dtype(self.tensorrt.nptype(engine.get_tensor_dtype(name)))
            pointer = gpu.allocate(int(np.prod(shape)) * dtype.itemsize)
            context.set_tensor_address(name, pointer.value)
            self.results.append((pointer, shape, dtype))

        def call():
            if not context.execute_async_v3(gpu.stream.value):
                raise RuntimeError("TensorRT could not run the engine")
        return gpu.repeating(self.folder, calls.in_python(call))

    def outputs(self):
        return [self.gpu.download(*result) for result in self.results]
