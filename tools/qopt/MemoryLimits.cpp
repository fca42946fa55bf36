//===- MemoryLimits.cpp - Whether a model fits a device -------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryLimits.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace qopt::cli {

/// "'conv2' 36864 bytes, 'conv1' 1152 bytes": the largest three.
static std::string listLargest(SmallVector<std::pair<StringRef, int64_t>> all) {
  sort(all, [](auto &a, auto &b) {
    return std::pair(-a.second, a.first) < std::pair(-b.second, b.first);
  });
  std::string text;
  raw_string_ostream os(text);
  interleaveComma(ArrayRef(all).take_front(3), os, [&](const auto &item) {
    os << "'" << item.first << "' " << item.second << " bytes";
  });
  return text;
}

/// What is wrong with the flash; empty if it suffices. So is `checkRam`.
static std::string checkFlash(int64_t limit, const Report &report) {
  int64_t total = report.codeBytes + report.constantBytes;
  if (limit == 0 || total <= limit)
    return "";
  SmallVector<std::pair<StringRef, int64_t>> layers;
  int64_t eightBits = 0, floats = 0;
  bool isQuantized = false;
  for (const ReportNode &node : report.nodes) {
    if (node.floatWeightBytes == 0)
      continue;
    // By the node that they came with: stored, they belong to the region that
    // it was fused into.
    int64_t bits = node.weightBits == 0 ? 32 : node.weightBits;
    int64_t bytes = node.floatWeightBytes * bits / 32;
    layers.push_back({node.name, bytes});
    if (bits == 8)
      eightBits += bytes;
    if (bits == 32)
      floats += bytes;
    else
      isQuantized = true;
  }
  // A recipe that quantizes left its float layers so for a reason.
  bool isFloat = floats > 0 && !isQuantized;
  // Layers that share a weight store it once.
  int64_t saved = isFloat ? std::min(floats, report.constantBytes) / 4 * 3
                          : std::min(eightBits, report.constantBytes) / 2;
  std::string message;
  raw_string_ostream os(message);
  os << "expected at most " << limit << " bytes of flash (--max-flash), got "
     << total << ": code " << report.codeBytes
     << ", weights and other constants " << report.constantBytes;
  // A model that came as MLIR may name no layers of its source.
  if (layers.empty())
    return message;
  os << "; the largest layers are " << listLargest(layers);
  if (saved > 0)
    os << (isFloat ? "; with 8 bits (--recipe int8)"
                   : "; with 4 bits (--recipe w4a8-per-channel, or \"base\" of "
                     "a recipe file)")
       << " weights take at most " << saved << " bytes less"
       << (isFloat ? "" : ", and their code a little more");
  if (total - saved > limit)
    os << "; " << (saved > 0 ? "beyond that " : "")
       << "a smaller model has to give up " << total - saved - limit;
  return message;
}

/// The buffers that are live in the step that decides the arena's size: of
/// those in which the highest buffer is live, the one with the most bytes.
static SmallVector<const ReportBuffer *> findPeak(const Report &report) {
  auto liveAt = [&](int64_t step) {
    SmallVector<const ReportBuffer *> live;
    for (const ReportBuffer &buffer : report.buffers)
      if (buffer.firstStep <= step && step <= buffer.lastStep)
        live.push_back(&buffer);
    return live;
  };
  auto end = [](const ReportBuffer &buffer) {
    return buffer.offset + buffer.bytes;
  };
  const ReportBuffer &highest =
      *max_element(report.buffers, [&](auto &a, auto &b) {
        return std::pair(end(a), a.bytes) < std::pair(end(b), b.bytes);
      });
  SmallVector<const ReportBuffer *> peak;
  int64_t most = -1;
  // A maximum is reached in a step in which some buffer begins.
  for (const ReportBuffer &at : report.buffers) {
    if (at.firstStep < highest.firstStep || at.firstStep > highest.lastStep)
      continue;
    SmallVector<const ReportBuffer *> live = liveAt(at.firstStep);
    int64_t bytes = 0;
    for (const ReportBuffer *buffer : live)
      bytes += buffer->bytes;
    if (bytes > most) {
      most = bytes;
      peak = live;
    }
  }
  return peak;
}

static std::string checkRam(int64_t limit, const Report &report) {
  if (limit == 0 || report.arenaBytes <= limit)
    return "";
  std::string message;
  raw_string_ostream os(message);
  os << "expected at most " << limit << " bytes of RAM (--max-ram), got "
     << "an arena of " << report.arenaBytes << ", " << report.arenaBytes - limit
     << " too many";
  // Without buffers it is slack alone.
  if (report.buffers.empty())
    return message;
  SmallVector<std::pair<StringRef, int64_t>> live;
  int64_t bytes = 0;
  for (const ReportBuffer *buffer : findPeak(report)) {
    live.push_back({buffer->name, buffer->bytes});
    bytes += buffer->bytes;
  }
  os << "; it is fullest where these live together: " << listLargest(live);
  if (bytes > report.arenaBytes)
    os << ", some of them in the same memory";
  os << "; inputs with fewer elements or layers with fewer channels there make "
        "it smaller";
  if (report.tasks > 1)
    os << "; so may a single thread: with --threads " << report.threads
       << ", loops do not write over what they read";
  return message;
}

std::string checkMemory(const MemoryLimits &limits, const Report &report) {
  std::string message = checkFlash(limits.flash, report);
  std::string ram = checkRam(limits.ram, report);
  if (!message.empty() && !ram.empty())
    message += "; also ";
  return message + ram;
}

} // namespace qopt::cli
