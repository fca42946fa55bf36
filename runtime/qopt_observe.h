/*===- qopt_observe.h - What a calibration build calls ------------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef QOPT_OBSERVE_H
#define QOPT_OBSERVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called by a model compiled from the `observed` phase, once per edge and run,
   on the thread that runs the model. `edge` is the index of the edge in
   `qopt.model`; the `count` values are in row-major order and valid during the
   call only. The program that loads the model provides it. */
void qopt_observe(int64_t edge, const float *values, int64_t count);

#ifdef __cplusplus
}
#endif

#endif /* QOPT_OBSERVE_H */
