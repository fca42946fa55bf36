/*===- main.c - A model on several threads ------------------------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

/* What `qopt compile model.onnx ... --threads 4 -o model.o` wrote, and a pool:
 *
 *   cc -I ../../runtime main.c ../../runtime/qopt_pool.c model.o -pthread
 *
 * The model has one input and one output of floats. Raw floats come from
 * standard input, an inference's at a time, and go to standard output. The
 * threads live as long as the pool: one for the whole program. */

#include "model.h"
#include "qopt_pool.h"
#include <stdio.h>

static _Alignas(64) unsigned char arena[MODEL_ARENA_BYTES];
static float input[MODEL_INPUT0_ELEMENTS], output[MODEL_OUTPUT0_ELEMENTS];

int main(void) {
  qopt_pool *pool = qopt_pool_create(4);
  int failed = !pool;
  while (!failed && fread(input, sizeof(input), 1, stdin) == 1)
    failed = model_infer_parallel(input, output, arena, qopt_pool_parallel_for,
                                  pool) != QOPT_OK ||
             fwrite(output, sizeof(output), 1, stdout) != 1;
  qopt_pool_destroy(pool);
  return failed;
}
