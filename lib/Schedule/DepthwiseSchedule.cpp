//===- DepthwiseSchedule.cpp - Tiles of depthwise contractions ------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interleaving pays when several results share it. Two ways, by registers:
//  - all columns of a tile are accumulated together, a few interleaved pixels
//    at a time: windows of many columns;
//  - column after column, whose interleaved pixels stay for the next ones
//    (`unroll`): windows of few columns, several rows.
//
//===----------------------------------------------------------------------===//

#include "DepthwiseSchedule.h"

using namespace mlir;

namespace qopt {
namespace {

/// Straight-line code of more columns than this does not pay for its size.
constexpr int64_t kMaxColumns = 8;

class DepthwiseChooser {
public:
  DepthwiseChooser(const DepthwiseDot &dot, AffineMap loops,
                   ArrayRef<int64_t> shape, const TargetInfo &target,
                   const DotForm &form)
      : dot(dot), loops(loops), shape(shape), target(target), form(form),
        taps(dot.tapOffsets()) {
    for (int64_t dim = int64_t(shape.size()) - 2; dim >= 0; --dim)
      if (shape[dim] > 1)
        outer.push_back(dim);
  }

  std::optional<DepthwiseSchedule> run();

private:
  int64_t extent(size_t i) const {
    return i < outer.size() ? shape[outer[i]] : 1;
  }
  std::vector<PixelQuad> plan(int64_t rows, int64_t columns) const;
  /// Instructions of one dot, and the registers that it needs for itself.
  double products() const {
    return form.kind == DotForm::Kind::WidePairs ? 4 : 1;
  }
  int64_t operands() const {
    return form.kind == DotForm::Kind::WidePairs ? 6 : 3;
  }
  double tileCost(int64_t rows, int64_t columns) const;
  double cost(int64_t rows, int64_t columns) const;
  void consider(int64_t rows, int64_t columns, int64_t unroll);

  const DepthwiseDot &dot;
  AffineMap loops;
  ArrayRef<int64_t> shape;
  const TargetInfo &target;
  DotForm form;
  SmallVector<PixelOffset> taps;
  /// Dimensions of the root other than the lanes, innermost first.
  SmallVector<int64_t> outer;
  std::optional<DepthwiseSchedule> best;
};
} // namespace

/// The interleaved pixels of one tile.
std::vector<PixelQuad> DepthwiseChooser::plan(int64_t rows,
                                              int64_t columns) const {
  SmallVector<PixelOffset> results;
  SmallVector<int64_t> at(shape.size(), 0);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      if (outer.size() > 1)
        at[outer[1]] = row;
      if (!outer.empty())
        at[outer[0]] = column;
      SmallVector<int64_t> iteration = loops.compose(at);
      for (unsigned loop : dot.tapLoops)
        iteration[loop] = 0;
      PixelOffset pixel(dot.lhsMap.compose(iteration));
      pixel.pop_back();
      results.push_back(pixel);
    }
  return planPixelQuads(results, taps);
}

/// Instructions for one tile and one group of four vectors: loads and
/// interleaving, dot products, what comes after them.
double DepthwiseChooser::tileCost(int64_t rows, int64_t columns) const {
  if (rows == 0 || columns == 0)
    return 0;
  constexpr double kInterleave = 12, kEpilogue = 8;
  double cost = 4 * kEpilogue * rows * columns;
  for (const PixelQuad &quad : plan(rows, columns))
    cost += kInterleave + 4 * products() * quad.uses.size();
  return cost;
}

/// All tiles, those at the borders included, for each vector of the result.
double DepthwiseChooser::cost(int64_t rows, int64_t columns) const {
  int64_t height = extent(1), width = extent(0);
  auto row = [&](int64_t rows) {
    return width / columns * tileCost(rows, columns) +
           tileCost(rows, width % columns);
  };
  double total = height / rows * row(rows);
  if (height % rows)
    total += row(height % rows);
  return total / (4.0 * height * width);
}

void DepthwiseChooser::consider(int64_t rows, int64_t columns, int64_t unroll) {
  // Everything of one tile, or the pixels that its results share, and a few
  // more for operands.
  int64_t live = 4 * rows * columns + 4;
  if (unroll > 1)
    live = 4 * rows + 4 * plan(rows, 1).size();
  if (live + operands() > target.numVectorRegisters)
    return;
  double cost = this->cost(rows, columns * unroll);
  if (best && best->cost <= cost)
    return;
  best.emplace();
  best->cost = cost;
  Schedule &schedule = best->schedule;
  schedule.tile.assign(shape.size(), 1);
  if (outer.size() > 1)
    schedule.tile[outer[1]] = rows;
  if (!outer.empty())
    schedule.tile[outer[0]] = columns;
  schedule.unroll = unroll;
  schedule.pairSteps = form.needsPairBound() ? form.steps : 0;
}

std::optional<DepthwiseSchedule> DepthwiseChooser::run() {
  int64_t maxRows = std::min<int64_t>(extent(1), 4);
  int64_t maxColumns = std::min(extent(0), kMaxColumns);
  for (int64_t rows = 1; rows <= maxRows; ++rows)
    for (int64_t columns = 1; columns <= maxColumns; ++columns) {
      consider(rows, columns, 1);
      if (columns > 1)
        consider(rows, 1, columns);
    }
  if (!best)
    return std::nullopt;
  Schedule &schedule = best->schedule;
  int64_t lane = int64_t(shape.size()) - 1;
  schedule.kernel = Schedule::Kernel::DepthwiseDot;
  schedule.lanes = target.lanes(32);
  schedule.laneDim = lane;
  schedule.tile[lane] = std::min(shape[lane], 4 * schedule.lanes);
  // The weights of one group stay in the first-level cache for a whole row.
  for (int64_t dim = 0; dim < lane; ++dim)
    if (outer.empty() || dim != outer[0])
      schedule.order.push_back(dim);
  schedule.order.push_back(lane);
  if (!outer.empty())
    schedule.order.push_back(outer[0]);
  return best;
}

std::optional<DepthwiseSchedule>
chooseDepthwiseSchedule(const DepthwiseDot &dot, AffineMap loops,
                        ArrayRef<int64_t> shape, const TargetInfo &target,
                        const DotForm &form) {
  return DepthwiseChooser(dot, loops, shape, target, form).run();
}

} // namespace qopt
