//===- GraphSort.cpp - The order of the nodes of a graph ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kahn's algorithm with the node of the lowest index first.
//
//===----------------------------------------------------------------------===//

#include "GraphSort.h"

#include "ModelReader.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include <onnx/onnx_pb.h>
#include <queue>

using namespace llvm;
using namespace qopt;
using namespace qopt::onnximport;

static std::string describe(const onnx::GraphProto &graph, size_t index) {
  const onnx::NodeProto &node = graph.node(int(index));
  if (!node.name().empty())
    return "'" + printable(node.name()) + "'";
  return "'" + printable(node.op_type()) + "_" + std::to_string(index) + "'";
}

/// One cycle among the nodes that could not be ordered: from any of them,
/// following unordered producers must come back to a node seen before.
static SortFailure
describeCycle(const onnx::GraphProto &graph,
              const SmallVector<SmallVector<size_t>> &producersOf,
              ArrayRef<bool> done) {
  size_t node = size_t(find(done, false) - done.begin());
  SmallVector<size_t> walk;
  while (!is_contained(walk, node)) {
    walk.push_back(node);
    node = *find_if(producersOf[node],
                    [&](size_t producer) { return !done[producer]; });
  }
  std::string cycle = describe(graph, node);
  constexpr size_t kMaxShown = 8;
  size_t shown = 0;
  do {
    cycle +=
        " <- " + (shown == kMaxShown ? "..." : describe(graph, walk.back()));
  } while (walk.pop_back_val() != node && shown++ < kMaxShown);
  return {node, "expected a graph without cycles, got " + cycle};
}

SortFailure onnximport::sortNodes(const onnx::GraphProto &graph,
                                  const StringSet<> &defined,
                                  SmallVectorImpl<size_t> &order) {
  size_t count = size_t(graph.node_size());
  StringMap<size_t> producer;
  for (size_t index = 0; index < count; ++index) {
    for (const std::string &output : graph.node(int(index)).output()) {
      if (output.empty())
        continue;
      if (defined.contains(output) ||
          !producer.try_emplace(output, index).second)
        return {index, "expected one definition of '" + printable(output) +
                           "', got a second one as its output"};
    }
  }

  SmallVector<SmallVector<size_t>> producersOf(count), usersOf(count);
  SmallVector<size_t> missing(count, 0);
  for (size_t index = 0; index < count; ++index) {
    for (const std::string &input : graph.node(int(index)).input()) {
      if (input.empty() || defined.contains(input))
        continue;
      auto found = producer.find(input);
      if (found == producer.end())
        return {index, "expected a definition of its input '" +
                           printable(input) +
                           "', got none (no initializer, input or node)"};
      producersOf[index].push_back(found->second);
      usersOf[found->second].push_back(index);
      ++missing[index];
    }
  }

  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t index = 0; index < count; ++index) {
    if (missing[index] == 0)
      ready.push(index);
  }
  SmallVector<bool> done(count, false);
  while (!ready.empty()) {
    size_t index = ready.top();
    ready.pop();
    order.push_back(index);
    done[index] = true;
    for (size_t user : usersOf[index]) {
      if (--missing[user] == 0)
        ready.push(user);
    }
  }
  if (order.size() == count)
    return {};
  return describeCycle(graph, producersOf, done);
}
