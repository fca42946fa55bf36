//===- Progress.cpp - How far long work has come --------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Progress.h"

#include "llvm/Support/Format.h"

using namespace llvm;
using namespace qopt;

void ProgressPrinter::update(int64_t done, int64_t total) {
  if (total <= 0)
    return;
  if (isTerminal) {
    Clock::time_point now = Clock::now();
    bool isDue = now - lastDraw >= std::chrono::milliseconds(50);
    if (isDue || done == total) {
      lastDraw = now;
      drawBar(done, total);
    }
    if (done == total)
      clear();
    return;
  }
  int64_t tenth = done * 10 / total;
  if (tenth <= lastTenth)
    return;
  lastTenth = tenth;
  os << label << ": " << done << "/" << total << " (" << done * 100 / total
     << "%)\n";
  os.flush();
}

void ProgressPrinter::drawBar(int64_t done, int64_t total) {
  constexpr int64_t width = 30;
  int64_t filled = done * width / total;
  std::string line;
  raw_string_ostream text(line);
  text << label << " [" << std::string(filled, '#')
       << std::string(width - filled, '.') << "] " << done << "/" << total;
  double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  // A guess from the first instants would only flicker.
  if (seconds > 1 && done > 0 && done < total)
    text << format(", %.0f s left", seconds / done * (total - done));
  size_t written = line.size();
  if (written < drawnWidth)
    line.append(drawnWidth - written, ' ');
  drawnWidth = written;
  os << '\r' << line;
  os.flush();
}

void ProgressPrinter::clear() {
  if (drawnWidth == 0)
    return;
  os << '\r' << std::string(drawnWidth, ' ') << '\r';
  os.flush();
  drawnWidth = 0;
}

ProgressFn ProgressPrinter::function() {
  return [this](int64_t done, int64_t total) { update(done, total); };
}
