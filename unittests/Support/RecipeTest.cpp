#include "qopt/Support/Recipe.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace llvm;

static std::string messageOf(StringRef text) {
  Expected<Recipe> recipe = parseRecipe(text, "r.json");
  return recipe ? "accepted" : toString(recipe.takeError());
}

TEST(Recipe, PresetsSurviveARoundTrip) {
  for (StringRef name : recipePresetNames()) {
    Recipe recipe = *recipePreset(name);
    Expected<Recipe> again = parseRecipe(printRecipe(recipe), "x.json");
    ASSERT_TRUE(bool(again)) << toString(again.takeError());
    EXPECT_TRUE(recipe == *again) << printRecipe(recipe);
    EXPECT_EQ(printRecipe(recipe), printRecipe(*again));
  }
}

TEST(Recipe, AFileRefinesItsBase) {
  Expected<Recipe> recipe =
      parseRecipe(R"({"schema": "qopt-recipe", "version": 1,
    "base": "w4a8", "last_layer": null,
    "overrides": [{"match": "conv1*", "float": true},
                  {"match": "fc", "weights": {"granularity": "channel"}}]})",
                  "dir/mine.json");
  ASSERT_TRUE(bool(recipe)) << toString(recipe.takeError());
  EXPECT_EQ(recipe->name, "mine");
  EXPECT_FALSE(recipe->lastLayer);
  EXPECT_TRUE(recipe->layer({"conv12"}, false, false).keepFloat);
  LayerScheme fc = recipe->layer({"fc"}, false, true);
  EXPECT_FALSE(fc.keepFloat);
  EXPECT_EQ(fc.weights.bits, 4u);
  EXPECT_EQ(fc.weights.granularity, Granularity::Channel);
  EXPECT_EQ(recipe->layer({"any"}, true, false).weights.bits, 8u);
  EXPECT_EQ(recipe->layer({"any"}, false, false).weights.bits, 4u);
  Expected<Recipe> again = parseRecipe(printRecipe(*recipe), "x.json");
  ASSERT_TRUE(bool(again)) << toString(again.takeError());
  EXPECT_TRUE(*recipe == *again);
}

TEST(Recipe, ErrorsNameFileAndKey) {
  const char *head = R"({"schema": "qopt-recipe", "version": 1, )";
  auto with = [&](const char *rest) {
    return messageOf(std::string(head) + rest);
  };
  EXPECT_EQ(messageOf("{}"),
            "r.json: schema: expected \"qopt-recipe\", got nothing");
  EXPECT_EQ(messageOf("[1]"), "r.json: expected a JSON object, got a list");
  EXPECT_EQ(messageOf(R"({"schema": "qopt-recipe", "version": 2})"),
            "r.json: version: expected one of 1, got 2");
  EXPECT_EQ(with(R"("weights": {"bits": 5}})"),
            "r.json: weights.bits: expected one of 4, 8, got 5");
  EXPECT_EQ(with(R"("weights": {"bit": 4}})"),
            "r.json: weights.bit: unknown key; expected one of bits, "
            "granularity, group_size, range");
  EXPECT_EQ(
      with(R"("overrides": [{"match": "a"}, {"match": "b", "flaot": true}]})"),
      "r.json: overrides[1].flaot: unknown key; expected one of match, "
      "float, weights");
  EXPECT_EQ(with(R"("overrides": [{"float": true}]})"),
            "r.json: overrides[0].match: expected a glob of node names, got "
            "nothing");
  EXPECT_EQ(with(R"("arithmetic": "fixed"})"),
            "r.json: arithmetic: expected one of \"float\", "
            "\"fixed-point\", got \"fixed\"");
  EXPECT_EQ(with(R"("base": "int7"})").substr(0, 25),
            "r.json: base: expected on");
  EXPECT_EQ(with(R"("first_layer": {"weights": 3}})"),
            "r.json: first_layer.weights: expected an object, got 3");
  EXPECT_NE(messageOf("{").find("r.json: expected JSON, got "),
            std::string::npos);
}

TEST(Recipe, LoadNamesThePresets) {
  Expected<Recipe> recipe = loadRecipe("no-such-recipe");
  ASSERT_FALSE(bool(recipe));
  std::string message = toString(recipe.takeError());
  EXPECT_NE(message.find("int8-weight-only"), std::string::npos) << message;
}
