"""What is timed: a function of a count, which runs a model that often."""

import ctypes
import os

from peers import c_compiler

LIBRARY = "calls.so"


def build(folder):
    """The loops in C, once for a folder of artifacts."""
    c_compiler.build([os.path.join(os.path.dirname(__file__), "calls.c")],
                     os.path.join(folder, LIBRARY))


def in_python(call):
    def repeat(count):
        for _ in range(count):
            call()
    return repeat


def in_c(folder, function, *arguments, explain=None):
    """A loop in C around a C function of 1 to 5 pointers that returns 0;
    `explain` has words for what else it returns."""
    loop = getattr(ctypes.CDLL(os.path.join(folder, LIBRARY)), f"calls_{len(arguments)}")
    function = ctypes.cast(function, ctypes.c_void_p)
    pointers = (ctypes.c_void_p * len(arguments))(
        *[ctypes.cast(a, ctypes.c_void_p) for a in arguments])

    def repeat(count):
        if status := loop(ctypes.c_long(count), function, pointers):
            raise RuntimeError(f"the call returned {status}"
                               + (f": {explain(status)}" if explain else ""))
    return repeat
