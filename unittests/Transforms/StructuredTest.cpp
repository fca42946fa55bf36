//===- StructuredTest.cpp - Meanings read off maps and bodies -------------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "qopt/Transforms/Structured.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace qopt;

namespace {
class Structured : public testing::Test {
protected:
  Structured() {
    context.loadDialect<arith::ArithDialect, func::FuncDialect,
                        linalg::LinalgDialect, math::MathDialect,
                        tensor::TensorDialect>();
  }

  /// The unary generic with `body` that yields %r; %a is the element.
  linalg::GenericOp generic(const std::string &body) {
    module = parseSourceString<ModuleOp>(
        R"(#id = affine_map<(d0) -> (d0)>
        func.func @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
          %m1 = arith.constant -1.0 : f32
          %c0 = arith.constant 0.0 : f32
          %c6 = arith.constant 6.0 : f32
          %g = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
              ins(%x : tensor<4xf32>) outs(%y : tensor<4xf32>) {
          ^bb0(%a: f32, %o: f32):
        )" + body +
            R"(
            linalg.yield %r : f32
          } -> tensor<4xf32>
          return %g : tensor<4xf32>
        })",
        &context);
    EXPECT_TRUE(module);
    linalg::GenericOp found;
    module->walk([&](linalg::GenericOp op) { found = op; });
    return found;
  }

  template <typename Op>
  Op first(const char *text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    Op found;
    module->walk([&](Op op) { found = op; });
    return found;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST_F(Structured, ClampForms) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  struct Case {
    const char *body;
    float lo, hi;
  } cases[] = {
      {"%r = arith.maximumf %a, %c0 : f32", 0, infinity},
      {"%r = arith.maximumf %c0, %a : f32", 0, infinity},
      {"%r = arith.minnumf %a, %c6 : f32", -infinity, 6},
      {"%s = arith.maxnumf %a, %c0 : f32 %r = arith.minimumf %s, %c6 : f32", 0,
       6},
      {"%s = arith.minimumf %a, %c6 : f32 %r = arith.maximumf %s, %c0 : f32", 0,
       6},
      // The later bound wins where the two cross.
      {"%s = arith.minimumf %a, %m1 : f32 %r = arith.maximumf %s, %c0 : f32", 0,
       0},
      {"%p = arith.cmpf ogt, %a, %c0 : f32 %r = arith.select %p, %a, %c0 : f32",
       0, infinity},
      {"%p = arith.cmpf ule, %a, %c0 : f32 %r = arith.select %p, %c0, %a : f32",
       0, infinity},
      {"%p = arith.cmpf olt, %c6, %a : f32 %r = arith.select %p, %c6, %a : f32",
       -infinity, 6},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.body);
    std::optional<Clamp> clamp = matchClamp(generic(c.body));
    ASSERT_TRUE(clamp);
    EXPECT_EQ(clamp->lo, c.lo);
    EXPECT_EQ(clamp->hi, c.hi);
  }
}

TEST_F(Structured, NoClamp) {
  for (const char *body :
       {"%r = arith.mulf %a, %c6 : f32", "%r = math.exp %a : f32",
        // Leaky: the other branch is scaled.
        "%s = arith.mulf %a, %c6 : f32 %p = arith.cmpf oge, %a, %c0 : f32 "
        "%r = arith.select %p, %a, %s : f32",
        // Compares with one constant, selects another.
        "%p = arith.cmpf ogt, %a, %c0 : f32 "
        "%r = arith.select %p, %a, %c6 : f32",
        // Reads the init.
        "%r = arith.maximumf %a, %o : f32"})
    EXPECT_FALSE(matchClamp(generic(body))) << body;
}

TEST_F(Structured, ScalarMultiply) {
  std::optional<ScalarMultiply> product =
      matchScalarMultiply(generic("%r = arith.mulf %c6, %a : f32"));
  ASSERT_TRUE(product);
  EXPECT_EQ(product->factor, 6.0f);
  // 1 / 6 is not exact, so that the quotient is no product.
  EXPECT_FALSE(matchScalarMultiply(generic("%r = arith.divf %a, %c6 : f32")));
  EXPECT_FALSE(matchScalarMultiply(generic("%r = arith.addf %a, %c6 : f32")));
}

TEST_F(Structured, GroupedConvolutionHasTwoChannelLoops) {
  auto op = first<linalg::Conv2DNhwgcGfhwcOp>(R"(
    func.func @f(%x: tensor<1x6x6x2x3xf32>, %w: tensor<2x5x3x3x3xf32>, %i: tensor<1x4x4x2x5xf32>) -> tensor<1x4x4x2x5xf32> {
      %r = linalg.conv_2d_nhwgc_gfhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
          ins(%x, %w : tensor<1x6x6x2x3xf32>, tensor<2x5x3x3x3xf32>) outs(%i : tensor<1x4x4x2x5xf32>) -> tensor<1x4x4x2x5xf32>
      return %r : tensor<1x4x4x2x5xf32>
    })");
  std::optional<Contraction> match = matchContraction(op);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->rhsChannelDims, (SmallVector<unsigned, 2>{0, 1}));
  EXPECT_EQ(match->outChannelDims, (SmallVector<unsigned, 2>{3, 4}));
  EXPECT_EQ(match->reductionLoops.size(), 3u);
  EXPECT_FALSE(match->depthwise);
}

TEST_F(Structured, DepthwiseConvolution) {
  auto op = first<linalg::DepthwiseConv2DNhwcHwcOp>(R"(
    func.func @f(%x: tensor<1x6x6x4xf32>, %w: tensor<3x3x4xf32>, %i: tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32> {
      %r = linalg.depthwise_conv_2d_nhwc_hwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
          ins(%x, %w : tensor<1x6x6x4xf32>, tensor<3x3x4xf32>) outs(%i : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
      return %r : tensor<1x4x4x4xf32>
    })");
  std::optional<Contraction> match = matchContraction(op);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->rhsChannelDims, (SmallVector<unsigned, 2>{2}));
  EXPECT_TRUE(match->depthwise);
  EXPECT_FALSE(isElementwiseOp(op));
}

TEST_F(Structured, SourceNamesOfFusions) {
  auto name = [&](StringRef text) -> Location {
    return NameLoc::get(StringAttr::get(&context, text));
  };
  Location both = fuseLocations({name("conv"), name("bn")});
  Location three = fuseLocations({both, name("relu"), name("conv")});
  EXPECT_EQ(sourceNames(three), (SmallVector<StringRef>{"conv", "bn", "relu"}));
  EXPECT_TRUE(sourceNames(UnknownLoc::get(&context)).empty());
  EXPECT_EQ(fuseLocations({name("conv"), name("conv")}), name("conv"));
}
