"""qopt: an int8 and a float shared object, run through NAME_run from C. Code for
a GPU through NAME_run_stream, on memory of the GPU."""

import ctypes
import json
import os
import subprocess

import numpy as np

from peers import c_compiler, calls, cuda

PACKAGES = ()
DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}
ALIGNMENT = 64
RUNTIME = os.path.join(os.path.dirname(__file__), "../../runtime")


def prepare(variant, workload, folder):
    """QOPT is the compiler; QOPT_FLAGS are further flags of `qopt compile`."""
    threads = workload["threads"]
    stem = os.path.join(folder, variant if threads == 1 else f"{variant}-{threads}")
    artifact, report = stem + ".so", stem + ".json"
    command = [os.environ["QOPT"], "compile", workload["model"], "--calibrate",
               workload["calibration"], "--recipe", variant, "--name", "model", "--emit", "so",
               "-o", artifact, "--report", report, *os.environ.get("QOPT_FLAGS", "").split()]
    if threads != 1:
        command += ["--threads", str(threads)]
        c_compiler.build([f"{RUNTIME}/qopt_pool.c"], f"{folder}/pool.so", "-pthread",
                         f"-I{RUNTIME}")
    if workload["io"] == "quantized":
        command += ["--io", "quantized"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        errors = [l for l in done.stderr.splitlines() if "error:" in l or "Cannot" in l]
        raise RuntimeError(" ".join(errors) or f"qopt exited with {done.returncode}")
    with open(report) as file:
        facts = json.load(file)
    size = facts["bytes"]
    return {"artifact": artifact, "macs": facts["macs"]["total"],
            "integer_macs": facts["macs"]["integer"],
            "code_bytes": size["code"], "constant_bytes": size["constants"],
            "weight_bytes": size["weights"], "arena_bytes": size["arena"],
            "largest_live_set": size["largest_live_set"],
            "left_in_float": [n["name"] for n in facts["nodes"] if n["status"] == "float"]}


class TensorInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_int),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("scale", ctypes.c_float),
                ("zero_point", ctypes.c_int32)]


class ModelInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("target", ctypes.c_char_p),
                ("version", ctypes.c_char_p), ("arena_bytes", ctypes.c_size_t),
                ("weight_bytes", ctypes.c_size_t), ("n_inputs", ctypes.c_int),
                ("n_outputs", ctypes.c_int), ("inputs", ctypes.POINTER(TensorInfo)),
                ("outputs", ctypes.POINTER(TensorInfo))]


def aligned(size):
    """Zeroed bytes at a multiple of ALIGNMENT."""
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start:start + size]


def tensor(info):
    shape = info.shape[:info.rank]
    dtype = np.dtype(DTYPES[info.dtype])
    size = int(np.prod(shape)) * dtype.itemsize
    return aligned(size).view(dtype).reshape(shape)


def quantize(array, info):
    if not info.scale:
        return array
    limits = np.iinfo(DTYPES[info.dtype])
    steps = np.rint(array / np.float32(info.scale)) + info.zero_point
    return np.clip(steps, limits.min, limits.max)


def dequantize(array, info):
    if not info.scale:
        return array.copy()
    return (array.astype(np.float32) - info.zero_point) * np.float32(info.scale)


class Runner:
    def __init__(self, artifact, threads):
        self.folder = os.path.dirname(artifact)
        lib = ctypes.CDLL(artifact)
        lib.model_info.restype = ctypes.POINTER(ModelInfo)
        self.run, self.info, self.pool = lib.model_run, lib.model_info().contents, ()
        # A model of short loops has no tasks to share out.
        if threads != 1 and hasattr(lib, "model_run_parallel"):
            pool = ctypes.CDLL(os.path.join(self.folder, "pool.so"))
            pool.qopt_pool_create.restype = ctypes.c_void_p
            self.run = lib.model_run_parallel
            self.pool = (pool.qopt_pool_parallel_for,
                         ctypes.c_void_p(pool.qopt_pool_create(threads)))
        self.run_stream = getattr(lib, "model_run_stream", None)
        if self.run_stream:
            lib.model_error.restype = ctypes.c_char_p
            self.explain = lambda status: lib.model_error().decode()
        self.memory = {"arena_bytes": self.info.arena_bytes}

    def bind(self, inputs):
        info = self.info
        self.inputs = [tensor(info.inputs[i]) for i in range(info.n_inputs)]
        for i, array in enumerate(self.inputs):
            array[...] = quantize(inputs[info.inputs[i].name.decode()], info.inputs[i])
        self.results = [tensor(info.outputs[i]) for i in range(info.n_outputs)]
        if self.run_stream:
            return self.bind_gpu()
        self.arena = aligned(info.arena_bytes)
        pointers = lambda arrays: (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in arrays])
        return calls.in_c(self.folder, self.run, pointers(self.inputs), pointers(self.results),
                          ctypes.c_void_p(self.arena.ctypes.data), *self.pool)

    def bind_gpu(self):
        gpu = self.gpu = cuda.Gpu()
        pointers = lambda values: (ctypes.c_void_p * len(values))(*[v.value for v in values])
        self.gpu_results = [gpu.allocate(r.nbytes) for r in self.results]
        return gpu.repeating(self.folder, calls.in_c(
            self.folder, self.run_stream, pointers([gpu.upload(a) for a in self.inputs]),
            pointers(self.gpu_results), gpu.allocate(self.info.arena_bytes), gpu.stream,
            explain=self.explain))

    def outputs(self):
        if self.run_stream:
            self.results = [self.gpu.download(p, r.shape, r.dtype)
                            for p, r in zip(self.gpu_results, self.results)]
        return [dequantize(r, self.info.outputs[i]) for i, r in enumerate(self.results)]
