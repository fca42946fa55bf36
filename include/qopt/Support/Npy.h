//===- Npy.h - NumPy's array files ------------------------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// .npy (format versions 1 to 3) and .npz (zip, stored or deflated, zip64).
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_SUPPORT_NPY_H
#define QOPT_SUPPORT_NPY_H

#include "qopt/Support/Tensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <utility>
#include <vector>

namespace qopt {

struct NpyHeader {
  DType dtype = DType::F32;
  /// The first dimension varies fastest.
  bool fortranOrder = false;
  llvm::SmallVector<int64_t, 4> shape;
  /// Where the elements begin, from the start of the file.
  uint64_t dataOffset = 0;

  /// Bytes of all elements.
  uint64_t dataBytes() const;
};

using NamedTensor = std::pair<std::string, HostTensor>;

/// Fills the whole buffer with the next bytes of a file, or fails.
using ReadBytesFn =
    llvm::function_ref<llvm::Error(llvm::MutableArrayRef<uint8_t>)>;

/// Reads and checks a header. `origin` is how messages call the file or the
/// archive's member.
llvm::Expected<NpyHeader> readNpyHeader(ReadBytesFn read,
                                        llvm::StringRef origin);

/// Reads the elements that follow `header`, in row-major order whatever the
/// file's.
llvm::Expected<HostTensor> readNpyData(const NpyHeader &header,
                                       ReadBytesFn read);

llvm::Expected<HostTensor> readNpy(llvm::StringRef path);
/// All arrays of an archive, in its order.
llvm::Expected<std::vector<NamedTensor>> readNpz(llvm::StringRef path);

/// Prints format version 1.0, row-major.
void printNpy(llvm::raw_ostream &os, const HostTensor &tensor);

/// Both write whole files or nothing; equal tensors give equal bytes.
llvm::Error writeNpy(llvm::StringRef path, const HostTensor &tensor);
llvm::Error writeNpz(llvm::StringRef path, llvm::ArrayRef<NamedTensor> tensors);

} // namespace qopt

#endif // QOPT_SUPPORT_NPY_H
