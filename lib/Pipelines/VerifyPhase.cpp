//===- VerifyPhase.cpp - The contracts of the phases ----------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements one function per contract of docs/Pipeline.md. Each
// stops at the first culprit and says which pass let it through.
//
//===----------------------------------------------------------------------===//

#include "mlir/Support/DebugStringHelper.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Pipelines/Phases.h"
#include "qopt/Pipelines/Pipelines.h"
#include "qopt/Schedule/Regions.h"
#include "qopt/Support/Limits.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Transforms/Structured.h"
#include <cmath>

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_VERIFYPHASEPASS
#include "qopt/Pipelines/Passes.h.inc"

/// An error at `op`, with a note on the pass that should have prevented it.
static LogicalResult violation(Operation *op, Phase phase, const Twine &what,
                               const Twine &pass) {
  InFlightDiagnostic error =
      op->emitError() << "phase '" << phaseInfo(phase).name << "': " << what;
  error.attachNote() << pass;
  return error;
}

static bool hasStaticShape(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return !shaped || shaped.hasStaticShape();
}

static bool isEmpty(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped && shaped.hasStaticShape() && shaped.getNumElements() == 0;
}

/// Whether a static shape has too many elements for a tensor of a model.
static bool isTooLarge(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !shaped.hasStaticShape())
    return false;
  int64_t count = 1;
  return llvm::any_of(shaped.getShape(), [&](int64_t size) {
    return llvm::MulOverflow(count, size, count) || count > kMaxElements;
  });
}

/// One public function with one block; static shapes everywhere, of tensors
/// that have addresses.
static LogicalResult verifyModel(ModuleOp module, Phase phase) {
  func::FuncOp model;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic())
      continue;
    if (model)
      return violation(function, phase,
                       "expected one public function, got also @" +
                           function.getName(),
                       "mark the helpers private or inline them");
    model = function;
  }
  if (!model)
    return violation(module, phase, "expected one public function, got none",
                     "a model is one public func.func");
  if (!model.getBody().hasOneBlock())
    return violation(model, phase,
                     "expected a function of one block, got " +
                         Twine(model.getBody().getBlocks().size()),
                     "control flow is not supported");
  for (Type type : llvm::concat<const Type>(model.getArgumentTypes(),
                                            model.getResultTypes())) {
    if (!isa<RankedTensorType>(type) || !hasStaticShape(type))
      return violation(model, phase,
                       "expected tensors of static shape at the border, got " +
                           debugString(type),
                       "give the dimension a value");
    if (isEmpty(type))
      return violation(model, phase,
                       "expected at least one element, got " +
                           debugString(type),
                       "leave the tensor out");
    if (isTooLarge(type))
      return violation(model, phase,
                       "expected at most 2^31 elements in a tensor, got " +
                           debugString(type),
                       "make the model smaller");
    if (failed(dtypeOf(getElementTypeOrSelf(type), /*isUnsigned=*/false)))
      return violation(model, phase,
                       "expected an element type of the C interface at the "
                       "border, got " +
                           debugString(type),
                       "f16, f32, f64, i1, i8, i16, i32 and i64 are");
  }
  return success();
}

/// Calls `see` for each value of a constant of f32.
static void forFloats(Attribute constant, function_ref<void(float)> see) {
  if (auto scalar = dyn_cast<FloatAttr>(constant))
    see(scalar.getValue().convertToFloat());
  else if (auto dense = dyn_cast<DenseElementsAttr>(constant))
    llvm::for_each(dense.getValues<float>(), see);
  else if (auto resource = dyn_cast<DenseF32ResourceElementsAttr>(constant))
    if (auto values = resource.tryGetAsArrayRef())
      llvm::for_each(*values, see);
}

/// Whether products are made of `value`, as it is or moved.
static bool isMultiplied(Value value) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (isMovement(user))
      return llvm::any_of(user->getResults(), isMultiplied);
    std::optional<Contraction> contraction = matchContraction(user);
    return contraction &&
           (contraction->lhs == value || contraction->rhs == value);
  });
}

/// No constant has a NaN, and no weight an infinity, of which a zero makes one:
/// calibration would find it on an edge and call it the sample's. Elsewhere an
/// infinity can mean something: that nothing is chosen, or clamped.
static LogicalResult verifyConstants(ModuleOp module, Phase phase) {
  WalkResult walk = module.walk([&](arith::ConstantOp op) {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return WalkResult::advance();
    int64_t all = 0, nans = 0, infinities = 0;
    forFloats(op.getValue(), [&](float value) {
      ++all;
      nans += std::isnan(value);
      infinities += std::isinf(value);
    });
    bool isWeight = (nans > 0 || infinities > 0) && isMultiplied(op);
    if (nans == 0 && !isWeight)
      return WalkResult::advance();
    // How many and not which: an importer moves weights to other places.
    return WalkResult(
        violation(op, phase,
                  Twine("expected ") +
                      (isWeight ? "finite weights" : "a constant without NaN") +
                      ", got " + (nans > 0 ? "NaN" : "infinity") + " for " +
                      Twine(nans > 0 ? nans : infinities) + " of " + Twine(all),
                  "the model's file has it; train or export the model again"));
  });
  return failure(walk.wasInterrupted());
}

/// What qopt has no arithmetic for: other floats than f32, which some targets
/// compute by calls, and tensors without elements.
static LogicalResult verifyInput(ModuleOp module, Phase phase) {
  if (failed(verifyConstants(module, phase)))
    return failure();
  WalkResult walk = module.walk([&](Operation *op) {
    if (auto empty = llvm::find_if(op->getResultTypes(), isEmpty);
        empty != op->getResultTypes().end())
      return WalkResult(
          violation(op, phase,
                    "expected at least one element, got " + debugString(*empty),
                    "leave the tensor out"));
    if (!isa_and_present<arith::ArithDialect, math::MathDialect>(
            op->getDialect()) ||
        op->hasTrait<OpTrait::ConstantLike>() ||
        isa<CastOpInterface, arith::SelectOp>(op))
      return WalkResult::advance();
    SmallVector<Type> types(op->getOperandTypes());
    llvm::append_range(types, op->getResultTypes());
    for (Type type : types)
      if (Type element = getElementTypeOrSelf(type);
          isa<FloatType>(element) && !element.isF32())
        return WalkResult(violation(op, phase,
                                    "expected arithmetic in f32, got '" +
                                        op->getName().getStringRef() + "' in " +
                                        debugString(element),
                                    "convert with arith.extf or arith.truncf"));
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// Whether the location holds the name of a source node.
static bool hasNodeName(Location loc) {
  if (isa<NameLoc>(loc))
    return true;
  if (auto fused = dyn_cast<FusedLoc>(loc))
    return llvm::any_of(fused.getLocations(), hasNodeName);
  if (auto callSite = dyn_cast<CallSiteLoc>(loc))
    return hasNodeName(callSite.getCallee());
  return false;
}

static bool isFloatPhaseDialect(Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  return llvm::is_contained({"arith", "math", "linalg", "tensor"}, dialect);
}

/// A convolution or pooling that is not in the canonical NHWC form.
static bool isForeignLayout(Operation *op) {
  if (!isa<linalg::ConvolutionOpInterface>(op) || isa<linalg::GenericOp>(op))
    return false;
  return !isa<linalg::Conv2DNhwcFhwcOp, linalg::DepthwiseConv2DNhwcHwcOp,
              linalg::Conv2DNhwgcGfhwcOp, linalg::PoolingNhwcMaxOp,
              linalg::PoolingNhwcSumOp>(op);
}

/// The pair on an input of the model, which no node computes.
static bool isInputEdge(Operation *op) {
  if (isa<DequantizeOp>(op))
    if (auto quantize = op->getOperand(0).getDefiningOp<QuantizeOp>())
      op = quantize;
  return isa<DequantizeOp, QuantizeOp, ObserveOp>(op) &&
         isa<BlockArgument>(op->getOperand(0));
}

/// Linalg on static tensors, NHWC, every operation named.
static LogicalResult verifyFloatOps(ModuleOp module, Phase phase,
                                    bool allowQopt) {
  WalkResult walk = module.walk([&](Operation *op) {
    if (isa<ModuleOp, func::FuncOp, func::ReturnOp>(op))
      return WalkResult::advance();
    bool isQopt = isa_and_present<QoptDialect>(op->getDialect());
    if (!isFloatPhaseDialect(op) && !(allowQopt && isQopt))
      return WalkResult(violation(op, phase,
                                  "unexpected operation '" +
                                      op->getName().getStringRef() + "'",
                                  "no pass of the float pipeline lowers it"));
    if (isForeignLayout(op))
      return WalkResult(violation(
          op, phase,
          "expected an NHWC form, got '" + op->getName().getStringRef() + "'",
          "qopt-normalize-linalg should have converted it"));
    if (!llvm::all_of(op->getResultTypes(), hasStaticShape))
      return WalkResult(violation(op, phase,
                                  "expected static shapes, got " +
                                      debugString(op->getResult(0).getType()),
                                  "give the dimension a value with --dim"));
    if (llvm::any_of(op->getResultTypes(), isTooLarge))
      return WalkResult(violation(
          op, phase,
          "expected at most 2^31 elements in a tensor, got " +
              debugString(*llvm::find_if(op->getResultTypes(), isTooLarge)),
          "make the model smaller"));
    // Bodies, constants and empty destinations belong to the operation that
    // holds or uses them.
    bool isOfAnother = !isa<func::FuncOp>(op->getParentOp()) ||
                       op->hasTrait<OpTrait::ConstantLike>() ||
                       isa<tensor::EmptyOp>(op) || isInputEdge(op);
    if (!isOfAnother && !hasNodeName(op->getLoc()))
      return WalkResult(
          violation(op, phase,
                    "'" + op->getName().getStringRef() +
                        "' does not name its source node",
                    "the pass that created it lost the location"));
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

static LogicalResult verifyFloat(ModuleOp module, Phase phase) {
  if (failed(verifyConstants(module, phase)))
    return failure();
  return verifyFloatOps(module, phase, /*allowQopt=*/false);
}

/// The float module plus observers, nothing else of the dialect.
static LogicalResult verifyObserved(ModuleOp module, Phase phase) {
  WalkResult walk = module.walk([&](Operation *op) {
    if (isa_and_present<QoptDialect>(op->getDialect()) && !isa<ObserveOp>(op))
      return WalkResult(violation(
          op, phase, "unexpected '" + op->getName().getStringRef() + "'",
          "only qopt-quantize may add it, after calibration"));
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  return verifyFloatOps(module, phase, /*allowQopt=*/true);
}

static LogicalResult verifyCalibrated(ModuleOp module, Phase phase) {
  if (failed(verifyObserved(module, phase)))
    return failure();
  WalkResult walk = module.walk([&](ObserveOp op) {
    if (!op.getMin() || !op.getMax())
      return WalkResult(violation(op, phase,
                                  "edge '" + op.getEdge() + "' has no range",
                                  "qopt-apply-calibration should have set it"));
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// A user of integers that says what they are: dequantize, or the return of a
/// model with a quantized border.
static bool isEdgeUse(OpOperand &use) {
  Operation *user = use.getOwner();
  if (isa<func::ReturnOp>(user))
    return static_cast<bool>(cast<func::FuncOp>(user->getParentOp())
                                 .getResultAttr(use.getOperandNumber(),
                                                QoptDialect::kScaleAttrName));
  return isa<DequantizeOp>(user);
}

/// No observer; an activation edge is quantize, then only dequantize.
static LogicalResult verifyQdq(ModuleOp module, Phase phase) {
  WalkResult walk = module.walk([&](Operation *op) {
    if (isa<ObserveOp>(op))
      return WalkResult(violation(op, phase, "an observer is left",
                                  "qopt-quantize should have replaced it"));
    if (isa<RequantizeOp, LookupOp>(op))
      return WalkResult(violation(
          op, phase, "unexpected '" + op->getName().getStringRef() + "'",
          "it belongs to the integer phase"));
    if (auto quantize = dyn_cast<QuantizeOp>(op))
      for (OpOperand &use : quantize->getUses())
        if (!isEdgeUse(use))
          return WalkResult(violation(
              use.getOwner(), phase,
              "expected only qopt.dequantize after qopt.quantize, got '" +
                  use.getOwner()->getName().getStringRef() + "'",
              "qopt-quantize should have put the pair on the edge"));
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  return verifyFloatOps(module, phase, /*allowQopt=*/true);
}

/// No float arithmetic without a reason for the report.
static LogicalResult verifyInteger(ModuleOp module, Phase phase) {
  WalkResult walk = module.walk([&](Operation *op) {
    if (isa<ObserveOp>(op))
      return WalkResult(violation(op, phase, "an observer is left",
                                  "qopt-quantize should have replaced it"));
    bool isPartOfBody = !isa_and_present<func::FuncOp>(op->getParentOp());
    if (!isPartOfBody && computesOnFloats(op) &&
        !op->hasAttr(QoptDialect::kFloatReasonAttrName))
      return WalkResult(violation(
          op, phase,
          "'" + op->getName().getStringRef() + "' is in float without a reason",
          "qopt-quantize should have set qopt.float_reason on it, or "
          "convert-qdq-to-integer should have converted it"));
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// The memory of a nest's result: a destination without contents. What is put
/// together from several results is a bufferization.alloc_tensor.
static bool isStored(Operation *op) {
  return isa<tensor::EmptyOp>(op) && isa<func::FuncOp>(op->getParentOp()) &&
         !op->use_empty();
}

/// Every tensor of more than bytes in memory is one that the schedule declared,
/// with what keeps it from being computed in registers.
static LogicalResult verifyStored(func::FuncOp func, Phase phase) {
  auto declared = func->getAttrOfType<ArrayAttr>(QoptDialect::kStoredAttrName);
  if (!declared)
    return success();
  DenseMap<Type, int64_t> left;
  for (auto entry : declared.getAsRange<DictionaryAttr>())
    if (auto type = entry.getAs<TypeAttr>("type"))
      ++left[type.getValue()];
  WalkResult walk = func.walk([&](Operation *op) {
    if (!isStored(op))
      return WalkResult::advance();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (!isWide(type) || --left[type] >= 0)
      return WalkResult::advance();
    return WalkResult(violation(
        *op->user_begin(), phase,
        "the intermediate " + debugString(type) + " is stored",
        "qopt-assign-schedule found nothing that keeps it from being fused, "
        "qopt-generate-nests should have computed it in registers"));
  });
  return failure(walk.wasInterrupted());
}

/// Of the dialect only what works on vectors is left; no intermediate tensor of
/// a fused region is in memory.
static LogicalResult verifyScheduled(ModuleOp module, Phase phase) {
  WalkResult walk = module.walk([&](Operation *op) {
    if (isa_and_present<QoptDialect>(op->getDialect()) &&
        !isa<DotOp, MmaTileOp, ObserveOp, PrefetchOp, RoundPackOp, TileDotOp>(
            op))
      return WalkResult(
          violation(op, phase, "'" + op->getName().getStringRef() + "' is left",
                    "convert-qopt-to-linalg should have converted it"));
    if (auto func = dyn_cast<func::FuncOp>(op))
      return WalkResult(verifyStored(func, phase));
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// A copy of a whole buffer of the arena into another is one that bufferization
/// added to keep a value from being overwritten. Of parts, few copies are left;
/// they cost time and nothing else. The caller gets copies of what has another
/// place, too: an input, a constant, a value that is returned twice.
static bool isUnexpectedCopy(Operation *op) {
  auto copy = dyn_cast<memref::CopyOp>(op);
  return copy && copy.getSource().getDefiningOp<memref::ViewOp>() &&
         copy.getTarget().getDefiningOp<memref::ViewOp>();
}

/// No tensor, no allocation, no copy of a whole buffer into another; the
/// facts that the C interface is made from.
static LogicalResult verifyPlanned(ModuleOp module, Phase phase) {
  WalkResult walk = module.walk([&](Operation *op) {
    if (isUnexpectedCopy(op))
      return WalkResult(violation(
          op, phase,
          "unexpected copy of " + debugString(op->getOperand(0).getType()),
          "the schedule should have computed it in place"));
    if (isa<memref::AllocOp, memref::AllocaOp>(op))
      return WalkResult(violation(op, phase, "an allocation is left",
                                  "qopt-plan-memory should have placed it"));
    for (Type type : op->getResultTypes())
      if (isa<TensorType>(type))
        return WalkResult(violation(
            op, phase,
            "'" + op->getName().getStringRef() + "' still gives a tensor",
            "qopt-bufferize should have given it a buffer"));
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted() ||
                 failed(ModelInfo::fromModule(module)));
}

static LogicalResult verifyLlvm(ModuleOp module, Phase phase) {
  WalkResult walk = module.walk([&](Operation *op) {
    StringRef dialect = op->getName().getDialectNamespace();
    if (isa<ModuleOp>(op) || dialect == "llvm" || dialect == "nvvm")
      return WalkResult::advance();
    return WalkResult(
        violation(op, phase, "'" + op->getName().getStringRef() + "' is left",
                  "no conversion of the pipeline to LLVM lowers it"));
  });
  return failure(walk.wasInterrupted() ||
                 failed(ModelInfo::fromModule(module)));
}

LogicalResult verifyPhase(ModuleOp module, Phase phase) {
  // Bufferization changes the signature.
  if (phase <= Phase::Scheduled && failed(verifyModel(module, phase)))
    return failure();
  switch (phase) {
  case Phase::Input:
    return verifyInput(module, phase);
  case Phase::Float:
    return verifyFloat(module, phase);
  case Phase::Observed:
    return verifyObserved(module, phase);
  case Phase::Calibrated:
    return verifyCalibrated(module, phase);
  case Phase::Qdq:
    return verifyQdq(module, phase);
  case Phase::Integer:
    return verifyInteger(module, phase);
  case Phase::Scheduled:
    return verifyScheduled(module, phase);
  case Phase::Planned:
    return verifyPlanned(module, phase);
  case Phase::Llvm:
    return verifyLlvm(module, phase);
  }
  llvm_unreachable("unknown phase");
}

namespace {
struct VerifyPhasePass : impl::VerifyPhasePassBase<VerifyPhasePass> {
  using Base::Base;

  void runOnOperation() override {
    std::optional<Phase> wanted = parsePhase(phase);
    if (!wanted) {
      getOperation().emitError("qopt-verify-phase: expected a phase of ")
          << phaseNames() << ", got '" << phase << "'";
      return signalPassFailure();
    }
    if (failed(verifyPhase(getOperation(), *wanted)))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace qopt
