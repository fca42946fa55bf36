//===- Phases.cpp - The list of phases ------------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Pipelines/Phases.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace qopt {

static constexpr PhaseInfo kPhases[] = {
#define QOPT_PHASE(enumerator, name, description, contract)                    \
  {Phase::enumerator, name, description, contract},
#include "qopt/Pipelines/Phases.def"
};

llvm::ArrayRef<PhaseInfo> allPhases() { return kPhases; }

const PhaseInfo &phaseInfo(Phase phase) {
  return kPhases[static_cast<size_t>(phase)];
}

std::optional<Phase> parsePhase(llvm::StringRef name) {
  for (const PhaseInfo &info : kPhases)
    if (info.name == name)
      return info.phase;
  return std::nullopt;
}

std::string phaseNames() {
  return llvm::join(
      llvm::map_range(kPhases,
                      [](const PhaseInfo &info) { return info.name.str(); }),
      ", ");
}

} // namespace qopt
