//===- AtomicFileTest.cpp - Files written whole or not at all -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/AtomicFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;
using namespace qopt;

namespace {

class AtomicFileTest : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(sys::fs::createUniqueDirectory("qopt-atomic", folder));
  }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string at(StringRef name) { return (folder + "/" + name).str(); }
  std::string contents(StringRef path) {
    auto buffer = MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : "<none>";
  }
  size_t numFiles() {
    std::error_code code;
    size_t count = 0;
    for (sys::fs::directory_iterator it(folder, code), end; it != end;
         it.increment(code))
      ++count;
    return count;
  }

  SmallString<128> folder;
};

TEST_F(AtomicFileTest, WritesAndReplaces) {
  EXPECT_FALSE(bool(writeFileAtomically(at("a"), "one")));
  EXPECT_FALSE(bool(writeFileAtomically(at("a"), "two")));
  EXPECT_EQ(contents(at("a")), "two");
  EXPECT_EQ(numFiles(), 1u);
}

TEST_F(AtomicFileTest, KeepsPercentSignsOfThePath) {
  EXPECT_FALSE(bool(writeFileAtomically(at("100%%"), "x")));
  EXPECT_EQ(contents(at("100%%")), "x");
}

TEST_F(AtomicFileTest, KeepsPermissionsAndLinks) {
  ASSERT_FALSE(bool(writeFileAtomically(at("a"), "one")));
  ASSERT_FALSE(sys::fs::setPermissions(at("a"), sys::fs::perms(0600)));
  ASSERT_FALSE(sys::fs::create_link(at("a"), at("link")));
  EXPECT_FALSE(bool(writeFileAtomically(at("link"), "two")));
  EXPECT_TRUE(sys::fs::is_symlink_file(at("link")));
  EXPECT_EQ(contents(at("a")), "two");
  EXPECT_EQ(*sys::fs::getPermissions(at("a")), sys::fs::perms(0600));
}

TEST_F(AtomicFileTest, FailureLeavesTheOldFile) {
  ASSERT_FALSE(bool(writeFileAtomically(at("a"), "old")));
  Error error = writeFileAtomically(at("a"), [](raw_ostream &os) {
    os << "half";
    return createStringError("no more");
  });
  EXPECT_EQ(toString(std::move(error)), "no more");
  EXPECT_EQ(contents(at("a")), "old");
  EXPECT_EQ(numFiles(), 1u);
}

TEST_F(AtomicFileTest, DroppedWithoutCommitLeavesNothing) {
  {
    Expected<AtomicFile> file = AtomicFile::create(at("a"));
    ASSERT_TRUE(bool(file));
    file->os() << "x";
  }
  EXPECT_EQ(numFiles(), 0u);
}

TEST_F(AtomicFileTest, CommitAllIsBothOrNeither) {
  std::vector<AtomicFile> files;
  for (StringRef name : {"m.o", "m.h"}) {
    Expected<AtomicFile> file = AtomicFile::create(at(name));
    ASSERT_TRUE(bool(file));
    file->os() << name;
    files.push_back(std::move(*file));
  }
  // A folder in the way of the second file.
  ASSERT_FALSE(sys::fs::create_directory(at("m.h")));
  ASSERT_FALSE(bool(writeFileAtomically(at("m.h/x"), "")));
  Error error = AtomicFile::commitAll(files);
  EXPECT_TRUE(bool(error));
  consumeError(std::move(error));
  EXPECT_FALSE(sys::fs::exists(at("m.o")));
  files.clear();
  EXPECT_EQ(numFiles(), 1u);
}

TEST_F(AtomicFileTest, CommitAllRestoresWhatItReplaced) {
  ASSERT_FALSE(bool(writeFileAtomically(at("m.o"), "old")));
  std::vector<AtomicFile> files;
  for (StringRef name : {"m.o", "m.h"}) {
    Expected<AtomicFile> file = AtomicFile::create(at(name));
    ASSERT_TRUE(bool(file));
    file->os() << name;
    files.push_back(std::move(*file));
  }
  ASSERT_FALSE(sys::fs::create_directory(at("m.h")));
  ASSERT_FALSE(bool(writeFileAtomically(at("m.h/x"), "")));
  Error error = AtomicFile::commitAll(files);
  EXPECT_TRUE(bool(error));
  consumeError(std::move(error));
  EXPECT_EQ(contents(at("m.o")), "old");
  files.clear();
  EXPECT_EQ(numFiles(), 2u);
}

TEST_F(AtomicFileTest, CommitAllReplaces) {
  std::vector<AtomicFile> files;
  for (StringRef name : {"m.o", "m.h"}) {
    ASSERT_FALSE(bool(writeFileAtomically(at(name), "old")));
    Expected<AtomicFile> file = AtomicFile::create(at(name));
    ASSERT_TRUE(bool(file));
    file->os() << name;
    files.push_back(std::move(*file));
  }
  EXPECT_FALSE(bool(AtomicFile::commitAll(files)));
  EXPECT_EQ(contents(at("m.o")), "m.o");
  EXPECT_EQ(contents(at("m.h")), "m.h");
  EXPECT_EQ(numFiles(), 2u);
}

TEST_F(AtomicFileTest, NamesTheReason) {
  EXPECT_EQ(toString(writeFileAtomically(at("no/a"), "x")),
            "cannot write '" + at("no/a") + "': the folder '" + at("no") +
                "' does not exist");
#ifdef __linux__
  EXPECT_EQ(toString(writeFileAtomically("/proc/q.o", "x")),
            "cannot write '/proc/q.o': the folder '/proc' takes no new files");
#endif
  EXPECT_EQ(toString(writeFileAtomically(folder, "x")),
            ("cannot write '" + folder + "': Is a directory").str());
}

TEST_F(AtomicFileTest, FullDeviceIsAnError) {
  EXPECT_EQ(toString(writeFileAtomically("/dev/full", "x")),
            "cannot write '/dev/full': No space left on device");
}

TEST_F(AtomicFileTest, SignalRemovesTheTemporary) {
  pid_t child = fork();
  if (child == 0) {
    Expected<AtomicFile> file = AtomicFile::create(at("a"));
    if (!file)
      _exit(1);
    file->os() << "x";
    raise(SIGTERM);
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(numFiles(), 0u);
}

} // namespace
