/*===- startup.c - From reset to main, and what a model asks of firmware ---===*\
|*
|* Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "semihosting.h"
#include <stddef.h>
#include <stdint.h>

extern uint32_t data_start, data_end, data_load, bss_start, bss_end, stack_top;
int main(void);

/* The compiler must not make calls of memcpy out of memcpy. */
__attribute__((no_builtin)) void *memcpy(void *to, const void *from,
                                         size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

__attribute__((no_builtin)) void *memset(void *to, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    ((char *)to)[i] = (char)value;
  return to;
}

static void reset(void) {
  volatile uint32_t *control = (volatile uint32_t *)0xE000ED14;
  volatile uint32_t *coprocessors = (volatile uint32_t *)0xE000ED88;
#ifdef __ARM_FP
  /* First: copying may use the registers of the FPU. */
  *coprocessors |= 0xFu << 20;
  __asm__ volatile("dsb\n isb" ::: "memory");
#else
  (void)coprocessors;
#endif
  /* Trap what is not aligned, as a Cortex-M0 does. */
  if (TRAP_UNALIGNED)
    *control |= 1u << 3;
  memcpy(&data_start, &data_load, (char *)&data_end - (char *)&data_start);
  memset(&bss_start, 0, (char *)&bss_end - (char *)&bss_start);
  semihosting_exit(main());
}

static void fault(void) {
  semihosting_print("fault\n");
  semihosting_exit(1);
}

/* The first sixteen entries: the stack, reset, and the core's exceptions. */
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    (uintptr_t)&stack_top, (uintptr_t)&reset, (uintptr_t)&fault,
    (uintptr_t)&fault,     (uintptr_t)&fault, (uintptr_t)&fault,
    (uintptr_t)&fault};
