# The qopt lit suite. See docs/Testing.md.
import os
import sys

import lit.formats
from lit.llvm import llvm_config

config.name = "qopt"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".textproto"]
config.excludes = ["Inputs", "CMakeLists.txt", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.qopt_obj_root, "test")
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --dump-input=fail"
# Of a sanitized build (preset asan): the first finding fails the test.
config.environment["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"
if config.qopt_sanitized:
    config.available_features.add("sanitized")

llvm_config.use_default_substitutions()
tools_dirs = [os.path.join(config.qopt_obj_root, "bin"), config.llvm_tools_dir]
llvm_config.add_tool_substitutions(
    ["qopt-random-graphs", "qopt-opt", "qopt-lsp-server", "qopt", "mlir-opt",
     "mlir-translate", "llvm-objdump", "llvm-nm"],
    tools_dirs)
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
config.substitutions.append(
    ("%qopt_plugin", os.path.join(config.qopt_obj_root, "lib", "libQoptPlugin.so")))

# The scripts that write the generated pages of docs/ also check them.
config.substitutions += [
    ("%python", sys.executable), ("%qopt_src", config.qopt_src_root),
    ("%qopt_bin", os.path.join(config.qopt_obj_root, "bin")),
    ("%llvm_bin", config.llvm_tools_dir)]

# Text to ONNX: %onnx_encode < model.textproto > model.onnx
config.substitutions.append(
    ("%onnx_encode",
     f"{config.protoc} --encode=onnx.ModelProto -I {config.onnx_proto_dir} onnx.proto"))
config.substitutions.append(
    ("%make_npz", "'%s' '%s'" % (sys.executable, os.path.join(
        config.test_source_root, "Driver", "Inputs", "make_npz.py"))))
config.substitutions.append(
    ("%expect", "sh '%s'" % os.path.join(
        config.test_source_root, "Driver", "Inputs", "expect.sh")))
