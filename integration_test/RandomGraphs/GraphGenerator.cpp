//===- GraphGenerator.cpp - Random float models ---------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphGrower.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnximport;
using namespace qopt::randomgraphs;

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

ArrayRef<GraphGrower::Kind> GraphGrower::kinds() {
  static const Kind table[] = {
      {"conv", 12, &GraphGrower::appendConv},
      {"pointwise-conv", 6, &GraphGrower::appendPointwiseConv},
      {"depthwise-conv", 6, &GraphGrower::appendDepthwiseConv},
      {"grouped-conv", 4, &GraphGrower::appendGroupedConv},
      {"matmul", 8, &GraphGrower::appendMatmul},
      {"batch-matmul", 1, &GraphGrower::appendBatchMatmul},
      {"max-pool", 4, &GraphGrower::appendMaxPool},
      {"average-pool", 4, &GraphGrower::appendAveragePool},
      {"global-mean", 3, &GraphGrower::appendGlobalMean},
      {"reduction", 3, &GraphGrower::appendReduction},
      {"softmax", 1, &GraphGrower::appendSoftmax},
      {"relu", 8, &GraphGrower::appendRelu},
      {"unary", 6, &GraphGrower::appendUnary},
      {"scale", 2, &GraphGrower::appendScale},
      {"binary", 5, &GraphGrower::appendBinary},
      {"residual", 7, &GraphGrower::appendResidual},
      {"gate", 3, &GraphGrower::appendGate},
      {"self gate", 3, &GraphGrower::appendSelfGate},
      {"affine", 2, &GraphGrower::appendAffine},
      {"map", 2, &GraphGrower::appendMap},
      {"concat", 5, &GraphGrower::appendConcat},
      {"pad", 2, &GraphGrower::appendPad},
      {"slice", 2, &GraphGrower::appendSlice},
      {"shuffle", 1, &GraphGrower::appendShuffle},
      {"transpose", 1, &GraphGrower::appendTranspose},
      {"resize", 3, &GraphGrower::appendResize},
      {"gather", 1, &GraphGrower::appendGather},
      {"reshape", 5, &GraphGrower::appendReshape},
  };
  return table;
}

/// Tries kinds until one finds its operands; relu always does.
void GraphGrower::appendRandomNode() {
  int64_t total = 0;
  for (const Kind &kind : kinds())
    total += kind.weight;
  while (true) {
    int64_t ticket = random.between(0, total - 1);
    const Kind *kind = kinds().begin();
    for (; ticket >= kind->weight; ++kind)
      ticket -= kind->weight;
    loc = nextLoc();
    Block *block = builder.getInsertionBlock();
    size_t before = block->getOperations().size();
    if (!(this->*kind->append)()) {
      while (block->getOperations().size() > before)
        block->back().erase();
      continue;
    }
    ++counts[kind->name];
    return;
  }
}

void GraphGrower::addInputs(func::FuncOp function) {
  Block &block = function.getBody().front();
  for (int64_t i = random.chance(80) ? 1 : 2; i > 0; --i) {
    int64_t batch = random.chance(85) ? 1 : random.between(2, 3);
    SmallVector<int64_t> shape = {batch, pickChannels() * pickChannels()};
    if (random.chance(85)) {
      int64_t height = random.chance(15) ? 1 : random.between(1, 17);
      shape = {batch, height, random.between(1, 17), pickChannels()};
    }
    bool isMoved = isChannelsFirst && shape.size() == 4;
    SmallVector<int64_t> border = shape;
    if (isMoved)
      border = {shape[0], shape[3], shape[1], shape[2]};
    loc = nextLoc();
    Value input = block.addArgument(floatTensorType(builder, border), loc);
    values.push_back(
        isMoved ? createTranspose(builder, loc, input, {0, 2, 3, 1}) : input);
  }
}

void GraphGrower::addResults(func::FuncOp function) {
  SmallVector<Value> results;
  for (Value value : values)
    if (value.use_empty() || random.chance(3))
      results.push_back(value);
  if (random.chance(3))
    results.push_back(results.front());
  for (Value &value : results) {
    loc = nextLoc();
    if (isChannelsFirst && shapeOf(value).size() == 4)
      value = createTranspose(builder, loc, value, {0, 3, 1, 2});
  }
  func::ReturnOp::create(builder, loc, results);
  function.setType(builder.getFunctionType(
      function.getBody().getArgumentTypes(), TypeRange(ValueRange(results))));
}

OwningOpRef<ModuleOp> GraphGrower::run() {
  loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToStart(module->getBody());
  auto function = func::FuncOp::create(builder, loc, "model",
                                       builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  isChannelsFirst = random.chance(40);
  addInputs(function);
  for (int64_t n = random.between(1, 10); n > 0; --n)
    appendRandomNode();
  addResults(function);
  return module;
}

OwningOpRef<ModuleOp> qopt::randomgraphs::generateGraph(MLIRContext &context,
                                                        Random &random,
                                                        NodeCounts &counts) {
  return GraphGrower(context, random, counts).run();
}
