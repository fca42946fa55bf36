//===- MemorySharingTest.cpp - Distances against executed nests -----------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random nests read %a and write %b. They are executed here, access by access:
// at the distances that the analysis allows, no byte of %a is overwritten
// before its last read; one byte beyond, a write reaches what is read later.
//
//===----------------------------------------------------------------------===//

#include "MemorySharing.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir;
using namespace qopt;

namespace {
constexpr int64_t kBytes = 256;

/// An access at base + sum steps[k] * i[k].
struct Statement {
  bool writes;
  int64_t base;
  std::vector<int64_t> steps;
};

/// `before`, the loop inside, `after`, `trips` times.
struct Level {
  int64_t trips;
  std::vector<Statement> before, after;
};

class Nest {
public:
  explicit Nest(int seed) : random(seed) {
    levels.resize(1 + draw(3));
    std::vector<int64_t> trips;
    for (Level &level : levels) {
      trips.push_back(level.trips = 1 + draw(4));
      for (auto *part : {&level.before, &level.after})
        for (int64_t i = draw(3); i > 0; --i)
          part->push_back(drawStatement(trips));
    }
    levels.back().before.push_back(drawStatement(trips));
    levels.back().after.push_back(drawStatement(trips));
    levels.back().before.back().writes = false;
    levels.back().after.back().writes = true;
  }

  std::string print() const {
    std::string bytes = std::to_string(kBytes);
    return "func.func @nest() {\n  %v = arith.constant 0 : i8\n"
           "  %zero = arith.constant 0 : index\n"
           "  %one = arith.constant 1 : index\n"
           "  %a = memref.alloc() : memref<" +
           bytes + "xi8>\n  %b = memref.alloc() : memref<" + bytes +
           "xi8>\n  memref.store %v, %a[%zero] : memref<" + bytes + "xi8>\n" +
           printLevel(0) + "  %r = memref.load %b[%zero] : memref<" + bytes +
           "xi8>\n  return\n}\n";
  }

  /// (writes, address) in the order of execution.
  std::vector<std::pair<bool, int64_t>> execute(bool isReversed) const {
    std::vector<std::pair<bool, int64_t>> trace;
    executeLevel(0, {}, isReversed, trace);
    return trace;
  }

private:
  int64_t draw(int64_t count) { return int64_t(random() % count); }

  Statement drawStatement(const std::vector<int64_t> &trips) {
    Statement statement{draw(2) == 0, draw(8), {}};
    for (int64_t count : trips) {
      int64_t step = draw(9) - 2;
      statement.steps.push_back(step);
      statement.base += std::max<int64_t>(0, -step * (count - 1));
    }
    return statement;
  }

  std::string printStatement(const Statement &statement) const {
    std::string dims, operands, sum = std::to_string(statement.base);
    for (size_t k = 0; k < statement.steps.size(); ++k) {
      std::string number = std::to_string(k);
      dims += (k ? ", d" : "d") + number;
      operands += (k ? ", %i" : "%i") + number;
      sum += " + d" + number + " * " + std::to_string(statement.steps[k]);
    }
    std::string index = "affine.apply affine_map<(" + dims + ") -> (" + sum +
                        ")>(" + operands + ")";
    static int counter = 0;
    std::string name = "%x" + std::to_string(counter++);
    std::string type = " : memref<" + std::to_string(kBytes) + "xi8>\n";
    return name + " = " + index + "\n" +
           (statement.writes ? "memref.store %v, %b[" + name + "]"
                             : name + "v = memref.load %a[" + name + "]") +
           type;
  }

  std::string printLevel(size_t k) const {
    if (k == levels.size())
      return "";
    std::string number = std::to_string(k);
    std::string text = "%n" + number + " = arith.constant " +
                       std::to_string(levels[k].trips) +
                       " : index\nscf.for %i" + number + " = %zero to %n" +
                       number + " step %one {\n";
    for (const Statement &statement : levels[k].before)
      text += printStatement(statement);
    text += printLevel(k + 1);
    for (const Statement &statement : levels[k].after)
      text += printStatement(statement);
    return text + "}\n";
  }

  void executeLevel(size_t k, std::vector<int64_t> at, bool isReversed,
                    std::vector<std::pair<bool, int64_t>> &trace) const {
    if (k == levels.size())
      return;
    auto execute = [&](const Statement &statement) {
      int64_t address = statement.base;
      for (auto [step, i] : llvm::zip_equal(statement.steps, at))
        address += step * i;
      trace.push_back({statement.writes, address});
    };
    at.push_back(0);
    for (int64_t i = 0; i < levels[k].trips; ++i) {
      at.back() = k == 0 && isReversed ? levels[k].trips - 1 - i : i;
      llvm::for_each(levels[k].before, execute);
      executeLevel(k + 1, at, isReversed, trace);
      llvm::for_each(levels[k].after, execute);
    }
  }

  std::mt19937 random;
  std::vector<Level> levels;
};

/// The largest sign * (read - write) + 1 of a write and a read after it: how
/// far the two must be apart.
int64_t findReach(const std::vector<std::pair<bool, int64_t>> &trace,
                  int64_t sign) {
  int64_t reach = -kBytes;
  for (size_t i = 0; i < trace.size(); ++i)
    for (size_t j = i + 1; j < trace.size(); ++j)
      if (trace[i].first && !trace[j].first)
        reach = std::max(reach, sign * (trace[j].second - trace[i].second) + 1);
  return reach;
}

TEST(MemorySharing, DistancesAreThoseOfExecution) {
  MLIRContext context;
  context
      .loadDialect<affine::AffineDialect, arith::ArithDialect,
                   func::FuncDialect, memref::MemRefDialect, scf::SCFDialect>();
  int reversed = 0;
  for (int seed = 0; seed < 300; ++seed) {
    Nest nest(seed);
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(nest.print(), &context);
    ASSERT_TRUE(module);
    auto func = *module->getOps<func::FuncOp>().begin();
    auto allocs = llvm::to_vector(func.getOps<memref::AllocOp>());
    int64_t step = 0;
    for (Operation &op : func.getBody().front()) {
      if (isa<scf::ForOp>(op))
        break;
      ++step;
    }
    BufferLifetime lifetimes[] = {{kBytes, step - 2, step},
                                  {kBytes, step, step + 1}};
    // Writes that end below what is read later, then those that start above.
    int64_t above = findReach(nest.execute(/*isReversed=*/false), -1);
    int64_t below = findReach(nest.execute(/*isReversed=*/true), +1);
    SmallVector<MemorySharing> found =
        findMemorySharing(func, allocs, lifetimes);
    ASSERT_EQ(found.size(), 1u) << nest.print();
    EXPECT_EQ(found[0].distance.atMost, -above) << nest.print();
    if (found[0].nest) {
      EXPECT_EQ(found[0].distance.atLeast, below) << nest.print();
      ++reversed;
    }
  }
  EXPECT_GT(reversed, 50);
}
} // namespace
