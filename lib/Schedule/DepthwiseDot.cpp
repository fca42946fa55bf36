//===- DepthwiseDot.cpp - Dot products over the taps of a window ----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file implements the match, the choice of pixels, and the packing.
//
//===----------------------------------------------------------------------===//

#include "qopt/Schedule/DepthwiseDot.h"
#include "qopt/Transforms/Structured.h"
#include <map>

using namespace mlir;

namespace qopt {

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

int64_t DepthwiseDot::taps() const {
  int64_t taps = 1;
  for (unsigned loop : tapLoops)
    taps *= extents[loop];
  return taps;
}

SmallVector<int64_t> DepthwiseDot::tapPosition(int64_t tap) const {
  SmallVector<int64_t> position(tapLoops.size());
  for (int64_t i = int64_t(tapLoops.size()) - 1; i >= 0; --i) {
    position[i] = tap % extents[tapLoops[i]];
    tap /= extents[tapLoops[i]];
  }
  return position;
}

SmallVector<PixelOffset> DepthwiseDot::tapOffsets() const {
  SmallVector<int64_t> loops(extents.size(), 0);
  SmallVector<int64_t> origin = lhsMap.compose(loops);
  SmallVector<PixelOffset> offsets;
  for (int64_t tap = 0; tap < taps(); ++tap) {
    for (auto [loop, i] : llvm::zip_equal(tapLoops, tapPosition(tap)))
      loops[loop] = i;
    PixelOffset offset;
    for (auto [at, from] : llvm::zip_equal(lhsMap.compose(loops), origin))
      offset.push_back(at - from);
    offset.pop_back();
    offsets.push_back(offset);
  }
  return offsets;
}

/// The channel: the one loop that is the last dimension of the activations.
static std::optional<unsigned> channelLoopOf(const Contraction &contraction) {
  if (contraction.lhsMap.getNumResults() < 2)
    return std::nullopt;
  auto channel =
      dyn_cast<AffineDimExpr>(contraction.lhsMap.getResults().back());
  if (!channel || !contraction.rhsMap.isFunctionOfDim(channel.getPosition()) ||
      !contraction.outMap.isFunctionOfDim(channel.getPosition()))
    return std::nullopt;
  for (AffineExpr expr : contraction.lhsMap.getResults().drop_back())
    if (expr.isFunctionOfDim(channel.getPosition()))
      return std::nullopt;
  return channel.getPosition();
}

std::optional<DepthwiseDot> matchDepthwiseDot(Operation *operation) {
  std::optional<Contraction> contraction = matchContraction(operation);
  std::optional<LowBitContraction> match;
  if (contraction)
    match = matchLowBitContraction(*contraction);
  std::optional<unsigned> channel;
  if (match)
    channel = channelLoopOf(*contraction);
  if (!channel)
    return std::nullopt;
  DepthwiseDot dot(std::move(*match));
  dot.channelLoop = *channel;
  dot.op.getReductionDims(dot.tapLoops);
  if (llvm::is_contained(dot.tapLoops, *channel) ||
      !dot.weights.getElementType().isInteger(8))
    return std::nullopt;
  // Weights are those of a tap and a channel, of nothing else.
  for (AffineExpr expr : dot.weightMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (loop != *channel && !llvm::is_contained(dot.tapLoops, loop) &&
        dot.extents[loop] != 1)
      return std::nullopt;
  }
  return dot;
}

//===----------------------------------------------------------------------===//
// Which pixels are interleaved
//===----------------------------------------------------------------------===//

namespace {

/// A pixel and the results' taps that it is.
struct UsedPixel {
  PixelOffset offset;
  SmallVector<std::pair<int64_t, int64_t>> uses;
};

} // namespace

/// All pixels in lines along `dim`, ascending.
static std::map<PixelOffset, std::map<int64_t, UsedPixel>>
linesAlong(unsigned dim, ArrayRef<PixelOffset> results,
           ArrayRef<PixelOffset> taps) {
  std::map<PixelOffset, std::map<int64_t, UsedPixel>> lines;
  for (auto [r, result] : llvm::enumerate(results))
    for (auto [t, tap] : llvm::enumerate(taps)) {
      PixelOffset offset = result;
      for (auto [place, step] : llvm::zip_equal(offset, tap))
        place += step;
      // The innermost dimension first: quads then follow each other along the
      // rows, and results are complete one after another.
      PixelOffset line(llvm::reverse(offset));
      line[line.size() - 1 - dim] = 0;
      UsedPixel &pixel = lines[line][offset[dim]];
      pixel.offset = offset;
      pixel.uses.push_back({r, t});
    }
  return lines;
}

static std::vector<PixelQuad> quadsAlong(unsigned dim,
                                         ArrayRef<PixelOffset> results,
                                         ArrayRef<PixelOffset> taps) {
  std::vector<PixelQuad> quads;
  for (const auto &[line, pixels] : linesAlong(dim, results, taps)) {
    size_t slot = 4;
    for (const auto &[place, pixel] : pixels) {
      if (slot == 4) {
        quads.emplace_back();
        slot = 0;
      }
      PixelQuad &quad = quads.back();
      quad.pixels.push_back(pixel.offset);
      for (auto [result, tap] : pixel.uses) {
        auto *use = llvm::find_if(quad.uses, [&, result = result](auto &known) {
          return known.result == result;
        });
        if (use == quad.uses.end()) {
          quad.uses.push_back({result, {-1, -1, -1, -1}});
          use = &quad.uses.back();
        }
        use->taps[slot] = tap;
      }
      ++slot;
    }
  }
  return quads;
}

std::vector<PixelQuad> planPixelQuads(ArrayRef<PixelOffset> results,
                                      ArrayRef<PixelOffset> taps) {
  std::vector<PixelQuad> best;
  // Interleaving four pixels costs as much as two products of their bytes.
  auto cost = [](ArrayRef<PixelQuad> quads) {
    size_t cost = 2 * quads.size();
    for (const PixelQuad &quad : quads)
      cost += quad.uses.size();
    return cost;
  };
  for (unsigned dim = 0; dim < taps[0].size(); ++dim) {
    std::vector<PixelQuad> quads = quadsAlong(dim, results, taps);
    if (best.empty() || cost(quads) < cost(best))
      best = std::move(quads);
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// The weights of one tap, by channel.
static SmallVector<int8_t> weightsOfTap(const DepthwiseDot &dot, int64_t tap) {
  ArrayRef<int64_t> shape = dot.weights.getType().getShape();
  SmallVector<int64_t> loops(dot.extents.size(), 0);
  if (tap >= 0)
    for (auto [loop, i] : llvm::zip_equal(dot.tapLoops, dot.tapPosition(tap)))
      loops[loop] = i;
  SmallVector<int8_t> weights(dot.extents[dot.channelLoop], 0);
  auto values = dot.weights.getValues<int8_t>();
  for (auto [channel, weight] : llvm::enumerate(weights)) {
    loops[dot.channelLoop] = channel;
    int64_t index = 0;
    for (auto [size, place] :
         llvm::zip_equal(shape, dot.weightMap.compose(loops)))
      index = index * size + place;
    if (tap >= 0)
      weight = values[index];
  }
  return weights;
}

int64_t DepthwiseDot::pairBound() const {
  if (weightsUnsigned)
    return 2 * 255;
  bool hasLeast = llvm::is_contained(weights.getValues<int8_t>(), int8_t(-128));
  return hasLeast ? 2 * 128 : 2 * 127;
}

DenseElementsAttr packTaps(const DepthwiseDot &dot, ArrayRef<TapQuad> quads,
                           int64_t lanes, int64_t first, int64_t groups) {
  SmallVector<SmallVector<int8_t>> weights;
  for (int64_t tap = -1; tap < dot.taps(); ++tap)
    weights.push_back(weightsOfTap(dot, tap));
  std::vector<int8_t> packed;
  int64_t channels = dot.extents[dot.channelLoop];
  for (int64_t group = 0; group < groups; ++group)
    for (const TapQuad &quad : quads)
      for (int64_t part = 0; part < 4; ++part)
        for (int64_t lane = 0; lane < lanes; ++lane) {
          int64_t channel =
              first + group * 4 * lanes + lane / 4 * 16 + part * 4 + lane % 4;
          for (int64_t tap : quad)
            packed.push_back(channel < channels ? weights[tap + 1][channel]
                                                : 0);
        }
  auto type =
      RankedTensorType::get({groups, int64_t(quads.size()), 4, lanes * 4},
                            IntegerType::get(dot.weights.getContext(), 8));
  return DenseElementsAttr::get(type, ArrayRef<int8_t>(packed));
}

} // namespace qopt
