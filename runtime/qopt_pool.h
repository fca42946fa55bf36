/*===- qopt_pool.h - Threads for models with tasks ----------------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef QOPT_POOL_H
#define QOPT_POOL_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qopt_pool qopt_pool;

/* A pool of `threads` threads, the caller's own among them: `threads` - 1 are
 * started, of which no more than 32 share a job. Null if that fails or
 * `threads` is less than 1. */
qopt_pool *qopt_pool_create(int threads);

/* Ends the threads. Null is allowed. No run may be going on. */
void qopt_pool_destroy(qopt_pool *pool);

/* Calls task(data, i) for each i in [0, count), on the threads of `pool`, and
 * returns when all calls have. A qopt_parallel_for. Task 0 is the caller's own,
 * and each other thread keeps to one i, unless it comes too late for it. One
 * call at a time shares the threads; a call from another thread meanwhile does
 * its tasks alone. */
void qopt_pool_parallel_for(void *pool, int count,
                            void (*task)(void *data, int index), void *data);

#ifdef __cplusplus
}
#endif

#endif /* QOPT_POOL_H */
