//===- Random.h - Random numbers, the same on every host ------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The distributions of <random> differ between standard libraries; these do
// not, so that a seed names one graph everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_INTEGRATIONTEST_RANDOMGRAPHS_RANDOM_H
#define QOPT_INTEGRATIONTEST_RANDOMGRAPHS_RANDOM_H

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <random>

namespace qopt::randomgraphs {

class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}

  /// Both ends included.
  int64_t between(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(engine() % uint64_t(hi - lo + 1));
  }
  bool chance(int64_t percent) { return between(1, 100) <= percent; }
  float uniform(float lo, float hi) {
    double unit = double(engine() >> 11) * 0x1p-53;
    return float(lo + unit * (double(hi) - double(lo)));
  }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, int64_t(values.size()) - 1)];
  }
  template <typename Range>
  auto &pickFrom(Range &range) {
    return range[between(0, int64_t(std::size(range)) - 1)];
  }

private:
  std::mt19937_64 engine;
};

} // namespace qopt::randomgraphs

#endif // QOPT_INTEGRATIONTEST_RANDOMGRAPHS_RANDOM_H
