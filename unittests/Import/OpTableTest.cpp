//===- OpTableTest.cpp - The table of ONNX operators is consistent --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace qopt::onnximport;

static SmallVector<const OpRow *> allRows() {
  SmallVector<const OpRow *> rows;
  for (ArrayRef<OpRow> family : allOps()) {
    for (const OpRow &row : family)
      rows.push_back(&row);
  }
  return rows;
}

TEST(OpTable, RowsAreWellFormed) {
  for (const OpRow *row : allRows()) {
    SCOPED_TRACE(row->name.str());
    EXPECT_NE(row->handler, nullptr);
    EXPECT_LE(kMinOpset, row->since);
    EXPECT_LE(row->since, row->until);
    EXPECT_LE(row->until, kMaxOpset);
    EXPECT_LE(row->minInputs, row->maxInputs);
    EXPECT_GE(row->maxOutputs, 1);
    SmallVector<StringRef> entries;
    row->attributes.split(entries, ' ', -1, /*KeepEmpty=*/false);
    for (StringRef entry : entries) {
      entry.consume_front("-");
      auto [name, type] = entry.split(':');
      EXPECT_FALSE(name.empty()) << entry.str();
      EXPECT_TRUE(type.size() == 1 && StringRef("ifstIF").contains(type))
          << entry.str();
    }
  }
}

TEST(OpTable, FormsOfAnOperatorDoNotOverlap) {
  SmallVector<const OpRow *> rows = allRows();
  for (const OpRow *a : rows) {
    for (const OpRow *b : rows) {
      if (a == b || a->name != b->name)
        continue;
      EXPECT_TRUE(a->until < b->since || b->until < a->since)
          << a->name.str() << " " << a->since << " and " << b->since;
    }
  }
}

TEST(OpTable, RowsOfAFamilyAreSorted) {
  for (ArrayRef<OpRow> family : allOps()) {
    for (size_t i = 1; i < family.size(); ++i) {
      auto key = [](const OpRow &row) {
        return std::make_pair(row.name.str(), row.since);
      };
      EXPECT_LT(key(family[i - 1]), key(family[i]));
    }
  }
}

TEST(OpTable, FindsTheFormOfTheOpset) {
  bool known = false;
  const OpRow *clip10 = findOp("Clip", 10, known);
  const OpRow *clip11 = findOp("Clip", 11, known);
  ASSERT_TRUE(clip10 && clip11);
  EXPECT_EQ(clip10->maxInputs, 1);
  EXPECT_EQ(clip11->maxInputs, 3);
  EXPECT_EQ(findOp("HardSwish", 13, known), nullptr);
  EXPECT_TRUE(known);
  EXPECT_EQ(findOp("Quux", 13, known), nullptr);
  EXPECT_FALSE(known);
}
