//===- CalibrationTableTest.cpp - The calibration file --------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/CalibrationTable.h"

#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace qopt;

namespace {

CalibrationTable makeTable() {
  CalibrationTable table;
  table.model = "tiny \"one\"";
  table.edgesHash = "00ff";
  table.samples = 7;
  CalibrationEdge input;
  input.name = "image";
  input.count = 21;
  input.statistics.resize(1);
  input.statistics[0].min = -0.1f;
  input.statistics[0].max = 1e-5f;
  input.proposed = input.ranges = {{-0.1f, 1e-5f}};
  table.edges.push_back(input);
  CalibrationEdge conv;
  conv.name = "conv/1";
  conv.axis = 3;
  conv.count = 4;
  conv.statistics.resize(2);
  conv.statistics[0].min = 0;
  conv.statistics[0].max = 3;
  conv.statistics[1].min = -1;
  conv.statistics[1].max = 16777216;
  conv.proposed = conv.ranges = {{0, 3}, {-1, 16777216}};
  table.edges.push_back(conv);
  return table;
}

std::string print(const CalibrationTable &table, bool withHistograms = true) {
  std::string text;
  raw_string_ostream os(text);
  table.print(os, withHistograms);
  return text;
}

std::string replaced(std::string text, StringRef from, StringRef to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from.str();
  return text.replace(at, from.size(), to);
}

std::string errorOf(StringRef text) {
  Expected<CalibrationTable> table = CalibrationTable::parse(text, "c.json");
  return table ? "no error" : toString(table.takeError());
}

TEST(CalibrationTableTest, PrintsReadableText) {
  EXPECT_EQ(print(makeTable()), R"({
  "schema": "qopt-calibration",
  "version": 1,
  "model": "tiny \"one\"",
  "edges_hash": "00ff",
  "observer": {"kind": "minmax"},
  "samples": 7,
  "edges": [
    {"name": "image", "min": -0.1, "max": 1e-05,
     "observed": {"count": 21, "min": -0.1, "max": 1e-05, "proposed": {"min": -0.1, "max": 1e-05}}},
    {"name": "conv/1", "axis": 3, "min": [0, -1], "max": [3, 16777216],
     "observed": {"count": 4, "min": [0, -1], "max": [3, 16777216], "proposed": {"min": [0, -1], "max": [3, 16777216]}}}
  ]
}
)");
}

TEST(CalibrationTableTest, RoundTrips) {
  CalibrationTable table = makeTable();
  std::string text = print(table);
  Expected<CalibrationTable> back = CalibrationTable::parse(text, "c.json");
  ASSERT_TRUE(bool(back)) << toString(back.takeError());
  EXPECT_EQ(print(*back), text);
  EXPECT_EQ(back->edges[0].ranges, table.edges[0].ranges);
  EXPECT_FALSE(back->edges[0].isEdited());

  table.observer.kind = ObserverKind::Percentile;
  table.observer.percentile = 99.999;
  for (CalibrationEdge &edge : table.edges)
    for (ChannelStatistics &channel : edge.statistics) {
      channel.histogram.emplace(64);
      channel.histogram->update({-3.0f, 0.5f, 0.75f}, 3.0f);
    }
  text = print(table);
  back = CalibrationTable::parse(text, "c.json");
  ASSERT_TRUE(bool(back)) << toString(back.takeError());
  EXPECT_EQ(print(*back), text);
  EXPECT_EQ((*back->edges[1].statistics[1].histogram)[8], 1u);

  table.observer = {ObserverKind::MovingAverage, 99.99, 0.125};
  text = print(table, /*withHistograms=*/false);
  back = CalibrationTable::parse(text, "c.json");
  ASSERT_TRUE(bool(back)) << toString(back.takeError());
  EXPECT_EQ(print(*back), text);
}

TEST(CalibrationTableTest, AcceptsEdgesWrittenByHand) {
  Expected<CalibrationTable> table = CalibrationTable::parse(
      R"({"edges": [{"max": 6, "min": 0, "name": "relu"}], "samples": 0,
          "observer": {"kind": "minmax"}, "edges_hash": "", "model": "m",
          "version": 1, "schema": "qopt-calibration"})",
      "c.json");
  ASSERT_TRUE(bool(table)) << toString(table.takeError());
  ASSERT_NE(table->find("relu"), nullptr);
  EXPECT_EQ(table->find("relu")->ranges[0].max, 6.0f);
  EXPECT_TRUE(table->find("relu")->isEdited());
  EXPECT_EQ(table->find("conv"), nullptr);
}

TEST(CalibrationTableTest, RefusesEverythingUnexpected) {
  std::string text = print(makeTable());
  auto changed = [&](StringRef from, StringRef to) {
    return errorOf(replaced(text, from, to));
  };
  EXPECT_EQ(StringRef(errorOf("{")).take_front(27),
            "c.json: expected JSON, got ");
  EXPECT_EQ(errorOf("[]"), "c.json: the file: expected an object, got a list");
  EXPECT_EQ(changed("qopt-calibration", "other"),
            "c.json: schema: expected 'qopt-calibration', got 'other'");
  EXPECT_EQ(changed("\"version\": 1", "\"version\": 2"),
            "c.json: version: expected an integer from 1 to 1, got 2");
  EXPECT_EQ(changed("\"samples\"", "\"sample\""),
            "c.json: the file: expected the key 'samples', got none");
  EXPECT_EQ(changed("\"minmax\"", "\"mean\""),
            "c.json: observer.kind: expected one of minmax, moving-average, "
            "percentile, entropy, mse, got 'mean'");
  EXPECT_EQ(changed("\"axis\": 3", "\"axs\": 3"),
            "c.json: edges[1]: expected the keys name, min, max, axis, "
            "observed, got 'axs'");
  EXPECT_EQ(changed("\"min\": -0.1", "\"min\": 1"),
            "c.json: edges[0].max: expected at least 'min', 1, got 1e-05");
  EXPECT_EQ(changed("\"min\": -0.1", "\"min\": 1e99"),
            "c.json: edges[0].min: expected a number within f32, got 1e+99");
  EXPECT_EQ(changed("\"min\": -0.1", "\"min\": null"),
            "c.json: edges[0].min: expected a number, got null");
  EXPECT_EQ(changed("\"max\": [3, 16777216]", "\"max\": [3]"),
            "c.json: edges[1].max: expected as many channels as 'min' has, 2, "
            "got 1");
  EXPECT_EQ(changed("conv/1", "image"),
            "c.json: edges[1]: expected every edge once, got 'image' again");
  EXPECT_EQ(changed("\"count\": 21", "\"count\": -1"),
            "c.json: edges[0].observed.count: expected an integer from 0 to "
            "9223372036854775807, got -1");
}

TEST(CalibrationTableTest, NamesTheMissingFile) {
  Expected<CalibrationTable> table = CalibrationTable::read("/none/c.json");
  ASSERT_FALSE(bool(table));
  EXPECT_EQ(toString(table.takeError()),
            "/none/c.json: No such file or directory");
}

TEST(CalibrationTableTest, EditedEdgesWinInAMerge) {
  CalibrationTable a = makeTable(), b = makeTable();
  b.edges[0].statistics[0].max = 5;
  b.edges[0].proposed = b.edges[0].ranges = {{-0.1f, 5}};
  Expected<CalibrationTable> merged = CalibrationTable::merge({a, b});
  ASSERT_TRUE(bool(merged)) << toString(merged.takeError());
  EXPECT_EQ(merged->samples, 14);
  EXPECT_EQ(merged->edges[0].count, 42);
  EXPECT_EQ(merged->edges[0].ranges, (std::vector<RealRange>{{-0.1f, 5}}));
  EXPECT_FALSE(merged->edges[0].isEdited());

  a.edges[0].ranges = {{-1, 1}};
  merged = CalibrationTable::merge({a, b});
  ASSERT_TRUE(bool(merged));
  EXPECT_EQ(merged->edges[0].ranges, (std::vector<RealRange>{{-1, 1}}));
  EXPECT_EQ(merged->edges[0].proposed, (std::vector<RealRange>{{-0.1f, 5}}));
}

TEST(CalibrationTableTest, MergesOnlyWhatBelongsTogether) {
  auto errorOfMerge = [](const CalibrationTable &a, const CalibrationTable &b) {
    Expected<CalibrationTable> merged = CalibrationTable::merge({a, b});
    return merged ? "no error" : toString(merged.takeError());
  };
  CalibrationTable a = makeTable(), b = makeTable();
  b.edgesHash = "1234";
  b.model = "other";
  EXPECT_EQ(errorOfMerge(a, b),
            "cannot merge calibrations of different models: expected "
            "edges_hash 00ff of 'tiny \"one\"', got 1234 of 'other'");
  b = makeTable();
  b.observer.kind = ObserverKind::Mse;
  EXPECT_EQ(errorOfMerge(a, b),
            "cannot merge calibrations of different observers: expected "
            "'minmax' with the same options, got 'mse'");
  a.observer.kind = ObserverKind::Mse;
  EXPECT_EQ(errorOfMerge(a, b),
            "cannot merge edge 'image': expected files with histograms for the "
            "observer 'mse', got one without");
}

TEST(CalibrationTableTest, HashTellsEdgesApart) {
  std::vector<EdgeInfo> edges = {{"a", {1, 2}, std::nullopt}};
  std::string hash = hashEdges(edges);
  EXPECT_EQ(hash.size(), 16u);
  EXPECT_EQ(hashEdges(edges), hash);
  edges[0].axis = 1;
  EXPECT_NE(hashEdges(edges), hash);
  edges[0] = {"a", {2, 1}, std::nullopt};
  EXPECT_NE(hashEdges(edges), hash);
}

} // namespace
