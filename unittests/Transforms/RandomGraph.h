//===- RandomGraph.h - Small calibrated models, by seed -------*- C++ -*-===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text of a random module of phase `calibrated`, NHWC. Ranges are drawn, not
// measured: some values saturate, some use few steps, zero points reach both
// ends.
//
//===----------------------------------------------------------------------===//

#ifndef QOPT_UNITTESTS_TRANSFORMS_RANDOMGRAPH_H
#define QOPT_UNITTESTS_TRANSFORMS_RANDOMGRAPH_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <random>
#include <string>

namespace qopt {

class RandomGraph {
public:
  explicit RandomGraph(unsigned seed) : random(seed) {}

  /// The module; `inputShape` is set.
  std::string build() {
    inputShape = {1, pick(3, 9), pick(3, 9), pick(1, 10)};
    std::string type = typeOf(inputShape);
    Tensor value = observe({"%x", inputShape});
    pool.push_back(value);
    for (int i = 0, e = pick(2, 7); i < e; ++i) {
      value = step(pool[pool.size() - 1 - pick(0, pool.size() > 1)]);
      pool.push_back(value);
    }
    std::string outputs = value.name, types = typeOf(value.shape);
    if (chance(3)) { // an inner value is a result, too
      const Tensor &inner = pool[pick(0, pool.size() - 1)];
      outputs += ", " + inner.name;
      types += ", " + typeOf(inner.shape);
    }
    return llvm::formatv("#id = affine_map<(a, b, c, d) -> (a, b, c, d)>\n"
                         "#ch = affine_map<(a, b, c, d) -> (d)>\n"
                         "#hw = affine_map<(a, b, c, d) -> (b, c)>\n"
                         "#nc = affine_map<(a, b, c, d) -> (a, d)>\n"
                         "func.func @f(%x: {0}) -> ({1}) {{\n"
                         "  %zero = arith.constant 0.0 : f32\n"
                         "  %one = arith.constant 1.0 : f32\n"
                         "  %ninf = arith.constant 0xFF800000 : f32\n{2}"
                         "  return {3} : {1}\n}\n",
                         type, types, body, outputs)
        .str();
  }

  llvm::SmallVector<int64_t> inputShape;

private:
  using Shape = llvm::SmallVector<int64_t>;
  struct Tensor {
    std::string name;
    Shape shape;
  };

  int64_t pick(int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(random);
  }
  bool chance(int in) { return pick(1, in) == 1; }
  float real(float lo, float hi) {
    return std::uniform_real_distribution<float>(lo, hi)(random);
  }
  std::string fresh() { return "%v" + std::to_string(counter++); }

  static std::string typeOf(llvm::ArrayRef<int64_t> shape) {
    std::string text = "tensor<";
    for (int64_t size : shape)
      text += std::to_string(size) + "x";
    return text + "f32>";
  }

  template <typename... Ts>
  void emit(const char *format, const Ts &...parts) {
    body += "  " + llvm::formatv(format, parts...).str() + "\n";
  }

  std::string emptyOf(llvm::ArrayRef<int64_t> shape) {
    std::string name = fresh();
    emit("{0} = tensor.empty() : {1}", name, typeOf(shape));
    return name;
  }

  std::string fill(llvm::ArrayRef<int64_t> shape, const char *scalar) {
    std::string empty = emptyOf(shape), name = fresh();
    emit("{0} = linalg.fill ins({1} : f32) outs({2} : {3}) -> {3}", name,
         scalar, empty, typeOf(shape));
    return name;
  }

  std::string constant(llvm::ArrayRef<int64_t> shape, float magnitude) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    std::string bytes;
    for (int64_t i = 0; i < count; ++i) {
      float value = chance(9) ? 0.0f : real(-magnitude, magnitude);
      bytes.append(reinterpret_cast<const char *>(&value), 4);
    }
    std::string name = fresh(), hex;
    for (unsigned char byte : bytes)
      hex += llvm::formatv("{0:X-2}", unsigned(byte)).str();
    emit("{0} = arith.constant dense<\"0x{1}\"> : {2}", name, hex,
         typeOf(shape));
    return name;
  }

  Tensor observe(Tensor value, bool positive = false) {
    float lo = chance(8) ? 0.0f : real(-3, 0),
          hi = chance(8) ? 0.0f : real(0, 3);
    Tensor result{fresh(), value.shape};
    emit("{0} = qopt.observe {1} {{edge = \"{0}\", min = array<f32: {2}>, max "
         "= array<f32: {3}>} : {4} -> {4}",
         result.name, value.name, llvm::formatv("{0:e}", positive ? 0.0f : lo),
         llvm::formatv("{0:e}", hi), typeOf(value.shape));
    return result;
  }

  /// A generic over `inputs`, given as "name : map".
  Tensor generic(llvm::ArrayRef<std::pair<Tensor, const char *>> inputs,
                 llvm::StringRef text, bool positive = false) {
    const Shape &shape = inputs.front().first.shape;
    std::string empty = emptyOf(shape), names, types, maps, arguments;
    for (auto [i, input] : llvm::enumerate(inputs)) {
      names += (i ? ", " : "") + input.first.name;
      types += (i ? ", " : "") + typeOf(input.first.shape);
      maps += std::string(input.second) + ", ";
      arguments += llvm::formatv("%a{0}: f32, ", i).str();
    }
    Tensor result{fresh(), shape};
    emit("{0} = linalg.generic {{indexing_maps = [{1}#id], iterator_types = "
         "[\"parallel\", \"parallel\", \"parallel\", \"parallel\"]} ins({2} : "
         "{3}) outs({4} : {5}) {{\n  ^bb0({6}%o: f32):\n{7}\n    linalg.yield "
         "%r : f32\n  } -> {5}",
         result.name, maps, names, types, empty, typeOf(shape), arguments,
         text);
    return observe(result, positive);
  }

  Tensor pad(const Tensor &x, int64_t by, const char *value) {
    if (by == 0)
      return x;
    Shape shape = {x.shape[0], x.shape[1] + 2 * by, x.shape[2] + 2 * by,
                   x.shape[3]};
    Tensor result{fresh(), shape};
    emit("{0} = tensor.pad {1} low[0, {2}, {2}, 0] high[0, {2}, {2}, 0] {{\n  "
         "^bb0(%i: index, %j: index, %k: index, %l: index):\n    tensor.yield "
         "{3} : f32\n  } : {4} to {5}",
         result.name, x.name, by, value, typeOf(x.shape), typeOf(shape));
    return result;
  }

  std::string bias(const Shape &out) {
    if (chance(3))
      return fill(out, "%zero");
    std::string values = constant({out[3]}, chance(8) ? 1e6f : 1.0f);
    std::string empty = emptyOf(out), name = fresh();
    emit("{0} = linalg.broadcast ins({1} : {2}) outs({3} : {4}) dimensions = "
         "[0, 1, 2]",
         name, values, typeOf({out[3]}), empty, typeOf(out));
    return name;
  }

  Tensor convolution(Tensor x, int64_t channels) {
    int64_t kernel = pick(1, std::min<int64_t>({3, x.shape[1], x.shape[2]}));
    int64_t stride = pick(1, 2);
    bool depthwise = channels == x.shape[3] && chance(2);
    x = pad(x, kernel == 3 ? pick(0, 1) : 0, "%zero");
    Shape weightShape = {channels, kernel, kernel, x.shape[3]};
    if (depthwise)
      weightShape = {kernel, kernel, channels};
    Shape out = {1, (x.shape[1] - kernel) / stride + 1,
                 (x.shape[2] - kernel) / stride + 1, channels};
    std::string weights = constant(weightShape, 0.5f), init = bias(out);
    Tensor result{fresh(), out};
    emit("{0} = linalg.{1} {{strides = dense<{2}> : tensor<2xi64>} ins({3}, "
         "{4} : {5}, {6}) outs({7} : {8}) -> {8}",
         result.name,
         depthwise ? "depthwise_conv_2d_nhwc_hwc" : "conv_2d_nhwc_fhwc", stride,
         x.name, weights, typeOf(x.shape), typeOf(weightShape), init,
         typeOf(out));
    return observe(result);
  }

  Tensor clamp(const Tensor &x) {
    if (chance(2))
      return generic({{x, "#id"}}, "    %r = arith.maximumf %a0, %zero : f32",
                     true);
    return generic({{x, "#id"}},
                   "    %m = arith.maximumf %a0, %zero : f32\n"
                   "    %r = arith.minimumf %m, %one : f32",
                   true);
  }

  Tensor unary(const Tensor &x) {
    switch (pick(0, 3)) {
    case 0: // leaky relu
      return generic({{x, "#id"}}, "    %c = arith.constant 0.1 : f32\n"
                                   "    %k = arith.cmpf oge, %a0, %zero : f32\n"
                                   "    %m = arith.mulf %a0, %c : f32\n"
                                   "    %r = arith.select %k, %a0, %m : f32");
    case 1: // logistic
      return generic({{x, "#id"}},
                     "    %n = arith.negf %a0 : f32\n"
                     "    %e = math.exp %n : f32\n"
                     "    %d = arith.addf %e, %one : f32\n"
                     "    %r = arith.divf %one, %d : f32",
                     true);
    case 2: // a slope per channel
      return generic(
          {{x, "#id"}, {{constant({x.shape[3]}, 1), {x.shape[3]}}, "#ch"}},
          "    %k = arith.cmpf oge, %a0, %zero : f32\n"
          "    %m = arith.mulf %a0, %a1 : f32\n"
          "    %r = arith.select %k, %a0, %m : f32");
    default:
      return generic({{x, "#id"}}, "    %c = arith.constant 0.3 : f32\n"
                                   "    %r = arith.mulf %a0, %c : f32");
    }
  }

  Tensor binary(const Tensor &x) {
    static const char *const texts[] = {"    %r = arith.addf %a0, %a1 : f32",
                                        "    %r = arith.subf %a0, %a1 : f32",
                                        "    %r = arith.mulf %a0, %a1 : f32"};
    llvm::StringRef text = texts[pick(0, 2)];
    switch (pick(0, 3)) {
    case 0: // a constant per channel
      return generic(
          {{x, "#id"}, {{constant({x.shape[3]}, 1), {x.shape[3]}}, "#ch"}},
          text);
    case 1: { // a constant per position
      Shape plane = {x.shape[1], x.shape[2]};
      return generic({{x, "#id"}, {{constant(plane, 1), plane}, "#hw"}}, text);
    }
    case 2:
      if (std::optional<Tensor> other = sameShape(x))
        return generic({{x, "#id"}, {*other, "#id"}}, text);
      [[fallthrough]];
    default:
      return generic({{x, "#id"}, {convolutionLike(x), "#id"}}, text);
    }
  }

  std::optional<Tensor> sameShape(const Tensor &x) {
    for (const Tensor &other : llvm::reverse(pool))
      if (other.name != x.name && other.shape == x.shape)
        return other;
    return std::nullopt;
  }

  /// A 1x1 convolution: the shape of `x` stays.
  Tensor convolutionLike(const Tensor &x) {
    int64_t c = x.shape[3];
    std::string weights = constant({c, 1, 1, c}, 0.5f), init = bias(x.shape);
    Tensor result{fresh(), x.shape};
    emit("{0} = linalg.conv_2d_nhwc_fhwc ins({1}, {2} : {3}, {4}) outs({5} : "
         "{3}) -> {3}",
         result.name, x.name, weights, typeOf(x.shape), typeOf({c, 1, 1, c}),
         init);
    return observe(result);
  }

  Tensor pooling(Tensor x, bool isMax) {
    int64_t kernel = pick(1, std::min<int64_t>({3, x.shape[1], x.shape[2]}));
    int64_t stride = pick(1, 2);
    if (kernel == 3)
      x = pad(x, pick(0, 1), isMax ? "%ninf" : "%zero");
    Shape out = {1, (x.shape[1] - kernel) / stride + 1,
                 (x.shape[2] - kernel) / stride + 1, x.shape[3]};
    std::string window = emptyOf({kernel, kernel});
    std::string init = fill(out, isMax ? "%ninf" : "%zero");
    Tensor result{fresh(), out};
    emit("{0} = linalg.pooling_nhwc_{1} {{strides = dense<{2}> : "
         "tensor<2xi64>} ins({3}, {4} : {5}, {6}) outs({7} : {8}) -> {8}",
         result.name, isMax ? "max" : "sum", stride, x.name, window,
         typeOf(x.shape), typeOf({kernel, kernel}), init, typeOf(out));
    if (isMax)
      return observe(result);
    Tensor sum = observe(result);
    if (chance(2)) // border windows count fewer: a constant per position
      return generic(
          {{sum, "#id"},
           {{constant({out[1], out[2]}, 1), {out[1], out[2]}}, "#hw"}},
          "    %r = arith.mulf %a0, %a1 : f32");
    return generic({{sum, "#id"}},
                   llvm::formatv("    %c = arith.constant {0:e} : f32\n    %r "
                                 "= arith.mulf %a0, %c : f32",
                                 1.0f / float(kernel * kernel))
                       .str());
  }

  Tensor concatenation(const Tensor &x) {
    Tensor other = chance(2) ? clamp(x) : unary(x);
    Shape shape = {1, x.shape[1], x.shape[2], 2 * x.shape[3]};
    Tensor result{fresh(), shape};
    emit("{0} = tensor.concat dim(3) {1}, {2} : ({3}, {3}) -> {4}", result.name,
         x.name, other.name, typeOf(x.shape), typeOf(shape));
    return result;
  }

  Tensor step(const Tensor &x) {
    switch (pick(0, 8)) {
    case 0:
    case 1:
      return clamp(convolution(x, chance(2) ? x.shape[3] : pick(1, 12)));
    case 2:
      return convolution(x, pick(1, 12));
    case 3:
      return clamp(x);
    case 4:
      return unary(x);
    case 5:
      return binary(x);
    case 6:
      return pooling(x, true);
    case 7:
      return pooling(x, false);
    default:
      return x.shape[3] > 16 ? clamp(x) : concatenation(x);
    }
  }

  std::mt19937 random;
  unsigned counter = 0;
  std::string body;
  llvm::SmallVector<Tensor> pool;
};

} // namespace qopt

#endif // QOPT_UNITTESTS_TRANSFORMS_RANDOMGRAPH_H
