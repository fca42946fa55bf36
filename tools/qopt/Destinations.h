//===- Destinations.h - The files that a command names ---------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checked before the work begins, so that nothing is computed for nothing and
// no file that the user gave is lost.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_TOOLS_QOPT_DESTINATIONS_H
#define QOPT_TOOLS_QOPT_DESTINATIONS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace qopt::cli {

/// A file of the command line and how messages call it.
struct NamedPath {
  std::string what;
  std::string path;
};

/// Every output can be written, and is neither one of the inputs nor another
/// output. Empty paths and stdout are passed over.
llvm::Error checkDestinations(llvm::ArrayRef<NamedPath> outputs,
                              llvm::ArrayRef<NamedPath> inputs);

/// Every file is there. Empty paths are passed over.
llvm::Error checkSources(llvm::ArrayRef<std::string> paths);

} // namespace qopt::cli

#endif // QOPT_TOOLS_QOPT_DESTINATIONS_H
