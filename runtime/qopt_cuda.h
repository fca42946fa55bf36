/*===- qopt_cuda.h - What a model for a GPU hands its launcher ----*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef QOPT_CUDA_H
#define QOPT_CUDA_H

#include <stddef.h>

typedef struct qopt_cuda_launch {
  const char *kernel;
  unsigned blocks, threads;
} qopt_cuda_launch;

/* Constant, but for `state`, which starts as null. */
typedef struct qopt_cuda_model {
  const char *name;
  int sm;            /* 10 * major + minor of the compute capability */
  const char *ptx;   /* with its null character */
  const void *cubin; /* machine code for `sm`, or null */
  const void *weights;
  size_t weight_bytes, arena_bytes;
  int n_inputs, n_outputs;
  const size_t *bytes; /* of the inputs, then of the outputs */
  int n_launches;
  const qopt_cuda_launch *launches;
  void **state;
} qopt_cuda_model;

/* Copies the inputs from the host, runs the kernels, and copies the outputs
 * back. Runs of one model wait for each other. Returns 0 or a QOPT_ERROR. */
int qopt_cuda_run(const qopt_cuda_model *model, const void *const *inputs,
                  void *const *outputs, void *arena);

/* Enqueues the kernels on `stream`, a CUstream of the current context. All
 * pointers are in the GPU's memory; inputs and outputs are aligned to 16
 * bytes, the arena, of arena_bytes, to 64. Allocates nothing and waits for
 * nothing after the model's first run, so that a graph can capture it. */
int qopt_cuda_run_stream(const qopt_cuda_model *model,
                         const void *const *inputs, void *const *outputs,
                         void *arena, void *stream);

/* Frees what the model keeps on the GPU: weights, buffers, code. No run may be
 * on its way, and no graph that holds one may be launched again. The next run
 * begins anew, in any context. Returns 0 or a QOPT_ERROR. */
int qopt_cuda_release(const qopt_cuda_model *model);

/* What the last error of this process was, in words. */
const char *qopt_cuda_error(void);

#endif /* QOPT_CUDA_H */
