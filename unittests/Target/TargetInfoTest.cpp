//===- TargetInfoTest.cpp - Names of targets ------------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Target/TargetInfo.h"
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
