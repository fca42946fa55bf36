//===- ApplyCalibration.cpp - Ranges onto the observed edges --------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/CalibrationTable.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Transforms/Observers.h"
#include "qopt/Transforms/Passes.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_APPLYCALIBRATIONPASS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

static EdgeInfo edgeInfo(ObserveOp op) {
  EdgeInfo info;
  info.name = op.getEdge().str();
  info.shape.assign(cast<ShapedType>(op.getInput().getType()).getShape());
  if (std::optional<uint64_t> axis = op.getAxis())
    info.axis = int64_t(*axis);
  return info;
}

std::vector<EdgeInfo> qopt::collectObservedEdges(Operation *root) {
  std::vector<EdgeInfo> edges;
  root->walk([&](ObserveOp op) { edges.push_back(edgeInfo(op)); });
  return edges;
}

/// The first few names, for a message of one line.
static std::string listed(ArrayRef<std::string> names) {
  constexpr size_t shown = 5;
  std::string text = llvm::join(names.take_front(shown), "', '");
  if (names.size() > shown)
    return (Twine("'") + text + "' and " + Twine(names.size() - shown) +
            " more")
        .str();
  return "'" + text + "'";
}

static LogicalResult applyToEdge(ObserveOp op, const CalibrationEdge &edge) {
  EdgeInfo info = edgeInfo(op);
  auto describe = [](std::optional<int64_t> axis, size_t channels) {
    return axis ? (Twine(channels) + " ranges along dimension " + Twine(*axis))
                      .str()
                : std::string("one range");
  };
  if (edge.axis != info.axis ||
      edge.ranges.size() != size_t(info.numChannels()))
    return op.emitOpError("expects ")
           << describe(info.axis, info.numChannels()) << " for edge '"
           << info.name << "', the calibration has "
           << describe(edge.axis, edge.ranges.size());
  SmallVector<float> min, max;
  for (const RealRange &range : edge.ranges) {
    min.push_back(range.min);
    max.push_back(range.max);
  }
  Builder b(op.getContext());
  op.setMinAttr(b.getDenseF32ArrayAttr(min));
  op.setMaxAttr(b.getDenseF32ArrayAttr(max));
  return success();
}

LogicalResult qopt::applyCalibration(Operation *root,
                                     const CalibrationTable &table) {
  std::vector<std::string> missing;
  ObserveOp firstMissing;
  WalkResult walk = root->walk([&](ObserveOp op) {
    const CalibrationEdge *edge = table.find(op.getEdge());
    if (edge)
      return WalkResult(applyToEdge(op, *edge));
    if (missing.empty())
      firstMissing = op;
    missing.push_back(op.getEdge().str());
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  if (missing.empty()) {
    // A file written by hand has no hash.
    if (!table.edgesHash.empty() &&
        table.edgesHash != hashEdges(collectObservedEdges(root)))
      root->emitWarning() << "the calibration of model '" << table.model
                          << "' was made for other edges: names, shapes or "
                             "axes differ; its ranges are taken by name";
    return success();
  }
  InFlightDiagnostic error = firstMissing.emitError()
                             << "expected a range for every observed edge, the "
                                "calibration of model '"
                             << table.model << "' lacks " << listed(missing);
  error.attachNote() << "calibrate this model again";
  return error;
}

namespace {
struct ApplyCalibrationPass
    : public qopt::impl::ApplyCalibrationPassBase<ApplyCalibrationPass> {
  using ApplyCalibrationPassBase::ApplyCalibrationPassBase;

  void runOnOperation() override {
    llvm::Expected<CalibrationTable> table = CalibrationTable::read(file);
    if (!table) {
      getOperation().emitError() << llvm::toString(table.takeError());
      return signalPassFailure();
    }
    if (failed(applyCalibration(getOperation(), *table)))
      signalPassFailure();
  }
};
} // namespace
