/*===- qopt_model.h - The C interface of a compiled model ---------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

/* The part that all generated headers share; each holds a copy of it. */

#ifndef QOPT_MODEL_TYPES
#define QOPT_MODEL_TYPES

#include <stddef.h>
#include <stdint.h>

/* Element types: the numbers of ONNX's TensorProto.DataType. */
enum {
  QOPT_F32 = 1,
  QOPT_U8 = 2,
  QOPT_I8 = 3,
  QOPT_U16 = 4,
  QOPT_I16 = 5,
  QOPT_I32 = 6,
  QOPT_I64 = 7,
  QOPT_BOOL = 9,
  QOPT_F16 = 10,
  QOPT_F64 = 11
};

/* What a run returns. */
enum {
  QOPT_OK = 0,
  QOPT_ERROR_NULL_POINTER = 1, /* an argument, an input or an output is null */
  QOPT_ERROR_ARENA_ALIGNMENT = 2, /* the arena is not aligned to 64 bytes */
  QOPT_ERROR_UNSUPPORTED_CPU = 3, /* the CPU runs no version of the code */
  QOPT_ERROR_NO_CUDA = 4,         /* there is no CUDA driver */
  QOPT_ERROR_NO_GPU = 5,          /* no GPU, or none that runs the kernels */
  QOPT_ERROR_CUDA = 6             /* the CUDA driver reported an error */
};

typedef struct qopt_tensor_info {
  const char *name;
  int dtype;
  int rank;
  const int64_t *shape;
  float scale; /* 0 unless the tensor holds quantized integers */
  int32_t zero_point;
} qopt_tensor_info;

typedef struct qopt_model_info {
  const char *name, *target, *version;
  size_t arena_bytes, weight_bytes;
  int n_inputs, n_outputs;
  const qopt_tensor_info *inputs, *outputs;
} qopt_model_info;

/* Calls task(data, i) once for each i in [0, count), in any order and from any
 * threads, and returns when all calls have; `pool` is the caller's own. Fastest
 * if task i goes to the same core each time: its cache has what it reads. */
typedef void (*qopt_parallel_for)(void *pool, int count,
                                  void (*task)(void *data, int index),
                                  void *data);

#endif /* QOPT_MODEL_TYPES */
