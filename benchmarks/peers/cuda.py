"""The driver's interface to a GPU: memory, copies, one stream."""

import ctypes
import os

import numpy as np

from peers import calls


class Gpu:
    """The first GPU, in its primary context. QOPT_LIBCUDA names another driver."""

    def __init__(self):
        path = os.environ.get("QOPT_LIBCUDA") or "libcuda.so.1"
        try:
            self.driver = ctypes.CDLL(path)
        except OSError:
            raise RuntimeError(f"no driver of a GPU: {os.path.basename(path)} cannot be opened")
        context, self.stream = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
        self.call("cuCtxPushCurrent_v2", context)
        self.call("cuStreamCreate", ctypes.byref(self.stream), 1)

    def call(self, name, *arguments):
        if status := getattr(self.driver, name)(*arguments):
            raise RuntimeError(f"{name} returned {status}")

    def allocate(self, size):
        pointer = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(max(size, 1)))
        return ctypes.c_void_p(pointer.value)

    def upload(self, array):
        array = np.ascontiguousarray(array)
        pointer = self.allocate(array.nbytes)
        self.call("cuMemcpyHtoDAsync_v2", pointer, ctypes.c_void_p(array.ctypes.data),
                  ctypes.c_size_t(array.nbytes), self.stream)
        self.synchronize()
        return pointer

    def download(self, pointer, shape, dtype):
        array = np.empty(shape, dtype)
        self.call("cuMemcpyDtoHAsync_v2", ctypes.c_void_p(array.ctypes.data), pointer,
                  ctypes.c_size_t(array.nbytes), self.stream)
        self.synchronize()
        return array

    def synchronize(self):
        self.call("cuStreamSynchronize", self.stream)

    def in_c(self, folder, function, *arguments):
        """As calls.in_c: enqueues all calls, then waits for the GPU."""
        enqueue = calls.in_c(folder, function, *arguments)

        def repeat(count):
            enqueue(count)
            self.synchronize()
        return repeat
