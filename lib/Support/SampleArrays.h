//===- SampleArrays.h - Where a DataSet's samples come from -----*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SUPPORT_SAMPLEARRAYS_H
#define QOPT_LIB_SUPPORT_SAMPLEARRAYS_H

#include "ZipArchive.h"
#include "qopt/Support/DataSet.h"

namespace qopt {

llvm::Expected<std::unique_ptr<SampleArray>>
openNpySamples(llvm::StringRef path);

llvm::Expected<std::unique_ptr<SampleArray>>
openNpzSamples(std::shared_ptr<ZipArchive> archive,
               const ZipArchive::Member &member);

std::unique_ptr<SampleArray> tensorSamples(std::string origin,
                                           HostTensor tensor);

/// `next` after `array`; they must agree in all but the number of rows.
llvm::Expected<std::unique_ptr<SampleArray>>
joinSamples(std::unique_ptr<SampleArray> array,
            std::unique_ptr<SampleArray> next);

} // namespace qopt

#endif // QOPT_LIB_SUPPORT_SAMPLEARRAYS_H
