//===- FoldBatchNorm.cpp - Affine maps per channel into the weights -------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements qopt-fold-batch-norm: an elementwise body is read as
// a * x + b per channel, in double, and a and b go into the weights and the
// bias of the contraction beside it.
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"
#include "qopt/Transforms/TensorUtils.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_FOLDBATCHNORMPASS
#include "qopt/Transforms/Passes.h.inc"

namespace {

//===----------------------------------------------------------------------===//
// Affine bodies
//===----------------------------------------------------------------------===//

using Channels = SmallVector<double, 0>;

/// a[c] * x + b[c]; a constant has no `a`.
struct Affine {
  Channels a, b;
  bool isConstant() const { return a.empty(); }
};

/// Reads the body of an elementwise generic as an affine map of one tensor with
/// coefficients per index of the last dimension.
class AffineBody {
public:
  /// The operand of `op` that is x, if the body is such a map.
  static std::optional<AffineBody> match(linalg::GenericOp op);

  Value input;
  Channels a, b;

private:
  bool bind(linalg::GenericOp op, OpOperand *operand);
  std::optional<Affine> eval(Value value);
  std::optional<Affine> evalOp(Operation *op);

  int64_t channels = 1;
  llvm::DenseMap<Value, Affine> known;
};

/// f(x, y) per channel.
template <typename Fn>
Channels zipChannels(const Channels &x, const Channels &y, Fn fn) {
  Channels result(x.size());
  for (size_t c = 0; c < x.size(); ++c)
    result[c] = fn(x[c], y[c]);
  return result;
}
} // namespace

/// Constants that vary along the last loop at most, one value per channel.
static std::optional<Channels> readChannels(linalg::GenericOp op,
                                            OpOperand *operand) {
  DenseElementsAttr elements;
  if (!matchPattern(operand->get(), m_Constant(&elements)) ||
      !elements.getElementType().isF32())
    return std::nullopt;
  unsigned last = op.getNumLoops() - 1;
  SmallVector<int64_t, 4> ranges = op.getStaticLoopRanges();
  AffineMap map = op.getMatchingIndexingMap(operand);
  bool varies = false;
  for (unsigned i = 0; i < map.getNumResults(); ++i) {
    unsigned loop = map.getDimPosition(i);
    varies |= loop == last;
    if (loop != last && ranges[loop] != 1)
      return std::nullopt;
  }
  Channels result(ranges[last]);
  auto values = elements.getValues<float>();
  for (auto [c, value] : llvm::enumerate(result))
    value = values[varies ? c : 0];
  return result;
}

bool AffineBody::bind(linalg::GenericOp op, OpOperand *operand) {
  Value argument = op.getMatchingBlockArgument(operand);
  if (std::optional<Channels> constant = readChannels(op, operand)) {
    known[argument].b = std::move(*constant);
    return true;
  }
  if (input || !op.getMatchingIndexingMap(operand).isIdentity())
    return false;
  input = operand->get();
  known[argument] = {Channels(channels, 1.0), Channels(channels, 0.0)};
  return true;
}

std::optional<AffineBody> AffineBody::match(linalg::GenericOp op) {
  if (!isElementwiseOp(op) || op.getNumLoops() == 0 || op.hasDynamicShape())
    return std::nullopt;
  AffineBody body;
  body.channels = op.getStaticLoopRanges().back();
  for (OpOperand *operand : op.getDpsInputOperands())
    if (!body.bind(op, operand))
      return std::nullopt;
  auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
  std::optional<Affine> result = body.eval(yield.getOperand(0));
  if (!result || result->isConstant() || !body.input)
    return std::nullopt;
  body.a = std::move(result->a);
  body.b = std::move(result->b);
  return body;
}

std::optional<Affine> AffineBody::eval(Value value) {
  if (auto it = known.find(value); it != known.end())
    return it->second;
  std::optional<Affine> result;
  if (std::optional<float> constant = matchFloatConstant(value))
    result = Affine{{}, Channels(channels, *constant)};
  else if (Operation *def = value.getDefiningOp())
    result = evalOp(def);
  if (result)
    known[value] = *result;
  return result;
}

std::optional<Affine> AffineBody::evalOp(Operation *op) {
  if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op))
    return std::nullopt;
  std::optional<Affine> x = eval(op->getOperand(0));
  std::optional<Affine> y = eval(op->getOperand(1));
  if (!x || !y || (!x->isConstant() && !y->isConstant()))
    return std::nullopt;
  if (isa<arith::AddFOp>(op)) {
    Channels b = zipChannels(x->b, y->b, std::plus<>());
    return Affine{x->isConstant() ? y->a : x->a, b};
  }
  if (isa<arith::SubFOp>(op)) {
    Channels b = zipChannels(x->b, y->b, std::minus<>());
    Channels a = x->a;
    for (double value : y->a)
      a.push_back(-value);
    return Affine{a, b};
  }
  // A quotient by x is no affine map of x.
  if (isa<arith::DivFOp>(op)) {
    if (!y->isConstant())
      return std::nullopt;
    for (double &value : y->b)
      value = 1.0 / value;
  }
  Affine &factor = x->isConstant() ? *x : *y,
         &other = x->isConstant() ? *y : *x;
  return Affine{other.isConstant()
                    ? Channels()
                    : zipChannels(other.a, factor.b, std::multiplies<>()),
                zipChannels(other.b, factor.b, std::multiplies<>())};
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Weights and bias as doubles on their way to the new constants.
namespace {
struct Weights {
  RankedTensorType type;
  Channels values;

  static std::optional<Weights> read(Value value) {
    DenseElementsAttr elements;
    if (!matchPattern(value, m_Constant(&elements)) ||
        !elements.getElementType().isF32())
      return std::nullopt;
    Weights result;
    result.type = cast<RankedTensorType>(elements.getType());
    auto range = elements.getValues<float>();
    result.values.assign(range.begin(), range.end());
    return result;
  }

  /// The one rounding to f32; none if a value left its range.
  DenseElementsAttr round() const {
    SmallVector<float, 0> rounded;
    for (double value : values) {
      rounded.push_back(static_cast<float>(value));
      if (!std::isfinite(rounded.back()))
        return {};
    }
    return floatElements(type, rounded);
  }

  /// The index along `dims`, row-major, of every element.
  void forEach(ArrayRef<unsigned> dims,
               function_ref<void(double &, int64_t)> fn) {
    SmallVector<int64_t> strides(type.getRank(), 1), weight(type.getRank(), 0);
    for (int64_t dim = type.getRank() - 1; dim > 0; --dim)
      strides[dim - 1] = strides[dim] * type.getDimSize(dim);
    int64_t product = 1;
    for (unsigned dim : llvm::reverse(dims)) {
      weight[dim] = product;
      product *= type.getDimSize(dim);
    }
    for (auto [position, value] : llvm::enumerate(values)) {
      int64_t index = 0;
      for (unsigned dim : dims)
        index += static_cast<int64_t>(position) / strides[dim] %
                 type.getDimSize(dim) * weight[dim];
      fn(value, index);
    }
  }
};
} // namespace

/// The bias of an init as one value per output channel.
static std::optional<Channels> readBias(const Contraction &op,
                                        int64_t channels) {
  if (std::optional<float> uniform = matchUniformInit(op.init))
    return Channels(channels, *uniform);
  std::optional<BiasInit> bias = matchBiasInit(op.init);
  if (!bias || !bias->values.getElementType().isF32() ||
      !llvm::equal(bias->dims, op.outChannelDims))
    return std::nullopt;
  auto values = bias->values.getValues<float>();
  return Channels(values.begin(), values.end());
}

/// The number of output channels, if they are the last dimensions of the
/// result: index along outChannelDims = index along the flattened last ones.
static std::optional<int64_t> trailingChannels(const Contraction &op) {
  auto type = cast<RankedTensorType>(op.op->getResult(0).getType());
  if (op.channelLoops.empty() || !type.hasStaticShape())
    return std::nullopt;
  int64_t channels = 1, dim = type.getRank() - op.outChannelDims.size();
  for (unsigned channelDim : op.outChannelDims) {
    if (channelDim != dim++)
      return std::nullopt;
    channels *= type.getDimSize(channelDim);
  }
  return channels;
}

/// Gives `op` new constants, at the locations of both operations.
static LogicalResult replaceWeights(PatternRewriter &rewriter,
                                    const Contraction &op, Weights weights,
                                    const Channels &bias, Location loc) {
  auto type = cast<RankedTensorType>(op.op->getResult(0).getType());
  SmallVector<int64_t> biasShape, dims;
  for (unsigned dim : op.outChannelDims) {
    biasShape.push_back(type.getDimSize(dim));
    dims.push_back(dim);
  }
  Weights newBias{RankedTensorType::get(biasShape, type.getElementType()),
                  bias};
  DenseElementsAttr weightsAttr = weights.round(), biasAttr = newBias.round();
  if (!weightsAttr || !biasAttr)
    return rewriter.notifyMatchFailure(op.op, "the product is not finite");
  rewriter.setInsertionPoint(op.op);
  Value constant = arith::ConstantOp::create(rewriter, op.rhs.getLoc(),
                                             weights.type, weightsAttr);
  Value init = createBiasInit(rewriter, loc, type, biasAttr, dims);
  rewriter.modifyOpInPlace(op.op, [&] {
    op.op->setOperand(1, constant);
    op.op->setOperand(2, init);
    op.op->setLoc(loc);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// The operation behind reshapes of one use. Elements keep their order, so that
/// trailing dimensions of equal products hold the same channels.
static Operation *skipReshapes(Value value) {
  while (value.hasOneUse()) {
    Operation *def = value.getDefiningOp();
    if (!def || !isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(def))
      return def;
    value = def->getOperand(0);
  }
  return nullptr;
}

namespace {
/// contract(x, w) * a + b -> contract(x, w * a) with bias * a + b, where a and
/// b depend on the output channel only.
struct ContractionAbsorbAffine : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    // First what costs nothing: coefficients take memory per channel.
    auto isContracted = [](Value input) {
      return matchContraction(skipReshapes(input)).has_value();
    };
    if (llvm::none_of(op.getDpsInputs(), isContracted))
      return rewriter.notifyMatchFailure(op, "no contraction of one use");
    std::optional<AffineBody> affine = AffineBody::match(op);
    if (!affine)
      return rewriter.notifyMatchFailure(op, "no affine map per channel");
    int64_t channels = affine->a.size();
    std::optional<Contraction> contraction =
        matchContraction(skipReshapes(affine->input));
    if (!contraction || trailingChannels(*contraction) != channels)
      return rewriter.notifyMatchFailure(
          op, "no contraction with those output channels and one use");
    std::optional<Weights> weights = Weights::read(contraction->rhs);
    std::optional<Channels> bias = readBias(*contraction, channels);
    if (!weights || !bias)
      return rewriter.notifyMatchFailure(op, "weights or bias vary");
    weights->forEach(contraction->rhsChannelDims,
                     [&](double &value, int64_t c) { value *= affine->a[c]; });
    for (int64_t c = 0; c < channels; ++c)
      (*bias)[c] = (*bias)[c] * affine->a[c] + affine->b[c];
    Location loc = fuseLocations({contraction->op.getLoc(), op.getLoc()});
    if (failed(replaceWeights(rewriter, *contraction, std::move(*weights),
                              *bias, loc)))
      return failure();
    rewriter.replaceOp(op, affine->input);
    return success();
  }
};

/// contract(x * a + b, w) -> contract(x, w * a) with bias + sum_k w[k] * b[k],
/// where a and b depend on the input channel only. A border of zeros between
/// the two stays zero under x * a, but not under + b.
struct ContractionAbsorbLeadingAffine
    : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<Contraction> contraction = matchContraction(op);
    if (!contraction)
      return rewriter.notifyMatchFailure(op, "not a contraction");
    auto pad = contraction->lhs.getDefiningOp<tensor::PadOp>();
    Value source = pad ? pad.getSource() : contraction->lhs;
    auto generic = source.getDefiningOp<linalg::GenericOp>();
    if (!generic || !generic->hasOneUse() || (pad && !pad->hasOneUse()))
      return rewriter.notifyMatchFailure(op, "no elementwise input of one use");
    std::optional<AffineBody> affine = AffineBody::match(generic);
    if (!affine || isMean(affine->input))
      return rewriter.notifyMatchFailure(op, "no affine map per channel");
    bool shifts = llvm::any_of(affine->b, [](double b) { return b != 0.0; });
    if (pad &&
        (shifts || matchFloatConstant(pad.getConstantPaddingValue()) != 0.0f))
      return rewriter.notifyMatchFailure(op, "the border would change");
    return fold(rewriter, *contraction, *affine, generic, pad);
  }

  static LogicalResult fold(PatternRewriter &rewriter, Contraction op,
                            const AffineBody &affine, linalg::GenericOp generic,
                            tensor::PadOp pad) {
    std::optional<unsigned> inputDim = inputChannelDim(op);
    std::optional<int64_t> channels = trailingChannels(op);
    std::optional<Weights> weights = Weights::read(op.rhs);
    std::optional<Channels> bias;
    if (channels)
      bias = readBias(op, *channels);
    if (!inputDim || !weights || !bias)
      return rewriter.notifyMatchFailure(op.op, "weights or bias vary");
    int64_t inner = weights->type.getDimSize(*inputDim);
    if (inner != static_cast<int64_t>(affine.a.size()))
      return rewriter.notifyMatchFailure(op.op, "other input channels");

    // The bias takes the old weights times b, then the weights take a.
    Weights shift = *weights;
    shift.forEach({*inputDim},
                  [&](double &value, int64_t c) { value *= affine.b[c]; });
    shift.forEach(op.rhsChannelDims,
                  [&](double &value, int64_t c) { (*bias)[c] += value; });
    weights->forEach({*inputDim},
                     [&](double &value, int64_t c) { value *= affine.a[c]; });
    Location loc = fuseLocations({generic.getLoc(), op.op->getLoc()});
    if (failed(replaceWeights(rewriter, op, std::move(*weights), *bias, loc)))
      return failure();
    Operation *user = op.op;
    if (pad)
      user = pad;
    rewriter.modifyOpInPlace(user, [&] { user->setOperand(0, affine.input); });
    return success();
  }

  /// The dimension of the weights along the last dimension of the input.
  static std::optional<unsigned> inputChannelDim(const Contraction &op) {
    AffineExpr last = op.lhsMap.getResults().back();
    return isa<AffineDimExpr>(last) ? op.rhsMap.getResultPosition(last)
                                    : std::nullopt;
  }

  /// A mean is a sum and a factor; the quantizer takes both as one.
  static bool isMean(Value input) {
    Operation *def = input.getDefiningOp();
    while (def && isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(def))
      def = def->getOperand(0).getDefiningOp();
    return def && (matchPooling(def) || matchSumReduction(def));
  }
};
} // namespace

namespace {
struct FoldBatchNormPass : impl::FoldBatchNormPassBase<FoldBatchNormPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ContractionAbsorbAffine, ContractionAbsorbLeadingAffine>(
        &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

} // namespace qopt
