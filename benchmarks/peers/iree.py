"""IREE: compiled ahead of time for this machine, run on the calling thread.

int8 is the QDQ graph of ONNX Runtime's quantizer through IREE's ONNX importer.
A call goes through IREE's Python bindings: tens of microseconds for small
models, which `iree-benchmark-module` on the same file would not show.
"""

import os
import subprocess
import sys

import numpy as np

from peers import calls, onnxruntime

PACKAGES = ("iree-base-compiler", "iree-base-runtime")
COMPILE_SECONDS = 300


def tool(name, *arguments):
    path = os.path.join(os.path.dirname(sys.executable), name)
    try:
        subprocess.run([path, *arguments], check=True, capture_output=True, text=True,
                       timeout=COMPILE_SECONDS)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{name} took longer than {COMPILE_SECONDS} s")
    except subprocess.CalledProcessError as error:
        lines = [l for l in error.stderr.splitlines() if "error" in l.lower()]
        raise RuntimeError(f"{name}: {(lines or [error.stderr])[0][-300:]}")


def prepare(variant, workload, folder):
    source = workload["model"]
    if variant == "int8":
        source = onnxruntime.prepare("int8-qdq", workload, folder)["artifact"]
    imported, artifact = (os.path.join(folder, variant + end) for end in (".mlir", ".vmfb"))
    tool("iree-import-onnx", source, "--opset-version", "17", "-o", imported)
    tool("iree-compile", imported, "--iree-hal-target-device=local",
         "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host",
         "--iree-opt-level=O3", "--iree-llvmcpu-stack-allocation-limit=1048576",
         "-o", artifact)
    return {"artifact": artifact}


class Runner:
    def __init__(self, artifact, threads):
        from iree import runtime
        if threads != 1:
            raise RuntimeError("measured with one thread only: local-sync")
        config = runtime.Config("local-sync")
        with open(artifact, "rb") as file:
            module = runtime.VmModule.copy_buffer(config.vm_instance, file.read())
        self.device, self.runtime = config.device, runtime
        self.context = runtime.SystemContext(config=config, vm_modules=None)
        self.context.add_vm_module(module)
        names = [n for n in module.function_names if not n.endswith("$async")
                 and not n.startswith("__")]
        self.function = self.context.modules[module.name][names[0]]
        self.memory = {}

    def bind(self, inputs):
        arrays = [self.runtime.asdevicearray(self.device, np.ascontiguousarray(a))
                  for a in inputs.values()]
        function = self.function

        def call():
            self.result = function(*arrays)
        return calls.in_python(call)

    def outputs(self):
        result = self.result if isinstance(self.result, (tuple, list)) else [self.result]
        return [np.asarray(r.to_host()).copy() for r in result]
