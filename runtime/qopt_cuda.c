/*===- qopt_cuda.c - Launches the kernels of a model --------------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* Opens the CUDA driver when a model first runs, so that a program links and
|* starts on machines without one. The functions are weak: each model brings
|* them along, and a program of several models keeps one.
|*
\*===----------------------------------------------------------------------===*/

#define _GNU_SOURCE
#include "qopt_cuda.h"
#include "qopt_model.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define WEAK __attribute__((weak))

/* The few types and numbers of cuda.h that are needed here. */
typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef void *CUcontext, *CUmodule, *CUfunction, *CUstream;
enum { kMajor = 75, kMinor = 76 }; /* CUdevice_attribute */

#define FUNCTIONS(X)                                                           \
  X(cuInit, (unsigned))                                                        \
  X(cuGetErrorName, (CUresult, const char **))                                 \
  X(cuDeviceGetCount, (int *))                                                 \
  X(cuDeviceGet, (CUdevice *, int))                                            \
  X(cuDeviceGetAttribute, (int *, int, CUdevice))                              \
  X(cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                         \
  X(cuCtxGetCurrent, (CUcontext *))                                            \
  X(cuCtxGetDevice, (CUdevice *))                                              \
  X(cuCtxPushCurrent_v2, (CUcontext))                                          \
  X(cuCtxPopCurrent_v2, (CUcontext *))                                         \
  X(cuModuleLoadData, (CUmodule *, const void *))                              \
  X(cuModuleGetFunction, (CUfunction *, CUmodule, const char *))               \
  X(cuModuleUnload, (CUmodule))                                                \
  X(cuMemAlloc_v2, (CUdeviceptr *, size_t))                                    \
  X(cuMemFree_v2, (CUdeviceptr))                                               \
  X(cuMemcpyHtoDAsync_v2, (CUdeviceptr, const void *, size_t, CUstream))       \
  X(cuMemcpyDtoHAsync_v2, (void *, CUdeviceptr, size_t, CUstream))             \
  X(cuStreamSynchronize, (CUstream))                                           \
  X(cuLaunchKernel,                                                            \
    (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,   \
     unsigned, CUstream, void **, void **))

typedef struct Driver {
#define DECLARE(name, parameters) CUresult(*name) parameters;
  FUNCTIONS(DECLARE)
#undef DECLARE
} Driver;

/* What a model keeps between runs, in the context of its first one. */
typedef struct State {
  CUcontext context;
  CUmodule module;
  CUdeviceptr weights;
  CUfunction *functions;
  /* Of runs from the host's memory: inputs, outputs, then the arena. */
  CUdeviceptr *buffers;
} State;

WEAK Driver qopt_cuda_driver;
WEAK char qopt_cuda_message[512];
WEAK pthread_mutex_t qopt_cuda_lock = PTHREAD_MUTEX_INITIALIZER;

WEAK const char *qopt_cuda_error(void) { return qopt_cuda_message; }

#define FAIL(code, ...)                                                        \
  return snprintf(qopt_cuda_message, sizeof(qopt_cuda_message), __VA_ARGS__),  \
         (code)

#define CHECK(model, call)                                                     \
  do {                                                                         \
    CUresult result = qopt_cuda_driver.call;                                   \
    if (result) {                                                              \
      const char *name = NULL;                                                 \
      qopt_cuda_driver.cuGetErrorName(result, &name);                          \
      FAIL(QOPT_ERROR_CUDA, "%s: %.*s failed: %s", (model)->name,              \
           (int)(sizeof(#call) - 1), #call, name ? name : "unknown error");    \
    }                                                                          \
  } while (0)

/* QOPT_LIBCUDA names another library of the same interface. */
static int openDriver(const qopt_cuda_model *model) {
  Driver *driver = &qopt_cuda_driver;
  if (driver->cuLaunchKernel)
    return QOPT_OK;
  const char *path = getenv("QOPT_LIBCUDA");
  if (!path || !*path)
    path = "libcuda.so.1";
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    FAIL(QOPT_ERROR_NO_CUDA,
         "%s: expected the CUDA driver, which runs models for sm_%d, got none: "
         "%s; it comes with NVIDIA's driver, QOPT_LIBCUDA names another file",
         model->name, model->sm, dlerror());
#define LOAD(function, parameters)                                             \
  *(void **)&driver->function = dlsym(handle, #function);                      \
  if (!driver->function) {                                                     \
    driver->cuLaunchKernel = NULL;                                             \
    FAIL(QOPT_ERROR_NO_CUDA,                                                   \
         "%s: expected the CUDA driver in %s, got none "                       \
         "of its function " #function,                                         \
         model->name, path);                                                   \
  }
  FUNCTIONS(LOAD)
#undef LOAD
  CUresult result = driver->cuInit(0);
  if (result) {
    driver->cuLaunchKernel = NULL;
    FAIL(QOPT_ERROR_NO_CUDA, "%s: the CUDA driver did not start: error %d",
         model->name, result);
  }
  return QOPT_OK;
}

/* The caller's context where there is one, else that of the first GPU. */
static int enterContext(const qopt_cuda_model *model, CUcontext *context,
                        CUdevice *device) {
  int count = 0;
  CHECK(model, cuCtxGetCurrent(context));
  if (*context) {
    CHECK(model, cuCtxGetDevice(device));
  } else {
    CHECK(model, cuDeviceGetCount(&count));
    if (count == 0)
      FAIL(QOPT_ERROR_NO_GPU, "%s: expected a GPU, got none", model->name);
    CHECK(model, cuDeviceGet(device, 0));
    CHECK(model, cuDevicePrimaryCtxRetain(context, *device));
  }
  CHECK(model, cuCtxPushCurrent_v2(*context));
  return QOPT_OK;
}

static void leaveContext(void) {
  CUcontext context;
  qopt_cuda_driver.cuCtxPopCurrent_v2(&context);
}

/* Machine code runs on its own generation only; PTX on that and later ones. */
static int loadModule(const qopt_cuda_model *model, CUdevice device,
                      CUmodule *module) {
  int major = 0, minor = 0;
  CHECK(model, cuDeviceGetAttribute(&major, kMajor, device));
  CHECK(model, cuDeviceGetAttribute(&minor, kMinor, device));
  if (10 * major + minor < model->sm)
    FAIL(QOPT_ERROR_NO_GPU,
         "%s: expected a GPU of compute capability %d.%d or higher, got %d.%d",
         model->name, model->sm / 10, model->sm % 10, major, minor);
  if (model->cubin && major == model->sm / 10 &&
      !qopt_cuda_driver.cuModuleLoadData(module, model->cubin))
    return QOPT_OK;
  CHECK(model, cuModuleLoadData(module, model->ptx));
  return QOPT_OK;
}

static int loadState(const qopt_cuda_model *model, State *state,
                     CUdevice device) {
  int code = loadModule(model, device, &state->module);
  if (code)
    return code;
  size_t count = (size_t)model->n_launches;
  state->functions = calloc(count + 1, sizeof(CUfunction));
  state->buffers = calloc((size_t)(model->n_inputs + model->n_outputs + 1),
                          sizeof(CUdeviceptr));
  if (!state->functions || !state->buffers)
    FAIL(QOPT_ERROR_CUDA, "%s: out of memory", model->name);
  for (size_t i = 0; i < count; ++i)
    CHECK(model, cuModuleGetFunction(&state->functions[i], state->module,
                                     model->launches[i].kernel));
  CHECK(model, cuMemAlloc_v2(&state->weights, model->weight_bytes));
  CHECK(model, cuMemcpyHtoDAsync_v2(state->weights, model->weights,
                                    model->weight_bytes, NULL));
  CHECK(model, cuStreamSynchronize(NULL));
  return QOPT_OK;
}

/* Everything, in the context where it is; the first error. */
static CUresult freeState(const qopt_cuda_model *model, State *state) {
  CUresult first = 0, next;
  for (int i = 0; state->buffers && i <= model->n_inputs + model->n_outputs;
       ++i) {
    next = state->buffers[i] ? qopt_cuda_driver.cuMemFree_v2(state->buffers[i])
                             : 0;
    first = first ? first : next;
  }
  next = state->weights ? qopt_cuda_driver.cuMemFree_v2(state->weights) : 0;
  first = first ? first : next;
  next = state->module ? qopt_cuda_driver.cuModuleUnload(state->module) : 0;
  first = first ? first : next;
  free(state->functions);
  free(state->buffers);
  free(state);
  return first;
}

/* The model's state, made in its first run; the lock is held. */
static int getState(const qopt_cuda_model *model, CUcontext context,
                    CUdevice device, State **result) {
  State *state = *model->state;
  if (!state) {
    if (!(state = calloc(1, sizeof(State))))
      FAIL(QOPT_ERROR_CUDA, "%s: out of memory", model->name);
    int code = loadState(model, state, device);
    if (code) {
      freeState(model, state);
      return code;
    }
    state->context = context;
    *model->state = state;
  }
  if (state->context != context)
    FAIL(QOPT_ERROR_CUDA,
         "%s: expected the CUDA context of the model's first run, got another "
         "one",
         model->name);
  *result = state;
  return QOPT_OK;
}

static int launchAll(const qopt_cuda_model *model, const State *state,
                     CUdeviceptr *tensors, CUdeviceptr arena, CUstream stream) {
  enum { kMaxTensors = 256 };
  int count = model->n_inputs + model->n_outputs;
  CUdeviceptr weights = state->weights;
  void *arguments[kMaxTensors + 2];
  if (count > kMaxTensors)
    FAIL(QOPT_ERROR_CUDA, "%s: expected at most %d inputs and outputs, got %d",
         model->name, kMaxTensors, count);
  for (int i = 0; i < count; ++i)
    arguments[i] = &tensors[i];
  arguments[count] = &arena;
  arguments[count + 1] = &weights;
  for (int i = 0; i < model->n_launches; ++i)
    CHECK(model, cuLaunchKernel(state->functions[i], model->launches[i].blocks,
                                1, 1, model->launches[i].threads, 1, 1, 0,
                                stream, arguments, NULL));
  return QOPT_OK;
}

/* Between buffers of the model's own. */
static int runFromHost(const qopt_cuda_model *model, State *state,
                       const void *const *inputs, void *const *outputs) {
  int n_inputs = model->n_inputs, count = n_inputs + model->n_outputs;
  for (int i = 0; i <= count; ++i)
    if (!state->buffers[i])
      CHECK(model,
            cuMemAlloc_v2(&state->buffers[i],
                          i < count ? model->bytes[i] : model->arena_bytes));
  for (int i = 0; i < n_inputs; ++i)
    CHECK(model, cuMemcpyHtoDAsync_v2(state->buffers[i], inputs[i],
                                      model->bytes[i], NULL));
  int code =
      launchAll(model, state, state->buffers, state->buffers[count], NULL);
  if (code)
    return code;
  for (int i = n_inputs; i < count; ++i)
    CHECK(model, cuMemcpyDtoHAsync_v2(outputs[i - n_inputs], state->buffers[i],
                                      model->bytes[i], NULL));
  CHECK(model, cuStreamSynchronize(NULL));
  return QOPT_OK;
}

static int runOnDevice(const qopt_cuda_model *model, const State *state,
                       const void *const *inputs, void *const *outputs,
                       void *arena, CUstream stream) {
  CUdeviceptr tensors[256];
  int count = model->n_inputs + model->n_outputs;
  for (int i = 0; i < count && i < 256; ++i) {
    tensors[i] = (CUdeviceptr)(i < model->n_inputs
                                   ? (size_t)inputs[i]
                                   : (size_t)outputs[i - model->n_inputs]);
    if (tensors[i] % 16)
      FAIL(QOPT_ERROR_ARENA_ALIGNMENT,
           "%s: expected inputs and outputs aligned to 16 bytes", model->name);
  }
  return launchAll(model, state, tensors, (CUdeviceptr)(size_t)arena, stream);
}

/* Both kinds of run; `stream` is not read where `onHost`. */
static int run(const qopt_cuda_model *model, const void *const *inputs,
               void *const *outputs, void *arena, CUstream stream, int onHost) {
  int isNull = !inputs || !outputs || !arena;
  for (int i = 0; !isNull && i < model->n_inputs; ++i)
    isNull = !inputs[i];
  for (int i = 0; !isNull && i < model->n_outputs; ++i)
    isNull = !outputs[i];
  if (isNull)
    FAIL(QOPT_ERROR_NULL_POINTER, "%s: an argument is null", model->name);
  if ((size_t)arena % 64)
    FAIL(QOPT_ERROR_ARENA_ALIGNMENT,
         "%s: expected an arena aligned to 64 bytes", model->name);
  int code = openDriver(model);
  CUcontext context = NULL;
  CUdevice device = 0;
  if (code || (code = enterContext(model, &context, &device)))
    return code;
  State *state = NULL;
  code = getState(model, context, device, &state);
  if (!code)
    code = onHost ? runFromHost(model, state, inputs, outputs)
                  : runOnDevice(model, state, inputs, outputs, arena, stream);
  leaveContext();
  return code;
}

static int runLocked(const qopt_cuda_model *model, const void *const *inputs,
                     void *const *outputs, void *arena, CUstream stream,
                     int onHost) {
  pthread_mutex_lock(&qopt_cuda_lock);
  int code = run(model, inputs, outputs, arena, stream, onHost);
  pthread_mutex_unlock(&qopt_cuda_lock);
  return code;
}

/* Whatever happens, the next run begins anew. */
static int release(const qopt_cuda_model *model) {
  State *state = *model->state;
  *model->state = NULL;
  if (!state)
    return QOPT_OK;
  CHECK(model, cuCtxPushCurrent_v2(state->context));
  CUresult result = freeState(model, state);
  leaveContext();
  if (result)
    FAIL(QOPT_ERROR_CUDA,
         "%s: expected to free memory of the GPU, got error %d", model->name,
         result);
  return QOPT_OK;
}

WEAK int qopt_cuda_run(const qopt_cuda_model *model, const void *const *inputs,
                       void *const *outputs, void *arena) {
  return runLocked(model, inputs, outputs, arena, NULL, 1);
}

WEAK int qopt_cuda_run_stream(const qopt_cuda_model *model,
                              const void *const *inputs, void *const *outputs,
                              void *arena, void *stream) {
  return runLocked(model, inputs, outputs, arena, stream, 0);
}

WEAK int qopt_cuda_release(const qopt_cuda_model *model) {
  pthread_mutex_lock(&qopt_cuda_lock);
  int code = release(model);
  pthread_mutex_unlock(&qopt_cuda_lock);
  return code;
}
