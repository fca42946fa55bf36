//===- Report.cpp - The report as text and JSON ---------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Report.h"
#include "qopt/Support/NumberFormat.h"
#include "qopt/Support/Tensor.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <algorithm>

namespace qopt {

llvm::StringRef nodeStatusName(NodeStatus status) {
  switch (status) {
  case NodeStatus::Integer:
    return "integer";
  case NodeStatus::Float:
    return "float";
  case NodeStatus::Fused:
    return "fused";
  case NodeStatus::Movement:
    return "movement";
  case NodeStatus::Removed:
    return "removed";
  }
  llvm_unreachable("unknown status");
}

int64_t Report::totalMacs() const {
  int64_t sum = 0;
  for (const ReportNode &node : nodes)
    sum += node.macs;
  return sum;
}

int64_t Report::integerMacs() const {
  int64_t sum = 0;
  for (const ReportNode &node : nodes)
    if (node.status == NodeStatus::Integer)
      sum += node.macs;
  return sum;
}

int64_t Report::floatWeightBytes() const {
  int64_t sum = 0;
  for (const ReportNode &node : nodes)
    sum += node.floatWeightBytes;
  return sum;
}

int64_t Report::count(NodeStatus status) const {
  int64_t sum = 0;
  for (const ReportNode &node : nodes)
    sum += node.status == status;
  return sum;
}

std::string Report::describeLiveSet() const {
  std::string text = "largest live set " + formatBytes(liveBytes);
  // An arena without shared memory is no smaller.
  return liveBytes > arenaBytes ? text + ", some of it shared" : text;
}

static std::string formatScaled(int64_t value, double base,
                                llvm::ArrayRef<const char *> units) {
  double scaled = static_cast<double>(value);
  size_t unit = 0;
  while (scaled >= base && unit + 1 < units.size()) {
    scaled /= base;
    ++unit;
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  if (unit == 0)
    os << value;
  else
    os << llvm::format("%.1f", scaled);
  os << units[unit];
  return text;
}

std::string formatBytes(int64_t bytes) {
  return formatScaled(bytes, 1024, {" B", " KiB", " MiB", " GiB"});
}

std::string formatCount(int64_t count) {
  return formatScaled(count, 1000, {"", " k", " M", " G", " T"});
}

std::string formatPercent(int64_t part, int64_t whole) {
  int64_t tenths = whole ? static_cast<int64_t>(1000.0L * part / whole) : 0;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

/// One line for each reason, with the nodes that share it.
static void printFloatNodes(llvm::raw_ostream &os, const Report &report) {
  std::vector<const ReportNode *> left;
  for (const ReportNode &node : report.nodes)
    if (node.status == NodeStatus::Float)
      left.push_back(&node);
  constexpr size_t kShown = 3;
  while (!left.empty()) {
    std::vector<const ReportNode *> same, others;
    for (const ReportNode *node : left)
      (node->detail == left.front()->detail ? same : others).push_back(node);
    os << "  float    ";
    for (size_t i = 0; i < std::min(same.size(), kShown); ++i)
      os << (i ? ", '" : "'") << same[i]->name << "' (" << same[i]->op << ")";
    if (same.size() > kShown)
      os << " and " << same.size() - kShown << " more";
    os << ": " << left.front()->detail << '\n';
    left = std::move(others);
  }
}

/// "(q - 3) * 0.0125", or why not.
static std::string meaningOf(const ReportTensor &tensor) {
  if (!tensor.scale)
    return tensor.detail;
  std::string text;
  llvm::raw_string_ostream(text)
      << "(q - " << tensor.zeroPoint << ") * " << shortestDigits(*tensor.scale);
  return text;
}

/// What is integer at the border, or was asked to be; a border of floats needs
/// no word.
static void printBorder(llvm::raw_ostream &os, llvm::StringRef what,
                        llvm::ArrayRef<ReportTensor> tensors) {
  for (const ReportTensor &tensor : tensors)
    if (std::string meaning = meaningOf(tensor); !meaning.empty())
      os << "  " << what << "'" << tensor.name << "': " << tensor.dtype << ' '
         << shapeToString(tensor.shape) << ", " << meaning << '\n';
}

/// "net: 12 nodes, 9 integer, 3 fused", if the source's nodes are known.
static void printCounts(llvm::raw_ostream &os, const Report &report) {
  os << report.model;
  if (!report.nodes.empty())
    os << ": " << report.nodes.size() << " nodes";
  for (NodeStatus status :
       {NodeStatus::Integer, NodeStatus::Float, NodeStatus::Fused,
        NodeStatus::Movement, NodeStatus::Removed})
    if (int64_t count = report.count(status))
      os << ", " << count << ' ' << nodeStatusName(status);
  os << '\n';
}

static void printMacs(llvm::raw_ostream &os, const Report &report) {
  int64_t macs = report.totalMacs();
  os << "  MACs     " << formatCount(macs);
  if (macs)
    os << ", " << formatPercent(report.integerMacs(), macs) << " on integers";
  os << '\n';
}

static void printThreads(llvm::raw_ostream &os, const Report &report) {
  if (report.threads <= 1)
    return;
  os << "  threads  ";
  if (report.tasks > 1)
    os << report.model << "_run_parallel, long loops in " << report.tasks
       << " tasks\n";
  else
    os << "no " << report.model
       << "_run_parallel: no loop is long enough to be cut into tasks\n";
}

void printReportText(llvm::raw_ostream &os, const Report &report) {
  printCounts(os, report);
  os << "  recipe   " << report.recipe << ", target " << report.target << '\n';
  // From a late phase on, nothing is known of the source.
  if (!report.nodes.empty())
    printMacs(os, report);
  os << "  weights  ";
  if (!report.nodes.empty())
    os << formatBytes(report.floatWeightBytes()) << " -> ";
  os << formatBytes(report.weightBytes) << '\n';
  os << "  arena    " << formatBytes(report.arenaBytes) << " ("
     << report.describeLiveSet() << ")\n";
  printThreads(os, report);
  printBorder(os, "input    ", report.inputs);
  printBorder(os, "output   ", report.outputs);
  printFloatNodes(os, report);
}

static void printTensorsJson(llvm::json::OStream &json, llvm::StringRef key,
                             llvm::ArrayRef<ReportTensor> tensors) {
  json.attributeArray(key, [&] {
    for (const ReportTensor &tensor : tensors)
      json.object([&] {
        json.attribute("name", tensor.name);
        json.attribute("dtype", tensor.dtype);
        json.attributeArray("shape", [&] {
          for (int64_t size : tensor.shape)
            json.value(size);
        });
        if (tensor.scale) {
          printJsonNumber(json, "scale", *tensor.scale);
          json.attribute("zero_point", tensor.zeroPoint);
        }
        json.attribute("detail", tensor.detail);
      });
  });
}

static void printNodeJson(llvm::json::OStream &json, const ReportNode &node) {
  json.object([&] {
    json.attribute("name", node.name);
    json.attribute("op", node.op);
    json.attribute("status", nodeStatusName(node.status));
    json.attribute("detail", node.detail);
    json.attribute("macs", node.macs);
    json.attribute("float_weight_bytes", node.floatWeightBytes);
    json.attribute("weight_bytes", node.weightBytes);
    json.attribute("weight_bits", node.weightBits);
    json.attribute("granularity", node.granularity);
    json.attribute("output_bytes", node.outputBytes);
    if (node.scale) {
      printJsonNumber(json, "scale", *node.scale);
      json.attribute("zero_point", node.zeroPoint);
    }
  });
}

void printReportJson(llvm::raw_ostream &os, const Report &report) {
  llvm::json::OStream json(os, 2);
  json.object([&] {
    json.attribute("schema", "qopt-report");
    json.attribute("version", Report::kVersion);
    json.attribute("model", report.model);
    json.attribute("source", report.source);
    json.attribute("recipe", report.recipe);
    json.attribute("target", report.target);
    json.attribute("compiler", report.compiler);
    json.attribute("tasks", report.tasks);
    json.attributeObject("bytes", [&] {
      json.attribute("source", report.sourceBytes);
      json.attribute("float_weights", report.floatWeightBytes());
      json.attribute("weights", report.weightBytes);
      json.attribute("object", report.objectBytes);
      json.attribute("code", report.codeBytes);
      json.attribute("constants", report.constantBytes);
      json.attribute("arena", report.arenaBytes);
      json.attribute("largest_live_set", report.liveBytes);
    });
    json.attributeObject("macs", [&] {
      json.attribute("total", report.totalMacs());
      json.attribute("integer", report.integerMacs());
    });
    printTensorsJson(json, "inputs", report.inputs);
    printTensorsJson(json, "outputs", report.outputs);
    json.attributeArray("nodes", [&] {
      for (const ReportNode &node : report.nodes)
        printNodeJson(json, node);
    });
    json.attributeArray("arena", [&] {
      for (const ReportBuffer &buffer : report.buffers)
        json.object([&] {
          json.attribute("name", buffer.name);
          json.attribute("offset", buffer.offset);
          json.attribute("bytes", buffer.bytes);
          json.attribute("first_step", buffer.firstStep);
          json.attribute("last_step", buffer.lastStep);
        });
    });
  });
  os << '\n';
}

} // namespace qopt
