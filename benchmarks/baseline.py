#!/usr/bin/env python3
"""int8 against qopt's own float build: latency, compile time, memory.

  baseline.py --qopt build/release/bin/qopt --models DIR [--out results.json] [MODEL...]

For each model of DIR: compile time (from a calibration file), the latency of
float and int8 in interleaved rounds (median of the rounds' medians, and the
ratio of each round), bytes of weights and arena. Needs only the standard library.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

MODELS = ["resnet8-cifar10", "resnet20-cifar10", "resnet56-cifar10", "dscnn-kws",
          "mobilenet-vww", "autoencoder-ad", "dncnn25-denoise"]
ROUNDS = 7


def run(*command):
    """Wall seconds of a command; its output is thrown away."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def bench(qopt, artifact):
    output = subprocess.run([qopt, "bench", artifact, "--seconds", "0.3", "--json"],
                            check=True, capture_output=True).stdout
    return json.loads(output)


def measure(qopt, folder, scratch):
    model, ranges = str(folder / "model.onnx"), str(scratch / "ranges.json")
    seconds = {"calibrate": run(qopt, "calibrate", model, "--data",
                                str(folder / "calib.npz"), "-o", ranges)}
    for recipe in ("float", "int8"):
        seconds[recipe] = run(qopt, "compile", model, "--recipe", recipe, "--calibration",
                              ranges, "--emit", "so", "-o", str(scratch / f"{recipe}.so"))
    rounds = [[bench(qopt, str(scratch / f"{recipe}.so")) for recipe in ("float", "int8")]
              for _ in range(ROUNDS)]
    median = lambda i: statistics.median(r[i]["median_us"] for r in rounds)
    ratios = [r[0]["median_us"] / r[1]["median_us"] for r in rounds]
    return {"model": folder.name, "float_us": median(0), "int8_us": median(1),
            "speedup": statistics.median(ratios), "speedup_min": min(ratios),
            "float_weights": rounds[0][0]["weight_bytes"],
            "int8_weights": rounds[0][1]["weight_bytes"],
            "int8_arena": rounds[0][1]["arena_bytes"],
            "calibrate_s": seconds["calibrate"], "compile_s": seconds["int8"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qopt", required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("names", nargs="*", default=MODELS)
    args = parser.parse_args()
    results = []
    print("| model | float | int8 | float : int8 (slowest round) | weights | arena | calibrate | compile |")
    print("|---|---|---|---|---|---|---|---|")
    for name in args.names:
        with tempfile.TemporaryDirectory() as scratch:
            r = measure(os.path.abspath(args.qopt), args.models / name, pathlib.Path(scratch))
        results.append(r)
        print(f"| {r['model']} | {r['float_us']:.1f} us | {r['int8_us']:.1f} us "
              f"| {r['speedup']:.2f} ({r['speedup_min']:.2f}) "
              f"| {r['float_weights'] / 1024:.0f} -> {r['int8_weights'] / 1024:.0f} KiB "
              f"| {r['int8_arena'] / 1024:.0f} KiB | {r['calibrate_s']:.1f} s | {r['compile_s']:.1f} s |",
              flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"\nlargest peak memory of a command: {peak / 1024:.0f} MiB")
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
