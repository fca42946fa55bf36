//===- GraphChecker.h - One random graph, from end to end -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHCHECKER_H
#define QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHCHECKER_H

#include "GraphGenerator.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace qopt::randomgraphs {

struct CheckOptions {
  /// Where every phase of every graph is written; nowhere if empty.
  std::string dumpFolder;
  /// A recipe and a list of targets instead of random ones, if not empty.
  std::string recipe, targets;
  /// The command that runs programs for the targets; empty for code in this
  /// process.
  std::string emulator;
  /// With several, loops of every length are cut into as many tasks, and code
  /// in this process runs alone and on as many threads.
  unsigned threads = 1;
  /// Stop after phase `integer`: many graphs in little time.
  bool interpretOnly = false;
};

/// What has been seen, over all graphs.
struct Coverage {
  NodeCounts nodes, recipes, targets;
  /// Operations of the dialect in phase `integer`, and contractions of floats.
  NodeCounts integerOps;
  int64_t comparedElements = 0;
  /// Objects with tasks.
  int64_t sharedObjects = 0;
};

/// Generates the graph `seed`, calibrates and quantizes it, and compares on a
/// few inputs: the interpretations of phases `qdq` and `integer`, and the code
/// compiled at -O0 and -O3. Anything but the same bits is an error.
llvm::Error checkGraph(uint64_t seed, const CheckOptions &options,
                       Coverage &coverage);

} // namespace qopt::randomgraphs

#endif // QOPT_INTEGRATIONTEST_RANDOMGRAPHS_GRAPHCHECKER_H
