//===- ReportTest.cpp - The report's three forms --------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Report.h"
#include "llvm/Support/JSON.h"
#include "gtest/gtest.h"

using namespace qopt;

namespace {

Report makeReport() {
  Report report;
  report.model = "net";
  report.source = "net.onnx";
  report.recipe = "int8";
  report.target = "x86-64-v3";
  report.compiler = "qopt 0.1.0";
  report.arenaBytes = 2048;
  report.liveBytes = 1536;
  report.weightBytes = 1100;
  report.sourceBytes = 5120;
  report.objectBytes = 9216;
  report.codeBytes = 7168;
  report.constantBytes = 1200;
  ReportNode conv;
  conv.name = "conv<1>";
  conv.op = "Conv";
  conv.status = NodeStatus::Integer;
  conv.macs = 3000;
  conv.floatWeightBytes = 4096;
  conv.weightBytes = 1100;
  conv.weightBits = 8;
  conv.scale = 0.5f;
  conv.zeroPoint = 3;
  ReportNode softmax;
  softmax.name = "softmax";
  softmax.op = "Softmax";
  softmax.status = NodeStatus::Float;
  softmax.detail = "no integer form";
  softmax.macs = 1000;
  report.nodes = {conv, softmax};
  report.buffers = {{"conv<1>", 64, 1024, 0, 1}};
  return report;
}

template <typename PrintFn>
std::string print(PrintFn printReport, const Report &report) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printReport(os, report);
  return text;
}

TEST(Report, figuresForPeople) {
  EXPECT_EQ(formatBytes(1023), "1023 B");
  EXPECT_EQ(formatBytes(1536), "1.5 KiB");
  EXPECT_EQ(formatBytes(int64_t(3) << 20), "3.0 MiB");
  EXPECT_EQ(formatCount(999), "999");
  EXPECT_EQ(formatCount(12500000), "12.5 M");
  EXPECT_EQ(formatPercent(3, 3), "100.0 %");
  EXPECT_EQ(formatPercent(12499360, 12500000), "99.9 %");
  EXPECT_EQ(formatPercent(0, 0), "0.0 %");
}

TEST(Report, text) {
  EXPECT_EQ(print(printReportText, makeReport()),
            "net: 2 nodes, 1 integer, 1 float\n"
            "  recipe   int8, target x86-64-v3\n"
            "  MACs     4.0 k, 75.0 % on integers\n"
            "  weights  4.0 KiB -> 1.1 KiB\n"
            "  arena    2.0 KiB (largest live set 1.5 KiB)\n"
            "  float    'softmax' (Softmax): no integer form\n");
}

TEST(Report, arenaBelowTheLiveSet) {
  Report report = makeReport();
  EXPECT_EQ(report.describeLiveSet(), "largest live set 1.5 KiB");
  report.arenaBytes = 1024;
  EXPECT_EQ(report.describeLiveSet(),
            "largest live set 1.5 KiB, some of it shared");
  EXPECT_NE(print(printReportText, report)
                .find("arena    1.0 KiB (largest live set 1.5 KiB, some of it "
                      "shared)\n"),
            std::string::npos);
}

TEST(Report, json) {
  auto parsed = llvm::json::parse(print(printReportJson, makeReport()));
  ASSERT_TRUE(static_cast<bool>(parsed));
  const llvm::json::Object &root = *parsed->getAsObject();
  EXPECT_EQ(root.getString("schema"), "qopt-report");
  EXPECT_EQ(root.getInteger("version"), Report::kVersion);
  EXPECT_EQ(root.getObject("macs")->getInteger("integer"), 3000);
  const llvm::json::Object &bytes = *root.getObject("bytes");
  EXPECT_EQ(bytes.getInteger("float_weights"), 4096);
  EXPECT_EQ(bytes.getInteger("object"), 9216);
  EXPECT_EQ(bytes.getInteger("code"), 7168);
  EXPECT_EQ(bytes.getInteger("constants"), 1200);
  const llvm::json::Array &nodes = *root.getArray("nodes");
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].getAsObject()->getNumber("scale"), 0.5);
  EXPECT_EQ(nodes[1].getAsObject()->get("scale"), nullptr);
  EXPECT_EQ(nodes[1].getAsObject()->getString("detail"), "no integer form");
}

TEST(Report, htmlTellsTheObjectAndItsCode) {
  Report report = makeReport();
  const char *card = "<b>9.0 KiB</b><span>object, 7.0 KiB of it code; model "
                     "file 5.0 KiB</span>";
  EXPECT_NE(print(printReportHtml, report).find(card), std::string::npos);
  report.objectBytes = 0; // none was made: no card of zeros
  EXPECT_EQ(print(printReportHtml, report).find("of it code"),
            std::string::npos);
}

// A node's name comes from the model: it must not become markup. The file
// stands alone.
TEST(Report, htmlIsEscapedAndSelfContained) {
  std::string html = print(printReportHtml, makeReport());
  EXPECT_NE(html.find("conv&lt;1&gt;"), std::string::npos);
  EXPECT_EQ(html.find("conv<1>"), std::string::npos);
  for (const char *foreign : {"<script", "http", "src=", "@import"})
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
}

} // namespace
