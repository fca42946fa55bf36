//===- EmbeddedRuntime.h - Sources of runtime/ as text --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_TARGET_EMBEDDEDRUNTIME_H
#define QOPT_LIB_TARGET_EMBEDDEDRUNTIME_H

#include "llvm/ADT/StringRef.h"

namespace qopt {

/// runtime/qopt_model.h from its include guard on.
extern const char *const kModelTypes;
/// runtime/qopt_pool.h and qopt_pool.c.
extern const char *const kPool;
/// runtime/qopt_main.c.
extern const char *const kMainProgram;

/// runtime/qopt_cuda.c, compiled for this host.
llvm::StringRef launcherObject();

} // namespace qopt

#endif // QOPT_LIB_TARGET_EMBEDDEDRUNTIME_H
