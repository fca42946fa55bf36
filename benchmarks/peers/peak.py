"""Not a peer but the machine: its vpdpbusd rate, timed in the same rounds."""

import ctypes
import os

from peers import c_compiler, calls

PACKAGES = ()


def prepare(variant, workload, folder):
    flags = open("/proc/cpuinfo").read()
    if "avx512_vnni" not in flags:
        raise RuntimeError("the processor has no AVX-512 VNNI")
    return {"artifact": c_compiler.build(
        [os.path.join(os.path.dirname(__file__), f"{variant}.c")],
        os.path.join(folder, f"{variant}.so"), "-mavx512f", "-mavx512bw", "-mavx512vnni")}


class Runner:
    def __init__(self, artifact, threads):
        if threads != 1:
            raise RuntimeError("the peak is that of one thread")
        self.lib = ctypes.CDLL(artifact)
        self.lib.peak_macs.restype = ctypes.c_int64
        self.memory = {"macs": self.lib.peak_macs()}

    def bind(self, inputs):
        return calls.in_python(self.lib.peak_run)

    def outputs(self):
        return []
