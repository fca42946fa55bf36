//===- AtomicFile.cpp - A file written whole or not at all ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/AtomicFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include <unistd.h>

using namespace llvm;
using namespace qopt;

static Error cannotWrite(StringRef path, std::error_code code) {
  std::string why = code.message();
  StringRef parent = sys::path::parent_path(path);
  if (code == std::errc::no_such_file_or_directory && !parent.empty())
    why = ("the folder '" + parent + "' does not exist").str();
  return createStringError(code, "cannot write '" + path + "': " + why);
}

/// Follows symbolic links, so that a rename replaces the file, not the link.
static std::string resolveLinks(StringRef path) {
  SmallString<128> real;
  if (sys::fs::is_symlink_file(path) && !sys::fs::real_path(path, real))
    return std::string(real);
  return path.str();
}

static Expected<std::pair<std::string, int>> openTemporary(StringRef target) {
  // Not createUniqueFile: it replaces every '%' of the path, the user's, too.
  for (unsigned attempt = 0;; ++attempt) {
    std::string name = (target + ".tmp" + Twine(sys::Process::getProcessId()) +
                        "-" + Twine(attempt))
                           .str();
    int fd;
    std::error_code code =
        sys::fs::openFileForWrite(name, fd, sys::fs::CD_CreateNew);
    if (!code)
      return std::make_pair(name, fd);
    if (code != std::errc::file_exists)
      return errorCodeToError(code);
  }
}

Expected<AtomicFile> AtomicFile::create(StringRef path) {
  AtomicFile file;
  file.destination = path.str();
  file.target = resolveLinks(path);
  std::error_code code;
  sys::fs::file_status status;
  bool exists = path != "-" && !sys::fs::status(file.target, status);
  if (exists && sys::fs::is_directory(status))
    return cannotWrite(path, std::make_error_code(std::errc::is_a_directory));
  if (path == "-" || (exists && !sys::fs::is_regular_file(status))) {
    file.stream = std::make_unique<raw_fd_ostream>(file.target, code);
    if (code)
      return cannotWrite(path, code);
    return file;
  }
  // A rename needs only the folder's permission; an unwritable file is to be
  // respected all the same.
  if (exists)
    if ((code = sys::fs::access(file.target, sys::fs::AccessMode::Write)))
      return cannotWrite(path, code);
  auto opened = openTemporary(file.target);
  if (!opened)
    return cannotWrite(path, errorToErrorCode(opened.takeError()));
  file.temporary = opened->first;
  file.descriptor = opened->second;
  sys::RemoveFileOnSignal(file.temporary);
  if (exists)
    // Best effort: a file system without permissions still gets its file.
    (void)sys::fs::setPermissions(opened->second, status.permissions());
  file.stream = std::make_unique<raw_fd_ostream>(opened->second,
                                                 /*shouldClose=*/true);
  return file;
}

AtomicFile::AtomicFile(AtomicFile &&other) { *this = std::move(other); }

AtomicFile &AtomicFile::operator=(AtomicFile &&other) {
  discard();
  destination = std::move(other.destination);
  target = std::move(other.target);
  temporary = std::exchange(other.temporary, std::string());
  descriptor = other.descriptor;
  stream = std::move(other.stream);
  return *this;
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (stream) {
    stream->flush();
    // A stream that dies with an unseen error ends the process.
    stream->clear_error();
    stream.reset();
  }
  if (temporary.empty())
    return;
  sys::fs::remove(temporary);
  sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
}

/// All bytes on the disk, the descriptor closed.
Error AtomicFile::finishWriting() {
  stream->flush();
  std::error_code code = stream->error();
  if (!code && !temporary.empty() && ::fsync(descriptor) != 0)
    code = errnoAsErrorCode();
  if (!code && !temporary.empty()) {
    stream->close();
    code = stream->error();
  }
  stream->clear_error();
  if (!code)
    return Error::success();
  discard();
  return cannotWrite(destination, code);
}

Error AtomicFile::publish() {
  stream.reset();
  if (temporary.empty())
    return Error::success();
  if (std::error_code code = sys::fs::rename(temporary, target)) {
    discard();
    return cannotWrite(destination, code);
  }
  sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return Error::success();
}

Error AtomicFile::commit() { return commitAll(MutableArrayRef(this, 1)); }

Error AtomicFile::commitAll(MutableArrayRef<AtomicFile> files) {
  for (AtomicFile &file : files)
    if (Error error = file.finishWriting())
      return error;
  SmallVector<StringRef> renamed;
  for (AtomicFile &file : files) {
    bool renames = !file.temporary.empty();
    if (Error error = file.publish()) {
      for (StringRef target : renamed)
        sys::fs::remove(target);
      return error;
    }
    if (renames)
      renamed.push_back(file.target);
  }
  return Error::success();
}

Error qopt::writeFileAtomically(StringRef path,
                                function_ref<Error(raw_ostream &)> produce) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.takeError();
  if (Error error = produce(file->os()))
    return error;
  return file->commit();
}

Error qopt::writeFileAtomically(StringRef path, StringRef contents) {
  return writeFileAtomically(path, [&](raw_ostream &os) {
    os << contents;
    return Error::success();
  });
}
