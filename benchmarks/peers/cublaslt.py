"""cuBLASLt: products of s8 matrices, rounded to s8 with one scale, on a GPU.

What cuBLASLt does fastest with 8 bits: both sides s8, w transposed, the result
s8 by one factor. All kernels that it proposes are tried; the fastest counts.
Needs the CUDA toolkit (CUDA_HOME, /usr/local/cuda) for the library, whose
version is among the facts.
"""

import ctypes
import os
import time

import numpy as np

from peers import c_compiler, calls, cuda

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
        self.lib.cublasLtGetVersion.restype = ctypes.c_size_t
        self.lib.cublasLtGetStatusName.restype = ctypes.c_char_p
        self.gpu = cuda.Gpu()
        self.memory = {"version": self.lib.cublasLtGetVersion()}

    def explain(self, status):
        return self.lib.cublasLtGetStatusName(status).decode()

    def fastest(self, gemm, run):
        """Of the candidates, those left out that cannot run after all."""
        seconds = {}
        for candidate in range(self.lib.gemm_candidates(gemm)):
            if self.lib.gemm_choose(gemm, candidate):
                continue
            try:
                run(1)
            except RuntimeError:
                continue
            self.gpu.synchronize()
            start = time.perf_counter()
            run(TRIALS)
            self.gpu.synchronize()
            seconds[candidate] = time.perf_counter() - start
        if not seconds:
            raise RuntimeError("cuBLASLt proposes no kernel that runs")
        return min(seconds, key=seconds.get)

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
            raise RuntimeError(f"cuBLASLt returned {self.explain(status.value)}")
        run = calls.in_c(self.folder, lib.gemm_run, gemm, explain=self.explain)
        lib.gemm_choose(gemm, self.fastest(gemm, run))
        return gpu.repeating(self.folder, run)

    def outputs(self):
        y = self.gpu.download(self.y, (*self.rows, len(self.w)), np.int8)
        return [y * np.float32(self.y_scale)]
