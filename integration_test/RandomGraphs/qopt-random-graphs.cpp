//===- qopt-random-graphs.cpp - Bits of random models ---------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generates models, one per seed, and compares what their compiled code gives
// with what the reference interpreter says. Exits with 1 if any bit differs.
//
//===----------------------------------------------------------------------===//

#include "GraphChecker.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace qopt::randomgraphs;
namespace cl = llvm::cl;

static void printCounts(llvm::StringRef title, const NodeCounts &counts) {
  llvm::outs() << title << ":";
  llvm::StringRef separator = " ";
  for (const auto &[name, count] : counts) {
    llvm::outs() << separator << name << " " << count;
    separator = ", ";
  }
  llvm::outs() << "\n";
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::OptionCategory category("Random graphs");
  cl::opt<uint64_t> firstSeed("seed", cl::desc("The first graph"), cl::init(1),
                              cl::cat(category));
  cl::opt<uint64_t> count("count", cl::desc("How many graphs"), cl::init(100),
                          cl::cat(category));
  cl::opt<int> minutes("minutes", cl::desc("Stop after so long, if not 0"),
                       cl::init(0), cl::cat(category));
  CheckOptions options;
  cl::opt<std::string, true> dump(
      "dump", cl::desc("Write every phase of every graph there"),
      cl::value_desc("DIR"), cl::location(options.dumpFolder),
      cl::cat(category));
  cl::opt<std::string, true> recipe(
      "recipe", cl::desc("A preset, instead of a random one"),
      cl::location(options.recipe), cl::cat(category));
  cl::opt<std::string, true> target(
      "target", cl::desc("One of these targets, instead of the host's"),
      cl::value_desc("NAME,NAME,..."), cl::location(options.targets),
      cl::cat(category));
  cl::opt<std::string, true> emulator(
      "emulator", cl::desc("Run programs for the targets under this command"),
      cl::location(options.emulator), cl::cat(category));
  cl::opt<unsigned, true> tasks(
      "tasks",
      cl::desc("Cut loops of every length into N tasks, for N threads"),
      cl::value_desc("N"), cl::location(options.threads), cl::cat(category));
  cl::opt<bool, true> interpretOnly(
      "interpret-only", cl::desc("Do not compile: compare interpretations"),
      cl::location(options.interpretOnly), cl::cat(category));
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "compiled random models against the reference "
                              "interpreter, bit for bit\n");

  if (!options.dumpFolder.empty() &&
      !llvm::sys::fs::is_directory(options.dumpFolder)) {
    llvm::errs() << "qopt-random-graphs: --dump expects a folder, got '"
                 << options.dumpFolder << "'\n";
    return 2;
  }

  using Clock = std::chrono::steady_clock;
  Clock::time_point end = Clock::now() + std::chrono::minutes(minutes);
  Coverage coverage;
  uint64_t checked = 0, failed = 0;
  for (uint64_t seed = firstSeed; checked < count; ++seed) {
    if (minutes > 0 && Clock::now() > end)
      break;
    llvm::PrettyStackTraceFormat trace("graph %llu", (unsigned long long)seed);
    ++checked;
    if (llvm::Error error = checkGraph(seed, options, coverage)) {
      ++failed;
      llvm::outs() << "graph " << seed << ": "
                   << llvm::toString(std::move(error)) << "\n";
      llvm::outs().flush();
    }
  }
  printCounts("nodes", coverage.nodes);
  printCounts("recipes", coverage.recipes);
  printCounts("targets", coverage.targets);
  printCounts("integer phase", coverage.integerOps);
  if (options.threads > 1)
    llvm::outs() << "objects with tasks: " << coverage.sharedObjects << "\n";
  llvm::outs() << checked << " graphs, " << coverage.comparedElements
               << " elements compared, " << failed << " graphs failed\n";
  return failed == 0 ? 0 : 1;
}
