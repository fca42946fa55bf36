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

    def capture(self, enqueue):
        """A graph, ready to be launched, of what `enqueue`(1) enqueues."""
        graph, launchable = ctypes.c_void_p(), ctypes.c_void_p()
        enqueue(1)  # a first call loads and allocates, which no graph can hold
        self.synchronize()
        self.call("cuStreamBeginCapture_v2", self.stream, 1)  # of this thread
        enqueue(1)
        self.call("cuStreamEndCapture", self.stream, ctypes.byref(graph))
        self.call("cuGraphInstantiateWithFlags", ctypes.byref(launchable), graph,
                  ctypes.c_uint64(0))
        return launchable

    def repeating(self, folder, enqueue):
        """Launches the graph of a call, `enqueue`(1), as often as told, from C, and
        waits for the GPU. A driver without graphs is given the calls themselves."""
        if hasattr(self.driver, "cuGraphLaunch"):
            enqueue = calls.in_c(folder, self.driver.cuGraphLaunch, self.capture(enqueue),
                                 self.stream)

        def repeat(count):
            enqueue(count)
            self.synchronize()
        return repeat
