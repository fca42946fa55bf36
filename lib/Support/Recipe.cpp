//===- Recipe.cpp - Presets, and recipes as JSON --------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every error names the file and the path of the key,
// `overrides[1].weights.bits`.
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Recipe.h"

#include "qopt/Support/DidYouMean.h"
#include "qopt/Support/Json.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace qopt;

static constexpr StringLiteral kSchema = "qopt-recipe";
static constexpr int64_t kVersion = 1;
static constexpr StringLiteral kObservers[] = {"minmax", "moving-average",
                                               "percentile", "entropy", "mse"};

bool WeightScheme::operator==(const WeightScheme &other) const {
  bool sameGroup =
      granularity != Granularity::Group || groupSize == other.groupSize;
  return bits == other.bits && granularity == other.granularity && sameGroup &&
         range == other.range;
}

bool LayerScheme::operator==(const LayerScheme &other) const {
  return keepFloat == other.keepFloat && weights == other.weights;
}

bool RecipeOverride::operator==(const RecipeOverride &other) const {
  return match == other.match && keepFloat == other.keepFloat &&
         weights == other.weights;
}

bool Recipe::operator==(const Recipe &other) const {
  return name == other.name && quantize == other.quantize &&
         quantizeActivations == other.quantizeActivations &&
         fixedPoint == other.fixedPoint && observer == other.observer &&
         weights == other.weights && firstLayer == other.firstLayer &&
         lastLayer == other.lastLayer &&
         biasCorrection == other.biasCorrection && overrides == other.overrides;
}

//===----------------------------------------------------------------------===//
// Choices per layer
//===----------------------------------------------------------------------===//

static void apply(const RecipeOverride &choice, LayerScheme &scheme) {
  if (choice.keepFloat)
    scheme.keepFloat = *choice.keepFloat;
  if (choice.weights)
    scheme.weights = *choice.weights;
}

static bool matches(StringRef glob, ArrayRef<StringRef> names) {
  Expected<GlobPattern> pattern = GlobPattern::create(glob);
  if (!pattern) {
    // parseRecipe has refused it before.
    consumeError(pattern.takeError());
    return false;
  }
  return any_of(names, [&](StringRef name) { return pattern->match(name); });
}

LayerScheme Recipe::layer(ArrayRef<StringRef> names, bool isFirst,
                          bool isLast) const {
  LayerScheme scheme;
  scheme.weights = weights;
  scheme.keepFloat = !quantize;
  if (isFirst && firstLayer)
    apply(*firstLayer, scheme);
  if (isLast && lastLayer)
    apply(*lastLayer, scheme);
  for (const RecipeOverride &choice : overrides)
    if (matches(choice.match, names))
      apply(choice, scheme);
  return scheme;
}

std::vector<StringRef> Recipe::unmatchedGlobs(ArrayRef<StringRef> names) const {
  std::vector<StringRef> globs;
  for (const RecipeOverride &choice : overrides)
    if (!matches(choice.match, names))
      globs.push_back(choice.match);
  return globs;
}

//===----------------------------------------------------------------------===//
// Presets
//===----------------------------------------------------------------------===//

ArrayRef<StringRef> qopt::recipePresetNames() {
  static const StringRef names[] = {"float",
                                    "int8",
                                    "int8-per-tensor",
                                    "int8-weight-only",
                                    "w4a8",
                                    "w4a8-group-64",
                                    "w4a8-group-128",
                                    "w4a8-per-channel",
                                    "w4a8-per-tensor",
                                    "int8-fixed-point"};
  return names;
}

// 4 bit weights: what the grid loses in resolution, the clip wins back.
static Recipe makeW4A8(Granularity granularity, int64_t groupSize) {
  Recipe recipe;
  recipe.weights = {4, granularity, groupSize, WeightRange::Mse};
  // The first layer sees few input channels and the last one feeds the answer:
  // both hold few weights and lose most at 4 bits.
  RecipeOverride eight;
  eight.weights = WeightScheme();
  recipe.firstLayer = recipe.lastLayer = eight;
  return recipe;
}

static std::optional<Recipe> makePreset(StringRef name) {
  Recipe recipe;
  if (name == "int8")
    return recipe;
  if (name == "float") {
    recipe.quantize = recipe.quantizeActivations = false;
    return recipe;
  }
  if (name == "int8-per-tensor") {
    recipe.weights.granularity = Granularity::Tensor;
    return recipe;
  }
  if (name == "int8-fixed-point") {
    recipe.fixedPoint = true;
    return recipe;
  }
  if (name == "int8-weight-only") {
    recipe.quantizeActivations = false;
    return recipe;
  }
  return StringSwitch<std::optional<Recipe>>(name)
      .Case("w4a8", makeW4A8(Granularity::Group, 32))
      .Case("w4a8-group-64", makeW4A8(Granularity::Group, 64))
      .Case("w4a8-group-128", makeW4A8(Granularity::Group, 128))
      .Case("w4a8-per-channel", makeW4A8(Granularity::Channel, 32))
      .Case("w4a8-per-tensor", makeW4A8(Granularity::Tensor, 32))
      .Default(std::nullopt);
}

std::optional<Recipe> qopt::recipePreset(StringRef name) {
  std::optional<Recipe> recipe = makePreset(name);
  if (recipe) {
    recipe->name = name.str();
    recipe->biasCorrection = recipe->quantize;
  }
  return recipe;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// One JSON object of the file: hands out the values of the keys that it is
/// asked for, then complains about the first one that nobody asked for.
class ObjectReader {
public:
  ObjectReader(const json::Object &object, StringRef file, std::string path)
      : object(object), file(file), path(std::move(path)) {}

  std::string keyPath(StringRef key) const {
    return path.empty() ? key.str() : path + "." + key.str();
  }

  template <typename... Ts>
  Error error(StringRef key, const Ts &...parts) const {
    std::string text;
    raw_string_ostream os(text);
    os << file << ": " << keyPath(key) << ": ";
    (os << ... << parts);
    return createStringError(text);
  }

  const json::Value *get(StringRef key) {
    if (!is_contained(known, key))
      known.push_back(key);
    return object.get(key);
  }

  Error read(StringRef key, bool &result) {
    const json::Value *value = get(key);
    if (!value)
      return Error::success();
    if (std::optional<bool> boolean = value->getAsBoolean()) {
      result = *boolean;
      return Error::success();
    }
    return error(key, "expected true or false, got ", *value);
  }

  /// Reads one of a few words.
  Error read(StringRef key, std::string &result,
             ArrayRef<StringLiteral> words) {
    const json::Value *value = get(key);
    if (!value)
      return Error::success();
    std::optional<StringRef> text = value->getAsString();
    if (text && is_contained(words, *text)) {
      result = text->str();
      return Error::success();
    }
    return error(key, "expected one of \"", join(words, "\", \""), "\", got ",
                 *value);
  }

  Error read(StringRef key, int64_t &result, ArrayRef<int64_t> allowed) {
    const json::Value *value = get(key);
    if (!value)
      return Error::success();
    std::optional<int64_t> number = value->getAsInteger();
    if (number && is_contained(allowed, *number)) {
      result = *number;
      return Error::success();
    }
    std::string list;
    raw_string_ostream os(list);
    interleaveComma(allowed, os);
    return error(key, "expected one of ", list, ", got ", *value);
  }

  /// A nested object under `key`; null if there is none.
  Expected<const json::Object *> nested(StringRef key) {
    const json::Value *value = get(key);
    if (!value || value->getAsNull())
      return nullptr;
    if (const json::Object *object = value->getAsObject())
      return object;
    return error(key, "expected an object, got ", *value);
  }

  /// Call last: the smallest key that is not known is an error.
  Error finish() const {
    std::vector<StringRef> unknown;
    for (const auto &entry : object)
      if (!is_contained(known, StringRef(entry.first)))
        unknown.push_back(entry.first);
    if (unknown.empty())
      return Error::success();
    sort(unknown);
    return error(unknown.front(), "unknown key; expected one of ",
                 join(known, ", "));
  }

  StringRef getFile() const { return file; }

private:
  const json::Object &object;
  StringRef file;
  std::string path;
  SmallVector<StringRef> known;
};
} // namespace

static Error readWeights(ObjectReader reader, WeightScheme &scheme) {
  int64_t bits = scheme.bits;
  std::string granularity, range;
  if (Error error = reader.read("bits", bits, {4, 8}))
    return error;
  if (Error error = reader.read("granularity", granularity,
                                {"tensor", "channel", "group"}))
    return error;
  if (Error error = reader.read("group_size", scheme.groupSize,
                                {4, 8, 16, 32, 64, 128, 256}))
    return error;
  if (Error error = reader.read("range", range, {"max", "mse"}))
    return error;
  scheme.bits = bits;
  if (!granularity.empty())
    scheme.granularity = StringSwitch<Granularity>(granularity)
                             .Case("tensor", Granularity::Tensor)
                             .Case("channel", Granularity::Channel)
                             .Default(Granularity::Group);
  if (!range.empty())
    scheme.range = range == "max" ? WeightRange::Max : WeightRange::Mse;
  return reader.finish();
}

// Keys that an override leaves out come from `base`, the recipe's own weights.
static Error readChoice(ObjectReader &reader, const WeightScheme &base,
                        RecipeOverride &choice) {
  if (reader.get("float")) {
    bool keepFloat = false;
    if (Error error = reader.read("float", keepFloat))
      return error;
    choice.keepFloat = keepFloat;
  }
  Expected<const json::Object *> weights = reader.nested("weights");
  if (!weights)
    return weights.takeError();
  if (*weights) {
    choice.weights = base;
    if (Error error = readWeights(ObjectReader(**weights, reader.getFile(),
                                               reader.keyPath("weights")),
                                  *choice.weights))
      return error;
  }
  return reader.finish();
}

static Error readEndLayer(ObjectReader &root, StringRef key,
                          const WeightScheme &base,
                          std::optional<RecipeOverride> &choice) {
  Expected<const json::Object *> object = root.nested(key);
  if (!object)
    return object.takeError();
  if (!*object) {
    // null takes a preset's choice back.
    if (root.get(key))
      choice.reset();
    return Error::success();
  }
  ObjectReader reader(**object, root.getFile(), key.str());
  choice.emplace();
  return readChoice(reader, base, *choice);
}

static Error readOverrides(ObjectReader &root, Recipe &recipe) {
  const json::Value *value = root.get("overrides");
  if (!value)
    return Error::success();
  const json::Array *array = value->getAsArray();
  if (!array)
    return root.error("overrides", "expected an array, got ", *value);
  recipe.overrides.clear();
  for (auto [index, element] : enumerate(*array)) {
    std::string path = ("overrides[" + Twine(index) + "]").str();
    const json::Object *object = element.getAsObject();
    if (!object)
      return root.error(path, "expected an object, got ", element);
    ObjectReader reader(*object, root.getFile(), path);
    RecipeOverride choice;
    const json::Value *match = reader.get("match");
    std::optional<StringRef> glob = match ? match->getAsString() : std::nullopt;
    if (!glob)
      return reader.error("match", "expected a glob of node names, got ",
                          describe(match));
    choice.match = glob->str();
    Expected<GlobPattern> pattern = GlobPattern::create(choice.match);
    if (!pattern)
      return reader.error("match", toString(pattern.takeError()));
    if (Error error = readChoice(reader, recipe.weights, choice))
      return error;
    recipe.overrides.push_back(std::move(choice));
  }
  return Error::success();
}

static Error readActivations(ObjectReader &root, Recipe &recipe) {
  Expected<const json::Object *> object = root.nested("activations");
  if (!object)
    return object.takeError();
  if (!*object)
    return Error::success();
  ObjectReader reader(**object, root.getFile(), "activations");
  std::string dtype = recipe.quantizeActivations ? "u8" : "f32";
  if (Error error = reader.read("dtype", dtype, {"u8", "f32"}))
    return error;
  if (Error error = reader.read("observer", recipe.observer, kObservers))
    return error;
  recipe.namesObserver = reader.get("observer");
  recipe.quantizeActivations = dtype == "u8";
  return reader.finish();
}

static Error readHeader(ObjectReader &root, Recipe &recipe) {
  const json::Value *schema = root.get("schema");
  if (!schema || schema->getAsString() != StringRef(kSchema))
    return root.error("schema", "expected \"", kSchema, "\", got ",
                      describe(schema));
  int64_t version = 0;
  if (!root.get("version"))
    return root.error("version", "expected ", kVersion, ", got nothing");
  if (Error error = root.read("version", version, {kVersion}))
    return error;
  if (const json::Value *base = root.get("base")) {
    std::optional<StringRef> name = base->getAsString();
    std::optional<Recipe> preset = name ? recipePreset(*name) : std::nullopt;
    if (!preset)
      return root.error("base", "expected one of \"",
                        join(recipePresetNames(), "\", \""), "\", got ", *base);
    recipe = *preset;
  }
  recipe.name = sys::path::stem(root.getFile()).str();
  if (const json::Value *name = root.get("name")) {
    if (!name->getAsString())
      return root.error("name", "expected a string, got ", *name);
    recipe.name = name->getAsString()->str();
  }
  std::string arithmetic = recipe.fixedPoint ? "fixed-point" : "float";
  if (Error error =
          root.read("arithmetic", arithmetic, {"float", "fixed-point"}))
    return error;
  recipe.fixedPoint = arithmetic == "fixed-point";
  return Error::success();
}

Expected<Recipe> qopt::parseRecipe(StringRef text, StringRef file) {
  Expected<json::Value> value = parseJson(text);
  if (!value)
    return createStringError(file + ": expected JSON, got " +
                             toString(value.takeError()));
  const json::Object *object = value->getAsObject();
  if (!object)
    return createStringError(file + ": expected a JSON object, got " +
                             describe(&*value));
  ObjectReader root(*object, file, "");
  Recipe recipe;
  if (Error error = readHeader(root, recipe))
    return std::move(error);
  if (Error error = root.read("quantize", recipe.quantize))
    return std::move(error);
  if (Error error = readActivations(root, recipe))
    return std::move(error);
  Expected<const json::Object *> weights = root.nested("weights");
  if (!weights)
    return weights.takeError();
  if (*weights)
    if (Error error = readWeights(ObjectReader(**weights, file, "weights"),
                                  recipe.weights))
      return std::move(error);
  if (Error error =
          readEndLayer(root, "first_layer", recipe.weights, recipe.firstLayer))
    return std::move(error);
  if (Error error =
          readEndLayer(root, "last_layer", recipe.weights, recipe.lastLayer))
    return std::move(error);
  if (Error error = root.read("bias_correction", recipe.biasCorrection))
    return std::move(error);
  if (Error error = readOverrides(root, recipe))
    return std::move(error);
  if (Error error = root.finish())
    return std::move(error);
  return recipe;
}

Expected<Recipe> qopt::loadRecipe(StringRef nameOrFile) {
  if (std::optional<Recipe> preset = recipePreset(nameOrFile))
    return *preset;
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer =
      MemoryBuffer::getFile(nameOrFile, /*IsText=*/true);
  if (!buffer)
    return createStringError(
        nameOrFile + ": expected a preset (" + join(recipePresetNames(), ", ") +
        ") or a readable recipe file: " + buffer.getError().message() +
        didYouMean(nameOrFile, recipePresetNames()));
  return parseRecipe((*buffer)->getBuffer(), nameOrFile);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static StringRef granularityName(Granularity granularity) {
  switch (granularity) {
  case Granularity::Tensor:
    return "tensor";
  case Granularity::Channel:
    return "channel";
  case Granularity::Group:
    return "group";
  }
  llvm_unreachable("unknown granularity");
}

static void printWeights(json::OStream &os, const WeightScheme &scheme) {
  os.attributeObject("weights", [&] {
    os.attribute("bits", scheme.bits);
    os.attribute("granularity", granularityName(scheme.granularity));
    if (scheme.granularity == Granularity::Group)
      os.attribute("group_size", scheme.groupSize);
    os.attribute("range", scheme.range == WeightRange::Max ? "max" : "mse");
  });
}

static void printChoice(json::OStream &os, const RecipeOverride &choice) {
  if (choice.keepFloat)
    os.attribute("float", *choice.keepFloat);
  if (choice.weights)
    printWeights(os, *choice.weights);
}

static void printEndLayer(json::OStream &os, StringRef key,
                          const std::optional<RecipeOverride> &choice) {
  if (choice)
    os.attributeObject(key, [&] { printChoice(os, *choice); });
  else
    os.attribute(key, nullptr);
}

std::string qopt::printRecipe(const Recipe &recipe) {
  std::string text;
  raw_string_ostream stream(text);
  json::OStream os(stream, /*IndentSize=*/2);
  os.object([&] {
    os.attribute("schema", kSchema);
    os.attribute("version", kVersion);
    os.attribute("name", recipe.name);
    os.attribute("arithmetic", recipe.fixedPoint ? "fixed-point" : "float");
    os.attribute("quantize", recipe.quantize);
    os.attributeObject("activations", [&] {
      os.attribute("dtype", recipe.quantizeActivations ? "u8" : "f32");
      os.attribute("observer", recipe.observer);
    });
    printWeights(os, recipe.weights);
    printEndLayer(os, "first_layer", recipe.firstLayer);
    printEndLayer(os, "last_layer", recipe.lastLayer);
    os.attribute("bias_correction", recipe.biasCorrection);
    os.attributeArray("overrides", [&] {
      for (const RecipeOverride &choice : recipe.overrides)
        os.object([&] {
          os.attribute("match", choice.match);
          printChoice(os, choice);
        });
    });
  });
  os.flush();
  return text + "\n";
}
