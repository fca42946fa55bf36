//===- StructuredOps.cpp - Loop nests of structured operations ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A structured operation is a loop nest with affine accesses. All of it runs
// in the order of the loops, with one liberty: one parallel loop is moved
// innermost and run a row at a time. Iterations of a parallel loop write
// different elements, so each element still sees its reduction in order.
//
//===----------------------------------------------------------------------===//

#include "StructuredOps.h"
#include "Scalars.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace qopt;
using namespace qopt::reference;

namespace {

/// How one operand is read or written: at `base + sum of strides * indices`,
/// or, where the map is not linear (floordiv, mod), by evaluating the map.
struct Access {
  SmallVector<int64_t> strides; // per loop
  int64_t base = 0;
  AffineMap nonlinear;
  SmallVector<int64_t> tensorStrides;
};

struct LoopNest {
  SmallVector<int64_t> ranges;
  SmallVector<bool> isParallel;
  SmallVector<Access> accesses;

  bool allLinear() const {
    return llvm::none_of(accesses, [](const Access &a) { return a.nonlinear; });
  }
};

} // namespace

/// Adds `factor * expr` to a linear access; false if it is not linear.
static bool addLinear(AffineExpr expr, int64_t factor, Access &access) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    access.strides[dim.getPosition()] += factor;
    return true;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    access.base += factor * constant.getValue();
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (expr.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), factor, access) &&
           addLinear(binary.getRHS(), factor, access);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return expr.getKind() == AffineExprKind::Mul && constant &&
         addLinear(binary.getLHS(), factor * constant.getValue(), access);
}

static Access makeAccess(AffineMap map, ArrayRef<int64_t> shape) {
  Access access;
  access.strides.assign(map.getNumDims(), 0);
  access.tensorStrides = rowMajorStrides(shape);
  for (auto [expr, stride] : llvm::zip(map.getResults(), access.tensorStrides))
    if (!addLinear(expr, stride, access)) {
      access.nonlinear = map;
      break;
    }
  return access;
}

static int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(binary.getLHS(), dims);
  int64_t b = evaluate(binary.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(a, b);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(a, b);
  default:
    return llvm::mod(a, b);
  }
}

/// The offset of an access at `point`.
static int64_t offsetAt(const Access &access, ArrayRef<int64_t> point) {
  if (!access.nonlinear)
    return std::inner_product(point.begin(), point.end(),
                              access.strides.begin(), access.base);
  int64_t offset = 0;
  for (auto [expr, stride] :
       llvm::zip(access.nonlinear.getResults(), access.tensorStrides))
    offset += stride * evaluate(expr, point);
  return offset;
}

/// Loops d and d + 1 are one loop where every access steps through them
/// as through one. Element order does not change.
static void mergeLoops(LoopNest &nest) {
  for (size_t d = nest.ranges.size(); d-- > 1;) {
    bool mergeable = nest.isParallel[d - 1] == nest.isParallel[d];
    for (const Access &access : nest.accesses)
      mergeable &= access.strides[d - 1] == access.strides[d] * nest.ranges[d];
    if (!mergeable)
      continue;
    nest.ranges[d - 1] *= nest.ranges[d];
    nest.ranges.erase(nest.ranges.begin() + d);
    nest.isParallel.erase(nest.isParallel.begin() + d);
    for (Access &access : nest.accesses) {
      access.strides[d - 1] = access.strides[d];
      access.strides.erase(access.strides.begin() + d);
    }
  }
}

/// The loop to run by rows: the innermost parallel one, unless it is short and
/// another is longer; -1 if there is none that moves all outputs.
static int64_t chooseRowLoop(const LoopNest &nest, size_t firstOutput) {
  constexpr int64_t kLongEnough = 8;
  int64_t best = -1;
  for (int64_t d = int64_t(nest.ranges.size()) - 1; d >= 0; --d) {
    bool eligible = nest.isParallel[d];
    for (const Access &output : llvm::drop_begin(nest.accesses, firstOutput))
      eligible &= !output.nonlinear && output.strides[d] != 0;
    if (!eligible)
      continue;
    if (best == -1 || nest.ranges[d] > nest.ranges[best])
      best = d;
    if (nest.ranges[best] >= kLongEnough)
      break;
  }
  return best;
}

/// Calls `row(point, offsets)` at the first element of every row, in loop
/// order. `row` returns whether to go on.
template <typename Row>
static void forEachRow(const LoopNest &nest, int64_t rowLoop, Row row) {
  if (llvm::is_contained(nest.ranges, 0))
    return;
  SmallVector<int64_t> point(nest.ranges.size(), 0);
  SmallVector<int64_t> offsets;
  for (const Access &access : nest.accesses)
    offsets.push_back(offsetAt(access, point));
  while (row(point, offsets)) {
    int64_t d = int64_t(point.size()) - 1;
    for (; d >= 0; --d) {
      if (d == rowLoop)
        continue;
      bool carry = ++point[d] == nest.ranges[d];
      int64_t steps = carry ? 1 - nest.ranges[d] : 1;
      if (carry)
        point[d] = 0;
      for (auto [access, offset] : llvm::zip(nest.accesses, offsets))
        offset += steps * access.strides[d];
      if (!carry)
        break;
    }
    if (d < 0)
      return;
    for (auto [access, offset] : llvm::zip(nest.accesses, offsets))
      if (access.nonlinear)
        offset = offsetAt(access, point);
  }
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

static float multiplyThenAdd(float acc, float a, float b) {
  return acc + a * b;
}
static float fusedMultiplyAdd(float acc, float a, float b) {
  return std::fma(a, b, acc);
}
static int32_t wrappingMultiplyAdd(int32_t acc, int32_t a, int32_t b) {
  return int32_t(uint32_t(acc) + uint32_t(a) * uint32_t(b));
}

/// One step of the reduction for a row of accumulators.
template <typename T, T (*multiplyAdd)(T, T, T)>
static void multiplyAddRow(T *acc, int64_t accStride, const T *a,
                           int64_t aStride, const T *b, int64_t bStride,
                           int64_t count) {
  if (accStride == 1 && aStride == 0 && bStride == 1) {
    T scalar = *a;
    for (int64_t i = 0; i != count; ++i)
      acc[i] = multiplyAdd(acc[i], scalar, b[i]);
    return;
  }
  if (accStride == 1 && aStride == 1 && bStride == 0)
    return multiplyAddRow<T, multiplyAdd>(acc, 1, b, 0, a, 1, count);
  for (int64_t i = 0; i != count; ++i)
    acc[i * accStride] =
        multiplyAdd(acc[i * accStride], a[i * aStride], b[i * bStride]);
}

/// Rows should be contiguous: an operand that is strided along the row is
/// copied so that the row loop comes last, unless its windows overlap.
template <typename T>
static void packRows(std::vector<T> &packed, const T *&data, Access &access,
                     const LoopNest &nest, int64_t rowLoop, int64_t size) {
  if (rowLoop < 0 || access.strides[rowLoop] == 0 ||
      access.strides[rowLoop] == 1)
    return;
  LoopNest copy;
  SmallVector<int64_t> loops;
  for (size_t d = 0; d != nest.ranges.size(); ++d)
    if (access.strides[d] != 0 && int64_t(d) != rowLoop)
      loops.push_back(d);
  loops.push_back(rowLoop);
  Access source;
  source.base = access.base;
  int64_t count = 1;
  for (int64_t d : loops) {
    copy.ranges.push_back(nest.ranges[d]);
    source.strides.push_back(access.strides[d]);
    count *= nest.ranges[d];
  }
  if (count > size)
    return;
  copy.accesses.push_back(source);
  packed.reserve(count);
  forEachRow(copy, -1, [&](ArrayRef<int64_t>, ArrayRef<int64_t> offsets) {
    packed.push_back(data[offsets[0]]);
    return true;
  });
  SmallVector<int64_t> strides = rowMajorStrides(copy.ranges);
  access.base = 0;
  for (auto [d, stride] : llvm::zip(loops, strides))
    access.strides[d] = stride;
  data = packed.data();
}

template <typename T, T (*multiplyAdd)(T, T, T)>
static void contractRows(LoopNest &nest, const HostTensor &lhs,
                         const HostTensor &rhs, HostTensor &out) {
  mergeLoops(nest);
  int64_t rowLoop = chooseRowLoop(nest, 2);
  int64_t length = rowLoop < 0 ? 1 : nest.ranges[rowLoop];
  const T *a = lhs.data<T>().data(), *b = rhs.data<T>().data();
  T *acc = out.data<T>().data();
  std::vector<T> packedA, packedB;
  packRows(packedA, a, nest.accesses[0], nest, rowLoop, lhs.numElements());
  packRows(packedB, b, nest.accesses[1], nest, rowLoop, rhs.numElements());
  int64_t strides[3] = {0, 0, 0};
  if (rowLoop >= 0)
    for (int i = 0; i != 3; ++i)
      strides[i] = nest.accesses[i].strides[rowLoop];
  forEachRow(nest, rowLoop, [&](ArrayRef<int64_t>, ArrayRef<int64_t> at) {
    multiplyAddRow<T, multiplyAdd>(acc + at[2], strides[2], a + at[0],
                                   strides[0], b + at[1], strides[1], length);
    return true;
  });
}

static LoopNest makeNest(linalg::LinalgOp op, ArrayRef<AffineMap> maps,
                         ArrayRef<ArrayRef<int64_t>> shapes) {
  LoopNest nest;
  nest.ranges = op.getStaticLoopRanges();
  for (utils::IteratorType type : op.getIteratorTypesArray())
    nest.isParallel.push_back(type == utils::IteratorType::parallel);
  for (auto [map, shape] : llvm::zip(maps, shapes))
    nest.accesses.push_back(makeAccess(map, shape));
  return nest;
}

TensorRef reference::contract(const Contraction &contraction,
                              const TensorRef &lhs, const TensorRef &rhs,
                              const TensorRef &init) {
  auto out = std::make_shared<HostTensor>(*init);
  LoopNest nest =
      makeNest(contraction.op,
               {contraction.lhsMap, contraction.rhsMap, contraction.outMap},
               {lhs->shape, rhs->shape, out->shape});
  if (out->dtype != DType::F32)
    contractRows<int32_t, wrappingMultiplyAdd>(nest, *lhs, *rhs, *out);
  else if (contraction.oneRounding)
    contractRows<float, fusedMultiplyAdd>(nest, *lhs, *rhs, *out);
  else
    contractRows<float, multiplyThenAdd>(nest, *lhs, *rhs, *out);
  return out;
}

TensorRef reference::toInt32(const TensorRef &tensor, bool isUnsigned,
                             unsigned width) {
  if (tensor->dtype == DType::I32)
    return tensor;
  auto result = std::make_shared<HostTensor>(DType::I32, tensor->shape);
  MutableArrayRef<int32_t> to = result->data<int32_t>();
  Register row;
  for (int64_t start = 0, e = to.size(); start < e; start += kRowLength) {
    int64_t count = std::min(kRowLength, e - start);
    loadRow(*tensor, start, 1, count, row);
    for (int64_t i = 0; i != count; ++i)
      to[start + i] = isUnsigned ? int32_t(asUnsigned(row.ints()[i], width))
                                 : int32_t(row.ints()[i]);
  }
  return result;
}

/// Whether a contraction's factor `argument` is zero-extended in the body.
static bool isZeroExtended(BlockArgument argument) {
  return llvm::any_of(argument.getUsers(), [](Operation *user) {
    return isa<arith::ExtUIOp>(user);
  });
}

/// A contraction that contract() can run: f32, or integers with an i32
/// accumulator.
static std::optional<TensorRef> runContraction(linalg::LinalgOp op,
                                               ArrayRef<TensorRef> operands) {
  std::optional<Contraction> contraction = matchContraction(op);
  if (!contraction || op.hasDynamicShape())
    return std::nullopt;
  for (AffineMap map :
       {contraction->lhsMap, contraction->rhsMap, contraction->outMap})
    if (makeAccess(map, SmallVector<int64_t>(map.getNumResults(), 2)).nonlinear)
      return std::nullopt;
  auto find = [&](Value value) -> OpOperand * {
    for (OpOperand &operand : op->getOpOperands())
      if (operand.get() == value)
        return &operand;
    return nullptr;
  };
  OpOperand *lhs = find(contraction->lhs), *rhs = find(contraction->rhs);
  OpOperand *init = op.getDpsInitOperand(0);
  // x * x: the two factors are one operand, which the general path handles.
  if (!lhs || !rhs || contraction->lhs == contraction->rhs)
    return std::nullopt;
  TensorRef a = operands[lhs->getOperandNumber()];
  TensorRef b = operands[rhs->getOperandNumber()];
  TensorRef c = operands[init->getOperandNumber()];
  if (c->dtype == DType::F32 && a->dtype == DType::F32 &&
      b->dtype == DType::F32)
    return contract(*contraction, a, b, c);
  Type accType = getElementTypeOrSelf(init->get());
  Type aType = getElementTypeOrSelf(lhs->get());
  Type bType = getElementTypeOrSelf(rhs->get());
  if (!accType.isInteger(32) || !aType.isInteger() || !bType.isInteger() ||
      bitWidth(aType) > 32 || bitWidth(bType) > 32)
    return std::nullopt;
  a = toInt32(a, isZeroExtended(op.getMatchingBlockArgument(lhs)),
              bitWidth(aType));
  b = toInt32(b, isZeroExtended(op.getMatchingBlockArgument(rhs)),
              bitWidth(bType));
  return contract(*contraction, a, b, c);
}

//===----------------------------------------------------------------------===//
// Integer reductions
//===----------------------------------------------------------------------===//

TensorRef reference::reduceIntegers(linalg::LinalgOp op, const TensorRef &input,
                                    bool isMax) {
  ArrayRef<int64_t> shape =
      cast<ShapedType>(op->getResult(0).getType()).getShape();
  auto out = std::make_shared<HostTensor>(DType::I32, shape);
  int32_t *acc = out->data<int32_t>().data();
  const int32_t *data = input->data<int32_t>().data();
  if (isMax)
    std::fill_n(acc, out->numElements(), INT32_MIN);
  LoopNest nest = makeNest(op,
                           {op.getMatchingIndexingMap(op.getDpsInputOperand(0)),
                            op.getMatchingIndexingMap(op.getDpsInitOperand(0))},
                           {input->shape, shape});
  forEachRow(nest, -1, [&](ArrayRef<int64_t>, ArrayRef<int64_t> at) {
    int32_t value = data[at[0]];
    int32_t &sum = acc[at[1]];
    sum = isMax ? std::max(sum, value) : wrappingMultiplyAdd(sum, value, 1);
    return true;
  });
  return out;
}

//===----------------------------------------------------------------------===//
// Any body
//===----------------------------------------------------------------------===//

/// Reads a row of an operand; a nonlinear access element by element.
static void readOperand(const HostTensor &tensor, const Access &access,
                        const RowFrame &frame, int64_t offset, Register &to) {
  if (!access.nonlinear) {
    int64_t stride = frame.rowLoop < 0 ? 0 : access.strides[frame.rowLoop];
    return loadRow(tensor, offset, stride, frame.length, to);
  }
  SmallVector<int64_t> point(frame.point);
  Register element;
  for (int64_t i = 0; i != frame.length; ++i) {
    loadRow(tensor, offsetAt(access, point), 0, 1, element);
    if (tensor.dtype == DType::F32)
      to.f32()[i] = element.f32()[0];
    else
      to.ints()[i] = element.ints()[0];
    if (frame.rowLoop >= 0)
      ++point[frame.rowLoop];
  }
}

/// Runs `program` over the nest. Accesses and tensors are those of its inputs;
/// those from `firstOutput` on are also written, in the order of its results.
static Error runProgram(const RowProgram &program, LoopNest &nest,
                        ArrayRef<TensorRef> inputs,
                        ArrayRef<std::shared_ptr<HostTensor>> outputs,
                        bool readOutputs) {
  size_t firstOutput = inputs.size();
  if (nest.allLinear() && !program.readsLoopIndices())
    mergeLoops(nest);
  RowFrame frame = program.makeFrame();
  frame.rowLoop = chooseRowLoop(nest, firstOutput);
  int64_t total = frame.rowLoop < 0 ? 1 : nest.ranges[frame.rowLoop];
  Error error = Error::success();
  forEachRow(
      nest, frame.rowLoop,
      [&](ArrayRef<int64_t> point, ArrayRef<int64_t> offsets) {
        frame.point.assign(point.begin(), point.end());
        for (int64_t start = 0; start < total; start += kRowLength) {
          frame.length = std::min(kRowLength, total - start);
          if (frame.rowLoop >= 0)
            frame.point[frame.rowLoop] = start;
          auto offsetOf = [&](size_t i) {
            const Access &access = nest.accesses[i];
            return offsets[i] + (frame.rowLoop < 0
                                     ? 0
                                     : start * access.strides[frame.rowLoop]);
          };
          size_t numRead = firstOutput + (readOutputs ? outputs.size() : 0);
          for (size_t i = 0; i != numRead; ++i)
            readOperand(i < firstOutput ? *inputs[i]
                                        : *outputs[i - firstOutput],
                        nest.accesses[i], frame, offsetOf(i),
                        frame.registers[program.inputs()[i]]);
          if (Error failed = program.run(frame)) {
            error = std::move(failed);
            return false;
          }
          for (size_t j = 0; j != outputs.size(); ++j) {
            const Access &access = nest.accesses[firstOutput + j];
            int64_t stride =
                frame.rowLoop < 0 ? 0 : access.strides[frame.rowLoop];
            storeRow(frame.registers[program.results()[j]], frame.length,
                     *outputs[j], offsetOf(firstOutput + j), stride);
          }
        }
        return true;
      });
  return error;
}

Expected<SmallVector<TensorRef>>
reference::runStructured(linalg::LinalgOp op, ArrayRef<TensorRef> operands,
                         OutsideValues outside) {
  if (op.hasDynamicShape())
    return errorAt(op.getLoc(), "expects static shapes");
  if (std::optional<TensorRef> result = runContraction(op, operands))
    return SmallVector<TensorRef>{*result};

  Expected<RowProgram> program = RowProgram::ofBlock(*op.getBlock(), outside);
  if (!program)
    return program.takeError();
  SmallVector<ArrayRef<int64_t>> shapes;
  for (const TensorRef &operand : operands)
    shapes.push_back(operand->shape);
  LoopNest nest = makeNest(op, op.getIndexingMapsArray(), shapes);
  size_t numInputs = op.getNumDpsInputs();
  SmallVector<std::shared_ptr<HostTensor>> outputs;
  bool readOutputs = false;
  for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable())) {
    outputs.push_back(std::make_shared<HostTensor>(*operands[numInputs + i]));
    readOutputs |= op.payloadUsesValueFromOperand(&init);
  }
  if (Error error = runProgram(*program, nest, operands.take_front(numInputs),
                               outputs, readOutputs))
    return std::move(error);
  return SmallVector<TensorRef>(outputs.begin(), outputs.end());
}

Expected<SmallVector<TensorRef>>
reference::runElementwise(Operation *op, ArrayRef<TensorRef> operands) {
  Expected<RowProgram> program = RowProgram::ofOperation(op);
  if (!program)
    return program.takeError();
  SmallVector<std::shared_ptr<HostTensor>> outputs;
  LoopNest nest;
  Access all;
  all.strides = {1};
  for (Value result : op->getResults()) {
    Expected<HostTensor> made = makeTensor(result.getType(), op->getLoc());
    if (!made)
      return made.takeError();
    outputs.push_back(std::make_shared<HostTensor>(std::move(*made)));
  }
  nest.ranges = {outputs[0]->numElements()};
  nest.isParallel = {true};
  for (const TensorRef &operand : operands) {
    // The scalar condition of a select on tensors.
    all.strides = {operand->numElements() == 1 ? 0 : 1};
    nest.accesses.push_back(all);
  }
  all.strides = {1};
  nest.accesses.append(outputs.size(), all);
  if (Error error = runProgram(*program, nest, operands, outputs, false))
    return std::move(error);
  return SmallVector<TensorRef>(outputs.begin(), outputs.end());
}
