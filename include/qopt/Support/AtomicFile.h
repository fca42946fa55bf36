//===- AtomicFile.h - A file written whole or not at all --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every file that qopt writes goes through here: a run that fails, or that a
// signal ends, leaves the destination as it was.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_ATOMICFILE_H
#define QOPT_SUPPORT_ATOMICFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <string>

namespace qopt {

/// A file under construction. The bytes go to a temporary file beside the
/// destination; `commit` brings them to the disk and renames it. Dropped
/// without a commit, or killed by a signal, it removes the temporary file.
///
/// "-" is the standard output, and a destination that exists and is no regular
/// file (a pipe, a device) is written in place: neither can be renamed over.
class AtomicFile {
public:
  static llvm::Expected<AtomicFile> create(llvm::StringRef path);

  AtomicFile(AtomicFile &&other);
  AtomicFile &operator=(AtomicFile &&other);
  ~AtomicFile();

  llvm::raw_pwrite_stream &os() { return *stream; }
  llvm::StringRef path() const { return destination; }

  llvm::Error commit();

  /// Commits all of them or none: nothing is renamed before every file is on
  /// the disk. Where a rename still fails, what stood in the places of the
  /// files renamed before it comes back.
  static llvm::Error commitAll(llvm::MutableArrayRef<AtomicFile> files);

private:
  AtomicFile() = default;
  llvm::Error finishWriting();
  llvm::Error keepReplaced();
  llvm::Error publish();
  void restoreReplaced();
  void discard();

  std::string destination;
  /// What `destination` leads to through symbolic links.
  std::string target;
  /// Empty once published, and for destinations written in place.
  std::string temporary;
  /// The file that a publication replaces, under another name.
  std::string replaced;
  /// Of the temporary file; owned by `stream`.
  int descriptor = -1;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

/// Writes `path` with what `produce` prints.
llvm::Error writeFileAtomically(
    llvm::StringRef path,
    llvm::function_ref<llvm::Error(llvm::raw_ostream &)> produce);

llvm::Error writeFileAtomically(llvm::StringRef path, llvm::StringRef contents);

} // namespace qopt

#endif // QOPT_SUPPORT_ATOMICFILE_H
