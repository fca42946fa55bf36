//===- CalibrationTable.cpp - The calibration file: writing and merging ---===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/CalibrationTable.h"

#include "qopt/Support/AtomicFile.h"
#include "qopt/Support/NumberFormat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/xxhash.h"

using namespace llvm;
using namespace qopt;

const CalibrationEdge *CalibrationTable::find(StringRef name) const {
  auto found = llvm::find_if(
      edges, [&](const CalibrationEdge &edge) { return edge.name == name; });
  return found == edges.end() ? nullptr : &*found;
}

std::string qopt::hashEdges(ArrayRef<EdgeInfo> edges) {
  std::string text;
  raw_string_ostream os(text);
  for (const EdgeInfo &edge : edges) {
    os << edge.name << '\0' << shapeToString(edge.shape) << '\0';
    if (edge.axis)
      os << *edge.axis;
    os << '\n';
  }
  return utohexstr(xxh3_64bits(text), /*LowerCase=*/true, /*Width=*/16);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static std::string quoted(StringRef text) {
  std::string result;
  raw_string_ostream os(result);
  os << json::Value(json::fixUTF8(text));
  return result;
}

/// One number per tensor, a list of them per channel.
template <typename Items, typename GetText>
static void printPerChannel(raw_ostream &os, bool isPerChannel,
                            const Items &items, GetText text) {
  if (!isPerChannel) {
    os << text(items.front());
    return;
  }
  os << '[';
  interleaveComma(items, os, [&](const auto &item) { os << text(item); });
  os << ']';
}

static void printRanges(raw_ostream &os, bool isPerChannel,
                        ArrayRef<RealRange> ranges) {
  os << "\"min\": ";
  printPerChannel(os, isPerChannel, ranges, [](const RealRange &range) {
    return shortestDigits(range.min);
  });
  os << ", \"max\": ";
  printPerChannel(os, isPerChannel, ranges, [](const RealRange &range) {
    return shortestDigits(range.max);
  });
}

/// {"exponent": 3, "first": -12, "counts": [..]}: the bins from the first to
/// the last that is not empty.
static std::string histogramText(const Histogram &histogram) {
  int64_t first = -histogram.halfBins() + 1;
  int64_t last = histogram.halfBins() - 1;
  while (first < last && histogram[first] == 0)
    ++first;
  while (last > first && histogram[last] == 0)
    --last;
  std::string text;
  raw_string_ostream os(text);
  os << "{\"exponent\": " << histogram.exponent()
     << ", \"half_bins\": " << histogram.halfBins() << ", \"first\": " << first
     << ", \"counts\": [";
  for (int64_t bin = first; bin <= last; ++bin)
    os << (bin == first ? "" : ",") << histogram[bin];
  os << "]}";
  return text;
}

static void printObserved(raw_ostream &os, const CalibrationEdge &edge,
                          ObserverKind kind, bool withHistograms) {
  bool isPerChannel = edge.axis.has_value();
  os << ",\n     \"observed\": {\"count\": " << edge.count << ", ";
  SmallVector<RealRange> seen;
  for (const ChannelStatistics &channel : edge.statistics)
    seen.push_back({channel.min, channel.max});
  printRanges(os, isPerChannel, seen);
  if (kind == ObserverKind::MovingAverage) {
    SmallVector<RealRange> averages;
    for (const ChannelStatistics &channel : edge.statistics)
      averages.push_back(channel.average);
    os << ", \"average\": {";
    printRanges(os, isPerChannel, averages);
    os << '}';
  }
  os << ", \"proposed\": {";
  printRanges(os, isPerChannel, edge.proposed);
  os << '}';
  if (withHistograms && edge.statistics.front().histogram) {
    os << ",\n       \"histogram\": ";
    printPerChannel(os, isPerChannel, edge.statistics,
                    [](const ChannelStatistics &channel) {
                      return histogramText(*channel.histogram);
                    });
  }
  os << '}';
}

void CalibrationTable::print(raw_ostream &os, bool withHistograms) const {
  os << "{\n  \"schema\": " << quoted(kSchema)
     << ",\n  \"version\": " << kVersion << ",\n  \"model\": " << quoted(model)
     << ",\n  \"edges_hash\": " << quoted(edgesHash)
     << ",\n  \"observer\": {\"kind\": " << quoted(observerName(observer.kind));
  if (observer.kind == ObserverKind::Percentile)
    os << ", \"percentile\": " << shortestDigits(observer.percentile);
  if (observer.kind == ObserverKind::MovingAverage)
    os << ", \"averaging_constant\": "
       << shortestDigits(observer.averagingConstant);
  os << "},\n  \"samples\": " << samples << ",\n  \"edges\": [";
  for (const CalibrationEdge &edge : edges) {
    os << (&edge == &edges.front() ? "\n" : ",\n");
    os << "    {\"name\": " << quoted(edge.name) << ", ";
    if (edge.axis)
      os << "\"axis\": " << *edge.axis << ", ";
    printRanges(os, edge.axis.has_value(), edge.ranges);
    if (!edge.statistics.empty())
      printObserved(os, edge, observer.kind, withHistograms);
    os << '}';
  }
  os << "\n  ]\n}\n";
}

Error CalibrationTable::write(StringRef path, bool withHistograms) const {
  return writeFileAtomically(path, [&](raw_ostream &os) {
    print(os, withHistograms);
    return Error::success();
  });
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

Error CalibrationTable::checkMergeable(const CalibrationTable &other) const {
  if (edgesHash != other.edgesHash)
    return createStringError("cannot merge calibrations of different models: "
                             "expected edges_hash " +
                             edgesHash + " of '" + model + "', got " +
                             other.edgesHash + " of '" + other.model + "'");
  if (!(observer == other.observer))
    return createStringError(
        Twine("cannot merge calibrations of different observers: expected '") +
        observerName(observer.kind) + "' with the same options, got '" +
        observerName(other.observer.kind) + "'");
  if (!observer.needsHistogram())
    return Error::success();
  for (const CalibrationEdge &edge : other.edges)
    for (const ChannelStatistics &channel : edge.statistics)
      if (!channel.histogram)
        return createStringError(
            "cannot merge edge '" + edge.name +
            "': expected files with histograms for the observer '" +
            observerName(observer.kind) + "', got one without");
  return Error::success();
}

static Error mergeStatistics(CalibrationEdge &into, const CalibrationEdge &from,
                             const CalibrationTable &intoTable,
                             const CalibrationTable &fromTable) {
  auto mismatch = [&](const Twine &what) {
    return createStringError("cannot merge edge '" + into.name + "': " + what);
  };
  if (into.axis != from.axis || into.ranges.size() != from.ranges.size())
    return mismatch("expected the same channels in all files");
  if (from.statistics.empty())
    return Error::success();
  if (into.statistics.empty()) {
    into.statistics = from.statistics;
    into.count = from.count;
    return Error::success();
  }
  for (auto [channel, other] : llvm::zip(into.statistics, from.statistics)) {
    if (channel.histogram && other.histogram &&
        channel.histogram->halfBins() != other.histogram->halfBins())
      return mismatch("expected histograms with as many bins");
    channel.merge(other, intoTable.samples, fromTable.samples);
  }
  into.count += from.count;
  return Error::success();
}

Expected<CalibrationTable>
CalibrationTable::merge(ArrayRef<CalibrationTable> tables) {
  if (tables.empty())
    return createStringError("expected calibrations to merge, got none");
  CalibrationTable result = tables.front();
  if (tables.size() > 1)
    for (const CalibrationTable &table : tables)
      if (Error error = result.checkMergeable(table))
        return std::move(error);
  for (const CalibrationTable &table : tables.drop_front()) {
    for (CalibrationEdge &edge : result.edges)
      if (const CalibrationEdge *other = table.find(edge.name)) {
        if (Error error = mergeStatistics(edge, *other, result, table))
          return std::move(error);
      }
    for (const CalibrationEdge &edge : table.edges)
      if (!result.find(edge.name))
        result.edges.push_back(edge);
    result.samples += table.samples;
  }
  for (CalibrationEdge &edge : result.edges) {
    const CalibrationEdge *edited = nullptr;
    for (const CalibrationTable &table : tables)
      if (const CalibrationEdge *other = table.find(edge.name))
        if (other->isEdited())
          edited = other;
    // A single file without histograms keeps its proposals.
    bool canPropose = tables.size() > 1 && !edge.statistics.empty();
    if (canPropose) {
      edge.proposed.clear();
      for (const ChannelStatistics &channel : edge.statistics)
        edge.proposed.push_back(proposeRange(channel, result.observer));
    }
    edge.ranges = edited ? edited->ranges : edge.proposed;
  }
  return result;
}
