//===- OutlineKernels.cpp - A model's steps as kernels of a GPU -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels of one stream run one after the other, so that a step per kernel
// keeps the order of the model's function without further synchronization.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Target/ModelInfo.h"
#include "qopt/Transforms/Outlining.h"
#include <numeric>

namespace qopt {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "qopt/Conversion/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// Threads of a block where a step does not say.
constexpr int64_t kBlockThreads = 128;

/// The model's constants, one after the other in one block of bytes.
class WeightImage {
public:
  LogicalResult add(memref::GlobalOp global);
  int64_t offsetOf(StringRef name) const { return offsets.lookup(name); }
  /// Never empty, so that there is always something to point to.
  ArrayRef<char> bytes();

private:
  std::vector<char> image;
  llvm::StringMap<int64_t> offsets;
};

/// Values that one kernel computes and another one uses go through slots of
/// their own at the end of the arena.
class ValueSpiller {
public:
  ValueSpiller(func::FuncOp model, ModelInfo &info)
      : model(model), info(info), b(model.getContext()) {}

  void run();

private:
  void pass(Operation *step, bool isLoop);
  Value slotOf(Value value);

  func::FuncOp model;
  ModelInfo &info;
  OpBuilder b;
  /// Loops so far: what lies between the same two is in one kernel.
  int64_t kernel = 0;
  DenseMap<Operation *, int64_t> kernelOf;
  DenseMap<Value, Value> slots;
};

class KernelOutliner {
public:
  KernelOutliner(ModuleOp module, func::FuncOp model, WeightImage &image)
      : module(module), model(model), image(image),
        b(OpBuilder::atBlockBegin(module.getBody())) {}

  LogicalResult run();

private:
  LogicalResult outlineLoop(scf::ForOp loop);
  LogicalResult outlineSerial(ArrayRef<Operation *> steps);
  LogicalResult startKernel(Location loc, int64_t blocks, int64_t threads,
                            ArrayRef<Value> uses);
  void useWeights(func::FuncOp kernel);

  ModuleOp module;
  func::FuncOp model;
  WeightImage &image;
  OpBuilder b;
  IRMapping map;
  SmallVector<Attribute> launches;
};

struct OutlineKernels : qopt::impl::OutlineKernelsPassBase<OutlineKernels> {
  void runOnOperation() override;
};

} // namespace

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

LogicalResult WeightImage::add(memref::GlobalOp global) {
  auto values =
      dyn_cast_or_null<DenseElementsAttr>(global.getInitialValueAttr());
  Type element = global.getType().getElementType();
  if (!values || !element.isIntOrIndexOrFloat())
    return global.emitOpError("expects a constant of numbers, got ")
           << global.getType();
  image.resize(llvm::alignTo(image.size(), ModelInfo::kAlignment));
  offsets[global.getSymName()] = image.size();
  int64_t bits = element.isIndex() ? IndexType::kInternalStorageBitWidth
                                   : element.getIntOrFloatBitWidth();
  int64_t bytes = llvm::divideCeil(bits, 8);
  if (bits % 8 == 0 && !values.isSplat()) {
    llvm::append_range(image, values.getRawData());
    return success();
  }
  for (Attribute value : values.getValues<Attribute>()) {
    APInt number = isa<IntegerAttr>(value)
                       ? cast<IntegerAttr>(value).getValue()
                       : cast<FloatAttr>(value).getValue().bitcastToAPInt();
    number = number.sextOrTrunc(8 * bytes);
    for (int64_t i = 0; i < bytes; ++i)
      image.push_back(char(number.extractBitsAsZExtValue(8, 8 * i)));
  }
  return success();
}

ArrayRef<char> WeightImage::bytes() {
  image.resize(
      llvm::alignTo(std::max<size_t>(image.size(), 1), ModelInfo::kAlignment));
  return image;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// How many neighbouring elements of both buffers one access can take.
static int64_t copyWidth(MemRefType from, MemRefType to) {
  for (MemRefType type : {from, to}) {
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)) || strides.empty() ||
        strides.back() != 1)
      return 1;
  }
  return std::gcd<int64_t>(16, from.getShape().back());
}

// copy(a, b) -> for t threads: b[at(t)] = a[at(t)]
static LogicalResult expandCopy(memref::CopyOp copy) {
  auto from = cast<MemRefType>(copy.getSource().getType());
  auto to = cast<MemRefType>(copy.getTarget().getType());
  if (!from.hasStaticShape())
    return copy.emitOpError("expects a static shape, got ") << from;
  OpBuilder b(copy);
  Location loc = copy.getLoc();
  int64_t width = copyWidth(from, to);
  int64_t outer = from.getNumElements() / width;
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value end = arith::ConstantIndexOp::create(b, loc, outer);
  auto loop = scf::ForOp::create(b, loc, zero, end, one);
  loop->setAttr(QoptDialect::kThreadsAttrName,
                b.getI64IntegerAttr(kBlockThreads));
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> indices;
  for (auto [d, extent] : llvm::enumerate(from.getShape())) {
    int64_t step = d + 1 == size_t(from.getRank()) ? width : 1;
    AffineExpr at = b.getAffineDimExpr(0) % outer;
    outer /= extent / step;
    auto index = AffineMap::get(1, 0, at.floorDiv(outer) * step);
    indices.push_back(
        affine::AffineApplyOp::create(b, loc, index, loop.getInductionVar()));
  }
  if (width == 1) {
    Value element = memref::LoadOp::create(b, loc, copy.getSource(), indices);
    memref::StoreOp::create(b, loc, element, copy.getTarget(), indices);
  } else {
    auto type = VectorType::get({width}, from.getElementType());
    Value run = vector::LoadOp::create(b, loc, type, copy.getSource(), indices);
    vector::StoreOp::create(b, loc, run, copy.getTarget(), indices);
  }
  copy.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Values of other kernels
//===----------------------------------------------------------------------===//

/// A view of the arena that the kernel that computes `value` stores it in.
Value ValueSpiller::slotOf(Value value) {
  Value &slot = slots[value];
  if (slot)
    return slot;
  Location loc = value.getLoc();
  int64_t offset = llvm::alignTo(info.arenaBytes, ModelInfo::kAlignment);
  info.arenaBytes = offset + ModelInfo::kAlignment;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfter(value.getDefiningOp());
  Value shift = arith::ConstantIndexOp::create(b, loc, offset);
  Value arena = model.getArguments().back();
  slot = memref::ViewOp::create(b, loc, MemRefType::get({1}, value.getType()),
                                arena, shift, ValueRange{});
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  auto store = memref::StoreOp::create(b, loc, value, slot, ValueRange{zero});
  kernelOf[store] = kernelOf.lookup(value.getDefiningOp());
  return slot;
}

/// Lets `step` load what an earlier kernel computed.
void ValueSpiller::pass(Operation *step, bool isLoop) {
  for (Value use : usedFromOutside(step)) {
    if (canRepeat(use) || kernelOf.lookup(use.getDefiningOp()) == kernel)
      continue;
    Value slot = slotOf(use);
    if (isLoop)
      b.setInsertionPointToStart(cast<scf::ForOp>(step).getBody());
    else
      b.setInsertionPoint(step);
    Value zero = arith::ConstantIndexOp::create(b, use.getLoc(), 0);
    Value loaded =
        memref::LoadOp::create(b, use.getLoc(), slot, ValueRange{zero});
    use.replaceUsesWithIf(loaded, [&](OpOperand &operand) {
      return step->isAncestor(operand.getOwner());
    });
  }
}

void ValueSpiller::run() {
  SmallVector<Operation *> steps;
  for (Operation &op : model.getBody().front().without_terminator())
    steps.push_back(&op);
  for (Operation *step : steps) {
    bool isLoop = step->hasAttr(QoptDialect::kThreadsAttrName);
    kernel += isLoop;
    pass(step, isLoop);
    kernelOf[step] = kernel;
    kernel += isLoop;
  }
  Value arena = model.getArguments().back();
  arena.setType(MemRefType::get({info.arenaBytes}, b.getI8Type()));
  model.setType(b.getFunctionType(model.getBody().getArgumentTypes(), {}));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// get_global @c -> view(weights, offset of @c)
void KernelOutliner::useWeights(func::FuncOp kernel) {
  Value weights = kernel.getArguments().back();
  SmallVector<memref::GetGlobalOp> gets;
  kernel.walk([&](memref::GetGlobalOp get) { gets.push_back(get); });
  for (memref::GetGlobalOp get : gets) {
    OpBuilder builder(get);
    Value shift = arith::ConstantIndexOp::create(builder, get.getLoc(),
                                                 image.offsetOf(get.getName()));
    Value view = memref::ViewOp::create(builder, get.getLoc(), get.getType(),
                                        weights, shift, ValueRange{});
    get.replaceAllUsesWith(view);
    get.erase();
  }
}

/// An empty kernel that knows `uses`; the builder is at its end.
LogicalResult KernelOutliner::startKernel(Location loc, int64_t blocks,
                                          int64_t threads,
                                          ArrayRef<Value> uses) {
  for (Value use : uses)
    if (!canRepeat(use))
      return emitError(use.getLoc(),
                       "expects steps that share memory only, got a value of ")
             << use.getType() << " that another kernel computes";
  std::string name =
      (model.getName() + "_kernel" + Twine(launches.size())).str();
  SmallVector<Type> types(model.getArgumentTypes());
  types.push_back(
      MemRefType::get({int64_t(image.bytes().size())}, b.getI8Type()));
  b.setInsertionPoint(model);
  auto kernel =
      func::FuncOp::create(b, loc, name, b.getFunctionType(types, {}));
  // To be an attribute of the LLVM function.
  kernel->setAttr("passthrough", b.getArrayAttr(b.getStrArrayAttr(
                                     {NVVM::NVVMDialect::getMaxntidAttrName(),
                                      std::to_string(threads)})));
  launches.push_back(b.getDictionaryAttr(
      {b.getNamedAttr("kernel", b.getStringAttr(name)),
       b.getNamedAttr("blocks", b.getI64IntegerAttr(blocks)),
       b.getNamedAttr("threads", b.getI64IntegerAttr(threads))}));
  Block *entry = kernel.addEntryBlock();
  b.setInsertionPointToStart(entry);
  func::ReturnOp::create(b, loc);
  b.setInsertionPointToStart(entry);
  map.clear();
  map.map(model.getArguments(),
          entry->getArguments().take_front(model.getNumArguments()));
  for (Value use : uses)
    rebuild(b, use, map);
  return success();
}

/// The number of this thread in the whole grid.
static Value threadNumber(OpBuilder &b, Location loc, int64_t threads) {
  Type i32 = b.getI32Type();
  Value block = NVVM::BlockIdXOp::create(b, loc, i32);
  Value thread = NVVM::ThreadIdXOp::create(b, loc, i32);
  Value size = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(threads));
  Value first = arith::MulIOp::create(b, loc, block, size);
  Value number = arith::AddIOp::create(b, loc, first, thread);
  return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), number);
}

LogicalResult KernelOutliner::outlineLoop(scf::ForOp loop) {
  Location loc = loop.getLoc();
  std::optional<int64_t> trips = getConstantIntValue(loop.getUpperBound());
  auto threadsAttr =
      loop->getAttrOfType<IntegerAttr>(QoptDialect::kThreadsAttrName);
  if (!trips || !loop.getInitArgs().empty() || !threadsAttr)
    return loop.emitOpError("expects a loop over threads that carries nothing");
  int64_t threads = threadsAttr.getInt();
  if (failed(startKernel(loc, llvm::divideCeil(*trips, threads), threads,
                         usedFromOutside(loop))))
    return failure();
  Value number = threadNumber(b, loc, threads);
  map.map(loop.getInductionVar(), number);
  if (*trips % threads != 0) {
    Value end = arith::ConstantIndexOp::create(b, loc, *trips);
    Value inside =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, end);
    auto guard = scf::IfOp::create(b, loc, inside, /*withElseRegion=*/false);
    b.setInsertionPointToStart(guard.thenBlock());
  }
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, map);
  return success();
}

LogicalResult KernelOutliner::outlineSerial(ArrayRef<Operation *> steps) {
  SmallVector<Value> uses;
  for (Operation *step : steps)
    for (Value use : usedFromOutside(step))
      if (!llvm::is_contained(steps, use.getDefiningOp()))
        uses.push_back(use);
  // What is computed from a step's result without effects comes with it.
  if (failed(startKernel(steps.front()->getLoc(), 1, 1, uses)))
    return failure();
  for (Operation *step : steps)
    b.clone(*step, map);
  return success();
}

LogicalResult KernelOutliner::run() {
  SmallVector<Operation *> steps, serial;
  for (Operation &op : model.getBody().front().without_terminator())
    if (!isMemoryEffectFree(&op) || !llvm::all_of(op.getResults(), canRepeat))
      steps.push_back(&op);
  auto flush = [&] {
    if (serial.empty())
      return success();
    LogicalResult result = outlineSerial(serial);
    serial.clear();
    return result;
  };
  for (Operation *step : steps) {
    if (!step->hasAttr(QoptDialect::kThreadsAttrName)) {
      serial.push_back(step);
      continue;
    }
    if (failed(flush()) || failed(outlineLoop(cast<scf::ForOp>(step))))
      return failure();
  }
  if (failed(flush()))
    return failure();
  for (auto kernel : module.getOps<func::FuncOp>())
    if (kernel != model)
      useWeights(kernel);
  module->setAttr(QoptDialect::kLaunchesAttrName, b.getArrayAttr(launches));
  ArrayRef<char> bytes = image.bytes();
  auto type = RankedTensorType::get({int64_t(bytes.size())}, b.getI8Type());
  module->setAttr(QoptDialect::kWeightsAttrName,
                  DenseElementsAttr::getFromRawBuffer(type, bytes));
  return success();
}

void OutlineKernels::runOnOperation() {
  ModuleOp module = getOperation();
  FailureOr<ModelInfo> info = ModelInfo::fromModule(module);
  if (failed(info))
    return signalPassFailure();
  FailureOr<func::FuncOp> model = info->findFunction(module);
  if (failed(model))
    return signalPassFailure();
  WeightImage image;
  auto globals = llvm::to_vector(module.getOps<memref::GlobalOp>());
  for (memref::GlobalOp global : globals)
    if (failed(image.add(global)))
      return signalPassFailure();
  for (auto copy : llvm::to_vector(model->getOps<memref::CopyOp>()))
    if (failed(expandCopy(copy)))
      return signalPassFailure();
  ValueSpiller(*model, *info).run();
  info->setOn(module);
  if (failed(KernelOutliner(module, *model, image).run()))
    return signalPassFailure();
  model->erase();
  for (memref::GlobalOp global : globals)
    global.erase();
}
