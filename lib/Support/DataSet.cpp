//===- DataSet.cpp - Named arrays of samples, read one by one -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Support/DataSet.h"

#include "SampleArrays.h"
#include "qopt/Support/Half.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace qopt;

DataSet::~DataSet() = default;

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

Error DataSet::add(std::string name,
                   Expected<std::unique_ptr<SampleArray>> array) {
  auto known = llvm::find_if(
      arrays, [&](const NamedArray &other) { return other.name == name; });
  if (known == arrays.end()) {
    NamedArray added{std::move(name), nullptr, ""};
    if (array)
      added.array = std::move(*array);
    else
      added.problem = toString(array.takeError());
    arrays.push_back(std::move(added));
    return Error::success();
  }
  if (!array)
    return array.takeError();
  if (!known->array)
    return createStringError(known->problem);
  Expected<std::unique_ptr<SampleArray>> joined =
      joinSamples(std::move(known->array), std::move(*array));
  if (!joined)
    return joined.takeError();
  known->array = std::move(*joined);
  return Error::success();
}

Error DataSet::openFile(StringRef file) {
  if (file.ends_with(".npy")) {
    // In a folder the file's name says which input; alone it says nothing.
    std::string name = file == path ? "" : sys::path::stem(file).str();
    return add(std::move(name), openNpySamples(file));
  }
  Expected<std::shared_ptr<ZipArchive>> archive = ZipArchive::open(file);
  if (!archive)
    return archive.takeError();
  for (const ZipArchive::Member &member : (*archive)->members()) {
    if (Error error = add(member.name, openNpzSamples(*archive, member)))
      return error;
  }
  return Error::success();
}

Error DataSet::openFolder() {
  std::error_code code;
  std::vector<std::string> files;
  for (sys::fs::directory_iterator it(path, code), end; it != end && !code;
       it.increment(code)) {
    StringRef file = it->path();
    if (file.ends_with(".npy") || file.ends_with(".npz"))
      files.push_back(file.str());
  }
  if (code)
    return createStringError(path + ": " + code.message());
  // Folders list their files in any order.
  llvm::sort(files);
  for (const std::string &file : files)
    if (Error error = openFile(file))
      return error;
  return Error::success();
}

Expected<DataSet> DataSet::open(StringRef path) {
  DataSet data(path);
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return createStringError(path + ": " + code.message());
  bool isFolder = sys::fs::is_directory(status);
  if (!isFolder && !path.ends_with(".npy") && !path.ends_with(".npz"))
    return createStringError(path + ": expected an .npz archive, an .npy file "
                                    "or a folder of them");
  if (Error error = isFolder ? data.openFolder() : data.openFile(path))
    return std::move(error);
  if (data.arrays.empty())
    return createStringError(path + ": expected arrays of samples, got none");
  return data;
}

Expected<DataSet> DataSet::fromTensors(std::vector<NamedTensor> tensors) {
  DataSet data("data in memory");
  for (auto &[name, tensor] : tensors) {
    if (Error error = data.add(
            name, tensorSamples("array '" + name + "'", std::move(tensor))))
      return std::move(error);
  }
  return data;
}

//===----------------------------------------------------------------------===//
// Binding to a model's inputs
//===----------------------------------------------------------------------===//

static bool isConvertible(DType from, DType to) {
  return from == to ||
         (to == DType::F32 && (from == DType::F16 || from == DType::F64));
}

Expected<SampleArray *> DataSet::find(const TensorSpec &spec,
                                      size_t numInputs) const {
  for (const NamedArray &candidate : arrays) {
    bool fits = candidate.name == spec.name ||
                (candidate.name.empty() && numInputs == 1);
    if (!fits)
      continue;
    if (!candidate.array)
      return createStringError(candidate.problem);
    if (Error error = candidate.array->checkHasSamples())
      return std::move(error);
    return candidate.array.get();
  }
  std::string found = join(map_range(arrays,
                                     [](const NamedArray &array) {
                                       return array.name.empty()
                                                  ? std::string("one without "
                                                                "a name")
                                                  : "'" + array.name + "'";
                                     }),
                           ", ");
  return createStringError(path + ": expected an array named '" + spec.name +
                           "' for the model's input, got " + found);
}

Expected<DataSet::Input> DataSet::bindOne(const TensorSpec &spec,
                                          size_t numInputs) {
  Expected<SampleArray *> found = find(spec, numInputs);
  if (!found)
    return found.takeError();
  SampleArray &array = **found;
  if (!isConvertible(array.dtype, spec.dtype))
    return createStringError(array.origin + ": expected " +
                             dtypeName(spec.dtype) + " as the model's input '" +
                             spec.name + "', got " + dtypeName(array.dtype));
  if (array.dtype == DType::F64 && spec.dtype == DType::F32)
    remarks.push_back(array.origin + ": f64 values are rounded to f32");

  ArrayRef<int64_t> row = ArrayRef(array.shape).drop_front();
  ArrayRef<int64_t> shape = spec.shape;
  Input input{spec, &array, 1};
  if (row != shape) {
    if (shape.empty() || row != shape.drop_front())
      return createStringError(
          array.origin + ": expected samples of shape " + shapeToString(shape) +
          " for the model's input '" + spec.name + "', got an array of " +
          Twine(array.rows()) + " samples of shape " + shapeToString(row));
    input.rowsPerSample = shape.front();
    if (array.rows() % input.rowsPerSample != 0)
      return createStringError(
          array.origin + ": expected a multiple of the model's batch of " +
          Twine(input.rowsPerSample) + " samples, got " + Twine(array.rows()));
  }
  return input;
}

Error DataSet::bind(ArrayRef<TensorSpec> specs) {
  inputs.clear();
  remarks.clear();
  for (const TensorSpec &spec : specs) {
    Expected<Input> input = bindOne(spec, specs.size());
    if (!input)
      return input.takeError();
    int64_t count = input->array->rows() / input->rowsPerSample;
    if (inputs.empty())
      samples = count;
    if (count != samples)
      return createStringError(path +
                               ": expected as many samples for every input, "
                               "got " +
                               Twine(samples) + " for '" +
                               inputs.front().spec.name + "' and " +
                               Twine(count) + " for '" + spec.name + "'");
    inputs.push_back(std::move(*input));
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static HostTensor toF32(const HostTensor &tensor) {
  HostTensor result(DType::F32, tensor.shape);
  MutableArrayRef<float> out = result.data<float>();
  if (tensor.dtype == DType::F64)
    llvm::copy(tensor.data<double>(), out.begin());
  else
    llvm::transform(tensor.data<uint16_t>(), out.begin(), halfToFloat);
  return result;
}

Expected<HostTensor> DataSet::sample(size_t inputIndex, int64_t index) const {
  const Input &input = inputs[inputIndex];
  if (index < 0 || index >= samples)
    return createStringError(input.array->origin +
                             ": expected a sample below " + Twine(samples) +
                             ", got " + Twine(index));
  HostTensor tensor(input.array->dtype, input.spec.shape);
  {
    std::lock_guard<std::mutex> lock(*mutex);
    if (Error error =
            input.array->read(index * input.rowsPerSample, tensor.bytes))
      return std::move(error);
  }
  if (input.spec.dtype != DType::F32)
    return tensor;
  if (tensor.dtype != DType::F32)
    tensor = toF32(tensor);
  std::string bad = describeNonFinite(tensor);
  if (!bad.empty())
    return createStringError(input.array->origin + ": sample " + Twine(index) +
                             ": expected finite values, got " + bad);
  return tensor;
}

Expected<HostTensor> DataSet::sample(StringRef name, int64_t index) const {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].spec.name == name)
      return sample(i, index);
  return createStringError(path + ": expected the name of an input, got '" +
                           name + "'");
}

Expected<std::vector<HostTensor>> DataSet::sample(int64_t index) const {
  std::vector<HostTensor> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Expected<HostTensor> tensor = sample(i, index);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}
