"""Small shared objects in C that the measurements need."""

import os
import shutil
import subprocess


def build(sources, artifact, *flags):
    compiler = os.environ.get("CC") or next(
        filter(shutil.which, ("clang-22", "clang", "cc")), None)
    if not compiler:
        raise RuntimeError("no C compiler: set CC")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", *flags, *sources, "-o", artifact],
                   check=True, capture_output=True, text=True)
    return artifact
