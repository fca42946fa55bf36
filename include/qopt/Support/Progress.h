//===- Progress.h - How far long work has come ------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_PROGRESS_H
#define QOPT_SUPPORT_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace qopt {

/// Told by long work after every step: `done` of `total`.
using ProgressFn = std::function<void(int64_t done, int64_t total)>;

/// Shows one piece of long work on a stream that the tool gives: on a terminal
/// a bar, redrawn at most twenty times a second and removed at the end;
/// elsewhere one line per tenth of the work, so that logs stay short.
class ProgressPrinter {
public:
  ProgressPrinter(llvm::raw_ostream &os, llvm::StringRef label, bool isTerminal)
      : os(os), label(label), isTerminal(isTerminal) {}
  ~ProgressPrinter() { clear(); }

  void update(int64_t done, int64_t total);

  /// A function that calls `update`; valid as long as the printer.
  ProgressFn function();

private:
  using Clock = std::chrono::steady_clock;

  void drawBar(int64_t done, int64_t total);
  void clear();

  llvm::raw_ostream &os;
  std::string label;
  bool isTerminal;
  size_t drawnWidth = 0;
  int64_t lastTenth = 0;
  Clock::time_point start = Clock::now();
  Clock::time_point lastDraw;
};

} // namespace qopt

#endif // QOPT_SUPPORT_PROGRESS_H
