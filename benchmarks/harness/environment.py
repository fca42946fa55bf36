"""The virtual environment of the peers, and what a result depends on."""

import importlib.metadata
import pathlib
import platform
import subprocess
import sys

from harness.sides import BENCHMARKS


def ensure_venv(folder, requirements):
    """The interpreter of the environment that has what that file names."""
    python = pathlib.Path(folder) / "bin" / "python"
    wanted = (BENCHMARKS / requirements).read_text()
    mark = pathlib.Path(folder) / "requirements.txt"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    if not mark.exists() or mark.read_text() != wanted:
        print(f"installing the peers into {folder}", file=sys.stderr)
        packages = [l for l in wanted.splitlines() if l and not l.startswith("#")]
        for package in packages:  # one that fails is reported where it is missing
            done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", package])
            if done.returncode:
                print(f"{package}: cannot be installed", file=sys.stderr)
        mark.write_text(wanted)
    return str(python)


def package_version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def peer_versions(peers):
    """Read from the adapters' PACKAGES without importing the peers."""
    import ast
    versions = {}
    for peer in sorted(peers):
        tree = ast.parse((BENCHMARKS / "peers" / f"{peer}.py").read_text())
        for node in tree.body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "PACKAGES":
                packages = ast.literal_eval(node.value)
                versions[peer] = ", ".join(f"{p} {package_version(p)}" for p in packages)
    return {p: v for p, v in versions.items() if v}


def describe_gpu():
    """The first GPU and its driver, by nvidia-smi."""
    try:
        done = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
                              capture_output=True, text=True)
    except FileNotFoundError:
        return "unknown GPU"
    return done.stdout.splitlines()[0] if done.stdout else "unknown GPU"


def describe_machine(gpu_target):
    model, flags = "unknown", set()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            model = value.strip()
        elif key.strip() == "flags":
            flags = set(value.split())
    family = pathlib.Path("/proc/cpuinfo").read_text()
    pick = lambda key: next((l.split(":")[1].strip() for l in family.splitlines()
                             if l.startswith(key)), "?")
    interesting = ["avx2", "avx_vnni", "avx512f", "avx512vl", "avx512_vnni", "avx512vbmi",
                   "avx512_bf16", "amx_int8", "hypervisor"]
    gpu = {"gpu": f"{describe_gpu()}, {gpu_target}"} if gpu_target else {}
    return {"cpu": model, "family": pick("cpu family"), "cpu_model": pick("model\t"),
            "flags": [f for f in interesting if f in flags], "system": platform.system(), **gpu}


def steal_ticks():
    """Time that the hypervisor gave to others, in ticks, since boot."""
    return int(pathlib.Path("/proc/stat").read_text().split()[8])


def qopt_commit():
    """The commit that is checked out, marked where something else than the results,
    which the run itself writes, was changed since."""
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=BENCHMARKS, capture_output=True,
                              text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!results")
    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + ("-dirty" if changed else "")
