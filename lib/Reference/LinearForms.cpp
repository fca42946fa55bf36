//===- LinearForms.cpp - Values that are integers times scales ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function per line of the table in docs/Numerics.md, section 2.
//
//===----------------------------------------------------------------------===//

#include "LinearForms.h"
#include "Scalars.h"

#include "qopt/Reference/LinearRules.h"
#include "qopt/Support/QuantMath.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::reference;

using Rule = Expected<std::optional<RuntimeValue>>;

static RuntimeValue asValue(LinearForm form) {
  return {nullptr, std::make_shared<LinearForm>(std::move(form))};
}

static ParamLayout layoutOf(const Scales &scales) {
  return {scales.map, scales.shape};
}

static Scales withLayout(const Scales &scales, const ParamLayout &layout) {
  return {layout.map, layout.shape, scales.values};
}

//===----------------------------------------------------------------------===//
// Leaving the forms
//===----------------------------------------------------------------------===//

/// The sum of f32(I_k) * factor(s_k) in term order.
template <typename Factor>
static std::vector<float> sumTerms(const LinearForm &form, Factor factor) {
  std::vector<float> sum;
  for (const LinearTerm &term : form.terms) {
    std::vector<float> factors;
    for (double scale : term.scales.values)
      factors.push_back(factor(scale));
    ArrayRef<int32_t> integers = term.integers->data<int32_t>();
    bool isFirst = sum.empty();
    sum.resize(integers.size());
    forEachParameter(term.scales.map, term.integers->shape, term.scales.shape,
                     [&](int64_t i, int64_t p) {
                       float product = float(integers[i]) * factors[p];
                       sum[i] = isFirst ? product : sum[i] + product;
                     });
  }
  return sum;
}

TensorRef reference::materialize(const LinearForm &form) {
  std::vector<float> sum = sumTerms(form, roundScale);
  auto result =
      std::make_shared<HostTensor>(DType::F32, form.terms[0].integers->shape);
  MutableArrayRef<float> output = result->data<float>();
  for (size_t i = 0; i != sum.size(); ++i) {
    float raised = sum[i] < form.lo ? form.lo : sum[i];
    output[i] = raised > form.hi ? form.hi : raised;
  }
  return result;
}

/// The quantized integers of a form: one multiplier per term, clamped in
/// integers.
static std::vector<int32_t> roundTerms(const LinearForm &form, float outScale,
                                       int32_t zeroPoint,
                                       QuantizedClamp clamp) {
  std::vector<float> sum = sumTerms(form, [&](double s) {
    return requantizeMultiplier(s, double(outScale));
  });
  std::vector<int32_t> result;
  for (float real : sum)
    result.push_back(roundToStorage(real, zeroPoint, clamp.lo, clamp.hi));
  return result;
}

/// The same in fixed point.
static std::vector<int32_t> roundTermsFixedPoint(const LinearForm &form,
                                                 float outScale,
                                                 int32_t zeroPoint,
                                                 QuantizedClamp clamp) {
  double ratios = 0;
  for (const LinearTerm &term : form.terms)
    ratios += largestRatio(term.scales.values, double(outScale));
  int shift = fixedPointShift(ratios);
  std::vector<uint64_t> sum(form.terms[0].integers->numElements());
  for (const LinearTerm &term : form.terms) {
    std::vector<int64_t> multipliers;
    for (double scale : term.scales.values)
      multipliers.push_back(
          fixedPointMultiplier(scale / double(outScale), shift));
    ArrayRef<int32_t> integers = term.integers->data<int32_t>();
    forEachParameter(term.scales.map, term.integers->shape, term.scales.shape,
                     [&](int64_t i, int64_t p) {
                       sum[i] += uint64_t(integers[i] * multipliers[p]);
                     });
  }
  std::vector<int32_t> result;
  for (uint64_t products : sum)
    result.push_back(roundFixedPoint(int64_t(products), shift, zeroPoint,
                                     clamp.lo, clamp.hi));
  return result;
}

/// quantize of a form.
static Rule quantizeForm(QuantizeOp op, const FormEnvironment &environment) {
  const LinearForm *form = environment.form(op.getInput());
  if (!form || op.getParams().getNumResults() != 0)
    return std::nullopt;
  Expected<TensorRef> scale = environment.tensor(op.getScale());
  if (!scale)
    return scale.takeError();
  Expected<TensorRef> zeroPoint = environment.tensor(op.getZeroPoint());
  if (!zeroPoint)
    return zeroPoint.takeError();
  float outScale = (*scale)->data<float>()[0];
  int32_t zero = (*zeroPoint)->data<int32_t>()[0];
  int32_t lo = op.getRange()[0], hi = op.getRange()[1];
  QuantizedClamp clamp =
      quantizeClamp(form->lo, form->hi, outScale, zero, lo, hi);
  std::vector<int32_t> rounded =
      (environment.fixedPoint ? roundTermsFixedPoint
                              : roundTerms)(*form, outScale, zero, clamp);
  Expected<HostTensor> made = makeTensor(op.getResult().getType(), op.getLoc());
  if (!made)
    return made.takeError();
  auto result = std::make_shared<HostTensor>(std::move(*made));
  unsigned width = bitWidth(getElementTypeOrSelf(op.getResult()));
  Register row;
  for (int64_t start = 0, e = rounded.size(); start < e; start += kRowLength) {
    int64_t count = std::min(kRowLength, e - start);
    for (int64_t i = 0; i != count; ++i)
      row.ints()[i] = wrap(rounded[start + i], width);
    storeRow(row, count, *result, start, 1);
  }
  return RuntimeValue{result, nullptr};
}

//===----------------------------------------------------------------------===//
// dequantize: one term (ext(q) - z, s)
//===----------------------------------------------------------------------===//

static Rule dequantizeToForm(DequantizeOp op,
                             const FormEnvironment &environment) {
  Expected<TensorRef> input = environment.tensor(op.getInput());
  if (!input)
    return input.takeError();
  Expected<TensorRef> scale = environment.tensor(op.getScale());
  if (!scale)
    return scale.takeError();
  Expected<TensorRef> zeroPoint = environment.tensor(op.getZeroPoint());
  if (!zeroPoint)
    return zeroPoint.takeError();
  unsigned width = bitWidth(getElementTypeOrSelf(op.getInput()));
  auto integers = std::make_shared<HostTensor>(
      *toInt32(*input, op.getUnsignedInput(), width));
  ArrayRef<int32_t> zero = (*zeroPoint)->data<int32_t>();
  MutableArrayRef<int32_t> values = integers->data<int32_t>();
  forEachParameter(op.getParams(), integers->shape, (*scale)->shape,
                   [&](int64_t i, int64_t p) {
                     values[i] =
                         int32_t(uint32_t(values[i]) - uint32_t(zero[p]));
                   });
  Scales scales{op.getParams(), llvm::to_vector<6>((*scale)->shape), {}};
  for (float s : (*scale)->data<float>())
    scales.values.push_back(s);
  // One scale is one scale, also where a map of one channel selects it.
  if (scales.values.size() == 1)
    scales = {AffineMap::get(integers->shape.size(), 0, op.getContext()),
              {},
              scales.values};
  LinearForm form;
  form.terms.push_back({integers, std::move(scales)});
  return asValue(std::move(form));
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

static TensorRef zeros(ArrayRef<int64_t> shape) {
  return std::make_shared<HostTensor>(DType::I32, shape);
}

/// Whether a bias was quantized with the scales of the products, which its f32
/// scales are up to one rounding.
static bool isBiasOf(const Scales &bias, const Scales &products) {
  if (bias.map != products.map || bias.values.size() != products.values.size())
    return false;
  for (auto [b, p] : llvm::zip(bias.values, products.values))
    if (!isBiasScale(float(b), p))
      return false;
  return true;
}

namespace {
/// How the scales of grouped weights fall apart. A group is an index of the
/// scale tensor apart from the channel's dimensions.
struct WeightGroups {
  int64_t count = 1;
  /// The group of each parameter.
  std::vector<int64_t> ofParam;
  /// Of each group, the parameter of the first channel.
  SmallVector<int64_t> firstParam;
  /// From the output's dimensions to the scale tensor, at the first group.
  SmallVector<AffineExpr> outExprs;
};
} // namespace

static WeightGroups splitGroups(const Contraction &contraction,
                                const Scales &scales) {
  WeightGroups groups;
  // Split the dimensions of the scale tensor: those of the channel have the
  // same index for all weights that one output element reads.
  SmallVector<bool> isChannel;
  SmallVector<int64_t> target(contraction.rhsMap.getNumResults(), -1);
  for (auto [out, in] :
       llvm::zip(contraction.outChannelDims, contraction.rhsChannelDims))
    target[in] = out;
  MLIRContext *context = scales.map.getContext();
  for (AffineExpr expr : scales.map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    isChannel.push_back(dim && target[dim.getPosition()] >= 0);
    groups.outExprs.push_back(
        isChannel.back() ? getAffineDimExpr(target[dim.getPosition()], context)
                         : getAffineConstantExpr(0, context));
  }
  // The group of each weight: its index over the other dimensions, row-major.
  SmallVector<int64_t> scaleStrides = rowMajorStrides(scales.shape);
  groups.ofParam.assign(scales.values.size(), 0);
  for (size_t p = 0; p != groups.ofParam.size(); ++p) {
    bool isFirstChannel = true;
    int64_t &group = groups.ofParam[p];
    for (size_t d = 0; d != scales.shape.size(); ++d) {
      int64_t index = int64_t(p) / scaleStrides[d] % scales.shape[d];
      if (isChannel[d])
        isFirstChannel &= index == 0;
      else
        group = group * scales.shape[d] + index;
    }
    if (isFirstChannel)
      groups.firstParam.push_back(p);
    groups.count = std::max(groups.count, group + 1);
  }
  return groups;
}

/// Grouped weights: f32 sum over the groups of f32(acc_g) * f32(s_a * s_w[g]).
static Rule contractGroups(const Contraction &contraction,
                           const LinearForm &lhs, const LinearForm &rhs,
                           const FormEnvironment &environment) {
  const Scales &scales = rhs.terms[0].scales;
  const TensorRef &weights = rhs.terms[0].integers;
  WeightGroups groups = splitGroups(contraction, scales);
  ArrayRef<int64_t> outShape =
      cast<ShapedType>(contraction.init.getType()).getShape();
  AffineMap outMap = AffineMap::get(outShape.size(), 0, groups.outExprs,
                                    scales.map.getContext());
  auto result = std::make_shared<HostTensor>(DType::F32, outShape);
  MutableArrayRef<float> sum = result->data<float>();
  for (int64_t g = 0; g != groups.count; ++g) {
    auto masked = std::make_shared<HostTensor>(DType::I32, weights->shape);
    forEachParameter(
        scales.map, weights->shape, scales.shape, [&](int64_t i, int64_t p) {
          if (groups.ofParam[p] == g)
            masked->data<int32_t>()[i] = weights->data<int32_t>()[i];
        });
    TensorRef acc =
        contract(contraction, lhs.terms[0].integers, masked, zeros(outShape));
    double lhsScale = lhs.terms[0].scales.values[0];
    forEachParameter(outMap, outShape, scales.shape, [&](int64_t i, int64_t p) {
      float scale =
          roundScale(lhsScale * scales.values[p + groups.firstParam[g]]);
      float product = float(acc->data<int32_t>()[i]) * scale;
      sum[i] = g == 0 ? product : sum[i] + product;
    });
  }
  if (matchUniformInit(contraction.init) != 0.0f) {
    Expected<TensorRef> bias = environment.tensor(contraction.init);
    if (!bias)
      return bias.takeError();
    for (auto [value, b] : llvm::zip(sum, (*bias)->data<float>()))
      value = value + b;
  }
  return RuntimeValue{result, nullptr};
}

static Rule contractForms(const Contraction &contraction,
                          const FormEnvironment &environment) {
  if (!isDequantizedWeight(contraction.rhs))
    return std::nullopt;
  const LinearForm *lhs = environment.form(contraction.lhs);
  const LinearForm *rhs = environment.form(contraction.rhs);
  if (!lhs || !rhs || !lhs->isPlain() || rhs->terms.size() != 1 ||
      rhs->isClamped() || !lhs->terms[0].scales.map.getResults().empty())
    return std::nullopt;
  const Scales &weightScales = rhs->terms[0].scales;
  std::optional<ParamLayout> layout =
      contractParams(contraction, layoutOf(weightScales));
  if (!layout)
    return contractGroups(contraction, *lhs, *rhs, environment);

  Scales scales = withLayout(weightScales, *layout);
  for (double &scale : scales.values)
    scale = lhs->terms[0].scales.values[0] * scale;
  TensorRef init;
  if (matchUniformInit(contraction.init) == 0.0f) {
    init = zeros(cast<ShapedType>(contraction.init.getType()).getShape());
  } else {
    const LinearForm *bias = environment.form(contraction.init);
    if (!bias || !bias->isPlain() || !isBiasOf(bias->terms[0].scales, scales))
      return std::nullopt;
    init = bias->terms[0].integers;
  }
  TensorRef sum = contract(contraction, lhs->terms[0].integers,
                           rhs->terms[0].integers, init);
  LinearForm form;
  form.terms.push_back({sum, std::move(scales)});
  return asValue(std::move(form));
}

//===----------------------------------------------------------------------===//
// Elementwise operations
//===----------------------------------------------------------------------===//

/// The terms of an operand, moved to the shape of the elementwise result.
static SmallVector<LinearTerm, 2>
broadcastTerms(linalg::GenericOp op, unsigned operand, const LinearForm &form) {
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(operand));
  SmallVector<LinearTerm, 2> terms;
  ArrayRef<int64_t> shape =
      cast<ShapedType>(op.getResult(0).getType()).getShape();
  for (const LinearTerm &term : form.terms) {
    LinearTerm moved = term;
    if (!map.isIdentity()) {
      auto integers = std::make_shared<HostTensor>(DType::I32, shape);
      ArrayRef<int32_t> from = term.integers->data<int32_t>();
      MutableArrayRef<int32_t> to = integers->data<int32_t>();
      forEachParameter(map, shape, term.integers->shape,
                       [&](int64_t i, int64_t p) { to[i] = from[p]; });
      moved.integers = integers;
      moved.scales =
          withLayout(term.scales,
                     broadcastParams(map, shape.size(), layoutOf(term.scales)));
    }
    terms.push_back(std::move(moved));
  }
  return terms;
}

static bool isPerChannel(const LinearForm &form) {
  return llvm::all_of(form.terms, [](const LinearTerm &term) {
    return term.scales.isPerChannel();
  });
}

/// The lists joined; subtraction negates the right operand's scales.
static Rule addForms(linalg::GenericOp op, bool subtract,
                     const FormEnvironment &environment) {
  const LinearForm *lhs = environment.form(op.getInputs()[0]);
  const LinearForm *rhs = environment.form(op.getInputs()[1]);
  if (!lhs || !rhs || lhs->isClamped() || rhs->isClamped() ||
      !isPerChannel(*lhs) || !isPerChannel(*rhs))
    return std::nullopt;
  LinearForm form;
  form.terms = broadcastTerms(op, 0, *lhs);
  for (LinearTerm &term : broadcastTerms(op, 1, *rhs)) {
    if (subtract)
      for (double &scale : term.scales.values)
        scale = -scale;
    form.terms.push_back(std::move(term));
  }
  return asValue(std::move(form));
}

/// One term I_a * I_b with s_a * s_b.
static Rule multiplyForms(linalg::GenericOp op,
                          const FormEnvironment &environment) {
  const LinearForm *lhs = environment.form(op.getInputs()[0]);
  const LinearForm *rhs = environment.form(op.getInputs()[1]);
  if (!lhs || !rhs || !lhs->isPlain() || !rhs->isPlain())
    return std::nullopt;
  LinearTerm a = broadcastTerms(op, 0, *lhs)[0];
  LinearTerm b = broadcastTerms(op, 1, *rhs)[0];
  bool aVaries = a.scales.map.getNumResults() != 0;
  bool bVaries = b.scales.map.getNumResults() != 0;
  if (aVaries && bVaries && a.scales.map != b.scales.map)
    return std::nullopt;
  Scales scales = aVaries ? a.scales : b.scales;
  for (size_t i = 0; i != scales.values.size(); ++i)
    scales.values[i] =
        a.scales.values[aVaries ? i : 0] * b.scales.values[bVaries ? i : 0];
  auto product = std::make_shared<HostTensor>(DType::I32, a.integers->shape);
  for (auto [p, x, y] :
       llvm::zip(product->data<int32_t>(), a.integers->data<int32_t>(),
                 b.integers->data<int32_t>()))
    p = int32_t(uint32_t(x) * uint32_t(y));
  LinearForm form;
  form.terms.push_back({product, std::move(scales)});
  return asValue(std::move(form));
}

/// Multiplication by a constant c > 0: every scale and the clamp times c.
static Rule scaleForm(const ScalarMultiply &multiply,
                      const FormEnvironment &environment) {
  const LinearForm *input = environment.form(multiply.input);
  if (!input || !(multiply.factor > 0.0f) || std::isinf(multiply.factor))
    return std::nullopt;
  LinearForm form = *input;
  double factor = multiply.factor;
  for (LinearTerm &term : form.terms)
    for (double &scale : term.scales.values)
      scale = scale * factor;
  form.lo = float(double(form.lo) * factor);
  form.hi = float(double(form.hi) * factor);
  return asValue(std::move(form));
}

static Rule clampForm(const Clamp &clamp, const FormEnvironment &environment) {
  const LinearForm *input = environment.form(clamp.input);
  if (!input)
    return std::nullopt;
  // Clamping [a, b] into [lo, hi]: both ends are clamped, for they may be
  // disjoint.
  LinearForm form = *input;
  form.lo = std::min(std::max(form.lo, clamp.lo), clamp.hi);
  form.hi = std::min(std::max(form.hi, clamp.lo), clamp.hi);
  return asValue(std::move(form));
}

//===----------------------------------------------------------------------===//
// Pooling and sums
//===----------------------------------------------------------------------===//

static Rule reduceForm(linalg::LinalgOp op, bool isMax,
                       const FormEnvironment &environment) {
  const LinearForm *input = environment.form(op.getDpsInputs()[0]);
  float neutral = isMax ? -std::numeric_limits<float>::infinity() : 0.0f;
  if (!input || input->terms.size() != 1 || (!isMax && input->isClamped()) ||
      matchUniformInit(op.getDpsInits()[0]) != neutral)
    return std::nullopt;
  const LinearTerm &term = input->terms[0];
  std::optional<ParamLayout> layout = reduceParams(op, layoutOf(term.scales));
  bool isPositive =
      llvm::all_of(term.scales.values, [](double scale) { return scale > 0; });
  if (!layout || (isMax && !isPositive))
    return std::nullopt;
  TensorRef reduced = reduceIntegers(op, term.integers, isMax);
  if (isMax && llvm::is_contained(reduced->data<int32_t>(), INT32_MIN))
    return errorAt(op.getLoc(), "a window lies wholly in the padding");
  LinearForm form;
  form.lo = input->lo;
  form.hi = input->hi;
  form.terms.push_back({reduced, withLayout(term.scales, *layout)});
  return asValue(std::move(form));
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// Softmax of the `count` elements from `row` on, `step` apart.
static void softmaxRow(MutableArrayRef<int32_t> values, int64_t row,
                       int64_t count, int64_t step, ArrayRef<int32_t> table) {
  int32_t largest = values[row];
  for (int64_t i = 1; i < count; ++i)
    largest = std::max(largest, values[row + i * step]);
  int32_t sum = 0;
  for (int64_t i = 0; i != count; ++i) {
    int32_t &value = values[row + i * step];
    value = table[largest - value];
    sum += value;
  }
  for (int64_t i = 0; i != count; ++i)
    values[row + i * step] = softmaxQuotient(values[row + i * step], sum);
}

/// Softmax of 8-bit integers in fixed point.
static Rule softmaxForm(linalg::SoftmaxOp op,
                        const FormEnvironment &environment) {
  const LinearForm *input = environment.form(op.getInput());
  if (!environment.fixedPoint || !isEightBit(op.getInput()) || !input ||
      !input->isPlain() || !input->terms[0].scales.isPerTensor())
    return std::nullopt;
  const LinearTerm &term = input->terms[0];
  int64_t dim = op.getDimension();
  int64_t count = term.integers->shape[dim];
  std::vector<int32_t> table = softmaxTable(term.scales.values[0], count);
  auto integers = std::make_shared<HostTensor>(*term.integers);
  MutableArrayRef<int32_t> values = integers->data<int32_t>();
  forEachRowAlong(integers->shape, dim, [&](int64_t first, int64_t step) {
    softmaxRow(values, first, count, step, table);
  });
  LinearForm form;
  form.terms.push_back(
      {integers, {term.scales.map, {}, {std::ldexp(1.0, -kSoftmaxBits)}}});
  return asValue(std::move(form));
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

/// The integer that stands for the value of a pad: 0, or for -inf, which only
/// max pooling reads, the least i32.
static std::optional<int32_t> paddingInteger(tensor::PadOp pad,
                                             const LinearForm &form) {
  std::optional<float> value =
      matchFloatConstant(pad.getConstantPaddingValue());
  if (value && *value == 0.0f && form.lo <= 0.0f && form.hi >= 0.0f)
    return 0;
  bool feedsMaxPooling = llvm::all_of(pad->getUsers(), [](Operation *user) {
    return matchPooling(user) == PoolingKind::Max;
  });
  if (value && *value == -std::numeric_limits<float>::infinity() &&
      feedsMaxPooling)
    return INT32_MIN;
  return std::nullopt;
}

/// Runs movement on the integers of one term, as 32-bit patterns.
static Expected<TensorRef> moveIntegers(Operation *op, Value moved,
                                        ArrayRef<TensorRef> terms,
                                        int32_t padding,
                                        const FormEnvironment &environment) {
  SmallVector<TensorRef> operands;
  const TensorRef *nextTerm = terms.begin();
  for (Value operand : op->getOperands()) {
    bool isMoved =
        moved ? operand == moved : environment.form(operand) != nullptr;
    if (isMoved) {
      operands.push_back(relabel(*nextTerm, DType::F32));
      if (!moved)
        ++nextTerm;
      continue;
    }
    Expected<TensorRef> tensor = environment.tensor(operand);
    if (!tensor)
      return tensor.takeError();
    operands.push_back(*tensor);
  }
  Expected<TensorRef> result = TensorRef();
  if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
    auto outside = [&](Value value) -> Expected<TensorRef> {
      if (value == moved)
        return relabel(*terms.begin(), DType::F32);
      return environment.tensor(value);
    };
    auto results = runStructured(structured, operands, outside);
    if (!results)
      return results.takeError();
    result = (*results)[0];
  } else {
    HostTensor fill(DType::I32, {});
    fill.data<int32_t>()[0] = padding;
    auto moved = runTensorOp(op, operands, environment.tensor, &fill);
    if (!moved)
      return moved.takeError();
    result = **moved;
  }
  return relabel(*result, DType::I32);
}

/// Concatenation of one-term forms that agree on scale (per tensor) and clamp.
static Rule concatForms(tensor::ConcatOp op,
                        const FormEnvironment &environment) {
  SmallVector<TensorRef> integers;
  const LinearForm *first = environment.form(op.getInputs()[0]);
  for (Value input : op.getInputs()) {
    const LinearForm *form = environment.form(input);
    if (!form || form->terms.size() != 1 ||
        form->terms[0].scales.map.getNumResults() != 0 ||
        form->terms[0].scales.values != first->terms[0].scales.values ||
        form->lo != first->lo || form->hi != first->hi)
      return std::nullopt;
    integers.push_back(form->terms[0].integers);
  }
  Expected<TensorRef> moved =
      moveIntegers(op, Value(), integers, 0, environment);
  if (!moved)
    return moved.takeError();
  LinearForm form = *first;
  form.terms[0].integers = *moved;
  return asValue(std::move(form));
}

static Rule moveForm(Operation *op, const FormEnvironment &environment) {
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    return concatForms(concat, environment);
  Value moved = movedOperand(op);
  const LinearForm *input = moved ? environment.form(moved) : nullptr;
  if (!input)
    return std::nullopt;
  int32_t padding = 0;
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    std::optional<int32_t> integer = paddingInteger(pad, *input);
    if (!integer)
      return std::nullopt;
    padding = *integer;
  }
  LinearForm form = *input;
  for (LinearTerm &term : form.terms) {
    std::optional<ParamLayout> layout =
        moveParams(op, moved, layoutOf(term.scales));
    if (!layout)
      return std::nullopt;
    Expected<TensorRef> integers =
        moveIntegers(op, moved, term.integers, padding, environment);
    if (!integers)
      return integers.takeError();
    term = {*integers, withLayout(term.scales, *layout)};
  }
  return asValue(std::move(form));
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

Rule reference::applyLinearRules(Operation *op,
                                 const FormEnvironment &environment) {
  if (auto dequantize = dyn_cast<DequantizeOp>(op))
    return dequantizeToForm(dequantize, environment);
  if (auto quantize = dyn_cast<QuantizeOp>(op))
    return quantizeForm(quantize, environment);
  if (std::optional<Contraction> contraction = matchContraction(op))
    return contractForms(*contraction, environment);
  if (std::optional<PoolingKind> kind = matchPoolingOrReduction(op)) {
    if (*kind == PoolingKind::Min)
      return std::nullopt;
    return reduceForm(cast<linalg::LinalgOp>(op), *kind == PoolingKind::Max,
                      environment);
  }
  if (auto softmax = dyn_cast<linalg::SoftmaxOp>(op))
    return softmaxForm(softmax, environment);
  if (isMovement(op))
    return moveForm(op, environment);
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic)
    return std::nullopt;
  if (std::optional<Clamp> clamp = matchClamp(generic))
    return clampForm(*clamp, environment);
  if (std::optional<ScalarMultiply> multiply = matchScalarMultiply(generic))
    return scaleForm(*multiply, environment);
  std::optional<BinaryKind> kind = matchBinary(generic);
  if (kind == BinaryKind::Add || kind == BinaryKind::Sub)
    return addForms(generic, kind == BinaryKind::Sub, environment);
  if (kind == BinaryKind::Mul)
    return multiplyForms(generic, environment);
  return std::nullopt;
}
