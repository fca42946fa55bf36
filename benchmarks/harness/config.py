"""Reading config.json, and saying what is wrong with it."""

import fnmatch
import json

from harness.sides import BENCHMARKS

# Keys that an entry must have, and keys that it may have.
MODEL = ({"name"}, {"folder", "generator", "seed", "samples", "tflite", "note"})
KERNEL_ARGUMENTS = {
    "conv": ({"size", "in", "out", "kernel"}, {"stride", "groups"}),
    "gemm": ({"m", "k", "n"}, set()),
    "sigmoid": ({"size", "in"}, set()),
    "add": ({"size", "in"}, set()),
    "maxpool": ({"size", "in", "kernel", "stride"}, set()),
    "softmax": ({"heads", "size"}, set()),
    "inverted_residuals": ({"size", "in", "expansion", "blocks"}, set()),
    "bottlenecks": ({"size", "in", "blocks"}, set()),
}
GENERATORS = {"resnet50", "mobilenetv2", "efficientnet_lite0", "yolo"}


class ConfigError(Exception):
    pass


def check_keys(entry, required, optional, what):
    missing, unknown = required - set(entry), set(entry) - required - optional
    if missing or unknown:
        raise ConfigError(f"{what}: missing {sorted(missing)}, unknown {sorted(unknown)}")


def check_model(entry):
    what = f"model '{entry.get('name')}'"
    check_keys(entry, *MODEL, what)
    if ("folder" in entry) == ("generator" in entry):
        raise ConfigError(f"{what}: expected either a folder or a generator")
    if "generator" in entry and entry["generator"] not in GENERATORS:
        raise ConfigError(f"{what}: expected a generator of {sorted(GENERATORS)}, "
                          f"got '{entry['generator']}'")


def check_kernel(entry):
    what = f"kernel '{entry.get('name')}'"
    if entry.get("op") not in KERNEL_ARGUMENTS:
        raise ConfigError(f"{what}: expected an op of {sorted(KERNEL_ARGUMENTS)}, "
                          f"got '{entry.get('op')}'")
    required, optional = KERNEL_ARGUMENTS[entry["op"]]
    check_keys(entry, required | {"name", "op"}, optional, what)
    for key in required | (optional & set(entry)):
        if not isinstance(entry[key], int) or entry[key] < 1:
            raise ConfigError(f"{what}: expected a positive {key}, got {entry[key]!r}")


def check_sides(sides, what):
    for peer in sides:
        if not (BENCHMARKS / "peers" / f"{peer}.py").exists():
            raise ConfigError(f"{what}: expected peers of benchmarks/peers/, got '{peer}'")
    if "int8" not in sides.get("qopt", []):
        raise ConfigError(f"{what}: expected qopt's int8 among them")


def load(path):
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigError(f"{path.name}: {error}")
    check_keys(config, {"samples", "sides", "models", "kernel_sides", "kernels"}, set(), path.name)
    check_sides(config["sides"], "sides")
    check_sides(config["kernel_sides"], "kernel_sides")
    for entry in config["models"]:
        check_model(entry)
    for entry in config["kernels"]:
        check_kernel(entry)
    names = [e["name"] for e in config["models"] + config["kernels"]]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(f"names are used twice: {twice}")
    return config


def select(config, globs):
    """(kind, entry, sides) of the entries whose names match."""
    entries = ([("models", e, config["sides"]) for e in config["models"]]
               + [("kernels", e, config["kernel_sides"]) for e in config["kernels"]])
    chosen = [e for e in entries if any(fnmatch.fnmatch(e[1]["name"], g) for g in globs)]
    if not chosen:
        raise ConfigError(f"--only {' '.join(globs)}: no model or kernel is called so")
    return chosen
