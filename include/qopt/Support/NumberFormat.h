//===- NumberFormat.h - Numbers as text -------------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_NUMBERFORMAT_H
#define QOPT_SUPPORT_NUMBERFORMAT_H

#include "llvm/Support/JSON.h"
#include <charconv>
#include <cmath>
#include <string>

namespace qopt {

/// The shortest digits that read back as the same number ("0.1", "1e-05",
/// "nan"); no locale, no host.
template <typename T>
std::string shortestDigits(T value) {
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return std::string(buffer, end);
}

/// A JSON number of the fewest digits that read back as `value`; LLVM's writer
/// gives 17, 73.7 as 73.700000000000003. JSON has no number that is not finite:
/// null.
template <typename T>
void printJsonNumber(llvm::json::OStream &json, llvm::StringRef key, T value) {
  json.attributeBegin(key);
  json.rawValue(std::isfinite(value) ? shortestDigits(value) : "null");
  json.attributeEnd();
}

} // namespace qopt

#endif // QOPT_SUPPORT_NUMBERFORMAT_H
