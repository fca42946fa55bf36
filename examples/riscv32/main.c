/*===- main.c - A model on a core without a C library -------------*- C -*-===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

/* The bytes of one input from standard input, those of the output to standard
 * output: by calls of Linux's kernel, which QEMU answers. Input and output are
 * 8-bit integers: `--recipe int8-fixed-point --io quantized`.
 *
 *   clang --target=riscv32-unknown-elf -march=rv32imac -mabi=ilp32 -O2 \
 *     -ffreestanding -nostdlib -static -fuse-ld=lld main.c model.o -o model
 *   qemu-riscv32 model < input > output
 *
 * On a board, _start also sets the stack pointer and the data, and the bytes
 * come from elsewhere. `memset` and `memcpy` are all that the object asks for.
 */

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
static uint8_t input[MODEL_INPUT0_ELEMENTS], output[MODEL_OUTPUT0_ELEMENTS];

void _start(void) {
  long status = 1, got = 0, part = 1;
  for (; got < MODEL_INPUT0_ELEMENTS && part > 0; got += part)
    part = call_kernel(READ, 0, input + got, MODEL_INPUT0_ELEMENTS - got);
  if (got == MODEL_INPUT0_ELEMENTS)
    status = model_infer(input, output, arena);
  if (status == QOPT_OK)
    call_kernel(WRITE, 1, output, MODEL_OUTPUT0_ELEMENTS);
  call_kernel(EXIT, status, 0, 0);
  __builtin_unreachable();
}
