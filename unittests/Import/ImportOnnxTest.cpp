//===- ImportOnnxTest.cpp - Imported models compute what ONNX says --------===//
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random convolutions and poolings, imported and run by the reference
// interpreter, against loops written straight from the operators' definitions.
//
//===----------------------------------------------------------------------===//

#include "qopt/Import/Onnx/ImportOnnx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "qopt/Reference/Interpreter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <limits>
#include <onnx/onnx_pb.h>
#include <random>

using namespace mlir;
using namespace qopt;

namespace {

/// A window over two spatial dimensions.
struct Geometry {
  int64_t kernel[2], strides[2], dilations[2], low[2], high[2];

  int64_t outputSize(int dim, int64_t input) const {
    int64_t extent = (kernel[dim] - 1) * dilations[dim] + 1;
    return (input + low[dim] + high[dim] - extent) / strides[dim] + 1;
  }
};

/// One node with the input `x`, weights, and the output `y`.
struct TestModel {
  TestModel(int64_t opset, const char *op, ArrayRef<int64_t> inputShape);
  void addWeights(const char *name, const HostTensor &tensor);
  void setInts(const char *name, ArrayRef<int64_t> values);
  void setInt(const char *name, int64_t value);
  void setGeometry(const Geometry &geometry);

  onnx::ModelProto model;
  onnx::NodeProto *node;
};

} // namespace

TestModel::TestModel(int64_t opset, const char *op,
                     ArrayRef<int64_t> inputShape) {
  model.set_ir_version(8);
  model.add_opset_import()->set_version(opset);
  onnx::ValueInfoProto *input = model.mutable_graph()->add_input();
  input->set_name("x");
  auto *type = input->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  for (int64_t size : inputShape)
    type->mutable_shape()->add_dim()->set_dim_value(size);
  model.mutable_graph()->add_output()->set_name("y");
  node = model.mutable_graph()->add_node();
  node->set_op_type(op);
  node->add_input("x");
  node->add_output("y");
}

void TestModel::addWeights(const char *name, const HostTensor &tensor) {
  onnx::TensorProto *proto = model.mutable_graph()->add_initializer();
  proto->set_name(name);
  proto->set_data_type(onnx::TensorProto::FLOAT);
  for (int64_t size : tensor.shape)
    proto->add_dims(size);
  proto->set_raw_data(tensor.bytes.data(), tensor.bytes.size());
  node->add_input(name);
}

void TestModel::setInts(const char *name, ArrayRef<int64_t> values) {
  onnx::AttributeProto *attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INTS);
  for (int64_t value : values)
    attribute->add_ints(value);
}

void TestModel::setInt(const char *name, int64_t value) {
  onnx::AttributeProto *attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}

void TestModel::setGeometry(const Geometry &geometry) {
  setInts("strides", geometry.strides);
  setInts("dilations", geometry.dilations);
  setInts("pads", {geometry.low[0], geometry.low[1], geometry.high[0],
                   geometry.high[1]});
}

/// Writes `bytes` to a file and imports that.
static llvm::Expected<OwningOpRef<ModuleOp>> importBytes(StringRef bytes,
                                                         MLIRContext &context) {
  SmallString<128> path;
  int fd = -1;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("qopt", "onnx", fd, path))
    return llvm::errorCodeToError(code);
  {
    llvm::raw_fd_ostream os(fd, /*shouldClose=*/true);
    os << bytes;
  }
  auto module = importOnnx(path, OnnxImportOptions(), context);
  llvm::sys::fs::remove(path);
  return module;
}

static llvm::Expected<HostTensor> run(const TestModel &test,
                                      const HostTensor &input) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  auto module = importBytes(test.model.SerializeAsString(), context);
  if (!module)
    return module.takeError();
  auto results = interpret(*(**module).getOps<func::FuncOp>().begin(), input);
  if (!results)
    return results.takeError();
  return std::move((*results)[0]);
}

static HostTensor randomTensor(std::mt19937 &rng, ArrayRef<int64_t> shape) {
  // Small whole numbers: every sum is exact, so results must be equal.
  HostTensor tensor(DType::F32, shape);
  for (float &element : tensor.data<float>())
    element = float(int(rng() % 17) - 8);
  return tensor;
}

static Geometry randomGeometry(std::mt19937 &rng) {
  Geometry g;
  for (int dim : {0, 1}) {
    g.kernel[dim] = 1 + rng() % 3;
    g.strides[dim] = 1 + rng() % 3;
    g.dilations[dim] = 1 + rng() % 2;
    g.low[dim] = rng() % g.kernel[dim];
    g.high[dim] = rng() % g.kernel[dim];
  }
  return g;
}

/// Calls `visit(kh, kw, h, w)` for each element of the window of output
/// (oh, ow) that lies on an input of `height` times `width`.
template <typename Visitor>
static void visitWindow(const Geometry &g, int64_t height, int64_t width,
                        int64_t oh, int64_t ow, Visitor visit) {
  for (int64_t kh = 0; kh < g.kernel[0]; ++kh) {
    for (int64_t kw = 0; kw < g.kernel[1]; ++kw) {
      int64_t h = oh * g.strides[0] - g.low[0] + kh * g.dilations[0];
      int64_t w = ow * g.strides[1] - g.low[1] + kw * g.dilations[1];
      if (0 <= h && h < height && 0 <= w && w < width)
        visit(kh, kw, h, w);
    }
  }
}

static float &at(HostTensor &tensor, int64_t a, int64_t b, int64_t c,
                 int64_t d) {
  const auto &shape = tensor.shape;
  return tensor
      .data<float>()[((a * shape[1] + b) * shape[2] + c) * shape[3] + d];
}

/// Calls `visit(n, c, h, w)` for every element of a rank-4 tensor.
template <typename Visitor>
static void visitElements(const HostTensor &tensor, Visitor visit) {
  for (int64_t n = 0; n < tensor.shape[0]; ++n)
    for (int64_t c = 0; c < tensor.shape[1]; ++c)
      for (int64_t h = 0; h < tensor.shape[2]; ++h)
        for (int64_t w = 0; w < tensor.shape[3]; ++w)
          visit(n, c, h, w);
}

static void expectEqual(llvm::Expected<HostTensor> got,
                        const HostTensor &expected) {
  ASSERT_TRUE(bool(got)) << llvm::toString(got.takeError());
  EXPECT_EQ(ArrayRef<int64_t>(got->shape), ArrayRef<int64_t>(expected.shape));
  EXPECT_EQ(got->data<float>().vec(), expected.data<float>().vec());
}

TEST(ImportOnnx, ConvIsItsDefinition) {
  std::mt19937 rng(1);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    Geometry g = randomGeometry(rng);
    int64_t groups = 1 + rng() % 3, depth = 1 + rng() % 3,
            perGroup = 1 + rng() % 3;
    int64_t height = 5 + rng() % 4, width = 5 + rng() % 4;
    HostTensor x = randomTensor(rng, {2, groups * depth, height, width});
    HostTensor w =
        randomTensor(rng, {groups * perGroup, depth, g.kernel[0], g.kernel[1]});
    HostTensor b = randomTensor(rng, groups * perGroup);
    TestModel model(7 + rng() % 15, "Conv", x.shape);
    model.addWeights("w", w);
    model.addWeights("b", b);
    model.setGeometry(g);
    model.setInt("group", groups);

    HostTensor y(DType::F32, {2, groups * perGroup, g.outputSize(0, height),
                              g.outputSize(1, width)});
    visitElements(y, [&](int64_t n, int64_t o, int64_t oh, int64_t ow) {
      float &sum = at(y, n, o, oh, ow) = b.data<float>()[o];
      auto add = [&](int64_t kh, int64_t kw, int64_t h, int64_t v) {
        for (int64_t c = 0; c < depth; ++c)
          sum += at(x, n, o / perGroup * depth + c, h, v) * at(w, o, c, kh, kw);
      };
      visitWindow(g, height, width, oh, ow, add);
    });
    expectEqual(run(model, x), y);
  }
}

/// The size of ConvTranspose's result along `dim`.
static int64_t transposedSize(const Geometry &g, int dim, int64_t input,
                              int64_t more) {
  return (input - 1) * g.strides[dim] + (g.kernel[dim] - 1) * g.dilations[dim] +
         1 + more - g.low[dim] - g.high[dim];
}

// As ONNX defines it: each input adds its products to the result.
TEST(ImportOnnx, ConvTransposeIsItsDefinition) {
  std::mt19937 rng(3);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    Geometry g = randomGeometry(rng);
    int64_t more[2], size[2], result[2];
    for (int dim : {0, 1}) {
      g.kernel[dim] = 1 + rng() % 4;
      size[dim] = 3 + rng() % 4;
      more[dim] = rng() % std::max(g.strides[dim], g.dilations[dim]);
      result[dim] = transposedSize(g, dim, size[dim], more[dim]);
    }
    if (result[0] < 1 || result[1] < 1)
      continue;
    int64_t groups = 1 + rng() % 3, depth = 1 + rng() % 3,
            perGroup = 1 + rng() % 3;
    HostTensor x = randomTensor(rng, {2, groups * depth, size[0], size[1]});
    HostTensor w =
        randomTensor(rng, {groups * depth, perGroup, g.kernel[0], g.kernel[1]});
    HostTensor b = randomTensor(rng, groups * perGroup);
    TestModel model(7 + rng() % 15, "ConvTranspose", x.shape);
    model.addWeights("w", w);
    model.addWeights("b", b);
    model.setGeometry(g);
    model.setInts("output_padding", more);
    model.setInt("group", groups);

    HostTensor y(DType::F32, {2, groups * perGroup, result[0], result[1]});
    visitElements(y, [&](int64_t n, int64_t f, int64_t oh, int64_t ow) {
      at(y, n, f, oh, ow) = b.data<float>()[f];
    });
    visitElements(x, [&](int64_t n, int64_t c, int64_t h, int64_t v) {
      for (int64_t f = 0; f < perGroup; ++f)
        for (int64_t kh = 0; kh < g.kernel[0]; ++kh)
          for (int64_t kw = 0; kw < g.kernel[1]; ++kw) {
            int64_t oh = h * g.strides[0] + kh * g.dilations[0] - g.low[0];
            int64_t ow = v * g.strides[1] + kw * g.dilations[1] - g.low[1];
            if (oh >= 0 && oh < result[0] && ow >= 0 && ow < result[1])
              at(y, n, c / depth * perGroup + f, oh, ow) +=
                  at(x, n, c, h, v) * at(w, c, f, kh, kw);
          }
    });
    expectEqual(run(model, x), y);
  }
}

/// MaxPool, or AveragePool without counting pads. Says whether some window
/// lies in the padding altogether.
static bool naivePool(const Geometry &g, HostTensor &x, bool average,
                      HostTensor &y) {
  bool anyOutside = false;
  visitElements(y, [&](int64_t n, int64_t c, int64_t oh, int64_t ow) {
    float sum = 0, most = -std::numeric_limits<float>::infinity();
    int64_t count = 0;
    visitWindow(g, x.shape[2], x.shape[3], oh, ow,
                [&](int64_t, int64_t, int64_t h, int64_t w) {
                  sum += at(x, n, c, h, w);
                  most = std::max(most, at(x, n, c, h, w));
                  ++count;
                });
    anyOutside |= count == 0;
    at(y, n, c, oh, ow) = average ? sum * float(1.0 / double(count)) : most;
  });
  return anyOutside;
}

TEST(ImportOnnx, PoolIsItsDefinition) {
  std::mt19937 rng(2);
  for (int round = 0; round < 80; ++round) {
    SCOPED_TRACE(round);
    Geometry g = randomGeometry(rng);
    bool average = rng() % 2;
    int64_t height = 5 + rng() % 4, width = 5 + rng() % 4;
    HostTensor x = randomTensor(rng, {1, 3, height, width});
    HostTensor y(DType::F32,
                 {1, 3, g.outputSize(0, height), g.outputSize(1, width)});
    TestModel model(19, average ? "AveragePool" : "MaxPool", x.shape);
    model.setGeometry(g);
    model.setInts("kernel_shape", g.kernel);
    if (!naivePool(g, x, average, y)) {
      expectEqual(run(model, x), y);
      continue;
    }
    auto result = run(model, x);
    ASSERT_FALSE(bool(result));
    std::string message = llvm::toString(result.takeError());
    EXPECT_NE(message.find("expected every window to meet the input"),
              std::string::npos)
        << message;
  }
}

// Damaged bytes are refused in one line, or still are a model.
TEST(ImportOnnx, SurvivesDamage) {
  std::mt19937 rng(3);
  TestModel model(13, "Conv", {1, 2, 6, 6});
  model.addWeights("w", randomTensor(rng, {2, 2, 3, 3}));
  std::string whole = model.model.SerializeAsString();
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 3; ++i)
      bytes[rng() % bytes.size()] = char(rng());
    if (round % 3 == 0)
      bytes.resize(rng() % bytes.size());
    MLIRContext context(MLIRContext::Threading::DISABLED);
    auto module = importBytes(bytes, context);
    if (module)
      continue;
    std::string message = llvm::toString(module.takeError());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(message.find("internal error"), std::string::npos) << message;
  }
}
