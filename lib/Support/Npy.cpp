//===- Npy.cpp - NumPy's array files --------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The header of a .npy file is the text of a Python dictionary with the three
// keys descr, fortran_order and shape; only that much Python is read here.
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Npy.h"

#include "qopt/Support/AtomicFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include <optional>

using namespace llvm;
using namespace qopt;

static constexpr StringLiteral kMagic = "\x93NUMPY";
/// numpy aligns the data to this; so do we.
static constexpr size_t kHeaderAlignment = 64;
/// No header of a plain array comes near it; stops absurd allocations.
static constexpr size_t kMaxHeaderBytes = 1 << 20;

static Error badFile(StringRef origin, const Twine &message) {
  return createStringError(origin + ": " + message);
}

uint64_t NpyHeader::dataBytes() const {
  uint64_t bytes = dtypeSize(dtype);
  for (int64_t size : shape)
    bytes *= size;
  return bytes;
}

//===----------------------------------------------------------------------===//
// The header
//===----------------------------------------------------------------------===//

static std::optional<DType> parseDescr(StringRef descr) {
  // '|' marks single bytes; '=' is never written by numpy itself.
  return StringSwitch<std::optional<DType>>(descr)
      .Case("<f4", DType::F32)
      .Case("<f8", DType::F64)
      .Case("<f2", DType::F16)
      .Cases({"|u1", "<u1"}, DType::U8)
      .Cases({"|i1", "<i1"}, DType::I8)
      .Case("<u2", DType::U16)
      .Case("<i2", DType::I16)
      .Case("<i4", DType::I32)
      .Case("<i8", DType::I64)
      .Case("|b1", DType::Bool)
      .Default(std::nullopt);
}

static StringRef descrOf(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "<f4";
  case DType::U8:
    return "|u1";
  case DType::I8:
    return "|i1";
  case DType::U16:
    return "<u2";
  case DType::I16:
    return "<i2";
  case DType::I32:
    return "<i4";
  case DType::I64:
    return "<i8";
  case DType::Bool:
    return "|b1";
  case DType::F16:
    return "<f2";
  case DType::F64:
    return "<f8";
  }
  llvm_unreachable("all dtypes are listed");
}

namespace {
/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, the
/// keys in any order.
class HeaderParser {
public:
  HeaderParser(StringRef text, StringRef origin) : rest(text), origin(origin) {}

  Expected<NpyHeader> parse();

private:
  bool consume(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }
  std::optional<StringRef> parseString();
  Error parseValue(StringRef key, NpyHeader &header);
  Error parseShape(NpyHeader &header);
  Error unreadable(StringRef expected) {
    return badFile(origin, "expected " + expected +
                               " in the .npy header, got '" +
                               rest.take_front(24).rtrim() + "'");
  }

  StringRef rest;
  StringRef origin;
};
} // namespace

std::optional<StringRef> HeaderParser::parseString() {
  for (StringRef quote : {"'", "\""}) {
    if (!consume(quote))
      continue;
    auto [text, after] = rest.split(quote);
    rest = after;
    return text;
  }
  return std::nullopt;
}

Error HeaderParser::parseShape(NpyHeader &header) {
  if (!consume("("))
    return unreadable("a shape");
  // Elements times bytes must stay countable, absurd files or not.
  int64_t bytes = dtypeSize(DType::F64);
  while (!consume(")")) {
    rest = rest.ltrim();
    int64_t size;
    if (rest.starts_with("-") || rest.consumeInteger(10, size))
      return unreadable("a dimension");
    rest.consume_front("L"); // Python 2 wrote long integers so.
    if (size != 0 && MulOverflow(bytes, size, bytes))
      return badFile(origin, "expected an array that fits memory, got a "
                             "dimension of " +
                                 Twine(size));
    header.shape.push_back(size);
    if (!consume(",") && !rest.ltrim().starts_with(")"))
      return unreadable("',' or ')'");
  }
  return Error::success();
}

Error HeaderParser::parseValue(StringRef key, NpyHeader &header) {
  if (key == "shape")
    return parseShape(header);
  if (key == "fortran_order") {
    header.fortranOrder = consume("True");
    if (!header.fortranOrder && !consume("False"))
      return unreadable("True or False");
    return Error::success();
  }
  if (key != "descr")
    return badFile(origin, "expected the keys descr, fortran_order and shape, "
                           "got '" +
                               key + "'");
  std::optional<StringRef> descr = parseString();
  if (!descr)
    return badFile(origin, "expected a plain array of numbers, got one of "
                           "records");
  std::optional<DType> dtype = parseDescr(*descr);
  if (!dtype)
    return badFile(origin, "expected little-endian f32, f64, f16, u8, i8, u16, "
                           "i16, i32, i64 or bool elements, got dtype '" +
                               *descr + "'");
  header.dtype = *dtype;
  return Error::success();
}

Expected<NpyHeader> HeaderParser::parse() {
  NpyHeader header;
  SmallVector<StringRef, 3> seen;
  if (!consume("{"))
    return unreadable("'{'");
  while (!consume("}")) {
    std::optional<StringRef> key = parseString();
    if (!key || !consume(":"))
      return unreadable("a key");
    if (Error error = parseValue(*key, header))
      return std::move(error);
    seen.push_back(*key);
    if (!consume(",") && !rest.ltrim().starts_with("}"))
      return unreadable("',' or '}'");
  }
  for (StringRef key : {"descr", "fortran_order", "shape"})
    if (count(seen, key) != 1)
      return badFile(origin, "expected the key '" + key +
                                 "' once in the .npy header, got it " +
                                 Twine(count(seen, key)) + " times");
  return header;
}

Expected<NpyHeader> qopt::readNpyHeader(ReadBytesFn read, StringRef origin) {
  uint8_t start[12];
  // Magic, major and minor version.
  if (Error error = read(MutableArrayRef(start, 8)))
    return std::move(error);
  if (StringRef(reinterpret_cast<char *>(start), 6) != kMagic)
    return badFile(origin, "expected a .npy array, got other bytes");
  uint8_t major = start[6];
  if (major < 1 || major > 3)
    return badFile(origin, "expected .npy format version 1 to 3, got " +
                               Twine(unsigned(major)));
  size_t lengthBytes = major == 1 ? 2 : 4;
  if (Error error = read(MutableArrayRef(start + 8, lengthBytes)))
    return std::move(error);
  size_t length = major == 1 ? support::endian::read16le(start + 8)
                             : support::endian::read32le(start + 8);
  if (length > kMaxHeaderBytes)
    return badFile(origin, "expected a .npy header of at most 1 MiB, got " +
                               Twine(length) + " bytes");
  std::string text(length, '\0');
  if (Error error = read(MutableArrayRef(
          reinterpret_cast<uint8_t *>(text.data()), text.size())))
    return std::move(error);
  Expected<NpyHeader> header = HeaderParser(text, origin).parse();
  if (header)
    header->dataOffset = 8 + lengthBytes + length;
  return header;
}

//===----------------------------------------------------------------------===//
// The elements
//===----------------------------------------------------------------------===//

/// Column-major to row-major.
static std::vector<uint8_t> toRowMajor(ArrayRef<uint8_t> bytes,
                                       ArrayRef<int64_t> shape,
                                       size_t elementSize) {
  std::vector<uint8_t> result(bytes.size());
  SmallVector<int64_t, 4> strides(shape.size());
  int64_t stride = 1;
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    strides[dim] = stride;
    stride *= shape[dim];
  }
  SmallVector<int64_t, 4> position(shape.size(), 0);
  int64_t from = 0;
  for (size_t to = 0; to < bytes.size(); to += elementSize) {
    std::memcpy(&result[to], &bytes[from * elementSize], elementSize);
    for (size_t dim = shape.size(); dim-- > 0;) {
      from += strides[dim];
      if (++position[dim] < shape[dim])
        break;
      from -= strides[dim] * shape[dim];
      position[dim] = 0;
    }
  }
  return result;
}

Expected<HostTensor> qopt::readNpyData(const NpyHeader &header,
                                       ReadBytesFn read) {
  HostTensor tensor(header.dtype, header.shape);
  if (Error error = read(tensor.bytes))
    return std::move(error);
  if (header.fortranOrder)
    tensor.bytes =
        toRowMajor(tensor.bytes, header.shape, dtypeSize(header.dtype));
  return tensor;
}

Expected<HostTensor> qopt::readNpy(StringRef path) {
  Expected<sys::fs::file_t> file = sys::fs::openNativeFileForRead(path);
  if (!file)
    return badFile(path, toString(file.takeError()));
  scope_exit close([&] { sys::fs::closeFile(*file); });
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(*file, status))
    return badFile(path, code.message());
  if (sys::fs::is_directory(status))
    return badFile(path, "expected a .npy file, got a folder");

  uint64_t offset = 0;
  auto read = [&](MutableArrayRef<uint8_t> buffer) -> Error {
    MutableArrayRef<char> rest(reinterpret_cast<char *>(buffer.data()),
                               buffer.size());
    while (!rest.empty()) {
      Expected<size_t> got = sys::fs::readNativeFileSlice(*file, rest, offset);
      if (!got)
        return badFile(path, toString(got.takeError()));
      if (*got == 0)
        return badFile(path, "expected more bytes, got the end of the file");
      offset += *got;
      rest = rest.drop_front(*got);
    }
    return Error::success();
  };
  Expected<NpyHeader> header = readNpyHeader(read, path);
  if (!header)
    return header.takeError();
  // Before the allocation that a broken header might ask for.
  uint64_t expected = header->dataOffset + header->dataBytes();
  if (sys::fs::is_regular_file(status) && status.getSize() != expected)
    return badFile(path, "expected a file of " + Twine(expected) +
                             " bytes for " + dtypeName(header->dtype) + " " +
                             shapeToString(header->shape) + ", got " +
                             Twine(status.getSize()));
  return readNpyData(*header, read);
}

void qopt::printNpy(raw_ostream &os, const HostTensor &tensor) {
  std::string text;
  raw_string_ostream header(text);
  header << "{'descr': '" << descrOf(tensor.dtype)
         << "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    header << (i ? ", " : "") << tensor.shape[i];
  // Python's tuple of one element.
  header << (tensor.shape.size() == 1 ? "," : "") << "), }";
  constexpr size_t prefix = 10;
  size_t total = alignTo(prefix + text.size() + 1, kHeaderAlignment);
  text.append(total - prefix - text.size() - 1, ' ');
  text.push_back('\n');
  char length[2];
  support::endian::write16le(length, uint16_t(text.size()));
  os << kMagic << '\x01' << '\0' << StringRef(length, 2) << text;
  os.write(reinterpret_cast<const char *>(tensor.bytes.data()),
           tensor.bytes.size());
}

Error qopt::writeNpy(StringRef path, const HostTensor &tensor) {
  return writeFileAtomically(path, [&](raw_ostream &os) {
    printNpy(os, tensor);
    return Error::success();
  });
}
