//===- ZipArchive.h - Reading .npz archives member by member ----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SUPPORT_ZIPARCHIVE_H
#define QOPT_LIB_SUPPORT_ZIPARCHIVE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>
#include <zip.h>

namespace qopt {

/// One member of an archive, read forward; deflated bytes are inflated as
/// they come, so no member is ever held whole. Not thread-safe, nor are two
/// streams of one archive.
class ZipStream {
public:
  ZipStream(zip_file_t *file, std::string origin, uint64_t size)
      : file(file, zip_fclose), origin(std::move(origin)), remaining(size) {}

  /// Fills the whole buffer; the end of the member is an error. So is a
  /// checksum, known with the last byte, that is not the archive's.
  llvm::Error read(llvm::MutableArrayRef<uint8_t> buffer);

private:
  std::unique_ptr<zip_file_t, int (*)(zip_file_t *)> file;
  llvm::Error unsound();

  std::string origin;
  uint64_t remaining;
};

class ZipArchive {
public:
  struct Member {
    /// Without the ending ".npy".
    std::string name;
    zip_uint64_t index;
    uint64_t size;
  };

  static llvm::Expected<std::shared_ptr<ZipArchive>> open(llvm::StringRef path);

  llvm::ArrayRef<Member> members() const { return all; }
  /// How messages call a member: "calib.npz: array 'x'".
  std::string originOf(const Member &member) const;
  llvm::Expected<ZipStream> stream(const Member &member);

private:
  ZipArchive(zip_t *archive, llvm::StringRef path)
      : archive(archive, zip_discard), path(path) {}

  std::unique_ptr<zip_t, void (*)(zip_t *)> archive;
  std::string path;
  std::vector<Member> all;
};

} // namespace qopt

#endif // QOPT_LIB_SUPPORT_ZIPARCHIVE_H
