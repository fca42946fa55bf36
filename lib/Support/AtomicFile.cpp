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
  // Special file systems, such as /proc, say it of files that they do not make.
  if (code == std::errc::no_such_file_or_directory && !parent.empty())
    why = ("the folder '" + parent + "' " +
           (sys::fs::is_directory(parent) ? "takes no new files"
                                          : "does not exist"))
              .str();
  return createStringError(code, "cannot write '" + path + "': " + why);
}

/// Follows symbolic links, so that a rename replaces the file, not the link.
static std::string resolveLinks(StringRef path) {
  SmallString<128> real;
  if (sys::fs::is_symlink_file(path) && !sys::fs::real_path(path, real))
    return std::string(real);
  return path.str();
}

/// The first name beside `target` under which `create` makes a new file.
/// Not createUniqueFile: it replaces every '%' of the path, the user's, too.
static std::error_code
createBeside(StringRef target, std::string &name,
             function_ref<std::error_code(const std::string &)> create) {
  for (unsigned attempt = 0;; ++attempt) {
    name = (target + ".tmp" + Twine(sys::Process::getProcessId()) + "-" +
            Twine(attempt))
               .str();
    std::error_code code = create(name);
    if (code != std::errc::file_exists)
      return code;
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
  std::string name;
  int fd;
  code = createBeside(file.target, name, [&](const std::string &candidate) {
    return sys::fs::openFileForWrite(candidate, fd, sys::fs::CD_CreateNew);
  });
  if (code)
    return cannotWrite(path, code);
  file.temporary = name;
  file.descriptor = fd;
  sys::RemoveFileOnSignal(file.temporary);
  if (exists)
    // Best effort: a file system without permissions still gets its file.
    (void)sys::fs::setPermissions(fd, status.permissions());
  file.stream = std::make_unique<raw_fd_ostream>(fd, /*shouldClose=*/true);
  return file;
}

AtomicFile::AtomicFile(AtomicFile &&other) { *this = std::move(other); }

AtomicFile &AtomicFile::operator=(AtomicFile &&other) {
  discard();
  destination = std::move(other.destination);
  target = std::move(other.target);
  temporary = std::exchange(other.temporary, std::string());
  replaced = std::exchange(other.replaced, std::string());
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
  for (std::string *name : {&temporary, &replaced}) {
    if (name->empty())
      continue;
    sys::fs::remove(*name);
    sys::DontRemoveFileOnSignal(*name);
    name->clear();
  }
}

/// Keeps what stands at the destination, until all files are published.
Error AtomicFile::keepReplaced() {
  // In the way of anything else, the rename fails by itself.
  if (temporary.empty() || !sys::fs::is_regular_file(target))
    return Error::success();
  std::string name;
  std::error_code code = createBeside(target, name, [&](const std::string &n) {
    return sys::fs::create_hard_link(target, n);
  });
  // Not every file system has links.
  if (code)
    code = sys::fs::copy_file(target, name);
  sys::RemoveFileOnSignal(name);
  replaced = name;
  return code ? cannotWrite(destination, code) : Error::success();
}

/// Undoes a publication.
void AtomicFile::restoreReplaced() {
  if (replaced.empty()) {
    sys::fs::remove(target);
    return;
  }
  sys::fs::rename(replaced, target);
  sys::DontRemoveFileOnSignal(replaced);
  replaced.clear();
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
  // One rename is atomic by itself.
  if (files.size() > 1)
    for (AtomicFile &file : files)
      if (Error error = file.keepReplaced())
        return error;
  SmallVector<AtomicFile *> renamed;
  for (AtomicFile &file : files) {
    bool renames = !file.temporary.empty();
    if (Error error = file.publish()) {
      for (AtomicFile *other : renamed)
        other->restoreReplaced();
      return error;
    }
    if (renames)
      renamed.push_back(&file);
  }
  for (AtomicFile &file : files)
    file.discard();
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
