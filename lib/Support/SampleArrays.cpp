//===- SampleArrays.cpp - Where a DataSet's samples come from -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SampleArrays.h"

#include "llvm/Support/FileSystem.h"
#include <deque>

using namespace llvm;
using namespace qopt;

SampleArray::SampleArray(std::string origin, DType dtype,
                         ArrayRef<int64_t> shape)
    : origin(std::move(origin)), dtype(dtype), shape(shape) {}

SampleArray::~SampleArray() = default;

int64_t SampleArray::rowBytes() const {
  int64_t bytes = dtypeSize(dtype);
  for (int64_t size : drop_begin(shape))
    bytes *= size;
  return bytes;
}

Error SampleArray::checkHasSamples() const {
  if (shape.empty())
    return createStringError(origin + ": expected samples along the first "
                                      "dimension, got a scalar");
  if (is_contained(shape, 0))
    return createStringError(origin +
                             ": expected at least one sample, got an "
                             "empty array of shape " +
                             shapeToString(shape));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// In memory
//===----------------------------------------------------------------------===//

namespace {
class TensorSamples : public SampleArray {
public:
  TensorSamples(std::string origin, HostTensor tensor)
      : SampleArray(std::move(origin), tensor.dtype, tensor.shape),
        bytes(std::move(tensor.bytes)) {}

  Error read(int64_t first, MutableArrayRef<uint8_t> out) override {
    std::memcpy(out.data(), bytes.data() + first * rowBytes(), out.size());
    return Error::success();
  }

private:
  std::vector<uint8_t> bytes;
};
} // namespace

std::unique_ptr<SampleArray> qopt::tensorSamples(std::string origin,
                                                 HostTensor tensor) {
  return std::make_unique<TensorSamples>(std::move(origin), std::move(tensor));
}

//===----------------------------------------------------------------------===//
// .npy files
//===----------------------------------------------------------------------===//

namespace {
class NpySamples : public SampleArray {
public:
  NpySamples(StringRef path, sys::fs::file_t file)
      : SampleArray(path.str(), DType::F32, {}), file(file) {}
  ~NpySamples() override { sys::fs::closeFile(file); }

  Error open() {
    uint64_t offset = 0;
    auto readNext = [&](MutableArrayRef<uint8_t> bytes) {
      Error error = readAt(offset, bytes);
      offset += bytes.size();
      return error;
    };
    Expected<NpyHeader> parsed = readNpyHeader(readNext, origin);
    if (!parsed)
      return parsed.takeError();
    header = *parsed;
    dtype = header.dtype;
    shape = header.shape;
    sys::fs::file_status status;
    if (std::error_code code = sys::fs::status(file, status))
      return createStringError(origin + ": " + code.message());
    uint64_t expected = header.dataOffset + header.dataBytes();
    if (status.getSize() != expected)
      return createStringError(origin + ": expected a file of " +
                               Twine(expected) + " bytes for " +
                               dtypeName(dtype) + " " + shapeToString(shape) +
                               ", got " + Twine(status.getSize()));
    return Error::success();
  }

  Error read(int64_t first, MutableArrayRef<uint8_t> bytes) override {
    if (header.fortranOrder && shape.size() > 1)
      return readStrided(first, bytes);
    return readAt(header.dataOffset + first * rowBytes(), bytes);
  }

private:
  Error readAt(uint64_t offset, MutableArrayRef<uint8_t> bytes) {
    MutableArrayRef<char> rest(reinterpret_cast<char *>(bytes.data()),
                               bytes.size());
    while (!rest.empty()) {
      Expected<size_t> got = sys::fs::readNativeFileSlice(file, rest, offset);
      if (!got)
        return createStringError(origin + ": " + toString(got.takeError()));
      if (*got == 0)
        return createStringError(
            origin + ": expected more bytes, got the end of the file");
      offset += *got;
      rest = rest.drop_front(*got);
    }
    return Error::success();
  }

  /// Column-major: the samples are the fastest dimension, so the elements of
  /// one are apart by their number. The file stays on the disk, in its cache.
  Error readStrided(int64_t first, MutableArrayRef<uint8_t> bytes) {
    if (!mapping) {
      std::error_code code;
      mapping = std::make_unique<sys::fs::mapped_file_region>(
          file, sys::fs::mapped_file_region::readonly,
          header.dataOffset + header.dataBytes(), 0, code);
      if (code)
        return createStringError(origin + ": " + code.message());
    }
    const char *data = mapping->const_data() + header.dataOffset;
    size_t elementSize = dtypeSize(dtype);
    int64_t numRows = bytes.size() / rowBytes();
    SmallVector<int64_t, 4> strides;
    int64_t stride = rows();
    for (int64_t size : drop_begin(shape)) {
      strides.push_back(stride);
      stride *= size;
    }
    size_t to = 0;
    for (int64_t row = first; row < first + numRows; ++row) {
      SmallVector<int64_t, 4> position(strides.size(), 0);
      for (int64_t i = 0, e = rowBytes() / elementSize; i < e; ++i) {
        int64_t from = row;
        for (auto [index, step] : llvm::zip_equal(position, strides))
          from += index * step;
        std::memcpy(&bytes[to], data + from * elementSize, elementSize);
        to += elementSize;
        for (size_t dim = position.size(); dim-- > 0;) {
          if (++position[dim] < shape[dim + 1])
            break;
          position[dim] = 0;
        }
      }
    }
    return Error::success();
  }

  sys::fs::file_t file;
  NpyHeader header;
  std::unique_ptr<sys::fs::mapped_file_region> mapping;
};
} // namespace

Expected<std::unique_ptr<SampleArray>> qopt::openNpySamples(StringRef path) {
  Expected<sys::fs::file_t> file = sys::fs::openNativeFileForRead(path);
  if (!file)
    return createStringError(path + ": " + toString(file.takeError()));
  auto array = std::make_unique<NpySamples>(path, *file);
  if (Error error = array->open())
    return std::move(error);
  return array;
}

//===----------------------------------------------------------------------===//
// Members of .npz archives
//===----------------------------------------------------------------------===//

namespace {
/// Reads a member forward. The last rows stay at hand, so that threads that
/// take samples in about their order never make it start again.
class NpzSamples : public SampleArray {
public:
  NpzSamples(std::shared_ptr<ZipArchive> archive, ZipArchive::Member member,
             NpyHeader header)
      : SampleArray(archive->originOf(member), header.dtype, header.shape),
        archive(std::move(archive)), member(std::move(member)),
        header(std::move(header)) {}

  Error read(int64_t first, MutableArrayRef<uint8_t> bytes) override {
    for (int64_t row = first; !bytes.empty(); ++row) {
      if (Error error = readRow(row, bytes.take_front(rowBytes())))
        return error;
      bytes = bytes.drop_front(rowBytes());
    }
    return Error::success();
  }

private:
  static constexpr size_t kRecentRows = 16;

  Error restart() {
    recent.clear();
    nextRow = 0;
    Expected<ZipStream> opened = archive->stream(member);
    if (!opened)
      return opened.takeError();
    stream.emplace(std::move(*opened));
    std::vector<uint8_t> skipped(header.dataOffset);
    return stream->read(skipped);
  }

  Error readRow(int64_t row, MutableArrayRef<uint8_t> bytes) {
    if (!stream || row < nextRow - int64_t(recent.size()))
      if (Error error = restart())
        return error;
    while (nextRow <= row) {
      std::vector<uint8_t> buffer;
      if (recent.size() == kRecentRows) {
        buffer = std::move(recent.front());
        recent.pop_front();
      }
      buffer.resize(rowBytes());
      if (Error error = stream->read(buffer)) {
        stream.reset();
        return error;
      }
      recent.push_back(std::move(buffer));
      ++nextRow;
    }
    const std::vector<uint8_t> &found = recent[recent.size() - (nextRow - row)];
    std::memcpy(bytes.data(), found.data(), bytes.size());
    return Error::success();
  }

  std::shared_ptr<ZipArchive> archive;
  ZipArchive::Member member;
  NpyHeader header;
  std::optional<ZipStream> stream;
  /// The rows before `nextRow`.
  std::deque<std::vector<uint8_t>> recent;
  int64_t nextRow = 0;
};
} // namespace

Expected<std::unique_ptr<SampleArray>>
qopt::openNpzSamples(std::shared_ptr<ZipArchive> archive,
                     const ZipArchive::Member &member) {
  Expected<ZipStream> stream = archive->stream(member);
  if (!stream)
    return stream.takeError();
  std::string origin = archive->originOf(member);
  auto read = [&](MutableArrayRef<uint8_t> bytes) {
    return stream->read(bytes);
  };
  Expected<NpyHeader> header = readNpyHeader(read, origin);
  if (!header)
    return header.takeError();
  uint64_t expected = header->dataOffset + header->dataBytes();
  if (expected != member.size)
    return createStringError(Twine(origin) + ": expected " + Twine(expected) +
                             " bytes for " + dtypeName(header->dtype) + " " +
                             shapeToString(header->shape) + ", got " +
                             Twine(member.size));
  if (!header->fortranOrder || header->shape.size() <= 1)
    return std::make_unique<NpzSamples>(std::move(archive), member, *header);
  Expected<HostTensor> tensor = readNpyData(*header, read);
  if (!tensor)
    return tensor.takeError();
  return tensorSamples(origin, std::move(*tensor));
}

//===----------------------------------------------------------------------===//
// Several arrays as one
//===----------------------------------------------------------------------===//

namespace {
class JoinedSamples : public SampleArray {
public:
  JoinedSamples(std::unique_ptr<SampleArray> a, std::unique_ptr<SampleArray> b)
      : SampleArray(a->origin, a->dtype, a->shape), a(std::move(a)),
        b(std::move(b)) {
    shape.front() += this->b->rows();
  }

  Error read(int64_t first, MutableArrayRef<uint8_t> bytes) override {
    int64_t end = first + int64_t(bytes.size()) / rowBytes();
    int64_t fromA = std::clamp<int64_t>(a->rows() - first, 0, end - first);
    if (fromA > 0)
      if (Error error = a->read(first, bytes.take_front(fromA * rowBytes())))
        return error;
    if (first + fromA == end)
      return Error::success();
    return b->read(first + fromA - a->rows(),
                   bytes.drop_front(fromA * rowBytes()));
  }

private:
  std::unique_ptr<SampleArray> a, b;
};
} // namespace

Expected<std::unique_ptr<SampleArray>>
qopt::joinSamples(std::unique_ptr<SampleArray> array,
                  std::unique_ptr<SampleArray> next) {
  for (const auto &part : {&array, &next})
    if (Error error = (*part)->checkHasSamples())
      return std::move(error);
  if (array->dtype != next->dtype ||
      ArrayRef(array->shape).drop_front() != ArrayRef(next->shape).drop_front())
    return createStringError(
        next->origin + ": expected " + dtypeName(array->dtype) +
        " samples of shape " +
        shapeToString(ArrayRef(array->shape).drop_front()) + " as in " +
        array->origin + ", got " + dtypeName(next->dtype) + " " +
        shapeToString(ArrayRef(next->shape).drop_front()));
  return std::make_unique<JoinedSamples>(std::move(array), std::move(next));
}
