//===- EmbeddedLauncher.cpp - runtime/qopt_cuda.c, compiled ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled with qopt, so that a model for a GPU needs no C compiler.
//
//===----------------------------------------------------------------------===//

#include "EmbeddedRuntime.h"

__asm__(".section .rodata\n"
        ".balign 64\n"
        ".hidden qopt_launcher_begin\n"
        ".globl qopt_launcher_begin\n"
        "qopt_launcher_begin:\n"
        ".incbin \"" QOPT_LAUNCHER_OBJECT "\"\n"
        ".hidden qopt_launcher_end\n"
        ".globl qopt_launcher_end\n"
        "qopt_launcher_end:\n"
        ".text\n");

extern "C" __attribute__((visibility("hidden")))
const char qopt_launcher_begin[];
extern "C" __attribute__((visibility("hidden"))) const char qopt_launcher_end[];

llvm::StringRef qopt::launcherObject() {
  return {qopt_launcher_begin, size_t(qopt_launcher_end - qopt_launcher_begin)};
}
