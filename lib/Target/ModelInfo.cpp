//===- ModelInfo.cpp - The border of a model, and its attribute -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/ModelInfo.h"
#include "mlir/IR/Builders.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Support/NumberFormat.h"
#include "qopt/Support/QuantMath.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace qopt {

int64_t TensorInfo::numElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

int64_t TensorInfo::numBytes() const {
  return numElements() * dtypeSize(dtype);
}

SmallVector<StringRef> ModelInfo::versions() const {
  SmallVector<StringRef> names;
  if (StringRef(target).contains(','))
    StringRef(target).split(names, ',');
  return names;
}

FailureOr<DType> dtypeOf(Type elementType, bool isUnsigned) {
  if (elementType.isF32())
    return DType::F32;
  if (elementType.isF16())
    return DType::F16;
  if (elementType.isF64())
    return DType::F64;
  if (elementType.isInteger(1))
    return DType::Bool;
  if (elementType.isInteger(8))
    return isUnsigned ? DType::U8 : DType::I8;
  if (elementType.isInteger(16))
    return isUnsigned ? DType::U16 : DType::I16;
  if (elementType.isInteger(32) && !isUnsigned)
    return DType::I32;
  if (elementType.isInteger(64) && !isUnsigned)
    return DType::I64;
  return failure();
}

//===----------------------------------------------------------------------===//
// The border of a model
//===----------------------------------------------------------------------===//

HostTensor quantizeTensor(const HostTensor &real, const TensorInfo &info) {
  HostTensor integers(info.dtype, real.shape);
  // Eight bits, of either sign.
  bool isUnsigned = info.dtype == DType::U8;
  int32_t lo = isUnsigned ? 0 : -128, hi = isUnsigned ? 255 : 127;
  for (auto [integer, value] :
       llvm::zip_equal(integers.bytes, real.data<float>()))
    integer = static_cast<uint8_t>(
        quantize(value, info.scale, info.zeroPoint, lo, hi));
  return integers;
}

HostTensor dequantizeTensor(const HostTensor &integers,
                            const TensorInfo &info) {
  HostTensor real(DType::F32, integers.shape);
  bool isUnsigned = info.dtype == DType::U8;
  for (auto [value, byte] : llvm::zip_equal(real.data<float>(), integers.bytes))
    value = dequantize(isUnsigned ? byte : static_cast<int8_t>(byte),
                       info.scale, info.zeroPoint);
  return real;
}

std::string describeQuantization(const TensorInfo &info) {
  return llvm::formatv("(q - {0}) * {1}", info.zeroPoint,
                       shortestDigits(info.scale))
      .str();
}

/// Describes the input or output called `what` + `index` unless it is named.
static LogicalResult describeTensor(func::FuncOp func, Type type,
                                    DictionaryAttr attrs, StringRef what,
                                    unsigned index, TensorInfo &info) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return func.emitOpError("expects tensors of static shape at the model's "
                            "border, got ")
           << type << " for " << what << " " << index;
  if (!attrs)
    attrs = DictionaryAttr::get(func.getContext());
  FailureOr<DType> dtype = dtypeOf(
      tensor.getElementType(), attrs.contains(QoptDialect::kUnsignedAttrName));
  if (failed(dtype))
    return func.emitOpError("expects an element type of the C interface, got ")
           << tensor.getElementType() << " for " << what << " " << index;
  auto name = attrs.getAs<StringAttr>(QoptDialect::kNameAttrName);
  info.name = name ? name.str() : (what + Twine(index)).str();
  info.dtype = *dtype;
  info.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
  if (auto scale = attrs.getAs<FloatAttr>(QoptDialect::kScaleAttrName))
    info.scale = scale.getValue().convertToFloat();
  if (auto zero = attrs.getAs<IntegerAttr>(QoptDialect::kZeroPointAttrName))
    info.zeroPoint = static_cast<int32_t>(zero.getInt());
  return success();
}

FailureOr<ModelInfo> describeBorder(func::FuncOp func) {
  ModelInfo info;
  info.name = func.getName().str();
  FunctionType type = func.getFunctionType();
  for (auto [i, input] : llvm::enumerate(type.getInputs()))
    if (failed(describeTensor(func, input, func.getArgAttrDict(i), "input", i,
                              info.inputs.emplace_back())))
      return failure();
  for (auto [i, result] : llvm::enumerate(type.getResults()))
    if (failed(describeTensor(func, result, func.getResultAttrDict(i), "output",
                              i, info.outputs.emplace_back())))
      return failure();
  return info;
}

//===----------------------------------------------------------------------===//
// To attributes
//===----------------------------------------------------------------------===//

static DictionaryAttr toAttr(const TensorInfo &tensor, Builder &b) {
  return b.getDictionaryAttr(
      {b.getNamedAttr("name", b.getStringAttr(tensor.name)),
       b.getNamedAttr("dtype",
                      b.getI64IntegerAttr(static_cast<int64_t>(tensor.dtype))),
       b.getNamedAttr("shape", b.getDenseI64ArrayAttr(tensor.shape)),
       b.getNamedAttr("scale", b.getF32FloatAttr(tensor.scale)),
       b.getNamedAttr("zero_point", b.getI32IntegerAttr(tensor.zeroPoint))});
}

static DictionaryAttr toAttr(const ObservedEdge &edge, Builder &b) {
  return b.getDictionaryAttr(
      {b.getNamedAttr("name", b.getStringAttr(edge.name)),
       b.getNamedAttr("shape", b.getDenseI64ArrayAttr(edge.shape))});
}

template <typename T>
static ArrayAttr toAttr(const std::vector<T> &items, Builder &b) {
  SmallVector<Attribute> attrs;
  for (const T &item : items)
    attrs.push_back(toAttr(item, b));
  return b.getArrayAttr(attrs);
}

void ModelInfo::setOn(ModuleOp module) const {
  Builder b(module.getContext());
  NamedAttrList attrs(
      {b.getNamedAttr("name", b.getStringAttr(name)),
       b.getNamedAttr("arena_bytes", b.getI64IntegerAttr(arenaBytes)),
       b.getNamedAttr("live_bytes", b.getI64IntegerAttr(liveBytes)),
       b.getNamedAttr("weight_bytes", b.getI64IntegerAttr(weightBytes)),
       b.getNamedAttr("inputs", toAttr(inputs, b)),
       b.getNamedAttr("outputs", toAttr(outputs, b)),
       b.getNamedAttr("edges", toAttr(edges, b))});
  if (threads > 1)
    attrs.set("threads", b.getI64IntegerAttr(threads));
  module->setAttr(QoptDialect::kModelAttrName,
                  attrs.getDictionary(module.getContext()));
}

//===----------------------------------------------------------------------===//
// From attributes
//===----------------------------------------------------------------------===//

static bool read(DictionaryAttr dict, StringRef key, std::string &value) {
  auto attr = dict.getAs<StringAttr>(key);
  if (attr)
    value = attr.str();
  return static_cast<bool>(attr);
}

template <typename T>
static bool readInt(DictionaryAttr dict, StringRef key, T &value) {
  auto attr = dict.getAs<IntegerAttr>(key);
  if (attr)
    value = static_cast<T>(attr.getInt());
  return static_cast<bool>(attr);
}

static bool read(DictionaryAttr dict, StringRef key,
                 SmallVectorImpl<int64_t> &value) {
  auto attr = dict.getAs<DenseI64ArrayAttr>(key);
  if (attr)
    value.assign(attr.asArrayRef().begin(), attr.asArrayRef().end());
  return static_cast<bool>(attr);
}

static bool read(DictionaryAttr dict, TensorInfo &tensor) {
  auto scale = dict.getAs<FloatAttr>("scale");
  if (scale)
    tensor.scale = scale.getValue().convertToFloat();
  return scale && read(dict, "name", tensor.name) &&
         readInt(dict, "dtype", tensor.dtype) &&
         read(dict, "shape", tensor.shape) &&
         readInt(dict, "zero_point", tensor.zeroPoint);
}

static bool read(DictionaryAttr dict, ObservedEdge &edge) {
  return read(dict, "name", edge.name) && read(dict, "shape", edge.shape);
}

template <typename T>
static bool read(DictionaryAttr dict, StringRef key, std::vector<T> &items) {
  auto attrs = dict.getAs<ArrayAttr>(key);
  if (!attrs)
    return false;
  for (Attribute attr : attrs) {
    auto entry = dyn_cast<DictionaryAttr>(attr);
    if (!entry || !read(entry, items.emplace_back()))
      return false;
  }
  return true;
}

FailureOr<ModelInfo> ModelInfo::fromModule(ModuleOp module) {
  auto dict =
      module->getAttrOfType<DictionaryAttr>(QoptDialect::kModelAttrName);
  ModelInfo info;
  if (!dict || !read(dict, "name", info.name) ||
      !readInt(dict, "arena_bytes", info.arenaBytes) ||
      !readInt(dict, "live_bytes", info.liveBytes) ||
      !readInt(dict, "weight_bytes", info.weightBytes) ||
      !read(dict, "inputs", info.inputs) ||
      !read(dict, "outputs", info.outputs) ||
      !read(dict, "edges", info.edges)) {
    InFlightDiagnostic diag = module.emitError("expects a complete '")
                              << QoptDialect::kModelAttrName << "' attribute";
    diag.attachNote() << "qopt-bufferize records it";
    return failure();
  }
  readInt(dict, "threads", info.threads);
  return info;
}

FailureOr<func::FuncOp> ModelInfo::findFunction(ModuleOp module) const {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function || !function.getBody().hasOneBlock())
    return module.emitError("expects a function @") << name << " of one block";
  return function;
}

} // namespace qopt
