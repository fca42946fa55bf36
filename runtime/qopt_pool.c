/*===- qopt_pool.c - Threads for models with tasks ----------------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* A job is published by one 64-bit ticket: its number, and a bit for each unit
|* of its tasks that nobody has taken. Who clears a bit owns that unit. The
|* caller waits for units, never for threads: a thread that sleeps through a job
|* costs its help and nothing else.
|*
|* Each thread takes the unit of its own number if it can. What a task reads is
|* mostly what the task of that number has written in the last job: it is then
|* in the cache of the core that wants it.
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

/* The most units of a job. Unit u is the tasks u, u + units, u + 2 units... */
enum { kMaxUnits = 32 };

typedef struct Worker {
  qopt_pool *pool;
  int number;
  pthread_t thread;
} Worker;

struct qopt_pool {
  /* What workers wait for, and in the same cache line what they want next: read
   * only by a thread that then wins a unit of the same job. */
  _Alignas(64) atomic_ullong ticket;
  _Atomic(Task) task;
  _Atomic(void *) data;
  atomic_int count;
  atomic_bool stop;

  _Alignas(64) atomic_int finished;

  _Alignas(64) atomic_bool busy;
  atomic_int sleepers;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  int numWorkers;
  Worker workers[];
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

/* job << 32 | free units */
static uint32_t jobOf(unsigned long long ticket) {
  return (uint32_t)(ticket >> 32);
}
static uint32_t freeOf(unsigned long long ticket) { return (uint32_t)ticket; }

static int unitsOf(int count) { return count < kMaxUnits ? count : kMaxUnits; }

/* The first of the free units from `wanted` on, then those before it. */
static int pickUnit(uint32_t free, int wanted) {
  uint32_t from = free >> wanted << wanted;
  return __builtin_ctz(from ? from : free);
}

/* Works on the job that the pool shows until it has no free unit. */
static void help(qopt_pool *pool, int number) {
  unsigned long long ticket = atomic_load(&pool->ticket);
  while (freeOf(ticket)) {
    Task task = atomic_load(&pool->task);
    void *data = atomic_load(&pool->data);
    int count = atomic_load(&pool->count);
    int unit = pickUnit(freeOf(ticket), number % kMaxUnits);
    /* Fails, and looks again, if another took a unit or the job is over. */
    if (!atomic_compare_exchange_weak(&pool->ticket, &ticket,
                                      ticket & ~(1ull << unit)))
      continue;
    for (int i = unit; i < count; i += kMaxUnits)
      task(data, i);
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
  Worker *worker = argument;
  qopt_pool *pool = worker->pool;
  uint32_t seen = 0;
  while (waitForJob(pool, seen)) {
    seen = jobOf(atomic_load(&pool->ticket));
    help(pool, worker->number);
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
  size_t bytes = sizeof(qopt_pool) + (size_t)threads * sizeof(Worker);
  qopt_pool *pool = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!pool)
    return NULL;
  atomic_init(&pool->task, NULL);
  atomic_init(&pool->data, NULL);
  atomic_init(&pool->count, 0);
  atomic_init(&pool->ticket, 0);
  atomic_init(&pool->finished, 0);
  atomic_init(&pool->busy, false);
  atomic_init(&pool->stop, false);
  atomic_init(&pool->sleepers, 0);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  for (pool->numWorkers = 0; pool->numWorkers < threads - 1;
       ++pool->numWorkers) {
    Worker *worker = &pool->workers[pool->numWorkers];
    worker->pool = pool;
    worker->number = pool->numWorkers + 1;
    if (pthread_create(&worker->thread, NULL, work, worker)) {
      qopt_pool_destroy(pool);
      return NULL;
    }
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
  for (int i = 0; i < pool->numWorkers; ++i)
    pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}

void qopt_pool_parallel_for(void *argument, int count, Task task, void *data) {
  qopt_pool *pool = argument;
  int units = unitsOf(count);
  if (units < 2 || atomic_exchange(&pool->busy, true)) {
    for (int i = 0; i < count; ++i)
      task(data, i);
    return;
  }
  /* No unit of the last job is left, so that nobody uses what it reads here
   * before the ticket, which orders all of this, shows the new job. */
  atomic_store_explicit(&pool->finished, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->task, task, memory_order_relaxed);
  atomic_store_explicit(&pool->data, data, memory_order_relaxed);
  atomic_store_explicit(&pool->count, count, memory_order_relaxed);
  unsigned long long job = jobOf(atomic_load(&pool->ticket)) + 1u;
  atomic_store(&pool->ticket, job << 32 | UINT32_MAX >> (kMaxUnits - units));
  wakeSleepers(pool);
  help(pool, 0);
  for (int spins = 0; atomic_load(&pool->finished) != units; ++spins)
    spins < kSpins ? relax() : (void)sched_yield();
  atomic_store_explicit(&pool->busy, false, memory_order_release);
}
