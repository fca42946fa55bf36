//===- GraphChecker.cpp - One random graph, from end to end ---------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ranges come from a calibration by interpretation and are then bent: far
// too small, far too large, of one sign only, or with a scale that is a power
// of two, so that inputs lie exactly between two integers.
//
//===----------------------------------------------------------------------===//

#include "GraphChecker.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Support/DebugStringHelper.h"
#include "qopt/Conversion/Passes.h"
#include "qopt/Dialect/Qopt/IR/QoptOps.h"
#include "qopt/Pipelines/Pipelines.h"
#include "qopt/Reference/Interpreter.h"
#include "qopt/Support/Recipe.h"
#include "qopt/Target/CompiledModel.h"
#include "qopt/Target/EmulatedModel.h"
#include "qopt/Target/Lowering.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/Structured.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

using namespace mlir;
using namespace qopt;
using namespace qopt::randomgraphs;

namespace {

using Tensors = SmallVector<HostTensor>;

class GraphChecker {
public:
  GraphChecker(uint64_t seed, const CheckOptions &options, Coverage &coverage)
      : seed(seed), options(options), coverage(coverage), random(seed),
        context(MLIRContext::Threading::DISABLED),
        diagnostics(&context, [this](Diagnostic &diagnostic) {
          if (message.empty() &&
              diagnostic.getSeverity() == DiagnosticSeverity::Error)
            message =
                debugString(diagnostic.getLocation()) + ": " + diagnostic.str();
          return success();
        }) {
    DialectRegistry registry;
    registerQoptDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  llvm::Error run();

private:
  void chooseRecipe();
  llvm::Error chooseTarget();

  void makeInputs();
  void quantizeInputs();
  llvm::Error calibrate();
  llvm::Error quantize();
  llvm::Error checkCompiled();
  llvm::Error checkObject(StringRef object, const ModelInfo &info,
                          const std::string &what);
  llvm::Error runCompiled(const CompiledModel &model, const std::string &what);
  llvm::Error runEmulated(StringRef object, const ModelInfo &info,
                          const std::string &what);

  func::FuncOp function() { return *module->getOps<func::FuncOp>().begin(); }
  llvm::Error fail(const Twine &what) {
    return llvm::createStringError(recipe.name + ", " + phases.target.name +
                                   ": " + what);
  }
  llvm::Error runPasses(llvm::function_ref<void(OpPassManager &)> build,
                        Phase phase);
  llvm::Error enterPhase(Phase phase);
  /// Interprets the module as it is on every input.
  llvm::Expected<std::vector<Tensors>> interpretAll();
  llvm::Error compare(ArrayRef<HostTensor> got, ArrayRef<HostTensor> expected,
                      size_t input, const Twine &what);
  llvm::Error compareAll(ArrayRef<Tensors> got, const Twine &what);
  llvm::Error dump(StringRef suffix, StringRef text);
  void countIntegerOps();

  uint64_t seed;
  const CheckOptions &options;
  Coverage &coverage;
  Random random;
  MLIRContext context;
  std::string message;
  ScopedDiagnosticHandler diagnostics;

  OwningOpRef<ModuleOp> module;
  Recipe recipe;
  PhaseOptions phases;
  TargetInfo emitTarget;
  std::unique_ptr<llvm::FileRemover> recipeFile;
  /// The values that the inputs are made of.
  float lowest = 0, highest = 0;
  std::vector<Tensors> inputs;
  std::vector<Tensors> expected;
};

} // namespace

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

/// A preset, often bent: 4 bits in the first and last layer too, other groups,
/// layers kept in float.
void GraphChecker::chooseRecipe() {
  ArrayRef<StringRef> names = recipePresetNames();
  StringRef name = options.recipe.empty() ? random.pickFrom(names)
                                          : StringRef(options.recipe);
  if (options.recipe.empty() && random.chance(30))
    name = "int8";
  recipe = recipePreset(name).value_or(Recipe());
  ++coverage.recipes[name.str()];
  bool isBent = random.chance(70);
  phases.recipe = name.str();
  phases.quantize = recipe.quantize;
  if (!recipe.quantize)
    return;
  phases.quantizedIo = random.chance(30);
  if (!isBent)
    return;
  if (random.chance(80)) {
    recipe.firstLayer.reset();
    recipe.lastLayer.reset();
  }
  if (random.chance(30))
    recipe.weights.groupSize = 16;
  if (random.chance(10))
    recipe.weights.bits = 12 - recipe.weights.bits;
  if (random.chance(20))
    recipe.biasCorrection = !recipe.biasCorrection;
  if (random.chance(15)) {
    RecipeOverride keep;
    keep.match = "node_*[" + std::to_string(random.between(0, 9)) + "]";
    keep.keepFloat = true;
    recipe.overrides.push_back(keep);
  }
  SmallString<128> path;
  if (llvm::sys::fs::createTemporaryFile("qopt-recipe", "json", path))
    return;
  recipeFile = std::make_unique<llvm::FileRemover>(path);
  std::error_code error;
  llvm::raw_fd_ostream(path, error) << printRecipe(recipe);
  phases.recipe = path.str().str();
}

/// Any level of x86-64 that this host runs; only its own level elsewhere.
llvm::Error GraphChecker::chooseTarget() {
  SmallVector<StringRef> runnable;
  for (StringRef name : TargetInfo::knownNames()) {
    llvm::Expected<TargetInfo> known = TargetInfo::get(name);
    if (!known)
      return known.takeError();
    if (name != "native" && !known->isGpu() && known->formForHost())
      runnable.push_back(name);
  }
  if (!options.targets.empty()) {
    runnable.clear();
    StringRef(options.targets).split(runnable, ',');
  }
  StringRef name = random.pickFrom(runnable);
  ++coverage.targets[name.str()];
  llvm::Expected<TargetInfo> target = TargetInfo::get(name);
  if (!target)
    return target.takeError();
  phases.target = *target;
  emitTarget = target->formForHost().value_or(*target);
  return llvm::Error::success();
}

/// The first input lies in the range of calibration; the second one far
/// outside, on multiples of 1/32; the third one has everything that a float can
/// be.
void GraphChecker::makeInputs() {
  static const std::pair<float, float> ranges[] = {
      {-1.0f, 1.0f},   {0.0f, 1.0f},      {-3.0f, -0.5f}, {2.0f, 6.0f},
      {-0.01f, 0.02f}, {-100.0f, 300.0f}, {-4.0f, 4.0f}};
  std::tie(lowest, highest) = random.pickFrom(ranges);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  inputs.resize(3);
  for (auto [kind, tensors] : llvm::enumerate(inputs))
    for (Type type : function().getArgumentTypes()) {
      HostTensor &input = tensors.emplace_back(
          DType::F32, cast<RankedTensorType>(type).getShape());
      for (float &value : input.data<float>()) {
        value = random.uniform(lowest, highest);
        if (kind == 1)
          value = std::nearbyint(value * 128.0f) / 32.0f;
        if (kind == 2 && random.chance(10))
          value = random.pick({kInfinity, -kInfinity, std::nanf(""), -0.0f,
                               0.0f, 1e30f, -3e38f, 1e-40f, -1e-38f, 1e5f});
      }
    }
}

/// Where the model takes integers: those of its inputs, and then any.
void GraphChecker::quantizeInputs() {
  FailureOr<ModelInfo> border = describeBorder(function());
  if (failed(border) || !llvm::any_of(border->inputs, [](const auto &input) {
        return input.isQuantized();
      }))
    return;
  ++coverage.integerOps["integer border"];
  Tensors any = inputs[0];
  for (Tensors &tensors : inputs)
    for (auto [tensor, info] : llvm::zip_equal(tensors, border->inputs))
      if (info.isQuantized())
        tensor = quantizeTensor(tensor, info);
  for (auto [tensor, info] : llvm::zip_equal(any, border->inputs)) {
    if (!info.isQuantized())
      continue;
    tensor = HostTensor(info.dtype, info.shape);
    for (uint8_t &byte : tensor.bytes)
      byte = static_cast<uint8_t>(random.between(0, 255));
  }
  inputs.push_back(any);
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

/// With locations, so that the next phase can be entered from it.
static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os, OpPrintingFlags().enableDebugInfo());
  return text;
}

llvm::Error GraphChecker::dump(StringRef suffix, StringRef text) {
  if (options.dumpFolder.empty())
    return llvm::Error::success();
  SmallString<128> path(options.dumpFolder);
  llvm::sys::path::append(path, std::to_string(seed) + "." + suffix);
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << text;
    return llvm::Error::success();
  });
}

llvm::Error
GraphChecker::runPasses(llvm::function_ref<void(OpPassManager &)> build,
                        Phase phase) {
  StringRef name = phaseInfo(phase).name;
  PassManager pm(&context);
  build(pm);
  if (failed(pm.run(*module)) || failed(verifyPhase(*module, phase)))
    return fail("no way to phase '" + name + "': " + message);
  if (options.dumpFolder.empty())
    return llvm::Error::success();
  return dump((name + ".mlir").str(), print(*module));
}

llvm::Error GraphChecker::enterPhase(Phase phase) {
  return runPasses([&](OpPassManager &pm) { buildPhase(pm, phase, phases); },
                   phase);
}

llvm::Expected<std::vector<Tensors>> GraphChecker::interpretAll() {
  std::vector<Tensors> results;
  for (const Tensors &input : inputs) {
    auto outputs = interpret(function(), input);
    if (!outputs)
      return fail("the interpreter refuses: " +
                  llvm::toString(outputs.takeError()));
    results.push_back(std::move(*outputs));
  }
  return results;
}

/// What calibration has found, bent.
static std::pair<float, float> bendRange(Random &random, float min, float max) {
  min = std::max(min, -1e6f);
  max = std::min(max, 1e6f);
  float width = max - min;
  switch (random.between(0, 19)) {
  case 0: // Saturates nearly always.
    return {min * 0.01f, max * 0.01f};
  case 1:
    return {min * 0.3f, max * 0.3f};
  case 2: // Uses few of the integers.
    return {min * 20.0f - 1.0f, max * 20.0f + 1.0f};
  case 3: // Zero point 0.
    return {0.0f, width};
  case 4: // Zero point 255.
    return {-width, 0.0f};
  case 5: // Both ends positive, or negative.
    return {width, 2.0f * width};
  case 6:
    return {-2.0f * width, -width};
  case 7: // Nothing at all.
    return {0.0f, 0.0f};
  case 8:
  case 9: { // A scale of 1/16.
    float zero = float(random.between(0, 255));
    return {-zero / 16.0f, (255.0f - zero) / 16.0f};
  }
  case 10:
    if (random.chance(20))
      return {min * 1e-20f, max * 1e-20f};
    return {min, max};
  default:
    return {min, max};
  }
}

llvm::Error GraphChecker::calibrate() {
  // As in the first input, but apart from it.
  std::map<std::string, std::pair<float, float>> seen;
  InterpretOptions observing;
  observing.observe = [&](StringRef edge, std::optional<int64_t>,
                          const HostTensor &value) {
    auto &range = seen.try_emplace(edge.str(), 0.0f, 0.0f).first->second;
    for (float x : value.data<float>()) {
      range.first = std::fmin(range.first, x);
      range.second = std::fmax(range.second, x);
    }
  };
  auto outputs = interpret(function(), inputs[0], observing);
  if (!outputs)
    return fail("calibration: " + llvm::toString(outputs.takeError()));
  Builder builder(&context);
  module->walk([&](ObserveOp op) {
    auto [min, max] = seen[op.getEdge().str()];
    auto range = bendRange(random, min, max);
    op.setMinAttr(builder.getDenseF32ArrayAttr(range.first));
    op.setMaxAttr(builder.getDenseF32ArrayAttr(range.second));
  });
  if (failed(verifyPhase(*module, Phase::Calibrated)))
    return fail("phase 'calibrated': " + message);
  return dump("calibrated.mlir", print(*module));
}

void GraphChecker::countIntegerOps() {
  module->walk([&](Operation *op) {
    if (isa_and_present<QoptDialect>(op->getDialect()))
      ++coverage.integerOps[op->getName().getStringRef().str()];
    if (!isContraction(op))
      return;
    bool isFloat = isa<FloatType>(getElementTypeOrSelf(op->getResult(0)));
    ++coverage
          .integerOps[isFloat ? "float contraction" : "integer contraction"];
  });
}

/// From `float` to `integer`; `expected` is what phase `qdq` means.
llvm::Error GraphChecker::quantize() {
  auto observe = [](OpPassManager &pm) {
    pm.addNestedPass<func::FuncOp>(createInsertObserversPass());
  };
  if (llvm::Error error = runPasses(observe, Phase::Observed))
    return error;
  if (llvm::Error error = calibrate())
    return error;
  if (llvm::Error error = dump("recipe.json", printRecipe(recipe)))
    return error;
  if (llvm::Error error = enterPhase(Phase::Qdq))
    return error;
  quantizeInputs();
  llvm::Expected<std::vector<Tensors>> meant = interpretAll();
  if (!meant)
    return meant.takeError();
  expected = std::move(*meant);
  if (llvm::Error error = enterPhase(Phase::Integer))
    return error;
  countIntegerOps();
  llvm::Expected<std::vector<Tensors>> got = interpretAll();
  if (!got)
    return got.takeError();
  return compareAll(*got, "qdq and integer, interpreted");
}

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

/// Which NaN an operation gives is not defined.
static bool isSameFloat(float a, float b) {
  return std::memcmp(&a, &b, sizeof(float)) == 0 ||
         (std::isnan(a) && std::isnan(b));
}

llvm::Error GraphChecker::compare(ArrayRef<HostTensor> got,
                                  ArrayRef<HostTensor> want, size_t input,
                                  const Twine &what) {
  for (auto [index, a, b] : llvm::enumerate(got, want)) {
    if (a.dtype != b.dtype)
      return fail(what + ": result " + Twine(index) + ": expected " +
                  dtypeName(b.dtype) + ", got " + dtypeName(a.dtype));
    if (a.dtype != DType::F32) {
      coverage.comparedElements += int64_t(a.bytes.size());
      if (a.bytes != b.bytes)
        return fail(what + ": input " + Twine(input) + ", result " +
                    Twine(index) + ": integers differ");
      continue;
    }
    ArrayRef<float> left = a.data<float>(), right = b.data<float>();
    coverage.comparedElements += int64_t(left.size());
    int64_t differing = 0, first = -1;
    for (size_t i = 0; i < left.size(); ++i)
      if (!isSameFloat(left[i], right[i])) {
        ++differing;
        first = first < 0 ? int64_t(i) : first;
      }
    if (differing == 0)
      continue;
    std::string text;
    llvm::raw_string_ostream os(text);
    os << what << ": input " << input << ", result " << index << ": "
       << differing << " of " << left.size() << " elements differ, first "
       << first << " of " << shapeToString(a.shape)
       << llvm::format(": expected %.9g, got %.9g", double(right[first]),
                       double(left[first]));
    return fail(text);
  }
  return llvm::Error::success();
}

llvm::Error GraphChecker::compareAll(ArrayRef<Tensors> got, const Twine &what) {
  for (auto [index, tensors] : llvm::enumerate(got))
    if (llvm::Error error = compare(tensors, expected[index], index, what))
      return error;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Compiled code
//===----------------------------------------------------------------------===//

namespace {
/// Memory between two fences, full of nonsense, aligned as the C interface
/// asks.
class FencedBuffer {
public:
  explicit FencedBuffer(size_t bytes) : size(bytes) {
    memory.assign(bytes + 2 * kFence + ModelInfo::kAlignment, kNonsense);
    auto address = reinterpret_cast<uintptr_t>(memory.data());
    start = llvm::alignTo(address, ModelInfo::kAlignment) - address + kFence;
  }
  uint8_t *data() { return memory.data() + start; }
  bool isFenceWhole() const {
    auto isNonsense = [](uint8_t byte) { return byte == kNonsense; };
    return std::all_of(memory.begin(), memory.begin() + start, isNonsense) &&
           std::all_of(memory.begin() + start + size, memory.end(), isNonsense);
  }

private:
  static constexpr size_t kFence = 4 * ModelInfo::kAlignment;
  static constexpr uint8_t kNonsense = 0xA5;
  std::vector<uint8_t> memory;
  size_t size, start;
};
} // namespace

/// Runs every input through one arena that is never cleaned.
llvm::Error GraphChecker::runCompiled(const CompiledModel &model,
                                      const std::string &what) {
  const ModelInfo &info = model.info();
  FencedBuffer arena(info.arenaBytes);
  for (auto [index, input] : llvm::enumerate(inputs)) {
    Tensors sent = input, results;
    SmallVector<const void *> sentPointers;
    for (const HostTensor &tensor : sent)
      sentPointers.push_back(tensor.bytes.data());
    std::vector<FencedBuffer> buffers;
    SmallVector<void *> resultPointers;
    for (const TensorInfo &output : info.outputs)
      buffers.emplace_back(output.numBytes());
    for (FencedBuffer &buffer : buffers)
      resultPointers.push_back(buffer.data());
    if (int code = model.runRaw(sentPointers.data(), resultPointers.data(),
                                arena.data()))
      return fail(what + ": the run returned " + Twine(code));
    if (!arena.isFenceWhole() ||
        !llvm::all_of(buffers, std::mem_fn(&FencedBuffer::isFenceWhole)))
      return fail(what + ": wrote outside of its memory");
    for (auto [before, after] : llvm::zip_equal(input, sent))
      if (before.bytes != after.bytes)
        return fail(what + ": wrote to an input");
    for (auto [output, buffer] : llvm::zip_equal(info.outputs, buffers)) {
      HostTensor &result = results.emplace_back(output.dtype, output.shape);
      std::memcpy(result.bytes.data(), buffer.data(), result.bytes.size());
    }
    if (llvm::Error error = compare(results, expected[index], index, what))
      return error;
  }
  return llvm::Error::success();
}

/// The main program, compiled once: all graphs have the same name.
static llvm::Expected<std::string> mainProgram(const ModelInfo &info,
                                               const TargetInfo &target) {
  static std::map<std::string, std::string> known;
  std::string &object = known[info.name + " " + target.triple];
  if (object.empty()) {
    auto compiled = compileMainProgram(info, target);
    if (!compiled)
      return compiled.takeError();
    object = std::move(*compiled);
  }
  return object;
}

/// Runs every input in a program under the emulator.
llvm::Error GraphChecker::runEmulated(StringRef object, const ModelInfo &info,
                                      const std::string &what) {
  auto mainObject = mainProgram(info, emitTarget);
  if (!mainObject)
    return fail(what + ": " + llvm::toString(mainObject.takeError()));
  auto program = linkExecutable(object, *mainObject, info, emitTarget);
  if (!program)
    return fail(what + ": " + llvm::toString(program.takeError()));
  auto model = EmulatedModel::create(*program, info, options.emulator);
  if (!model)
    return fail(what + ": " + llvm::toString(model.takeError()));
  SmallVector<ArrayRef<HostTensor>> samples(inputs.begin(), inputs.end());
  auto results = (*model)->run(samples);
  if (!results)
    return fail(what + ": " + llvm::toString(results.takeError()));
  return compareAll(*results, what);
}

llvm::Error GraphChecker::checkObject(StringRef object, const ModelInfo &info,
                                      const std::string &what) {
  if (!options.emulator.empty())
    return runEmulated(object, info, what);
  auto model = CompiledModel::loadObject(object, info);
  if (!model)
    return fail(what + ": " + llvm::toString(model.takeError()));
  if (llvm::Error error = runCompiled(**model, what))
    return error;
  if (!(*model)->hasTasks())
    return llvm::Error::success();
  ++coverage.sharedObjects;
  if (llvm::Error error = (*model)->useThreads(options.threads))
    return error;
  return runCompiled(**model, what + ", shared");
}

/// From `float` or `integer` to code at two levels of optimization, or under an
/// emulator, which takes its time, at one of them.
llvm::Error GraphChecker::checkCompiled() {
  phases.schedule = random.chance(90);
  phases.threads = options.threads;
  phases.leastTasks = 0;
  for (Phase phase : {Phase::Scheduled, Phase::Planned, Phase::Llvm})
    if (llvm::Error error = enterPhase(phase))
      return error;
  SmallVector<unsigned> levels = {0, 3};
  if (!options.emulator.empty())
    levels = {random.chance(25) ? 0u : 3u};
  for (unsigned level : levels) {
    EmitOptions emit;
    emit.target = emitTarget;
    emit.optLevel = level;
    std::string what = (phases.schedule ? "scheduled" : "plain") +
                       std::string(" code at -O") + std::to_string(level);
    llvm::Expected<ModelInfo> info = getModelInfo(*module, emit);
    if (!info)
      return fail(what + ": " + llvm::toString(info.takeError()));
    auto object = emitCode(*module, CodeKind::Object, emit);
    if (!object)
      return fail(what + ": " + llvm::toString(object.takeError()));
    if (llvm::Error error = checkObject(*object, *info, what))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error GraphChecker::run() {
  chooseRecipe();
  if (llvm::Error error = chooseTarget())
    return error;
  module = generateGraph(context, random, coverage.nodes);
  if (failed(verify(*module)))
    return fail("the generator: " + message);
  if (llvm::Error error = dump("input.mlir", debugString(**module)))
    return error;
  makeInputs();
  if (llvm::Error error = enterPhase(Phase::Float))
    return error;
  if (phases.quantize) {
    if (llvm::Error error = quantize())
      return error;
  } else {
    llvm::Expected<std::vector<Tensors>> meant = interpretAll();
    if (!meant)
      return meant.takeError();
    expected = std::move(*meant);
  }
  return options.interpretOnly ? llvm::Error::success() : checkCompiled();
}

llvm::Error qopt::randomgraphs::checkGraph(uint64_t seed,
                                           const CheckOptions &options,
                                           Coverage &coverage) {
  return GraphChecker(seed, options, coverage).run();
}
