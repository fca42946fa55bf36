"""What calibration and compilation take: seconds, and memory at their peak."""

import os
import subprocess
import time

import numpy as np

from harness.sides import SideError

# Calibration shall not need more memory for more samples.
FEW, MANY = 100, 10000


def run(*command):
    """Wall seconds, processor seconds and peak bytes of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SideError(f"{' '.join(command[:2])} exited with {process.returncode}")
    return {"wall_s": time.perf_counter() - start, "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_bytes": usage.ru_maxrss * 1024}


def repeat_samples(source, target, count):
    arrays = np.load(source)
    np.savez(target, **{n: np.resize(arrays[n], (count, *arrays[n].shape[1:]))
                        for n in arrays.files})


def measure(qopt, flags, workload, many):
    """Calibration on the workload's samples, and on FEW and MANY if `many`; the
    compilation of int8 and float from the ranges, with further flags."""
    folder, model = workload["folder"], workload["model"]
    ranges, samples = f"{folder}/ranges.json", f"{folder}/repeated.npz"
    facts = {"calibrate": run(qopt, "calibrate", model, "--data", workload["calibration"],
                              "-o", ranges)}
    for recipe in ("int8", "float"):
        facts[f"compile {recipe}"] = run(qopt, "compile", model, "--calibration", ranges,
                                         "--recipe", recipe, "-o", f"{folder}/costs.o", *flags)
    for count in (FEW, MANY) if many else ():
        repeat_samples(workload["calibration"], samples, count)
        facts[f"calibrate {count}"] = run(qopt, "calibrate", model, "--data", samples, "-o",
                                          f"{folder}/repeated.json")
        os.remove(samples)
    return facts
