"""What a side is given: a model, calibration samples, inputs to measure with."""

import importlib.util
import pathlib
import shutil

import numpy as np

from harness.sides import BENCHMARKS, SideError

INPUTS = 4
KERNEL_SAMPLES = 8


def cut(source, target, count):
    """The first `count` samples of an npz."""
    arrays = np.load(source)
    np.savez(target, **{name: arrays[name][:count] for name in arrays.files})


def copy_folder(source, folder, samples):
    if not (source / "model.onnx").exists():
        raise SideError(f"there is no model in {source.name}: see --models")
    shutil.copyfile(source / "model.onnx", folder / "model.onnx")
    cut(source / "calib.npz", folder / "calib.npz", samples)
    cut(source / "test.npz", folder / "inputs.npz", INPUTS)


def write_generated(graph, folder, draw, samples):
    """A graph, and samples by `draw`(seed, count, shape) for each input."""
    import onnx
    onnx.save(graph.model(), folder / "model.onnx")
    for seed, (file, count) in enumerate((("calib.npz", samples), ("inputs.npz", INPUTS))):
        np.savez(folder / file, **{
            value.name: draw(2 + seed + 10 * i, count, graph.shapes[value.name])
            for i, value in enumerate(graph.inputs)})


def normal(seed, count, shape):
    random = np.random.Generator(np.random.Philox(seed))
    return random.standard_normal((count, *shape[1:])).astype(np.float32)


def rectified(seed, count, shape):
    return np.abs(normal(seed, count, shape))


def make_model(entry, models, folder, samples):
    count = entry.get("samples", samples)
    if "generator" in entry:
        from models import graph, networks
        write_generated(networks.NETWORKS[entry["generator"]](entry["seed"]), folder,
                        graph.images, count)
        return None
    root = BENCHMARKS.parent if entry["folder"].startswith("examples/") else models
    copy_folder(root / entry["folder"], folder, count)
    return None


def make_kernel(entry, folder):
    from models import kernels
    arguments = {k: v for k, v in entry.items() if k != "name"}
    graph, macs = kernels.build(entry["name"], **arguments)
    # Most inputs of convolutions come from a rectifier: their zero point is 0,
    # which is the faster case for some. Images and sums have signs.
    signed = (entry["op"] in ("sigmoid", "add", "softmax", "inverted_residuals")
              or entry.get("in") == 3)
    write_generated(graph, folder, normal if signed else rectified, KERNEL_SAMPLES)
    return macs


def require_onnx():
    if not importlib.util.find_spec("onnx"):
        raise SideError("it is generated with the Python package onnx, which only the peers' "
                        "environment has: expected a call without --no-peers")


def make(kind, entry, models, work, samples, threads):
    """The workload of an entry of the configuration; files go to work/NAME."""
    folder = pathlib.Path(work) / entry["name"]
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "kernels" or "generator" in entry:
        require_onnx()
    macs = (make_kernel(entry, folder) if kind == "kernels"
            else make_model(entry, models, folder, samples))
    return {"model": str(folder / "model.onnx"), "calibration": str(folder / "calib.npz"),
            "inputs": str(folder / "inputs.npz"), "folder": str(folder), "macs": macs,
            "threads": threads, "io": "quantized" if kind == "kernels" else "float",
            "tflite": {variant: str(models / path)
                       for variant, path in entry.get("tflite", {}).items()
                       if (models / path).exists()}}
