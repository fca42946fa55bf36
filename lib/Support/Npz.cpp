//===- Npz.cpp - NumPy's archives of arrays, through libzip ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ZipArchive.h"
#include "qopt/Support/AtomicFile.h"
#include "qopt/Support/Npy.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;
using namespace qopt;

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Error ZipStream::unsound() {
  return createStringError(Twine(origin) + ": expected a sound archive, got '" +
                           zip_error_strerror(zip_file_get_error(file.get())) +
                           "'");
}

Error ZipStream::read(MutableArrayRef<uint8_t> buffer) {
  remaining -= std::min<uint64_t>(remaining, buffer.size());
  while (!buffer.empty()) {
    zip_int64_t got = zip_fread(file.get(), buffer.data(), buffer.size());
    if (got < 0)
      return unsound();
    if (got == 0)
      return createStringError(
          Twine(origin) + ": expected more bytes, got the end of the array");
    buffer = buffer.drop_front(got);
  }
  // libzip compares the checksum when it sees the end.
  uint8_t beyond;
  if (remaining == 0 && zip_fread(file.get(), &beyond, 1) < 0)
    return unsound();
  return Error::success();
}

Expected<std::shared_ptr<ZipArchive>> ZipArchive::open(StringRef path) {
  int code = 0;
  zip_t *opened = zip_open(path.str().c_str(), ZIP_RDONLY, &code);
  if (!opened) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    scope_exit release([&] { zip_error_fini(&error); });
    // libzip's "Not a zip archive", "No such file or directory", ...
    return createStringError(path + ": expected an .npz archive, got '" +
                             zip_error_strerror(&error) + "'");
  }
  std::shared_ptr<ZipArchive> archive(new ZipArchive(opened, path));
  zip_int64_t count = zip_get_num_entries(opened, 0);
  for (zip_int64_t index = 0; index < count; ++index) {
    zip_stat_t stat;
    if (zip_stat_index(opened, index, 0, &stat) != 0)
      return createStringError(path + ": expected a sound archive, got '" +
                               zip_strerror(opened) + "'");
    StringRef name = stat.name;
    if (name.consume_back(".npy"))
      archive->all.push_back({name.str(), stat.index, stat.size});
  }
  return archive;
}

std::string ZipArchive::originOf(const Member &member) const {
  return path + ": array '" + member.name + "'";
}

Expected<ZipStream> ZipArchive::stream(const Member &member) {
  zip_file_t *file = zip_fopen_index(archive.get(), member.index, 0);
  if (!file)
    return createStringError(Twine(originOf(member)) +
                             ": expected a readable member, got '" +
                             zip_strerror(archive.get()) + "'");
  return ZipStream(file, originOf(member), member.size);
}

Expected<std::vector<NamedTensor>> qopt::readNpz(StringRef path) {
  Expected<std::shared_ptr<ZipArchive>> archive = ZipArchive::open(path);
  if (!archive)
    return archive.takeError();
  std::vector<NamedTensor> tensors;
  for (const ZipArchive::Member &member : (*archive)->members()) {
    Expected<ZipStream> stream = (*archive)->stream(member);
    if (!stream)
      return stream.takeError();
    auto read = [&](MutableArrayRef<uint8_t> bytes) {
      return stream->read(bytes);
    };
    std::string origin = (*archive)->originOf(member);
    Expected<NpyHeader> header = readNpyHeader(read, origin);
    if (!header)
      return header.takeError();
    if (header->dataOffset + header->dataBytes() != member.size)
      return createStringError(Twine(origin) + ": expected " +
                               Twine(header->dataOffset + header->dataBytes()) +
                               " bytes, got " + Twine(member.size));
    Expected<HostTensor> tensor = readNpyData(*header, read);
    if (!tensor)
      return tensor.takeError();
    tensors.emplace_back(member.name, std::move(*tensor));
  }
  return tensors;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// Adds one member; `contents` must live until the archive is closed.
static bool addMember(zip_t *archive, const std::string &name,
                      StringRef contents) {
  zip_source_t *source =
      zip_source_buffer(archive, contents.data(), contents.size(), 0);
  if (!source)
    return false;
  zip_int64_t index =
      zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return false;
  }
  // DOS date 1980-01-01: equal tensors, equal bytes.
  return zip_file_set_dostime(archive, index, 0, (1 << 5) | 1, 0) == 0;
}

static Expected<std::string> readBack(zip_source_t *source) {
  auto failed = [&] {
    return createStringError(Twine("cannot build the archive: ") +
                             zip_error_strerror(zip_source_error(source)));
  };
  zip_stat_t stat;
  if (zip_source_stat(source, &stat) != 0 || zip_source_open(source) != 0)
    return failed();
  scope_exit close([&] { zip_source_close(source); });
  std::string bytes(stat.size, '\0');
  for (size_t at = 0; at < bytes.size();) {
    zip_int64_t got =
        zip_source_read(source, bytes.data() + at, bytes.size() - at);
    if (got <= 0)
      return failed();
    at += got;
  }
  return bytes;
}

/// The archive is built in memory: AtomicFile is the only way to the disk.
static Expected<std::string> buildArchive(ArrayRef<NamedTensor> tensors) {
  zip_error_t error;
  zip_error_init(&error);
  scope_exit release([&] { zip_error_fini(&error); });
  zip_source_t *target = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_t *archive =
      target ? zip_open_from_source(target, ZIP_TRUNCATE, &error) : nullptr;
  if (!archive) {
    zip_source_free(target);
    return createStringError(Twine("cannot build the archive: ") +
                             zip_error_strerror(&error));
  }
  // The archive owns one reference, which zip_close drops.
  zip_source_keep(target);
  scope_exit drop([&] { zip_source_free(target); });
  std::vector<std::string> contents(tensors.size());
  bool isComplete = true;
  for (size_t i = 0; i < tensors.size() && isComplete; ++i) {
    raw_string_ostream os(contents[i]);
    printNpy(os, tensors[i].second);
    isComplete = addMember(archive, tensors[i].first + ".npy", contents[i]);
  }
  if (!isComplete || zip_close(archive) != 0) {
    Error failure = createStringError(Twine("cannot build the archive: ") +
                                      zip_strerror(archive));
    zip_discard(archive);
    return std::move(failure);
  }
  return readBack(target);
}

Error qopt::writeNpz(StringRef path, ArrayRef<NamedTensor> tensors) {
  Expected<std::string> bytes = buildArchive(tensors);
  if (!bytes)
    return bytes.takeError();
  return writeFileAtomically(path, *bytes);
}
