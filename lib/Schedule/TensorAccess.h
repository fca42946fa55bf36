//===- TensorAccess.h - Reads and writes of vectors -------------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the nest emitter needs below the level of operations: positions that are
// affine in loop counters and the lane, and access to tensors at such
// positions.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_LIB_SCHEDULE_TENSORACCESS_H
#define QOPT_LIB_SCHEDULE_TENSORACCESS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include <map>

namespace qopt {

/// `expr` over the counters of loops and the lane, in one form.
mlir::AffineExpr simplified(mlir::AffineExpr expr);

/// `lanes` elements of a tensor (or iterations of a loop nest): an index for
/// each dimension, where dimension k of the expressions is the counter of
/// the k-th loop around, and symbol 0 is the lane. One lane is a scalar.
///
/// A group is four positions that share a run of neighbours in an order in
/// which bytes are interleaved cheaply (docs/Layouts.md): symbol 0 is then the
/// place in the run, and lane i of part q is at (i / 4) * 16 + q * 4 + i % 4.
struct Position {
  llvm::SmallVector<mlir::AffineExpr> index;
  int64_t lanes = 1;
  /// Elements in the run, at most four times the lanes; 0 outside of groups.
  int64_t group = 0;
  int64_t part = 0;

  /// The position that `map` reads at these loops.
  Position apply(mlir::AffineMap map) const;
  /// The place of lane `i` in the run. The last one stands for lanes beyond it.
  int64_t laneOffset(int64_t i) const;
  /// The run of a group in its natural order.
  Position run() const;
  /// The index of lane 0 (of the run's first element) in dimension `dim`.
  mlir::AffineExpr laneBase(unsigned dim, mlir::AffineExpr lane) const;
  /// The same in all dimensions, of lane `i`.
  llvm::SmallVector<mlir::AffineExpr> atLane(int64_t i) const;
  bool isUniform() const;
  /// How far apart neighbouring lanes are in each dimension; nothing where
  /// that is not the same for all lanes.
  std::optional<llvm::SmallVector<int64_t>> strides() const;
};

/// Builds reads and writes, each once per scope.
class TensorAccess {
public:
  TensorAccess(mlir::RewriterBase &b, mlir::Location loc) : b(b), loc(loc) {
    scopes.emplace_back();
  }

  void enterLoop(mlir::Value counter);
  void leaveLoop();
  /// Emits `for i in [0, count)` around `body`, which maps the values carried,
  /// and marks it `keepRolled`; a single iteration is emitted without a loop.
  void emitLoop(int64_t count, llvm::SmallVector<mlir::Value> &carried,
                llvm::function_ref<void(mlir::AffineExpr,
                                        llvm::SmallVector<mlir::Value> &)>
                    body);
  /// A loop always, and no mark.
  mlir::scf::ForOp
  emitFor(int64_t count, llvm::SmallVector<mlir::Value> &carried,
          llvm::function_ref<void(mlir::AffineExpr,
                                  llvm::SmallVector<mlir::Value> &)>
              body);
  /// if value < end: body(dest), without the condition if it `isAlways` so.
  mlir::Value emitIf(mlir::AffineExpr value, int64_t end, bool isAlways,
                     mlir::Value dest,
                     llvm::function_ref<mlir::Value(mlir::Value)> body);
  /// Values read in a scope are not seen after it.
  void enterScope() { scopes.emplace_back(); }
  void leaveScope() { scopes.pop_back(); }
  mlir::AffineExpr innermostCounter() const;
  /// That of a loop that would be emitted now.
  mlir::AffineExpr nextCounter() const;
  /// In front of the outermost loop of the nest that is built before `root`.
  void setInsertionPointToTop(mlir::Operation *root);

  mlir::Value index(mlir::AffineExpr expr);
  mlir::SmallVector<mlir::Value>
  indices(llvm::ArrayRef<mlir::AffineExpr> exprs);

  /// The elements at `at`: a scalar if all lanes read the same one.
  mlir::Value read(mlir::Value tensor, const Position &at);
  /// Four neighbouring bytes at `at`, repeated `lanes` times. Only `depth` of
  /// them count, where that is less; the others may be anything.
  mlir::Value readQuad(mlir::Value tensor, const Position &at, int64_t depth,
                       int64_t lanes);
  /// `count` neighbouring bytes at `at`, all of them inside the tensor.
  mlir::Value readRun(mlir::Value tensor, const Position &at, int64_t count);
  mlir::Value write(mlir::Value value, mlir::Value tensor, const Position &at);
  /// Writes the four parts of a group.
  mlir::Value writeGroup(llvm::ArrayRef<mlir::Value> parts, mlir::Value tensor,
                         const Position &first);

  /// Writes the vectors of `width` lanes that `values` consists of, each as far
  /// as its position has lanes; neighbours in one piece.
  mlir::Value writeParts(mlir::Value values, int64_t width, mlir::Value tensor,
                         llvm::ArrayRef<Position> positions);

  /// Writes `rows` times all elements of the last dimension, of which `values`
  /// holds those of the first row, then those of the next one.
  mlir::Value writeRows(mlir::Value values, mlir::Value tensor,
                        const Position &first, int64_t rows);

  /// `constant` in blocks of `blockLanes` along `dim`, as it is read:
  /// [blocks][others][lanes].
  mlir::Value inBlocks(mlir::Value constant, int64_t dim);

  mlir::Value toVector(mlir::Value value, int64_t lanes);
  /// A vector of `lanes` lanes that starts with those of `value`.
  mlir::Value widen(mlir::Value value, int64_t lanes);
  /// The inverse: the first lanes, or the scalar, of type `type`.
  mlir::Value narrow(mlir::Value value, mlir::Type type);
  /// The low (0) or high (1) nibble of each byte, sign-extended.
  mlir::Value unpackNibbles(mlir::Value bytes, unsigned half);

  mlir::RewriterBase &b;
  mlir::Location loc;
  /// With more than one, constants are stored in blocks of as many lanes.
  int64_t blockLanes = 1;
  /// Whether rows of the destination's last dimension have no gaps between
  /// them.
  bool hasWholeRows = false;

  /// What was made before in this scope or one around it, by who made it from
  /// what.
  using Key = std::pair<const void *, llvm::SmallVector<const void *>>;
  /// The elements of `tensor` at `at`.
  static Key keyOf(mlir::Value tensor, const Position &at);
  mlir::Value lookup(const Key &key) const;
  mlir::Value remember(const Key &key, mlir::Value value);

private:
  std::optional<int64_t> boundOf(mlir::AffineExpr expr, bool isUpper) const;
  mlir::Value readAround(mlir::tensor::PadOp pad, const Position &at);
  mlir::Value readWord(mlir::Value tensor, const Position &at);
  mlir::Value readShort(mlir::Value tensor, const Position &at, int64_t depth,
                        bool isVector);
  mlir::Value readContiguous(mlir::Value tensor, const Position &at);
  mlir::Value gather(mlir::Value tensor, const Position &at);
  mlir::Value readGrouped(mlir::Value tensor, const Position &at);
  mlir::Value readConstant(mlir::Value tensor, const Position &at, int64_t dim);
  mlir::Value movedLast(mlir::Value constant, int64_t dim);
  mlir::Value movedLast(mlir::Value constant, int64_t dim,
                        llvm::ArrayRef<int64_t> places);

  llvm::SmallVector<mlir::Value> counters;
  llvm::SmallVector<std::map<Key, mlir::Value>> scopes;
  std::map<std::pair<const void *, llvm::SmallVector<int64_t>>, mlir::Value>
      moved;
};

} // namespace qopt

#endif // QOPT_LIB_SCHEDULE_TENSORACCESS_H
