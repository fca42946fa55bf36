//===- Json.h - JSON that a stranger may have written -----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// llvm::json, which reads recursively, behind a bound on the nesting.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_JSON_H
#define QOPT_SUPPORT_JSON_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace qopt {

/// The text as JSON; an error for none, and for lists and objects within one
/// another deeper than any file of ours.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text);

/// A value for messages: `"u8"`, `3`, "an object", "nothing" where there is
/// none.
std::string describe(const llvm::json::Value *value);

} // namespace qopt

#endif // QOPT_SUPPORT_JSON_H
