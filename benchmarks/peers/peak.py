"""Not a peer but the machine: its vpdpbusd rate, timed in the same rounds."""

import ctypes
import os
import shutil
import subprocess

PACKAGES = ()


def prepare(variant, workload, folder):
    compiler = os.environ.get("CC") or next(
        filter(shutil.which, ("clang-22", "clang", "cc")), None)
    if not compiler:
        raise RuntimeError("no C compiler: set CC")
    flags = open("/proc/cpuinfo").read()
    if "avx512_vnni" not in flags:
        raise RuntimeError("the processor has no AVX-512 VNNI")
    artifact = os.path.join(folder, f"{variant}.so")
    source = os.path.join(os.path.dirname(__file__), f"{variant}.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-mavx512f", "-mavx512bw",
                    "-mavx512vnni", source, "-o", artifact], check=True, capture_output=True,
                   text=True)
    return {"artifact": artifact}


class Runner:
    def __init__(self, artifact, threads):
        self.lib = ctypes.CDLL(artifact)
        self.lib.peak_macs.restype = ctypes.c_int64
        self.memory = {"macs": self.lib.peak_macs()}

    def bind(self, inputs):
        return self.lib.peak_run

    def outputs(self):
        return []
