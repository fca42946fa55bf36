#!/usr/bin/env python3
"""Random graphs as firmware in QEMU, against the reference interpreter, bit for bit.

    cortex_m.py CORE --qopt QOPT --graphs QOPT_RANDOM_GRAPHS [--seed N] [--count N] [--recipe NAME]

A graph that the core refuses, because floats are left and it has none, counts as refused.
"""
import argparse
import importlib.machinery
import importlib.util
import math
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = os.path.join(HERE, "..", "..", "examples", "cortex-m", "run")
loader = importlib.machinery.SourceFileLoader("firmware", RUN)
firmware = importlib.util.module_from_spec(importlib.util.spec_from_loader("firmware", loader))
sys.dont_write_bytecode = True
loader.exec_module(firmware)


def random_inputs(header, generator):
    """One sample: bytes of all values, floats of ordinary size with a few large ones."""
    inputs = []
    for dtype, size in re.findall(r"^ \*   input .*: (\w+)\[[\d\]\[]*\], (\d+) bytes", header, re.M):
        if dtype == "f32":
            values = [generator.gauss(0, 30 if generator.random() < 0.02 else 1) for _ in range(int(size) // 4)]
            inputs.append(struct.pack(f"<{len(values)}f", *values))
        else:
            inputs.append(generator.randbytes(int(size)))
    return inputs


def with_one_nan(line, header):
    """Hexadecimal outputs, all NaN of f32 the same: which one an operation gives is not defined."""
    data, outputs = bytes.fromhex(line), []
    for dtype, size in re.findall(r"^ \*   output .*: (\w+)\[[\d\]\[]*\], (\d+) bytes", header, re.M):
        part, data = data[:int(size)], data[int(size):]
        if dtype == "f32":
            values = struct.unpack(f"<{len(part) // 4}f", part)
            part = struct.pack(f"<{len(values)}f", *(math.nan if math.isnan(v) else v for v in values))
        outputs.append(part)
    return b"".join(outputs)


def check_graph(options, seed, folder):
    """Whether the graph ran; a difference ends the program."""
    subprocess.run([options.graphs, "--seed", str(seed), "--count", "1", "--recipe", options.recipe,
                    "--interpret-only", "--dump", folder], check=True, capture_output=True)
    shutil.copy(f"{folder}/{seed}.qdq.mlir", f"{folder}/qdq.mlir")
    compiled = subprocess.run([options.qopt, "compile", f"{folder}/qdq.mlir", "--compile-from", "qdq",
                               "--target", options.core, "-o", f"{folder}/model.o", "--name", "model"],
                              capture_output=True, text=True)
    if "has no floating point" in compiled.stderr:
        return False
    if compiled.returncode != 0:
        sys.exit(f"graph {seed}: {compiled.stderr}")
    with open(f"{folder}/model.h") as file:
        header = file.read()
    generator = random.Random(seed)
    samples = [random_inputs(header, generator) for _ in range(options.samples)]
    options.count = options.samples
    arch, machine, script = firmware.CORES[options.core]
    if options.machine:
        machine, script = options.machine, "mps2.ld"
    firmware.link_firmware(options, folder, b"".join(b"".join(sample) for sample in samples), arch, script)
    lines, _ = firmware.run_firmware(options, folder, machine)
    for sample, line in zip(samples, lines, strict=True):
        expected = firmware.reference_outputs(options, folder, sample)
        if with_one_nan(line, header) != with_one_nan(expected, header):
            sys.exit(f"graph {seed}: expected {expected}, got {line}")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("core", choices=firmware.CORES)
    parser.add_argument("--qopt", required=True)
    parser.add_argument("--graphs", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--recipe", default="int8")
    parser.add_argument("--machine", help="another machine of QEMU, an MPS2")
    options = parser.parse_args()
    options.timeout = 120
    ran, count = 0, options.count
    for seed in range(options.seed, options.seed + count):
        with tempfile.TemporaryDirectory() as folder:
            ran += check_graph(options, seed, folder)
    print(f"{ran} graphs equal, {count - ran} refused")


if __name__ == "__main__":
    main()
