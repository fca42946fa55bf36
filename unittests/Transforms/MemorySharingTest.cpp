//===- MemorySharingTest.cpp - Distances against executed nests -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random nests read %a, and some of them %c too, and write %b. They are
// executed here, access by access: at the distances that the analysis allows,
// no byte of %a is overwritten before its last read, and %b gets the bytes that
// it gets in memory of its own; one byte beyond, a write reaches what is read
// later.
//
//===----------------------------------------------------------------------===//

#include "MemorySharing.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <numeric>
#include <random>

using namespace mlir;
using namespace qopt;

namespace {
constexpr int64_t kRows = 36, kColumns = 120;

/// least + sum factors[k] * i[k], with at least `least` in every iteration.
struct Index {
  int64_t least = 0, base = 0;
  std::vector<int64_t> factors;
};

/// An access at [row, column] of %a, %c or %b, through a view that begins at
/// [rowOfView, columnOfView].
struct Statement {
  char buffer;
  Index row, column;
  int64_t rowOfView, columnOfView;
};

/// for i = first to ..., `trips` times: `before`, the loop inside, `after`.
struct Level {
  int64_t first, step, trips, end;
  std::vector<Statement> before, after;

  int64_t last() const { return first + step * (trips - 1); }
};

class Nest {
public:
  explicit Nest(int seed) : random(seed) {
    hasTwoSources = draw(4) == 0;
    width = int64_t(1) << draw(4);
    element = draw(2) ? "i8" : "i32";
    levels.resize(1 + draw(3));
    for (size_t k = 0; k < levels.size(); ++k) {
      Level &level = levels[k];
      level.first = draw(3);
      level.step = 1 + draw(3);
      level.trips = 1 + draw(4);
      level.end = level.last() + 1 + draw(level.step);
      for (auto *part : {&level.before, &level.after})
        for (int64_t i = draw(3); i > 0; --i)
          part->push_back(drawStatement(k, draw(2) ? drawSource() : 'b'));
    }
    levels.back().before.push_back(
        drawStatement(levels.size() - 1, drawSource()));
    levels.back().after.push_back(drawStatement(levels.size() - 1, 'b'));
  }

  std::string print() {
    std::string text = "func.func @nest() {\n"
                       "%one = arith.constant 1 : " +
                       element + "\n%zero = arith.constant 0 : index\n" +
                       "%ones = arith.constant dense<1> : " + printVector() +
                       "\n";
    for (char buffer : llvm::StringRef(hasTwoSources ? "acb" : "ab"))
      text += printBuffer(buffer) + " = memref.alloc()" + printType(0, 0);
    for (char buffer : llvm::StringRef(hasTwoSources ? "ac" : "a"))
      text += "memref.store %one, " + printBuffer(buffer) + "[%zero, %zero]" +
              printType(0, 0);
    return text + printLevel(0, "") + "%r = memref.load %b[%zero, %zero]" +
           printType(0, 0) + "return\n}\n";
  }

  bool hasTwoSources;

private:
  int64_t draw(int64_t count) { return int64_t(random() % count); }
  char drawSource() { return hasTwoSources && draw(2) ? 'c' : 'a'; }

  Index makeIndex(int64_t least, std::vector<int64_t> factors) {
    Index index{least, least, std::move(factors)};
    for (auto [level, factor] : llvm::zip(levels, index.factors))
      if (factor < 0)
        index.base -= factor * level.last();
    return index;
  }

  Statement drawStatement(size_t depth, char buffer) {
    // Mostly, the outermost loop goes through the rows.
    std::vector<int64_t> rows, columns;
    for (size_t k = 0; k <= depth; ++k) {
      rows.push_back(draw(4) ? k == 0 : draw(3) - 1);
      columns.push_back(draw(5) - 1);
    }
    Statement statement{buffer, makeIndex(draw(3), rows),
                        makeIndex(draw(8), columns), 0, 0};
    if (draw(2)) {
      statement.rowOfView = draw(statement.row.least + 1);
      statement.columnOfView = draw(statement.column.least + 1);
    }
    return statement;
  }

  std::string nextName() { return "%x" + std::to_string(names++); }
  static std::string printBuffer(char buffer) {
    return std::string("%") + buffer;
  }
  std::string printVector() const {
    return "vector<" + std::to_string(width) + "x" + element + ">";
  }

  std::string printMemRef(int64_t row, int64_t column) const {
    std::string type = "memref<" + std::to_string(kRows - row) + "x" +
                       std::to_string(kColumns - column) + "x" + element;
    if (row || column)
      type += ", strided<[" + std::to_string(kColumns) +
              ", 1], offset: " + std::to_string(row * kColumns + column) + ">";
    return type + ">";
  }
  std::string printType(int64_t row, int64_t column) const {
    return " : " + printMemRef(row, column) + "\n";
  }

  /// Writes the index's value into `name`.
  static std::string printIndex(const Index &index, int64_t begin,
                                const std::string &name) {
    std::string dims, operands, sum = std::to_string(index.base - begin);
    for (auto [k, factor] : llvm::enumerate(index.factors)) {
      std::string number = std::to_string(k);
      dims += (k ? ", d" : "d") + number;
      operands += (k ? ", %i" : "%i") + number;
      sum += " + d" + number + " * " + std::to_string(factor);
    }
    return name + " = affine.apply affine_map<(" + dims + ") -> (" + sum +
           ")>(" + operands + ")\n";
  }

  /// A write takes what was read last, `value`.
  std::string printStatement(const Statement &statement, std::string &value) {
    std::string row = nextName(), column = nextName();
    auto [buffer, rowIndex, columnIndex, r, c] = statement;
    std::string text =
        printIndex(rowIndex, r, row) + printIndex(columnIndex, c, column);
    std::string memory = printBuffer(buffer);
    if (r || c) {
      std::string view = nextName();
      text += view + " = memref.subview " + memory + "[" + std::to_string(r) +
              ", " + std::to_string(c) + "] [" + std::to_string(kRows - r) +
              ", " + std::to_string(kColumns - c) +
              "] [1, 1] : " + printMemRef(0, 0) + " to " + printMemRef(r, c) +
              "\n";
      memory = view;
    }
    std::string at = memory + "[" + row + ", " + column + "]";
    if (buffer == 'b') {
      if (width == 1)
        return text + "memref.store " + (value.empty() ? "%one" : value) +
               ", " + at + printType(r, c);
      return text + "vector.transfer_write " +
             (value.empty() ? "%ones" : value) + ", " + at +
             " {in_bounds = [true]} : " + printVector() + ", " +
             printMemRef(r, c) + "\n";
    }
    value = nextName();
    if (width == 1)
      return text + value + " = memref.load " + at + printType(r, c);
    return text + value + " = vector.transfer_read " + at +
           ", %one {in_bounds = [true]}" + " : " + printMemRef(r, c) + ", " +
           printVector() + "\n";
  }

  std::string printLevel(size_t k, std::string value) {
    if (k == levels.size())
      return "";
    std::string n = std::to_string(k), text;
    for (auto [name, constant] : {std::pair("first", levels[k].first),
                                  {"end", levels[k].end},
                                  {"step", levels[k].step}})
      text += "%" + (name + n) + " = arith.constant " +
              std::to_string(constant) + " : index\n";
    text += "scf.for %i" + n + " = %first" + n + " to %end" + n +
            " step %step" + n + " {\n";
    for (const Statement &statement : levels[k].before)
      text += printStatement(statement, value);
    text += printLevel(k + 1, value);
    for (const Statement &statement : levels[k].after)
      text += printStatement(statement, value);
    return text + "}\n";
  }

  std::mt19937 random;
  std::vector<Level> levels;
  int64_t width;
  std::string element;
  int names = 0;
};

/// Bytes [begin, end) of a buffer.
struct Touch {
  Value buffer;
  bool writes;
  int64_t begin, end;
};

/// Executes functions of Nest::print.
class Machine {
public:
  /// With the allocations at `offsets` of one memory, the sources full of bytes
  /// that depend on where in the buffer they are.
  Machine(func::FuncOp func, ArrayRef<int64_t> offsets, bool isReversed)
      : isReversed(isReversed) {
    auto allocs = llvm::to_vector(func.getOps<memref::AllocOp>());
    for (auto [alloc, offset] : llvm::zip_equal(allocs, offsets)) {
      int64_t bytes = bytesOf(alloc.getType());
      offsetOf[alloc] = offset;
      memory.resize(std::max<size_t>(memory.size(), offset + bytes));
      if (alloc != allocs.back())
        for (int64_t i = 0; i < bytes; ++i)
          memory[offset + i] = char((i * 2654435761u >> 13) + offsetOf.size());
    }
    run(func.getBody().front());
  }

  SmallVector<Touch> trace;

  /// What has been written to `buffer`, in the order of addresses.
  std::string readWritten(Value buffer) const {
    std::map<int64_t, char> bytes;
    for (const Touch &touch : trace)
      if (touch.writes && touch.buffer == buffer)
        for (int64_t i = touch.begin; i < touch.end; ++i)
          bytes[i] = memory[offsetOf.lookup(buffer) + i];
    std::string text;
    for (auto [at, byte] : bytes)
      text += byte;
    return text;
  }

private:
  void run(Block &block) {
    for (Operation &op : block) {
      if (auto loop = dyn_cast<scf::ForOp>(op))
        runLoop(loop);
      else if (auto constant = getConstantIntValue(
                   op.getNumResults() ? op.getResult(0) : Value()))
        indices[op.getResult(0)] = *constant;
      else if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
        indices[apply] = evaluate(apply);
      else if (auto transfer = dyn_cast<VectorTransferOpInterface>(op))
        access(&op, transfer.getBase(), transfer.getIndices(),
               transfer.getVectorType().getNumElements());
      else if (auto load = dyn_cast<memref::LoadOp>(op))
        access(&op, load.getMemRef(), load.getIndices(), 1);
      else if (auto store = dyn_cast<memref::StoreOp>(op))
        access(&op, store.getMemRef(), store.getIndices(), 1);
    }
  }

  void runLoop(scf::ForOp loop) {
    int64_t first = *getConstantIntValue(loop.getLowerBound());
    int64_t end = *getConstantIntValue(loop.getUpperBound());
    int64_t step = *getConstantIntValue(loop.getStep());
    std::vector<int64_t> order;
    for (int64_t i = first; i < end; i += step)
      order.push_back(i);
    if (isReversed && isa<func::FuncOp>(loop->getParentOp()))
      std::reverse(order.begin(), order.end());
    for (int64_t i : order) {
      indices[loop.getInductionVar()] = i;
      run(*loop.getBody());
    }
  }

  int64_t evaluate(affine::AffineApplyOp apply) {
    SmallVector<Attribute> operands, results;
    Builder b(apply.getContext());
    for (Value operand : apply.getOperands())
      operands.push_back(b.getIndexAttr(indices.at(operand)));
    EXPECT_TRUE(
        succeeded(apply.getAffineMap().constantFold(operands, results)));
    return cast<IntegerAttr>(results[0]).getInt();
  }

  void access(Operation *op, Value view, ValueRange at, int64_t count) {
    auto type = cast<MemRefType>(view.getType());
    auto [strides, start] = type.getStridesAndOffset();
    for (auto [stride, index] : llvm::zip_equal(strides, at))
      start += stride * indices.at(index);
    Value buffer = view;
    if (auto subview = view.getDefiningOp<memref::SubViewOp>())
      buffer = subview.getSource();
    int64_t unit = elementBytesOf(type);
    bool writes = op->getNumResults() == 0;
    trace.push_back({buffer, writes, start * unit, (start + count) * unit});
    char *bytes = memory.data() + offsetOf.lookup(buffer) + start * unit;
    if (!writes) {
      values[op->getResult(0)].assign(bytes, bytes + count * unit);
      return;
    }
    // Constants stand for themselves: all bytes 1.
    auto value = values.find(op->getOperand(0));
    for (int64_t i = 0; i < count * unit; ++i)
      bytes[i] = value == values.end() ? 1 : value->second[i];
  }

  bool isReversed;
  DenseMap<Value, int64_t> offsetOf;
  std::vector<char> memory;
  llvm::DenseMap<Value, int64_t> indices;
  llvm::DenseMap<Value, std::vector<char>> values;
};

/// How far a write to `to` lies from what is read of `from` after it, at most:
/// from the write's end, or to the write's start if it has to be `above`.
int64_t findReach(ArrayRef<Touch> trace, Value from, Value to, bool above,
                  int64_t bytes) {
  int64_t reach = -bytes;
  for (size_t i = 0; i < trace.size(); ++i)
    for (size_t j = i + 1; j < trace.size(); ++j) {
      const Touch &write = trace[i], &read = trace[j];
      if (write.writes && write.buffer == to && !read.writes &&
          read.buffer == from)
        reach = std::max(reach, above ? read.end - write.begin
                                      : write.end - read.begin);
    }
  return reach;
}

/// Function @nest with its buffers: the sources end where the result begins.
struct Function {
  Function(MLIRContext &context, const std::string &text)
      : module(parseSourceString<ModuleOp>(text, &context)) {
    if (!module)
      return;
    func = *module->getOps<func::FuncOp>().begin();
    allocs = llvm::to_vector(func.getOps<memref::AllocOp>());
    Block &block = func.getBody().front();
    int64_t step = std::distance(
        block.begin(), (*func.getOps<scf::ForOp>().begin())->getIterator());
    bytes = bytesOf(allocs[0].getType());
    lifetimes.assign(allocs.size(), {bytes, 0, step});
    lifetimes.back() = {bytes, step, step + 1};
  }
  Value result() { return allocs.back(); }
  SmallVector<Touch> trace(bool isReversed) {
    return Machine(func, apart(), isReversed).trace;
  }
  SmallVector<int64_t> apart() const {
    return llvm::map_to_vector(llvm::seq<int64_t>(0, allocs.size()),
                               [&](int64_t i) { return i * bytes; });
  }

  OwningOpRef<ModuleOp> module;
  func::FuncOp func;
  SmallVector<memref::AllocOp> allocs;
  SmallVector<BufferLifetime> lifetimes;
  int64_t bytes = 0;
};

void loadDialects(MLIRContext &context) {
  context.loadDialect<affine::AffineDialect, arith::ArithDialect,
                      func::FuncDialect, memref::MemRefDialect, scf::SCFDialect,
                      vector::VectorDialect>();
}

TEST(MemorySharing, DistancesAreThoseOfExecution) {
  MLIRContext context;
  loadDialects(context);
  int reversed = 0, pairs = 0;
  for (int seed = 0; seed < 400; ++seed) {
    Nest nest(seed);
    std::string text = nest.print();
    Function function(context, text);
    ASSERT_TRUE(function.module) << text;
    auto forwards = function.trace(/*isReversed=*/false);
    auto backwards = function.trace(/*isReversed=*/true);
    SmallVector<MemorySharing> found =
        findMemorySharing(function.func, function.allocs, function.lifetimes);
    ASSERT_EQ(found.size(), nest.hasTwoSources ? 2u : 1u) << text;
    for (size_t i = 0; i < found.size(); ++i) {
      const MemorySharing &sharing = found[i];
      EXPECT_EQ(sharing.distance.from, i) << text;
      auto reach = [&](ArrayRef<Touch> trace, bool above) {
        return findReach(trace, function.allocs[i], function.result(), above,
                         function.bytes);
      };
      EXPECT_EQ(sharing.distance.atMost, -reach(forwards, false)) << text;
      if (!sharing.nest) {
        EXPECT_EQ(sharing.distance.atLeast, function.bytes) << text;
        continue;
      }
      // One loop has one direction: it is not offered to two sources.
      EXPECT_FALSE(nest.hasTwoSources) << text;
      EXPECT_EQ(sharing.distance.atLeast, reach(backwards, true)) << text;
      ++reversed;
    }
    pairs += nest.hasTwoSources;
  }
  EXPECT_GT(reversed, 50);
  EXPECT_GT(pairs, 50);
}

/// Offsets at which every source is as near to the result as `sharings` allow,
/// with the result above its source, or below all.
SmallVector<int64_t> placeNearest(ArrayRef<MemorySharing> sharings,
                                  int64_t bytes, bool above) {
  SmallVector<int64_t> offsets;
  int64_t result = 2 * bytes, end = 0;
  for (const MemorySharing &sharing : sharings) {
    int64_t offset = above ? result - sharing.distance.atLeast
                           : result - sharing.distance.atMost;
    offsets.push_back(std::max(offset, end));
    end = offsets.back() + bytes;
  }
  offsets.push_back(result);
  return offsets;
}

TEST(MemorySharing, ResultsAreThoseOfMemoryApart) {
  MLIRContext context;
  loadDialects(context);
  int turned = 0, shared = 0;
  for (int seed = 400; seed < 800; ++seed)
    for (bool above : {false, true}) {
      std::string text = Nest(seed).print();
      Function function(context, text);
      ASSERT_TRUE(function.module) << text;
      std::string expected =
          Machine(function.func, function.apart(), /*isReversed=*/false)
              .readWritten(function.result());
      SmallVector<MemorySharing> sharings =
          findMemorySharing(function.func, function.allocs, function.lifetimes);
      if (above && !sharings[0].nest)
        continue;
      SmallVector<int64_t> offsets =
          placeNearest(sharings, function.bytes, above);
      applyDirections(sharings, function.lifetimes, offsets);
      EXPECT_EQ(Machine(function.func, offsets, /*isReversed=*/false)
                    .readWritten(function.result()),
                expected)
          << text;
      shared += offsets[0] - offsets.back() < function.bytes;
      turned +=
          above && sharings[0].distance.atMost < offsets.back() - offsets[0];
    }
  EXPECT_GT(shared, 300);
  EXPECT_GT(turned, 50);
}
} // namespace
