//===- Recipe.h - What to quantize, and how --------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A recipe holds every choice that the quantizer does not make from the data.
// It is a preset, or a JSON file that refines one; docs/Recipes.md lists the
// keys. Reading is strict: a key that is not understood is an error.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_RECIPE_H
#define QOPT_SUPPORT_RECIPE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qopt {

/// Which weights share a scale.
enum class Granularity { Tensor, Channel, Group };

/// How the clipping range of weights that share a scale is chosen.
enum class WeightRange {
  /// The largest magnitude: nothing is clipped.
  Max,
  /// The clip with the least squared error.
  Mse,
};

/// How the weights of one layer are stored.
struct WeightScheme {
  unsigned bits = 8;
  Granularity granularity = Granularity::Channel;
  /// Weights of one output channel that share a scale, along the input
  /// channels. Only for Granularity::Group.
  int64_t groupSize = 32;
  WeightRange range = WeightRange::Max;

  bool operator==(const WeightScheme &other) const;
};

/// What a recipe decides about one layer.
struct LayerScheme {
  bool keepFloat = false;
  WeightScheme weights;

  bool operator==(const LayerScheme &other) const;
};

/// A choice for the layers whose node name matches a glob.
struct RecipeOverride {
  std::string match;
  std::optional<bool> keepFloat;
  std::optional<WeightScheme> weights;

  bool operator==(const RecipeOverride &other) const;
};

struct Recipe {
  std::string name = "int8";
  /// False for the `float` preset: nothing is quantized.
  bool quantize = true;
  /// Activations in u8; false: weights only, activations stay in float.
  bool quantizeActivations = true;
  /// Requantization by integer multipliers and a shift; false: by f32 ones.
  bool fixedPoint = false;
  /// The observer of the ranges, by its name on the command line.
  std::string observer = "minmax";
  /// Whether a file chose the observer; a preset's suits any ranges.
  bool namesObserver = false;
  WeightScheme weights;
  /// The first and the last contraction of the model.
  std::optional<RecipeOverride> firstLayer, lastLayer;
  bool biasCorrection = false;
  /// In order; a later one wins.
  std::vector<RecipeOverride> overrides;

  /// The same choices, whoever made them.
  bool operator==(const Recipe &other) const;

  /// The choice for a layer that came from the nodes `names`.
  LayerScheme layer(llvm::ArrayRef<llvm::StringRef> names, bool isFirst,
                    bool isLast) const;
  /// The globs of overrides, in order, none of whose layers came from a node
  /// of `names`.
  std::vector<llvm::StringRef>
  unmatchedGlobs(llvm::ArrayRef<llvm::StringRef> names) const;
};

/// The names of the presets, in the order of the documentation.
llvm::ArrayRef<llvm::StringRef> recipePresetNames();

/// The preset of that name; nothing if there is none.
std::optional<Recipe> recipePreset(llvm::StringRef name);

/// A recipe from the text of a JSON file; errors begin with `file`.
llvm::Expected<Recipe> parseRecipe(llvm::StringRef text, llvm::StringRef file);

/// The preset called `nameOrFile`, else the recipe in that file.
llvm::Expected<Recipe> loadRecipe(llvm::StringRef nameOrFile);

/// All keys of a recipe as JSON, in a fixed order; parseRecipe reads it back.
std::string printRecipe(const Recipe &recipe);

} // namespace qopt

#endif // QOPT_SUPPORT_RECIPE_H
