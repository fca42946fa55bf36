//===- LookupTables.cpp - Functions of an edge as tables ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A table is what the reference interpreter answers for the 256 codes of the
// edge: the chain is cloned into a function over [channels, 256].
//
//===----------------------------------------------------------------------===//

#include "IntegerForms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "qopt/Reference/Interpreter.h"

using namespace mlir;
using namespace qopt;

static constexpr int64_t kCodes = 256;

/// The number of channels that constants of the chain tell apart, or 1.
static int64_t countChannels(ArrayRef<linalg::GenericOp> chain) {
  for (linalg::GenericOp op : chain)
    for (OpOperand *operand : op.getDpsInputOperands())
      if (op.getMatchingIndexingMap(operand).getNumResults() == 1)
        return cast<RankedTensorType>(operand->get().getType()).getDimSize(0);
  return 1;
}

/// `op` over [channels, 256], its tensors replaced through `mapping`.
static Value cloneOverCodes(OpBuilder &builder, linalg::GenericOp op,
                            int64_t channels, IRMapping &mapping) {
  Location loc = op.getLoc();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (Value mapped = mapping.lookupOrNull(operand->get())) {
      inputs.push_back(mapped);
      maps.push_back(builder.getMultiDimIdentityMap(2));
      continue;
    }
    // A constant scalar, or one value per channel.
    inputs.push_back(
        builder.clone(*operand->get().getDefiningOp())->getResult(0));
    unsigned results = op.getMatchingIndexingMap(operand).getNumResults();
    maps.push_back(AffineMap::get(
        2, 0,
        ArrayRef<AffineExpr>(builder.getAffineDimExpr(0)).take_front(results),
        builder.getContext()));
  }
  maps.push_back(builder.getMultiDimIdentityMap(2));
  Value empty =
      createEmpty(builder, loc, {channels, kCodes}, builder.getF32Type());
  SmallVector<utils::IteratorType> loops(2, utils::IteratorType::parallel);
  auto clone = linalg::GenericOp::create(
      builder, loc, empty.getType(), inputs, empty, maps, loops,
      [&](OpBuilder &inner, Location at, ValueRange arguments) {
        IRMapping body;
        body.map(op.getBlock()->getArguments(), arguments);
        for (Operation &operation : *op.getBlock()) {
          for (Value value : operation.getOperands())
            // Scalar constants that the body captures.
            if (Operation *def = value.getDefiningOp();
                def && def->getBlock() != op.getBlock() &&
                !body.contains(value))
              body.map(value, inner.clone(*def)->getResult(0));
          inner.clone(operation, body);
        }
      });
  mapping.map(op.getResult(0), clone.getResult(0));
  return clone.getResult(0);
}

static func::FuncOp buildTableFunction(OpBuilder &builder, Value edge,
                                       const IntegerTerm &term,
                                       ArrayRef<linalg::GenericOp> chain,
                                       QuantizeOp quantize, int64_t channels) {
  Location loc = edge.getLoc();
  auto codes = RankedTensorType::get({channels, kCodes},
                                     getElementTypeOrSelf(term.integers));
  Type resultElement =
      quantize ? getElementTypeOrSelf(quantize.getResult().getType())
               : Type(builder.getF32Type());
  Type resultType = codes.clone(resultElement);
  auto func = func::FuncOp::create(builder, loc, "table",
                                   builder.getFunctionType(codes, resultType));
  builder.setInsertionPointToStart(func.addEntryBlock());
  ScaleTable scales =
      ScaleTable::perTensor(term.scales.values[0], 2, builder.getContext());
  IRMapping mapping;
  Value value = createDequantize(builder, loc, func.getArgument(0), scales,
                                 term.zeroPoint, term.isUnsigned);
  mapping.map(edge, value);
  for (linalg::GenericOp op : chain)
    value = cloneOverCodes(builder, op, channels, mapping);
  if (quantize) {
    Value scale =
        builder.clone(*quantize.getScale().getDefiningOp())->getResult(0);
    Value zeroPoint =
        builder.clone(*quantize.getZeroPoint().getDefiningOp())->getResult(0);
    Value init = createEmpty(builder, loc, {channels, kCodes}, resultElement);
    value = QuantizeOp::create(
        builder, loc, resultType, value, scale, zeroPoint, init,
        quantize.getRangeAttr(),
        AffineMapAttr::get(AffineMap::get(2, 0, builder.getContext())));
  }
  func::ReturnOp::create(builder, loc, value);
  return func;
}

llvm::Expected<DenseElementsAttr>
qopt::evaluateTable(Value edge, const IntegerTerm &term,
                    ArrayRef<linalg::GenericOp> chain, QuantizeOp quantize) {
  int64_t channels = countChannels(chain);
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(edge.getLoc());
  OpBuilder builder(edge.getContext());
  builder.setInsertionPointToStart(scratch->getBody());
  func::FuncOp func =
      buildTableFunction(builder, edge, term, chain, quantize, channels);

  HostTensor codes(DType::I8, {channels, kCodes});
  int64_t first = term.isUnsigned ? 0 : -kCodes / 2;
  for (auto [i, code] : llvm::enumerate(codes.data<int8_t>()))
    code = static_cast<int8_t>(first + int64_t(i) % kCodes);
  InterpretOptions options;
  options.linearForms = true;
  auto results = interpret(func, codes, options);
  if (!results)
    return results.takeError();
  const HostTensor &table = results->front();
  SmallVector<int64_t> shape = {kCodes};
  if (channels > 1)
    shape.insert(shape.begin(), channels);
  auto type = RankedTensorType::get(
      shape, getElementTypeOrSelf(func.getResultTypes().front()));
  return DenseElementsAttr::getFromRawBuffer(
      type, ArrayRef(reinterpret_cast<const char *>(table.bytes.data()),
                     table.bytes.size()));
}
