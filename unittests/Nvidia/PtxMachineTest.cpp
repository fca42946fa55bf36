//===- PtxMachineTest.cpp - The machine against the PTX specification -----===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Results are computed here from the definitions of the operations, on whole
// matrices; the fragments' layouts are those of the figures in the PTX ISA.
//
//===----------------------------------------------------------------------===//

#include "PtxMachine.h"
#include "gtest/gtest.h"
#include <cstring>
#include <random>

using namespace ptx;

namespace {

/// Runs one block of `threads` on `memory`, whose address is the kernel's one
/// parameter; returns the fault's words, or nothing.
std::string run(const std::string &body, std::vector<uint8_t> &memory,
                unsigned threads = 32, Statistics *statistics = nullptr) {
  std::string text = ".version 7.0\n.target sm_80\n.address_size 64\n"
                     ".shared .align 128 .b8 tile[4096];\n"
                     ".visible .entry k(.param .u64 k_param_0)\n{\n"
                     ".reg .pred %p<8>;\n.reg .b16 %rs<8>;\n.reg .b32 %r<40>;\n"
                     ".reg .b64 %rd<16>;\n"
                     "ld.param.u64 %rd1, [k_param_0];\n"
                     "mov.u32 %r1, %tid.x;\n" +
                     body + "\nret;\n}\n";
  try {
    Program program = parse(text);
    GlobalMemory global;
    global.add(memory.data(), memory.size());
    uint64_t parameter = uint64_t(memory.data());
    uint8_t parameters[8];
    memcpy(parameters, &parameter, 8);
    const unsigned grid[] = {1, 1, 1}, block[] = {threads, 1, 1};
    Statistics counted;
    launch(*program.kernels.at("k"), global, grid, block, 0, parameters,
           statistics ? *statistics : counted);
    return "";
  } catch (const Fault &fault) {
    return fault.what();
  }
}

std::vector<uint8_t> randomBytes(size_t count) {
  std::mt19937 random(7);
  std::vector<uint8_t> bytes(count);
  for (uint8_t &byte : bytes)
    byte = uint8_t(random());
  return bytes;
}

uint32_t wordAt(const std::vector<uint8_t> &memory, size_t at) {
  uint32_t word;
  memcpy(&word, &memory[at], 4);
  return word;
}

/// %rd2 = the thread's word of the memory, %rd3 = 32-bit word behind those of
/// 32 threads.
const char *const kAddresses = "mul.wide.u32 %rd2, %r1, 4;\n"
                               "add.s64 %rd2, %rd1, %rd2;\n";

TEST(PtxMachine, Dp4aTakesSignsApart) {
  std::vector<uint8_t> memory = randomBytes(32 * 4 * 3);
  std::vector<uint8_t> before = memory;
  ASSERT_EQ(run(std::string(kAddresses) +
                    "ld.global.b32 %r2, [%rd2];\nld.global.b32 %r3, "
                    "[%rd2+128];\ndp4a.u32.s32 %r4, %r2, %r3, -5;\n"
                    "st.global.b32 [%rd2+256], %r4;",
                memory),
            "");
  for (size_t lane = 0; lane < 32; ++lane) {
    int sum = -5;
    for (size_t i = 0; i < 4; ++i)
      sum += int(before[4 * lane + i]) * int8_t(before[128 + 4 * lane + i]);
    EXPECT_EQ(wordAt(memory, 256 + 4 * lane), uint32_t(sum));
  }
}

/// Loads the fragments of A (16 x 32, 512 bytes) and B (8 columns of 32, 256
/// bytes) from memory as the specification places them, and stores D behind.
std::string mmaBody(const std::string &shape, int aRegisters, int bRegisters) {
  std::string text = "shr.u32 %r2, %r1, 2;\nand.b32 %r3, %r1, 3;\n"
                     "mad.lo.s32 %r4, %r2, 32, 0;\n"
                     "mad.lo.s32 %r4, %r3, 4, %r4;\n"
                     "cvt.u64.u32 %rd2, %r4;\nadd.s64 %rd2, %rd1, %rd2;\n";
  std::string a, b, d, c;
  for (int i = 0; i < aRegisters; ++i) {
    bool isHigh = aRegisters == 4 ? i >= 2 : false;
    int offset = (aRegisters == 4 ? i % 2 : i) * 8 * 32 + isHigh * 16;
    text += "ld.global.b32 %r" + std::to_string(10 + i) + ", [%rd2+" +
            std::to_string(offset) + "];\n";
    a += (i ? ", %r" : "%r") + std::to_string(10 + i);
  }
  for (int i = 0; i < bRegisters; ++i) {
    text += "ld.global.b32 %r" + std::to_string(20 + i) + ", [%rd2+" +
            std::to_string(512 + 16 * i) + "];\n";
    b += (i ? ", %r" : "%r") + std::to_string(20 + i);
  }
  int results = aRegisters == 4 ? 4 : 2;
  for (int i = 0; i < results; ++i) {
    d += (i ? ", %r" : "%r") + std::to_string(24 + i);
    c += (i ? ", %r" : "%r") + std::to_string(30 + i);
    text += "mov.b32 %r" + std::to_string(30 + i) + ", " +
            std::to_string(100 * i) + ";\n";
  }
  text += "mma.sync.aligned." + shape + ".row.col.s32.u8.s8.s32 {" + d +
          "}, {" + a + "}, {" + b + "}, {" + c + "};\n" +
          "mul.wide.u32 %rd3, %r1, 16;\nadd.s64 %rd3, %rd1, %rd3;\n";
  for (int i = 0; i < results; ++i)
    text += "st.global.b32 [%rd3+" + std::to_string(768 + 4 * i) + "], %r" +
            std::to_string(24 + i) + ";\n";
  return text;
}

void checkMma(const std::string &shape, int aRegisters, int bRegisters,
              size_t rows, size_t depth) {
  std::vector<uint8_t> memory = randomBytes(768 + 512);
  std::vector<uint8_t> before = memory;
  ASSERT_EQ(run(mmaBody(shape, aRegisters, bRegisters), memory), "");
  for (size_t row = 0; row < rows; ++row)
    for (size_t column = 0; column < 8; ++column) {
      size_t lane = row % 8 * 4 + column / 2;
      size_t index = row / 8 * 2 + column % 2;
      int sum = int(100 * index);
      for (size_t k = 0; k < depth; ++k)
        sum +=
            int(before[row * 32 + k]) * int8_t(before[512 + column * 32 + k]);
      EXPECT_EQ(wordAt(memory, 768 + 16 * lane + 4 * index), uint32_t(sum))
          << row << ", " << column;
    }
}

TEST(PtxMachine, MmaOf16x8x32) { checkMma("m16n8k32", 4, 2, 16, 32); }
TEST(PtxMachine, MmaOf8x8x16) { checkMma("m8n8k16", 1, 1, 8, 16); }

/// 16 bytes a thread of warp 0 into shared memory, row by row.
const char *const kFill =
    "mul.wide.u32 %rd2, %r1, 16;\nadd.s64 %rd4, %rd1, %rd2;\n"
    "ld.global.v4.b32 {%r2, %r3, %r4, %r5}, [%rd4];\n"
    "mov.b32 %r6, tile;\nshl.b32 %r7, %r1, 4;\nadd.s32 %r6, %r6, %r7;\n"
    "st.shared.v4.b32 [%r6], {%r2, %r3, %r4, %r5};\n";

TEST(PtxMachine, LdmatrixGivesFourBytesOfARow) {
  std::vector<uint8_t> memory = randomBytes(512 + 512);
  std::vector<uint8_t> before = memory;
  Statistics statistics;
  ASSERT_EQ(run(std::string(kFill) +
                    "bar.sync 0;\nldmatrix.sync.aligned.m8n8.x4.shared.b16 "
                    "{%r10, %r11, %r12, %r13}, [%r6];\n"
                    "st.global.v4.b32 [%rd4+512], {%r10, %r11, %r12, %r13};",
                memory, 32, &statistics),
            "");
  for (size_t lane = 0; lane < 32; ++lane)
    for (size_t i = 0; i < 4; ++i)
      EXPECT_EQ(wordAt(memory, 512 + 16 * lane + 4 * i),
                wordAt(before, 16 * (8 * i + lane / 4) + 4 * (lane % 4)));
  EXPECT_EQ(statistics.bankConflicts, 0u);
}

TEST(PtxMachine, ConflictsOfBanksAreCounted) {
  // Rows 128 bytes apart are in the same banks: eight passes.
  std::vector<uint8_t> memory(64);
  Statistics statistics;
  ASSERT_EQ(run("mov.b32 %r2, tile;\nshl.b32 %r3, %r1, 7;\n"
                "add.s32 %r2, %r2, %r3;\nst.shared.b32 [%r2], %r1;",
                memory, 8, &statistics),
            "");
  EXPECT_EQ(statistics.bankConflicts, 7u);
  // So are the pieces that cp.async writes.
  statistics = {};
  ASSERT_EQ(run("mov.b32 %r2, tile;\nshl.b32 %r3, %r1, 7;\n"
                "add.s32 %r2, %r2, %r3;\n"
                "cp.async.cg.shared.global [%r2], [%rd1], 16;\n"
                "cp.async.wait_all;",
                memory, 8, &statistics),
            "");
  EXPECT_EQ(statistics.bankConflicts, 7u);
}

TEST(PtxMachine, CopiesLandWithTheirWait) {
  std::string copy =
      "mul.wide.u32 %rd2, %r1, 16;\nadd.s64 %rd4, %rd1, %rd2;\n"
      "mov.b32 %r6, tile;\nshl.b32 %r7, %r1, 4;\nadd.s32 %r6, %r6, %r7;\n"
      "cp.async.cg.shared.global [%r6], [%rd4], 16, 12;\n"
      "cp.async.commit_group;\n";
  std::string read = "ld.shared.v4.b32 {%r10, %r11, %r12, %r13}, [%r6];\n"
                     "st.global.v4.b32 [%rd4+512], {%r10, %r11, %r12, %r13};";
  std::vector<uint8_t> memory = randomBytes(1024);
  ASSERT_EQ(run(copy + "cp.async.wait_group 0;\n" + read, memory), "");
  for (size_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(wordAt(memory, 512 + 16 * lane), wordAt(memory, 16 * lane));
    // Beyond the 12 bytes are zeros.
    EXPECT_EQ(wordAt(memory, 512 + 16 * lane + 12), 0u);
  }
  EXPECT_NE(run(copy + "cp.async.wait_group 1;\n" + read, memory)
                .find("before their wait"),
            std::string::npos);
}

TEST(PtxMachine, MissingBarriersAreFaults) {
  // Each of two warps writes its own bytes and reads the other one's.
  std::string write = "mov.b32 %r6, tile;\nshl.b32 %r7, %r1, 2;\n"
                      "add.s32 %r8, %r6, %r7;\nst.shared.b32 [%r8], %r1;\n";
  std::string read = "xor.b32 %r7, %r7, 128;\nadd.s32 %r8, %r6, %r7;\n"
                     "ld.shared.b32 %r9, [%r8];\n";
  std::vector<uint8_t> memory(64);
  EXPECT_EQ(run(write + "bar.sync 0;\n" + read, memory, 64), "");
  std::string again = "shl.b32 %r7, %r1, 2;\nadd.s32 %r8, %r6, %r7;\n"
                      "st.shared.b32 [%r8], %r9;";
  EXPECT_NE(run(write + "bar.sync 0;\n" + read + again, memory, 64)
                .find("missing barrier"),
            std::string::npos);
  EXPECT_NE(run(write + read, memory, 64), "");
}

TEST(PtxMachine, WhatIsUndefinedIsAFault) {
  std::vector<uint8_t> memory(64);
  auto fault = [&](const std::string &body) { return run(body, memory); };
  EXPECT_NE(fault("setp.lt.u32 %p1, %r1, 7;\n@%p1 bra $L;\nbar.sync 0;\n$L:\n")
                .find("divergent"),
            std::string::npos);
  EXPECT_NE(fault("ld.global.b32 %r2, [%rd1+64];").find("outside of global"),
            std::string::npos);
  EXPECT_NE(fault("mov.b32 %r2, tile;\nst.shared.b32 [%r2+4096], %r1;")
                .find("outside of shared"),
            std::string::npos);
  EXPECT_NE(fault("ld.global.b32 %r2, [%rd1+2];").find("alignment"),
            std::string::npos);
  EXPECT_NE(fault("ld.shared.b32 %r2, [tile];").find("nobody wrote"),
            std::string::npos);
  EXPECT_NE(fault("mul.f32 %r2, %r1, %r1;").find("expected .rn"),
            std::string::npos);
  EXPECT_NE(fault("tanh.rn.f32 %r2, %r1;").find("unknown instruction"),
            std::string::npos);
}

TEST(PtxMachine, LanesThatPartMeetAgain) {
  std::vector<uint8_t> memory(256);
  ASSERT_EQ(run(std::string(kAddresses) +
                    "and.b32 %r2, %r1, 1;\nsetp.eq.s32 %p1, %r2, 0;\n"
                    "mov.b32 %r3, 10;\n@%p1 bra $L_even;\n"
                    "add.s32 %r3, %r3, 1;\nbra.uni $L_end;\n$L_even:\n"
                    "add.s32 %r3, %r3, 2;\n$L_end:\nbar.sync 0;\n"
                    "shfl.sync.bfly.b32 %r4, %r3, 1, 31, -1;\n"
                    "st.global.b32 [%rd2], %r4;",
                memory),
            "");
  for (size_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(wordAt(memory, 4 * lane), lane % 2 ? 12u : 11u);
}

} // namespace
