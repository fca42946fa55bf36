//===- DotForm.cpp - How a target computes a low-bit dot ------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Register counts were checked in the assembly of LLVM 22: one accumulator
// more, and it spills.
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/DotForm.h"

using namespace qopt;

static bool hasQuads(const TargetInfo &target, const DotShape &shape) {
  bool mixed = shape.unsignedA != shape.unsignedB;
  // dp4a, a lane at a time.
  if (target.isGpu())
    return true;
  if (target.hasVnni512 && shape.lanes == 16)
    return mixed;
  if (target.hasVnni256 && (shape.lanes == 8 || shape.lanes == 4))
    return mixed;
  if (shape.lanes != 4)
    return false;
  return mixed ? target.hasI8mm : target.hasDotProd;
}

/// More steps would save less than the registers that their weights take.
static constexpr int64_t kMostSteps = 2;

static DotForm chooseArm(const TargetInfo &target, DotShape shape) {
  DotForm form;
  form.stepsPerRead = 4;
  if (hasQuads(target, shape)) {
    // The instruction of mixed signs has its unsigned side first.
    bool inOrder = shape.unsignedA || !shape.unsignedB;
    form.kind = target.hasI8mm && shape.canPairRows && inOrder
                    ? DotForm::Kind::Matrix
                    : DotForm::Kind::Quads;
    return form;
  }
  if (shape.lanes != 4 || shape.unsignedB)
    return {};
  form.flipsA = shape.unsignedA;
  if (target.hasDotProd)
    form.kind = DotForm::Kind::Quads;
  else if (shape.canSplitSums) {
    form.kind = DotForm::Kind::StepSums;
    form.steps =
        std::clamp<int64_t>(exactSignedSteps(shape.byteBound), 1, kMostSteps);
  } else if (isExactWidePair(shape.pairBound))
    form.kind = DotForm::Kind::WidePairs;
  else
    return {};
  return form;
}

DotForm DotForm::choose(const TargetInfo &target, const DotShape &shape) {
  if (target.arch == TargetInfo::Arch::AArch64)
    return chooseArm(target, shape);
  DotForm form;
  if (hasQuads(target, shape)) {
    form.kind = Kind::Quads;
    return form;
  }
  if (target.hasMve && shape.lanes == 1 && shape.isDeep && !shape.unsignedB) {
    form.kind = Kind::Across;
    form.flipsA = shape.unsignedA;
    return form;
  }
  if (target.vectorBits == 32 && shape.lanes == 1) {
    form.kind = target.hasDsp ? Kind::RegisterPairs : Kind::ScalarProducts;
    return form;
  }
  // Plain arithmetic is all that qopt knows of others.
  bool isX86 = target.arch == TargetInfo::Arch::X86_64;
  bool isWhole = shape.lanes == 4 || shape.lanes == 8 || shape.lanes == 16;
  if (!isWhole || shape.lanes * 32 > target.vectorBits ||
      !(isX86 || target.arch == TargetInfo::Arch::Wasm))
    return form;
  int64_t steps = std::min(kMostSteps, exactPairSteps(shape.pairBound));
  form.kind = Kind::Pairs;
  if (isX86 && shape.unsignedA && !shape.unsignedB && steps > 0) {
    form.kind = Kind::PairSums;
    form.steps = steps;
  }
  return form;
}

double DotForm::instructions(int64_t rows, int64_t blocks) const {
  double tile = rows * blocks;
  switch (kind) {
  case Kind::Quads:
    return tile;
  case Kind::Matrix:
    // Two rows at a time, eight products deep.
    return blocks * double((rows + 1) / 2);
  case Kind::PairSums:
    // A product and an addition per step; one of each to widen the sum.
    return tile * (2.0 + 1.0 / steps);
  case Kind::Pairs:
    // Even and odd bytes apart: a product and an addition each. Extending
    // takes two instructions for activations and three for weights.
    return 4 * tile + 2 * rows + 3 * blocks;
  case Kind::WidePairs:
    // Two products, two additions; activations go to all lanes first.
    return 4 * tile + rows;
  case Kind::StepSums:
    // For each half a product, and an addition for all steps together.
    return 2 * tile * (1 + 1.0 / steps) + rows;
  case Kind::Across:
    // A load for each side.
    return tile + rows + blocks;
  case Kind::RegisterPairs:
    // Two products; a load and two extensions for each word.
    return 2 * tile + 3 * rows + 3 * blocks;
  case Kind::Products:
    return 8 * tile;
  case Kind::ScalarProducts:
    return 4 * (tile + rows + blocks);
  }
  return 0;
}

double DotForm::loads(int64_t rows, int64_t blocks) const {
  // x86 multiplies by one half of what it loads of the activations.
  if (stepsPerRead == 1)
    return 0.5 * rows + blocks;
  // One read, or half of a pair, too; weights come two at a time.
  double perRead = 1.0 + (kind == Kind::Matrix);
  return perRead * rows / stepsPerRead + 0.5 * blocks;
}

int64_t DotForm::registers(int64_t rows, int64_t blocks) const {
  int64_t accumulators = rows * blocks;
  switch (kind) {
  case Kind::Quads:
    // Lanes of activations stay for some steps.
    if (stepsPerRead > 1)
      return accumulators + rows + blocks + 1;
    // Of 4 bits, both steps' weights, which a single row does not keep, and
    // two constants that extend signs.
    if (unpacksWeights)
      return accumulators + (rows > 1 ? 2 : 1) * blocks + 3;
    return accumulators + blocks + 1;
  case Kind::Matrix:
    return accumulators + accumulators % 2 + rows + rows % 2 + 3;
  case Kind::PairSums:
    // Weights and activations of all steps, the sum, a product, the ones.
    return accumulators + steps * (blocks + 1) + 2;
  case Kind::Pairs:
    // Weights and activations twice, a product, the mask.
    return accumulators + 2 * blocks + 4;
  case Kind::WidePairs:
    // Activations, also in all lanes, weights, four products, one to
    // spare.
    return accumulators + 2 * rows + blocks + 5;
  case Kind::StepSums:
    // Activations in all lanes, and weights, of all steps; products.
    return 2 * accumulators + steps * rows + steps * blocks + 2;
  case Kind::Across:
    // Sums take every second of the core's registers; the others hold
    // addresses.
    return 3 * accumulators + 1;
  case Kind::RegisterPairs:
    // Weights twice, activations twice, two addresses and a counter.
    return accumulators + 2 * blocks + 2 + 3;
  case Kind::Products:
    return accumulators + 4 * blocks + 4;
  case Kind::ScalarProducts:
    // Weights, an activation, and what addresses and the loop take.
    return accumulators + blocks + 1 + 6;
  }
  return 0;
}
