/*===- semihosting.h - Talking to the debugger, or to QEMU ------------------===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20 };

static inline int semihosting_call(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static inline void semihosting_print(const char *text) {
  semihosting_call(SYS_WRITE0, text);
}

static inline void semihosting_exit(int code) {
  /* "The application exits", and its code. */
  const uintptr_t reason[2] = {0x20026, (uintptr_t)code};
  for (;;)
    semihosting_call(SYS_EXIT_EXTENDED, reason);
}

#endif /* SEMIHOSTING_H */
