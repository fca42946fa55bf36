#!/usr/bin/env python3
"""Compiles a model for this host and for other targets, runs both on samples,
the others under emulators, and compares every byte of the outputs.

  same_bytes.py --qopt QOPT --samples N --target LIST MODEL CALIBRATION SAMPLES
                EMULATOR...

Prints one line for each emulator; exits with 1 on the first difference.
"""

import argparse
import pathlib
import shlex
import subprocess
import sys
import tempfile

import numpy


def write_samples(path, count, folder):
    """The first samples as one file for each input; a sample keeps its axis."""
    arrays = numpy.load(path)
    files = []
    for i in range(count):
        for name in arrays.files:
            files.append(folder / f"{i}.{name.replace('/', '_')}.npy")
            numpy.save(files[-1], arrays[name][i:i + 1])
    return files


def run(command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{shlex.join(map(str, command))}\n{result.stderr}")
    return result.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--qopt", required=True)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--target", required=True)
    parser.add_argument("model")
    parser.add_argument("calibration")
    parser.add_argument("data")
    parser.add_argument("emulator", nargs="+")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ranges = folder / "ranges.json"
        run([options.qopt, "calibrate", options.model, "--data", options.calibration,
             "--calibration-samples", "8", "-o", ranges])
        for program, target in (("host", "native"), ("other", options.target)):
            run([options.qopt, "compile", options.model, "--calibration", ranges,
                 "--target", target, "--emit", "exe", "-o", folder / program])
        inputs = write_samples(options.data, options.samples, folder)
        outputs = run([folder / "host"]).count("\noutput ") * options.samples

        def outputs_of(program, emulator):
            files = [folder / f"{program}.{i}.npy" for i in range(outputs)]
            run([*shlex.split(emulator), folder / program, "--input", *inputs,
                 "--output", *files])
            return [file.read_bytes() for file in files]

        expected = outputs_of("host", "")
        for emulator in options.emulator:
            got = outputs_of("other", emulator)
            if got != expected:
                sys.exit(f"{emulator}: outputs {[i for i in range(outputs) if got[i] != expected[i]]}"
                         f" of {outputs} differ")
            print(f"{emulator}: {options.samples} samples, "
                  f"{sum(map(len, got))} bytes identical to the host's")


main()
