//===- ProgressTest.cpp - Bars and lines ----------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Progress.h"

#include "gtest/gtest.h"

using namespace llvm;
using namespace qopt;

namespace {

std::string show(bool isTerminal, int64_t total) {
  std::string text;
  raw_string_ostream os(text);
  ProgressPrinter printer(os, "calibrate", isTerminal);
  ProgressFn update = printer.function();
  for (int64_t done = 1; done <= total; ++done)
    update(done, total);
  return text;
}

TEST(ProgressTest, AtMostTenLinesElsewhere) {
  std::string text = show(/*isTerminal=*/false, 12345);
  EXPECT_EQ(StringRef(text).count('\n'), 10u);
  EXPECT_TRUE(StringRef(text).starts_with("calibrate: 1235/12345 (10%)\n"));
  EXPECT_TRUE(StringRef(text).ends_with("calibrate: 12345/12345 (100%)\n"));
  EXPECT_FALSE(StringRef(text).contains('\r'));
}

TEST(ProgressTest, FewSteps) {
  EXPECT_EQ(show(/*isTerminal=*/false, 2),
            "calibrate: 1/2 (50%)\ncalibrate: 2/2 (100%)\n");
}

TEST(ProgressTest, BarIsRemovedAtTheEnd) {
  std::string text = show(/*isTerminal=*/true, 100);
  EXPECT_TRUE(StringRef(text).contains("calibrate ["));
  EXPECT_FALSE(StringRef(text).contains('\n'));
  EXPECT_TRUE(StringRef(text).ends_with(" \r"));
}

} // namespace
