//===- ReportHtml.cpp - The report as one HTML file -----------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the form for people: totals, the arena as a picture of
// steps against bytes, and a table of all nodes. Style and drawing are inline;
// there is no script.
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/NumberFormat.h"
#include "qopt/Support/Report.h"
#include "qopt/Support/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <algorithm>

namespace qopt {

static constexpr const char kStyle[] = R"css(
:root { --ink:#1d2330; --dim:#687083; --line:#dde1ea; --paper:#fff; --panel:#f6f7fa;
  --integer:#2f7d5b; --float:#c2482e; --fused:#5b6ea8; --movement:#8a7440; --removed:#9aa1b0; }
@media (prefers-color-scheme: dark) { :root { --ink:#e4e7ee; --dim:#98a0b3; --line:#333a4a;
  --paper:#171b24; --panel:#1f2430; --integer:#58b58a; --float:#ea7a61; --fused:#8ea0dc;
  --movement:#c0a867; --removed:#6d7587; } }
* { box-sizing:border-box; }
body { margin:0 auto; max-width:1280px; padding:32px 24px 64px; background:var(--paper);
  color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif; }
h1 { font-size:26px; margin:0; } h2 { font-size:18px; margin:40px 0 12px; }
p.sub { color:var(--dim); margin:4px 0 24px; }
.cards { display:grid; grid-template-columns:repeat(auto-fit,minmax(160px,1fr)); gap:12px; }
.card { background:var(--panel); border:1px solid var(--line); border-radius:8px; padding:12px 14px; }
.card b { display:block; font-size:18px; white-space:nowrap; font-weight:600; font-variant-numeric:tabular-nums; }
.card span { color:var(--dim); font-size:13px; }
.bar { display:flex; height:14px; border-radius:4px; overflow:hidden; margin:20px 0 8px; background:var(--line); }
.legend { display:flex; flex-wrap:wrap; gap:6px 20px; color:var(--dim); font-size:13px; }
.dot { display:inline-block; width:10px; height:10px; border-radius:3px; margin-right:6px; }
.scroll { overflow-x:auto; border:1px solid var(--line); border-radius:8px; }
table { border-collapse:collapse; width:100%; font-size:13px; }
th { text-align:left; color:var(--dim); font-weight:500; background:var(--panel); }
th,td { padding:6px 8px; border-bottom:1px solid var(--line); vertical-align:top; white-space:nowrap; }
tr:last-child td { border-bottom:0; }
td.n,th.n { text-align:right; font-variant-numeric:tabular-nums; }
td.why { white-space:normal; min-width:180px; color:var(--dim); } tr.float td.why { color:var(--float); }
.tag { color:#fff; border-radius:4px; padding:1px 7px; font-size:12px; }
@media (prefers-color-scheme: dark) { .tag { color:#171b24; } }
svg { display:block; width:100%; height:auto; background:var(--panel); border:1px solid var(--line); border-radius:8px; }
svg text { fill:var(--dim); font-size:11px; font-family:inherit; }
svg rect.b { stroke:var(--paper); stroke-width:1; }
svg text.l { fill:#fff; pointer-events:none; }
)css";

static void escaped(llvm::raw_ostream &os, llvm::StringRef text) {
  llvm::printHTMLEscaped(text, os);
}

static void printCard(llvm::raw_ostream &os, llvm::StringRef value,
                      llvm::StringRef label) {
  os << "<div class=card><b>";
  escaped(os, value);
  os << "</b><span>";
  escaped(os, label);
  os << "</span></div>\n";
}

static void printCards(llvm::raw_ostream &os, const Report &report) {
  int64_t macs = report.totalMacs();
  os << "<div class=cards>\n";
  printCard(os, formatBytes(report.weightBytes),
            "weights; in float " + formatBytes(report.floatWeightBytes()));
  printCard(os, formatBytes(report.arenaBytes),
            "arena; " + report.describeLiveSet());
  printCard(os, formatCount(macs), "multiply-accumulates");
  printCard(os, formatPercent(report.integerMacs(), macs),
            "of them on integers");
  printCard(os, llvm::utostr(report.count(NodeStatus::Float)), "float nodes");
  if (report.objectBytes)
    printCard(os, formatBytes(report.objectBytes),
              "object, " + formatBytes(report.codeBytes) +
                  " of it code; model file " + formatBytes(report.sourceBytes));
  os << "</div>\n";
}

static constexpr NodeStatus kStatuses[] = {
    NodeStatus::Integer, NodeStatus::Float, NodeStatus::Fused,
    NodeStatus::Movement, NodeStatus::Removed};

/// One bar: how many nodes have which status.
static void printStatusBar(llvm::raw_ostream &os, const Report &report) {
  os << "<div class=bar>";
  for (NodeStatus status : kStatuses)
    if (int64_t count = report.count(status))
      os << "<div style=\"flex:" << count << ";background:var(--"
         << nodeStatusName(status) << ")\"></div>";
  os << "</div>\n<div class=legend>";
  for (NodeStatus status : kStatuses)
    if (int64_t count = report.count(status))
      os << "<span><span class=dot style=\"background:var(--"
         << nodeStatusName(status) << ")\"></span>" << count << ' '
         << nodeStatusName(status) << "</span>";
  os << "</div>\n";
}

/// The arena: steps from left to right, bytes upwards, one box a buffer.
static void printArena(llvm::raw_ostream &os, const Report &report) {
  if (report.buffers.empty() || report.arenaBytes == 0)
    return;
  // Only the steps at which a buffer lives.
  int64_t first = report.buffers.front().firstStep, last = first;
  for (const ReportBuffer &buffer : report.buffers) {
    first = std::min(first, buffer.firstStep);
    last = std::max(last, buffer.lastStep);
  }
  constexpr double kWidth = 1040, kHeight = 340, kLeft = 70, kBottom = 24;
  double xScale = (kWidth - kLeft - 10) / (last - first + 1);
  double yScale = (kHeight - kBottom - 10) / report.arenaBytes;
  static constexpr const char *kColors[] = {"#4c78a8", "#72903f", "#b2673e",
                                            "#7b5ea7", "#3d8f8f", "#a8527a"};

  os << "<h2>Arena</h2>\n<svg viewBox=\"0 0 " << kWidth << ' ' << kHeight
     << "\" role=img aria-label=\"Buffers by step and offset\">\n";
  size_t index = 0;
  for (const ReportBuffer &buffer : report.buffers) {
    double x = kLeft + (buffer.firstStep - first) * xScale;
    double width = (buffer.lastStep - buffer.firstStep + 1) * xScale;
    double height = buffer.bytes * yScale;
    double y = kHeight - kBottom - buffer.offset * yScale - height;
    os << llvm::format("<rect class=b x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                       "height=\"%.1f\" fill=\"%s\">",
                       x, y, width, height, kColors[index++ % 6]);
    os << "<title>";
    escaped(os, buffer.name);
    os << ": " << formatBytes(buffer.bytes) << " at " << buffer.offset
       << ", steps " << buffer.firstStep << " to " << buffer.lastStep
       << "</title></rect>\n";
    if (height > 14 && width > 7.0 * buffer.name.size() + 8) {
      os << llvm::format("<text class=l x=\"%.1f\" y=\"%.1f\">", x + 5,
                         y + height / 2 + 4);
      escaped(os, buffer.name);
      os << "</text>\n";
    }
  }
  for (int tick = 0; tick <= 4; ++tick) {
    int64_t bytes = report.arenaBytes * tick / 4;
    os << llvm::format("<text x=\"4\" y=\"%.1f\">",
                       kHeight - kBottom - bytes * yScale + 4)
       << formatBytes(bytes) << "</text>\n";
  }
  os << llvm::format("<text x=\"%.1f\" y=\"%.1f\">", kLeft, kHeight - 6)
     << "step " << first << "</text>"
     << llvm::format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                     kWidth - 10, kHeight - 6)
     << "step " << last
     << "</text>\n</svg>\n<p class=sub>Steps count the operations of the "
        "model's "
        "function after memory planning, from left to right; a buffer is drawn "
        "from the step that first writes it to the last that reads it.</p>\n";
}

static void printTensors(llvm::raw_ostream &os, llvm::StringRef what,
                         llvm::ArrayRef<ReportTensor> tensors) {
  for (const ReportTensor &tensor : tensors) {
    os << "<tr><td>" << what << "<td>";
    escaped(os, tensor.name);
    os << "<td>" << tensor.dtype << ' ' << shapeToString(tensor.shape)
       << "<td class=n>";
    if (tensor.scale)
      os << shortestDigits(*tensor.scale) << "<td class=n>" << tensor.zeroPoint;
    else
      os << "<td class=n>";
    os << "<td class=why>";
    escaped(os, tensor.detail);
    os << "</tr>\n";
  }
}

static void printBorder(llvm::raw_ostream &os, const Report &report) {
  os << "<h2>Inputs and outputs</h2>\n<div class=scroll><table><thead><tr>"
        "<th><th>Name<th>Type<th class=n>Scale<th class=n>Zero point<th>Why"
        "</tr></thead><tbody>\n";
  printTensors(os, "input", report.inputs);
  printTensors(os, "output", report.outputs);
  os << "</tbody></table></div>\n";
}

static void printNode(llvm::raw_ostream &os, const ReportNode &node) {
  auto number = [&](llvm::StringRef text) {
    os << "<td class=n>" << text << "</td>";
  };
  os << "<tr class=" << nodeStatusName(node.status) << "><td>";
  escaped(os, node.name);
  os << "</td><td>";
  escaped(os, node.op);
  os << "</td><td><span class=tag style=\"background:var(--"
     << nodeStatusName(node.status) << ")\">" << nodeStatusName(node.status)
     << "</span></td><td class=why>";
  escaped(os, node.detail);
  os << "</td>";
  number(node.macs ? formatCount(node.macs) : "");
  number(node.floatWeightBytes ? formatBytes(node.floatWeightBytes) : "");
  number(node.weightBytes ? formatBytes(node.weightBytes) : "");
  os << "<td>";
  if (node.weightBits)
    os << node.weightBits << " bit";
  if (!node.granularity.empty())
    escaped(os, " " + node.granularity);
  os << "</td>";
  number(node.outputBytes ? formatBytes(node.outputBytes) : "");
  std::string scale;
  if (node.scale)
    llvm::raw_string_ostream(scale) << llvm::format("%.6g", *node.scale);
  number(scale);
  number(node.scale ? llvm::itostr(node.zeroPoint) : "");
  os << "</tr>\n";
}

void printReportHtml(llvm::raw_ostream &os, const Report &report) {
  os << "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
        "<meta name=viewport content=\"width=device-width\">\n<title>";
  escaped(os, report.model + ": qopt report");
  os << "</title>\n<style>" << kStyle << "</style></head><body>\n<h1>";
  escaped(os, report.model);
  os << "</h1>\n<p class=sub>";
  escaped(os, report.source + " · recipe " + report.recipe + " · target " +
                  report.target + " · " + report.compiler);
  os << "</p>\n";
  printCards(os, report);
  printStatusBar(os, report);
  printBorder(os, report);
  printArena(os, report);
  os << "<h2>Nodes</h2>\n<div class=scroll><table><thead><tr><th>Node<th>"
        "Operator<th>Status<th>Why<th class=n>MACs<th class=n>Float weights<th "
        "class=n>Weights<th>Stored as<th class=n>Output<th class=n>Scale<th "
        "class=n>Zero point</tr></thead><tbody>\n";
  for (const ReportNode &node : report.nodes)
    printNode(os, node);
  os << "</tbody></table></div>\n</body></html>\n";
}

} // namespace qopt
