//===- CollectReport.cpp - The report, gathered on the way ----------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Pipelines/CollectReport.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// What an operation is
//===----------------------------------------------------------------------===//

/// The operations of the model's function, bodies excluded.
static llvm::iterator_range<Block::iterator> modelOps(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic() && !function.isDeclaration())
      return llvm::make_range(function.front().begin(), function.front().end());
  return llvm::make_range(Block::iterator(), Block::iterator());
}

static bool isFloatTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

static int64_t loopProduct(linalg::LinalgOp op) {
  int64_t product = 1;
  for (int64_t range : op.getStaticLoopRanges())
    product *= range;
  return product;
}

static bool computesOnIntegers(Operation *op) {
  if (isa<RequantizeOp, LookupOp>(op))
    return true;
  return computes(op) && !computesOnFloats(op);
}

/// The constant behind an operand; inits are looked through.
static DenseElementsAttr constantBehind(Value value) {
  if (auto broadcast = value.getDefiningOp<linalg::BroadcastOp>())
    value = broadcast.getInput();
  DenseElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// input, float
//===----------------------------------------------------------------------===//

ReportNode *ReportCollector::node(StringRef name) {
  auto found = indexOf.find(name);
  return found == indexOf.end() ? nullptr : &report.nodes[found->second];
}

/// The node that an operation is accounted to: the first of its names.
ReportNode *ReportCollector::owner(Operation *op) {
  for (StringRef name : sourceNames(op->getLoc()))
    if (ReportNode *found = node(name))
      return found;
  return nullptr;
}

void ReportCollector::collectSource(ModuleOp module) {
  auto add = [&](StringRef name, StringRef op) {
    if (!indexOf.try_emplace(name, report.nodes.size()).second)
      return;
    ReportNode entry;
    entry.name = name.str();
    entry.op = op.str();
    report.nodes.push_back(std::move(entry));
  };
  if (auto nodes =
          module->getAttrOfType<ArrayAttr>(QoptDialect::kSourceNodesAttrName)) {
    for (auto entry : nodes.getAsRange<DictionaryAttr>())
      add(entry.getAs<StringAttr>("name"), entry.getAs<StringAttr>("op"));
    return;
  }
  // MLIR without a source: its operations are the nodes.
  for (Operation &op : modelOps(module))
    if (!isInit(&op))
      for (StringRef name : sourceNames(op.getLoc()))
        add(name, op.getName().getStringRef());
}

void ReportCollector::collectFloat(ModuleOp module) {
  if (report.nodes.empty())
    collectSource(module);
  for (Operation &op : modelOps(module)) {
    ReportNode *entry = owner(&op);
    if (!entry || isInit(&op))
      continue;
    // Where a node has several operations, the last one gives its output.
    if (op.getNumResults() == 1 && isFloatTensor(op.getResult(0).getType()))
      entry->outputBytes = bytesOf(cast<ShapedType>(op.getResult(0).getType()));
    SmallVector<StringRef> names = sourceNames(op.getLoc());
    for (StringRef name : llvm::drop_begin(names))
      foldedInto.try_emplace(name, entry->name);
    if (op.getNumOperands())
      if (Operation *producer = op.getOperand(0).getDefiningOp())
        if (ReportNode *before = owner(producer); before && before != entry)
          producerOf.try_emplace(entry->name, before->name);
    if (isMovement(&op) && entry->status == NodeStatus::Removed)
      entry->status = NodeStatus::Movement;
    if (!computes(&op))
      continue;
    entry->status = NodeStatus::Float;
    if (isContraction(&op))
      entry->macs += loopProduct(cast<linalg::LinalgOp>(op));
    for (Value operand : op.getOperands())
      if (DenseElementsAttr constant = constantBehind(operand))
        if (constant.getType().getRank() > 0)
          entry->floatWeightBytes += bytesOf(constant.getType());
  }
  for (ReportNode &entry : report.nodes) {
    entry.weightBytes = entry.floatWeightBytes;
    if (entry.floatWeightBytes)
      entry.weightBits = 32;
    if (entry.status == NodeStatus::Float)
      entry.detail = "the recipe keeps the model in float";
  }
  explainAbsent();
}

/// Nodes without an operation: part of another's, or nothing.
void ReportCollector::explainAbsent() {
  for (ReportNode &entry : report.nodes) {
    if (entry.status != NodeStatus::Removed)
      continue;
    auto folded = foldedInto.find(entry.name);
    if (folded != foldedInto.end()) {
      entry.status = NodeStatus::Fused;
      entry.detail = "folded into '" + folded->second + "'";
    } else {
      entry.detail = "a constant, or without effect";
    }
  }
}

//===----------------------------------------------------------------------===//
// qdq, integer
//===----------------------------------------------------------------------===//

static std::string granularityOf(DequantizeOp op) {
  AffineMap map = op.getParams();
  if (map.getNumResults() == 0)
    return "per tensor";
  if (map.isProjectedPermutation())
    return "per channel";
  std::string text = "per group";
  for (AffineExpr result : map.getResults())
    if (auto binary = dyn_cast<AffineBinaryOpExpr>(result))
      if (binary.getKind() == AffineExprKind::FloorDiv)
        if (auto size = dyn_cast<AffineConstantExpr>(binary.getRHS()))
          text += " of " + llvm::itostr(size.getValue());
  return text;
}

/// Whether the operation only gives what it reads another shape.
static bool isReshape(Operation *op) {
  return isa<linalg::BroadcastOp, tensor::CollapseShapeOp,
             tensor::ExpandShapeOp>(op);
}

/// The dequantized constant behind an operand; inits are looked through.
static DequantizeOp dequantizedConstant(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (auto dequantize = dyn_cast<DequantizeOp>(def))
      return constantBehind(dequantize.getInput()) ? dequantize : nullptr;
    if (!isReshape(def))
      break;
    value = def->getOperand(0);
  }
  return nullptr;
}

/// Weights of the node that reads them: of several that share them, each has
/// its own.
void ReportCollector::collectWeights(Operation &op, llvm::StringSet<> &seen) {
  ReportNode *entry = owner(&op);
  if (!entry || isa<DequantizeOp>(op) || isReshape(&op))
    return;
  for (Value operand : op.getOperands()) {
    DequantizeOp dequantize = dequantizedConstant(operand);
    if (!dequantize)
      continue;
    auto weights = cast<ShapedType>(dequantize.getInput().getType());
    if (seen.insert(entry->name).second)
      entry->weightBytes = 0;
    entry->weightBytes += bytesOf(weights);
    if (weights.getElementTypeBitWidth() > 8)
      continue; // A bias: its scale is the product of scales stored elsewhere.
    entry->weightBits = weights.getElementTypeBitWidth();
    entry->granularity = granularityOf(dequantize);
    entry->weightBytes +=
        bytesOf(cast<ShapedType>(dequantize.getScale().getType()));
  }
}

void ReportCollector::collectParameters(ModuleOp module) {
  llvm::StringSet<> seen;
  for (Operation &op : modelOps(module)) {
    if (auto quantize = dyn_cast<QuantizeOp>(op)) {
      DenseElementsAttr scale = constantBehind(quantize.getScale());
      DenseElementsAttr zeroPoint = constantBehind(quantize.getZeroPoint());
      ReportNode *entry = owner(&op);
      if (!entry || !scale || !zeroPoint || scale.getNumElements() != 1)
        continue;
      entry->scale = *scale.getValues<float>().begin();
      entry->zeroPoint = *zeroPoint.getValues<int32_t>().begin();
      entry->outputBytes = bytesOf(cast<ShapedType>(quantize.getType()));
    }
    collectWeights(op, seen);
  }
  for (ReportNode &entry : report.nodes)
    if (entry.status == NodeStatus::Float)
      entry.detail.clear();
  for (Operation &op : modelOps(module))
    if (auto reason =
            op.getAttrOfType<StringAttr>(QoptDialect::kFloatReasonAttrName))
      if (ReportNode *entry = owner(&op))
        entry->detail = reason.str();
}

void ReportCollector::collectStatus(ModuleOp module) {
  llvm::StringMap<NodeStatus> found;
  for (Operation &op : modelOps(module)) {
    if (isInit(&op) || op.getNumResults() == 0)
      continue;
    NodeStatus status = NodeStatus::Removed;
    if (computesOnFloats(&op))
      status = NodeStatus::Float;
    else if (computesOnIntegers(&op))
      status = NodeStatus::Integer;
    else if (isMovement(&op))
      status = NodeStatus::Movement;
    else
      continue;
    if (ReportNode *entry = owner(&op)) {
      auto reason =
          op.getAttrOfType<StringAttr>(QoptDialect::kFloatReasonAttrName);
      // One that only the lowering knows.
      if (status == NodeStatus::Float && reason && entry->detail.empty() &&
          reason != QoptDialect::kSeveralScalesReason)
        entry->detail = reason.str();
      // A float operation among several makes the node a float node.
      auto [it, isNew] = found.try_emplace(entry->name, status);
      if (status == NodeStatus::Float || it->second == NodeStatus::Movement)
        it->second = status;
    }
  }
  for (ReportNode &entry : report.nodes) {
    // What is not rounded on the way stays in registers.
    if (!entry.scale && entry.status == NodeStatus::Float &&
        found.lookup(entry.name) != NodeStatus::Float)
      entry.outputBytes = 0;
    auto it = found.find(entry.name);
    bool wasFloat = entry.status == NodeStatus::Float;
    if (it != found.end()) {
      entry.status = it->second;
      // No reason was known when all decisions were made: the integers have
      // several scales. Grouped weights, whose sums carry one each, what
      // follows them in the same loop nest, or sums that leave the model.
      if (it->second == NodeStatus::Float && entry.detail.empty()) {
        entry.status = NodeStatus::Integer;
        entry.detail = QoptDialect::kSeveralScalesReason.str();
      } else if (it->second != NodeStatus::Float) {
        entry.detail.clear();
      }
    } else if (wasFloat) {
      entry.status = NodeStatus::Fused;
      auto producer = producerOf.find(entry.name);
      entry.detail =
          producer == producerOf.end()
              ? "part of its consumer's operation"
              : "part of the operation of '" + producer->second + "'";
    }
  }
}

//===----------------------------------------------------------------------===//
// The border
//===----------------------------------------------------------------------===//

static std::vector<ReportTensor>
describeTensors(ArrayRef<TensorInfo> tensors,
                llvm::function_ref<Attribute(unsigned)> reasonOf) {
  std::vector<ReportTensor> result;
  for (auto [i, tensor] : llvm::enumerate(tensors)) {
    ReportTensor &entry = result.emplace_back();
    entry.name = tensor.name;
    entry.dtype = dtypeName(tensor.dtype).str();
    entry.shape.assign(tensor.shape.begin(), tensor.shape.end());
    if (tensor.isQuantized())
      entry.scale = tensor.scale;
    entry.zeroPoint = tensor.zeroPoint;
    if (auto reason = dyn_cast_or_null<StringAttr>(reasonOf(i)))
      entry.detail = reason.str();
  }
  return result;
}

void ReportCollector::collectBorder(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    FailureOr<ModelInfo> border = describeBorder(function);
    if (failed(border))
      return;
    StringRef reason = QoptDialect::kFloatReasonAttrName;
    report.inputs = describeTensors(border->inputs, [&](unsigned i) {
      return function.getArgAttr(i, reason);
    });
    report.outputs = describeTensors(border->outputs, [&](unsigned i) {
      return function.getResultAttr(i, reason);
    });
  }
}

//===----------------------------------------------------------------------===//
// planned
//===----------------------------------------------------------------------===//

/// The constants as the object holds them, each for the first node that reads
/// it.
void ReportCollector::collectStoredWeights(ModuleOp module) {
  for (ReportNode &entry : report.nodes)
    entry.weightBytes = 0;
  llvm::StringMap<bool> seen;
  module.walk([&](memref::GetGlobalOp op) {
    ReportNode *entry = owner(op);
    if (entry && seen.try_emplace(op.getName(), true).second)
      entry->weightBytes += bytesOf(op.getType());
  });
}

void ReportCollector::collectArena(ModuleOp module) {
  FailureOr<ModelInfo> info = ModelInfo::fromModule(module);
  if (failed(info))
    return;
  report.arenaBytes = info->arenaBytes;
  report.liveBytes = info->liveBytes;
  report.weightBytes = info->weightBytes;
  collectStoredWeights(module);
  auto map = module->getAttrOfType<ArrayAttr>(QoptDialect::kArenaMapAttrName);
  if (!map)
    return;
  for (auto entry : map.getAsRange<DictionaryAttr>()) {
    auto number = [&](StringRef key) {
      return entry.getAs<IntegerAttr>(key).getInt();
    };
    report.buffers.push_back({entry.getAs<StringAttr>("name").str(),
                              number("offset"), number("bytes"),
                              number("first"), number("last")});
  }
}

void ReportCollector::atPhase(ModuleOp module, Phase phase) {
  switch (phase) {
  case Phase::Input:
    return collectSource(module);
  case Phase::Float:
    collectBorder(module);
    return collectFloat(module);
  case Phase::Qdq:
    collectBorder(module);
    return collectParameters(module);
  case Phase::Integer:
    return collectStatus(module);
  case Phase::Planned:
    return collectArena(module);
  case Phase::Observed:
  case Phase::Calibrated:
  case Phase::Scheduled:
  case Phase::Llvm:
    return;
  }
}

} // namespace qopt
