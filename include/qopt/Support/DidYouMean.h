//===- DidYouMean.h - The name that was meant -----------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_DIDYOUMEAN_H
#define QOPT_SUPPORT_DIDYOUMEAN_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace qopt {

/// "; did you mean 'int8'?" for the end of a message on `got`, or nothing where
/// none of `names` is near. Case does not count.
inline std::string didYouMean(llvm::StringRef got,
                              llvm::ArrayRef<llvm::StringRef> names) {
  // One slip in a short name, two in others: letters that changed places.
  unsigned least = got.size() < 5 ? 2 : 3;
  llvm::StringRef nearest;
  for (llvm::StringRef name : names) {
    unsigned distance = got.edit_distance_insensitive(name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest.empty() ? "" : "; did you mean '" + nearest.str() + "'?";
}

} // namespace qopt

#endif // QOPT_SUPPORT_DIDYOUMEAN_H
