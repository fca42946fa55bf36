//===- ReadCalibration.cpp - The calibration file: strict reading ---------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// People edit the file, so everything unexpected is an error that names the
// file and the key: a misspelt "max" must not silently leave the old range.
//
//===----------------------------------------------------------------------===//

#include "qopt/Calibration/CalibrationTable.h"

#include "qopt/Support/Json.h"
#include "qopt/Support/NumberFormat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>

using namespace llvm;
using namespace qopt;

namespace {
/// A value of the file and the way to it, for messages.
class Node {
public:
  Node(const json::Value *value, StringRef origin, std::string key)
      : value(value), origin(origin), key(std::move(key)) {}

  Error fail(const Twine &message) const {
    return createStringError(origin + ": " + key + ": " + message);
  }

  /// An error unless this is an object with all `required` keys and no others
  /// but `optional`.
  Error checkKeys(ArrayRef<StringRef> required,
                  ArrayRef<StringRef> optional = {}) const;
  bool has(StringRef name) const { return value->getAsObject()->get(name); }
  Node operator[](StringRef name) const;

  Expected<std::vector<Node>> elements() const;
  Expected<std::string> string() const;
  Expected<int64_t> integer(int64_t least, int64_t most) const;
  Expected<double> number(double least, double most) const;
  /// A finite f32.
  Expected<float> real() const;

  const json::Value *value;

private:
  StringRef origin;
  std::string key;
};
} // namespace

Error Node::checkKeys(ArrayRef<StringRef> required,
                      ArrayRef<StringRef> optional) const {
  const json::Object *object = value->getAsObject();
  if (!object)
    return fail("expected an object, got " + describe(value));
  for (StringRef name : required)
    if (!object->get(name))
      return fail("expected the key '" + name + "', got none");
  SmallVector<StringRef> unknown;
  for (const auto &[name, ignored] : *object)
    if (!is_contained(required, StringRef(name)) &&
        !is_contained(optional, StringRef(name)))
      unknown.push_back(name);
  if (unknown.empty())
    return Error::success();
  // The object's order is not the file's.
  llvm::sort(unknown);
  SmallVector<StringRef> known(required);
  llvm::append_range(known, optional);
  return fail("expected the keys " + join(known, ", ") + ", got '" +
              unknown.front() + "'");
}

Node Node::operator[](StringRef name) const {
  std::string path = key == "the file" ? name.str() : (key + "." + name).str();
  return Node(value->getAsObject()->get(name), origin, std::move(path));
}

Expected<std::vector<Node>> Node::elements() const {
  const json::Array *array = value->getAsArray();
  if (!array)
    return fail("expected a list, got " + describe(value));
  std::vector<Node> nodes;
  for (auto [i, element] : enumerate(*array))
    nodes.emplace_back(&element, origin, (key + "[" + Twine(i) + "]").str());
  return nodes;
}

Expected<std::string> Node::string() const {
  if (std::optional<StringRef> text = value->getAsString())
    return text->str();
  return fail("expected a string, got " + describe(value));
}

Expected<int64_t> Node::integer(int64_t least, int64_t most) const {
  std::optional<int64_t> found = value->getAsInteger();
  if (!found)
    return fail("expected an integer, got " + describe(value));
  if (*found < least || *found > most)
    return fail("expected an integer from " + Twine(least) + " to " +
                Twine(most) + ", got " + Twine(*found));
  return *found;
}

Expected<double> Node::number(double least, double most) const {
  std::optional<double> found = value->getAsNumber();
  if (!found)
    return fail("expected a number, got " + describe(value));
  if (!(*found >= least && *found <= most))
    return fail("expected a number from " + shortestDigits(least) + " to " +
                shortestDigits(most) + ", got " + shortestDigits(*found));
  return *found;
}

Expected<float> Node::real() const {
  std::optional<double> found = value->getAsNumber();
  if (!found)
    return fail("expected a number, got " + describe(value));
  if (!std::isfinite(float(*found)))
    return fail("expected a number within f32, got " + describe(value));
  return float(*found);
}

//===----------------------------------------------------------------------===//
// Edges
//===----------------------------------------------------------------------===//

/// The numbers of one key: as they are, or a list of them per channel.
static Expected<std::vector<float>> readReals(const Node &node,
                                              bool isPerChannel) {
  std::vector<float> result;
  if (!isPerChannel) {
    Expected<float> value = node.real();
    if (!value)
      return value.takeError();
    result.push_back(*value);
    return result;
  }
  Expected<std::vector<Node>> elements = node.elements();
  if (!elements)
    return elements.takeError();
  if (elements->empty())
    return node.fail("expected one number per channel, got none");
  for (const Node &element : *elements) {
    Expected<float> value = element.real();
    if (!value)
      return value.takeError();
    result.push_back(*value);
  }
  return result;
}

/// `min` and `max` of an object.
static Expected<std::vector<RealRange>> readRanges(const Node &node,
                                                   bool isPerChannel) {
  Expected<std::vector<float>> min = readReals(node["min"], isPerChannel);
  if (!min)
    return min.takeError();
  Expected<std::vector<float>> max = readReals(node["max"], isPerChannel);
  if (!max)
    return max.takeError();
  if (min->size() != max->size())
    return node["max"].fail("expected as many channels as 'min' has, " +
                            Twine(min->size()) + ", got " + Twine(max->size()));
  std::vector<RealRange> ranges;
  for (auto [lo, hi] : llvm::zip(*min, *max)) {
    if (lo > hi)
      return node["max"].fail("expected at least 'min', " + shortestDigits(lo) +
                              ", got " + shortestDigits(hi));
    ranges.push_back({lo, hi});
  }
  return ranges;
}

static Expected<Histogram> readHistogram(const Node &node) {
  if (Error error =
          node.checkKeys({"exponent", "half_bins", "first", "counts"}))
    return std::move(error);
  Expected<int64_t> half = node["half_bins"].integer(1, 1 << 20);
  if (!half)
    return half.takeError();
  if (*half & (*half - 1))
    return node["half_bins"].fail("expected a power of two, got " +
                                  Twine(*half));
  Expected<int64_t> exponent = node["exponent"].integer(-126, 128);
  if (!exponent)
    return exponent.takeError();
  Expected<int64_t> first = node["first"].integer(-*half + 1, *half - 1);
  if (!first)
    return first.takeError();
  Expected<std::vector<Node>> counts = node["counts"].elements();
  if (!counts)
    return counts.takeError();
  if (*first + int64_t(counts->size()) > *half)
    return node["counts"].fail("expected at most " + Twine(*half - *first) +
                               " counts, got " + Twine(counts->size()));
  Histogram histogram(*half);
  histogram.setExponent(*exponent);
  for (auto [i, element] : enumerate(*counts)) {
    Expected<int64_t> count =
        element.integer(0, std::numeric_limits<int64_t>::max());
    if (!count)
      return count.takeError();
    histogram.data()[*first + int64_t(i)] = *count;
  }
  return histogram;
}

static Error readHistograms(const Node &node, CalibrationEdge &edge) {
  if (!edge.axis) {
    Expected<Histogram> histogram = readHistogram(node);
    if (!histogram)
      return histogram.takeError();
    edge.statistics.front().histogram = std::move(*histogram);
    return Error::success();
  }
  Expected<std::vector<Node>> elements = node.elements();
  if (!elements)
    return elements.takeError();
  if (elements->size() != edge.statistics.size())
    return node.fail("expected one per channel, " +
                     Twine(edge.statistics.size()) + ", got " +
                     Twine(elements->size()));
  for (auto [element, channel] : llvm::zip(*elements, edge.statistics)) {
    Expected<Histogram> histogram = readHistogram(element);
    if (!histogram)
      return histogram.takeError();
    channel.histogram = std::move(*histogram);
  }
  return Error::success();
}

/// Ranges of an object of their own, as many as the edge has.
static Expected<std::vector<RealRange>>
readSameRanges(const Node &node, const CalibrationEdge &edge) {
  Expected<std::vector<RealRange>> ranges =
      readRanges(node, edge.axis.has_value());
  if (ranges && ranges->size() != edge.ranges.size())
    return node["min"].fail("expected one number per channel, " +
                            Twine(edge.ranges.size()) + ", got " +
                            Twine(ranges->size()));
  return ranges;
}

static Error readObserved(const Node &node, const ObserverOptions &observer,
                          CalibrationEdge &edge) {
  SmallVector<StringRef> required = {"count", "min", "max", "proposed"};
  if (observer.kind == ObserverKind::MovingAverage)
    required.push_back("average");
  if (Error error = node.checkKeys(required, {"histogram"}))
    return error;
  Expected<int64_t> count =
      node["count"].integer(0, std::numeric_limits<int64_t>::max());
  if (!count)
    return count.takeError();
  edge.count = *count;
  Expected<std::vector<RealRange>> seen = readSameRanges(node, edge);
  if (!seen)
    return seen.takeError();
  edge.statistics.resize(seen->size());
  for (auto [channel, range] : llvm::zip(edge.statistics, *seen)) {
    channel.min = range.min;
    channel.max = range.max;
  }
  if (Error error = node["proposed"].checkKeys({"min", "max"}))
    return error;
  Expected<std::vector<RealRange>> proposed =
      readSameRanges(node["proposed"], edge);
  if (!proposed)
    return proposed.takeError();
  edge.proposed = std::move(*proposed);
  if (observer.kind == ObserverKind::MovingAverage) {
    if (Error error = node["average"].checkKeys({"min", "max"}))
      return error;
    Expected<std::vector<RealRange>> average =
        readSameRanges(node["average"], edge);
    if (!average)
      return average.takeError();
    for (auto [channel, range] : llvm::zip(edge.statistics, *average))
      channel.average = range;
  }
  return node.has("histogram") ? readHistograms(node["histogram"], edge)
                               : Error::success();
}

static Expected<CalibrationEdge> readEdge(const Node &node,
                                          const ObserverOptions &observer) {
  if (Error error =
          node.checkKeys({"name", "min", "max"}, {"axis", "observed"}))
    return std::move(error);
  CalibrationEdge edge;
  Expected<std::string> name = node["name"].string();
  if (!name)
    return name.takeError();
  edge.name = *name;
  if (node.has("axis")) {
    Expected<int64_t> axis = node["axis"].integer(0, 15);
    if (!axis)
      return axis.takeError();
    edge.axis = *axis;
  }
  Expected<std::vector<RealRange>> ranges =
      readRanges(node, edge.axis.has_value());
  if (!ranges)
    return ranges.takeError();
  edge.ranges = std::move(*ranges);
  if (node.has("observed"))
    if (Error error = readObserved(node["observed"], observer, edge))
      return std::move(error);
  return edge;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static Expected<ObserverOptions> readObserver(const Node &node) {
  if (Error error =
          node.checkKeys({"kind"}, {"percentile", "averaging_constant"}))
    return std::move(error);
  ObserverOptions options;
  Expected<std::string> kind = node["kind"].string();
  if (!kind)
    return kind.takeError();
  std::optional<ObserverKind> known = parseObserverKind(*kind);
  if (!known)
    return node["kind"].fail("expected one of " + observerNames() + ", got '" +
                             *kind + "'");
  options.kind = *known;
  if (node.has("percentile")) {
    Expected<double> percentile = node["percentile"].number(50, 100);
    if (!percentile)
      return percentile.takeError();
    options.percentile = *percentile;
  }
  if (node.has("averaging_constant")) {
    Expected<double> constant = node["averaging_constant"].number(0, 1);
    if (!constant)
      return constant.takeError();
    options.averagingConstant = *constant;
  }
  return options;
}

static Error readHead(const Node &root, CalibrationTable &table) {
  if (Error error = root.checkKeys({"schema", "version", "model", "edges_hash",
                                    "observer", "samples", "edges"}))
    return error;
  Expected<std::string> schema = root["schema"].string();
  if (!schema)
    return schema.takeError();
  if (*schema != CalibrationTable::kSchema)
    return root["schema"].fail("expected '" + CalibrationTable::kSchema +
                               "', got '" + *schema + "'");
  Expected<int64_t> version = root["version"].integer(
      CalibrationTable::kVersion, CalibrationTable::kVersion);
  if (!version)
    return version.takeError();
  Expected<std::string> model = root["model"].string();
  if (!model)
    return model.takeError();
  table.model = *model;
  Expected<std::string> hash = root["edges_hash"].string();
  if (!hash)
    return hash.takeError();
  table.edgesHash = *hash;
  Expected<int64_t> samples =
      root["samples"].integer(0, std::numeric_limits<int64_t>::max());
  if (!samples)
    return samples.takeError();
  table.samples = *samples;
  Expected<ObserverOptions> observer = readObserver(root["observer"]);
  if (!observer)
    return observer.takeError();
  table.observer = *observer;
  return Error::success();
}

Expected<CalibrationTable> CalibrationTable::parse(StringRef text,
                                                   StringRef origin) {
  if (text.starts_with("PK\x03\x04") || text.starts_with("\x93NUMPY"))
    return createStringError(origin + ": expected ranges as JSON, got an array "
                                      "file; samples go to --calibrate");
  Expected<json::Value> value = parseJson(text);
  if (!value) {
    std::string message = toString(value.takeError());
    return createStringError(origin + ": expected JSON, got " + message);
  }
  Node root(&*value, origin, "the file");
  CalibrationTable table;
  if (Error error = readHead(root, table))
    return std::move(error);
  Expected<std::vector<Node>> edges = root["edges"].elements();
  if (!edges)
    return edges.takeError();
  StringSet<> names;
  for (const Node &node : *edges) {
    Expected<CalibrationEdge> edge = readEdge(node, table.observer);
    if (!edge)
      return edge.takeError();
    if (!names.insert(edge->name).second)
      return node.fail("expected every edge once, got '" + edge->name +
                       "' again");
    table.edges.push_back(std::move(*edge));
  }
  return table;
}

Expected<CalibrationTable> CalibrationTable::read(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return createStringError(path + ": " + buffer.getError().message());
  return parse((*buffer)->getBuffer(), path);
}
