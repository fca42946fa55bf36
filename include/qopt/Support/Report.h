//===- Report.h - What became of a model, node by node --------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The report as data, and its three forms: text for the terminal, versioned
// JSON for tools, one HTML file for people.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_REPORT_H
#define QOPT_SUPPORT_REPORT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qopt {

/// What the compiler made of a node of the source model.
enum class NodeStatus {
  /// Computes on integers.
  Integer,
  /// Computes in float: `detail` says why.
  Float,
  /// Part of another node's operation: `detail` says whose.
  Fused,
  /// Only moves elements.
  Movement,
  /// Nothing is left of it: `detail` says why.
  Removed,
};

/// "integer", "float", ...: as in the JSON form.
llvm::StringRef nodeStatusName(NodeStatus status);

struct ReportNode {
  std::string name;
  /// The source model's operator.
  std::string op;
  NodeStatus status = NodeStatus::Removed;
  /// Why it is in float, or where it went.
  std::string detail;

  int64_t macs = 0;
  int64_t floatWeightBytes = 0;
  /// As stored: quantized and packed, with biases and scales.
  int64_t weightBytes = 0;
  unsigned weightBits = 0;
  /// "per channel", "per group of 32", ...
  std::string granularity;
  /// Bytes of the output, as the compiled model passes it on.
  int64_t outputBytes = 0;
  /// Of the output, where it is quantized.
  std::optional<float> scale;
  int32_t zeroPoint = 0;
};

/// An input or output of the compiled model.
struct ReportTensor {
  std::string name;
  /// "f32", "u8", ...
  std::string dtype;
  std::vector<int64_t> shape;
  /// Where it is quantized.
  std::optional<float> scale;
  int32_t zeroPoint = 0;
  /// Why it is in float although integers were asked for.
  std::string detail;
};

/// A buffer of the arena; the steps are inclusive.
struct ReportBuffer {
  std::string name;
  int64_t offset = 0;
  int64_t bytes = 0;
  int64_t firstStep = 0;
  int64_t lastStep = 0;
};

struct Report {
  static constexpr int kVersion = 1;

  std::string model;
  std::string source;
  std::string recipe;
  std::string target;
  std::string compiler;
  /// Of --threads, and into how many tasks long loops are cut; 1: into none.
  unsigned threads = 1, tasks = 1;
  /// Of the source model's file.
  int64_t sourceBytes = 0;
  /// Of all constants of the compiled model.
  int64_t weightBytes = 0;
  /// Of the object, if one was made, and of its machine code and its read-only
  /// data, the weights among them: what a linked program takes of it.
  int64_t objectBytes = 0, codeBytes = 0, constantBytes = 0;
  int64_t arenaBytes = 0;
  int64_t liveBytes = 0;
  std::vector<ReportTensor> inputs, outputs;
  std::vector<ReportNode> nodes;
  std::vector<ReportBuffer> buffers;

  int64_t totalMacs() const;
  int64_t integerMacs() const;
  int64_t floatWeightBytes() const;
  int64_t count(NodeStatus status) const;
  /// "largest live set 1.5 KiB", and that it shares memory if the arena is
  /// smaller.
  std::string describeLiveSet() const;
};

/// A few lines: the totals and every float node.
void printReportText(llvm::raw_ostream &os, const Report &report);
/// Schema "qopt-report"; keys in a fixed order.
void printReportJson(llvm::raw_ostream &os, const Report &report);
/// One file that needs no other.
void printReportHtml(llvm::raw_ostream &os, const Report &report);

/// "1.5 KiB", "12.5 M": figures for people.
std::string formatBytes(int64_t bytes);
std::string formatCount(int64_t count);
/// "99.9 %": rounded down, so that only all of it is 100.0 %.
std::string formatPercent(int64_t part, int64_t whole);

} // namespace qopt

#endif // QOPT_SUPPORT_REPORT_H
