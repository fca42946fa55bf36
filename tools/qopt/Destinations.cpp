//===- Destinations.cpp - The files that a command names ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Destinations.h"
#include "Cli.h"
#include "qopt/Support/AtomicFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace fs = llvm::sys::fs;

namespace qopt::cli {

/// Whether writing one would change the other. Devices and pipes keep nothing,
/// so that two outputs may share one.
static bool areOneFile(llvm::StringRef a, llvm::StringRef b) {
  fs::file_status status;
  if (!fs::status(a, status))
    return fs::is_regular_file(status) && fs::equivalent(a, b);
  // Not there yet: by name.
  auto normalize = [](llvm::StringRef path) {
    llvm::SmallString<128> name(path), folder;
    fs::make_absolute(name);
    llvm::StringRef parent = llvm::sys::path::parent_path(name);
    if (fs::real_path(parent, folder))
      folder = parent;
    llvm::sys::path::append(folder, llvm::sys::path::filename(name));
    return folder;
  };
  return normalize(a) == normalize(b);
}

llvm::Error checkDestinations(llvm::ArrayRef<NamedPath> outputs,
                              llvm::ArrayRef<NamedPath> inputs) {
  auto isFile = [](const NamedPath &file) {
    return !file.path.empty() && file.path != "-";
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    const NamedPath &output = outputs[i];
    if (!isFile(output))
      continue;
    for (const NamedPath &other :
         llvm::concat<const NamedPath>(inputs, outputs.take_front(i)))
      if (isFile(other) && areOneFile(output.path, other.path))
        return usageError(output.what + ": expected another file than " +
                          other.what + ", got '" + output.path + "'");
    // Never committed, so nothing is left of it.
    auto probe = AtomicFile::create(output.path);
    if (!probe)
      return probe.takeError();
  }
  return llvm::Error::success();
}

llvm::Error checkSources(llvm::ArrayRef<std::string> paths) {
  for (const std::string &path : paths) {
    fs::file_status status;
    if (std::error_code code =
            path.empty() ? std::error_code() : fs::status(path, status))
      return inputError(path + ": " + code.message());
  }
  return llvm::Error::success();
}

} // namespace qopt::cli
