//===- NpyTest.cpp - NumPy files and data sets ----------------------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/Npy.h"
#include "qopt/Support/DataSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <cmath>
#include <fstream>
#include <limits>
#include <zip.h>

using namespace llvm;
using namespace qopt;

namespace {

/// Header text and data as numpy writes them, format version `major`.
std::string npyBytes(StringRef dict, StringRef data, int major = 1) {
  std::string text = dict.str();
  while ((text.size() + 1 + (major == 1 ? 10 : 12)) % 64 != 0)
    text += ' ';
  text += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += char(major);
  bytes += '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    bytes += char(text.size() >> (8 * i) & 0xff);
  return bytes + text + data.str();
}

template <typename T>
HostTensor tensorOf(DType dtype, ArrayRef<int64_t> shape, ArrayRef<T> values) {
  HostTensor tensor(dtype, shape);
  llvm::copy(values, tensor.data<T>().begin());
  return tensor;
}

HostTensor ramp(ArrayRef<int64_t> shape) {
  HostTensor tensor(DType::F32, shape);
  for (auto [i, value] : enumerate(tensor.data<float>()))
    value = i;
  return tensor;
}

class NpyTest : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(sys::fs::createUniqueDirectory("qopt-npy", folder));
  }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string at(StringRef name) { return (folder + "/" + name).str(); }
  std::string write(StringRef name, StringRef bytes) {
    std::ofstream(at(name), std::ios::binary).write(bytes.data(), bytes.size());
    return at(name);
  }
  /// The message of reading these bytes as an .npy, without the path.
  std::string errorOf(StringRef bytes) {
    Expected<HostTensor> tensor = readNpy(write("bad.npy", bytes));
    if (tensor)
      return "no error";
    std::string message = toString(tensor.takeError());
    StringRef rest = message;
    EXPECT_TRUE(rest.consume_front(at("bad.npy") + ": "));
    EXPECT_FALSE(rest.contains('\n'));
    return rest.str();
  }

  SmallString<128> folder;
};

//===----------------------------------------------------------------------===//
// .npy
//===----------------------------------------------------------------------===//

TEST_F(NpyTest, RoundTripsEveryDType) {
  for (DType dtype :
       {DType::F32, DType::U8, DType::I8, DType::U16, DType::I16, DType::I32,
        DType::I64, DType::Bool, DType::F16, DType::F64}) {
    for (const std::vector<int64_t> &shape :
         std::vector<std::vector<int64_t>>{{}, {3}, {2, 3, 1}, {0, 4}}) {
      HostTensor tensor(dtype, shape);
      for (auto [i, byte] : enumerate(tensor.bytes))
        byte = i * 7 + 1;
      ASSERT_FALSE(bool(writeNpy(at("x.npy"), tensor)));
      Expected<HostTensor> back = readNpy(at("x.npy"));
      ASSERT_TRUE(bool(back)) << toString(back.takeError());
      EXPECT_EQ(back->dtype, dtype);
      EXPECT_EQ(back->shape, tensor.shape);
      EXPECT_EQ(back->bytes, tensor.bytes);
    }
  }
}

TEST_F(NpyTest, ReadsVersionsAndKeyOrders) {
  for (int major : {1, 2, 3}) {
    std::string path =
        write("v.npy",
              npyBytes("{\"shape\":(2,), 'fortran_order':False,'descr':'|u1'}",
                       "\x05\x06", major));
    Expected<HostTensor> tensor = readNpy(path);
    ASSERT_TRUE(bool(tensor)) << toString(tensor.takeError());
    EXPECT_EQ(tensor->bytes, (std::vector<uint8_t>{5, 6}));
  }
}

TEST_F(NpyTest, FortranOrderBecomesRowMajor) {
  // numpy: asfortranarray([[0, 1, 2], [3, 4, 5]]).
  std::string path = write(
      "f.npy",
      npyBytes("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }",
               StringRef("\0\3\1\4\2\5", 6)));
  Expected<HostTensor> tensor = readNpy(path);
  ASSERT_TRUE(bool(tensor)) << toString(tensor.takeError());
  EXPECT_EQ(tensor->bytes, (std::vector<uint8_t>{0, 1, 2, 3, 4, 5}));
}

TEST_F(NpyTest, RefusesWhatItCannotRead) {
  auto dict = [](StringRef descr, StringRef shape) {
    return ("{'descr': " + descr +
            ", 'fortran_order': False, 'shape': " + shape + ", }")
        .str();
  };
  EXPECT_EQ(errorOf(""), "expected more bytes, got the end of the file");
  EXPECT_EQ(errorOf("PK\x03\x04 and more bytes"),
            "expected a .npy array, got other bytes");
  EXPECT_EQ(errorOf(npyBytes(dict("'|u1'", "(1,)"), "x", 4)),
            "expected .npy format version 1 to 3, got 4");
  EXPECT_EQ(errorOf(npyBytes(dict("'>f4'", "(1,)"), "abcd")),
            "expected little-endian f32, f64, f16, u8, i8, u16, i16, i32, i64 "
            "or bool elements, got dtype '>f4'");
  EXPECT_EQ(errorOf(npyBytes(dict("[('a', '<f4')]", "(1,)"), "abcd")),
            "expected a plain array of numbers, got one of records");
  EXPECT_EQ(errorOf(npyBytes(dict("'<f4'", "(2,)"), "abcd")),
            "expected a file of 136 bytes for f32 2, got 132");
  EXPECT_EQ(errorOf(npyBytes(dict("'<f4'", "(-1,)"), "abcd")),
            "expected a dimension in the .npy header, got '-1,), }'");
  EXPECT_EQ(
      errorOf(npyBytes(dict("'<f4'", "(4294967296, 4294967296)"), "abcd")),
      "expected an array that fits memory, got a dimension of 4294967296");
  EXPECT_EQ(errorOf(npyBytes("{'descr': '<f4', 'shape': (1,)}", "abcd")),
            "expected the key 'fortran_order' once in the .npy header, got it "
            "0 times");
}

//===----------------------------------------------------------------------===//
// .npz
//===----------------------------------------------------------------------===//

TEST_F(NpyTest, NpzRoundTripsWithTheSameBytes) {
  std::vector<NamedTensor> tensors = {{"b", ramp({2, 3})}, {"a", ramp({1})}};
  ASSERT_FALSE(bool(writeNpz(at("1.npz"), tensors)));
  ASSERT_FALSE(bool(writeNpz(at("2.npz"), tensors)));
  Expected<std::vector<NamedTensor>> back = readNpz(at("1.npz"));
  ASSERT_TRUE(bool(back)) << toString(back.takeError());
  ASSERT_EQ(back->size(), 2u);
  EXPECT_EQ((*back)[0].first, "b");
  EXPECT_EQ((*back)[0].second.bytes, tensors[0].second.bytes);
  EXPECT_EQ((*back)[1].second.bytes, tensors[1].second.bytes);
  std::ifstream one(at("1.npz"), std::ios::binary);
  std::ifstream two(at("2.npz"), std::ios::binary);
  EXPECT_TRUE(std::equal(std::istreambuf_iterator<char>(one), {},
                         std::istreambuf_iterator<char>(two), {}));
}

/// An archive with one stored member, as numpy.savez writes it.
void writeStored(const std::string &path, const char *name, StringRef bytes) {
  zip_t *archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(archive, nullptr);
  zip_source_t *source =
      zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  zip_int64_t index = zip_file_add(archive, name, source, 0);
  ASSERT_EQ(zip_set_file_compression(archive, index, ZIP_CM_STORE, 0), 0);
  ASSERT_EQ(zip_close(archive), 0);
}

TEST_F(NpyTest, ReadsStoredMembers) {
  writeStored(at("s.npz"), "x.npy",
              npyBytes("{'descr': '|u1', 'fortran_order': False, 'shape': "
                       "(2,), }",
                       "\x05\x06"));
  Expected<std::vector<NamedTensor>> back = readNpz(at("s.npz"));
  ASSERT_TRUE(bool(back)) << toString(back.takeError());
  EXPECT_EQ((*back)[0].second.bytes, (std::vector<uint8_t>{5, 6}));
}

TEST_F(NpyTest, RefusesBrokenArchives) {
  auto errorOfNpz = [&](StringRef path) {
    auto tensors = readNpz(path);
    return tensors ? "no error" : toString(tensors.takeError());
  };
  EXPECT_EQ(errorOfNpz(at("none.npz")),
            at("none.npz") + ": expected an .npz archive, got 'No such file'");
  EXPECT_EQ(errorOfNpz(write("text.npz", "hello")),
            at("text.npz") +
                ": expected an .npz archive, got 'Not a zip archive'");
  writeStored(at("short.npz"), "x.npy",
              npyBytes("{'descr': '|u1', 'fortran_order': False, 'shape': "
                       "(9,), }",
                       "12345678"));
  EXPECT_EQ(errorOfNpz(at("short.npz")),
            at("short.npz") + ": array 'x': expected 137 bytes, got 136");
}

TEST_F(NpyTest, FindsBrokenMembers) {
  ASSERT_FALSE(bool(writeNpz(at("x.npz"), {{"x", ramp({1000})}})));
  std::fstream file(at("x.npz"),
                    std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(400);
  file.write("\xff\xff\xff\xff", 4);
  file.close();
  auto tensors = readNpz(at("x.npz"));
  ASSERT_FALSE(bool(tensors));
  EXPECT_TRUE(StringRef(toString(tensors.takeError()))
                  .starts_with(at("x.npz") +
                               ": array 'x': expected a sound archive, got"));
}

//===----------------------------------------------------------------------===//
// Data sets
//===----------------------------------------------------------------------===//

TensorSpec spec(StringRef name, ArrayRef<int64_t> shape,
                DType dtype = DType::F32) {
  return {name.str(), dtype, SmallVector<int64_t, 4>(shape)};
}

std::string bindError(StringRef path, ArrayRef<TensorSpec> specs) {
  Expected<DataSet> data = DataSet::open(path);
  if (!data)
    return toString(data.takeError());
  Error error = data->bind(specs);
  return error ? toString(std::move(error)) : "no error";
}

/// The first elements of all samples, in the given order.
std::vector<float> firsts(DataSet &data, ArrayRef<int64_t> order) {
  std::vector<float> values;
  for (int64_t index : order) {
    Expected<HostTensor> tensor = data.sample(size_t(0), index);
    EXPECT_TRUE(bool(tensor)) << toString(tensor.takeError());
    if (tensor)
      values.push_back(tensor->data<float>()[0]);
  }
  return values;
}

TEST_F(NpyTest, SamplesOfEveryForm) {
  // 40 samples of 2x3; sample i starts with 6 * i.
  HostTensor all = ramp({40, 2, 3});
  ASSERT_FALSE(bool(writeNpz(at("d.npz"), {{"other", ramp({3})}, {"x", all}})));
  ASSERT_FALSE(bool(writeNpy(at("d.npy"), all)));
  ASSERT_FALSE(sys::fs::create_directory(at("npys")));
  ASSERT_FALSE(bool(writeNpy(at("npys/x.npy"), all)));
  ASSERT_FALSE(sys::fs::create_directory(at("npzs")));
  ASSERT_FALSE(bool(writeNpz(at("npzs/2.npz"), {{"x", ramp({30, 2, 3})}})));
  ASSERT_FALSE(bool(writeNpz(at("npzs/1.npz"), {{"x", ramp({10, 2, 3})}})));
  for (StringRef name : {"d.npz", "d.npy", "npys", "npzs"}) {
    Expected<DataSet> data = DataSet::open(at(name));
    ASSERT_TRUE(bool(data)) << toString(data.takeError());
    ASSERT_FALSE(bool(data->bind({spec("x", {1, 2, 3})})));
    EXPECT_EQ(data->numSamples(), 40);
    // Within the window, beyond it, and over the seam of two files.
    std::vector<float> expected = {0, 30, 6, 234, 0};
    if (name == "npzs")
      expected = {0, 30, 6, 174, 0};
    EXPECT_EQ(firsts(*data, {0, 5, 1, 39, 0}), expected) << name.str();
  }
}

TEST_F(NpyTest, ColumnMajorSamples) {
  // f32 [[0, 1], [2, 3], [4, 5]], column by column.
  std::vector<float> columns = {0, 2, 4, 1, 3, 5};
  StringRef data(reinterpret_cast<const char *>(columns.data()), 24);
  std::string bytes = npyBytes(
      "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", data);
  write("f.npy", bytes);
  writeStored(at("f.npz"), "x.npy", bytes);
  for (StringRef name : {"f.npy", "f.npz"}) {
    Expected<DataSet> set = DataSet::open(at(name));
    ASSERT_TRUE(bool(set)) << toString(set.takeError());
    ASSERT_FALSE(bool(set->bind({spec("x", {2})})));
    Expected<HostTensor> tensor = set->sample("x", 1);
    ASSERT_TRUE(bool(tensor));
    EXPECT_EQ(tensor->data<float>()[0], 2);
    EXPECT_EQ(tensor->data<float>()[1], 3);
  }
}

TEST_F(NpyTest, BatchesTakeSeveralRows) {
  ASSERT_FALSE(bool(writeNpy(at("d.npy"), ramp({12, 3}))));
  Expected<DataSet> data = DataSet::open(at("d.npy"));
  ASSERT_TRUE(bool(data));
  ASSERT_FALSE(bool(data->bind({spec("x", {4, 3})})));
  EXPECT_EQ(data->numSamples(), 3);
  EXPECT_EQ(firsts(*data, {2, 0}), (std::vector<float>{24, 0}));
  EXPECT_EQ(toString(data->bind({spec("x", {5, 3})})),
            at("d.npy") + ": expected a multiple of the model's batch of 5 "
                          "samples, got 12");
}

TEST_F(NpyTest, ConvertsFloatsOnly) {
  auto set = DataSet::fromTensors(
      {{"h",
        tensorOf<uint16_t>(DType::F16, {2, 3},
                           {0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x3555})},
       {"d", tensorOf<double>(DType::F64, {2, 1}, {0.1, 1e-3})},
       {"u", HostTensor(DType::U8, {2, 1})}});
  ASSERT_TRUE(bool(set));
  ASSERT_FALSE(bool(set->bind({spec("h", {3}), spec("d", {1})})));
  Expected<std::vector<HostTensor>> first = set->sample(0);
  ASSERT_TRUE(bool(first));
  EXPECT_EQ((*first)[0].data<float>()[0], 1.0f);
  EXPECT_EQ((*first)[0].data<float>()[1], -2.0f);
  EXPECT_EQ((*first)[0].data<float>()[2], std::ldexp(1.0f, -24));
  EXPECT_EQ((*first)[1].data<float>()[0], 0.1f);
  Expected<HostTensor> second = set->sample("h", 1);
  ASSERT_TRUE(bool(second));
  EXPECT_EQ(second->data<float>()[0], 65504.0f);
  EXPECT_TRUE(std::signbit(second->data<float>()[1]));
  EXPECT_EQ(second->data<float>()[2], 0.333251953125f);
  ASSERT_EQ(set->notes().size(), 1u);
  EXPECT_EQ(set->notes()[0], "array 'd': f64 values are rounded to f32");
  EXPECT_EQ(toString(set->bind({spec("u", {1})})),
            "array 'u': expected f32 as the model's input 'u', got u8");
}

TEST_F(NpyTest, NamesWhatDoesNotFit) {
  std::string path = at("d.npz");
  ASSERT_FALSE(bool(writeNpz(
      path, {{"a", ramp({4, 3})}, {"b", ramp({5, 3})}, {"c", ramp({0, 3})}})));
  EXPECT_EQ(bindError(path, {spec("c", {3})}),
            path + ": array 'c': expected at least one sample, got an empty "
                   "array of shape 0x3");
  EXPECT_EQ(bindError(path, {spec("x", {3})}),
            path + ": expected an array named 'x' for the model's input, got "
                   "'a', 'b', 'c'");
  EXPECT_EQ(bindError(path, {spec("a", {1, 3, 8, 8})}),
            path + ": array 'a': expected samples of shape 1x3x8x8 for the "
                   "model's input 'a', got an array of 4 samples of shape 3");
  EXPECT_EQ(bindError(path, {spec("a", {3}), spec("b", {3})}),
            path + ": expected as many samples for every input, got 4 for 'a' "
                   "and 5 for 'b'");
  EXPECT_EQ(bindError(at("none.npz"), {}),
            at("none.npz") + ": No such file or directory");
  EXPECT_EQ(bindError(write("d.txt", ""), {}),
            at("d.txt") + ": expected an .npz archive, an .npy file or a "
                          "folder of them");
  ASSERT_FALSE(sys::fs::create_directory(at("empty")));
  EXPECT_EQ(bindError(at("empty"), {}),
            at("empty") + ": expected arrays of samples, got none");
}

TEST_F(NpyTest, UnreadableArraysMatterOnlyWhenAskedFor) {
  writeStored(at("d.npz"), "text.npy",
              npyBytes("{'descr': '<U1', 'fortran_order': False, 'shape': "
                       "(1,), }",
                       "abcd"));
  EXPECT_EQ(bindError(at("d.npz"), {}), "no error");
  EXPECT_TRUE(StringRef(bindError(at("d.npz"), {spec("text", {1})}))
                  .ends_with("got dtype '<U1'"));
}

TEST_F(NpyTest, NamesTheElementThatIsNotFinite) {
  HostTensor tensor = ramp({3, 2, 2});
  tensor.data<float>()[10] = std::numeric_limits<float>::quiet_NaN();
  ASSERT_FALSE(bool(writeNpz(at("d.npz"), {{"x", tensor}})));
  Expected<DataSet> data = DataSet::open(at("d.npz"));
  ASSERT_TRUE(bool(data));
  ASSERT_FALSE(bool(data->bind({spec("x", {2, 2})})));
  EXPECT_TRUE(bool(data->sample(1)));
  Expected<HostTensor> bad = data->sample(size_t(0), 2);
  ASSERT_FALSE(bool(bad));
  EXPECT_EQ(toString(bad.takeError()),
            at("d.npz") + ": array 'x': sample 2: expected finite values, got "
                          "NaN at element [1, 0]");
}

} // namespace
