//===- ShapeModule.h - Modules of one quantized layer -----------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantized convolution or matrix product and what follows it, as text in
// phase `integer`.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_UNITTESTS_SCHEDULE_SHAPEMODULE_H
#define QOPT_UNITTESTS_SCHEDULE_SHAPEMODULE_H

#include "qopt/Target/DotForm.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace qopt::test {

enum class Kind { Dense, Depthwise, Grouped, Gemm, Batched };
enum class After { Nothing, Residual, Concat, Pool, OverlappingPool, Table };

struct Shape {
  const char *name;
  Kind kind;
  int64_t height, width, in, out, kernel, stride, dilation;
  int64_t groups = 1, batch = 1;
  int64_t bits = 8;
  /// Weights are in [low, high].
  int64_t low = -127, high = 127;
  /// Whether all activations are 255.
  bool isBright = false;
  After after = After::Nothing;
  /// What the multipliers are multiples of; large ones leave the range of i32.
  const char *step = "e-5";
  /// Whether the input is what is padded: no producer writes into a halo.
  bool ofBytes = false;
  /// What x86 without dot instructions must multiply with.
  std::optional<DotForm::Kind> form = std::nullopt;

  constexpr Shape images(int64_t count) const {
    Shape shape = *this;
    shape.batch = count;
    return shape;
  }
  constexpr Shape fourBits() const {
    Shape shape = weightsIn(-7, 7);
    shape.bits = 4;
    return shape;
  }
  constexpr Shape weightsIn(int64_t least, int64_t most) const {
    Shape shape = *this;
    shape.low = least;
    shape.high = most;
    return shape;
  }
  /// All weights and activations are at their ends: what saturates, shows.
  /// Multipliers keep results inside the range.
  constexpr Shape extreme(int64_t weight) const {
    Shape shape = weightsIn(weight, weight).multipliersOf("e-7");
    shape.isBright = true;
    return shape;
  }
  constexpr Shape then(After what) const {
    Shape shape = *this;
    shape.after = what;
    return shape;
  }
  constexpr Shape multipliersOf(const char *unit) const {
    Shape shape = *this;
    shape.step = unit;
    return shape;
  }
  constexpr Shape takesBytes() const {
    Shape shape = *this;
    shape.ofBytes = true;
    return shape;
  }
  constexpr Shape multipliesBy(DotForm::Kind expected) const {
    Shape shape = *this;
    shape.form = expected;
    return shape;
  }
};

inline void PrintTo(const Shape &shape, std::ostream *os) { *os << shape.name; }

constexpr Shape dense(const char *name, int64_t height, int64_t width,
                      int64_t in, int64_t out, int64_t kernel,
                      int64_t stride = 1, int64_t dilation = 1) {
  return {name, Kind::Dense, height, width, in, out, kernel, stride, dilation};
}

constexpr Shape depthwise(const char *name, int64_t height, int64_t width,
                          int64_t channels, int64_t kernel, int64_t stride = 1,
                          int64_t dilation = 1) {
  return {name,     Kind::Depthwise, height, width,   channels,
          channels, kernel,          stride, dilation};
}

constexpr Shape grouped(const char *name, int64_t height, int64_t width,
                        int64_t groups, int64_t in, int64_t out, int64_t kernel,
                        int64_t stride = 1) {
  return {name, Kind::Grouped, height, width, in,
          out,  kernel,        stride, 1,     groups};
}

constexpr Shape gemm(const char *name, int64_t rows, int64_t depth,
                     int64_t columns) {
  return {name, Kind::Gemm, rows, 1, depth, columns, 1, 1, 1};
}

/// Each of `count` matrices has weights of its own.
constexpr Shape batched(const char *name, int64_t count, int64_t rows,
                        int64_t depth, int64_t columns) {
  return {name, Kind::Batched, rows, 1, depth, columns, 1, 1, 1, 1, count};
}

/// Writes the module of one shape.
class ModuleText {
public:
  explicit ModuleText(const Shape &shape) : shape(shape) {}

  std::string str() {
    std::string x = type(shape.height, shape.width, shape.in, "i8");
    quantizeInput(x);
    std::string padded = isMatrix() ? x : pad(x);
    height = (shape.height - 1) / shape.stride + 1;
    width = (shape.width - 1) / shape.stride + 1;
    contract(padded);
    requantize(x);
    follow(x);
    std::string result = type(height, width, channels, "i8");
    return llvm::formatv(
        "func.func @m(%{0}: {1}) -> {2} {{\n{3}return %r : {2}\n}\n",
        shape.ofBytes ? "q" : "x",
        type(shape.height, shape.width, shape.in, shape.ofBytes ? "i8" : "f32"),
        result, body);
  }

private:
  /// What differs between the kinds. Sums have the dimensions of their
  /// weights' channels last.
  struct Contraction {
    const char *loops, *weights, *sums;
    std::string input;
    int64_t reductions;
    std::vector<int64_t> weightShape;
  };

  Contraction contraction() const {
    int64_t k = shape.kernel, groups = shape.groups;
    std::string window =
        llvm::formatv("n, h * {0} + i * {1}, w * {0} + j * {1}, ", shape.stride,
                      shape.dilation);
    switch (shape.kind) {
    case Kind::Dense:
      return {"n, h, w, o, i, j, c",
              "o, i, j, c",
              "n, h, w, o",
              window + "c",
              3,
              {shape.out, k, k, shape.in}};
    case Kind::Depthwise:
      return {"n, h, w, o, i, j", "i, j, o", "n, h, w, o",
              window + "o",       2,         {k, k, shape.out}};
    case Kind::Grouped:
      return {"n, h, w, g, o, i, j, c",
              "g, o, i, j, c",
              "n, h, w, g, o",
              window + "g, c",
              3,
              {groups, shape.out / groups, k, k, shape.in / groups}};
    case Kind::Gemm:
      return {"m, o, c", "o, c", "m, o", "m, c", 1, {shape.out, shape.in}};
    case Kind::Batched:
      return {"n, m, o, c", "n, c, o", "n, m, o",
              "n, m, c",    1,         {shape.batch, shape.in, shape.out}};
    }
    llvm_unreachable("unknown kind");
  }

  bool isMatrix() const {
    return shape.kind == Kind::Gemm || shape.kind == Kind::Batched;
  }
  /// Of the tensors between operations.
  const char *dims() const {
    return shape.kind == Kind::Gemm      ? "m, c"
           : shape.kind == Kind::Batched ? "n, m, c"
                                         : "n, h, w, c";
  }
  int64_t rank() const { return llvm::StringRef(dims()).count(',') + 1; }
  std::string all() const {
    return llvm::formatv("affine_map<({0}) -> ()>", dims());
  }

  static std::string tensor(llvm::ArrayRef<int64_t> sizes,
                            llvm::StringRef element) {
    std::string text = "tensor<";
    for (int64_t size : sizes)
      text += std::to_string(size) + "x";
    return text + element.str() + ">";
  }
  std::string type(int64_t h, int64_t w, int64_t c, const char *element) {
    if (shape.kind == Kind::Gemm)
      return tensor({h, c}, element);
    if (shape.kind == Kind::Batched)
      return tensor({shape.batch, h, c}, element);
    return tensor({shape.batch, h, w, c}, element);
  }
  /// "0, 1, 2"
  static std::string range(int64_t count) {
    std::string text;
    for (int64_t i = 0; i < count; ++i)
      text += (i ? ", " : "") + std::to_string(i);
    return text;
  }
  void line(const llvm::formatv_object_base &text) {
    body += text.str() + "\n";
  }
  std::string values(int64_t count, int64_t lo, int64_t hi) {
    std::string list;
    for (int64_t i = 0; i < count; ++i)
      list += (i ? ", " : "") +
              std::to_string(lo + int64_t(random() % uint64_t(hi - lo + 1)));
    return list;
  }

  void quantizeInput(const std::string &x) {
    line(llvm::formatv("%s = arith.constant dense<0.03> : tensor<f32>"));
    line(llvm::formatv("%z = arith.constant dense<121> : tensor<i32>"));
    line(llvm::formatv("%z8 = arith.constant 121 : i8"));
    if (shape.ofBytes)
      return;
    line(llvm::formatv("%e = tensor.empty() : {0}", x));
    line(llvm::formatv(
        "%q = qopt.quantize ins(%x, %s, %z : {0}, tensor<f32>, "
        "tensor<i32>) outs(%e : {1}) range [0, 255] params {2} -> {1}",
        type(shape.height, shape.width, shape.in, "f32"), x, all()));
  }

  std::string pad(const std::string &x) {
    int64_t reach = (shape.kernel - 1) * shape.dilation;
    int64_t low = reach / 2, high = reach - low;
    std::string padded =
        type(shape.height + reach, shape.width + reach, shape.in, "i8");
    line(llvm::formatv(
        "%p = tensor.pad %q low[0, {0}, {0}, 0] high[0, {1}, {1}, 0] {{\n"
        "^bb0(%a: index, %b: index, %c: index, %d: index):\n"
        "tensor.yield %z8 : i8\n} : {2} to {3}",
        low, high, x, padded));
    return padded;
  }

  /// `name` of `sizes`, written as a list.
  void constant(const char *name, llvm::ArrayRef<int64_t> sizes,
                const std::string &element, int64_t low, int64_t high) {
    int64_t count = 1;
    std::string shapeText;
    for (int64_t size : sizes) {
      shapeText += (shapeText.empty() ? "" : ", ") + std::to_string(size);
      count *= size;
    }
    line(llvm::formatv("%{0}f = arith.constant dense<[{1}]> : tensor<{2}x{3}>",
                       name, values(count, low, high), count, element));
    line(llvm::formatv(
        "%{0} = tensor.expand_shape %{0}f [[{1}]] output_shape [{2}] "
        ": tensor<{3}x{4}> into {5}",
        name, range(sizes.size()), shapeText, count, element,
        tensor(sizes, element)));
  }

  /// The activations as the contraction reads them: groups are a dimension.
  std::pair<std::string, std::string> operand(const std::string &padded) {
    if (isMatrix())
      return {"%q", padded};
    if (shape.kind != Kind::Grouped)
      return {"%p", padded};
    int64_t reach = (shape.kernel - 1) * shape.dilation;
    int64_t h = shape.height + reach, w = shape.width + reach;
    int64_t depth = shape.in / shape.groups;
    std::string split = tensor({shape.batch, h, w, shape.groups, depth}, "i8");
    line(llvm::formatv("%g = tensor.expand_shape %p [[0], [1], [2], [3, 4]] "
                       "output_shape [{0}, {1}, {2}, {3}, {4}] : {5} into {6}",
                       shape.batch, h, w, shape.groups, depth, padded, split));
    return {"%g", split};
  }

  void contract(const std::string &padded) {
    Contraction c = contraction();
    bool isGrouped = shape.kind == Kind::Grouped;
    std::string bits = llvm::formatv("i{0}", shape.bits);
    std::string joined = type(height, width, shape.out, "i32");
    int64_t depth = shape.out / shape.groups;
    std::string sums =
        isGrouped
            ? tensor({shape.batch, height, width, shape.groups, depth}, "i32")
            : joined;
    std::vector<int64_t> perChannel{shape.out};
    if (isGrouped)
      perChannel = {shape.groups, depth};
    auto [name, input] = operand(padded);
    constant("w", c.weightShape, bits, shape.low, shape.high);
    constant("b", perChannel, "i32", -3000, 3000);
    line(llvm::formatv("%ea = tensor.empty() : {0}", sums));
    line(llvm::formatv("%i = linalg.broadcast ins(%b : {0}) outs(%ea : {1}) "
                       "dimensions = [{2}]",
                       tensor(perChannel, "i32"), sums, range(rank() - 1)));
    multiplyAdd(c, name, input, sums, isGrouped ? "sums" : "acc");
    if (isGrouped)
      line(llvm::formatv(
          "%acc = tensor.collapse_shape %sums [[0], [1], [2], [3, 4]] "
          ": {0} into {1}",
          sums, joined));
  }

  void multiplyAdd(const Contraction &c, const std::string &name,
                   const std::string &input, const std::string &sums,
                   const char *result) {
    std::string kinds;
    int64_t loops = llvm::StringRef(c.loops).count(',') + 1;
    for (int64_t i = 0; i < loops; ++i)
      kinds +=
          llvm::formatv("{0}\"{1}\"", i ? ", " : "",
                        i < loops - c.reductions ? "parallel" : "reduction");
    line(llvm::formatv(
        "%{0} = linalg.generic {{indexing_maps = [affine_map<({1}) -> ({2})>, "
        "affine_map<({1}) -> ({3})>, affine_map<({1}) -> ({4})>], "
        "iterator_types = [{5}]} ins({6}, %w : {7}, {8}) outs(%i : {9}) {{\n"
        "^bb0(%a: i8, %k: i{10}, %o: i32):\n%0 = arith.extui %a : i8 to i32\n"
        "%1 = arith.extsi %k : i{10} to i32\n%2 = arith.muli %0, %1 : i32\n"
        "%3 = arith.addi %o, %2 : i32\nlinalg.yield %3 : i32\n} -> {9}",
        result, c.loops, c.input, c.weights, c.sums, kinds, name, input,
        tensor(c.weightShape, llvm::formatv("i{0}", shape.bits).str()), sums,
        shape.bits));
  }

  void requantize(const std::string &x) {
    bool residual = shape.after == After::Residual;
    std::string multipliers;
    for (int64_t i = 0; i < shape.out; ++i)
      multipliers += llvm::formatv("{0}{1}.0{2}", i ? ", " : "",
                                   1 + random() % 300, shape.step);
    line(llvm::formatv("%m = arith.constant dense<[{0}]> : tensor<{1}xf32>",
                       multipliers, shape.out));
    line(llvm::formatv("%mr = arith.constant dense<0.7> : tensor<f32>"));
    channels = shape.out;
    std::string y = type(height, width, channels, "i8");
    line(llvm::formatv("%ey = tensor.empty() : {0}", y));
    line(llvm::formatv(
        "%y = qopt.requantize ins(%acc{0} : {1}{2}) multipliers(%m{3} : "
        "tensor<{4}xf32>{5}) outs(%ey : {6}) range [0, 255] zero_point 9 "
        "{{input_zero_points = array<i32: 0{7}>, unsigned_inputs = array<i1: "
        "false{8}>, params = [affine_map<({10}) -> (c)>{9}]} -> {6}",
        residual ? ", %q" : "", type(height, width, channels, "i32"),
        residual ? ", " + x : "", residual ? ", %mr" : "", channels,
        residual ? ", tensor<f32>" : "", y, residual ? ", 121" : "",
        residual ? ", true" : "", residual ? ", " + all() : std::string(),
        dims()));
  }

  void follow(const std::string &x) {
    std::string y = type(height, width, channels, "i8");
    if (shape.after == After::Concat) {
      std::string joined = type(height, width, channels + shape.in, "i8");
      line(llvm::formatv(
          "%r = tensor.concat dim({3}) %q, %y : ({0}, {1}) -> {2}", x, y,
          joined, rank() - 1));
      channels += shape.in;
    } else if (shape.after == After::Table) {
      line(llvm::formatv("%t = arith.constant dense<[{0}]> : tensor<256xi8>",
                         values(256, -128, 127)));
      line(llvm::formatv("%r = qopt.lookup ins(%y, %t : {0}, tensor<256xi8>) "
                         "outs(%ey : {0}) unsigned params {1} -> {0}",
                         y, all()));
    } else if (shape.after == After::Pool ||
               shape.after == After::OverlappingPool) {
      pool(y, shape.after == After::Pool ? 2 : 3);
    } else {
      line(llvm::formatv("%r = tensor.cast %y : {0} to {0}", y));
    }
  }

  void pool(const std::string &y, int64_t window) {
    height = (height - window) / 2 + 1;
    width = (width - window) / 2 + 1;
    std::string r = type(height, width, channels, "i8");
    line(llvm::formatv("%zero = arith.constant 0 : i8"));
    line(llvm::formatv("%er = tensor.empty() : {0}", r));
    line(llvm::formatv(
        "%f = linalg.fill ins(%zero : i8) outs(%er : {0}) -> {0}", r));
    line(llvm::formatv("%win = tensor.empty() : tensor<{0}x{0}xi8>", window));
    line(llvm::formatv(
        "%r = linalg.generic {{indexing_maps = [affine_map<(n, h, w, c, i, j) "
        "-> (n, h * 2 + i, w * 2 + j, c)>, affine_map<(n, h, w, c, i, j) -> "
        "(i, "
        "j)>, affine_map<(n, h, w, c, i, j) -> (n, h, w, c)>], iterator_types "
        "= "
        "[\"parallel\", \"parallel\", \"parallel\", \"parallel\", "
        "\"reduction\", \"reduction\"]} ins(%y, %win : {0}, "
        "tensor<{1}x{1}xi8>) outs(%f : {2}) {{\n^bb0(%a: i8, %k: i8, %o: i8):\n"
        "%0 = arith.maxui %a, %o : i8\nlinalg.yield %0 : i8\n} -> {2}",
        y, window, r));
  }

  const Shape &shape;
  std::mt19937 random{7};
  std::string body;
  int64_t height = 0, width = 0, channels = 0;
};

} // namespace qopt::test

#endif // QOPT_UNITTESTS_SCHEDULE_SHAPEMODULE_H
