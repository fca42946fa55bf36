//===- ImportOnnx.cpp - ONNX protobuf to linalg on tensors ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file walks the graph: it orders the nodes, pins symbolic dimensions,
// names locations, and calls the handler of each node.
//
//===----------------------------------------------------------------------===//

#include "qopt/Import/Onnx/ImportOnnx.h"

#include "GraphSort.h"
#include "LinalgBuilder.h"
#include "ModelReader.h"
#include "NodeContext.h"
#include "OpTable.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using llvm::Error;
using llvm::Expected;
using namespace qopt;
using namespace qopt::onnximport;

namespace {

class GraphImporter {
public:
  GraphImporter(const onnx::ModelProto &model, StringRef path,
                const OnnxImportOptions &options, MLIRContext &context)
      : model(model), graph(model.graph()), path(path), options(options),
        builder(&context) {}

  Expected<OwningOpRef<ModuleOp>> run();

private:
  Error makeError(const Twine &message) const {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   path + ": " + message);
  }
  Error makeNodeError(size_t index, const Twine &message) const {
    return makeError("node '" + printable(nodeNames[index]) + "' (" +
                     printable(graph.node(int(index)).op_type()) +
                     "): " + message);
  }

  Error findOpset();
  Error checkNames() const;
  void nameNodes();
  Error readInitializers();
  Expected<SmallVector<RankedTensorType>> readInputs();
  Expected<RankedTensorType> readInputType(const onnx::ValueInfoProto &input);
  Error checkDims() const;
  Error define(StringRef name, GraphValue value, const Twine &what);
  Error importNode(size_t index);
  Expected<const OpRow *> findRow(size_t index) const;
  Error importOutputs(func::FuncOp function);
  Error checkOutputType(const onnx::ValueInfoProto &output,
                        const GraphValue &value) const;
  ArrayAttr sourceNodes();

  const onnx::ModelProto &model;
  const onnx::GraphProto &graph;
  StringRef path;
  const OnnxImportOptions &options;
  OpBuilder builder;
  int64_t opset = 0;
  SmallVector<std::string> nodeNames;
  llvm::StringMap<GraphValue> values;
  /// The graph's inputs that are not weights, in order.
  SmallVector<const onnx::ValueInfoProto *> inputs;
  /// Every symbolic dimension met, with or without a size.
  llvm::StringSet<> symbols;
  /// Of the constants that nodes may make.
  int64_t bytesLeft = kMaxMadeBytes;
};

} // namespace

static bool isDefaultDomain(StringRef domain) {
  return domain.empty() || domain == "ai.onnx";
}

Error GraphImporter::findOpset() {
  for (const onnx::OperatorSetIdProto &entry : model.opset_import()) {
    if (isDefaultDomain(entry.domain()))
      opset = entry.version();
  }
  if (opset < kMinOpset || opset > kMaxOpset)
    return makeError("expected opset " + Twine(kMinOpset) + " to " +
                     Twine(kMaxOpset) + ", got " +
                     (opset ? Twine(opset) : Twine("none")));
  return Error::success();
}

/// Names go into calibration files and reports, which are JSON.
Error GraphImporter::checkNames() const {
  auto check = [&](StringRef what, const auto &named) -> Error {
    for (const auto &entry : named)
      if (!llvm::json::isUTF8(entry.name()))
        return makeError("expected names in UTF-8, got " + what + " '" +
                         printable(entry.name()) + "'");
    return Error::success();
  };
  if (Error error = check("the node", graph.node()))
    return error;
  if (Error error = check("the input", graph.input()))
    return error;
  return check("the output", graph.output());
}

/// Every node gets a name of its own: its name in the model, or, where it has
/// none or another node has it already, OP_INDEX.
void GraphImporter::nameNodes() {
  llvm::StringSet<> used;
  for (const onnx::NodeProto &node : graph.node())
    used.insert(node.name());
  llvm::StringSet<> taken;
  for (auto [index, node] : llvm::enumerate(graph.node())) {
    std::string name = node.name();
    if (name.empty() || taken.contains(name)) {
      name = node.op_type() + "_" + std::to_string(index);
      while (used.contains(name) || taken.contains(name))
        name += "_";
    }
    taken.insert(name);
    nodeNames.push_back(name);
  }
}

Error GraphImporter::define(StringRef name, GraphValue value,
                            const Twine &what) {
  if (!values.try_emplace(name, std::move(value)).second)
    return makeError("expected one definition of '" + printable(name) +
                     "', got a second one as " + what);
  return Error::success();
}

Error GraphImporter::readInitializers() {
  if (graph.sparse_initializer_size())
    return makeError("expected dense initializers, got a sparse one");
  for (const onnx::TensorProto &proto : graph.initializer()) {
    if (proto.name().empty())
      return makeError("expected every initializer to have a name, got one "
                       "without");
    Expected<HostTensor> tensor = decodeTensor(proto, path);
    if (!tensor)
      return makeError("initializer '" + printable(proto.name()) +
                       "': " + llvm::toString(tensor.takeError()));
    bytesLeft += kMaxMadePerHeldByte * int64_t(tensor->bytes.size());
    if (Error error =
            define(proto.name(), std::move(*tensor), "an initializer"))
      return error;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

Expected<RankedTensorType>
GraphImporter::readInputType(const onnx::ValueInfoProto &input) {
  std::string where = "input '" + printable(input.name()) + "': ";
  if (!input.type().has_tensor_type())
    return makeError(where + "expected a tensor, got another type");
  const onnx::TypeProto::Tensor &type = input.type().tensor_type();
  Expected<DType> dtype = decodeDType(type.elem_type());
  if (!dtype)
    return makeError(where + llvm::toString(dtype.takeError()));
  if (*dtype != DType::F32)
    return makeError(where + "expected element type f32, got " +
                     dtypeName(*dtype));
  if (!type.has_shape())
    return makeError(where + "expected a shape, got none");

  SmallVector<int64_t> shape;
  for (auto [index, dim] : llvm::enumerate(type.shape().dim())) {
    if (dim.has_dim_value()) {
      shape.push_back(dim.dim_value());
      continue;
    }
    std::string symbol = dim.dim_param();
    if (symbol.empty())
      symbol = input.name() + ":" + std::to_string(index);
    symbols.insert(symbol);
    auto pinned = options.dims.find(symbol);
    if (pinned == options.dims.end())
      return makeError(where + "expected a size for dimension " + Twine(index) +
                       ", got the symbol '" + printable(symbol) +
                       "'; give it with --dim " + printable(symbol) + "=1");
    shape.push_back(pinned->second);
  }
  if (any_of(shape, [](int64_t size) { return size <= 0; }))
    return makeError(where + "expected dimensions > 0, got " +
                     shapeString(shape));
  if (!countElements(shape))
    return makeError(where + "expected at most 2^31 elements, got shape " +
                     shapeString(shape));
  return floatTensorType(builder, shape);
}

Expected<SmallVector<RankedTensorType>> GraphImporter::readInputs() {
  SmallVector<RankedTensorType> types;
  llvm::StringSet<> seen;
  for (const onnx::ValueInfoProto &input : graph.input()) {
    if (input.name().empty())
      return makeError("expected every input to have a name, got one without");
    if (!seen.insert(input.name()).second)
      return makeError("expected one input '" + printable(input.name()) +
                       "', got two");
    // Until IR version 3, weights were listed among the inputs.
    if (values.contains(input.name()))
      continue;
    Expected<RankedTensorType> type = readInputType(input);
    if (!type)
      return type.takeError();
    inputs.push_back(&input);
    types.push_back(*type);
  }
  if (Error error = checkDims())
    return std::move(error);
  return types;
}

/// A --dim that nothing uses is a mistake.
Error GraphImporter::checkDims() const {
  SmallVector<StringRef> unknown, known;
  for (const auto &entry : options.dims) {
    if (!symbols.contains(entry.getKey()))
      unknown.push_back(entry.getKey());
  }
  if (unknown.empty())
    return Error::success();
  llvm::sort(unknown);
  for (const auto &entry : symbols)
    known.push_back(entry.getKey());
  llvm::sort(known);
  return makeError("expected --dim to name a symbolic dimension of an input" +
                   (known.empty()
                        ? std::string(" (there is none)")
                        : " (" + printable(llvm::join(known, ", ")) + ")") +
                   ", got '" + printable(unknown.front()) + "'");
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

Expected<const OpRow *> GraphImporter::findRow(size_t index) const {
  const onnx::NodeProto &node = graph.node(int(index));
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g() || attribute.graphs_size())
      return makeNodeError(index, "expected an operator without subgraphs, got "
                                  "one in attribute '" +
                                      printable(attribute.name()) + "'");
  }
  bool known = false;
  const OpRow *row = isDefaultDomain(node.domain())
                         ? findOp(node.op_type(), opset, known)
                         : nullptr;
  if (row)
    return row;
  if (known)
    return makeNodeError(index, "expected an operator of opset " +
                                    Twine(opset) +
                                    ", got one of other opsets only");
  StringRef domain = node.domain();
  return makeNodeError(index,
                       "expected a known operator, got '" +
                           printable(node.op_type()) + "' of domain '" +
                           (domain.empty() ? "ai.onnx" : printable(domain)) +
                           "', opset " + Twine(opset));
}

/// How many inputs the operator takes, in words.
static std::string inputCount(const OpRow &row) {
  std::string least = std::to_string(row.minInputs);
  if (row.maxInputs == kVariadic)
    return "at least " + least;
  if (row.minInputs == row.maxInputs)
    return least;
  return least + " to " + std::to_string(row.maxInputs);
}

Error GraphImporter::importNode(size_t index) {
  const onnx::NodeProto &node = graph.node(int(index));
  Expected<const OpRow *> found = findRow(index);
  if (!found)
    return found.takeError();
  const OpRow &row = **found;

  MLIRContext *mlirContext = builder.getContext();
  Location loc = NameLoc::get(StringAttr::get(mlirContext, nodeNames[index]),
                              FileLineColLoc::get(mlirContext, path, 0, 0));
  NodeContext context(node, row, opset, path, loc, builder, bytesLeft);
  int numInputs = node.input_size();
  for (const std::string &name : node.input()) {
    GraphValue value = values.lookup(name);
    // The order of the nodes guarantees that some node defines the name.
    if (!name.empty() && !value)
      return makeNodeError(index, "expected inputs that are computed, got '" +
                                      printable(name) +
                                      "', a secondary output of its node");
    context.addInput(std::move(value));
  }
  if (numInputs < row.minInputs || numInputs > row.maxInputs)
    return makeNodeError(index, "expected " + inputCount(row) +
                                    " inputs, got " + Twine(numInputs));
  for (int i = 0; i < row.minInputs; ++i) {
    if (!context.hasInput(size_t(i)))
      return makeNodeError(index, "expected input " + Twine(i) +
                                      ", got an empty name");
  }
  for (int i = row.maxOutputs; i < node.output_size(); ++i) {
    if (context.usesOutput(size_t(i)))
      return makeNodeError(index, "expected at most " + Twine(row.maxOutputs) +
                                      " outputs, got " +
                                      Twine(node.output_size()));
  }
  if (failed(context.readAttributes()) || failed(row.handler(context)))
    return makeNodeError(index, context.getErrorMessage());

  ArrayRef<GraphValue> outputs = context.getOutputs();
  for (auto [name, value] : llvm::zip(node.output(), outputs)) {
    if (!name.empty()) {
      if (Error error =
              define(name, value,
                     "an output of node '" + printable(nodeNames[index]) + "'"))
        return error;
    }
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

Error GraphImporter::checkOutputType(const onnx::ValueInfoProto &output,
                                     const GraphValue &value) const {
  const onnx::TypeProto::Tensor &type = output.type().tensor_type();
  std::string where = "output '" + printable(output.name()) + "': ";
  if (type.has_elem_type() && type.elem_type() != int32_t(value.dtype())) {
    Expected<DType> declared = decodeDType(type.elem_type());
    if (!declared)
      return makeError(where + llvm::toString(declared.takeError()));
    return makeError(where + "expected the declared element type " +
                     dtypeName(*declared) + ", got " +
                     dtypeName(value.dtype()));
  }
  if (!type.has_shape())
    return Error::success();
  bool matches = type.shape().dim_size() == value.rank();
  SmallVector<int64_t> declared;
  for (auto [index, dim] : llvm::enumerate(type.shape().dim())) {
    declared.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    if (matches && dim.has_dim_value())
      matches = dim.dim_value() == value.shape()[index];
  }
  if (matches)
    return Error::success();
  return makeError(where + "expected the declared shape " +
                   shapeString(declared) + " (-1: any), got " +
                   shapeString(value.shape()));
}

Error GraphImporter::importOutputs(func::FuncOp function) {
  if (graph.output_size() == 0)
    return makeError("expected at least one output, got none");
  SmallVector<Value> results;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    auto found = values.find(output.name());
    if (found == values.end())
      return makeError("expected a definition of output '" +
                       printable(output.name()) + "', got none");
    const GraphValue &value = found->second;
    if (Error error = checkOutputType(output, value))
      return error;
    if (value.isConstant() && value.constant->numElements() == 0)
      return makeError("output '" + printable(output.name()) +
                       "': expected elements, got none");
    results.push_back(
        value.isConstant()
            ? createConstant(builder, function.getLoc(), *value.constant)
            : value.value);
  }
  func::ReturnOp::create(builder, function.getLoc(), results);
  function.setFunctionType(FunctionType::get(builder.getContext(),
                                             function.getArgumentTypes(),
                                             ValueRange(results).getTypes()));
  for (auto [index, input] : llvm::enumerate(inputs))
    function.setArgAttr(unsigned(index), QoptDialect::kNameAttrName,
                        builder.getStringAttr(input->name()));
  for (auto [index, output] : llvm::enumerate(graph.output()))
    function.setResultAttr(unsigned(index), QoptDialect::kNameAttrName,
                           builder.getStringAttr(output.name()));
  return Error::success();
}

/// The nodes that a reader of the model would count: constants are data.
ArrayAttr GraphImporter::sourceNodes() {
  SmallVector<Attribute> entries;
  for (auto [index, node] : llvm::enumerate(graph.node())) {
    if (node.op_type() == "Constant")
      continue;
    entries.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("name", builder.getStringAttr(nodeNames[index])),
         builder.getNamedAttr("op", builder.getStringAttr(node.op_type()))}));
  }
  return builder.getArrayAttr(entries);
}

Expected<OwningOpRef<ModuleOp>> GraphImporter::run() {
  if (Error error = checkNames())
    return std::move(error);
  nameNodes();
  if (Error error = findOpset())
    return std::move(error);
  if (Error error = readInitializers())
    return std::move(error);
  Expected<SmallVector<RankedTensorType>> inputTypes = readInputs();
  if (!inputTypes)
    return inputTypes.takeError();

  Location fileLoc = FileLineColLoc::get(builder.getContext(), path, 0, 0);
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, fileLoc);
  (*module)->setAttr(QoptDialect::kSourceNodesAttrName, sourceNodes());
  builder.setInsertionPointToEnd(module->getBody());
  SmallVector<Type> argumentTypes(inputTypes->begin(), inputTypes->end());
  auto function =
      func::FuncOp::create(builder, fileLoc, options.functionName,
                           builder.getFunctionType(argumentTypes, {}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  llvm::StringSet<> defined;
  for (auto [input, argument] : llvm::zip_equal(inputs, entry->getArguments()))
    values[input->name()] = GraphValue(argument);

  for (const auto &value : values)
    defined.insert(value.getKey());
  SmallVector<size_t> order;
  SortFailure failure = sortNodes(graph, defined, order);
  if (failure)
    return makeNodeError(*failure.node, failure.message);
  for (size_t index : order) {
    if (Error error = importNode(index))
      return std::move(error);
  }
  if (Error error = importOutputs(function))
    return std::move(error);

  std::string problem;
  ScopedDiagnosticHandler handler(builder.getContext(),
                                  [&](Diagnostic &diagnostic) {
                                    if (problem.empty())
                                      problem = diagnostic.str();
                                    return success();
                                  });
  if (failed(verify(*module)))
    return makeError("internal error, invalid IR: " + printable(problem));
  return module;
}

Expected<OwningOpRef<ModuleOp>>
qopt::importOnnx(StringRef path, const OnnxImportOptions &options,
                 MLIRContext &context) {
  context.loadDialect<arith::ArithDialect, func::FuncDialect,
                      linalg::LinalgDialect, math::MathDialect,
                      tensor::TensorDialect, QoptDialect>();
  Expected<std::unique_ptr<onnx::ModelProto>> model = readModel(path);
  if (!model)
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   path + ": " +
                                       llvm::toString(model.takeError()));
  return GraphImporter(**model, path, options, context).run();
}
