"""cuBLASLt: products of s8 matrices, rounded to s8 with one scale, on a GPU.

What cuBLASLt does fastest with 8 bits: both sides s8, w transposed, the result
s8 by one factor. All kernels that it proposes are tried; the fastest counts.
Needs the CUDA toolkit (CUDA_HOME, /usr/local/cuda) for the library.
"""

import ctypes
import os
import time

import numpy as np

from peers import c_compiler, cuda

PACKAGES = ()
TRIALS = 20


def symmetric(array):
    """s8 with its scale."""
    scale = max(float(np.abs(array).max()), 1e-30) / 127
    return np.clip(np.rint(array / scale), -127, 127).astype(np.int8), scale


def prepare(variant, workload, folder):
    import onnx
    graph = onnx.load(workload["model"]).graph
    if [n.op_type for n in graph.node] != ["MatMul"]:
        raise RuntimeError("cuBLASLt multiplies matrices only")
    weight = onnx.numpy_helper.to_array(graph.initializer[0])  # k by n
    samples = np.concatenate(list(np.load(workload["calibration"]).values()))
    w, w_scale = symmetric(weight.T)
    y_scale = float(np.abs(samples @ weight).max()) / 127
    cuda_home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    source = os.path.join(os.path.dirname(__file__), "cublaslt.c")
    artifact = os.path.join(folder, "cublaslt.npz")
    c_compiler.build([source], os.path.join(folder, "cublaslt.so"), f"-I{cuda_home}/include",
                     f"-L{cuda_home}/lib64", f"-L{cuda_home}/lib", "-lcublasLt",
                     f"-Wl,-rpath,{cuda_home}/lib64:{cuda_home}/lib")
    np.savez(artifact, w=w, w_scale=w_scale, x_scale=float(np.abs(samples).max()) / 127,
             y_scale=y_scale)
    return {"artifact": artifact}


class Runner:
    def __init__(self, artifact, threads):
        facts = np.load(artifact)
        self.folder = os.path.dirname(artifact)
        self.w, self.w_scale, self.x_scale, self.y_scale = (
            facts[name] for name in ("w", "w_scale", "x_scale", "y_scale"))
        self.lib = ctypes.CDLL(os.path.join(self.folder, "cublaslt.so"))
        self.lib.gemm_create.restype = ctypes.c_void_p
        self.lib.gemm_workspace_bytes.restype = ctypes.c_size_t
        self.gpu = cuda.Gpu()
        self.memory = {}

    def bind(self, inputs):
        x, = inputs.values()
        *self.rows, k = x.shape
        m, n = int(np.prod(self.rows)), len(self.w)
        x = np.clip(np.rint(x / self.x_scale), -127, 127).astype(np.int8)
        gpu, lib, status = self.gpu, self.lib, ctypes.c_int()
        self.y = gpu.allocate(m * n)
        alpha = ctypes.c_float(self.x_scale * self.w_scale / self.y_scale)
        gemm = ctypes.c_void_p(lib.gemm_create(
            m, n, k, alpha, gpu.upload(x), gpu.upload(self.w), self.y,
            gpu.allocate(lib.gemm_workspace_bytes()), gpu.stream, ctypes.byref(status)))
        if not gemm:
            raise RuntimeError(f"cuBLASLt returned {status.value}")
        run = gpu.in_c(self.folder, lib.gemm_run, gemm)
        seconds = {}
        for candidate in range(lib.gemm_candidates(gemm)):
            lib.gemm_choose(gemm, candidate)
            run(1)
            start = time.perf_counter()
            run(TRIALS)
            seconds[candidate] = time.perf_counter() - start
        lib.gemm_choose(gemm, min(seconds, key=seconds.get))
        return run

    def outputs(self):
        y = self.gpu.download(self.y, (*self.rows, len(self.w)), np.int8)
        return [y * np.float32(self.y_scale)]
