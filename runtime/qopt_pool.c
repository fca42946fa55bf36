/*===- qopt_pool.c - Threads for models with tasks ----------------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* A job is published by one 64-bit ticket: its number, how many tasks it has,
|* and the next of them. Who raises the ticket by one owns that task. The caller
|* waits for tasks, never for threads: a thread that sleeps through a job costs
|* its help and nothing else.
|*
\*===----------------------------------------------------------------------===*/

#include "qopt_pool.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

typedef void (*Task)(void *data, int index);

struct qopt_pool {
  /* Read only by a thread that then wins a task of the same job. */
  _Atomic(Task) task;
  _Atomic(void *) data;

  _Alignas(64) atomic_ullong ticket;
  _Alignas(64) atomic_uint finished;

  atomic_bool busy, stop;
  atomic_int sleepers;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  int workers;
  pthread_t threads[];
};

/* Rounds of spinning before a thread sleeps: some tens of microseconds, more
 * than lies between two jobs of one run. */
enum { kSpins = 4000 };

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* job << 32 | count << 16 | next */
static uint32_t jobOf(unsigned long long ticket) {
  return (uint32_t)(ticket >> 32);
}
static unsigned countOf(unsigned long long ticket) {
  return ticket >> 16 & 0xFFFF;
}
static unsigned nextOf(unsigned long long ticket) { return ticket & 0xFFFF; }

/* Works on the job that the pool shows until it has no task left. */
static void help(qopt_pool *pool) {
  unsigned long long ticket = atomic_load(&pool->ticket);
  while (nextOf(ticket) < countOf(ticket)) {
    Task task = atomic_load(&pool->task);
    void *data = atomic_load(&pool->data);
    int index = (int)nextOf(ticket);
    /* Fails, and looks again, if another took the task or the job is over. */
    if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket + 1))
      continue;
    task(data, index);
    atomic_fetch_add(&pool->finished, 1);
    ticket = atomic_load(&pool->ticket);
  }
}

/* Until another job than `seen` is there; false at the pool's end. */
static bool waitForJob(qopt_pool *pool, uint32_t seen) {
  for (int i = 0; i < kSpins; ++i) {
    if (atomic_load(&pool->stop))
      return false;
    if (jobOf(atomic_load(&pool->ticket)) != seen)
      return true;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  while (!atomic_load(&pool->stop) && jobOf(atomic_load(&pool->ticket)) == seen)
    pthread_cond_wait(&pool->wake, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
  return !atomic_load(&pool->stop);
}

static void *work(void *argument) {
  qopt_pool *pool = argument;
  uint32_t seen = 0;
  while (waitForJob(pool, seen)) {
    seen = jobOf(atomic_load(&pool->ticket));
    help(pool);
  }
  return NULL;
}

static void wakeSleepers(qopt_pool *pool) {
  if (!atomic_load(&pool->sleepers))
    return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

qopt_pool *qopt_pool_create(int threads) {
  if (threads < 1)
    return NULL;
  size_t bytes = sizeof(qopt_pool) + (size_t)threads * sizeof(pthread_t);
  qopt_pool *pool = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!pool)
    return NULL;
  atomic_init(&pool->task, NULL);
  atomic_init(&pool->data, NULL);
  atomic_init(&pool->ticket, 0);
  atomic_init(&pool->finished, 0);
  atomic_init(&pool->busy, false);
  atomic_init(&pool->stop, false);
  atomic_init(&pool->sleepers, 0);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  for (pool->workers = 0; pool->workers < threads - 1; ++pool->workers)
    if (pthread_create(&pool->threads[pool->workers], NULL, work, pool)) {
      qopt_pool_destroy(pool);
      return NULL;
    }
  return pool;
}

void qopt_pool_destroy(qopt_pool *pool) {
  if (!pool)
    return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->stop, true);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 0; i < pool->workers; ++i)
    pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}

void qopt_pool_parallel_for(void *argument, int count, Task task, void *data) {
  qopt_pool *pool = argument;
  if (count > 0xFFFF || atomic_exchange(&pool->busy, true)) {
    for (int i = 0; i < count; ++i)
      task(data, i);
    return;
  }
  /* No task of the last job is left, so that nobody uses what it reads here
   * before the ticket shows the new job. */
  atomic_store(&pool->finished, 0);
  atomic_store(&pool->task, task);
  atomic_store(&pool->data, data);
  uint32_t job = jobOf(atomic_load(&pool->ticket)) + 1;
  atomic_store(&pool->ticket,
               (unsigned long long)job << 32 | (unsigned long long)count << 16);
  wakeSleepers(pool);
  help(pool);
  for (int spins = 0; atomic_load(&pool->finished) != (unsigned)count; ++spins)
    spins < kSpins ? relax() : (void)sched_yield();
  atomic_store(&pool->busy, false);
}
