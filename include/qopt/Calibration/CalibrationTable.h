//===- CalibrationTable.h - The calibration file ----------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ranges of a model's edges, as data, and as JSON that people read, edit,
// and merge from several runs. docs/Calibration.md describes the file.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_CALIBRATION_CALIBRATIONTABLE_H
#define QOPT_CALIBRATION_CALIBRATIONTABLE_H

#include "qopt/Calibration/Observer.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>
#include <vector>

namespace qopt {

struct CalibrationEdge {
  std::string name;
  /// As in EdgeInfo; without it there is one range.
  std::optional<int64_t> axis;
  /// What the compiler uses.
  std::vector<RealRange> ranges;

  /// What the run found; empty for an edge that a person wrote.
  std::vector<ChannelStatistics> statistics;
  /// What the observer made of it.
  std::vector<RealRange> proposed;
  /// Values seen.
  int64_t count = 0;

  /// Somebody wrote other ranges than the observer's. Such edges win in a
  /// merge.
  bool isEdited() const { return ranges != proposed; }
};

struct CalibrationTable {
  static constexpr llvm::StringLiteral kSchema = "qopt-calibration";
  static constexpr int64_t kVersion = 1;

  std::string model;
  /// Of the observed edges: their names, shapes and axes.
  std::string edgesHash;
  ObserverOptions observer;
  int64_t samples = 0;
  /// In the order of the model.
  std::vector<CalibrationEdge> edges;

  const CalibrationEdge *find(llvm::StringRef name) const;

  /// An error unless `other` is of the same edges and observer, with all that
  /// the observer needs to merge.
  llvm::Error checkMergeable(const CalibrationTable &other) const;

  /// The same table, the same bytes. With `withHistograms` tables of observers
  /// that need histograms can be merged again.
  void print(llvm::raw_ostream &os, bool withHistograms) const;
  llvm::Error write(llvm::StringRef path, bool withHistograms) const;

  /// `origin` is how messages call the text.
  static llvm::Expected<CalibrationTable> parse(llvm::StringRef text,
                                                llvm::StringRef origin);
  static llvm::Expected<CalibrationTable> read(llvm::StringRef path);

  /// What one run over all the samples would have given. The tables must be of
  /// the same edges and the same observer. Where an edge is edited in several
  /// tables, the last of them holds.
  static llvm::Expected<CalibrationTable>
  merge(llvm::ArrayRef<CalibrationTable> tables);
};

std::string hashEdges(llvm::ArrayRef<EdgeInfo> edges);

} // namespace qopt

#endif // QOPT_CALIBRATION_CALIBRATIONTABLE_H
