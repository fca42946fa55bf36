#!/usr/bin/env python3
"""The README's table of targets: what each model takes on each target, and whether its answers are the
reference interpreter's, byte for byte.

  target_table.py --qopt QOPT NAME FOLDER            compares the column NAME with what it finds
  target_table.py --qopt QOPT --write NAME FOLDER    rewrites it

FOLDER has model.onnx, calib.npz and test.npz. The model is quantized once; every target compiles the same module in
phase `qdq`, cores without floats that of the recipe `int8-fixed-point`. A cell is

  code + constants / arena [, instructions per inference]

in KiB and millions; QEMU counts the instructions of what it executes. A target that this host should run itself and
cannot is compiled only: its sizes are compared, its answers are not. The code of a GPU is the kernels' text.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "README.md"
CALIBRATION_SAMPLES = 20  # ranges need not be good here

# Target: what runs its programs. None: this host, where it can.
EMULATORS = {
    "x86-64-v2": None, "x86-64-v3": None, "x86-64-v4": None, "x86-64-v4-vnni": None, "x86-64-v4-amx": None,
    "aarch64": "qemu-aarch64 -cpu cortex-a53",
    "aarch64+dotprod": "qemu-aarch64 -cpu neoverse-n1",
    "aarch64+dotprod+i8mm": "qemu-aarch64 -cpu max",
    "aarch64+dotprod+i8mm+sve": "qemu-aarch64 -cpu max,sve256=on",
    "rv64gcv": "qemu-riscv64 -cpu rv64,v=true,vext_spec=v1.0",
    "wasm32": f"{ROOT}/examples/webassembly/wasi.mjs",
    "sm_80": None,
}
CORES = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m55")


def run(command, may_fail=False):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode and not may_fail:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done


def kib(size):
    return f"{size / 1024:.1f}"


def millions(count):
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e6:.2g} M"


def count_instructions(log, function):
    """Instructions from the first call of `function` to its return, with all that it calls.

    `log` is QEMU's of `-d in_asm,exec,nochain`: each block's instructions where it is translated, and a line `Trace`
    with its first address and the name of its function whenever it is executed. None: no such call.
    """
    blocks = {}  # first address: how many instructions, the address after them
    block, count, back, end = [], None, None, None
    for line in log:
        if line.startswith("0x"):
            address, code = line.split()[:2]
            block.append((int(address.rstrip(":"), 16), len(code) // 2))
        elif line.startswith("Trace"):
            if block:
                blocks[block[0][0]] = len(block), sum(block[-1])
                block = []
            address = int(line.split("/", 2)[1], 16)
            if count is None and line.split()[-1] == function:
                count, back = 0, end
            elif count is not None and address == back:
                return count
            length, end = blocks[address]
            if count is not None:
                count += length
    return None


class Model:
    def __init__(self, qopt, source, folder):
        self.qopt, self.source, self.folder = qopt, source, folder
        self.ranges = folder / "ranges.json"
        run([qopt, "calibrate", source / "model.onnx", "--data", source / "calib.npz",
             "--calibration-samples", CALIBRATION_SAMPLES, "-o", self.ranges])
        self.qdq = folder / "qdq.mlir"
        run([qopt, "compile", source / "model.onnx", "--calibration", self.ranges, "--compile-to", "qdq",
             "--name", "model", "-o", self.qdq])
        self.inputs = []
        arrays = numpy.load(source / "test.npz")
        for name in arrays.files:
            self.inputs += ["--input", folder / f"{len(self.inputs)}.npy"]
            numpy.save(self.inputs[-1], arrays[name][:1])
        self.expected = self.answer("--reference")

    def answer(self, *options):
        output = self.folder / "output.npy"
        run([self.qopt, "run", self.qdq, "--compile-from", "qdq", *self.inputs, "--output", output, *options])
        return numpy.load(output).tobytes()

    def cell(self, target):
        report = self.folder / "report.json"
        run([self.qopt, "compile", self.qdq, "--compile-from", "qdq", "--target", target,
             "-o", self.folder / "model.o", "--report", report])
        size = json.loads(report.read_text())["bytes"]
        emulator = EMULATORS[target]
        answer, instructions = self.expected, ""
        if not emulator and not self.runs_here(target):
            print(f"{target}: this host does not run it: compiled only")
        elif not emulator:
            answer = self.answer("--target", target)
        elif not shutil.which(emulator.split()[0]):
            sys.exit(f"{target}: expected the program {emulator.split()[0]}, got none")
        elif emulator.startswith("qemu"):
            answer, count = self.emulated(target, emulator)
            instructions = f", {millions(count)}"
        else:
            answer = self.answer("--target", target, "--emulator", emulator)
        if answer != self.expected:
            sys.exit(f"{target}: the answer differs from the reference interpreter's")
        code, constants = size["code"], size["constants"]
        if target.startswith("sm_"):
            code, constants = self.ptx_bytes(target), size["weights"]
        return f"{kib(code)} + {kib(constants)} / {kib(size['arena'])}{instructions}"

    def emulated(self, target, emulator):
        """The answer, and how many instructions an inference takes."""
        program, output = self.folder / "model", self.folder / "output.npy"
        run([self.qopt, "compile", self.qdq, "--compile-from", "qdq", "--target", target, "--emit", "exe",
             "--name", "model", "-o", program])
        command = [*emulator.split(), "-d", "in_asm,exec,nochain", program, *self.inputs, "--output", output]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as emulation:
            count = count_instructions(emulation.stderr, "model_run")
            log = deque(emulation.stderr, maxlen=5)  # the rest must be read for the program to end
        if emulation.returncode or count is None:
            sys.exit(f"{target}: expected a call of model_run in the log of {emulator}, got\n{''.join(log)}")
        return numpy.load(output).tobytes(), count

    def ptx_bytes(self, target):
        """An object holds the GPU's code, too, where ptxas is at hand: the kernels' text is the same everywhere."""
        ptx = self.folder / "model.ptx"
        run([self.qopt, "compile", self.qdq, "--compile-from", "qdq", "--target", target, "--emit", "ptx", "-o", ptx])
        return ptx.stat().st_size

    def runs_here(self, target):
        """Whether the driver, which knows this host, would run it."""
        done = run([self.qopt, "run", self.qdq, "--compile-from", "qdq", *self.inputs, "--output",
                    self.folder / "output.npy", "--target", target], may_fail=True)
        return done.returncode == 0 or "expected code that this host can run" not in done.stderr

    def firmware_cell(self, core):
        done = run([sys.executable, ROOT / "examples/cortex-m/run", "--qopt", self.qopt, core, "--verify",
                    "--count", "1", "--model", self.source / "model.onnx", "--samples", self.source / "test.npz",
                    "--quantize", f"--calibration {self.ranges}"])
        sizes = re.search(r"code (\d+) constants (\d+) arena (\d+) instructions (\d+)", done.stderr)
        if not sizes:
            sys.exit(f"{core}: {done.stderr}")
        code, constants, arena, instructions = map(int, sizes.groups())
        return f"{kib(code)} + {kib(constants)} / {kib(arena)}, {millions(instructions)}"


def find_cell(lines, name, target):
    """The line of the target and the index of the model's cell in it."""
    heads = [i for i, line in enumerate(lines) if line.startswith("| target |")]
    names = [cell.strip() for cell in lines[heads[0]].split("|")] if heads else []
    rows = [i for i, line in enumerate(lines) if line.startswith(f"| `{target}` |")]
    if name not in names or len(rows) != 1:
        sys.exit(f"{PAGE}: expected a table with a column '{name}' and a row '{target}'")
    return rows[0], names.index(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qopt", required=True)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("name")
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Model(os.path.abspath(options.qopt), options.folder, pathlib.Path(folder))
        found = {target: model.firmware_cell(target) if target in CORES else model.cell(target)
                 for target in (*EMULATORS, *CORES)}
    # Read now: the page may have changed while the models ran.
    lines = PAGE.read_text().splitlines()
    differences = 0
    for target, cell in found.items():
        row, column = find_cell(lines, options.name, target)
        cells = lines[row].split("|")
        written, cells[column] = cells[column].strip(), f" {cell} "
        lines[row] = "|".join(cells)
        if written != cell:
            differences += 1
            print(f"{target}: the page has '{written}', found '{cell}'")
    if options.write:
        PAGE.write_text("\n".join(lines) + "\n")
    elif differences:
        sys.exit(f"{PAGE}: {differences} cells are out of date; write them with --write")
    print(f"{options.name}: {len(found)} targets")


if __name__ == "__main__":
    main()
