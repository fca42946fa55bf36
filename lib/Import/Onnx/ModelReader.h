//===- ModelReader.h - ONNX files and their tensors -----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_IMPORT_ONNX_MODELREADER_H
#define QOPT_LIB_IMPORT_ONNX_MODELREADER_H

#include "qopt/Support/Limits.h"
#include "qopt/Support/Tensor.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>

namespace onnx {
class ModelProto;
class TensorProto;
} // namespace onnx

namespace qopt::onnximport {

/// The product of non-negative dimensions, or none if it exceeds kMaxElements.
std::optional<int64_t> countElements(llvm::ArrayRef<int64_t> shape);

/// Reads and parses the model file. Errors do not name the file.
llvm::Expected<std::unique_ptr<onnx::ModelProto>>
readModel(llvm::StringRef path);

/// The elements of `proto`, wherever they are stored. External data is read
/// relative to `modelPath` and may not lie outside its folder.
llvm::Expected<HostTensor> decodeTensor(const onnx::TensorProto &proto,
                                        llvm::StringRef modelPath);

/// ONNX's data type number as a dtype, or an error that names it.
llvm::Expected<DType> decodeDType(int32_t onnxType);

/// `text` with everything that does not belong on one line escaped.
std::string printable(llvm::StringRef text);

/// "[1, 3, 32, 32]".
std::string shapeString(llvm::ArrayRef<int64_t> shape);

} // namespace qopt::onnximport

#endif // QOPT_LIB_IMPORT_ONNX_MODELREADER_H
