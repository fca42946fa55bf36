"""What is timed: a function of a count, which runs a model that often."""

import ctypes
import os

from peers import c_compiler


def in_python(call):
    def repeat(count):
        for _ in range(count):
            call()
    return repeat


def in_c(folder, function, *arguments):
    """A loop in C around a C function of 1, 3, 4 or 5 pointers that returns 0."""
    source = os.path.join(os.path.dirname(__file__), "calls.c")
    lib = ctypes.CDLL(c_compiler.build([source], os.path.join(folder, "calls.so")))
    loop = getattr(lib, f"calls_{len(arguments)}")
    function = ctypes.cast(function, ctypes.c_void_p)

    def repeat(count):
        if status := loop(ctypes.c_long(count), function, *arguments):
            raise RuntimeError(f"the call returned {status}")
    return repeat
