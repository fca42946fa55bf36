//===- QuantizationPlan.cpp - Which values become 8-bit edges -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three walks over the block: what each operation could be (forwards), which
// results are needed as integers (backwards), and where values must be rounded
// (forwards). A value stays unrounded where its single user can take the
// integers and scales as they are: a convolution into its clamp or into a
// residual add, a sum into its division.
//
//===----------------------------------------------------------------------===//

#include "QuantizationPlan.h"
#include "mlir/IR/Matchers.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace mlir;
using namespace qopt;

//===----------------------------------------------------------------------===//
// Values and uses
//===----------------------------------------------------------------------===//

Operation *qopt::userInBlock(OpOperand &use) {
  Operation *user = use.getOwner();
  while (user && !isa<func::FuncOp>(user->getParentOp()))
    user = user->getParentOp();
  return user;
}

bool qopt::isConstantValue(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return false;
  if (def->hasTrait<OpTrait::ConstantLike>() || isa<tensor::EmptyOp>(def))
    return true;
  return isa<linalg::FillOp, linalg::BroadcastOp, tensor::CollapseShapeOp,
             tensor::ExpandShapeOp>(def) &&
         llvm::all_of(def->getOperands(), isConstantValue);
}

SmallVector<Value> qopt::activationOperands(Operation *op) {
  llvm::SmallSetVector<Value, 4> values;
  auto add = [&](Value value) {
    if (isa<RankedTensorType>(value.getType()) && !isConstantValue(value))
      values.insert(value);
  };
  llvm::for_each(op->getOperands(), add);
  for (Region &region : op->getRegions())
    region.walk([&](Operation *inner) {
      for (Value value : inner->getOperands())
        if (!region.isAncestor(value.getParentRegion()))
          add(value);
    });
  return values.takeVector();
}

Value QuantizationPlan::rootOf(Value value) const {
  while (!edges.contains(value)) {
    Operation *def = value.getDefiningOp();
    if (!def || roleOf(def) != Role::Movement)
      break;
    SmallVector<Value> sources = activationOperands(def);
    if (sources.empty())
      break;
    value = sources.front();
  }
  return value;
}

bool QuantizationPlan::isAccumulated(Value value) const {
  Operation *def = value.getDefiningOp();
  if (!def)
    return false;
  Role role = roleOf(def);
  if (role == Role::Scale)
    return isAccumulated(activationOperands(def).front());
  return role == Role::Contraction || role == Role::Sum ||
         role == Role::SumPool;
}

bool QuantizationPlan::wantsInteger(Operation *op, Value value) const {
  if (isa<func::ReturnOp>(op))
    return returnedIntegers.contains(value);
  switch (roleOf(op)) {
  case Role::Ignored:
  case Role::Float:
    return false;
  case Role::Contraction:
    return matchContraction(op)->lhs == value;
  case Role::SumPool:
    // A sum of many 8-bit values is precise enough even for an output.
    return true;
  default:
    return wanted.lookup(op) ||
           (outputSums.contains(op) && !isAccumulated(value));
  }
}

/// The bias per output channel that the init holds.
static std::optional<std::vector<float>> readBias(const Contraction &match) {
  auto type = cast<RankedTensorType>(match.init.getType());
  SmallVector<int64_t> shape;
  for (unsigned dim : match.outChannelDims)
    shape.push_back(type.getDimSize(dim));
  int64_t count = llvm::product_of(shape);
  if (std::optional<float> uniform = matchUniformInit(match.init))
    return std::vector<float>(count, *uniform);
  auto broadcast = match.init.getDefiningOp<linalg::BroadcastOp>();
  DenseElementsAttr values;
  if (!broadcast || !matchPattern(broadcast.getInput(), m_Constant(&values)) ||
      values.getType().getShape() != ArrayRef(shape) ||
      !llvm::is_sorted(match.outChannelDims))
    return std::nullopt;
  for (int64_t dim : broadcast.getDimensions())
    if (llvm::is_contained(match.outChannelDims, dim))
      return std::nullopt;
  auto range = values.getValues<float>();
  return std::vector<float>(range.begin(), range.end());
}

std::optional<ContractionConstants>
qopt::readConstants(const Contraction &match) {
  ContractionConstants constants;
  if (!matchPattern(match.rhs, m_Constant(&constants.weights)) ||
      !constants.weights.getElementType().isF32())
    return std::nullopt;
  std::optional<std::vector<float>> bias = readBias(match);
  if (!bias)
    return std::nullopt;
  constants.bias = std::move(*bias);
  return constants;
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

namespace {
class Planner {
public:
  Planner(func::FuncOp func, const PlanInputs &inputs)
      : block(func.getBody().front()), recipe(inputs.recipe),
        ranges(inputs.ranges), quantizedIo(inputs.quantizedIo),
        forcedFloat(inputs.forcedFloat) {}

  FailureOr<QuantizationPlan> run();

private:
  void assignRoles();
  Role classify(Operation *op, std::string &reason);
  Role classifyContraction(const Contraction &match, std::string &reason);
  Role classifyElementwise(linalg::GenericOp op, std::string &reason);
  bool growsFromOneValue(linalg::GenericOp op);
  void keepSourceNodesWhole();

  std::string borderReason(Value value) const;
  void chooseReturnedIntegers();
  bool addsIntegers(Operation *sum) const;
  void findWanted();

  void assignForms();
  Form formOf(Operation *op) const;
  Form formSeenBy(Operation *op, Value value) const;
  Form operandForm(Operation *op) const;
  bool staysUnrounded(Value value, Form form) const;
  bool sumTakesAccumulator(linalg::GenericOp sum, Value value) const;
  bool mayBeAccumulator(Value value) const;
  void decideRounding(Value value, Form form);

  LogicalResult chooseParams();
  void describeBorder();
  FailureOr<ObservedRange> rangeOf(Value edge) const;
  void explainFloat();

  Block &block;
  const Recipe &recipe;
  const RangeMap &ranges;
  bool quantizedIo;
  const DenseMap<Operation *, std::string> &forcedFloat;
  /// What the recipe, not the operation itself, keeps in float.
  llvm::DenseSet<Operation *> keptFloat;
  llvm::SetVector<Operation *> contractions;
  DenseMap<Operation *, std::string> reasons;
  QuantizationPlan plan;
};
} // namespace

/// An elementwise generic that reads activations in place, and otherwise
/// constants that are scalars or run along the last dimension.
static bool isChannelwise(linalg::GenericOp op) {
  if (!isElementwiseOp(op))
    return false;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (!isConstantValue(operand->get())) {
      if (!map.isIdentity())
        return false;
      continue;
    }
    bool alongLast =
        map.getNumResults() == 1 && map.isFunctionOfDim(map.getNumDims() - 1);
    if (map.getNumResults() != 0 && !alongLast)
      return false;
  }
  return true;
}

static bool isChannelwiseUnary(linalg::GenericOp op) {
  return isChannelwise(op) && activationOperands(op).size() == 1;
}

/// Whether an operation of several tensors and the elementwise operations
/// before it, which nothing else reads, are a function of one value:
/// x * sigmoid(x). Then all of them are one table.
bool Planner::growsFromOneValue(linalg::GenericOp op) {
  if (!isChannelwise(op))
    return false;
  llvm::SmallSetVector<Operation *, 4> cone;
  llvm::SmallSetVector<Value, 4> open;
  cone.insert(op);
  open.insert_range(activationOperands(op));
  while (open.size() > 1) {
    // The last one: whatever else reads it has been seen.
    auto isBefore = [](Value a, Value b) {
      Operation *x = a.getDefiningOp(), *y = b.getDefiningOp();
      return !x || (y && x->isBeforeInBlock(y));
    };
    Value last = *std::max_element(open.begin(), open.end(), isBefore);
    auto def = last.getDefiningOp<linalg::GenericOp>();
    bool isInside =
        def && isChannelwise(def) && llvm::all_of(last.getUses(), [&](auto &u) {
          return cone.contains(userInBlock(u));
        });
    if (!isInside)
      return false;
    open.remove(last);
    cone.insert(def);
    open.insert_range(activationOperands(def));
  }
  for (Operation *inner : cone)
    plan.roles[inner] = Role::Unary;
  return true;
}

Role Planner::classifyContraction(const Contraction &match,
                                  std::string &reason) {
  Operation *op = match.op;
  contractions.insert(op);
  if (auto it = forcedFloat.find(op); it != forcedFloat.end()) {
    reason = it->second;
    return Role::Float;
  }
  if (isConstantValue(match.lhs) || !isConstantValue(match.rhs)) {
    reason = "both operands are computed, and sums of products of two "
             "activations have no integer form; make one of them a constant";
    return Role::Float;
  }
  if (match.channelLoops.empty() || !readConstants(match)) {
    reason = "the weights have no output channel, or what is added is not a "
             "constant for each of them; add it with a node of its own";
    return Role::Float;
  }
  return Role::Contraction;
}

/// Whether the value may be a term or factor of integers: an activation, or a
/// constant that has scales.
static bool isScalable(Value value) {
  DenseElementsAttr attr;
  if (!isConstantValue(value))
    return true;
  return matchPattern(value, m_Constant(&attr)) &&
         attr.getElementType().isF32() &&
         llvm::all_of(attr.getValues<float>(),
                      [](float element) { return std::isfinite(element); });
}

Role Planner::classifyElementwise(linalg::GenericOp op, std::string &reason) {
  if (matchClamp(op))
    return Role::Clamp;
  if (auto scale = matchScalarMultiply(op))
    return scale->factor > 0 && std::isfinite(scale->factor) ? Role::Scale
                                                             : Role::Unary;
  if (isChannelwiseUnary(op) && op.getNumDpsInputs() == 1)
    return Role::Unary;
  if (activationOperands(op).size() > 1 && growsFromOneValue(op))
    return Role::Unary;
  bool hasScales = llvm::all_of(op.getDpsInputs(), isScalable);
  BinaryKind binary = matchBinary(op).value_or(BinaryKind::Div);
  switch (hasScales ? binary : BinaryKind::Div) {
  case BinaryKind::Add:
  case BinaryKind::Sub:
    return Role::Sum;
  case BinaryKind::Mul:
    return Role::Product;
  case BinaryKind::Div:
    break;
  }
  if (isChannelwiseUnary(op))
    return Role::Unary;
  reason = matchBinary(op) && !hasScales
               ? "one of its constants has no integer form; make it a tensor "
                 "of finite numbers"
               : "a function of several tensors has no integer form; write it "
                 "as sums, products and functions of one tensor";
  return Role::Float;
}

/// Whether the border has an integer at every scale: 0, or -inf that a maximum
/// reads directly and never takes.
static bool hasIntegerBorder(tensor::PadOp pad) {
  Value border = pad.getConstantPaddingValue();
  std::optional<float> value =
      border ? matchFloatConstant(border) : std::nullopt;
  if (value != -std::numeric_limits<float>::infinity())
    return value == 0.0f;
  return llvm::all_of(pad->getUsers(), [](Operation *user) {
    return matchPooling(user) == PoolingKind::Max;
  });
}

static constexpr StringLiteral kSoftmaxReason =
    "softmax has an integer form only with \"arithmetic\": \"fixed-point\"; "
    "leave it out of the model where only the order of its results matters: it "
    "keeps the order of its inputs";

Role Planner::classify(Operation *op, std::string &reason) {
  if (op->getNumResults() != 1 || op->hasTrait<OpTrait::ConstantLike>() ||
      isConstantValue(op->getResult(0)) || activationOperands(op).empty())
    return Role::Ignored;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.getElementType().isF32()) {
    reason = "its result is not a tensor of f32, and only those are quantized";
    return Role::Float;
  }
  if (auto contraction = matchContraction(op))
    return classifyContraction(*contraction, reason);
  if (auto kind = matchPoolingOrReduction(op)) {
    if (*kind == PoolingKind::Max)
      return Role::Movement;
    if (*kind == PoolingKind::Sum)
      return Role::SumPool;
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op); pad && !hasIntegerBorder(pad)) {
    reason = "its border is not 0 and has no exact integer; pad with 0";
    return Role::Float;
  }
  if (isMovement(op) && !isa<tensor::InsertSliceOp>(op))
    return Role::Movement;
  if (auto generic = dyn_cast<linalg::GenericOp>(op);
      generic && isElementwiseOp(op))
    return classifyElementwise(generic, reason);
  bool isSoftmax = isa<linalg::SoftmaxOp>(op);
  if (isSoftmax && recipe.fixedPoint)
    return Role::Softmax;
  reason = isSoftmax
               ? kSoftmaxReason.str()
               : ("'" + op->getName().getStringRef() +
                  "' has no integer form; move it to the border of the model, "
                  "or write it as other operations")
                     .str();
  return Role::Float;
}

/// Half of a node on integers helps nobody: what it expands to is quantized as
/// a whole or not at all.
void Planner::keepSourceNodesWhole() {
  llvm::StringMap<std::string> floatNodes;
  for (Operation &op : block)
    if (plan.roleOf(&op) == Role::Float && !contractions.contains(&op))
      for (StringRef name : sourceNames(op.getLoc()))
        floatNodes.try_emplace(name, reasons[&op]);
  for (Operation &op : block) {
    Role role = plan.roleOf(&op);
    if (role == Role::Ignored || contractions.contains(&op) || isMovement(&op))
      continue;
    for (StringRef name : sourceNames(op.getLoc()))
      if (auto it = floatNodes.find(name); it != floatNodes.end()) {
        plan.roles[&op] = Role::Float;
        reasons[&op] = it->second;
      }
  }
}

void Planner::assignRoles() {
  for (Operation &op : block) {
    std::string reason;
    plan.roles[&op] = classify(&op, reason);
    if (!reason.empty())
      reasons[&op] = reason;
  }
  for (Operation *op : contractions) {
    LayerScheme scheme =
        recipe.layer(sourceNames(op->getLoc()), op == contractions.front(),
                     op == contractions.back());
    if (scheme.keepFloat) {
      plan.roles[op] = Role::Float;
      keptFloat.insert(op);
      reasons[op] = "the recipe keeps this layer in float; remove \"float\" "
                    "from the entry that matches it to quantize it";
    } else if (plan.roleOf(op) == Role::Contraction) {
      plan.layers[op] = scheme;
      if (!recipe.quantizeActivations) {
        plan.roles[op] = Role::Float;
        reasons[op] = "the recipe quantizes only the weights of this layer; "
                      "choose one with u8 activations, like int8";
      }
    }
  }
  // Without 8-bit activations no other operation has integers to work on.
  if (!recipe.quantizeActivations)
    for (auto &[op, role] : plan.roles)
      if (role != Role::Ignored && role != Role::Movement &&
          role != Role::Float) {
        role = Role::Float;
        reasons[op] = "the recipe quantizes only weights; choose one with u8 "
                      "activations, like int8";
      }
  keepSourceNodesWhole();
}

/// Why a result stays in float where integers are asked for: it comes, through
/// operations of one tensor, from what the recipe wants in float. Empty if it
/// does not.
std::string Planner::borderReason(Value value) const {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isF32())
    return "it is not a tensor of f32";
  if (!recipe.quantizeActivations)
    return "the recipe quantizes only weights";
  while (Operation *def = value.getDefiningOp()) {
    if (keptFloat.contains(def))
      return "the recipe keeps the layer that computes it in float";
    Role role = plan.roleOf(def);
    if (role == Role::Ignored)
      return "it is a constant";
    bool isOfOneTensor = role == Role::Clamp || role == Role::Scale ||
                         role == Role::Unary || role == Role::Movement;
    if (!isOfOneTensor || activationOperands(def).size() != 1)
      break;
    value = activationOperands(def).front();
  }
  return "";
}

void Planner::chooseReturnedIntegers() {
  if (!quantizedIo)
    return;
  for (Value result : block.getTerminator()->getOperands()) {
    plan.resultReasons.push_back(borderReason(result));
    if (plan.resultReasons.back().empty())
      plan.returnedIntegers.insert(result);
  }
}

/// Whether every tensor that a sum adds has integers, or can be rounded; what
/// a float operation has computed stays as precise as it is.
bool Planner::addsIntegers(Operation *sum) const {
  return llvm::all_of(activationOperands(sum), [&](Value value) {
    Operation *def = plan.rootOf(value).getDefiningOp();
    return !def || plan.roleOf(def) != Role::Float;
  });
}

void Planner::findWanted() {
  for (Operation &op : llvm::reverse(block)) {
    bool wanted = false;
    for (Value result : op.getResults())
      for (OpOperand &use : result.getUses())
        wanted |= plan.wantsInteger(userInBlock(use), result);
    plan.wanted[&op] = wanted;
    if (!wanted && plan.roleOf(&op) == Role::Sum && addsIntegers(&op))
      plan.outputSums.insert(&op);
  }
}

//===----------------------------------------------------------------------===//
// Forms and rounding
//===----------------------------------------------------------------------===//

Form Planner::formSeenBy(Operation *op, Value value) const {
  if (plan.floatOriginals.contains(value) && !plan.wantsInteger(op, value))
    return Form::Float;
  return plan.forms.lookup(value);
}

/// The form of the one activation that the operation reads.
Form Planner::operandForm(Operation *op) const {
  return formSeenBy(op, activationOperands(op).front());
}

Form Planner::formOf(Operation *op) const {
  auto allEdges = [&] {
    return llvm::all_of(activationOperands(op), [&](Value value) {
      return formSeenBy(op, value) == Form::Edge;
    });
  };
  switch (plan.roleOf(op)) {
  case Role::Ignored:
  case Role::Float:
    return Form::Float;
  case Role::Contraction:
    return Form::Accumulator;
  case Role::SumPool:
    return allEdges() ? Form::Accumulator : Form::Float;
  case Role::Movement:
    if (isa<tensor::ConcatOp>(op))
      return allEdges() ? Form::Edge : Form::Float;
    return operandForm(op);
  case Role::Unary:
    return llvm::all_of(activationOperands(op),
                        [&](Value value) {
                          Form form = formSeenBy(op, value);
                          return form == Form::Edge || form == Form::Table;
                        })
               ? Form::Table
               : Form::Float;
  case Role::Clamp:
  case Role::Scale: {
    // On an edge both are a function of its 256 values, too.
    Form form = operandForm(op);
    if (form == Form::Edge)
      return Form::Table;
    if (form == Form::Accumulator && plan.roleOf(op) == Role::Clamp)
      return Form::Clamped;
    return form;
  }
  case Role::Softmax:
    return plan.wanted.lookup(op) && allEdges() ? Form::Accumulator
                                                : Form::Float;
  case Role::Sum:
  case Role::Product:
    // Its constants are integers only where the result is to be.
    if (!plan.takesIntegers(op) &&
        llvm::any_of(cast<linalg::GenericOp>(op).getDpsInputs(),
                     isConstantValue))
      return Form::Float;
    return llvm::all_of(activationOperands(op),
                        [&](Value value) {
                          Form form = formSeenBy(op, value);
                          return form == Form::Edge ||
                                 form == Form::Accumulator;
                        })
               ? Form::Accumulator
               : Form::Float;
  }
  llvm_unreachable("unknown role");
}

/// Whether the value could reach a sum as accumulators.
bool Planner::mayBeAccumulator(Value value) const {
  Operation *def = value.getDefiningOp();
  if (!def || !value.hasOneUse())
    return false;
  Role role = plan.roleOf(def);
  return role == Role::Contraction || role == Role::Sum ||
         role == Role::Product || role == Role::SumPool || role == Role::Scale;
}

/// One accumulator per sum: it is in registers when the sum is made; a second
/// one would have to be stored in 32 bits. The later of two has the place.
bool Planner::sumTakesAccumulator(linalg::GenericOp sum, Value value) const {
  for (OpOperand *operand : sum.getDpsInputOperands()) {
    if (operand->get() == value) {
      if (!sum.getMatchingIndexingMap(operand).isIdentity())
        return false;
      continue;
    }
    Operation *def = operand->get().getDefiningOp();
    if (!def || isConstantValue(operand->get()))
      continue;
    bool isLater = value.getDefiningOp()->isBeforeInBlock(def);
    if (isLater ? mayBeAccumulator(operand->get())
                : plan.forms.lookup(operand->get()) == Form::Accumulator)
      return false;
  }
  return true;
}

/// Whether the only user takes the value as it is, or all users make it part
/// of their tables.
bool Planner::staysUnrounded(Value value, Form form) const {
  auto growsIntoTable = [&](OpOperand &use) {
    Role role = plan.roleOf(userInBlock(use));
    return role == Role::Unary || role == Role::Clamp || role == Role::Scale;
  };
  if (form == Form::Table && llvm::all_of(value.getUses(), growsIntoTable))
    return true;
  if (form == Form::Float || !value.hasOneUse())
    return false;
  Operation *user = userInBlock(*value.getUses().begin());
  switch (plan.roleOf(user)) {
  case Role::Clamp:
  case Role::Scale:
    return true;
  case Role::Sum:
    return form == Form::Accumulator &&
           sumTakesAccumulator(cast<linalg::GenericOp>(user), value);
  case Role::Product: {
    // sum * (1 / count), a constant per window.
    bool byConstant = activationOperands(user).size() == 1;
    return form == Form::Accumulator && byConstant &&
           plan.roleOf(value.getDefiningOp()) == Role::SumPool;
  }
  case Role::Movement:
    // The channels of a grouped convolution become one dimension before the
    // clamp or the sum.
    return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(user) &&
           staysUnrounded(user->getResult(0), form);
  default:
    return false;
  }
}

void Planner::decideRounding(Value value, Form form) {
  plan.forms[value] = form;
  if (form == Form::Edge)
    return;
  bool wanted = llvm::any_of(value.getUses(), [&](OpOperand &use) {
    return plan.wantsInteger(userInBlock(use), value);
  });
  if (!wanted || staysUnrounded(value, form))
    return;
  // An argument of integers has no float original.
  if (form == Form::Float && !(quantizedIo && isa<BlockArgument>(value)))
    plan.floatOriginals.insert(value);
  plan.edges[value] = {};
  plan.forms[value] = Form::Edge;
}

void Planner::assignForms() {
  for (BlockArgument argument : block.getArguments())
    if (auto type = dyn_cast<RankedTensorType>(argument.getType());
        type && type.getElementType().isF32())
      decideRounding(argument, Form::Float);
  for (Operation &op : block) {
    if (plan.roleOf(&op) == Role::Ignored)
      continue;
    for (Value result : op.getResults())
      if (isa<RankedTensorType>(result.getType()))
        decideRounding(result, formOf(&op));
  }
}

//===----------------------------------------------------------------------===//
// Parameters of the edges
//===----------------------------------------------------------------------===//

/// Finite constants that enter an edge's tensor must be in its range.
static void includeConstants(Operation *op, ObservedRange &range) {
  auto include = [&](Value value) {
    DenseElementsAttr attr;
    if (auto scalar = matchFloatConstant(value)) {
      if (std::isfinite(*scalar)) {
        range.min = std::min(range.min, *scalar);
        range.max = std::max(range.max, *scalar);
      }
    } else if (matchPattern(value, m_Constant(&attr)) &&
               attr.getElementType().isF32()) {
      for (float element : attr.getValues<float>())
        if (std::isfinite(element)) {
          range.min = std::min(range.min, element);
          range.max = std::max(range.max, element);
        }
    }
  };
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    if (Value value = pad.getConstantPaddingValue())
      include(value);
  } else if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    llvm::for_each(concat.getInputs(), include);
  }
}

/// The observed range; movement does not change it, so it may have been
/// observed before: in parts, where it is a concatenation.
FailureOr<ObservedRange> Planner::rangeOf(Value edge) const {
  if (auto it = ranges.find(edge); it != ranges.end())
    return it->second;
  Operation *def = edge.getDefiningOp();
  bool isMoved =
      def && (plan.roleOf(def) == Role::Movement || isa<tensor::PadOp>(def));
  SmallVector<Value> sources =
      isMoved ? activationOperands(def) : SmallVector<Value>();
  if (sources.empty()) {
    InFlightDiagnostic diag = emitError(edge.getLoc())
                              << "expected an observed range on this edge, got "
                                 "none";
    diag.attachNote() << "qopt-insert-observers and qopt-apply-calibration "
                         "give every edge a range";
    return failure();
  }
  FailureOr<ObservedRange> hull = rangeOf(sources.front());
  for (Value source : ArrayRef(sources).drop_front()) {
    FailureOr<ObservedRange> range = rangeOf(source);
    if (failed(hull) || failed(range))
      return failure();
    hull->min = std::min(hull->min, range->min);
    hull->max = std::max(hull->max, range->max);
  }
  if (succeeded(hull) && isa<tensor::ConcatOp>(def))
    includeConstants(def, *hull);
  return hull;
}

/// Concatenated tensors share their scale: one class per group of edges that a
/// concatenation ties together, with the hull of their ranges.
LogicalResult Planner::chooseParams() {
  llvm::EquivalenceClasses<Value> classes;
  llvm::MapVector<Operation *, Value> movements;
  for (auto &entry : plan.edges)
    classes.insert(entry.first);
  for (Operation &op : block) {
    if (isa<tensor::PadOp>(op) && plan.edges.contains(op.getResult(0)))
      movements[&op] = op.getResult(0);
    if (plan.roleOf(&op) != Role::Movement || !plan.wanted.lookup(&op))
      continue;
    Value first = plan.rootOf(activationOperands(&op).front());
    if (!plan.edges.contains(first))
      continue;
    movements[&op] = first;
    if (isa<tensor::ConcatOp>(op))
      for (Value operand : activationOperands(&op))
        classes.unionSets(first, plan.rootOf(operand));
  }

  DenseMap<Value, ObservedRange> hulls;
  for (auto &entry : plan.edges) {
    FailureOr<ObservedRange> range = rangeOf(entry.first);
    if (failed(range))
      return failure();
    ObservedRange &hull = hulls[classes.getLeaderValue(entry.first)];
    hull.min = std::min(hull.min, range->min);
    hull.max = std::max(hull.max, range->max);
  }
  for (auto [op, root] : movements)
    includeConstants(op, hulls[classes.getLeaderValue(root)]);
  for (auto &entry : plan.edges) {
    const ObservedRange &hull = hulls[classes.getLeaderValue(entry.first)];
    entry.second = chooseActivationParams(hull.min, hull.max);
  }
  return success();
}

/// Which arguments and results became integers, and why others did not.
void Planner::describeBorder() {
  if (!quantizedIo)
    return;
  for (BlockArgument argument : block.getArguments())
    plan.argumentReasons.push_back(plan.edges.contains(argument) ? ""
                                   : recipe.quantizeActivations
                                       ? "only float operations read it"
                                       : "the recipe quantizes only weights");
  for (Value result : block.getTerminator()->getOperands()) {
    auto edge = plan.edges.find(plan.rootOf(result));
    bool isInteger =
        plan.returnedIntegers.contains(result) && edge != plan.edges.end();
    plan.results.push_back(isInteger ? std::optional(edge->second)
                                     : std::nullopt);
  }
}

void Planner::explainFloat() {
  for (Operation &op : block) {
    Role role = plan.roleOf(&op);
    bool onlyMoves = role == Role::Movement && isMovement(&op);
    if (role == Role::Ignored || onlyMoves)
      continue;
    if (role == Role::Float)
      plan.floatReasons[&op] = reasons[&op];
    else if (formOf(&op) == Form::Float)
      plan.floatReasons[&op] =
          "its result feeds only outputs or float operations, and is more "
          "precise in float; --io quantized makes outputs integers";
  }
}

FailureOr<QuantizationPlan> Planner::run() {
  assignRoles();
  chooseReturnedIntegers();
  findWanted();
  assignForms();
  if (failed(chooseParams()))
    return failure();
  describeBorder();
  explainFloat();
  return std::move(plan);
}

FailureOr<QuantizationPlan> qopt::planQuantization(func::FuncOp func,
                                                   const PlanInputs &inputs) {
  return Planner(func, inputs).run();
}
