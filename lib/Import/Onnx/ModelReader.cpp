//===- ModelReader.cpp - ONNX files and their tensors ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything here faces bytes of unknown origin: sizes are checked before they
// are used, and nothing outside the model's folder is opened.
//
//===----------------------------------------------------------------------===//

#include "ModelReader.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <climits>
#include <cstring>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx_pb.h>

using namespace llvm;
using namespace qopt;
using namespace qopt::onnximport;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

std::optional<int64_t> onnximport::countElements(ArrayRef<int64_t> shape) {
  // A zero anywhere makes the product zero, however large the others are.
  if (is_contained(shape, 0))
    return 0;
  int64_t count = 1;
  for (int64_t size : shape) {
    if (MulOverflow(count, size, count) || count > kMaxElements)
      return std::nullopt;
  }
  return count;
}

std::string onnximport::printable(StringRef text) {
  std::string result;
  raw_string_ostream os(result);
  // Names are quoted in one-line messages; a hostile one must not flood them.
  constexpr size_t kMaxLength = 200;
  printEscapedString(text.take_front(kMaxLength), os);
  if (text.size() > kMaxLength)
    os << "...";
  return result;
}

std::string onnximport::shapeString(ArrayRef<int64_t> shape) {
  std::string result = "[";
  raw_string_ostream os(result);
  interleaveComma(shape, os);
  os << "]";
  return result;
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

/// Why `bytes`, which protobuf refused, are no model.
static Error explainParseFailure(StringRef bytes) {
  // Every exporter writes ir_version first: field 1, a varint.
  bool startsLikeModel =
      bytes.size() > 1 && bytes[0] == 0x08 && uint8_t(bytes[1]) < 0x40;
  if (startsLikeModel)
    return makeError("expected a complete ONNX model, got a truncated or "
                     "damaged one (" +
                     Twine(bytes.size()) + " bytes)");
  return makeError(
      "expected an ONNX or MLIR model, got a file of another format");
}

Expected<std::unique_ptr<onnx::ModelProto>>
onnximport::readModel(StringRef path) {
  if (sys::fs::is_directory(path))
    return makeError("expected an ONNX or MLIR model, got a directory");
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeError("cannot read the file: " + buffer.getError().message());
  StringRef bytes = (*buffer)->getBuffer();
  if (bytes.empty())
    return makeError("expected an ONNX or MLIR model, got an empty file");
  if (bytes.size() > size_t(INT_MAX))
    return makeError("expected at most 2 GiB of protobuf, got " +
                     Twine(bytes.size()) +
                     " bytes; store the weights as external data");

  google::protobuf::LogSilencer silencer;
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const uint8_t *>(bytes.data()), int(bytes.size()));
  stream.SetTotalBytesLimit(INT_MAX);
  auto model = std::make_unique<onnx::ModelProto>();
  if (!model->ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return explainParseFailure(bytes);
  if (!model->has_graph() || model->ir_version() <= 0)
    return explainParseFailure(bytes);
  return model;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Expected<DType> onnximport::decodeDType(int32_t onnxType) {
  switch (onnxType) {
  case onnx::TensorProto::FLOAT:
  case onnx::TensorProto::UINT8:
  case onnx::TensorProto::INT8:
  case onnx::TensorProto::UINT16:
  case onnx::TensorProto::INT16:
  case onnx::TensorProto::INT32:
  case onnx::TensorProto::INT64:
  case onnx::TensorProto::BOOL:
  case onnx::TensorProto::FLOAT16:
  case onnx::TensorProto::DOUBLE:
    return DType(onnxType);
  default:
    break;
  }
  std::string name = onnx::TensorProto::DataType_IsValid(onnxType)
                         ? onnx::TensorProto::DataType_Name(
                               onnx::TensorProto::DataType(onnxType))
                         : "number " + std::to_string(onnxType);
  return makeError("expected an element type of f32, f16, f64, u8, i8, u16, "
                   "i16, i32, i64 or bool, got " +
                   name);
}

/// Copies protobuf's widened elements into the tensor's own width.
template <typename T, typename Field>
static void narrowInto(HostTensor &tensor, const Field &field) {
  MutableArrayRef<T> out = tensor.data<T>();
  for (int64_t i = 0, e = out.size(); i < e; ++i)
    out[i] = T(field[i]);
}

template <typename Field>
static Error checkFieldSize(const Field &field, int64_t expected,
                            StringRef fieldName) {
  if (field.size() == expected)
    return Error::success();
  return makeError("expected " + Twine(expected) + " elements in " + fieldName +
                   ", got " + Twine(field.size()));
}

static Error decodeTypedFields(const onnx::TensorProto &proto,
                               HostTensor &tensor) {
  int64_t count = tensor.numElements();
  switch (tensor.dtype) {
  case DType::F32:
    if (Error error = checkFieldSize(proto.float_data(), count, "float_data"))
      return error;
    narrowInto<float>(tensor, proto.float_data());
    return Error::success();
  case DType::F64:
    if (Error error = checkFieldSize(proto.double_data(), count, "double_data"))
      return error;
    narrowInto<double>(tensor, proto.double_data());
    return Error::success();
  case DType::I64:
    if (Error error = checkFieldSize(proto.int64_data(), count, "int64_data"))
      return error;
    narrowInto<int64_t>(tensor, proto.int64_data());
    return Error::success();
  default:
    break;
  }
  if (Error error = checkFieldSize(proto.int32_data(), count, "int32_data"))
    return error;
  // Every narrower type travels in int32_data; f16 as its 16 bits.
  switch (dtypeSize(tensor.dtype)) {
  case 1:
    narrowInto<uint8_t>(tensor, proto.int32_data());
    break;
  case 2:
    narrowInto<uint16_t>(tensor, proto.int32_data());
    break;
  default:
    narrowInto<int32_t>(tensor, proto.int32_data());
    break;
  }
  return Error::success();
}

/// The path of external data, checked to lie under the model's folder, with
/// symbolic links resolved on both sides.
static Expected<std::string> externalPath(StringRef location,
                                          StringRef modelPath) {
  auto refuse = [&](const Twine &what) {
    return makeError("expected external data in the model's folder, got '" +
                     printable(location) + "' " + what);
  };
  if (location.empty() || location.contains('\0') ||
      sys::path::is_absolute(location))
    return refuse("(not a relative path)");
  if (is_contained(
          make_range(sys::path::begin(location), sys::path::end(location)),
          ".."))
    return refuse("(leaves the folder)");
  StringRef folder = sys::path::parent_path(modelPath);
  SmallString<256> path(folder.empty() ? "." : folder), realFolder, realFile;
  if (sys::fs::real_path(path, realFolder))
    return refuse("(folder not found)");
  sys::path::append(path, location);
  if (std::error_code code = sys::fs::real_path(path, realFile))
    return refuse("(" + code.message() + ")");
  StringRef rest = realFile;
  if (!rest.consume_front(realFolder) ||
      (realFolder != "/" && !rest.starts_with("/")))
    return refuse("(a link that leaves the folder)");
  return std::string(path);
}

/// Reads `expectedBytes` bytes; memory is taken when the file is known to hold
/// them.
static Error readExternalData(const onnx::TensorProto &proto,
                              StringRef modelPath, uint64_t expectedBytes,
                              std::vector<uint8_t> &bytes) {
  std::string location;
  uint64_t offset = 0, length = expectedBytes;
  for (const onnx::StringStringEntryProto &entry : proto.external_data()) {
    StringRef value = entry.value();
    bool bad = false;
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      bad = value.getAsInteger(10, offset);
    else if (entry.key() == "length")
      bad = value.getAsInteger(10, length);
    if (bad)
      return makeError("expected a number as the " + entry.key() +
                       " of external data, got '" + printable(value) + "'");
  }
  if (length != expectedBytes)
    return makeError("expected " + Twine(expectedBytes) +
                     " bytes of external data, got a length of " +
                     Twine(length));
  Expected<std::string> path = externalPath(location, modelPath);
  if (!path)
    return path.takeError();
  uint64_t fileSize = 0;
  if (std::error_code code = sys::fs::file_size(*path, fileSize))
    return makeError("cannot read external data '" + printable(location) +
                     "': " + code.message());
  if (offset > fileSize || length > fileSize - offset)
    return makeError("expected bytes " + Twine(offset) + " to " +
                     Twine(offset + length) + " in external data '" +
                     printable(location) + "', got a file of " +
                     Twine(fileSize) + " bytes");
  if (length == 0)
    return Error::success();
  auto buffer = MemoryBuffer::getFileSlice(*path, length, offset);
  if (!buffer || (*buffer)->getBufferSize() < length)
    return makeError("cannot read external data '" + printable(location) + "'");
  bytes.assign((*buffer)->getBufferStart(),
               (*buffer)->getBufferStart() + length);
  return Error::success();
}

Expected<HostTensor> onnximport::decodeTensor(const onnx::TensorProto &proto,
                                              StringRef modelPath) {
  Expected<DType> dtype = decodeDType(proto.data_type());
  if (!dtype)
    return dtype.takeError();
  SmallVector<int64_t> shape(proto.dims().begin(), proto.dims().end());
  if (any_of(shape, [](int64_t size) { return size < 0; }))
    return makeError("expected dimensions >= 0, got " + shapeString(shape));
  std::optional<int64_t> count = countElements(shape);
  if (!count)
    return makeError("expected at most 2^31 elements, got shape " +
                     shapeString(shape));
  if (proto.has_segment())
    return makeError("expected a whole tensor, got a segment");

  bool external = proto.data_location() == onnx::TensorProto::EXTERNAL;
  // Sizes are compared before memory is taken: a damaged shape is no reason to
  // allocate gigabytes.
  uint64_t expectedBytes = uint64_t(*count) * dtypeSize(*dtype);
  if (!external && proto.has_raw_data() &&
      proto.raw_data().size() != expectedBytes)
    return makeError("expected " + Twine(expectedBytes) +
                     " bytes of raw data for shape " + shapeString(shape) +
                     ", got " + Twine(proto.raw_data().size()));
  if (!external && !proto.has_raw_data() &&
      uint64_t(proto.ByteSizeLong()) < uint64_t(*count))
    return makeError("expected " + Twine(*count) + " elements for shape " +
                     shapeString(shape) + ", got fewer");

  HostTensor tensor;
  tensor.dtype = *dtype;
  tensor.shape.assign(shape.begin(), shape.end());
  if (external) {
    if (Error error =
            readExternalData(proto, modelPath, expectedBytes, tensor.bytes))
      return std::move(error);
    return tensor;
  }
  if (proto.has_raw_data()) {
    tensor.bytes.assign(proto.raw_data().begin(), proto.raw_data().end());
    return tensor;
  }
  tensor.bytes.resize(expectedBytes);
  if (Error error = decodeTypedFields(proto, tensor))
    return std::move(error);
  return tensor;
}
