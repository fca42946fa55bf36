# Whole models, from the file to the binary. Tests that need the real models
# say `REQUIRES: models`; without them they are reported as unsupported. Those that
# say `MODELS: ...` are run for each of these models: see model_tests.py.
import importlib.util
import os
import platform
import shutil
import sys

from lit.llvm import llvm_config

sys.path.insert(0, os.path.dirname(__file__))
from model_tests import PerModelTest

config.name = "qopt-integration"
config.test_format = PerModelTest(execute_external=False)
config.suffixes = [".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.qopt_obj_root, "integration_test")

models = os.environ.get(
    "QOPT_MODELS",
    os.path.join(os.path.dirname(config.qopt_src_root), "shared", "models"))
if os.path.isdir(models):
    config.available_features.add("models")
else:
    lit_config.note(f"no models in {models}: set QOPT_MODELS; their tests are skipped")

if platform.machine() == "x86_64":
    config.available_features.add("x86")
if shutil.which("qemu-x86_64"):
    config.available_features.add("qemu-x86")
# An emulator, and the C library of the programs that it runs.
for arch in ("aarch64", "riscv64"):
    if shutil.which(f"qemu-{arch}") and os.path.isdir(f"/usr/{arch}-linux-gnu"):
        config.available_features.add(f"qemu-{arch}")

# Firmware needs no C library.
if shutil.which("qemu-riscv32"):
    config.available_features.add("qemu-riscv32")

# Programs for WebAssembly run in Node.js.
node = shutil.which("node")
if node and os.path.isdir("/usr/lib/wasm32-wasi"):
    config.available_features.add("wasm")

if shutil.which("qemu-system-arm"):
    config.available_features.add("qemu-system-arm")

# Kernels for NVIDIA run on an emulated driver, or with QOPT_TEST_GPU=1 on the
# GPU of this host.
if os.environ.get("QOPT_TEST_GPU") == "1":
    emulated_cuda = ""
    config.available_features.add("gpu")
else:
    emulated_cuda = os.path.join(config.qopt_obj_root, "lib", "libqopt-emulated-cuda.so")
    config.available_features.add("emulated-gpu")
config.environment["QOPT_LIBCUDA"] = emulated_cuda
ptxas = shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")
if ptxas:
    config.available_features.add("ptxas")

if importlib.util.find_spec("numpy"):
    config.available_features.add("numpy")

benchmarks = os.path.join(config.qopt_src_root, "benchmarks")
config.substitutions += [
    ("%cortex_m_run", f"{sys.executable} {config.qopt_src_root}/examples/cortex-m/run "
                      f"--qopt {config.qopt_obj_root}/bin/qopt"),
    ("%wasi", f"{config.qopt_src_root}/examples/webassembly/wasi.mjs"),
    ("%wasm_run", f"{node} {config.qopt_src_root}/examples/webassembly/run.mjs"),
    ("%benchmarks_run", f"{sys.executable} {benchmarks}/run"),
    ("%benchmarks", benchmarks),
    ("%examples", os.path.join(config.qopt_src_root, "examples")),
    ("%runtime", os.path.join(config.qopt_src_root, "runtime")),
    ("%python", sys.executable),
    ("%qopt_path", os.path.join(config.qopt_obj_root, "bin", "qopt")),
    ("%models", models), ("%ptxas", ptxas or "ptxas"),
    ("%check_ptx", f"{sys.executable} {config.test_source_root}/Nvidia/check_ptx.py"),
    ("%cmake", config.cmake), ("%cc", config.cc), ("%cxx", config.cxx),
    ("%obj_root", config.qopt_obj_root),
    ("%make_npz", f"{sys.executable} {config.qopt_src_root}/test/Driver/Inputs/make_npz.py"),
    ("%demo", os.path.join(config.qopt_src_root, "examples", "fashion-mnist")),
    ("%same_bytes", f"{sys.executable} {config.test_source_root}/Emulated/Inputs/same_bytes.py "
                    f"--qopt {config.qopt_obj_root}/bin/qopt"),
    ("%target_table", f"{sys.executable} {config.test_source_root}/Targets/Inputs/target_table.py "
                      f"--qopt {config.qopt_obj_root}/bin/qopt"),
    ("%check_metrics", f"{sys.executable} {config.test_source_root}/check_metrics.py"),
    ("%cifar10", f"{sys.executable} {config.test_source_root}/cifar10.py"),
]
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --dump-input=fail"
# Of a sanitized build (preset asan): the first finding fails the test.
config.environment["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.add_tool_substitutions(
    ["qopt-random-graphs", "qopt", "clang", "llvm-nm", "llvm-objdump"],
    [os.path.join(config.qopt_obj_root, "bin"), config.llvm_tools_dir])
