//===- DataSet.h - Named arrays of samples, read one by one -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_DATASET_H
#define QOPT_SUPPORT_DATASET_H

#include "qopt/Support/Npy.h"
#include "qopt/Support/Tensor.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace qopt {

/// An array whose first dimension counts samples, wherever its bytes are.
class SampleArray {
public:
  SampleArray(std::string origin, DType dtype, llvm::ArrayRef<int64_t> shape);
  virtual ~SampleArray();

  /// The bytes of the rows `first`, `first + 1`, ... that fill `bytes`.
  virtual llvm::Error read(int64_t first,
                           llvm::MutableArrayRef<uint8_t> bytes) = 0;

  /// An error for a scalar or an array without elements.
  llvm::Error checkHasSamples() const;

  int64_t rows() const { return shape.front(); }
  int64_t rowBytes() const;

  /// How messages call it: "calib.npz: array 'x'".
  std::string origin;
  DType dtype;
  llvm::SmallVector<int64_t, 4> shape;
};

/// Samples for the inputs of a model:
///  - an .npz whose arrays are named after the inputs; others are ignored;
///  - an .npy, for a model with one input, whatever its name;
///  - a folder of .npy named after the inputs, or of .npz, whose arrays of one
///    name are joined in the order of the file names.
///
/// Samples are read when they are asked for; what is held does not grow with
/// their number. Deflated arrays can only be read forward: a step back beyond
/// the last few samples starts them again. A column-major array in an .npz is
/// held whole. `sample` may be called from several threads.
class DataSet {
public:
  static llvm::Expected<DataSet> open(llvm::StringRef path);
  /// Arrays in memory, the first dimension being samples.
  static llvm::Expected<DataSet> fromTensors(std::vector<NamedTensor> arrays);

  DataSet(DataSet &&) = default;
  ~DataSet();

  /// Chooses and checks the arrays of a model's inputs: names, element types,
  /// shapes, numbers of samples. A row of an array is a sample if it has the
  /// shape of the input, or the shape without the input's first dimension; then
  /// a sample is as many rows as that dimension says.
  /// f16 is widened and f64 rounded to f32 (see `notes`); no other conversion
  /// is made, because what a model expects of, say, bytes is not known here.
  llvm::Error bind(llvm::ArrayRef<TensorSpec> inputs);

  /// Valid after `bind`.
  int64_t numSamples() const { return samples; }
  /// The tensor of one input, in its shape and element type, checked to be
  /// finite.
  llvm::Expected<HostTensor> sample(size_t input, int64_t index) const;
  llvm::Expected<HostTensor> sample(llvm::StringRef name, int64_t index) const;
  /// All inputs of one sample, in the order of the model.
  llvm::Expected<std::vector<HostTensor>> sample(int64_t index) const;

  /// What a user should know about how the data was taken, one line each.
  llvm::ArrayRef<std::string> notes() const { return remarks; }

private:
  struct NamedArray {
    /// Empty: fits any one input.
    std::string name;
    /// Null where the array cannot be read; then `problem` says why. That is
    /// an error only if a model asks for it.
    std::unique_ptr<SampleArray> array;
    std::string problem;
  };
  struct Input {
    TensorSpec spec;
    SampleArray *array;
    int64_t rowsPerSample;
  };

  explicit DataSet(llvm::StringRef path)
      : path(path), mutex(std::make_unique<std::mutex>()) {}

  llvm::Error openFile(llvm::StringRef file);
  llvm::Error openFolder();
  llvm::Error add(std::string name,
                  llvm::Expected<std::unique_ptr<SampleArray>> array);
  llvm::Expected<SampleArray *> find(const TensorSpec &spec,
                                     size_t numInputs) const;
  llvm::Expected<Input> bindOne(const TensorSpec &spec, size_t numInputs);

  std::string path;
  std::vector<NamedArray> arrays;
  std::vector<Input> inputs;
  std::vector<std::string> remarks;
  int64_t samples = 0;
  std::unique_ptr<std::mutex> mutex;
};

} // namespace qopt

#endif // QOPT_SUPPORT_DATASET_H
