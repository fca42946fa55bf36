//===- Json.cpp - JSON that a stranger may have written -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Json.h"
#include "qopt/Support/NumberFormat.h"

using namespace llvm;
using namespace qopt;

/// Brackets in strings do not count.
static int deepestNesting(StringRef text) {
  int depth = 0, deepest = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString && c == '\\')
      ++i;
    else if (c == '"')
      inString = !inString;
    else if (!inString && (c == '[' || c == '{'))
      deepest = std::max(deepest, ++depth);
    else if (!inString && (c == ']' || c == '}'))
      --depth;
  }
  return deepest;
}

std::string qopt::describe(const json::Value *value) {
  if (!value)
    return "nothing";
  if (value->getAsObject())
    return "an object";
  if (value->getAsArray())
    return "a list";
  if (std::optional<double> number = value->getAsNumber();
      number && !value->getAsInteger())
    return shortestDigits(*number);
  std::string text;
  raw_string_ostream(text) << *value;
  return text;
}

Expected<json::Value> qopt::parseJson(StringRef text) {
  constexpr int kMaxDepth = 64;
  int depth = deepestNesting(text);
  if (depth > kMaxDepth)
    return createStringError("lists and objects " + Twine(depth) +
                             " deep, more than " + Twine(kMaxDepth));
  return json::parse(text);
}
