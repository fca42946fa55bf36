//===- TargetInfoTest.cpp - Names of targets ------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/TargetInfo.h"
#include "qopt/Target/DotForm.h"
#include "gtest/gtest.h"

using namespace qopt;

static TargetInfo getOrFail(llvm::StringRef name) {
  llvm::Expected<TargetInfo> info = TargetInfo::get(name);
  if (!info) {
    ADD_FAILURE() << llvm::toString(info.takeError());
    return {};
  }
  return *info;
}

TEST(TargetInfo, KnownNamesResolveToThemselves) {
  for (llvm::StringRef name : TargetInfo::knownNames()) {
    if (name != "native") {
      EXPECT_EQ(getOrFail(name).name, name);
    }
  }
}

TEST(TargetInfo, Vnni) {
  TargetInfo info = getOrFail("x86-64-v4-vnni");
  EXPECT_TRUE(info.hasVnni512);
  EXPECT_EQ(info.lanes(32), 16);
  EXPECT_EQ(info.numVectorRegisters, 32);
  EXPECT_FALSE(getOrFail("x86-64-v4").hasVnni512);
}

TEST(TargetInfo, FeaturesHaveOneOrder) {
  TargetInfo info = getOrFail("aarch64+i8mm+dotprod");
  EXPECT_EQ(info.name, "aarch64+dotprod+i8mm");
  EXPECT_EQ(info.features, "+dotprod,+i8mm");
  EXPECT_TRUE(info.hasDotProd && info.hasI8mm);
  EXPECT_FALSE(info.hasSve);
  TargetInfo sve = getOrFail("aarch64+sve+dotprod");
  EXPECT_EQ(sve.features, "+dotprod,+sve");
  EXPECT_TRUE(sve.hasSve && sve.hasDotProd && !sve.hasI8mm);
}

TEST(TargetInfo, NativeIsResolved) {
  TargetInfo info = getOrFail("native");
  EXPECT_NE(info.name, "native");
  EXPECT_EQ(getOrFail(info.name).features, info.features);
}

TEST(TargetInfo, UnknownNamesAreListed) {
  for (llvm::StringRef name : {"", "pentium", "aarch64+sse", "x86-64-v3+avx"}) {
    llvm::Expected<TargetInfo> info = TargetInfo::get(name);
    ASSERT_FALSE(!!info) << name.str();
    std::string message = llvm::toString(info.takeError());
    EXPECT_NE(message.find("x86-64-v4-vnni"), std::string::npos) << message;
    EXPECT_NE(message.find("'" + name.str() + "'"), std::string::npos);
  }
}

TEST(TargetInfo, AvxVnni) {
  TargetInfo info = getOrFail("x86-64-v3-avxvnni");
  EXPECT_TRUE(info.hasVnni256);
  EXPECT_FALSE(info.hasVnni512);
  EXPECT_EQ(info.lanes(32), 8);
  EXPECT_EQ(info.numVectorRegisters, 16);
}

TEST(TargetInfo, NativeRunsOnTheHost) {
  TargetInfo info = getOrFail("native");
  EXPECT_TRUE(info.runsOnHost());
  EXPECT_EQ(info.formForHost()->features, info.features);
  bool isX86 = info.arch == TargetInfo::Arch::X86_64;
  EXPECT_FALSE(getOrFail(isX86 ? "aarch64" : "x86-64-v2").runsOnHost());
}

TEST(TargetInfo, ListsAreSortedByStrength) {
  auto list = TargetInfo::getList("x86-64-v4-vnni,x86-64-v2,x86-64-v3");
  ASSERT_TRUE(!!list) << llvm::toString(list.takeError());
  ASSERT_EQ(list->size(), 3u);
  EXPECT_EQ((*list)[0].name, "x86-64-v2");
  EXPECT_EQ((*list)[1].name, "x86-64-v3");
  EXPECT_EQ((*list)[2].name, "x86-64-v4-vnni");
  EXPECT_EQ(TargetInfo::getList("aarch64")->size(), 1u);
  auto arm =
      TargetInfo::getList("aarch64+dotprod+i8mm,aarch64,aarch64+dotprod");
  ASSERT_TRUE(!!arm) << llvm::toString(arm.takeError());
  EXPECT_EQ((*arm)[0].name, "aarch64");
  EXPECT_EQ((*arm)[1].name, "aarch64+dotprod");
  EXPECT_EQ((*arm)[2].name, "aarch64+dotprod+i8mm");
  auto sve = TargetInfo::getList(
      "aarch64+sve+i8mm+dotprod,aarch64+sve,aarch64+dotprod+i8mm");
  ASSERT_TRUE(!!sve) << llvm::toString(sve.takeError());
  EXPECT_EQ((*sve)[0].name, "aarch64+sve");
  EXPECT_EQ((*sve)[1].name, "aarch64+dotprod+i8mm");
  EXPECT_EQ((*sve)[2].name, "aarch64+dotprod+i8mm+sve");
}

TEST(TargetInfo, ImpossibleLists) {
  auto message = [](llvm::StringRef names) {
    auto list = TargetInfo::getList(names);
    return list ? std::string() : llvm::toString(list.takeError());
  };
  EXPECT_EQ(message("x86-64-v2,x86-64-v2"),
            "expected different targets, got 'x86-64-v2' twice");
  EXPECT_EQ(message("x86-64-v2,aarch64+dotprod"),
            "expected a list of targets of one architecture, x86-64 or "
            "AArch64, got 'x86-64-v2' and 'aarch64+dotprod'");
  EXPECT_EQ(message("sm_80,sm_90"),
            "expected one target where it is a GPU, got 'sm_80' and 'sm_90'");
  EXPECT_EQ(message("x86-64-v2,"),
            "expected a name on either side of each comma, got 'x86-64-v2,'");
  EXPECT_EQ(message("x86-64-v2, x86-64-v3"), "");
}

TEST(TargetInfo, TheNameThatWasMeant) {
  auto ending = [](llvm::StringRef name) {
    return llvm::toString(TargetInfo::get(name).takeError())
        .substr(std::string("unknown target '").size() + name.size());
  };
  EXPECT_TRUE(llvm::StringRef(ending("X86-64-V3"))
                  .ends_with("; did you mean 'x86-64-v3'?"));
  EXPECT_FALSE(llvm::StringRef(ending("z80")).contains("did you mean"));
}

TEST(TargetInfo, Programs) {
  EXPECT_TRUE(getOrFail("aarch64").hasPrograms());
  EXPECT_FALSE(getOrFail("cortex-m4").hasPrograms());
  EXPECT_FALSE(getOrFail("aarch64-android").hasPrograms());
}

TEST(TargetInfo, Riscv32) {
  TargetInfo info = getOrFail("riscv32");
  EXPECT_FALSE(info.hasFloat);
  EXPECT_FALSE(info.hasPrograms());
  EXPECT_EQ(info.indexBits, 32u);
  DotShape shape;
  shape.lanes = info.lanes(32);
  EXPECT_EQ(DotForm::choose(info, shape).kind, DotForm::Kind::ScalarProducts);
}

TEST(TargetInfo, CortexM) {
  for (llvm::StringRef name : {"cortex-m0", "cortex-m3", "cortex-m4"}) {
    TargetInfo info = getOrFail(name);
    EXPECT_EQ(info.indexBits, 32u);
    EXPECT_EQ(info.hasFloat, name == "cortex-m4");
    EXPECT_EQ(info.lanes(32), 1);
    EXPECT_FALSE(info.runsOnHost());
  }
  EXPECT_EQ(getOrFail("x86-64-v3").indexBits, 64u);
}

TEST(TargetInfo, WebAssembly) {
  TargetInfo info = getOrFail("wasm32");
  EXPECT_EQ(info.indexBits, 32u);
  EXPECT_FALSE(info.hasFma);
  EXPECT_TRUE(info.hasPrograms());
  EXPECT_FALSE(info.runsOnHost());
  // No instruction that saturates, whatever the weights prove.
  DotShape shape;
  shape.lanes = 4;
  shape.unsignedA = true;
  shape.pairBound = 16;
  EXPECT_EQ(DotForm::choose(info, shape).kind, DotForm::Kind::Pairs);
}

TEST(DotForm, FollowsTheTarget) {
  DotShape shape;
  shape.unsignedA = true;
  auto kind = [&](llvm::StringRef name) {
    TargetInfo target = getOrFail(name);
    shape.lanes = target.lanes(32);
    return DotForm::choose(target, shape).kind;
  };
  EXPECT_EQ(kind("x86-64-v4-vnni"), DotForm::Kind::Quads);
  EXPECT_EQ(kind("x86-64-v3-avxvnni"), DotForm::Kind::Quads);
  EXPECT_EQ(kind("x86-64-v4"), DotForm::Kind::Pairs);
  EXPECT_EQ(kind("x86-64-v3"), DotForm::Kind::Pairs);
  EXPECT_EQ(kind("x86-64-v2"), DotForm::Kind::Pairs);
  EXPECT_EQ(kind("aarch64"), DotForm::Kind::Products);
  EXPECT_EQ(kind("aarch64+dotprod"), DotForm::Kind::Quads);
  EXPECT_EQ(kind("aarch64+dotprod+i8mm"), DotForm::Kind::Quads);
  EXPECT_EQ(kind("cortex-m3"), DotForm::Kind::ScalarProducts);
  EXPECT_EQ(kind("cortex-m4"), DotForm::Kind::RegisterPairs);
  EXPECT_EQ(kind("cortex-m55"), DotForm::Kind::RegisterPairs);
  shape.isDeep = true;
  EXPECT_EQ(kind("cortex-m4"), DotForm::Kind::RegisterPairs);
  EXPECT_EQ(kind("cortex-m55"), DotForm::Kind::Across);
  shape.isDeep = false;
  shape.canPairRows = true;
  EXPECT_EQ(kind("aarch64+dotprod+i8mm"), DotForm::Kind::Matrix);
  shape.pairBound = 255;
  EXPECT_EQ(kind("aarch64"), DotForm::Kind::WidePairs);
  shape.canSplitSums = true;
  EXPECT_EQ(kind("aarch64"), DotForm::Kind::StepSums);
  EXPECT_EQ(kind("aarch64+dotprod"), DotForm::Kind::Quads);
  shape.pairBound = 128;
  EXPECT_EQ(kind("x86-64-v3"), DotForm::Kind::PairSums);
  // pmaddubsw takes an unsigned and a signed side.
  shape.unsignedA = false;
  EXPECT_EQ(kind("x86-64-v3"), DotForm::Kind::Pairs);
}

// The largest sums of exactPairSteps steps, in the arithmetic of pmaddubsw.
TEST(DotForm, SumsOfExactStepsStayIn16Bits) {
  for (int64_t bound = 1; bound <= 510; ++bound) {
    int64_t steps = exactPairSteps(bound);
    EXPECT_LE(steps * 255 * bound, 32767) << bound;
    EXPECT_EQ(steps > 0, bound <= 128);
  }
}

// The largest sums of two neighbouring products of signed bytes, in the
// arithmetic of addp.
TEST(DotForm, SumsOfWidePairsStayIn16Bits) {
  for (int first = -128; first <= 127; ++first)
    for (int second = -128; second <= 127; ++second) {
      int positive = std::max(first, 0) + std::max(second, 0);
      int negative = std::min(first, 0) + std::min(second, 0);
      int bound = std::max(positive, -negative);
      int least = -128 * positive + 127 * negative;
      int most = 127 * positive - 128 * negative;
      EXPECT_EQ(isExactWidePair(bound), least >= -32768 && most <= 32767)
          << first << " " << second;
    }
}

// The largest sums of products of signed bytes, in the arithmetic of smlal.
TEST(DotForm, SumsOfSignedStepsStayIn16Bits) {
  for (int64_t bound = 1; bound <= 255; ++bound) {
    int64_t steps = exactSignedSteps(bound);
    EXPECT_LE(steps * 128 * bound, 32767) << bound;
    EXPECT_GT((steps + 1) * 128 * bound, 32767) << bound;
  }
  DotShape shape;
  shape.lanes = 4;
  shape.canSplitSums = true;
  auto steps = [&](int64_t bound) {
    shape.byteBound = bound;
    return DotForm::choose(getOrFail("aarch64"), shape).steps;
  };
  EXPECT_EQ(steps(128), 1);
  EXPECT_EQ(steps(127), 2);
  EXPECT_EQ(steps(8), 2);
}

// No instruction of Arm's without i8mm takes mixed signs.
TEST(DotForm, ActivationsAreFlippedForEqualSigns) {
  DotShape shape;
  shape.lanes = 4;
  shape.pairBound = 254;
  auto flips = [&](llvm::StringRef name, bool isUnsigned) {
    shape.unsignedA = isUnsigned;
    return DotForm::choose(getOrFail(name), shape).flipsA;
  };
  EXPECT_TRUE(flips("aarch64", true));
  EXPECT_TRUE(flips("aarch64+dotprod", true));
  EXPECT_FALSE(flips("aarch64+dotprod", false));
  EXPECT_FALSE(flips("aarch64+dotprod+i8mm", true));
  EXPECT_FALSE(flips("x86-64-v4-vnni", true));
}

// One accumulator more than these tiles spills in LLVM's code.
TEST(DotForm, TilesFillTheRegisters) {
  DotForm pairs, quads;
  pairs.kind = DotForm::Kind::Pairs;
  quads.kind = DotForm::Kind::Quads;
  EXPECT_EQ(pairs.registers(4, 2), 16);
  EXPECT_GT(pairs.registers(5, 2), 16);
  EXPECT_EQ(quads.registers(6, 2), 15);
  EXPECT_GT(quads.registers(7, 2), 16);
}
