/*===- riscv32_main.c - A model on a core without a C library
-----------------===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

/* The bytes of one input from standard input, those of the output to standard
 * output: by calls of Linux's kernel, which QEMU answers. */

#include "model.h"

enum { READ = 63, WRITE = 64, EXIT = 93 };

static long call_kernel(long number, long a, const void *b, long c) {
  register long a0 __asm__("a0") = a;
  register const void *a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}

void *memset(void *to, int byte, unsigned long size) {
  for (volatile unsigned char *at = to; size; --size)
    *at++ = (unsigned char)byte;
  return to;
}

void *memcpy(void *to, const void *from, unsigned long size) {
  volatile unsigned char *at = to;
  for (const unsigned char *byte = from; size; --size)
    *at++ = *byte++;
  return to;
}

static _Alignas(64) unsigned char arena[MODEL_ARENA_BYTES];
static _Alignas(8) unsigned char input[INPUT_BYTES], output[OUTPUT_BYTES];

void _start(void) {
  long status = 1, got = 0, part = 1;
  for (; got < INPUT_BYTES && part > 0; got += part)
    part = call_kernel(READ, 0, input + got, INPUT_BYTES - got);
  if (got == INPUT_BYTES) {
    const void *inputs[] = {input};
    void *outputs[] = {output};
    status = model_run(inputs, outputs, arena);
  }
  if (status == 0)
    call_kernel(WRITE, 1, output, OUTPUT_BYTES);
  call_kernel(EXIT, status, 0, 0);
  __builtin_unreachable();
}
